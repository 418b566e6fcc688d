"""Every decision of a study comes out the same when it is taken again, and one that was changed is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.log.open import open_log
from holdfast.records import Event
from holdfast.search.registry import make_strategy
from holdfast.study.replay import Replayed, replay

SPACE: dict[str, Any] = {"x": holdfast.Float(0, 1), "kind": holdfast.Categorical(["a", "b"])}


def objective(trial: holdfast.LiveTrial) -> float:
    value = (trial["x"] - 0.3) ** 2 + (trial["kind"] == "b")
    if trial.until_step is None:
        return float(value)
    for step in range(trial.start_step + 1, trial.until_step + 1):
        if trial.report(value + 1 / step, step=step) != "continue":
            trial.save(b"x")
    return float(value)


def studied(folder: Path, strategy: str, **more: Any) -> str:
    url = f"sqlite:///{folder / 'study.db'}"
    with closing(holdfast.Study(SPACE, strategy=strategy, seed=3, storage=url, name="one", **more)) as study:
        study.enqueue({"x": 0.5, "kind": "a"}, why="a wish")
        study.optimize(objective, n_trials=9)
        study.optimize_batch(lambda trials: [objective(trial) for trial in trials], n_trials=6, batch=4)
    return url


def replayed(url: str, strategy: str) -> Replayed:
    return replay(events_of(url), make_strategy(strategy))


def events_of(url: str) -> list[Event]:
    with closing(open_log(url, "one", read_only=True)) as log:
        return list(log.read(0))


@pytest.mark.parametrize("strategy", ["random", "gp", "tpe", "evolution", "auto"])
def test_every_decision_comes_out_the_same(tmp_path: Path, strategy: str) -> None:
    found = replayed(studied(tmp_path, strategy), strategy)
    assert found.difference is None
    assert found.suggestions == 14
    assert found.enqueued == 1


def test_promotions_and_verdicts_come_out_the_same(tmp_path: Path) -> None:
    url = studied(tmp_path, "asha", fidelity=holdfast.Fidelity("step", 1, 9, 3))
    found = replayed(url, "asha")
    assert found.difference is None
    assert found.suggestions > 15
    assert found.verdicts > 15


@pytest.mark.parametrize(
    ("kind", "change", "what"),
    [
        ("trial.asked", {"reason": "a better one"}, "trial 14: the log has"),
        ("trial.resumed", {"until_step": 9}, "trial"),
        ("trial.judged", {"verdict": "stop"}, "the verdict on trial"),
    ],
)
def test_a_decision_that_was_changed_is_named(tmp_path: Path, kind: str, change: Mapping[str, Any], what: str) -> None:
    url = studied(tmp_path, "asha", fidelity=holdfast.Fidelity("step", 1, 9, 3))
    events = events_of(url)
    place = max(event.index for event in events if event.kind == kind)
    events[place] = dataclasses.replace(events[place], data={**events[place].data, **change})
    found = replay(events, make_strategy("asha"))
    assert found.difference is not None
    assert what in str(found.difference)
