from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.records import Config
from holdfast.train.curves import curve_of_points, evenly, mean_curve, shown
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.monitor import LONGEST_STRIDE, Monitor, stride
from holdfast.train.networks import resume_training, start_training
from holdfast.train.registry import family_named
from holdfast.train.rows import Targets
from holdfast.train.staged import curve_of
from holdfast.train.task import Task

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

JOLTED: Config = {"augmentation": "mixup", "dropout": 0.4, "label_smoothing": 0.2, "width": 32, "batch_size": 16}


def split(X: np.ndarray, y: np.ndarray, at: int) -> tuple[Table, Table]:
    return (X[:at], y[:at]), (X[at:], y[at:])


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_a_watched_run_learns_the_same_to_the_bit(kind: str, make_table: MakeTable, make_task: MakeTask) -> None:
    ours, theirs = split(*make_table(kind, n=200), 150)
    runs = [start_training(MLP_NETWORK, JOLTED, make_task(kind), *ours, 3, judged=judged) for judged in (None, theirs)]
    assert runs[0].advance(9) == runs[1].advance(9)
    for name, tensor in runs[0].trained().weights.items():
        assert torch.equal(tensor, runs[1].trained().weights[name]), name
    assert runs[0].curve is None
    curve = runs[1].curve
    assert curve is not None
    assert curve["steps"][0] == 1
    assert len(curve["steps"]) == len(curve["train"]) == len(curve["validation"])
    assert curve["kept"] == runs[1].epochs_used


def test_both_losses_are_those_of_the_network_as_it_predicts(make_table: MakeTable, make_task: MakeTask) -> None:
    """At the epoch that is kept they are the log losses of its probabilities, on rows that nobody changed."""
    ours, theirs = split(*make_table("multiclass", n=200), 150)
    run = start_training(MLP_NETWORK, {**JOLTED, "batch_size": 4}, make_task("multiclass"), *ours, 3, judged=theirs)
    run.advance(4)
    curve = run.curve
    assert curve is not None
    assert curve["steps"] == [1, 2, 3, 4]
    at = curve["steps"].index(run.epochs_used)
    odds = run.trained().predict_proba(theirs[0])
    assert curve["validation"][at] == pytest.approx(-np.log(odds[np.arange(50), theirs[1]]).mean(), rel=1e-4)
    odds = run.trained().predict_proba(run.rows.features.numpy()[evenly(135, 50)])
    truth = run.rows.targets.numpy().argmax(axis=1)[evenly(135, 50)]
    assert curve["train"][at] == pytest.approx(-np.log(odds[np.arange(50), truth]).mean(), rel=1e-4)


def test_a_resumed_run_keeps_its_earlier_points(make_table: MakeTable, make_task: MakeTask) -> None:
    ours, theirs = split(*make_table("binary", n=200), 150)
    straight = start_training(MLP_NETWORK, JOLTED, make_task("binary"), *ours, 3, judged=theirs)
    straight.advance(9)
    paused = start_training(MLP_NETWORK, JOLTED, make_task("binary"), *ours, 3, judged=theirs)
    paused.advance(4)
    resumed = resume_training(MLP_NETWORK, paused.checkpoint(), *ours, theirs)
    assert resumed.curve == paused.curve
    resumed.advance(9)
    assert resumed.curve == straight.curve
    assert resumed.checkpoint() == straight.checkpoint()


def test_a_checkpoint_from_before_there_were_curves_goes_on(make_table: MakeTable, make_task: MakeTask) -> None:
    from holdfast.train.checkpoint import pack, unpack

    ours, theirs = split(*make_table("binary", n=200), 150)
    run = start_training(MLP_NETWORK, JOLTED, make_task("binary"), *ours, 3)
    run.advance(4)
    tensors, meta = unpack(run.checkpoint())
    del meta["points"]
    resumed = resume_training(MLP_NETWORK, pack(tensors, meta), *ours, theirs)
    resumed.advance(8)
    curve = resumed.curve
    assert curve is not None
    assert min(curve["steps"]) > 4


def test_learning_by_heart_shows_in_the_curve(make_table: MakeTable, make_task: MakeTask) -> None:
    X, _ = make_table("binary", n=300)
    y = np.random.default_rng(0).integers(0, 2, 300)
    ours, theirs = split(X, y, 150)
    config: Config = {"dropout": 0.0, "label_smoothing": 0.0, "learning_rate": 5e-3, "patience": 60, "batch_size": 8}
    run = start_training(MLP_NETWORK, config, make_task("binary"), *ours, 0, judged=theirs)
    run.advance()
    curve = run.curve
    assert curve is not None
    assert curve["train"][-1] < 0.2
    assert curve["validation"][-1] > 1.5


def test_rows_of_a_class_that_was_not_learned_are_left_out() -> None:
    features, encoding = torch.zeros((60, 2)), Targets(np.array([0, 2]))
    targets = torch.from_numpy(encoding.encode(np.repeat([0, 2], 30)))
    monitor = Monitor.of(features, targets, (np.ones((9, 2)), np.repeat([0, 1, 2], 3)), encoding, 8)
    assert monitor is not None
    assert (monitor.learned, len(monitor.features)) == (6, 12)
    assert Monitor.of(features, targets, (np.ones((3, 2)), np.ones(3)), encoding, 8) is None


def test_the_first_epochs_have_a_point_each(make_table: MakeTable, make_task: MakeTask) -> None:
    ours, theirs = split(*make_table("binary", n=200), 150)
    run = start_training(MLP_NETWORK, {"batch_size": 128}, make_task("binary"), *ours, 0, judged=theirs)
    run.advance(11)
    curve = run.curve
    assert curve is not None
    assert curve["steps"] == [1, 2, 3, 4, 5, 10]


def test_points_are_taken_more_seldom_where_they_cost_more() -> None:
    assert stride(512, 100_000, 256) == 1
    assert stride(512, 970, 32) <= 2
    assert stride(512, 970, 256) == LONGEST_STRIDE == stride(10_000, 10, 256)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_boosted_trees_have_a_curve(kind: str, make_table: MakeTable, make_task: MakeTask) -> None:
    ours, theirs = split(*make_table(kind, n=300), 200)
    model: Any = family_named("gradient-boosting").build({"max_iter": 130}, make_task(kind), seed=0)
    model.fit(*ours)
    curve = curve_of(model, *ours, theirs)
    assert curve is not None
    assert curve["step"] == "iteration"
    assert (curve["steps"][0], curve["steps"][-1], len(curve["steps"])) == (1, 130, 40)
    assert curve["train"][-1] < 0.5 * curve["train"][0]
    if kind == "regression":
        expected = np.mean((model.predict(theirs[0]) - theirs[1]) ** 2) / np.var(ours[1])
    else:
        expected = -np.log(model.predict_proba(theirs[0])[np.arange(100), theirs[1]]).mean()
    assert curve["validation"][-1] == pytest.approx(expected, rel=1e-4)


def test_boosted_trees_on_fewer_classes_than_they_are_judged_on(make_task: MakeTask) -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(90, 3)), np.repeat([0, 2, 3], 30)
    model = family_named("gradient-boosting").build({"max_iter": 5}, make_task("multiclass"), seed=0)
    model.fit(X, y)
    curve = curve_of(model, X, y, (X[:40], np.where(np.arange(40) < 10, 1, y[:40])))
    assert curve is not None
    assert all(np.isfinite(curve["validation"]))
    nobody = curve_of(model, X, y, (X[:10], np.full(10, 4)))
    assert nobody is not None
    assert set(nobody["validation"]) == {None}


@pytest.mark.parametrize("name", ["ridge", "knn", "random-forest"])
def test_families_without_steps_have_none(name: str, make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("regression")
    model = family_named(name).build({}, make_task("regression"), seed=0)
    model.fit(X, y)
    assert curve_of(model, X, y, (X, y)) is None


def test_parts_are_averaged_where_all_have_a_point() -> None:
    first = curve_of_points([(1, 1.0, 2.0), (2, 0.5, None), (3, 0.2, 0.1)], "epoch", 2)
    second = curve_of_points([(1, 3.0, 4.0), (2, 1.5, 3.0)], "epoch", 1)
    both = mean_curve([first, second])
    assert both == {
        "metric": "loss",
        "step": "epoch",
        "steps": [1, 2],
        "train": [2.0, 1.0],
        "validation": [3.0, None],
        "kept": 1.5,
    }
    assert mean_curve([first]) == first
    assert mean_curve([first, None]) is None
    assert mean_curve([None]) is None


def test_what_is_kept_is_short_and_finite() -> None:
    assert shown(0.123456789) == 0.123457
    assert shown(float("nan")) is shown(float("inf")) is None
    assert evenly(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert evenly(100, 5).tolist() == [0, 25, 50, 74, 99]
