"""A run that goes on elsewhere, or with another configuration, as if nothing had happened but that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.clones import settled
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.networks import resume_training, start_training
from holdfast.train.registry import all_families
from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance_together
from holdfast.train.task import Task
from holdfast.train.training import Training

MakeTable = Callable[..., tuple[np.ndarray, np.ndarray]]

BUSY: Config = {"ema": 0.9, "label_smoothing": 0.1, "schedule": "onecycle", "learning_rate": 0.01, "patience": 4}
"""A moving average, a schedule with a horizon, and early stopping, of any family."""

OWN: dict[str, Config] = {
    "mlp": {"dropout": 0.3, "width": 24, "batch_norm": True, "augmentation": "mixup"},
    "cnn": {"dropout": 0.2, "channels": 4},
    "transformer": {"dropout": 0.2, "embedding": 16, "heads": 2},
}
"""What only some families have."""

NETWORKS = {name: family.network for name, family in all_families().items() if family.network is not None}


def rows_of(family: str) -> tuple[np.ndarray, np.ndarray, Task]:
    """Rows that the family can learn from, 80 of them in two classes, or a target."""
    draw = np.random.default_rng(5)
    y = draw.integers(0, 2, 80)
    if family == "transformer":
        return draw.integers(0, 9, (80, 6)).astype(float), y, Task("binary", 80, 6, 2, tokens=9)
    if family == "cnn":
        return draw.normal(size=(80, 64)) + y[:, None], y, Task("binary", 80, 64, 2, image=(1, 8, 8))
    X = draw.normal(size=(80, 6))
    if family == "linear-gd":
        return X, X[:, 0] * 3 + draw.normal(size=80), Task("regression", 80, 6)
    return X + y[:, None], y, Task("binary", 80, 6, 2)


def begun(family: str, config: Config, seed: int = 3) -> tuple[Training, np.ndarray, np.ndarray]:
    X, y, task = rows_of(family)
    return start_training(NETWORKS[family], config, task, X, y, seed), X, y


def advanced(way: str, runs: list[Training], until: int) -> None:
    """Each run trained to an epoch, alone or all of them in stacks."""
    if way == "alone":
        for run in runs:
            run.advance(until)
    else:
        advance_together([Row(run, until) for run in runs])


@pytest.mark.parametrize("way", ["alone", "stacked"])
@pytest.mark.parametrize("family", NETWORKS)
def test_a_paused_run_of_any_family_equals_one_that_never_paused(family: str, way: str) -> None:
    config: Config = {**BUSY, **OWN.get(family, {})}
    if family == "linear-gd":
        config.pop("label_smoothing")
    straight = [begun(family, config, seed)[0] for seed in (3, 4)]
    advanced(way, straight, 6)
    paused = [begun(family, config, seed) for seed in (3, 4)]
    advanced(way, [run for run, _, _ in paused], 2)
    resumed = [resume_training(NETWORKS[family], run.checkpoint(), X, y) for run, X, y in paused]
    advanced(way, resumed, 6)
    assert [run.checkpoint() for run in resumed] == [run.checkpoint() for run in straight]
    assert all(run.progress.epoch > 2 for run in straight)


CHANGES: dict[str, tuple[Config, Config]] = {
    "rates": ({"learning_rate": 0.01, "weight_decay": 0.1}, {"learning_rate": 0.002, "weight_decay": 0.01}),
    "a batch of another size": ({"batch_size": 16}, {"batch_size": 32}),
    "dropout where there was none": ({"dropout": 0.0, "batch_norm": True}, {"dropout": 0.4, "batch_norm": True}),
    "a moving average where there was none": ({"ema": 0.0}, {"ema": 0.9}),
    "another schedule": ({"schedule": "cosine"}, {"schedule": "constant", "label_smoothing": 0.2}),
}


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES.keys())
def test_a_clone_from_a_checkpoint_is_the_run_that_changed_its_config_on_its_way(before: Config, after: Config) -> None:
    parent, X, y = begun("mlp", before)
    parent.advance(3)
    saved = parent.checkpoint()
    clone = resume_training(MLP_NETWORK, saved, X, y, config=after)
    clone.advance(6)
    parent.advance(4)  # the parent goes on by itself
    replayed, _, _ = begun("mlp", before)
    replayed.advance(3)
    replayed = replayed.changed(after)
    replayed.advance(6)
    assert clone.checkpoint() == replayed.checkpoint()
    assert clone.plan.config == after
    straight, _, _ = begun("mlp", after)
    straight.advance(6)
    assert straight.checkpoint() != clone.checkpoint()
    again = resume_training(MLP_NETWORK, clone.checkpoint(), X, y, config=after)
    assert again.checkpoint() == clone.checkpoint()


def test_the_best_epoch_of_a_clone_is_one_that_its_own_config_has_trained() -> None:
    parent, X, y = begun("mlp", {"learning_rate": 0.01, "width": 16})
    parent.advance(4)
    clone = resume_training(
        MLP_NETWORK, parent.checkpoint(), X, y, config={"learning_rate": 1.0, "width": 16, "patience": 3}
    )
    assert clone.progress.best_loss is None
    assert all(np.array_equal(a, b) for a, b in zip(clone.best.values, clone.parameters.values, strict=True))
    clone.advance(9)
    assert clone.epochs_used > 4


def test_a_clone_with_its_parents_config_is_the_parent() -> None:
    parent, X, y = begun("mlp", {"dropout": 0.2})
    parent.advance(2)
    clone = resume_training(MLP_NETWORK, parent.checkpoint(), X, y, config={"dropout": 0.2})
    clone.advance(5)
    parent.advance(5)
    assert clone.checkpoint() == parent.checkpoint()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"width": 64},
            r"a clone has 'width' = 64 where its parent has 32; the weights of one .* as in keep = \(\"width\",\)",
        ),
        ({"activation": "tanh"}, "a clone has 'activation' = 'tanh' where its parent has 'relu'"),
        (
            {"optimizer": "sgd"},
            "a clone has 'optimizer' = 'sgd' where its parent has 'adamw'; a run keeps that .* keep = ",
        ),
    ],
)
def test_what_cannot_change_is_refused_with_the_reason(change: dict[str, Any], words: str) -> None:
    run, X, y = begun("mlp", {"width": 32})
    run.advance(1)
    with pytest.raises(RequestError, match=words):
        resume_training(MLP_NETWORK, run.checkpoint(), X, y, config={"width": 32, **change})


def test_other_rows_are_refused(make_table: MakeTable) -> None:
    run, _, _ = begun("mlp", {"width": 32})
    X, y = make_table("binary", n=80, seed=9)
    with pytest.raises(RequestError, match="saved on other training rows"):
        resume_training(MLP_NETWORK, run.checkpoint(), X, y, config={"width": 32, "learning_rate": 0.1})


def test_what_is_settled_is_the_shape_and_the_optimiser() -> None:
    assert {"width", "depth", "activation", "optimizer"} <= settled(MLP_NETWORK)
    assert settled(MLP_NETWORK).isdisjoint({"dropout", "learning_rate", "momentum", "batch_size", "weight_decay"})


def test_a_run_that_had_stopped_early_is_resumed_beside_others_in_a_stack() -> None:
    config: Config = {"patience": 1, "learning_rate": 1e-6, "schedule": "constant", "width": 16}
    stopped, X, y = begun("mlp", {**config, "learning_rate": 0.5})
    stopped.advance()
    assert stopped.finished
    others = [begun("mlp", {**config, "patience": 60}, seed)[0] for seed in (4, 5)]
    before = stopped.checkpoint()
    again = resume_training(MLP_NETWORK, before, X, y)
    advance_together([Row(run, 3) for run in (again, *others)])
    assert again.checkpoint() == before
    assert [run.progress.epoch for run in others] == [3, 3]
