"""The benchmark of several objectives, in little: its tasks, its protocol with a rival, its file and its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "objectives.py"

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


def command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=120, check=False
    )
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


def test_fronts_of_the_functions_are_where_they_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import importlib

    benchmark = importlib.import_module("objectives")
    known = {task.name: task for task in benchmark.tasks()}
    rng = np.random.default_rng(0)
    for name in ("zdt1", "zdt2", "zdt3", "dtlz2"):
        task = known[name]
        rows = []
        for _ in range(400):
            x = rng.random(benchmark.DIMENSIONS)
            x[(2 if name == "dtlz2" else 1) :] = 0.5 if name == "dtlz2" else 0.0
            rows.append(task.losses({f"x{i}": float(value) for i, value in enumerate(x)}))
        volume = benchmark.hypervolume(np.array(rows), np.array(task.reference))
        assert 0.9 * task.best < volume <= task.best
        random = [task.losses(task.space.sample(rng)) for _ in range(400)]
        assert benchmark.hypervolume(np.array(random), np.array(task.reference)) < volume
