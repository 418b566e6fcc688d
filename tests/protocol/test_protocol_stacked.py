"""Trials side by side: what they wait for is advanced together, and each has its own outcome and time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.execute.inline import Inline
from holdfast.protocol.batches import trials_at_once
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.plan import SearchTable
from holdfast.protocol.stacked import Steps, side_by_side
from holdfast.protocol.tune import tune
from holdfast.records import Cause, Outcome, Trial, TrialState
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train.mlp import MLP
from holdfast.train.stacked import chooser
from holdfast.train.stacked.stack import Choice, Row

assert MLP.network is not None
SHAPE = MLP.network.shape | {"batch_size"}


def test_outcomes_are_in_the_order_of_the_trials_and_one_that_fails_stands_alone() -> None:
    def trial(number: int) -> Steps:
        yield []
        if number == 1:
            return Outcome(number, TrialState.FAILED, cause=Cause.ERROR)
        yield []
        return Outcome(number, TrialState.COMPLETE)

    found = side_by_side([trial(number) for number in range(3)], lambda: 2)
    assert [outcome.trial for outcome in found] == [0, 1, 2]
    assert [outcome.state for outcome in found] == [TrialState.COMPLETE, TrialState.FAILED, TrialState.COMPLETE]


def test_no_more_trials_than_fit_are_begun() -> None:
    begun: list[int] = []

    def trial(number: int) -> Steps:
        begun.append(number)
        yield []
        assert len(begun) - number <= 2
        return Outcome(number, TrialState.COMPLETE)

    assert len(side_by_side([trial(number) for number in range(6)], lambda: 2)) == 6


RATE = Float(1e-4, 1e-1, log=True)


@pytest.mark.parametrize(
    ("domains", "strategy", "stack", "parts", "expected"),
    [
        ({"learning_rate": RATE}, "random", "auto", 1, 16),
        ({"learning_rate": RATE, "dropout": Float(0.0, 0.5)}, "asha", "auto", 5, 3),
        ({"learning_rate": RATE, "width": Categorical([64, 128])}, "gp", "auto", 1, 4),
        ({"learning_rate": RATE, "width": Int(32, 512)}, "random", "auto", 1, 1),
        ({"learning_rate": RATE, "taper": Float(0.5, 1.0)}, "random", "auto", 1, 1),
        ({"learning_rate": RATE, "taper": Float(0.5, 1.0, step=0.25)}, "random", "auto", 1, 16),
        ({"learning_rate": RATE, "width": Int(32, 128, step=32)}, "random", "auto", 1, 16),
        ({"learning_rate": RATE, "device": Categorical(["cuda"])}, "random", "auto", 5, 51),
        ({"learning_rate": RATE, "device": Categorical(["cuda"])}, "gp", "auto", 1, 16),
        ({"learning_rate": RATE}, "random", "off", 1, 1),
        ({"width": Int(32, 512)}, "gp", 7, 1, 7),
    ],
)
def test_a_stack_is_asked_for_where_trials_share_a_shape(
    domains: dict[str, Domain], strategy: str, stack: Any, parts: int, expected: int
) -> None:
    search = SearchTable(strategy=strategy, stack=stack)
    assert trials_at_once(search, SHAPE, Space(domains), parts) == expected
    assert trials_at_once(search, None, Space(domains), parts) == (7 if stack == 7 else 1)


FIXED: dict[str, Any] = {
    "batch_size": 32,
    "depth": 1,
    "width": 16,
    "activation": "relu",
    "layer_norm": False,
    "optimizer": "adamw",
    "augmentation": "none",
    "epochs": {"type": "categorical", "choices": [4]},
}


def trials_of(folder: Path, stack: Any, strategy: str, split: dict[str, Any]) -> list[Trial]:
    plan: dict[str, Any] = {
        "study": {"name": f"stack-{stack}"},
        "data": {"source": "sklearn:iris", "split": split},
        "model": {"family": "mlp"},
        "space": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}, **FIXED},
        "search": {"trials": 4, "strategy": strategy, "stack": stack},
    }
    if strategy == "asha":
        plan["search"]["fidelity"] = {"min": 1, "max": 4, "eta": 2}
    result = tune(plan, runs=folder, executor=Inline())
    book = open_book(find_run(result.folder.parent, result.name))
    return list(book.state.trials)


def test_how_networks_are_trained_is_on_the_log_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    told: list[bool] = []

    def choose(bucket: object, rows: Sequence[Row], *, deterministic: bool) -> None:
        told.append(deterministic)
        rows[0].choice = Choice("plain", 1, "One by one.", {"plain": 2.5}, failure="it is a test")
        for row in rows:
            row.run.advance(row.until_epoch)

    monkeypatch.setattr(chooser, "train", choose)
    plan = {
        "study": {"name": "chosen"},
        "data": {"source": "sklearn:iris"},
        "model": {"family": "softmax"},
        "space": {"epochs": {"type": "categorical", "choices": [1]}},
        "search": {"trials": 2, "strategy": "random", "deterministic": True},
    }
    monkeypatch.setattr("holdfast.train.stacked.together.is_written", lambda _: False)
    result = tune(plan, runs=tmp_path, executor=Inline())
    book = open_book(find_run(result.folder.parent, result.name))
    (event,) = book.state.notes["stack.chosen"]
    assert {name: value for name, value in event.items() if name != "time"} == {
        "path": "plain",
        "size": 1,
        "text": "One by one.",
        "probe": {"plain": 2.5},
        "compile_seconds": None,
        "failure": "it is a test",
    }
    assert all("One by one." in trial.extra["notes"] for trial in book.state.trials)
    assert told[:2] == [True, True]


@pytest.mark.parametrize(
    ("strategy", "split"),
    [("random", {"folds": 3, "test": 0.2}), ("asha", {"train": 0.6, "validation": 0.2, "test": 0.2})],
)
def test_a_trial_does_not_depend_on_the_stack(
    strategy: str, split: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    alone = trials_of(tmp_path, 1, strategy, split)
    stacked = trials_of(tmp_path, 4, strategy, split)
    assert all(trial.seconds > 0 for trial in stacked)
    by_config = {str(trial.config): trial for trial in alone}
    same = [(by_config[str(trial.config)], trial) for trial in stacked]
    for one, other in same:
        if one.until_step == other.until_step:
            assert other.metrics == one.metrics
            assert other.extra["curve"] == one.extra["curve"]
    assert sum(one.until_step == other.until_step for one, other in same) >= 2
