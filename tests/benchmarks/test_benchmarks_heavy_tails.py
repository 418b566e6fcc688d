"""The benchmark of heavy tails: losses of the mean that it says, and the spread that holdfast pools."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import heavy_tails
from holdfast.stats.bootstrap import bbc


@pytest.mark.parametrize("kind", heavy_tails.KINDS)
def test_every_configuration_has_the_mean_that_counts_as_the_truth(kind: str) -> None:
    rng = np.random.default_rng(0)
    losses = heavy_tails.KINDS[kind](rng.standard_normal((200_000, 2)), rng)
    assert -losses.mean(axis=0) == pytest.approx(heavy_tails.TRUTH, abs=0.03)


def test_the_deviation_is_the_one_that_holdfast_takes() -> None:
    scores = np.random.default_rng(1).standard_normal((30, 4)) ** 2
    by_variance, by_deviation = heavy_tails.pooled(scores, np.random.default_rng(2))
    assert by_deviation == pytest.approx(bbc(scores, np.random.default_rng(2), heavy_tails.BOOTSTRAPS).row_deviation)
    assert by_deviation < by_variance
