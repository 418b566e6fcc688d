"""The benchmark of portfolio starts runs, and prints a row a case."""

from __future__ import annotations

import pytest

from benchmarks import portfolio


def test_a_small_run_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    portfolio.main(["--seeds", "1", "--trials", "5", "--strategy", "random", "--data", "wine", "--family", "knn"])
    header, rule, row = capsys.readouterr().out.splitlines()
    assert header.startswith("| data | family | 5 without | 5 with |")
    assert set(rule) <= set("|-: ")
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["wine", "knn"]
    assert all(0.5 < float(cell) <= 1 for cell in cells[2:])
