"""The proved quantile: of the largest error among those that beat one pulled level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from holdfast.stats.beaten import beating_quantile
from holdfast.stats.rmx import Competition, Settings, rmx, winner_errors


def competition(c: int, seed: int) -> Competition:
    rng = np.random.default_rng(seed)
    gap = np.r_[0.0, rng.exponential(3.0, c - 1)]
    scale = np.exp(rng.normal(0, 0.5, c))
    return Competition(rng.standard_normal((1500, c)), scale, gap, np.r_[0.0, np.full(c - 1, 0.8)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_that_of_the_largest_error_of_those_that_beat_one_pulled_level(seed: int) -> None:
    found = competition(12, seed)
    means = -np.maximum(found.gap - 3 * found.deviation, 0)
    drawn = means + found.scale * found.noise
    quantiles = []
    for j in np.flatnonzero(means == 0):
        largest = np.where(drawn >= drawn[:, [j]], found.noise, -np.inf).max(axis=1)
        quantiles.append(np.quantile(largest, 0.98, method="inverted_cdf"))
    quantile = beating_quantile(means, drawn, found.noise, 0.02)
    assert quantile == pytest.approx(max(quantiles))
    proved = winner_errors(found, np.random.default_rng(0), Settings(proved=True)).lower
    plain = winner_errors(found, np.random.default_rng(0), Settings()).lower
    assert -ndtri(proved) == pytest.approx(max(quantile, -float(ndtri(plain))))


def test_it_widens_the_lower_side_only() -> None:
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((80, 30)) * np.where(np.arange(30) < 5, 2.0, 1.0)
    plain, proved = (rmx(scores, np.random.default_rng(0), Settings(proved=proved)) for proved in (False, True))
    assert proved.low < plain.low
    assert proved.high == plain.high
    assert proved.effective_configurations >= plain.effective_configurations
