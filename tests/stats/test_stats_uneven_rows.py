"""Bounds of a weighted mean of which a few rows count for most."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.stats.few_groups import group_bounds, unequal_groups
from holdfast.stats.intervals import clopper_pearson_tails
from holdfast.stats.uneven_rows import Weighed, uneven_bounds

TAILS = (0.025, 0.025)


def alone(scores: np.ndarray, counts: np.ndarray) -> Weighed:
    return Weighed(scores[:, None], counts, 0, np.arange(len(scores)))


def test_rows_that_count_alike_are_those_of_equal_groups() -> None:
    losses = -(np.random.default_rng(0).normal(size=80) ** 2)
    uneven = unequal_groups(losses, np.arange(80), np.full(80, 3.0))
    assert uneven == pytest.approx((1.0, 79))
    error = losses.std(ddof=1) / math.sqrt(80)
    expected = group_bounds(float(losses.mean()), float(losses.max()), float(error), TAILS, uneven)
    assert uneven_bounds(alone(losses, np.full(80, 3.0)), TAILS) == pytest.approx(expected)
    right = (losses > -1).astype(float)
    found = uneven_bounds(alone(right, np.full(80, 3.0)), TAILS)
    assert found == pytest.approx(clopper_pearson_tails(right.mean() * 79, 79, *TAILS))


def test_the_leverage_of_heavy_rows_is_that_of_the_covariances_of_residuals() -> None:
    rng = np.random.default_rng(1)
    counts, values = rng.lognormal(0, 1.5, size=30), rng.normal(size=30)
    found = unequal_groups(values, np.arange(30), counts)
    weight = counts / counts.sum()
    residual = np.diag(weight) @ (np.eye(30) - np.outer(np.ones(30), weight))
    B = residual @ residual.T
    assert found.factor == pytest.approx(weight @ weight / np.trace(B) * 29 / 30)
    assert found.degrees == pytest.approx(np.trace(B) ** 2 / (B**2).sum())


def test_uneven_rows_of_groups_are_weighted_groups() -> None:
    rng = np.random.default_rng(2)
    codes, counts, values = np.repeat(np.arange(6), 5), rng.lognormal(size=30), rng.normal(size=30)
    doubled = np.concatenate([codes, codes]), np.concatenate([counts, counts]) / 2
    once = unequal_groups(values, codes, counts)
    assert once.factor >= 1
    assert unequal_groups(np.concatenate([values, values]), *doubled).degrees <= 5
    rows = Weighed(values[:, None], counts, 0, codes)
    low, high = uneven_bounds(rows, TAILS)
    assert low < counts @ values / counts.sum() < high


def test_right_rows_alone_say_as_much_as_the_rows_are_worth() -> None:
    counts = np.array([10.0, 10.0, *np.ones(40)])
    worth = counts.sum() ** 2 / (counts**2).sum()
    found = uneven_bounds(alone(np.ones(42), counts), TAILS)
    assert found == pytest.approx((0.025 ** (1 / worth), 1.0))
    refit = uneven_bounds(alone(np.ones(42), counts), TAILS, omega2=0.35)
    assert refit.low == pytest.approx(0.025 ** (1.35 / worth))


@pytest.mark.parametrize("configurations", [1, 12])
@pytest.mark.parametrize("kind", ["errors", "losses"])
def test_a_mean_with_heavy_rows_is_covered(kind: str, configurations: int) -> None:
    rng = np.random.default_rng([3, configurations])
    true, covered, textbook = 0.93 if kind == "errors" else -1.0, [], []
    for _ in range(300):
        counts = rng.lognormal(0, 1.5, size=100)
        weight = counts / counts.sum()
        common = rng.normal(size=(100, 1))
        normal = np.sqrt(0.5) * common + np.sqrt(0.5) * rng.normal(size=(100, configurations))
        scores = (normal < 1.4758).astype(float) if kind == "errors" else -(normal**2)
        winner = int((weight @ scores).argmax())
        tails = 0.02 / configurations, 0.025
        rows = Weighed(scores, counts, winner, np.arange(100))
        low, high = uneven_bounds(rows, tails, float(configurations))
        covered.append(low <= true <= high)
        mean = weight @ scores[:, winner]
        half = 1.96 * math.sqrt((weight**2 * (scores[:, winner] - mean) ** 2).sum())
        textbook.append(mean - half <= true <= mean + half)
    assert np.mean(textbook) < 0.9
    assert np.mean(covered) > 0.94
