"""Scores that were not made are drawn as likely as they are, and the luck of the winner is that of the whole table."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats.bootstrap import bbc
from holdfast.stats.imputed import _expected, _means, _population, _seen, optimism


def table(rng: np.random.Generator, n: int, truth: np.ndarray, common: float = 0.5) -> np.ndarray:
    """Normal scores, shape (n, C), of variance 1 and this correlation."""
    own = rng.standard_normal((n, len(truth)))
    return np.asarray(truth + np.sqrt(common) * rng.standard_normal((n, 1)) + np.sqrt(1 - common) * own)


def test_a_whole_table_has_the_luck_that_its_bootstrap_says() -> None:
    rng = np.random.default_rng(0)
    scores = table(rng, 60, np.zeros(8))
    means = scores.mean(axis=0)
    found = optimism(scores, int(means.argmax()), rng)
    assert found == pytest.approx(means.max() - bbc(scores, rng, 4000).point, abs=0.02)
    assert found > 0.1


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_scores_that_go_missing_whatever_they_are_change_little_on_average(spread: float) -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        scores = table(rng, 80, spread * rng.standard_normal(10))
        winner = int(scores.mean(axis=0).argmax())
        whole = optimism(scores, winner, rng)
        gone = (rng.random(10) < 0.6) & (np.arange(10) != winner)
        scores[np.ix_(np.arange(80) >= 20, gone)] = np.nan
        found.append((whole, optimism(scores, winner, rng)))
    whole, partly = np.mean(found, axis=0)
    assert partly == pytest.approx(whole, abs=0.35 * whole)


def test_one_that_is_as_far_behind_on_every_row_adds_no_luck() -> None:
    rng = np.random.default_rng(2)
    scores = rng.standard_normal((50, 1)) - np.r_[0.0, np.full(5, 0.5)]
    scores[10:, 1:] = np.nan
    assert optimism(scores, 0, rng) == pytest.approx(0.0, abs=0.03)


def test_rows_that_come_in_groups_count_once() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(8):
        scores = table(rng, 40, np.zeros(6))
        winner = int(scores.mean(axis=0).argmax())
        scores[np.ix_(np.arange(40) >= 15, np.arange(6) != winner)] = np.nan
        alike, names = np.repeat(scores, 4, axis=0), np.repeat(np.arange(40), 4)
        cases = [(scores, None), (alike, names), (alike, None)]
        found.append([optimism(rows, winner, rng, groups) for rows, groups in cases])
    once, grouped, repeated = np.mean(found, axis=0)
    assert grouped == pytest.approx(once, rel=0.15)
    assert repeated < 0.75 * once


def test_a_population_is_told_from_the_noise_of_what_was_seen() -> None:
    rng = np.random.default_rng(4)
    variance = rng.uniform(0.5, 4.0, 400)
    truth = 2 + 1.5 * rng.standard_normal(400)
    centre, between = _population(truth + np.sqrt(variance) * rng.standard_normal(400), variance)
    assert centre == pytest.approx(2, abs=0.3)
    assert np.sqrt(between) == pytest.approx(1.5, rel=0.2)
    _, none = _population(2 + np.sqrt(variance) * rng.standard_normal(400), variance)
    assert none < 0.3


def test_means_are_drawn_with_the_errors_that_they_have() -> None:
    rng = np.random.default_rng(5)
    scores = table(rng, 60, np.array([1.0, 0.0, -0.5, 0.2, 0.1]))
    scores[12:, 1:3] = np.nan
    seen = _seen(scores - scores[:, [0]], np.arange(60))
    expected = _expected(seen, 0)
    drawn = np.stack([_means(seen, expected, np.arange(60), rng) for _ in range(4000)])
    assert seen.variance[1] == pytest.approx((scores[:12, 1] - scores[:12, 0]).var(ddof=1) / 12)
    assert drawn.mean(axis=0) == pytest.approx(expected.mean, abs=0.03)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(expected.kept * seen.variance), rel=0.12, abs=1e-9)
    assert abs(expected.mean[2]) < abs(seen.mean[2]), "it looks worse than it is expected to be"


def test_rows_that_no_two_have_in_common_are_drawn_one_by_one() -> None:
    rng = np.random.default_rng(6)
    scores = table(rng, 30, np.zeros(3))
    winner = int(scores.mean(axis=0).argmax())
    first, second = (c for c in range(3) if c != winner)
    scores[:15, first], scores[15:, second] = np.nan, np.nan
    assert 0 < optimism(scores, winner, rng) < 1
    scores[1:, first] = np.nan
    assert 0 < optimism(scores, winner, rng) < 1, "nor does one row say how they scatter"


@pytest.mark.parametrize(("seen", "grouped"), [(0, False), (0, True), (8, False)])
def test_those_whose_differences_are_not_known_are_equals_with_luck_of_their_own(seen: int, grouped: bool) -> None:
    rng = np.random.default_rng(7)
    scores = np.full((50, 10), np.nan)
    scores[:, 4] = rng.standard_normal(50)
    scores[:seen] = scores[:seen, [4]]
    names = np.repeat(np.arange(50), 3)
    found = optimism(np.repeat(scores, 3, axis=0), 4, rng, names) if grouped else optimism(scores, 4, rng)
    highest = rng.standard_normal((4000, 10)).max(axis=1).mean()
    assert found == pytest.approx(highest * scores[:, 4].std(ddof=1) / np.sqrt(50), rel=0.2)
