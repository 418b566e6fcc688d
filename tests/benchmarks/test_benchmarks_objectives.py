"""The benchmark of several objectives, in little: its tasks, its protocol with a rival, its file and its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import objectives
from holdfast.search.pareto import hypervolume

SCRIPT = Path(objectives.__file__)

FAKE_OPTUNA = """
import random

__version__ = "0"


class _Logging:
    ERROR = 40

    @staticmethod
    def set_verbosity(level):
        pass


logging = _Logging


class _Trial:
    def suggest_float(self, name, low, high, log=False):
        return random.uniform(low, high)

    def suggest_int(self, name, low, high, log=False):
        return random.randint(low, high)

    def suggest_categorical(self, name, choices):
        return random.choice(choices)


class _Sampler:
    def __init__(self, seed):
        random.seed(seed)


class samplers:
    TPESampler = NSGAIISampler = GPSampler = _Sampler


class _Study:
    def ask(self):
        return _Trial()

    def tell(self, trial, values):
        assert len(values) >= 2


def create_study(directions, sampler):
    return _Study()
"""


def finished(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=120, check=False
    )


def command(*words: str) -> str:
    done = finished(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def rival(tmp_path: Path) -> str:
    """An interpreter that has something like Optuna."""
    (tmp_path / "optuna.py").write_text(FAKE_OPTUNA, encoding="utf-8")
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def test_it_runs_goes_on_and_prints_a_table(tmp_path: Path, rival: str) -> None:
    out = tmp_path / "found.jsonl"
    words = ["run", "--out", str(out), "--trials", "4", "--tasks", "zdt1", "forest", "--strategies", "random"]
    command(*words, "--seeds", "1", "--optuna", rival, "--rivals", "tpe")
    command(*words, "evolution", "--seeds", "2", "--optuna", rival, "--rivals", "tpe")
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    runs = [(item["task"], item["tool"], item["seed"]) for item in found]
    assert len(runs) == len(set(runs)) == 2 * 3 * 2
    assert all(np.isfinite(item["losses"]).all() and len(item["losses"]) == 4 for item in found)
    table = command("table", str(out), "--counts", "2", "4")
    assert table.splitlines()[0] == "| task | tool | seeds | 2 trials | 4 trials |"
    shown = {name: sum(line.startswith(f"| {name} |") for line in table.splitlines()) for name in ("zdt1", "forest")}
    for name, lines in shown.items():
        assert lines == 3 or name in table.split("Left out")[1]


def study(tool: str, seed: int, trials: int, value: float = 1.0) -> dict[str, object]:
    return {"task": "zdt1", "tool": tool, "seed": seed, "losses": [[value, 1.0]] * trials}


def test_a_study_that_two_runs_wrote_counts_once(tmp_path: Path) -> None:
    out = tmp_path / "found.jsonl"
    items = [study("random", 0, 4), study("random", 1, 4), study("random", 0, 4, value=2.0)]
    out.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    assert objectives.read(out) == items[:2]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([study("gp", 0, 4)], "random search has not run on zdt1"),
        ([study("random", 0, 4), study("gp", 0, 3)], "gp has a study of 3 trials on zdt1; the table is of 4"),
    ],
)
def test_a_table_that_cannot_be_is_refused(found: list[dict[str, object]], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        objectives.table(found, [2, 4])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tasks", "zdt9"), "invalid choice: 'zdt9'"),
        (("--strategies", "randon"), "invalid choice: 'randon'"),
        (("--optuna", "/no/python"), "there is no interpreter /no/python"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    done = finished("run", "--out", str(tmp_path / "found.jsonl"), "--seeds", "1", *words)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_fronts_of_the_functions_are_where_they_are_said_to_be() -> None:
    known = {task.name: task for task in objectives.tasks()}
    rng = np.random.default_rng(0)
    for name in ("zdt1", "zdt2", "zdt3", "dtlz2"):
        task = known[name]
        rows = []
        for _ in range(400):
            x = rng.random(objectives.DIMENSIONS)
            x[(2 if name == "dtlz2" else 1) :] = 0.5 if name == "dtlz2" else 0.0
            rows.append(task.losses({f"x{i}": float(value) for i, value in enumerate(x)}))
        volume = hypervolume(np.array(rows), np.array(task.reference))
        assert task.best is not None
        assert 0.9 * task.best < volume <= task.best
        random = [task.losses(task.space.sample(rng)) for _ in range(400)]
        assert hypervolume(np.array(random), np.array(task.reference)) < volume
