"""The interval of a procedure: in the metric's range, and never without width."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.stats.intervals import clopper_pearson
from holdfast.stats.procedure import procedure_interval
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


@pytest.mark.parametrize("value", [0.9, 1.0, 0.0, 123.4])
def test_other_equal_scores_have_no_interval(value: float) -> None:
    found = procedure_interval(np.full(5, value), 80, 20)
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == (None, None)
    assert "no interval" in found.method
    rounded = procedure_interval(np.array([0.1 + 0.2, 0.3, 0.3]), 80, 20)
    assert rounded.low is None
