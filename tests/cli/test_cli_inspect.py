"""`holdfast inspect`: two columns that fit a terminal, one JSON document, and a sentence for what is no model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.cli.inspected import page
from holdfast.count.costs import costs
from holdfast.count.named import NAMED, architecture

Call = Callable[..., subprocess.CompletedProcess[str]]

PLAN = """
[study]
name = "bc"
[data]
source = "sklearn:breast_cancer"
[model]
family = "logistic"
[space]
C = { low = 0.1 }
"""


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_architecture_fits_its_terminal(width: int) -> None:
    for name in ["mlp:784-256-128-10", "linear:2", *NAMED]:
        found = architecture(name)
        lines = page(found, costs(found), width).splitlines()
        assert max(map(len, lines)) <= width, name
        assert f"{found.parameters:,}" in lines[2]


def test_both_columns_and_the_paragraph(call: Call) -> None:
    answer = call("inspect", "mlp:784-256-128-10", "--batch", "128", "--rows", "60000")
    assert answer.returncode == 0
    for text in (
        "parameters 235,146",
        "hyperparameters 4",
        "0.weight  256 × 784                200,704 │ inputs = 784                 target",
        "weights 941 kB",
        "84.5 GFLOPs an epoch",
        "(200,704 + 256 + 32,768 + 128 + 1,280 + 10)",
    ):
        assert text in answer.stdout, text
    assert [line for line in answer.stdout.splitlines() if len(line) > 80] == []


def test_one_document_for_machines(call: Call) -> None:
    found = json.loads(call("inspect", "gpt2", "--json", "--optimizer", "sgd", "--rows", "10").stdout)
    assert found["parameters"] == 124_439_808
    assert len(found["layers"]) == 148
    assert found["training"]["bytes"]["optimizer_state"] == 0
    assert found["training"]["flops"]["epoch"] == 30 * found["work"]["flops"]
    assert found["hyperparameters"][0].keys() >= {"name", "value", "default", "searched", "recorded_in"}
    assert found["explanation"].endswith("stay.")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("gpt4", "did you mean 'gpt3'"),
        ("mlp:7x8,9x3", "do not chain: layer 1 gives 8 numbers and layer 2 takes 9"),
        ("no/such/file.safetensors", "no/such/file.safetensors"),
        ("nowhere.toml", "nowhere.toml"),
        ("", "there is no architecture ''"),
    ],
)
def test_what_is_no_model_is_one_sentence(target: str, said: str, call: Call) -> None:
    answer = call("inspect", target)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_the_winner_of_a_study_with_its_ranges(finished: Path, call: Call) -> None:
    answer = call("inspect", "bc", "--runs", finished / "runs")
    assert answer.returncode == 0, answer.stderr
    assert "bc, winner of a study, trial" in answer.stdout
    assert "searched 0.0001 to 100," in answer.stdout
    assert "config of trial" in answer.stdout
    found = json.loads(call("inspect", "bc", "--runs", finished / "runs", "--json").stdout)
    assert found["parameters"] == 3 * 30 + 30 + 1  # medians, means and scales of the preprocessing; the model itself
    assert {each["recorded_in"] for each in found["hyperparameters"]} >= {"code default"}
    assert found["training"] is None


def test_a_plan_before_it_runs(tmp_path: Path, call: Call) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    found = json.loads(call("inspect", tmp_path / "plan.toml", "--json").stdout)
    assert found["parameters"] == 31
    chosen = {each["name"]: each for each in found["hyperparameters"]}
    assert (chosen["C"]["recorded_in"], chosen["C"]["searched"]) == ("plan", "0.1 to 100, logarithmic")
    assert chosen["penalty"]["recorded_in"] == "space of the family"
    assert chosen["fit_intercept"]["recorded_in"] == "code default"
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


def test_a_hundred_and_seventy_five_billion_parameters_in_a_moment() -> None:
    """In seconds of CPU time, import included; best of three. No array is made: numpy is not even imported."""
    program = (
        "import time, sys; begun = time.process_time()\n"
        "from holdfast.count.named import architecture\n"
        "assert architecture('gpt3').parameters == 174_604_259_328\n"
        "print(time.process_time() - begun); assert not {'numpy', 'torch', 'typer'} & set(sys.modules)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.15  # 0.03 on an idle machine
