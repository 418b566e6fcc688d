"""What a study is at one point of its log: a fold over events."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import LogError
from holdfast.log.salvage import LOST, SALVAGED
from holdfast.log.upgrade import UPGRADED
from holdfast.records import (
    LARGEST_STEP,
    Cause,
    Config,
    Entry,
    Trial,
    TrialState,
    Verdict,
    loss_sign,
    number_from_json,
)
from holdfast.search.folds import comparable_loss
from holdfast.search.history import NO_ORIGIN, PAUSED, RUNNING, HistoryBuilder
from holdfast.space import Space, domain_from_json
from holdfast.space.rules import Predicate
from holdfast.study import losses
from holdfast.study.limits import with_limits
from holdfast.study.results import not_finite
from holdfast.study.settings import Settings
from holdfast.study.storing import name_of
from holdfast.study.trials import Trials
from holdfast.usage import Usage

NO_MORE = frozenset({TrialState.STOPPED, TrialState.FAILED})
"""The states of trials that neither go on nor have clones, so that nobody needs their checkpoints."""

LATER = frozenset({"config.enqueued", "space.amended", "plan.resolved", SALVAGED, UPGRADED})
"""What a person may do days after the last session."""


@dataclass(frozen=True, slots=True)
class Request:
    """A configuration that a person enqueued; ``by_scores`` if scores were known by then."""

    config: Config
    why: str
    by_scores: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an unfinished trial draws from where the space is found as it is used.

    ``space`` is the one that the strategy proposed for; None for a configuration that a person enqueued.
    """

    config: Config
    space: Space | None


@dataclass(slots=True)
class StudyState:
    """The fold. Only `fold` changes it; everybody else reads.

    It says whether a trial has said a metric (``scored``), and what a person has done since: enqueued a configuration
    that was then tried (``enqueued_by_scores``), amended the space (``amended_by_scores``).
    """

    settings: Settings
    history: HistoryBuilder
    trials: Trials = field(default_factory=Trials)
    queue: dict[int, Request] = field(default_factory=dict)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    requests: int = 0
    strategy_says: str = ""
    notes: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    sessions: list[tuple[float, float]] = field(default_factory=list)
    length: int = 0
    scored: bool = False
    enqueued_by_scores: bool = False
    amended_by_scores: bool = False
    predicates: tuple[Predicate, ...] = ()
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    """On the last report of each trial that runs, where it was not to continue."""

    diverged: set[int] = field(default_factory=set)
    """The trials that run and have reported an objective as NaN or infinite since they began or went on."""

    @staticmethod
    def begin(settings: Settings) -> StudyState:
        """The state right after ``study.created``."""
        builder = HistoryBuilder(
            settings.space,
            list(settings.directions.values()),
            settings.fidelity,
            constraints=[str(item) for item in settings.constraints],
            duplicates=settings.duplicates,
        )
        return StudyState(settings, builder)

    @property
    def first_metric(self) -> str:
        """The name of the first objective: the one that ranks."""
        return next(iter(self.settings.directions))

    @property
    def loss_sign(self) -> float:
        """What turns a value of the first objective into a loss, see `holdfast.records.loss_sign`."""
        return loss_sign(self.settings.directions[self.first_metric])

    @property
    def budget_spent(self) -> bool:
        """Whether the budget allows no new trial."""
        return self.history.trials_limit is not None and len(self.trials) >= self.history.trials_limit

    @property
    def steered(self) -> bool:
        """Whether a person who could know scores had a hand in which configurations were tried.

        Runs of a configuration that is tried already count, too: they share the luck of the run for which it was taken.
        """
        return self.enqueued_by_scores or self.amended_by_scores

    @property
    def elapsed(self) -> float:
        """Wall seconds for which processes worked on the study: from each ``run.began`` to their last event."""
        return sum(max(end - start, 0.0) for start, end in self.sessions)

    def supply(self, predicates: Sequence[Predicate]) -> None:
        """Give the space the functions that a log cannot hold."""
        self.predicates = tuple(predicates)
        if self.settings.space is not None:
            space = self.settings.space.with_predicates(self.predicates)
            self.settings = dataclasses.replace(self.settings, space=space)
            self.history.space = space

    def objectives(self, metrics: Mapping[str, float]) -> list[float]:
        """The objectives among named metrics, NaN where missing."""
        return [metrics.get(name, float("nan")) for name in self.settings.directions]


def fold(state: StudyState | None, entry: Entry, index: int) -> StudyState:
    """The state after one more event (changed in place)."""
    if state is None:
        if entry.kind == LOST:
            raise losses.no_beginning()
        if entry.kind != "study.created":
            raise LogError(f"the log begins with '{entry.kind}'; a study's log begins with 'study.created'")
        state = StudyState.begin(Settings.from_json(entry.data))
    else:
        fitting = losses.fitting(state, entry) if losses.has_lost(state) else entry
        if fitting is not None and fitting.kind in _FOLDS:
            _FOLDS[fitting.kind](state, fitting.data, fitting.time)
        elif fitting is not None:
            state.notes.setdefault(fitting.kind, []).append({**fitting.data, "time": fitting.time})
    if entry.kind == SALVAGED:
        losses.settle(state, set(entry.data["missing"]))
    if entry.kind == "run.began":
        state.sessions.append((entry.time, entry.time))
    elif state.sessions and entry.kind not in LATER:
        state.sessions[-1] = (state.sessions[-1][0], entry.time)
    state.length = index + 1
    return state


def _asked(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    number, config, proposal = data["trial"], _ordered(data["config"], state.settings.space), data.get("proposal")
    wished = data["enqueued"] is not None
    if wished:
        state.enqueued_by_scores |= state.queue.pop(data["enqueued"]).by_scores
    if proposal is not None:
        state.proposals[number] = Proposal(dict(proposal), None if wished else state.history.space)
    state.trials.append(
        Trial(
            number=number,
            config=config,
            state=TrialState.RUNNING,
            reason=sys.intern(data["reason"]),
            seed=data["seed"],
            until_step=data["until_step"],
            start_step=data.get("start_step", 0),
            checkpoint=None if data["parent"] is None else (data["start_step"], name_of(data["checkpoint"])),
            parent=data["parent"],
            parent_step=data.get("start_step", 0),
            replaces=data.get("replaces"),
            asked_at=time,
        )
    )
    state.history.asked(config if proposal is None else dict(proposal), data["until_step"], _origin(data))
    if data.get("replaces") is not None:
        _change(state, {"trial": data["replaces"]}, checkpoint=None)


def _origin(data: Mapping[str, Any]) -> tuple[int, int, int]:
    """What `History.origins` holds of a trial."""
    if data["parent"] is None:
        return NO_ORIGIN
    replaced = data.get("replaces")
    return data["parent"], data["start_step"], -1 if replaced is None else replaced


def _resumed(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _again(state, data, until_step=data["until_step"])


def _restarted(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    trial = state.trials[data["trial"]]
    if "drops" in data:  # its checkpoint was of no use, which readers have to know
        state.notes.setdefault("trial.restarted", []).append({**data, "time": time})
    _again(state, data, until_step=trial.until_step, restarts=trial.restarts + 1)


def _again(state: StudyState, data: Mapping[str, Any], *, until_step: int | None, **changes: Any) -> None:
    """A trial runs from ``start_step``; what it reported after that stands until it reports there again, or before."""
    number, trial = data["trial"], state.trials[data["trial"]]
    _leg_over(state, number)
    if data["start_step"] < trial.parent_step:  # what it was cloned from is gone, so it has no parent any more
        changes |= {"parent": None, "parent_step": 0, "checkpoint": None, "reports": ()}
    _change(
        state,
        data,
        state=TrialState.RUNNING,
        start_step=data["start_step"],
        until_step=until_step,
        cause=None,
        **changes,
    )
    state.history.moved(number, RUNNING, until_step)


def _drawn(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    domains = {name: domain_from_json(name, domain) for name, domain, _ in data["values"]}
    config = {**state.trials[data["trial"]].config, **{name: value for name, _, value in data["values"]}}
    _change(state, data, config=config)
    state.history.drew(data["trial"], domains, config)


def _reported(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    metrics, step = _numbers(data["metrics"]), min(data["step"], LARGEST_STEP)  # an early log may hold more
    state.trials.reported(data["trial"], step, metrics)
    state.verdicts.pop(data["trial"], None)
    if not_finite(metrics, state.settings.objectives):
        state.diverged.add(data["trial"])
    state.scored |= bool(metrics)
    if state.first_metric in metrics:
        state.history.reported(data["trial"], step, state.objectives(metrics))


def _judged(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.verdicts[data["trial"]] = Verdict(data["verdict"])


def _saved(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, checkpoint=(min(data["step"], LARGEST_STEP), name_of(data["checkpoint"])))


def _paused(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _leg_over(state, data["trial"])
    _change(state, data, state=TrialState.PAUSED, until_step=data["until_step"], **_leg(state, data))
    state.scored |= bool(data["metrics"])
    state.history.moved(data["trial"], PAUSED, data["until_step"])


def _interrupted(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    _change(state, data, cause=Cause(data.get("cause", Cause.INTERRUPTED)))


def _told(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    outcome = TrialState(data["state"])
    _leg_over(state, data["trial"])
    leg = _leg(state, data)
    state.scored |= bool(data["metrics"])
    _change(
        state,
        data,
        state=outcome,
        error=data["error"],
        cause=None if data["cause"] is None else Cause(data["cause"]),
        told_at=time,
        until_step=data.get("until_step", state.trials[data["trial"]].until_step),
        **leg,
        **({"checkpoint": None} if outcome in NO_MORE else {}),
    )
    state.proposals.pop(data["trial"], None)
    violation = [item.violation(leg["metrics"]) for item in state.settings.constraints]
    values = state.objectives(leg["metrics"])
    if outcome is TrialState.STOPPED and state.settings.drop_folds != "never":
        values[0] = _comparable(state, state.trials[data["trial"]], values[0])
    state.history.told(data["trial"], outcome, values, leg["seconds"], violation)


def _comparable(state: StudyState, trial: Trial, value: float) -> float:
    """What strategies see of a trial that was dropped before its last fold: easy folds are no merit."""
    own, sign = reported_by_step(state, trial), state.loss_sign
    losses = {step: sign * value for step, value in own.items()}
    return sign * comparable_loss(state.history.snapshot(state.length), losses) if losses else value


def reported_by_step(state: StudyState, trial: Trial) -> dict[int, float]:
    """The first objective that a trial has reported at each step, since it last began there."""
    name = state.first_metric
    return {step: metrics[name] for step, metrics in trial.reports if name in metrics}


def _leg_over(state: StudyState, number: int) -> None:
    """What was said of a trial's reports was said of the leg that they were of."""
    state.verdicts.pop(number, None)
    state.diverged.discard(number)


def _leg(state: StudyState, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a leg of training adds to a trial: its metrics and extras, and the time it took."""
    trial = state.trials[data["trial"]]
    return {
        "metrics": _numbers(data["metrics"]),
        "seconds": trial.seconds + data["seconds"],
        "cpu_seconds": trial.cpu_seconds + data["cpu_seconds"],
        "extra": {**trial.extra, **data["extra"]} if data["extra"] else trial.extra,
        "rows": data["rows"],
        "usage": (*trial.usage, Usage.from_json(data.get("usage", {}))),
    }


def _enqueued(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.queue[state.requests] = Request(dict(data["config"]), data["why"], state.scored)
    state.requests += 1


def _dropped(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    for number in data.get("trials", list(state.trials.saved)):
        _change(state, {"trial": number}, checkpoint=None)


def _budget(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.history.trials_limit = data["trials"]


def _chosen(state: StudyState, data: Mapping[str, Any], _: float) -> None:
    state.strategy_says = data["text"]


def _amended(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    space = with_limits(Space.from_json(dict(data["space"])).with_predicates(state.predicates))
    state.settings = dataclasses.replace(state.settings, space=space)
    state.history.amended(space, data["values"])
    state.amended_by_scores |= state.scored
    for number, request in state.queue.items():
        fitting = state.history.as_amended(request.config)  # a person asked for just this one, if it does not fit
        state.queue[number] = dataclasses.replace(request, config=fitting or request.config)
    state.notes.setdefault("space.amended", []).append({**data, "time": time})


def _learned(state: StudyState, data: Mapping[str, Any], time: float) -> None:
    sign = loss_sign(data["direction"])
    configs, values = [item[0] for item in data["trials"]], [item[1] for item in data["trials"]]
    state.history.learned(data["name"], configs, [sign * value for value in values])
    state.notes.setdefault("study.learned", []).append({**data, "time": time})


_FOLDS: dict[str, Callable[[StudyState, Mapping[str, Any], float], None]] = {
    "budget.set": _budget,
    "strategy.chosen": _chosen,
    "space.amended": _amended,
    "study.learned": _learned,
    "config.enqueued": _enqueued,
    "trial.asked": _asked,
    "trial.resumed": _resumed,
    "trial.restarted": _restarted,
    "trial.drawn": _drawn,
    "trial.reported": _reported,
    "trial.judged": _judged,
    "trial.saved": _saved,
    "checkpoints.dropped": _dropped,
    "trial.paused": _paused,
    "trial.interrupted": _interrupted,
    "trial.told": _told,
}


def _change(fold_of: StudyState, data: Mapping[str, Any], /, **changes: Any) -> None:
    number = data["trial"]
    fold_of.trials[number] = dataclasses.replace(fold_of.trials[number], **changes)


def _ordered(config: Config, space: Space | None) -> Config:
    """A configuration in the order of the space: a log keeps none within a table. Equal texts are one object."""
    ordered = config if space is None else space.ordered(config)
    return {name: sys.intern(value) if type(value) is str else value for name, value in ordered.items()}


def _numbers(metrics: Mapping[str, float | str]) -> dict[str, float]:
    return {sys.intern(name): number_from_json(value) for name, value in metrics.items()}
