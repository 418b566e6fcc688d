"""What a study is at one point of its log: a fold over events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import LogError
from holdfast.records import (
    Cause,
    Config,
    Direction,
    Entry,
    Fidelity,
    Trial,
    TrialState,
    number_from_json,
)
from holdfast.search.history import PAUSED, RUNNING, HistoryBuilder
from holdfast.space import Space, domain_from_json


@dataclass(frozen=True, slots=True)
class Settings:
    """What a study was created with. ``space`` is None where it is found as it is used."""

    name: str
    space: Space | None
    directions: dict[str, Direction]
    strategy: str
    strategy_settings: dict[str, Any]
    seed: int
    fidelity: Fidelity | None

    def to_json(self) -> dict[str, Any]:
        """JSON values, as the event ``study.created`` holds them."""
        return {
            "name": self.name,
            "space": None if self.space is None else self.space.to_json(),
            "directions": dict(self.directions),
            "strategy": self.strategy,
            "strategy_settings": self.strategy_settings,
            "seed": self.seed,
            "fidelity": None if self.fidelity is None else dataclasses.asdict(self.fidelity),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Settings:
        """The settings that `to_json` wrote."""
        return Settings(
            name=data["name"],
            space=None if data["space"] is None else Space.from_json(data["space"]),
            directions=dict(data["directions"]),
            strategy=data["strategy"],
            strategy_settings=dict(data["strategy_settings"]),
            seed=data["seed"],
            fidelity=None if data["fidelity"] is None else Fidelity(**data["fidelity"]),
        )


@dataclass(frozen=True, slots=True)
class Request:
    """A configuration that a person enqueued."""

    config: Config
    why: str


@dataclass(slots=True)
class StudyState:
    """The fold. Only `fold` and `restored` change it; everybody else reads."""

    settings: Settings
    history: HistoryBuilder
    trials: list[Trial] = field(default_factory=list)
    queue: dict[int, Request] = field(default_factory=dict)
    requests: int = 0
    strategy_says: str = ""
    notes: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    length: int = 0

    @staticmethod
    def begin(settings: Settings) -> StudyState:
        """The state right after ``study.created``."""
        builder = HistoryBuilder(settings.space, list(settings.directions.values()), settings.fidelity)
        return StudyState(settings, builder)

    @property
    def first_metric(self) -> str:
        """The name of the first objective: the one that ranks."""
        return next(iter(self.settings.directions))

    def objectives(self, metrics: Mapping[str, float]) -> list[float]:
        """The objectives among named metrics, NaN where missing."""
        return [metrics.get(name, float("nan")) for name in self.settings.directions]


def fold(state: StudyState | None, entry: Entry, index: int) -> StudyState:
    """The state after one more event (changed in place)."""
    if state is None:
        if entry.kind != "study.created":
            raise LogError(f"the log begins with '{entry.kind}'; a study's log begins with 'study.created'")
        state = StudyState.begin(Settings.from_json(entry.data))
    elif entry.kind in _FOLDS:
        _FOLDS[entry.kind](state, entry.data, entry.time)
    else:
        state.notes.setdefault(entry.kind, []).append({**entry.data, "time": entry.time})
    state.length = index + 1
    return state


def _asked(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    config = dict(data["config"])
    if data.get("enqueued") is not None:
        state.queue.pop(data["enqueued"], None)
    state.trials.append(
        Trial(
            number=data["trial"],
            config=config,
            state=TrialState.RUNNING,
            reason=data["reason"],
            seed=data["seed"],
            until_step=data["until_step"],
            parent=data.get("parent"),
            asked_at=time,
        )
    )
    state.history.asked(config or dict(data.get("proposal", {})), data["until_step"])


def _resumed(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, state=TrialState.RUNNING, until_step=data["until_step"], start_step=data["start_step"])
    state.history.moved(data["trial"], RUNNING, data["until_step"])


def _restarted(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    trial = state.trials[data["trial"]]
    kept = tuple(report for report in trial.reports if report[0] <= data["start_step"])
    _change(state, data, start_step=data["start_step"], reports=kept, cause=None, restarts=trial.restarts + 1)
    state.history.moved(data["trial"], RUNNING, trial.until_step)


def _drawn(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    domains = {name: domain_from_json(name, pair[0]) for name, pair in data["values"].items()}
    config = {**state.trials[data["trial"]].config, **{name: pair[1] for name, pair in data["values"].items()}}
    _change(state, data, config=config)
    state.history.drew(data["trial"], domains, config)


def _reported(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    metrics = _numbers(data["metrics"])
    trial = state.trials[data["trial"]]
    _change(state, data, reports=(*trial.reports, (data["step"], metrics)))
    state.history.reported(data["trial"], data["step"], metrics.get(state.first_metric, float("nan")))


def _judged(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    """The verdict shows in what follows: the trial is paused, told or reports no more."""


def _saved(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, checkpoint=(data["step"], data["checkpoint"]["blob"]))


def _paused(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, state=TrialState.PAUSED, **_leg(state, data))
    state.history.moved(data["trial"], PAUSED, data["until_step"])


def _interrupted(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, cause=Cause.INTERRUPTED)


def _told(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    outcome = TrialState(data["state"])
    leg = _leg(state, data)
    _change(
        state,
        data,
        state=outcome,
        rows=data["rows"],
        error=data["error"],
        cause=None if data["cause"] is None else Cause(data["cause"]),
        told_at=time,
        **leg,
    )
    state.history.told(data["trial"], outcome, state.objectives(leg["metrics"]))


def _leg(state: StudyState, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a leg of training adds to a trial: its metrics and extras, and the time it took."""
    trial = state.trials[data["trial"]]
    return {
        "metrics": _numbers(data["metrics"]),
        "seconds": trial.seconds + data["seconds"],
        "cpu_seconds": trial.cpu_seconds + data["cpu_seconds"],
        "extra": {**trial.extra, **data["extra"]},
    }


def _enqueued(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.queue[state.requests] = Request(dict(data["config"]), data["why"])
    state.requests += 1


def _budget(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.history.trials_limit = data["trials"]


def _chosen(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.strategy_says = data["text"]


_FOLDS: dict[str, Callable[[StudyState, Mapping[str, Any], float], None]] = {
    "budget.set": _budget,
    "strategy.chosen": _chosen,
    "config.enqueued": _enqueued,
    "trial.asked": _asked,
    "trial.resumed": _resumed,
    "trial.restarted": _restarted,
    "trial.drawn": _drawn,
    "trial.reported": _reported,
    "trial.judged": _judged,
    "trial.saved": _saved,
    "trial.paused": _paused,
    "trial.interrupted": _interrupted,
    "trial.told": _told,
}


def _change(fold_of: StudyState, data: Mapping[str, Any], /, **changes: Any) -> None:
    number = data["trial"]
    fold_of.trials[number] = dataclasses.replace(fold_of.trials[number], **changes)


def _numbers(metrics: Mapping[str, float | str]) -> dict[str, float]:
    return {name: number_from_json(value) for name, value in metrics.items()}
