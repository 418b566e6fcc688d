"""The benchmark of recommendations: what a run sees, what the truth is, its file and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.recommended_grids import Grid, _study, read

from benchmarks import recommended, recommended_grids

CHOICES = {"depth": [1, 2, 3], "rate": [0.001, 0.01, 0.1, 1.0], "width": [4, 8, 16, 32]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A grid of 48 configurations and four seeds, of which the scores are to be maximised."""
    rng = np.random.default_rng(0)
    depth, rate, width = np.indices((3, 4, 4))
    scores = -(depth + (rate - 1) ** 2 + (width - 2) ** 2)[..., None] + 0.3 * rng.standard_normal((3, 4, 4, 4))
    (tmp_path / "grids").mkdir()
    path = tmp_path / "grids" / "toy.npz"
    np.savez(path, values=scores, choices=json.dumps(CHOICES), direction="maximize", names=list(CHOICES))
    return tmp_path


@pytest.fixture
def grid(data: Path) -> Grid:
    """That grid."""
    return Grid.read(data / "grids" / "toy.npz")


def test_losses_are_scaled_by_the_best_and_the_median(grid: Grid) -> None:
    means = grid.losses.mean(axis=-1)
    assert means.min() == pytest.approx(0)
    assert np.median(means) == pytest.approx(1)
    assert means[0, 1, 2] < 0.1
    assert grid.space.to_json()["rate"]["ordered"]
    assert grid.size({"depth": 2, "width": 8, "rate": 0.1}) == 128


def test_a_run_sees_one_seed_and_the_truth_is_of_those_that_no_run_saw(grid: Grid) -> None:
    study, runs = _study(grid, "random", 0, 6)
    first = study.trials[0]
    seen = grid.of(first.config)
    assert first.metrics["loss"] == seen[runs.order[0]]
    assert runs.truth(first.config) == pytest.approx(np.delete(seen, runs.order[0]).mean())
    study.optimize(runs, n_trials=len(study.replicate(top=1, runs=3)))
    again = [trial.metrics["loss"] for trial in study.trials[6:]]
    assert again == [grid.of(study.trials[6].config)[seed] for seed in runs.order[1:3]]
    assert runs.truth(first.config) == pytest.approx(seen[runs.order[3]])


def test_replicates_have_the_budget_of_the_others(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    size = Grid.size

    def counted(self: Grid, config: Mapping[str, Any]) -> float:
        told.append(size(self, config))
        return told[-1]

    monkeypatch.setattr(Grid, "size", counted)
    found = recommended_grids.once(grid, "random", 0, 20)
    assert len(told) == 2 * 20 + len(recommended_grids.RULES)
    assert set(found) == set(recommended_grids.RULES)
    assert all(0 <= rule["truth"] < 1 for rule in found.values())
    assert found["one-standard-error"]["size"] <= found["posterior-mean"]["size"]


def test_a_run_goes_on_where_its_file_ends(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.jsonl"
    words = ["grids", "--data", str(data), "--out", str(out), "--trials", "16", "--strategies", "random", "--seeds"]
    recommended.main([*words, "2"])
    whole = out.read_text(encoding="utf-8")
    out.write_text(whole + '{"grid": "to', encoding="utf-8")
    recommended.main([*words, "3"])
    assert out.read_text(encoding="utf-8").startswith(whole)
    assert [row["seed"] for row in read(out)] == [0, 1, 2]
    printed = capsys.readouterr().out
    assert "random, 16 runs, 3 seeds" in printed
    assert printed.count("| toy |") == 2


def test_a_folder_without_grids_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"there is no grids/\*\.npz in"):
        recommended.main(["grids", "--data", str(tmp_path), "--out", str(tmp_path / "found.jsonl")])


def test_the_bowl_prints_its_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommended, "CASES", [("random", 8)])
    recommended.main(["bowl", "--seeds", "2"])
    assert capsys.readouterr().out.count("| random | 8 | ") == 3
