"""What the trials that run or wait are expected to end at, by the curves on the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.analyse.finals import Ahead, Final, ahead_of
from holdfast.errors import RequestError
from holdfast.records import Score, Trial, TrialState, as_whole
from holdfast.search.memory import Memory
from holdfast.study.handle import LiveTrial
from holdfast.study.measured import metric_range
from holdfast.study.state import StudyState

LEVEL = 0.95

_memory: Memory[tuple[object, int], Ahead | None] = Memory(4)


def ahead(state: StudyState) -> Ahead | None:
    """The model of the study's curves, of the trials that may go on; None where nothing can be said."""
    history = state.history.snapshot(state.length)
    found = _memory.get((history.token, state.length), lambda: ahead_of(history))
    if found is None:
        return None
    goes_on = np.isin(found.open, _at_their_end(state), invert=True)
    return replace(found, open=found.open[goes_on], reached=found.reached[goes_on], bounds=metric_range(state))


def _at_their_end(state: StudyState) -> list[int]:
    """The trials that nobody will train any further: those that clones have replaced, and all after the choice."""
    if "choice.made" in state.notes:
        return list(range(len(state.trials)))
    return [trial.replaces for trial in state.trials if trial.replaces is not None]


def finals_of(state: StudyState, level: float = LEVEL) -> tuple[Final, ...]:
    """What each trial that may go on is expected to end at, the best first; empty where nothing can be said."""
    found = ahead(state)
    return () if found is None else found.finals(level)


def predict_final(state: StudyState, trial: int | Trial | LiveTrial, level: float = LEVEL) -> Score:
    """`final_of` a trial, as it is in hand or on the log, or of its number."""
    if isinstance(trial, Trial | LiveTrial):
        return final_of(state, trial.number, level)
    number = as_whole(trial)
    if number is None:
        raise RequestError(f"trial = {trial!r}; it must be a trial or its number")
    return final_of(state, number, level)


def final_of(state: StudyState, trial: int, level: float = LEVEL) -> Score:
    """What a trial that runs or waits is expected to end at.

    Raises:
        RequestError: for a trial that does not exist or will not go on, or of which nothing can be said yet.
    """
    if not 0 <= trial < len(state.trials):
        raise RequestError(f"study '{state.settings.name}' has no trial {trial}; it has {len(state.trials)} so far")
    given: object = level
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        raise RequestError(f"the level is {given!r}; it needs a number between 0 and 1, such as 0.95")
    its = state.trials[trial]
    if its.state not in (TrialState.RUNNING, TrialState.PAUSED):
        raise RequestError(
            f"trial {trial} is {its.state.value}: there is nothing left to predict; its metrics are on the trial"
        )
    if trial in _at_their_end(state):
        made = "choice.made" in state.notes
        why = "the study has made its choice" if made else "a clone has taken its place"
        raise RequestError(f"trial {trial} will not go on, as {why}: there is nothing left to predict")
    for final in finals_of(state, level):
        if final.trial == trial:
            return final.score
    if not its.reports:
        raise RequestError(f"trial {trial} has reported nothing yet, so there is no curve to go on")
    raise RequestError(
        f"nothing can be said of the end of trial {trial} yet: the curves of the study are too few, or all the same"
    )
