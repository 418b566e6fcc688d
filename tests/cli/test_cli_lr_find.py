"""The range test of the learning rate, from a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

Call = Callable[..., Any]

PLAN = """
[study]
name = "flowers"
[data]
source = "sklearn:iris"
target = "target"
[model]
family = "mlp"
[space]
width = 16
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_says_a_range_for_each_optimizer_and_draws_it(call: Call, plan: Path) -> None:
    answer = call("lr-find", plan, "--steps", "60", "--repeats", "1")
    assert answer.returncode == 0
    assert "learning_rate = { type = " in answer.stdout
    assert {line.split()[0] for line in answer.stdout.splitlines() if line.startswith("  ")} >= {"adamw", "sgd"}
    assert (plan.parent / "flowers-learning-rate.png").read_bytes().startswith(b"\x89PNG")
    assert not (plan.parent / "runs").exists()


def test_as_json_without_a_picture(call: Call, plan: Path) -> None:
    answer = call("lr-find", plan, "--steps", "60", "--repeats", "1", "--json")
    found = json.loads(answer.stdout)
    low, high = found["search"]
    assert 0 < low < high
    assert found["optimizers"]["sgd"]["edge"] > found["optimizers"]["adamw"]["edge"]
    assert [path.name for path in plan.parent.iterdir()] == ["plan.toml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--low", "1", "--high", "0.1"), "have to rise"),
        (("--steps", "3"), "needs ten or more"),
        (("--repeats", "0"), "once or more"),
        (("--out", "rates.gif"), "written as .svg or .png"),
        (("--out", "nowhere/rates.png", "--steps", "10", "--repeats", "1"), "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_sentence(call: Call, plan: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = call("lr-find", plan, *arguments)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_models_without_gradient_descent_have_no_rate_to_find(call: Call, plan: Path) -> None:
    plan.write_text(PLAN.replace('"mlp"', '"svm"').replace("width = 16", ""), encoding="utf-8")
    answer = call("lr-find", plan)
    assert answer.returncode == 2
    assert "line 8" in answer.stderr
    assert "no learning rate to find" in answer.stderr.replace("\n", " ")
