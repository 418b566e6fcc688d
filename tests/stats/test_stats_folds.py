"""Rules that stop folds, on scores that are checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats.folds import aggressive, forgiving, seen_by

INCUMBENT = np.array([0.7, 0.9, 0.8])


@pytest.mark.parametrize(
    ("seen", "by_mean", "by_worst"),
    [([0.85], False, False), ([0.75], True, False), ([0.65], True, True), ([0.6, 0.85], True, False)],
)
def test_one_goes_by_the_mean_and_one_by_the_worst_fold(seen: list[float], by_mean: bool, by_worst: bool) -> None:
    assert bool(aggressive(np.array(seen), INCUMBENT)) is by_mean
    assert bool(forgiving(np.array(seen), INCUMBENT)) is by_worst


def test_many_are_asked_about_at_once_and_the_first_is_never_stopped() -> None:
    seen = np.array([[0.85], [0.75], [0.65]])
    np.testing.assert_array_equal(aggressive(seen, INCUMBENT), [False, True, True])
    nobody = np.full(3, np.nan)
    assert not aggressive(np.zeros(2), nobody)
    assert not forgiving(np.zeros(2), nobody)


def test_what_a_search_sees() -> None:
    scores = np.array([[0.7, 0.75, 0.6, 0.9], [0.9, 0.7, 1.0, 0.75], [0.8, 1.0, 1.0, 0.9]])
    nan = np.nan
    np.testing.assert_array_equal(  # the incumbent of mean 0.8 stops two; the last one wins
        seen_by(scores, aggressive), [[0.7, 0.75, 0.6, 0.9], [0.9, nan, nan, 0.75], [0.8, nan, nan, 0.9]]
    )
    np.testing.assert_array_equal(  # the second is let on and wins; its worst fold, 0.7, stops the third
        seen_by(scores, forgiving), [[0.7, 0.75, 0.6, 0.9], [0.9, 0.7, nan, 0.75], [0.8, 1.0, nan, 0.9]]
    )
