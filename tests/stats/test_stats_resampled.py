"""Intervals for a procedure: values by hand, their limits, and their coverage where fits are simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from holdfast.errors import RequestError
from holdfast.stats.intervals import mean_interval
from holdfast.stats.resampled import conservative_z, corrected_resampled_t, nested_cv


def test_corrected_resampled_t_by_hand() -> None:
    found = corrected_resampled_t(np.array([0.70, 0.80, 0.75, 0.75]), n_train=90, n_test=10)
    error = math.sqrt(0.005 / 3) * math.sqrt(1 / 4 + 1 / 9)
    assert found.value == pytest.approx(0.75)
    assert found.standard_error == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx((0.75 - t.ppf(0.975, 3) * error, 0.75 + t.ppf(0.975, 3) * error))


def test_without_overlap_it_is_student() -> None:
    scores = np.random.default_rng(0).normal(size=12)
    found = corrected_resampled_t(scores, n_train=10**12, n_test=1)
    half = t.ppf(0.975, 11) * scores.std(ddof=1) / math.sqrt(12)
    assert (found.low, found.high) == pytest.approx((scores.mean() - half, scores.mean() + half))


def test_conservative_z_by_hand() -> None:
    found = conservative_z(np.array([0.7, 0.8]), np.array([[0.6, 0.8], [0.7, 0.7], [0.8, 0.7]]), level=0.9)
    error = math.sqrt((0.04 + 0 + 0.01) / 3 / 2)
    assert found.standard_error == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx((0.75 - norm.ppf(0.95) * error, 0.75 + norm.ppf(0.95) * error))


def test_nested_cv_by_hand() -> None:
    # one repeat of two folds of two rows: a = .04, .01 and b = 2 / 2, so that the naive error is the floor
    outer = [[np.array([0.0, 2.0]), np.array([1.0, 3.0])]]
    rows = np.array([0.0, 2.0, 1.0, 3.0])
    found = nested_cv(outer, np.array([[1.2, 2.1]]), rows)
    naive = rows.std(ddof=1) / 2
    centre = 1.65 - (1 + 0) * (1.65 - 1.5)
    assert found.value == pytest.approx(centre)
    assert found.standard_error == pytest.approx(naive)
    assert found.high == pytest.approx(centre + norm.ppf(0.975) * naive)
    # large differences between inner and outer means: sqrt(K) times the naive error is the ceiling
    assert nested_cv(outer, np.array([[9.0, 9.0]]), rows).standard_error == pytest.approx(math.sqrt(2) * naive)
    three = [[np.zeros(2), np.zeros(2), np.array([0.0, 0.1])]]
    between = nested_cv(three, np.full((1, 3), 0.03), np.array([0, 0, 0, 0, 0, 0.1]))
    # a = .0009, .0009, .0004; b = 0, 0, .0025: below the floor, and the centre moves by 1 + 1/3 of the difference
    assert between.value == pytest.approx(0.03 - 4 / 3 * (0.03 - 0.1 / 6))


def test_the_mean_squared_error_is_that_of_the_formula_between_floor_and_ceiling() -> None:
    rng = np.random.default_rng(1)
    outer = [[rng.normal(size=20) for _ in range(5)] for _ in range(3)]
    inner, rows = rng.normal(scale=0.25, size=(3, 5)), rng.normal(size=100)
    squared = np.mean([
        (inner[r, k] - outer[r][k].mean()) ** 2 - outer[r][k].var(ddof=1) / 20 for r in range(3) for k in range(5)
    ])  # fmt: skip
    naive = rows.std(ddof=1) / 10
    wanted = math.sqrt(max(4 / 5 * squared, 0))
    assert nested_cv(outer, inner, rows).standard_error == pytest.approx(np.clip(wanted, naive, math.sqrt(5) * naive))


def ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.solve(x.T @ x + 5 * np.eye(x.shape[1]), x.T @ y))


def test_nested_cv_covers_where_the_rows_of_one_cross_validation_do_not() -> None:
    rng = np.random.default_rng(3)
    n, d, k, repeats, beta = 50, 20, 5, 10, np.r_[np.full(3, 0.7), np.zeros(17)]
    held, naive = 0, 0
    for _ in range(80):
        x = rng.standard_normal((n, d))
        y = x @ beta + rng.standard_normal(n)
        outer: list[list[np.ndarray]] = []
        inner, rows = np.empty((repeats, k)), np.zeros(n)
        for r in range(repeats):
            folds = rng.permutation(n) % k
            outer.append([])
            for fold in range(k):
                kept = folds != fold
                losses = (y[~kept] - x[~kept] @ ridge(x[kept], y[kept])) ** 2
                outer[r].append(losses)
                rows[~kept] += losses / repeats
                within = []
                for other in set(range(k)) - {fold}:
                    train, test = kept & (folds != other), folds == other
                    within.append((y[test] - x[test] @ ridge(x[train], y[train])) ** 2)
                inner[r, fold] = np.concatenate(within).mean()
        truth = 1 + ((ridge(x, y) - beta) ** 2).sum()  # of the model of all rows
        found = nested_cv(outer, inner, rows)
        held += found.low <= truth <= found.high
        low, high = mean_interval(rows)
        naive += low <= truth <= high
    assert held / 80 >= 0.92
    assert naive / 80 < 0.85


@pytest.mark.long
def test_the_corrected_t_covers_what_a_procedure_loses_and_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(2)
    n, d, beta = 60, 10, np.r_[np.ones(3), np.zeros(7)]
    losses = []
    for _ in range(3000):  # the expected loss of a fit to 54 rows
        x = rng.standard_normal((54, d))
        w = ridge(x, x @ beta + rng.standard_normal(54))
        losses.append(1 + ((w - beta) ** 2).sum())
    truth, held, plain, safe = float(np.mean(losses)), 0, 0, 0
    for _ in range(300):
        x = rng.standard_normal((n, d))
        y = x @ beta + rng.standard_normal(n)

        def split(rows: np.ndarray, x: np.ndarray = x, y: np.ndarray = y) -> float:
            rows = rng.permutation(rows)
            test, train = rows[: len(rows) // 10], rows[len(rows) // 10 :]
            return float(((y[test] - x[test] @ ridge(x[train], y[train])) ** 2).mean())

        scores = np.array([split(np.arange(n)) for _ in range(15)])
        found = corrected_resampled_t(scores, 54, 6)
        held += found.low <= truth <= found.high
        plain += abs(scores.mean() - truth) <= 2 * scores.std(ddof=1) / math.sqrt(15)
        halves = []
        for _ in range(6):
            order = rng.permutation(n)
            halves.append([np.mean([split(half) for _ in range(8)]) for half in (order[:30], order[30:])])
        wide = conservative_z(scores, np.array(halves))
        safe += wide.low <= truth <= wide.high
    assert held / 300 >= 0.90
    assert plain / 300 < 0.85
    assert safe / 300 >= 0.93


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: corrected_resampled_t(np.ones(1), 9, 1), "at least two"),
        (lambda: corrected_resampled_t(np.ones(3), 0, 1), "at least one of each"),
        (lambda: conservative_z(np.ones(3), np.ones(4)), "(M, 2)"),
        (lambda: conservative_z(np.array([np.nan]), np.ones((1, 2))), "1 of the 1 scores of splits is not finite"),
        (lambda: conservative_z(np.ones(3), np.array([[1, np.inf]])), "halves is not finite, the first at [0, 1]"),
        (lambda: corrected_resampled_t(np.array([1, np.nan, np.inf]), 9, 1), "2 of the 3 scores of splits are not"),
        (lambda: nested_cv([[np.ones(2), np.ones(1)]], np.ones((1, 2)), np.ones(3)), "two rows"),
        (lambda: nested_cv([], np.ones((0, 2)), np.ones(3)), "0 repeats"),
    ],
)
def test_bad_requests_get_a_sentence(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(RequestError) as refused:
        call()
    assert words in str(refused.value)
