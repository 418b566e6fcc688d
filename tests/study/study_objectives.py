"""Objectives for the tests of this room, kept in a module so that other processes can import them."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import holdfast
from holdfast.records import Outcome, Verdict
from holdfast.search.base import Strategy
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

SPACES: dict[str, holdfast.Space] = {
    "continuous": holdfast.Space(
        {
            "x": holdfast.Float(-1, 1),
            "kind": holdfast.Categorical(["p", "q"]),
            "power": holdfast.Int(1, 3, when={"kind": "q"}),
        }
    ),
    "grid": holdfast.Space({"x": holdfast.Float(-1, 1), "kind": holdfast.Categorical(["p", "q"])}),
}
FIDELITY = holdfast.Fidelity("epoch", 1, 9)
STEPWISE: dict[str, str | Strategy] = {"asha": "asha", "pbt": PopulationBasedTraining(population=4, interval=2)}
"""Strategies that pause their trials."""


class Spent:
    """An overseer for whom the budget is spent from the start; what runs may end, as long as there is ``room``."""

    room = True

    def given(self, trials: Sequence[int]) -> None:
        pass

    def ended(self, outcome: Outcome) -> Outcome:
        return outcome

    def enough(self) -> bool:
        return True

    def at_once(self, trials: int) -> int:
        return 0

    def overdue(self) -> str | None:
        return None if self.room else "it was spent"


def make_study(strategy: str, storage: str | None, seed: int = 3) -> Study:
    """The same study for every process of a test."""
    return Study(
        None if strategy == "discovered" else SPACES["grid" if strategy == "grid" else "continuous"],
        strategy="random" if strategy == "discovered" else STEPWISE.get(strategy, strategy),
        seed=seed,
        storage=storage,
        fidelity=FIDELITY if strategy in STEPWISE else None,
    )


def loss_at(config: Mapping[str, Any], epoch: int) -> float:
    """A learning curve that falls towards a limit set by the configuration."""
    return abs(float(config["x"])) + float(config.get("power", 0)) / 10 + math.exp(-epoch)


def objective_of(strategy: str, pause: float = 0.0, trained: Path | None = None) -> Any:
    """The objective that suits the strategy, which takes ``pause`` seconds a step, and notes the epochs it trains."""

    def at_once(trial: LiveTrial) -> float:
        time.sleep(pause)
        return loss_at(trial.config, 9)

    def draw(trial: LiveTrial) -> float:
        x = trial.suggest_float("x", -1, 1)
        kind = trial.suggest_categorical("kind", ["p", "q"])
        time.sleep(pause)
        trial.report(abs(x), 1)
        power = trial.suggest_int("power", 1, 3) if kind == "q" else 0
        return abs(x) + power

    def in_epochs(trial: LiveTrial) -> float | None:
        return train_in_epochs(trial, pause, trained)

    return {"asha": in_epochs, "pbt": in_epochs, "discovered": draw}.get(strategy, at_once)


def train_in_epochs(trial: LiveTrial, pause: float = 0.0, trained: Path | None = None) -> float | None:
    """Train epoch by epoch from a checkpoint, which holds the epochs trained; each is a line in a file."""
    done: list[int] = [] if trial.checkpoint is None else json.loads(trial.checkpoint)
    assert done == list(range(1, trial.start_step + 1)), f"a checkpoint of {done} came with step {trial.start_step}"
    loss = math.nan
    for epoch in range(trial.start_step + 1, FIDELITY.max + 1):
        time.sleep(pause)
        done.append(epoch)
        if trained is not None:
            with trained.open("a") as file:
                file.write(f"{trial.number} {epoch}\n")
        loss = loss_at(trial.config, epoch)
        if trial.report(loss, epoch) is not Verdict.CONTINUE:
            trial.save(json.dumps(done).encode())
            return None
    return loss


def die_once(moment: str, marks: Path) -> None:
    """Kill this process, as nothing but kill -9 does, the first time that a moment comes."""
    mark = marks / moment
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(trial: LiveTrial, marks: Path, trained: Path) -> float | None:
    """`train_in_epochs`, killed once in the middle of every rung, at the start of a clone, and around a pause."""
    done: list[int] = [] if trial.checkpoint is None else json.loads(trial.checkpoint)
    if trial.parent is not None and trial.start_step == len(done) > 0:
        die_once("a clone begins", marks)
    for epoch in range(trial.start_step + 1, FIDELITY.max + 1):
        done.append(epoch)
        with trained.open("a") as file:
            file.write(f"{trial.number} {epoch}\n")
        die_once(f"in epoch {epoch}", marks)
        if trial.parent is not None:
            die_once(f"a clone in epoch {epoch}", marks)
        if trial.report(loss_at(trial.config, epoch), epoch) is not Verdict.CONTINUE:
            who = "" if trial.parent is None else " of a clone"
            die_once(f"a report{who} that is answered with pause", marks)
            trial.save(json.dumps(done).encode())
            die_once(f"a checkpoint{who} before its pause", marks)
            return None
    return loss_at(trial.config, FIDELITY.max)


def drive_and_die(strategy: str, storage: str, n_trials: int, marks: Path, trained: Path) -> None:
    """Go on with a study until it has ``n_trials``, or until it is killed."""
    study = make_study(strategy, storage)
    left = max(n_trials - len(study.trials), 0)
    study.optimize(lambda trial: train_and_die(trial, marks, trained), n_trials=left, halt_after=2)


def drive(strategy: str, storage: str, n_trials: int, diary: Path, pause: float) -> None:
    """Go on with a study until it has ``n_trials``; a line in the diary for each result that was told."""
    study = make_study(strategy, storage)

    def note(trial: holdfast.Trial) -> None:
        with diary.open("a") as file:
            file.write(f"{trial.number} {trial.state.value} {trial.metrics['value']!r}\n")
            file.flush()
            os.fsync(file.fileno())

    study.optimize(
        objective_of(strategy, pause, diary.with_name("trained")),
        n_trials=max(n_trials - len(study.trials), 0),
        on_finish=note,
        halt_after=2,
    )
