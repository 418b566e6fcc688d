"""Stacks of any network by torch: each run is what it would have been alone."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from holdfast.train.kinds import NetworkKind
from holdfast.train.own import factory_network
from holdfast.train.registry import family_named
from holdfast.train.stacked import vmapped
from holdfast.train.stacked.stack import Row, Stack
from holdfast.train.stacked.vmapped import Template, Unstackable, by_compiling, by_vmap
from holdfast.train.task import Task
from holdfast.train.training import Training

N = 60
MODULE = "stacked_networks_of_a_test"


class Twice(nn.Module):
    """Uses one layer of dropout twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.thin = nn.Linear(16, 8), nn.Linear(8, 3), nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.thin(self.first(self.thin(x))))
        return out


class Unused(nn.Module):
    """Has a layer that nothing goes through, and weights in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.aside = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(4, 4)
        self.again.weight = self.first.weight
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.again(self.first(x).tanh()).tanh())
        return out


def normal(_config: dict[str, Any]) -> nn.Module:
    """Layers that have no steps of their own."""
    hidden = [nn.Linear(16, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Dropout(0.3)]
    return nn.Sequential(*hidden, nn.Linear(8, 8), nn.GroupNorm(2, 8), nn.Linear(8, 3))


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    """A module of factories that can be imported while a test runs."""
    made = ModuleType(MODULE)
    found = {"normal": normal, "twice": lambda _: Twice(), "unused": lambda _: Unused()}
    found["drawing"] = lambda _: nn.Sequential(nn.Linear(16, 8), nn.AlphaDropout(0.1), nn.Linear(8, 3))
    for name, factory in found.items():
        setattr(made, name, factory)
    sys.modules[MODULE] = made
    yield
    del sys.modules[MODULE]


def a_run(family: str, seed: int, n: int = N, **config: Any) -> Training:
    draw = np.random.default_rng(0)
    X: np.ndarray = (
        draw.integers(0, 6, size=(n, 16)).astype(float) if family == "transformer" else draw.normal(size=(n, 16))
    )
    task = Task("multiclass", n, 16, 3, image=(1, 4, 4) if family == "cnn" else (), tokens=5)
    kind: NetworkKind | None = family_named(family).network if family in {"cnn", "transformer"} else None
    kind = kind or factory_network(f"{MODULE}:{family}", Path(), (), "scaled")
    config = {"batch_size": 16, "epochs": 3, "precision": "float64", "learning_rate": 1e-3 * (1 + seed), **config}
    return Training.start(kind, config, task, X, np.arange(n) % 3, seed)


SHAPES: dict[str, dict[str, Any]] = {
    "cnn": {"channels": 2, "residual": True, "augmentation": "flip"},
    "transformer": {"embedding": 8, "heads": 2, "layers": 1, "optimizer": "sgd", "clip": 0.0},
    "normal": {"ema": 0.9, "l1": 1e-4},
    "unused": {"optimizer": "adam", "accumulation": 1},
}


def runs_of(family: str) -> list[Training]:
    """Three runs, the last one on fewer rows, each with hyperparameters of its own."""
    own = [{"weight_decay": 0.01 * i, "label_smoothing": 0.05 * i} for i in range(3)]
    if family in {"cnn", "transformer"}:
        own = [{**config, "dropout": 0.1 + 0.1 * i} for i, config in enumerate(own)]
    return [a_run(family, i, N - 20 * (i == 2), **SHAPES[family], **config) for i, config in enumerate(own)]


def numbers(run: Training) -> torch.Tensor:
    learner = run.learner
    state = [learner.parameters.values, *learner.state.values(), *learner.network.buffers()]
    return torch.cat([tensor.flatten().double() for tensor in state])


def check_equal(alone: list[Training], stacked: list[Training]) -> None:
    for one, other in zip(alone, stacked, strict=True):
        one.advance()
        assert one.epochs_used == other.epochs_used
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


@pytest.mark.parametrize("family", SHAPES)
def test_a_run_stacked_by_torch_is_what_it_is_alone(family: str) -> None:
    runs = runs_of(family)
    Stack([Row(run) for run in runs], by_vmap(Template.of(runs[0]), runs[0].loss)).advance()
    check_equal(runs_of(family), runs)


def test_idle_rows_of_a_stack_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a compiled stack that some runs have left."""
    monkeypatch.setattr(vmapped, "compiled", vmapped.eager)
    runs = runs_of("normal")
    path = by_compiling(Template.of(runs[0]), runs[0].loss, 5)
    rows = [Row(run, 3 - index) for index, run in enumerate(runs)]
    Stack(rows, path).advance()
    alone = runs_of("normal")
    for index, run in enumerate(alone):
        run.advance(3 - index)
        np.testing.assert_allclose(numbers(runs[index]), numbers(run), rtol=0, atol=1e-10)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_run_in_a_compiled_stack_is_what_it_is_alone() -> None:
    runs = runs_of("cnn")
    path = by_compiling(Template.of(runs[0]), runs[0].loss, 3)
    Stack([Row(run) for run in runs], path).advance()
    check_equal(runs_of("cnn"), runs)


def test_one_that_diverges_leaves_the_others_as_they_are() -> None:
    def trained(broken: bool) -> list[Training]:
        runs = [a_run("normal", seed, precision="float32") for seed in range(3)]
        if broken:
            with torch.no_grad():
                runs[1].parameters.values[3] = torch.nan
        rows = [Row(run) for run in runs]
        Stack(rows, by_vmap(Template.of(runs[0]), runs[0].loss)).advance()
        assert [row.diverged is not None for row in rows] == [False, broken, False]
        return runs

    one, other = trained(broken=True), trained(broken=False)
    for index in (0, 2):
        np.testing.assert_allclose(numbers(one[index]), numbers(other[index]), rtol=0, atol=1e-5)
        assert one[index].progress.epoch == 3


@pytest.mark.parametrize(("family", "why"), [("twice", "not used exactly once"), ("drawing", "draws random numbers")])
def test_what_has_no_masks_of_its_own_is_not_stacked(family: str, why: str) -> None:
    with pytest.raises(Unstackable, match=why):
        Template.of(a_run(family, 0))
