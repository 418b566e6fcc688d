"""What a fold in the order of time learns from: nothing after a gap, nothing before a window, no moment torn apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.windows import Span, before, span_of
from holdfast.errors import DataError


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(st.integers(0, 40), min_size=5, max_size=60),
    start=st.integers(1, 41),
    gap=st.none() | st.integers(1, 20),
    window=st.none() | st.integers(1, 20),
)
def test_rows_of_gap_and_window_are_counted_in_whole_moments(
    times: list[int], start: int, gap: int | None, window: int | None
) -> None:
    t = np.array(times, dtype=float)
    kept = before(t, start, Span(gap, None, "") if gap else None, Span(window, None, "") if window else None)
    earlier = t < start
    assert (t[kept] < start).all()
    for moment in np.unique(t):
        assert len(set(kept[t == moment].tolist())) == 1
    learnable = earlier if gap is None else before(t, start, Span(gap, None, ""))
    dropped = earlier & ~learnable
    assert dropped.sum() >= min(gap or 0, earlier.sum())
    if gap and dropped.any():
        first = t[dropped].min()
        assert (dropped & (t > first)).sum() < gap
    if window:
        assert kept.sum() >= min(window, learnable.sum())
        assert not kept.any() or (kept & (t > t[kept].min())).sum() < window
    else:
        assert (kept == learnable).all()


def test_durations_are_days() -> None:
    t = np.arange(10.0)
    week = span_of("1 week", "gap")
    assert before(t, 9, week).tolist() == [True] * 3 + [False] * 7
    kept = before(t, 9, span_of("48 hours", "gap"), span_of("3 days", "window"))
    assert np.flatnonzero(kept).tolist() == [5, 6, 7]
    assert before(np.arange(48) / 24, 1.0, span_of("90 minutes", "gap")).sum() == 23


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "gap = 0; it needs at least 1 row"),
        ("7", "gap = '7'; it should be a whole number of rows, or a duration"),
        ("7 dyas", "did you mean 'days'"),
        ("0 days", "longer than nothing"),
        ("soon", "gap = 'soon'"),
    ],
)
def test_what_is_no_span_is_refused(value: int | str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        span_of(value, "gap")
