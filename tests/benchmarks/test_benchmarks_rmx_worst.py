"""The search for where the lower side of the RMX interval is weak."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import rmx_worst
from holdfast.stats.rmx import Competition, Settings


def competition(c: int, seed: int) -> Competition:
    rng = np.random.default_rng(seed)
    gap = np.r_[0.0, rng.exponential(3.0, c - 1)]
    scale = np.exp(rng.normal(0, 0.5, c))
    return Competition(rng.standard_normal((1500, c)), scale, gap, np.r_[0.0, np.full(c - 1, 0.8)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_proved_quantile_is_that_of_the_largest_error_of_those_that_beat_one_pulled_level(seed: int) -> None:
    given = competition(12, seed)
    means = -np.maximum(given.gap - 3 * given.deviation, 0)
    drawn = means + given.scale * given.noise
    quantiles = []
    for j in np.flatnonzero(means == 0):
        largest = np.where(drawn >= drawn[:, [j]], given.noise, -np.inf).max(axis=1)
        quantiles.append(np.quantile(largest, 0.98, method="inverted_cdf"))
    assert rmx_worst.against_the_best(given, Settings()) == pytest.approx(max(quantiles))


def test_two_that_are_equal_miss_as_often_as_they_should() -> None:
    cell = next(rmx_worst.named(2))
    found = rmx_worst.run(cell, 1500, 0, [rmx_worst.DEFAULT, rmx_worst.EVERY])
    assert found[rmx_worst.DEFAULT].under == pytest.approx(0.02, abs=0.011)
    assert found[rmx_worst.DEFAULT].quantile == pytest.approx(2.32, abs=0.05)  # of the larger of two normals
    assert found[rmx_worst.EVERY].quantile == pytest.approx(2.32, abs=0.05)


def test_configurations_that_vary_more_hide_the_others_from_the_default() -> None:
    (cell,) = (
        one for one in rmx_worst.named(20) if one.name == "5 with errors 10 times as large, 3 of these below of 20"
    )
    found = rmx_worst.run(cell, 400, 0, [rmx_worst.DEFAULT, rmx_worst.PROVED])
    assert found[rmx_worst.DEFAULT].under > 0.025 > found[rmx_worst.PROVED].under


def test_errors_have_the_correlations_of_a_cell() -> None:
    cell = rmx_worst.cells(5, 0)[-1]
    noise = cell.noise(np.random.default_rng(0), 40_000)
    np.testing.assert_allclose(np.corrcoef(noise.T), cell.correlation(), atol=0.03)
    assert rmx_worst.reach(20) == pytest.approx(4.20, abs=0.01)


def test_it_prints_the_worst_cells(capsys: pytest.CaptureFixture[str]) -> None:
    rmx_worst.main(["--counts", "2", "--repetitions", "5", "--again", "5"])
    printed = capsys.readouterr().out
    assert "| 2 | equal scales |" in printed
    with pytest.raises(SystemExit, match="from 2 on"):
        rmx_worst.main(["--counts", "1"])
