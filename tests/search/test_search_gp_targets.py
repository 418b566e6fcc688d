from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.search.gp.targets import comparable, known_losses, standardise, subset
from holdfast.search.history import COMPLETE, FAILED, STOPPED

LOSSES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=60).map(np.array)


def test_a_failure_counts_as_the_worst() -> None:
    found = known_losses(np.array([1.0, math.nan, 3.0, 2.0]), np.array([COMPLETE, FAILED, COMPLETE, COMPLETE]))
    np.testing.assert_array_equal(found, [1, 3, 3, 2])


def test_nothing_is_known_when_all_failed() -> None:
    assert np.isnan(known_losses(np.array([math.nan, 0.5]), np.array([COMPLETE, FAILED]))).all()


def test_a_stopped_trial_counts_no_better_than_the_median() -> None:
    states = np.array([COMPLETE, COMPLETE, COMPLETE, STOPPED, STOPPED])
    found = known_losses(np.array([1.0, 2.0, 3.0, 0.1, 9.0]), states)
    np.testing.assert_array_equal(found, [1, 2, 3, 2, 9])


@given(LOSSES)
def test_targets_are_standardised_and_keep_the_order(losses: np.ndarray) -> None:
    targets = standardise(losses)
    assert np.all(np.isfinite(targets))
    order = np.argsort(losses, kind="stable")
    assert np.all(np.diff(targets[order]) >= 0)
    if np.any(targets != 0):
        assert targets.mean() == pytest.approx(0, abs=1e-6)
        assert targets.std() == pytest.approx(1, abs=1e-6)


@given(LOSSES, st.sampled_from([2.0**-20, 0.5, 4.0, 1024.0]))
def test_the_unit_of_the_loss_does_not_matter(losses: np.ndarray, unit: float) -> None:
    losses = np.clip(losses, -1e200, 1e200)
    losses[np.abs(losses) < 1e-200] = 0
    np.testing.assert_allclose(standardise(losses * unit), standardise(losses), atol=1e-9)


def test_a_diverged_loss_does_not_hide_the_others() -> None:
    ordinary = np.linspace(0, 1, 19)
    targets = standardise(np.append(ordinary, 1e6))
    assert targets[18] - targets[0] > 0.5


def test_equal_losses_are_all_zero() -> None:
    np.testing.assert_array_equal(standardise(np.full(7, 3.3)), np.zeros(7))


def test_a_subset_holds_the_best_and_the_latest_and_spreads() -> None:
    losses = np.random.default_rng(0).random(1000)
    chosen = subset(losses, 90)
    assert len(chosen) == len(set(chosen)) <= 90
    assert np.all(np.diff(chosen) > 0)
    assert set(np.argsort(losses)[:30]) <= set(chosen)
    assert set(range(970, 1000)) <= set(chosen)
    assert np.max(np.diff(chosen)) < 60


def test_a_small_set_is_kept_whole() -> None:
    np.testing.assert_array_equal(subset(np.arange(5.0), 5), np.arange(5))


def compared(losses: list[float]) -> list[bool]:
    found: list[bool] = comparable(np.array(losses), np.full(len(losses), COMPLETE)).tolist()
    return found


@pytest.mark.parametrize("penalty", [1e3, 1e10, 1e308])
def test_a_penalty_is_no_loss_even_where_most_trials_have_it(penalty: float) -> None:
    assert compared([1.0, penalty, 3.0, penalty, 2.0, 8.0, penalty, penalty, penalty]) == [
        each < penalty for each in [1.0, penalty, 3.0, penalty, 2.0, 8.0, penalty, penalty, penalty]
    ]
    assert all(compared([1.0, penalty, 3.0, penalty]))  # of three it cannot be told


def test_one_accident_is_no_loss_where_many_others_are_known() -> None:
    many = np.random.default_rng(0).random(12).tolist()
    assert compared([*many, 1e3]) == [True] * 12 + [False]
    assert all(compared([*many[:7], 1e3]))


@given(st.integers(0, 1000))
def test_a_search_that_has_gathered_sets_nothing_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert all(compared((rng.random(60) * np.linspace(1, 1e-2, 60) ** 2).tolist()))


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=30))
def test_what_is_set_apart_is_the_highest_of_all(losses: list[float]) -> None:
    kept = comparable(np.array(losses), np.full(len(losses), COMPLETE))
    assert kept[np.argmin(losses)]
    assert max(np.array(losses)[kept]) < min(np.array(losses)[~kept], default=np.inf)
