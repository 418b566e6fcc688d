"""Limits on size: rules of a space that every strategy keeps to, and that a log holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.count.limits import Limit, Measure, training_bytes
from holdfast.count.named import architecture
from holdfast.errors import RequestError
from holdfast.space import Categorical, Int, Space
from holdfast.train.sizes import FamilySize
from holdfast.train.task import Task

WIDTHS: dict[str, Any] = {
    "width": Int(8, 512, log=True),
    "optimizer": Categorical(["adam", "sgd"]),
    "batch_size": Int(1, 64),
}


def test_parameters_of_a_text_with_hyperparameters() -> None:
    limit = Limit("max_parameters", 25_450, of="mlp:784-{width}-10")
    assert limit.size({"width": 32}) == 785 * 32 + 33 * 10 == 25_450
    assert not limit({"width": 32})
    assert limit({"width": 33})
    assert limit.size({}) is None
    assert not limit({})


def test_memory_follows_batch_and_optimiser() -> None:
    work = architecture("mlp:10-5-1").work
    assert work is not None
    cases: list[tuple[dict[str, Any], int]] = [
        ({"width": 5}, 4 * (61 * 4 + 15)),
        ({"width": 5, "batch_size": 3, "optimizer": "adamw"}, 4 * (61 * 4 + 3 * 15)),
        ({"width": 5, "optimizer": "sgd"}, 4 * (61 * 2 + 15)),
        ({"width": 5, "optimizer": "sgd", "momentum": 0.9}, 4 * (61 * 3 + 15)),
    ]
    for config, expected in cases:
        assert Limit("max_memory", 1e6, of="mlp:10-{width}-1").size(config) == expected
    assert training_bytes(61, work.activations, {}) == 4 * (61 * 4 + 15)


def test_flops_and_functions() -> None:
    assert Limit("max_flops", 10, of=lambda config: "linear:3").size({}) == 6
    assert Limit("max_parameters", 10, of=lambda config: config["n"] * 2).size({"n": 6}) == 12
    assert Limit("max_parameters", 10, of=lambda config: None).size({}) is None
    with pytest.raises(RequestError, match="max_flops needs an architecture"):
        Limit("max_flops", 10, of=lambda config: 3).size({})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("max_parameter", 5, "linear:2"), "did you mean 'max_parameters'"),
        (("max_parameters", 0, "linear:2"), "a number from 1 on"),
        (("max_parameters", True, "linear:2"), "a number from 1 on"),
        (("max_parameters", 5, 3), "a text or a function"),
    ],
)
def test_limits_that_cannot_be_are_refused(arguments: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        Limit(*arguments)


@pytest.mark.parametrize("strategy", ["random", "sobol", "grid", "gp", "tpe", "evolution"])
def test_no_strategy_proposes_what_is_too_large(strategy: str) -> None:
    limit = Limit("max_parameters", 50_000, of="mlp:784-{width}-10")
    study = holdfast.Study(Space(WIDTHS, forbid=[limit]), strategy=strategy, seed=1)
    for _ in range(12):
        trial = study.ask()
        assert not limit(trial.config)
        study.tell(trial, -float(str(trial.config["width"])))


def test_a_log_holds_a_limit_and_a_study_goes_on_under_it(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    limit = Limit("max_parameters", 50_000, of="mlp:784-{width}-10")
    study = holdfast.Study(Space(WIDTHS, forbid=[limit]), seed=0, storage=storage, name="sized")
    study.tell(study.ask(), 1.0)
    study.close()
    again = holdfast.load_study("sized", storage)
    assert again.book.state.settings.space == Space(WIDTHS, forbid=[limit])
    assert all(not limit(again.ask().config) for _ in range(5))
    again.close()


def test_a_space_that_is_read_without_its_limit_forbids_all_the_same() -> None:
    from holdfast.study.limits import limits_of, with_limits

    limit = Limit("max_parameters", 50_000, of="mlp:784-{width}-10")
    read = with_limits(Space.from_json(Space(WIDTHS, forbid=[limit]).to_json()))
    assert limits_of(read) == [limit]
    assert not read.allows({"width": 512, "optimizer": "sgd", "batch_size": 1})
    assert read.allowed(read.sample_units(np.random.default_rng(0), 20)).all()


def test_points_that_agree_in_what_a_limit_reads_are_asked_once() -> None:
    space = Space({**WIDTHS, "momentum": holdfast.Float(0.1, 0.9, when={"optimizer": "sgd"})})
    bounds: dict[Measure, float] = {"max_parameters": 50_000, "max_memory": 1e6}
    for measure, bound in bounds.items():
        limited = space.with_rules([Limit(measure, bound, of="mlp:784-{width}-10")])
        units = space.sample_units(np.random.default_rng(3), 400)
        one_by_one = [limited.allows(limited.decode(point)) for point in units]
        assert limited.allowed(units).tolist() == one_by_one
        assert limited.allowed(units).tolist() == one_by_one
        assert True in one_by_one
        assert False in one_by_one


def test_a_limit_reads_the_shape_of_a_family_and_nothing_else() -> None:
    size = FamilySize("mlp", Task("binary", 100, 5, 2))
    reads = Limit("max_parameters", 1e4, size).reads
    assert reads is not None
    assert {"width", "depth", "layer_norm"} <= set(reads)
    assert not {"dropout", "learning_rate", "batch_size"} & set(reads)
    memory = Limit("max_memory", 1e4, size).reads
    assert memory is not None
    assert set(memory) - set(reads) == {"batch_size", "optimizer"}
    assert Limit("max_parameters", 1e4, of=lambda config: 3).reads is None
