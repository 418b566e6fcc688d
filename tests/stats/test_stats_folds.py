"""Rules that stop folds, on scores that are checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats.folds import RULES, Ruler, aggressive, comparable, curtailed, forgiving, ruler_of, seen_by, stops

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
        seen_by(scores, "aggressive"), [[0.7, 0.75, 0.6, 0.9], [0.9, nan, nan, 0.75], [0.8, nan, nan, 0.9]]
    )
    np.testing.assert_array_equal(  # the second is let on and wins; its worst fold, 0.7, stops the third
        seen_by(scores, "forgiving"), [[0.7, 0.75, 0.6, 0.9], [0.9, 0.7, nan, 0.75], [0.8, 1.0, nan, 0.9]]
    )


def test_curtailed_asks_for_the_chance_to_be_ahead_in_the_end() -> None:
    incumbent = np.full(5, 0.8)

    def drops(seen: np.ndarray, variance: float, freedom: int, chance: float) -> bool:
        return curtailed(seen, incumbent, Ruler(incumbent, variance, freedom), chance)

    # 0.1 behind on the first of five folds: the scale is sqrt(0.01 * 4 / 5) = 0.0894, and t = 1.118
    assert drops(np.array([0.7]), 0.01, 20, 0.14)
    assert not drops(np.array([0.7]), 0.01, 20, 0.13)
    assert not drops(np.array([0.7]), 0.01, 1, 0.14)  # less is known of the variance
    assert drops(np.full(4, 0.7), 0.01, 20, 0.05)  # one fold is left to make up for four
    assert not drops(np.full(5, 0.7), 0.01, 20, 0.5)  # nothing is left to save
    assert not drops(np.array([0.1]), 0.0, 0, 0.5)  # nothing is known
    assert drops(np.array([np.nan, 0.7]), 0.01, 20, 0.14)


def test_where_the_incumbent_was_lucky_on_other_folds_a_ruler_knows_it() -> None:
    incumbent, ruler = np.array([0.6, 0.9, 0.9, 0.8]), Ruler(np.full(4, 0.7), 0.01, 20)
    # ahead of the incumbent on the first fold, and 0.1 behind by the ruler: t = 0.1 / sqrt(0.01 * 3 / 4) = 1.155
    assert curtailed(np.array([0.7]), incumbent, ruler, chance=0.14)
    assert not curtailed(np.array([0.7]), incumbent, ruler, chance=0.12)
    assert not curtailed(np.array([0.7]), incumbent, ruler._replace(scores=incumbent), chance=0.14)


def test_the_ruler_is_the_incumbent_where_others_are_nearly_the_same_models() -> None:
    incumbent = np.array([0.5, 0.7, 0.9])
    others = np.array([incumbent, incumbent - 0.1, [0.4, 0.8, np.nan], [0.9, np.nan, np.nan]])
    found = ruler_of(others, incumbent)  # differences: none, constant, +-0.1, one alone
    np.testing.assert_array_equal(found.scores, incumbent)
    assert found.freedom == 2 + 1
    assert found.variance == pytest.approx(0.02 / 3)


def test_the_ruler_is_a_mean_where_errors_do_not_go_together() -> None:
    rng = np.random.default_rng(0)
    scores = 3 * rng.standard_normal(10) + rng.standard_normal((40, 10))
    found = ruler_of(scores, scores[scores.mean(axis=1).argmax()])
    # a difference between two has the variance 2, one to the mean of 32 1.03
    assert found.variance == pytest.approx(1.03, rel=0.15)
    assert found.scores.var() > 3


def test_of_those_that_curtailed_drops_few_would_have_come_out_ahead() -> None:
    rng = np.random.default_rng(0)
    dropped = ahead = 0
    for _ in range(150):
        rows = rng.standard_normal((5, 1)) + rng.standard_normal((5, 30)) + 0.5 * rng.standard_normal(30)
        missing = np.isnan(seen_by(rows, "curtailed"))
        mean = rows.mean(axis=0)
        for c in np.flatnonzero(missing.any(axis=0)):
            best = mean[:c][~missing[:, :c].any(axis=0)].max()
            dropped, ahead = dropped + 1, ahead + (mean[c] > best)
    assert dropped > 2000
    assert 0.01 < ahead / dropped < 0.1


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_dropped_without_an_incumbent(rule: str) -> None:
    scores = np.random.default_rng(0).random((5, 12))
    assert not stops(rule, np.array([0.0]), np.full(5, np.nan), scores.T)
    assert stops(rule, np.array([-9.0]), scores[:, 0], scores.T)


def test_easy_folds_are_no_merit() -> None:
    complete = np.array([[0.9, 0.5], [0.8, 0.4]])  # the first fold is easy: 0.2 above the mean
    assert comparable(np.array([0.7]), complete, complete.mean(axis=1)) == pytest.approx(0.5)
    assert comparable(np.array([np.nan, 0.3]), complete, complete.mean(axis=1)) == pytest.approx(0.5)
    assert comparable(np.array([0.7]), complete[:0], np.zeros(0)) == pytest.approx(0.7)
