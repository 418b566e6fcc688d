"""Metrics that are known by name lie between the bounds that are said of them."""

from __future__ import annotations

import math

import pytest

from holdfast.evaluate.ranges import range_of


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("accuracy", (0.0, 1.0)),
        ("roc_auc_ovr", (0.0, 1.0)),
        ("f1_macro", (0.0, 1.0)),
        ("matthews_corrcoef", (-1.0, 1.0)),
        ("log_loss", (0.0, math.inf)),
        ("rmse", (0.0, math.inf)),
        ("r2", (-math.inf, 1.0)),
        ("a metric of one's own", (-math.inf, math.inf)),
    ],
)
def test_the_range_of_a_metric(name: str, bounds: tuple[float, float]) -> None:
    assert range_of(name) == bounds
