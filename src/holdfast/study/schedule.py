"""The schedule of hyperparameters by which a trial was trained: its own, or pieces of its ancestors' and then its own.

Each piece can be trained again by itself, so that a schedule is a plain training run that ends as the trial did.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import RequestError, nearest
from holdfast.records import OBJECTIVE, Assignment, Config, Report, Trial, TrialState, Value, Verdict
from holdfast.study.handle import LiveTrial
from holdfast.study.results import Result, named_values


@dataclass(frozen=True)
class Piece:
    """What was trained with one configuration.

    Attributes:
        trial: the trial that it belongs to.
        config: its hyperparameters.
        seed: the trial's own.
        start: the step that it begins at, the end of the piece before.
        until: its last step; None for a training that has no steps.
    """

    trial: int
    config: Config
    seed: int
    start: int
    until: int | None


@dataclass(frozen=True)
class Schedule:
    """Hyperparameters over a training.

    Attributes:
        pieces: one after the other, at least one.
        unit: what a step is, such as ``"epochs"``.
        score: what the trial scored at the end, by metric.
        complete: whether it was trained to the end, and not paused where its last piece ends.
    """

    pieces: tuple[Piece, ...]
    unit: str
    score: Mapping[str, float]
    complete: bool = True

    @property
    def trial(self) -> int:
        """The trial that was trained so."""
        return self.pieces[-1].trial

    @property
    def seed(self) -> int:
        """The seed that the first piece began with, and a network's whole training follows."""
        return self.pieces[0].seed

    @property
    def changed(self) -> tuple[str, ...]:
        """The hyperparameters that are not the same in all pieces."""
        names = dict.fromkeys(name for piece in self.pieces for name in piece.config)
        return tuple(
            n for n in names if any(a.config.get(n) != b.config.get(n) for a, b in itertools.pairwise(self.pieces))
        )

    def at(self, step: int) -> Config:
        """The hyperparameters that step ``step`` (counted from 1) was trained with."""
        for piece in self.pieces:
            if piece.until is None or step <= piece.until:
                return dict(piece.config)
        raise RequestError(f"the schedule of trial {self.trial} ends with step {self.pieces[-1].until}, before {step}")

    def values(self, name: str) -> list[tuple[int, int | None, Value]]:
        """(start, until, value) of a hyperparameter, piece by piece; None where it is inactive.

        Raises:
            RequestError: if no piece has it.
        """
        names = dict.fromkeys(known for piece in self.pieces for known in piece.config)
        if name not in names:
            has = nearest(name, names) or f"; it has {', '.join(names)}"
            raise RequestError(f"the schedule of trial {self.trial} has no '{name}'{has}")
        return [(piece.start, piece.until, piece.config.get(name)) for piece in self.pieces]

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        pieces = [
            {"trial": p.trial, "start": p.start, "until": p.until, "seed": p.seed, "config": p.config}
            for p in self.pieces
        ]
        return {"unit": self.unit, "score": dict(self.score), "complete": self.complete, "pieces": pieces}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Schedule:
        """The schedule that `to_json` wrote.

        Raises:
            RequestError: if that is no schedule.
        """
        try:
            pieces = tuple(
                Piece(p["trial"], dict(p["config"]), p["seed"], p["start"], p["until"]) for p in data["pieces"]
            )
            found = Schedule(pieces, data["unit"], dict(data["score"]), bool(data["complete"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise RequestError(
                f"this is no schedule: {type(exc).__name__} {exc}; take a file that holdfast wrote"
            ) from exc
        if not pieces or any(a.until != b.start for a, b in itertools.pairwise(pieces)) or pieces[0].start != 0:
            raise RequestError("the pieces of a schedule have to follow each other from step 0 on, and these do not")
        return found

    def save(self, path: str | Path) -> None:
        """Write it as a JSON file."""
        Path(path).write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: str | Path) -> Schedule:
        """Read a file that `save` wrote.

        Raises:
            RequestError: if there is no such file, or it holds no schedule.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise RequestError(f"the schedule '{path}' cannot be read: {exc}") from exc
        if not isinstance(data, dict):
            raise RequestError(f"'{path}' holds no schedule; take a file that holdfast wrote")
        return Schedule.from_json(data)


def schedule_of(trials: Sequence[Trial], number: int, unit: str = "step") -> Schedule:
    """The schedule of a trial, from its lineage.

    Raises:
        RequestError: if there is no such trial.
    """
    if not 0 <= number < len(trials):
        raise RequestError(f"there is no trial {number}; there are {len(trials)}")
    trial, until = trials[number], trials[number].until_step
    pieces = [Piece(trial.number, dict(trial.config), trial.seed, trial.parent_step, until)]
    while trial.parent is not None:
        until, trial = trial.parent_step, trials[trial.parent]
        # a parent that had itself just begun was trained with nothing of its own
        if trial.parent_step < until:
            pieces.append(Piece(trial.number, dict(trial.config), trial.seed, trial.parent_step, until))
    complete = trials[number].state is TrialState.COMPLETE
    return Schedule(tuple(reversed(pieces)), unit, dict(trials[number].metrics), complete)


def replay(
    schedule: Schedule, objective: Callable[[LiveTrial], Result], metrics: Sequence[str] = (OBJECTIVE,)
) -> dict[str, float]:
    """Train by a schedule with an objective of one's own, and return the metrics at its end.

    The objective is called piece by piece, each time with what it saved at the end of the piece before. At that end a
    report is answered with PAUSE; nothing is logged.

    Raises:
        RequestError: if the objective saves nothing at the end of a piece.
    """
    checkpoint: bytes | None = None
    said: dict[str, float] = {}
    for place, piece in enumerate(schedule.pieces):
        last = place + 1 == len(schedule.pieces)
        stage = _Stage(None if last and schedule.complete else piece.until)
        config, parent = dict(piece.config), schedule.pieces[place - 1].trial if place else None
        assigned = Assignment(piece.trial, config, piece.seed, piece.start, piece.until, checkpoint, parent=parent)
        trial = LiveTrial(assigned, stage.report, metrics)
        result = objective(trial)
        said = dict(trial.reported) if result is None else named_values(result, metrics)
        checkpoint = stage.checkpoint
        if not last and checkpoint is None:
            raise RequestError(
                f"the objective saved nothing at step {piece.until}, where trial {piece.trial} was cloned; it has to "
                "call trial.save(bytes) when trial.should_prune() says so"
            )
    return said


class _Stage:
    """Takes in what an objective reports of one piece; the verdict is to pause at its end."""

    def __init__(self, until: int | None) -> None:
        self._until = until
        self.checkpoint: bytes | None = None

    def report(self, said: Report) -> Verdict:
        """Keep a checkpoint, and answer metrics."""
        if said.checkpoint is not None:
            self.checkpoint = said.checkpoint
        ended = self._until is not None and said.step >= self._until and said.metrics
        return Verdict.PAUSE if ended else Verdict.CONTINUE
