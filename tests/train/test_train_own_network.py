"""Networks of a person's own: trained as any other, looked at before, and never called because a file names them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.factory import gives_network
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.networks import NetworkEstimator, resume_training, start_training
from holdfast.train.own import factory_network, own_hyperparameters
from holdfast.train.own_network import Reading, check_factory
from holdfast.train.storage import UntrustedTypeError, load_model, save_model
from holdfast.train.task import Task

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

MODULE = "own_networks_of_a_test"
TEXT = """
import torch
from torch import nn

def plain(config):
    width = config["width"]
    return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 2))

def sized(config, row, outputs):
    return nn.Sequential(nn.LazyLinear(config["width"]), nn.Tanh(), nn.LazyLinear(outputs))

class Drawing(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.first, self.last = nn.Linear(6, config["width"]), nn.Linear(config["width"], 2)
        self.first.weight.requires_grad = False

    def forward(self, x):
        return self.last(nn.functional.dropout(self.first(x).relu(), 0.5, self.training))

def blind(config):
    return nn.Linear(6, 2)

def moody(config):
    return nn.Sequential(nn.Linear(6, config["width"] + int(torch.randint(50, (1,)))), nn.LazyLinear(2))

def narrow(config):
    return nn.Sequential(nn.Linear(6, config["width"]), nn.Linear(config["width"], 1))

def misfit(config):
    return nn.Linear(config["width"], 2)

def fickle(config):
    return plain(config) if config["width"] < 20 else None

def empty(config):
    return nn.Sequential(nn.Flatten()) if config["width"] else None

def pair(config):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 2)
        def forward(self, x):
            return self.layer(x), x
    return Two() if config["width"] else None
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module of the factories, which can be imported while the test runs."""
    (tmp_path / f"{MODULE}.py").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module(MODULE)
    return tmp_path


def network(base: Path, name: str) -> NetworkKind:
    return factory_network(f"{MODULE}:{name}", base, ["width"], "scaled")


@pytest.mark.parametrize("name", ["plain", "sized", "Drawing"])
def test_a_factory_is_trained_paused_resumed_and_stored(
    name: str, base: Path, tmp_path: Path, make_table: MakeTable, make_task: MakeTask
) -> None:
    table, config = make_table("binary"), Config({"width": 16, "learning_rate": 0.01, "epochs": 6})
    assert gives_network(f"{MODULE}:{name}", config, base)
    kind, runs = network(base, name), []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        state = torch.get_rng_state()
        run = start_training(kind, config, make_task("binary"), *table, seed=3)
        run.advance(4)
        assert torch.equal(torch.get_rng_state(), state)
        runs.append(run)
    paused = start_training(kind, config, make_task("binary"), *table, seed=3)
    paused.advance(2)
    resumed = resume_training(kind, paused.checkpoint(), *table)
    resumed.advance(4)
    assert runs[0].checkpoint() == runs[1].checkpoint() == resumed.checkpoint()
    model = NetworkEstimator.of(runs[0])
    assert np.mean(model.predict(table[0]) == table[1]) > 0.6
    save_model(tmp_path / "model", model, None, {})
    loaded = load_model(tmp_path / "model", trust=[f"{MODULE}:{name}"])
    np.testing.assert_array_equal(loaded.predict_proba(table[0]), model.predict_proba(table[0]))


def test_a_file_that_names_a_factory_calls_nothing(
    base: Path, tmp_path: Path, make_table: MakeTable, make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table("binary")
    model = NetworkEstimator(network(base, "plain"), {"width": 4}, make_task("binary"), epochs=1).fit(*table)
    save_model(tmp_path / "model", model, None, {})
    module = importlib.import_module(MODULE)
    monkeypatch.setattr(module, "plain", lambda config: pytest.fail(f"called with {config}"))
    with pytest.raises(UntrustedTypeError, match=f"{MODULE}:plain makes, which is not called without being named"):
        load_model(tmp_path / "model")
    monkeypatch.setattr(module, "plain", lambda _: torch.nn.Linear(6, 2))
    with pytest.raises(RequestError, match="what makes it has changed since"):
        load_model(tmp_path / "model", trust=[f"{MODULE}:plain"]).predict(table[0])


def test_frozen_weights_stay_and_dropout_is_seeded(base: Path) -> None:
    built = FactoryArchitecture(f"{MODULE}:Drawing", (6,), 2, (("width", 8),)).build(torch.Generator())
    assert sorted(name for name, _ in built.named_parameters()) == [
        "network.first.bias",
        "network.last.bias",
        "network.last.weight",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("blind", "never reads 'width' of its configuration; take it out"),
        ("moody", "makes networks of other shapes from the same configuration"),
        ("narrow", r"gives \(2, 1\) for 2 rows; the loss takes \(2, 2\), a score for each class"),
        ("misfit", r"raised RuntimeError: .* on rows of shape 2 × 6"),
        ("fickle", "returned nothing where it returned a network before"),
        ("empty", "without parameters, which learns nothing"),
        ("pair", "gives tuple for 2 rows"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    name: str, sentence: str, base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where tracebacks are kept
    shapes = [FactoryArchitecture(f"{MODULE}:{name}", (6,), 2, (("width", width),)) for width in (10, 20)]
    with pytest.raises(RequestError, match=sentence):
        check_factory(shapes, base)
    for fine in ("plain", "sized", "Drawing"):
        check_factory([FactoryArchitecture(f"{MODULE}:{fine}", (6,), 2, shape.config) for shape in shapes], base)


def test_every_way_to_read_a_config_counts() -> None:
    config = {"a": 1, "b": 2}
    ways: list[Callable[[Any], Any]] = [dict, list, lambda c: {**c}, lambda c: c.items(), lambda c: c | {}]
    ways += [lambda c: c.copy(), lambda c: c.values(), lambda c: (c["a"], c.get("b")), lambda c: (c.pop("a"), c["b"])]
    for number, way in enumerate(ways):
        reading = Reading(config)
        way(reading)
        assert reading.read == {"a", "b"}, number
    assert Reading(config).read == set()


def test_hyperparameters_of_training_are_not_the_factorys_own() -> None:
    assert own_hyperparameters(["width", "learning_rate", "batch_size", "kernel"]) == ("kernel", "width")
