"""Trials that are to run to a step: what they have to report on the way, and the value that stands for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.errors import RequestError
from holdfast.records import Report, RowScores, Trial, Verdict
from holdfast.search.base import Strategy
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.handle import LiveTrial
from holdfast.study.results import End, Result, end_told, named_values
from holdfast.study.said import Said


@dataclass(frozen=True)
class Told:
    """What a person told of the end of a trial, see `Study.tell`."""

    value: Result = None
    rows: RowScores | None = None
    state: str | None = None
    error: BaseException | str | None = None

    def end(self, objectives: Sequence[str], verdict: Verdict, reported: Mapping[str, float]) -> End:
        """How the trial ended after that verdict on what it last reported.

        Raises:
            RequestError: if that cannot be meant.
        """
        return end_told(self.value, objectives, verdict, reported, self.state, self.error, self.rows)


def stand_for_report(trial: LiveTrial, result: Result, objectives: Sequence[str]) -> None:
    """What an objective returned is the report at the step that it was to run to, where its last one lies before it.

    So a trial that was trained a little pauses, and is no complete one.

    Raises:
        RequestError: if the result is not what an objective may return.
    """
    until, most, step = trial.until_step, trial.max_step, trial.said.step
    if until is None or most is None or until >= most or step is None or step >= until:
        return
    if result is not None and trial.verdict is Verdict.CONTINUE:
        trial.report(named_values(result, objectives), until)


def told(book: Book, strategy: Strategy, live: LiveTrial | Trial, what: Told, token: int | None = None) -> End:
    """How a trial ended by what a person told of it, after what it reported.

    Where it was to run to a step and has not reported that far, the value told is its report of that step, unless it is
    told to be complete or failed, or to be stopped.

    Raises:
        RequestError: if that cannot be meant; nothing is logged then.
    """
    state = book.state
    trial, objectives, fidelity = state.trials[live.number], state.settings.objectives, state.settings.fidelity
    reported: Mapping[str, float] = trial.reports[-1][1] if trial.reports else {}
    verdict = live.verdict if isinstance(live, LiveTrial) else state.verdicts.get(live.number, Verdict.CONTINUE)
    until, most = trial.until_step, None if fidelity is None else fidelity.max
    if isinstance(live, LiveTrial):
        said = live.said
    else:
        since = (each for each in trial.reports if each[0] > trial.start_step or trial.start_step == 0)
        said = Said.of(since, objectives)
    if until is None or most is None or what.state not in {None, "paused"} or what.error is not None:
        return what.end(objectives, verdict, reported)
    if verdict is not Verdict.STOP and (lacking := said.lacking(trial.number, until, most, objectives)):
        raise RequestError(lacking)
    ours = token is None or actions.holds(state, trial.number, token)
    short = said.step is None or said.step < until
    if ours and short and verdict is Verdict.CONTINUE and what.value is not None:
        what.end(objectives, Verdict.PAUSE if until < most else verdict, reported)  # nothing is logged if it is refused
        metrics = named_values(what.value, objectives)
        if isinstance(live, LiveTrial):
            live.flush()
        verdict = actions.report(book, strategy, Report(trial.number, until, metrics), token)
    return what.end(objectives, verdict, reported)


class Reporting(Protocol):
    """A trial as far as it has reported: in the hands of an objective, or of a job."""

    number: int
    until_step: int | None
    max_step: int | None
    said: Said
    verdict: Verdict


def unreported(trial: Reporting, objectives: Sequence[str]) -> str | None:
    """What a trial that was to run to a step should have reported, in a sentence; None where nothing is missing.

    Nothing is, of one that was stopped, or gave up.
    """
    if trial.until_step is None or trial.verdict is Verdict.STOP:
        return None
    if trial.said.step is None:
        return (
            f"trial {trial.number} was to run to step {trial.until_step} and reported none; call trial.report(value, "
            "step) after each, and return where it says not to go on"
        )
    return trial.said.lacking(trial.number, trial.until_step, trial.max_step, objectives) or None
