"""The interval of a procedure: in the metric's range, and never without width."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.stats.intervals import clopper_pearson
from holdfast.stats.procedure import procedure_interval, pseudo_values
from holdfast.stats.resampled import corrected_resampled_t


def test_scores_that_differ_have_the_corrected_t() -> None:
    scores = np.array([0.7, 0.8, 0.75])
    found = procedure_interval(scores, 80, 20)
    assert found[:3] == corrected_resampled_t(scores, 80, 20)[:3]
    assert "Nadeau" in found.method


def test_bounds_of_the_metric_bound_the_interval() -> None:
    scores = np.array([0.9, 0.95, 1.0, 1.0, 1.0])
    wide, found = procedure_interval(scores, 80, 20), procedure_interval(scores, 80, 20, bounds=(0, 1))
    assert wide.high is not None
    assert wide.high > 1
    assert (found.low, found.high) == (wide.low, 1)
    loss = procedure_interval(np.array([0.0, 0.0, 0.1]), 80, 20, bounds=(0, math.inf))
    assert loss.low == 0


@pytest.mark.parametrize(("share", "n"), [(1.0, 120), (0.9, 100), (0.0, 30)])
def test_equal_scores_of_right_and_wrong_rows_have_the_interval_of_a_proportion(share: float, n: int) -> None:
    found = procedure_interval(np.full(5, share), 80, 20, right_or_wrong=n)
    assert (found.low, found.high) == pytest.approx(clopper_pearson(share * n, n))
    assert "Clopper-Pearson" in found.method


@pytest.mark.parametrize(("value", "bounds"), [(1.0, (0, 1)), (0.0, (0, 1)), (1.0, (-1, 1)), (-1.0, (-1, 1))])
def test_the_same_end_everywhere_has_the_interval_of_the_rarest_class(value: float, bounds: tuple[int, int]) -> None:
    found = procedure_interval(np.full(5, value), 80, 20, bounds=bounds, rarest=24)
    far = (1 - 0.025 ** (1 / 24)) * (bounds[1] - bounds[0])
    ends = (1 - far, 1) if value == 1 else (bounds[0], bounds[0] + far)
    assert (found.low, found.high) == pytest.approx(ends)
    assert "rarest class" in found.method
    assert procedure_interval(np.full(5, 0.8), 80, 20, bounds=bounds, rarest=24).low is None
    assert procedure_interval(np.full(5, 1.0), 80, 20, bounds=(-math.inf, 1), rarest=24).low is None


def test_an_auc_of_one_in_every_fold_is_covered() -> None:
    rng = np.random.default_rng(0)
    for shift, true in ((2.9, 0.9798), (3.3, 0.9902), (3.9, 0.9971)):
        missed, ones = 0, 0
        for _ in range(2000):
            folds = [(rng.normal(shift, size=4).min(), rng.normal(size=8).max()) for _ in range(5)]
            if all(least > most for least, most in folds):
                found = procedure_interval(np.ones(5), 48, 12, bounds=(0, 1), rarest=20)
                assert found.low is not None
                missed, ones = missed + (true < found.low), ones + 1
        assert missed / 2000 <= 0.025
        assert ones > 0 or shift < 3


def test_pseudo_values_of_a_mean_are_the_folds_own_and_those_of_r2_are_less_biased() -> None:
    rng = np.random.default_rng(1)
    means = rng.normal(size=6)
    without = np.array([np.delete(means, k).mean() for k in range(6)])
    assert pseudo_values(float(means.mean()), without) == pytest.approx(means)
    plain, together = [], []
    for _ in range(400):
        y = rng.normal(size=(5, 10))
        off = 0.5 * rng.normal(size=(5, 10)) ** 2
        plain.append(np.mean(1 - off.sum(axis=1) / ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)))
        pooled, kept = (1 - off.sum() / ((y - y.mean()) ** 2).sum()), np.arange(5)
        less = [1 - off[kept != k].sum() / ((y[kept != k] - y[kept != k].mean()) ** 2).sum() for k in kept]
        found = procedure_interval(pseudo_values(pooled, np.array(less)), 40, 10, bounds=(-math.inf, 1), pooled=pooled)
        assert found.value == pooled
        assert found.low is not None
        assert found.high is not None
        together.append((pooled, found.low < 0.5 < found.high))
    assert np.mean(plain) < 0.5 - 0.1  # 3 / m of the half that it lacks to 1
    values, covered = np.array(together).T
    assert values.mean() == pytest.approx(0.5, abs=0.04)
    assert covered.mean() > 0.93


@pytest.mark.parametrize("value", [0.9, 1.0, 0.0, 123.4])
def test_other_equal_scores_have_no_interval(value: float) -> None:
    found = procedure_interval(np.full(5, value), 80, 20)
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == (None, None)
    assert "no interval" in found.method
    rounded = procedure_interval(np.array([0.1 + 0.2, 0.3, 0.3]), 80, 20)
    assert rounded.low is None
