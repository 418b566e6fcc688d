"""What a job says of its trials, checked where the job runs, as what an objective says of its trial is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.errors import RequestError, SpaceError, shown
from holdfast.execute.call import failed
from holdfast.records import (
    Assignment,
    Cause,
    Job,
    Outcome,
    Report,
    Reporter,
    RowScores,
    TrialState,
    Value,
    Verdict,
    as_whole,
    canonical_json,
)
from holdfast.space import domain_from_json
from holdfast.study.partway import unreported
from holdfast.study.results import End, end_of, error_text, number_of, rows_apart
from holdfast.study.said import Said, next_step, saved

_ENDS = tuple(state for state in TrialState if state is not TrialState.RUNNING)


@dataclass(frozen=True)
class CheckedJob:
    """Runs ``job``, and lets nothing through that would not be taken from an objective.

    A report that cannot be meant is refused where the job makes it, with a `RequestError`; an outcome that cannot be
    meant is that of a failed trial, with the sentence. The other trials of the study go on.
    """

    job: Job
    objectives: tuple[str, ...]

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> Sequence[Outcome]:
        """The outcomes of ``job`` as they can be logged; what is no outcome is handed on for others to refuse."""
        legs = {item.trial: Leg.of(item, report, self.objectives) for item in assignments}

        def checked(said: Report) -> Verdict:
            return _leg_of(said, legs).take(said)

        outcomes: object = self.job.run(assignments, checked)
        if not isinstance(outcomes, Iterable):
            error = f"the job returned {shown(outcomes)}; a list of outcomes is due, one for each trial"
            return failed(assignments, Cause.ERROR, error)
        return [_checked(item, legs) for item in outcomes]


@dataclass(slots=True)
class Leg:
    """One trial as far as a call of a job has brought it.

    Attributes:
        number: of the trial.
        until_step: how far it is to train; None means to the end.
        max_step: the fidelity's last step; None where the study declares none.
        last: the step that its next report has to be above; None for any.
        may_draw: whether values are drawn in a space that is found as it is used.
        report: takes what the trial reports.
        objectives: the study's.
        said: what it has reported.
        verdict: on its last report.
    """

    number: int
    until_step: int | None
    max_step: int | None
    last: int | None
    may_draw: bool
    report: Reporter
    objectives: tuple[str, ...]
    said: Said = field(default_factory=Said)
    verdict: Verdict = Verdict.CONTINUE

    @staticmethod
    def of(begun: Assignment, report: Reporter, objectives: tuple[str, ...]) -> Leg:
        """Where an assignment begins."""
        last = begun.start_step or None
        return Leg(begun.trial, begun.until_step, begun.max_step, last, begun.may_draw, report, objectives)

    def take(self, said: Report) -> Verdict:
        """Hand on a report, as it can be logged.

        Raises:
            RequestError: if it cannot be meant; nothing is handed on then.
        """
        metrics: object = said.metrics
        if not isinstance(metrics, Mapping):
            raise RequestError(f"trial {self.number} reported metrics = {shown(metrics)}; report named numbers")
        named = {str(name): number_of(str(name), value, "report") for name, value in metrics.items()}
        at = 0
        if named:
            at = next_step(self.number, said.step, self.last, self.max_step)
        checkpoint = None
        if said.checkpoint is not None:
            checkpoint, at = saved(self.number, said.checkpoint, said.step, self.max_step)
        verdict = self.report(Report(self.number, at, named, checkpoint, self._drawn(said.drawn)))
        if named:
            self.last, self.verdict = at, verdict
            self.said = self.said.then(at, named, self.objectives)
        return verdict

    def _drawn(self, drawn: Any) -> dict[str, tuple[dict[str, Any], Value]]:
        """Values that a trial has drawn, as they can be logged."""
        if not drawn:
            return {}
        if not self.may_draw:
            raise RequestError(f"trial {self.number} drew values, but the space of the study was declared")
        found: dict[str, tuple[dict[str, Any], Value]] = {}
        try:
            for name, (table, value) in dict(drawn).items():
                domain = domain_from_json(name, table)
                found[name] = domain.to_json(), domain.check(value, name)
        except (TypeError, ValueError, SpaceError) as exc:
            raise RequestError(
                f"trial {self.number} drew {shown(drawn)}; it takes a domain, as to_json gives it, and a value of it "
                f"by name: {exc}"
            ) from None
        return found

    def came_to(self, outcome: Outcome, rows: RowScores | None) -> End:
        """How the trial ended by what its outcome says, which has these row scores.

        As with an objective its metrics are the report at the step that the trial was to run to, where its last one
        lies before it.

        Raises:
            RequestError: if that cannot be meant.
        """
        state, objectives = self._state(outcome.state), self.objectives
        metrics: object = outcome.metrics
        if not isinstance(metrics, Mapping):
            raise RequestError(f"the outcome of trial {self.number} has metrics = {shown(metrics)}; name the numbers")
        named = {str(name): number_of(str(name), value) for name, value in metrics.items()}
        if state is TrialState.FAILED:
            return End(state, named, error_text(outcome.error), self._cause(outcome.cause))
        if state is TrialState.STOPPED:
            return end_of(None, objectives, Verdict.STOP, named)
        if (lacking := unreported(self, objectives)) is not None:
            raise RequestError(lacking)
        end = end_of(named, objectives, Verdict.CONTINUE, {})
        if self._short_of(self.until_step) and self.verdict is Verdict.CONTINUE:
            self.take(Report(self.number, self.until_step or 0, end.metrics))
        if end.state is not TrialState.FAILED:
            end = End(self._state(state), end.metrics)
        if rows is not None and (apart := rows_apart(rows, end, objectives)):
            raise RequestError(apart)
        return end

    def _state(self, given: object) -> TrialState:
        """The state of an outcome; one that is partial must not pass for complete."""
        if given not in _ENDS:
            words, said = ", ".join(_ENDS[:-1]), shown(str(given) if isinstance(given, str) else given)
            raise RequestError(
                f"the outcome of trial {self.number} has state = {said}; it can be {words} or {_ENDS[-1]}"
            )
        state = TrialState(str(given))
        if state is TrialState.COMPLETE and self._short_of(self.max_step) and self.verdict is not Verdict.CONTINUE:
            due = TrialState.PAUSED if self.verdict is Verdict.PAUSE else TrialState.STOPPED
            raise RequestError(
                f"the outcome of trial {self.number} has state = complete, and it was told to {self.verdict} at step "
                f"{self.said.step}; it is {due} there"
            )
        return state

    def _short_of(self, step: int | None) -> bool:
        """Whether there is such a step of the study's fidelity, and its last report lies before it."""
        return self.max_step is not None and step is not None and (self.said.step or 0) < step

    def _cause(self, given: object) -> Cause:
        if given is not None and given not in tuple(Cause):
            raise RequestError(
                f"the outcome of trial {self.number} has cause = {shown(given)}; it can be {', '.join(Cause)}"
            )
        return Cause.ERROR if given is None else Cause(str(given))


def _leg_of(said: object, legs: Mapping[int, Leg]) -> Leg:
    """The trial that a report is of.

    Raises:
        RequestError: if it is of none that the job was given.
    """
    if not isinstance(said, Report):
        raise RequestError(f"the job reported {shown(said)}, which is no Report")
    number = as_whole(said.trial)
    if number is None or number not in legs:
        given = ", ".join(map(str, legs))
        raise RequestError(f"the job reported for trial {shown(said.trial)}; it was given {given}")
    return legs[number]


def _checked(outcome: Outcome, legs: Mapping[int, Leg]) -> Outcome:
    """An outcome as it can be logged: that of a failed trial where it cannot be meant."""
    if not isinstance(outcome, Outcome) or outcome.trial not in legs:
        return outcome
    leg = legs[outcome.trial]
    try:
        extra, rows = _extra(outcome), _rows(outcome)
        end = leg.came_to(outcome, rows)
        seconds, cpu_seconds = _seconds(outcome, "seconds"), _seconds(outcome, "cpu_seconds")
    except RequestError as exc:
        return Outcome(leg.number, TrialState.FAILED, error=str(exc), cause=Cause.ERROR)
    rows = None if end.cause is Cause.DIVERGED and outcome.state != TrialState.FAILED else rows
    return replace(
        outcome,
        trial=leg.number,
        state=end.state,
        metrics=end.metrics,
        rows=rows,
        error=end.error,
        cause=end.cause,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        extra=extra,
    )


def _seconds(outcome: Outcome, name: str) -> float:
    seconds = number_of(name, getattr(outcome, name), f"outcome of trial {outcome.trial}")
    if not (math.isfinite(seconds) and seconds >= 0):
        raise RequestError(f"the outcome of trial {outcome.trial} has {name} = {seconds}; it takes 0 or more")
    return seconds


def _extra(outcome: Outcome) -> dict[str, Any]:
    try:
        found = dict(outcome.extra)
        canonical_json(found)
    except (TypeError, ValueError) as exc:
        raise RequestError(f"the outcome of trial {outcome.trial} has an extra that is no JSON value: {exc}") from None
    return found


def _rows(outcome: Outcome) -> RowScores | None:
    rows: object = outcome.rows
    if rows is None or isinstance(rows, RowScores):
        return rows
    raise RequestError(f"the outcome of trial {outcome.trial} has rows = {shown(rows)}; it takes a holdfast.RowScores")
