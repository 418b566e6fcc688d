"""The analysis of a study's trials, from what its log says; made once for a state of the log."""

from __future__ import annotations

import numpy as np

from holdfast.analyse.analysis import Analysis
from holdfast.analyse.observed import Observed, observed
from holdfast.errors import RequestError, nearest
from holdfast.records import Cause, Config, Trial
from holdfast.search.memory import Memory
from holdfast.study.ranking import ranking
from holdfast.study.state import StudyState

NOT_THE_CONFIGS_FAULT = frozenset({Cause.LOST, Cause.PREEMPTED, Cause.INTERRUPTED, Cause.BUDGET})
"""Trials that failed by these say nothing of their configuration."""

_KEPT = 2
_memory: Memory[tuple[object, int, str, int | None], Analysis] = Memory(_KEPT)


def analysis_of(state: StudyState, metric: str | None = None, winner: Trial | None = None) -> Analysis:
    """What the trials teach of the hyperparameters.

    Args:
        state: of the study.
        metric: the objective to look at; the first one if None.
        winner: the trial that was chosen; with one objective the best so far if None.

    Raises:
        RequestError: for an unknown metric, too few trials, or scores that are all the same.
    """
    objectives = list(state.settings.directions)
    name = state.first_metric if metric is None else metric
    if name not in objectives:
        raise RequestError(f"study '{state.settings.name}' has no objective '{name}'{nearest(name, objectives)}")
    if winner is None and len(objectives) == 1:
        winner = next(iter(ranking(state)), None)
    history = state.history.snapshot(state.length)
    key = (history.token, len(history.told_trial), name, None if winner is None else winner.number)

    def found() -> Analysis:
        trials = observed(
            history,
            objective=objectives.index(name),
            leave_out={trial.number for trial in state.trials if trial.cause in NOT_THE_CONFIGS_FAULT},
            seed=state.settings.seed,
        )
        target = None if winner is None else _target(trials, winner)
        return Analysis(trials, None if winner is None or target is None else winner.number, target)

    return _memory.get(key, found)


def _target(trials: Observed, winner: Trial) -> Config | None:
    """The winner's configuration in the space as it is now; None if it does not fit into it any more."""
    rows = np.flatnonzero(trials.trials == winner.number)
    if len(rows) == 0:
        return None
    space, units = trials.space, trials.units[rows[0]]
    config = {name: value for name, value in winner.config.items() if name in space or name in space.derived}
    for name, unit in zip(space.names, units, strict=True):
        if np.isnan(unit):
            config.pop(name, None)
        elif name not in config:
            config[name] = space.domain_in(name, config).from_unit(float(unit))
    return space.ordered(config)
