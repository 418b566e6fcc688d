"""The winner of all rows is better than the winners of bootstraps, and the point says so where it is true."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.stats import weighted
from holdfast.stats.bootstrap import BiasCorrected, bbc, bbc_metric
from holdfast.stats.regained import corrected_mean, corrected_metric, shrunken_means


def both(scores: np.ndarray, seed: int = 0, bootstraps: int = 200) -> tuple[float, float]:
    """The point of BBC and ours, from the same bootstraps."""
    ours = corrected_mean(scores, np.random.default_rng(seed), bootstraps).point
    return bbc(scores, np.random.default_rng(seed), bootstraps).point, ours


def test_spread_out_means_are_kept_as_far_as_their_spread_is_real() -> None:
    rng = np.random.default_rng(0)
    true = rng.standard_normal(2000)
    seen = true + rng.standard_normal(2000)
    found = shrunken_means(seen, 1.0)
    slope = np.polyfit(seen, found, 1)[0]
    assert slope == pytest.approx(0.5, abs=0.05)
    assert np.mean((found - true) ** 2) < 0.55  # 0.5 is the least possible, 1 that of the means
    equal = rng.standard_normal(2000)
    assert np.std(shrunken_means(equal, 1.0)) < 0.35
    np.testing.assert_array_equal(shrunken_means(seen, 0.0), seen)
    np.testing.assert_array_equal(shrunken_means(np.ones(3), 1.0), np.ones(3))


def test_one_far_above_many_equals_is_not_drawn_to_them() -> None:
    means = np.r_[8.0, np.random.default_rng(1).standard_normal(199)]
    found = shrunken_means(means, 1.0)
    assert found[0] > 7
    assert found[1:].max() < 1.5
    assert (np.diff(found[np.argsort(means)]) >= 0).all()


def test_spread_out_configurations_lose_their_bias_and_equals_stay_without() -> None:
    rng = np.random.default_rng(2)
    errors: dict[str, list[tuple[float, float]]] = {"spread": [], "equal": []}
    for repetition in range(150):
        for name, found in errors.items():
            truth = rng.beta(9, 6, size=100) if name == "spread" else np.full(100, 0.7)
            scores = (rng.random((40, 100)) < truth).astype(float)
            before, ours = both(scores, repetition, 100)
            goal = truth[scores.mean(axis=0).argmax()]
            found.append((before - goal, ours - goal))
    spread, equal = (np.array(errors[name]) for name in ("spread", "equal"))
    assert spread[:, 0].mean() < -0.02
    assert abs(spread[:, 1].mean()) < 0.013
    assert (spread[:, 1] ** 2).mean() < 0.92 * (spread[:, 0] ** 2).mean()
    assert abs(equal[:, 1].mean()) < 0.025  # the naive one has 0.17
    assert (equal[:, 1] ** 2).mean() < 1.1 * (equal[:, 0] ** 2).mean()


def test_luck_that_rows_left_out_share_with_those_drawn_is_taken_off() -> None:
    """Labels that are noise, smoothed with many widths in five folds: no refit is worth more than 0.5."""
    rng = np.random.default_rng(15)
    said: list[tuple[float, float, float]] = []
    for repetition in range(60):
        X, y, fold = rng.standard_normal((80, 2)), rng.integers(2, size=80) * 2.0 - 1, np.arange(80) % 5
        square = ((X[:, None] - X) ** 2).sum(axis=2)
        other = fold[:, None] != fold
        right = [((np.exp(-square / width**2) * other) @ y > 0) == (y > 0) for width in np.geomspace(0.1, 3, 25)]
        scores = np.stack(right, axis=1).astype(float)
        fixed, refit = (
            corrected_mean(scores, np.random.default_rng(repetition), 100, omega2=omega2).point - 0.5
            for omega2 in (0.0, 0.35)
        )
        said.append((scores.mean(axis=0).max() - 0.5, fixed, refit))
    naive, fixed, refit = np.mean(said, axis=0)
    assert refit < fixed - 0.03 * naive
    assert 0 < refit < 0.3 * naive


def test_no_more_is_given_back_than_the_means_say() -> None:
    rng = np.random.default_rng(3)
    for c in (2, 3, 8, 40):
        scores = rng.standard_normal((50, c)) + rng.standard_normal(c) / 4
        found = bbc(scores, np.random.default_rng(0), 200)
        means = scores.mean(axis=0)
        lost = means.max() - means[found.winners].mean()
        before, ours = both(scores)
        assert before - 1e-9 <= ours <= before + lost + 1e-9
        moved = both(3 * scores + 7)
        assert moved == pytest.approx((3 * before + 7, 3 * ours + 7))


def test_one_or_equal_columns_have_nothing_to_give_back() -> None:
    column = np.random.default_rng(4).random((30, 1))
    for scores in (column, np.repeat(column, 5, axis=1), np.hstack([column, column - 9])):
        before, ours = both(scores)
        assert ours == pytest.approx(before)


def test_what_diverged_does_not_count() -> None:
    rng = np.random.default_rng(5)
    scores = rng.standard_normal((80, 20)) + rng.standard_normal((80, 1)) + rng.standard_normal(20) / 5
    diverged = -1e6 + 1e5 * rng.standard_normal((80, 15))
    assert both(np.hstack([scores, diverged])) == pytest.approx(both(scores))


def test_groups_of_one_row_are_rows_and_a_refit_gives_back_less() -> None:
    scores = np.random.default_rng(6).standard_normal((60, 10)) + np.linspace(0, 0.3, 10)
    alone = corrected_mean(scores, np.random.default_rng(0), 100).point
    grouped = corrected_mean(scores, np.random.default_rng(0), 100, np.arange(60)).point
    assert grouped == pytest.approx(alone)
    refit = corrected_mean(scores, np.random.default_rng(0), 100, omega2=0.5).point
    assert bbc(scores, np.random.default_rng(0), 100).point < refit < alone


def test_the_point_is_at_most_the_best_mean_of_rows_and_of_groups() -> None:
    rng, sizes = np.random.default_rng(9), np.array([1, 2, 3, 40, 60])
    groups = np.repeat(np.arange(5), sizes)
    scores = (rng.standard_normal(5) * np.array([1, 1, 1, 0, -1]))[groups][:, None] + np.array([0.0, -5.0])
    best = float(scores.mean(axis=0).max())
    assert bbc(scores, np.random.default_rng(0), 100, groups).point > best + 0.05
    assert corrected_mean(scores, np.random.default_rng(0), 100, groups).point == best


def metric(scores: np.ndarray, bootstraps: int, *, undefined: int | None = None) -> BiasCorrected:
    """The mean as a metric of any kind, undefined for one configuration."""

    def performance(c: int, weights: np.ndarray) -> np.ndarray:
        found = weights @ scores[:, c] / weights.sum(axis=1)
        return np.full(len(weights), np.nan) if c == undefined else found

    n_rows, count = scores.shape
    return bbc_metric(performance, n_rows, count, np.random.default_rng(0), bootstraps)


def test_the_mean_as_any_metric_gives_what_the_mean_gives() -> None:
    scores = np.random.default_rng(7).standard_normal((60, 12)) + np.linspace(0, 0.3, 12)
    found = metric(scores, 1000)
    means = scores.mean(axis=0)
    ours = corrected_mean(scores, np.random.default_rng(0), 1000).point
    assert corrected_metric(means, found).point == pytest.approx(ours, abs=0.003)
    assert ours > found.point + 0.01
    means[5] = np.nan
    without = metric(np.delete(scores, 5, axis=1), 1000)
    there = corrected_metric(means, metric(scores, 1000, undefined=5))
    assert there.point == pytest.approx(corrected_metric(np.delete(means, 5), without).point)


def test_bootstraps_without_a_value_are_left_out() -> None:
    y = np.r_[np.ones(3, bool), np.zeros(20, bool)]
    scores = np.random.default_rng(8).normal(size=(23, 6)) + y[:, None]
    found = bbc_metric(lambda c, w: weighted.auc(y, scores[:, c], w), 23, 6, np.random.default_rng(0), 300)
    whole = np.array([weighted.auc(y, column, np.ones((1, 23)))[0] for column in scores.T])
    assert found.undefined > 0
    assert found.point <= corrected_metric(whole, found).point <= whole.max()
    nothing = found._replace(in_bag=np.full((300, 6), np.nan))
    assert corrected_metric(whole, nothing).point == found.point


def test_a_metric_that_is_lower_of_few_rows_is_not_lower_for_rows_left_out() -> None:
    def r2(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        centre = weights @ y / total
        return np.asarray(1 - weights @ (y - predicted) ** 2 / (weights @ y**2 - total * centre**2))

    rng, errors, plain = np.random.default_rng(9), [], []
    for _ in range(60):
        y = rng.standard_normal(40)
        ours = y[:, None] - 0.6 * (0.9 * rng.standard_normal((40, 1)) + 0.44 * rng.standard_normal((40, 5)))
        values = np.array([r2(y, column, np.ones((1, 40)))[0] for column in ours.T])

        def of(c: int, weights: np.ndarray, y: np.ndarray = y, ours: np.ndarray = ours) -> np.ndarray:
            return r2(y, ours[:, c], weights)

        found = bbc_metric(of, 40, 5, rng, 400)
        errors.append(corrected_metric(values, found).point - 0.64)
        plain.append(found.point - 0.64)
    assert np.mean(plain) < -0.06
    assert abs(np.mean(errors)) < 0.04


def climbed(rng: np.random.Generator, count: int = 40) -> np.ndarray:
    """0/1 scores, shape (100, count), of coins: each is like the best one before but for ten rows drawn again."""
    columns = [rng.random(100) < 0.5]
    for _ in range(count - 1):
        again = rng.permutation(100) < 10
        columns.append(np.where(again, rng.random(100) < 0.5, max(columns, key=lambda column: column.mean())))
    return np.stack(columns, axis=1).astype(float)


def test_a_search_pays_for_its_luck_and_a_random_order_does_not() -> None:
    rng = np.random.default_rng(9)
    points = []
    for repetition in range(25):
        scores = climbed(rng)
        shuffled = scores[:, rng.permutation(40)]
        draws = (np.random.default_rng(repetition) for _ in range(3))
        found = [corrected_mean(scores, next(draws), 100, searched=searched).point for searched in (False, True)]
        points.append([*found, corrected_mean(shuffled, next(draws), 100, searched=True).point, scores.mean(0).max()])
    blind, searched, at_random, naive = np.mean(points, axis=0) - 0.5
    assert naive > blind > 0.05
    assert searched < 0.8 * blind  # no more than twice the luck of the selection is taken off
    assert at_random > blind - 0.015
