"""How runs are trained: as a rehearsal tells, and in a way that is on record."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from holdfast.train.kinds import NetworkKind
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.stacked import chooser, vmapped
from holdfast.train.stacked.stack import Rehearsal, Row, Stack
from holdfast.train.stacked.together import advance_together
from holdfast.train.task import Task
from holdfast.train.training import Training

Times = Callable[[str, int], float]
"""The seconds of a step by a way and a number of rows."""


class Counting(nn.Module):
    """Does something else at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.steps = nn.Linear(5, 3), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += self.training
        out: torch.Tensor = self.layer(x) * self.steps
        return out


class Asking(nn.Module):
    """Looks at a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layer(x)
        return out if out.sum().item() > 0 else 2 * out


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "fine": lambda: nn.Sequential(nn.Linear(5, 4), nn.LeakyReLU(), nn.Linear(4, 3)),
    "counting": Counting,
    "asking": Asking,
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has learned nothing yet, and networks that need no module."""
    monkeypatch.setattr(chooser, "_MEMORY", {})
    monkeypatch.setattr(chooser, "_compile_seconds", [])
    monkeypatch.setattr(chooser, "SHARE", 100.0)

    def build(architecture: FactoryArchitecture, generator: torch.Generator) -> nn.Module:
        network = NETWORKS[architecture.reference]()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.normal_(0.0, 0.3, generator=generator)
        return network

    monkeypatch.setattr(FactoryArchitecture, "build", build)


def rows_of(name: str, count: int = 6, **config: Any) -> list[Row]:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(64, 5)), np.arange(64) % 3
    kind = NetworkKind(name, frozenset(), lambda _, task: FactoryArchitecture(name, (task.n_features,), task.outputs))
    config = {"batch_size": 16, "epochs": 3, "precision": "float64", **config}
    task = Task("multiclass", 64, 5, 3)
    return [Row(Training.start(kind, config, task, X, y, seed)) for seed in range(count)]


def as_if(monkeypatch: pytest.MonkeyPatch, times: Times) -> list[tuple[str, int]]:
    """Rehearsals take the seconds that are given; what was rehearsed."""
    seen: list[tuple[str, int]] = []

    def rehearse(stack: Stack, steps: int) -> Rehearsal:
        name, k = stack.path.name, len(stack.rows)
        seen.append((name, k))
        return Rehearsal([times(name, k)] * steps, [[1.0] * k] * steps)

    monkeypatch.setattr(Stack, "rehearse", rehearse)
    return seen


def values_of(rows: list[Row]) -> torch.Tensor:
    return torch.stack([row.run.parameters.values for row in rows])


def test_networks_are_stacked_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = as_if(monkeypatch, lambda name, k: 1e-3 if name == "plain" else 1e-3 + 1e-4 * k)
    rows = rows_of("fine")
    advance_together(rows)
    choice = rows[0].choice
    assert choice is not None
    assert (choice.path, choice.size) == ("vmap", 6)
    assert choice.probe == {"plain": 1000.0, "vmap of 4": 350.0, "vmap of 6": pytest.approx(266.7)}
    assert "in stacks of 6 by torch.vmap, where a step of one takes 267 µs, and 1,000 µs one by one" in choice.text
    again = rows_of("fine")
    advance_together(again)
    assert again[0].choice == choice
    assert seen == [("plain", 1), ("vmap", 4), ("vmap", 6)], "what a process has found out holds"
    alone = rows_of("fine")
    for row in alone:
        row.run.advance()
    torch.testing.assert_close(values_of(rows), values_of(alone), rtol=0, atol=1e-10)


def test_and_one_by_one_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    as_if(monkeypatch, lambda name, k: 1e-3 if name == "plain" else 1e-3 * k)
    rows = rows_of("fine")
    advance_together(rows)
    choice = rows[0].choice
    assert choice is not None
    assert (choice.path, choice.size) == ("plain", 1)
    assert "because a step takes 1,000 µs so, and 1,000 µs in a stack of" in choice.text


@pytest.mark.parametrize(("seconds", "path"), [(1.0, "vmap"), (100.0, "compiled")])
def test_they_are_compiled_where_the_work_pays_for_it(
    seconds: float, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six networks have 54 steps before them, of which early stopping may spare half."""
    monkeypatch.setattr(vmapped, "compiled", vmapped.eager)
    whole = {"plain": seconds, "vmap": seconds / 2, "compiled": seconds / 4}
    as_if(monkeypatch, lambda name, k: whole[name] * (1 if name == "plain" else 4 + 0.1 * k if name == "vmap" else k))
    rows = rows_of("fine")
    advance_together(rows)
    assert rows[0].choice is not None
    assert rows[0].choice.path == path
    assert (rows[0].choice.compile_seconds is None) == (path == "vmap")


@pytest.mark.parametrize(
    ("name", "why"), [("asking", "calling .item() on a Tensor"), ("counting", "gives other numbers in a stack")]
)
def test_what_torch_cannot_stack_is_trained_one_by_one_and_told(name: str, why: str) -> None:
    rows, alone = rows_of(name), rows_of(name)
    advance_together(rows)
    choice = rows[0].choice
    assert choice is not None
    assert (choice.path, choice.size) == ("plain", 1)
    assert choice.failure is not None
    assert choice.failure in choice.text
    assert why in choice.failure
    for row in alone:
        row.run.advance()
    torch.testing.assert_close(values_of(rows), values_of(alone), rtol=0, atol=1e-10)


def test_hopeless_stacks_are_not_tried_further(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = as_if(monkeypatch, lambda name, k: 1e-3 if name == "plain" else 2e-3 * k)
    advance_together(rows_of("fine"))
    assert seen == [("plain", 1), ("vmap", 4)]


def test_a_deterministic_study_asks_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = as_if(monkeypatch, lambda _name, _k: 1.0)
    rows = rows_of("fine")
    advance_together(rows, deterministic=True)
    assert seen == []
    assert rows[0].choice is not None
    assert rows[0].choice.path == "plain"


@pytest.mark.parametrize(
    ("count", "share", "why"), [(1, 100.0, "there is one at a time"), (6, 0.03, "do not pay for a rehearsal")]
)
def test_little_work_is_not_rehearsed(count: int, share: float, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chooser, "SHARE", share)
    seen = as_if(monkeypatch, lambda _name, _k: 1.0)
    rows = rows_of("fine", count)
    advance_together(rows)
    assert seen == []
    assert rows[0].choice is not None
    assert why in rows[0].choice.text
