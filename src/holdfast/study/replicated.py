"""Trials that ran the same configuration, and which to run again before one of them is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.ranges import possible
from holdfast.records import Cause, Config, Score, Trial, TrialState
from holdfast.stats.replicates import shrunken_means
from holdfast.study.book import Book
from holdfast.study.constraints import is_feasible
from holdfast.study.measured import metric_range
from holdfast.study.ranking import best_of, ranking
from holdfast.study.settings import whole
from holdfast.study.state import StudyState
from holdfast.study.understanding import NOT_THE_CONFIGS_FAULT

ESTIMAND = "what a fresh run of the configuration scores on average"
REPLICATE = "replicate of trial"
"""Why a configuration was enqueued that is to run again."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """The best configuration by its fresh runs.

    Attributes:
        trial: the first run of the configuration.
        score: its mean over fresh runs, shrunk, with an interval that holds for whichever is picked.
        plain: the mean without the shrinkage.
        fresh: how many fresh runs it has.
        configurations: how many were compared.
    """

    trial: Trial
    score: Score
    plain: float
    fresh: int
    configurations: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How far runs of one configuration are apart.

    Attributes:
        sd: their standard deviation, pooled over ``configurations`` with two runs or more, with ``freedom`` degrees.
        runs: how many complete runs the configuration in question has.
    """

    sd: float
    freedom: int
    configurations: int
    runs: int


def spread_of_runs(state: StudyState, trial: Trial) -> Spread | None:
    """How far runs of one configuration are apart, and how many ``trial``'s has; None without a second run of any."""
    complete = [
        [run.metrics[state.first_metric] for run in group if run.state is TrialState.COMPLETE]
        for group in _configurations(state)
    ]
    again = [np.array(scores) for scores in complete if len(scores) > 1]
    if not again:
        return None
    freedom = sum(len(scores) - 1 for scores in again)
    squares = sum(float(((scores - scores.mean()) ** 2).sum()) for scores in again)
    own = next((group for group in _configurations(state) if any(run.number == trial.number for run in group)), [trial])
    runs = sum(run.state is TrialState.COMPLETE for run in own)
    return Spread(math.sqrt(squares / freedom), freedom, len(again), runs)


def replicate(book: Book, top: int, runs: int) -> tuple[int, ...]:
    """Enqueue the best ``top`` configurations until each has, or will have had, ``runs`` runs; see `Study.replicate`.

    Raises:
        RequestError: for numbers out of range, or a study without a best trial.
    """
    top, runs = whole("top", top, 1), whole("runs", runs, 2)
    best_of(book.state)  # says why there is none
    state, again = book.state, []
    for group in _configurations(state)[:top]:
        config = _config_now(state, group[0])
        waiting = sum(request.config == config for request in state.queue.values())
        counted = [trial for trial in group if trial.cause not in NOT_THE_CONFIGS_FAULT]
        again += [(group[0].number, config)] * max(runs - len(counted) - waiting, 0)
    for number, config in again:
        book.note("config.enqueued", {"config": config, "why": f"{REPLICATE} {number}"})
    return tuple(number for number, _ in again)


def best_replicated(book: Book, level: float) -> Replicated:
    """The configuration with the best mean over fresh runs, those after its first one, among all that have two.

    A configuration of which a run failed by itself, or whose runs miss a constraint on average, is left out.

    Raises:
        RequestError: where no configuration has two fresh runs.
    """
    state = book.state
    best_of(state)
    found = [(group[0], fresh) for group in _configurations(state) if (fresh := _fresh(state, group)) is not None]
    if not found:
        first = [str(group[0].number) for group in _configurations(state)[:3]]
        raise RequestError(
            f"study '{state.settings.name}' has no configuration with two fresh runs, so nothing can be recommended by "
            f"replicates; study.replicate(top={len(first)}) enqueues those of the best ({', '.join(first)}), and then "
            "optimize runs them"
        )
    sign = -state.loss_sign
    made = shrunken_means([sign * scores for _, scores in found], level)
    place = int(np.lexsort((-made.means, -made.shrunk))[0])
    low, high = sorted((sign * float(made.low[place]), sign * float(made.high[place])))
    method = "mean over fresh runs, shrunk by empirical Bayes, with Student's simultaneous bounds"
    n = len(found[place][1])
    score = Score(sign * float(made.shrunk[place]), low, high, level, method, ESTIMAND, n)
    score = possible(score, metric_range(state))
    return Replicated(found[place][0], score, sign * float(made.means[place]), n, len(found))


def is_replicate(trial: Trial) -> bool:
    """Whether a trial was enqueued to run a configuration again."""
    return trial.reason.startswith(f"enqueued: {REPLICATE} ")


def _configurations(state: StudyState) -> list[list[Trial]]:
    """The runs of each configuration in their order, by how good the first complete one was, the best in front.

    That one has to be among the trials that may be the best.
    """
    units = state.history.snapshot(state.length).units
    runs: dict[bytes, list[Trial]] = {}
    for trial in state.trials:
        if trial.number not in state.history.masked:
            runs.setdefault(units[trial.number].tobytes(), []).append(trial)
    firsts = {
        next((trial.number for trial in group if trial.state is TrialState.COMPLETE), None): group
        for group in runs.values()
    }
    return [firsts[trial.number] for trial in ranking(state) if trial.number in firsts]


def _fresh(state: StudyState, group: list[Trial]) -> np.ndarray | None:
    """(n,) the scores of the complete runs after the first complete one; None if that is no ground to choose it."""
    if any(trial.state is TrialState.FAILED and trial.cause in {Cause.ERROR, Cause.DIVERGED} for trial in group):
        return None
    complete = [trial for trial in group if trial.state is TrialState.COMPLETE]
    named = [item.metric for item in state.settings.constraints]
    means = {name: float(np.mean([trial.metrics.get(name, math.nan) for trial in complete])) for name in named}
    if len(complete) < 3 or not is_feasible(state.settings.constraints, means):
        return None
    return np.array([trial.metrics[state.first_metric] for trial in complete[1:]])


def _config_now(state: StudyState, trial: Trial) -> Config:
    """The configuration of a trial in the space as it is now, as strategies see it."""
    space = state.history.space
    if state.settings.space is None or space is None:
        return dict(trial.config)
    config = {name: value for name, value in trial.config.items() if name in space}
    units = state.history.snapshot(state.length).units[trial.number]
    for name, unit in zip(space.names, units, strict=True):
        if np.isnan(unit):
            config.pop(name, None)
        elif name not in config:
            config[name] = space.domain_in(name, config).from_unit(float(unit))
    return space.validate(config, fill=True)
