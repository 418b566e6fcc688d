"""Blocks of time, and how long they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import group_codes
from holdfast.stats.units import block_length, named_codes, time_blocks, without_value


def test_blocks_of_ten_days() -> None:
    np.testing.assert_array_equal(time_blocks(np.arange(10), 3), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    shuffled = np.array([3, 0, 9, 5, 1, 2, 8, 7, 6, 4])
    np.testing.assert_array_equal(time_blocks(shuffled, 3), time_blocks(np.arange(10), 3)[shuffled])


@given(st.lists(st.integers(0, 30), min_size=4, max_size=80), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_blocks_follow_time_and_keep_moments_together(times: list[int], length: int) -> None:
    moments = np.array(times)
    if len(times) < 2 * length or len(set(times)) == 1:
        with pytest.raises(RequestError):
            time_blocks(moments, length)
        return
    if (time_blocks(np.arange(len(times)), length)[np.searchsorted(np.sort(moments), moments)] == 0).all():
        with pytest.raises(RequestError, match="one moment"):
            time_blocks(moments, length)
        return
    codes = time_blocks(moments, length)
    order = np.argsort(moments, kind="stable")
    assert (np.diff(codes[order]) >= 0).all()
    assert all(len(set(codes[moments == moment])) == 1 for moment in set(times))
    assert set(codes) == set(range(codes.max() + 1))


def test_the_more_a_series_remembers_the_longer_its_blocks() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((20, 1000))
    median = {}
    for memory in (0.0, 0.5, 0.9):
        series = lfilter([1.0], [1.0, -memory], noise, axis=1)
        median[memory] = float(np.median([block_length(row) for row in series]))
    assert 10 <= median[0.0] <= 16  # N^(1/3) = 10 at least
    # for AR(1) the length is (G / g)^(2/3) N^(1/2) with G / g = 2 a / (1 - a^2): 38, and 142, over N / 8
    assert median[0.5] == pytest.approx(38.3, rel=0.3)
    assert median[0.9] == 125
    assert block_length(np.ones(50)) == 1


def test_rows_that_show_no_dependence_are_not_taken_for_independent() -> None:
    series = np.tile([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0], 8)  # neighbours are not correlated
    assert block_length(series) >= 4  # the third root of 64 rows
    rng = np.random.default_rng(1)
    series = lfilter([1.0], [1.0, -0.5], rng.standard_normal((300, 300)), axis=1)[:, 100:]
    # 13.3 for 200 rows; seven in a hundred had blocks of one row where only correlations beyond noise counted
    lengths = np.array([block_length(row) for row in series])
    assert lengths.min() >= 6
    assert np.quantile(lengths, 0.05) >= 8


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: time_blocks(np.arange(5), 3), "no two blocks"),
        (lambda: time_blocks(np.arange(5), 0), "1 or more"),
        (lambda: time_blocks(np.zeros(5), 2), "one moment"),
        (lambda: block_length(np.arange(15.0)), "16 finite numbers"),
    ],
)
def test_bad_requests_get_a_sentence(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(RequestError, match=words):
        call()


class NotAvailable:
    """Does not say whether it equals anything, as pandas' NA."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = object.__hash__


@pytest.mark.parametrize("none", [None, np.nan, NotAvailable(), np.datetime64("NaT")])
def test_a_row_without_a_name_is_in_no_group(none: Any) -> None:
    named = np.array(["a", "b", none, "b", none], dtype=object)
    assert without_value(named).tolist() == [2, 4]
    with pytest.raises(RequestError, match=r"groups has no value in row 2 \(counted from 0\)"):
        group_codes(named, 5)


def test_names_are_counted_in_their_order_or_as_they_appear() -> None:
    assert named_codes(np.array(["b", "a", "b"])).tolist() == [1, 0, 1]
    assert named_codes(np.array(["b", 1, "b", np.int64(1)], dtype=object)).tolist() == [0, 1, 0, 1]
    assert without_value(np.array([1.0, np.nan])).tolist() == [1]
    assert without_value(np.array(["2020-01-01", "NaT"], dtype="datetime64[D]")).tolist() == [1]
    assert (
        without_value(np.array([3, 4])).tolist() == without_value(np.array([np.int64(1), "a"], dtype=object)).tolist()
    )
