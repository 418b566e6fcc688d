"""The search for where the RMX interval is weak."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import rmx_worst


def test_two_that_are_equal_miss_as_often_as_they_should() -> None:
    cell = next(rmx_worst.named(2))
    found = rmx_worst.run(cell, 1500, 0, [rmx_worst.DEFAULT, rmx_worst.APART, rmx_worst.EVERY])
    assert found[rmx_worst.APART].under == pytest.approx(0.02, abs=0.011)
    assert found[rmx_worst.APART].quantile == pytest.approx(2.32, abs=0.05)  # of the larger of two normals
    assert found[rmx_worst.DEFAULT].both == pytest.approx(0.04, abs=0.015)
    assert found[rmx_worst.DEFAULT].quantile == pytest.approx(2.06, abs=0.05)  # as of one that is far ahead
    assert found[rmx_worst.EVERY].quantile == pytest.approx(2.32, abs=0.05)


def test_configurations_that_vary_more_hide_the_others_from_one_selection() -> None:
    (cell,) = (
        one for one in rmx_worst.named(20) if one.name == "5 with errors 10 times as large, 2 of these below of 20"
    )
    found = rmx_worst.run(cell, 400, 0, [rmx_worst.ONE, rmx_worst.DEFAULT, rmx_worst.PROVED])
    assert found[rmx_worst.ONE].under > 0.045 > found[rmx_worst.DEFAULT].under
    assert found[rmx_worst.ONE].quantile < found[rmx_worst.DEFAULT].quantile < found[rmx_worst.PROVED].quantile


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
