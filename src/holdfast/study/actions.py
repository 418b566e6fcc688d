"""What can happen in a study, as functions of its book: ask, report, tell, restart, interrupt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from holdfast.errors import RequestError
from holdfast.log.base import Log
from holdfast.records import (
    Assignment,
    Cause,
    Entry,
    Outcome,
    Report,
    Suggestion,
    Trial,
    TrialState,
    Verdict,
    number_to_json,
)
from holdfast.rng import Streams
from holdfast.search import base
from holdfast.search.base import Strategy
from holdfast.search.history import History
from holdfast.study.book import Book, entry
from holdfast.study.state import StudyState


def ask(book: Book, strategy: Strategy, n: int = 1) -> list[Assignment]:
    """Up to ``n`` assignments: what a person enqueued, then what the strategy suggests; none if there is nothing."""

    def decide(state: StudyState) -> tuple[list[Entry], list[Assignment]]:
        # enqueued configurations go alone: a strategy is asked when they are in its history
        entries = _enqueued(state, n) or _suggested(state, strategy, n)
        return entries, [_plan(state, item) for item in entries if item.kind != "strategy.chosen"]

    planned = book.commit(decide)
    return [_with_checkpoint(book.log, assignment, book.state.trials[assignment.trial]) for assignment in planned]


def report(book: Book, strategy: Strategy, said: Report) -> Verdict:
    """Log what a running trial says, and judge it if it brought metrics."""
    if said.drawn:
        values = {name: [domain, value] for name, (domain, value) in said.drawn.items()}
        _append_for(book, said.trial, "trial.drawn", {"trial": said.trial, "values": values})
    if said.checkpoint is not None:
        blob = {"blob": book.log.put(said.checkpoint)}
        _append_for(book, said.trial, "trial.saved", {"trial": said.trial, "step": said.step, "checkpoint": blob})
    if not said.metrics:
        return Verdict.CONTINUE
    metrics = {name: number_to_json(value) for name, value in said.metrics.items()}
    _append_for(book, said.trial, "trial.reported", {"trial": said.trial, "step": said.step, "metrics": metrics})
    verdict = base.judge(strategy, book.state.history.snapshot(book.state.length), said.trial)
    if verdict is not Verdict.CONTINUE:
        _append_for(book, said.trial, "trial.judged", {"trial": said.trial, "verdict": verdict.value})
    return verdict


def tell(book: Book, outcome: Outcome) -> None:
    """Log how a trial ended, or that it paused; its result is durable when this returns."""
    rows = None if outcome.rows is None else book.put_rows(outcome.rows)
    leg = {
        "trial": outcome.trial,
        "metrics": {name: number_to_json(value) for name, value in outcome.metrics.items()},
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "extra": dict(outcome.extra),
    }
    if outcome.state is TrialState.PAUSED:
        until = book.state.trials[outcome.trial].until_step
        _append_for(book, outcome.trial, "trial.paused", {**leg, "until_step": until})
        return
    end = {
        "state": outcome.state.value,
        "rows": rows,
        "error": outcome.error,
        "cause": None if outcome.cause is None else outcome.cause.value,
    }
    _append_for(book, outcome.trial, "trial.told", {**leg, **end})


def restart(book: Book, number: int, why: str) -> Assignment:
    """Hand a trial out again whose process is gone, from its last checkpoint."""
    trial = book.state.trials[number]
    step = 0 if trial.checkpoint is None else trial.checkpoint[0]
    _append_for(book, number, "trial.restarted", {"trial": number, "why": why, "start_step": step})
    return _with_checkpoint(book.log, _assignment(book.state, book.state.trials[number]), book.state.trials[number])


def interrupt(book: Book, numbers: Collection[int]) -> None:
    """Mark these trials, where they are running, as interrupted by a person."""

    def decide(state: StudyState) -> tuple[list[Entry], None]:
        running = [n for n in sorted(numbers) if state.trials[n].state is TrialState.RUNNING]
        return [entry("trial.interrupted", {"trial": number}) for number in running], None

    book.commit(decide)


def is_alike(first: Outcome, second: Outcome) -> bool:
    """Whether two failures are the same: their causes and the last lines of their errors agree."""
    return first.cause is second.cause and last_line(first.error) == last_line(second.error)


def last_line(error: str | None) -> str:
    """The last line of a traceback: the exception and what it says."""
    lines = (error or "").strip().splitlines()
    return lines[-1] if lines else ""


def counts_as_failure(outcome: Outcome) -> bool:
    """Whether an outcome speaks of a broken objective; a diverged trial is information."""
    return outcome.state is TrialState.FAILED and outcome.cause is not Cause.DIVERGED


def _enqueued(state: StudyState, n: int) -> list[Entry]:
    entries = []
    for number, request in enumerate(sorted(state.queue)[: _new_trials(state, n)], start=len(state.trials)):
        wish = state.queue[request]
        reason = f"enqueued: {wish.why}" if wish.why else "enqueued"
        entries.append(_asked(state, Suggestion(wish.config, reason, state.length), number, request))
    return entries


def _suggested(state: StudyState, strategy: Strategy, n: int) -> list[Entry]:
    history = state.history.snapshot(state.length)
    most, number = _new_trials(state, n), len(state.trials)
    entries: list[Entry] = []
    for suggestion in _propose(history, strategy, n, Streams(state.settings.seed)):
        if suggestion.resume_from is not None:
            entries.append(_resumed(state, suggestion))
        elif number < len(state.trials) + most:
            entries.append(_asked(state, suggestion, number, None))
            number += 1
    says = base.explain(strategy, history)
    if entries and says != state.strategy_says:
        entries.insert(0, entry("strategy.chosen", {"text": says}))
    return entries


def _new_trials(state: StudyState, n: int) -> int:
    """How many of ``n`` new trials the budget allows."""
    limit = state.history.trials_limit
    return n if limit is None else min(n, max(limit - len(state.trials), 0))


def _propose(history: History, strategy: Strategy, n: int, streams: Streams) -> list[Suggestion]:
    """The strategy's suggestions; while a space is still unknown, empty configurations that draw for themselves."""
    if history.space is not None:
        return strategy.ask(history, n, streams)
    return [Suggestion({}, "the space is found as it is used", history.index) for _ in range(n)]


def _asked(state: StudyState, suggestion: Suggestion, number: int, request: int | None) -> Entry:
    dynamic = state.settings.space is None
    data: dict[str, Any] = {
        "trial": number,
        "config": {} if dynamic else suggestion.config,
        "reason": suggestion.reason,
        "seen": suggestion.seen,
        "seed": Streams(state.settings.seed).integer(number, "trial"),
        "until_step": suggestion.until_step,
        "parent": suggestion.parent,
        "enqueued": request,
    }
    if dynamic:
        data["proposal"] = suggestion.config
    return entry("trial.asked", data)


def _resumed(state: StudyState, suggestion: Suggestion) -> Entry:
    assert suggestion.resume_from is not None
    checkpoint = state.trials[suggestion.resume_from].checkpoint
    data = {
        "trial": suggestion.resume_from,
        "until_step": suggestion.until_step,
        "start_step": 0 if checkpoint is None else checkpoint[0],
        "reason": suggestion.reason,
        "seen": suggestion.seen,
    }
    return entry("trial.resumed", data)


def _plan(state: StudyState, item: Entry) -> Assignment:
    """The assignment that an asked or resumed event stands for, before its checkpoint is fetched."""
    data = item.data
    if item.kind == "trial.resumed":
        trial = state.trials[data["trial"]]
        return Assignment(
            data["trial"], trial.config, trial.seed, data["start_step"], data["until_step"], known=_known(state)
        )
    return Assignment(
        data["trial"],
        dict(data["config"]),
        data["seed"],
        until_step=data["until_step"],
        proposal=dict(data.get("proposal", {})),
        known=_known(state),
    )


def _assignment(state: StudyState, trial: Trial) -> Assignment:
    return Assignment(trial.number, trial.config, trial.seed, trial.start_step, trial.until_step, known=_known(state))


def _known(state: StudyState) -> dict[str, dict[str, Any]]:
    """The domains found so far, where the space is found as it is used."""
    if state.settings.space is not None or state.history.space is None:
        return {}
    return state.history.space.to_json()


def _with_checkpoint(log: Log, assignment: Assignment, trial: Trial) -> Assignment:
    if assignment.start_step == 0 or trial.checkpoint is None:
        return assignment
    return Assignment(
        assignment.trial,
        assignment.config,
        assignment.seed,
        assignment.start_step,
        assignment.until_step,
        log.get(trial.checkpoint[1]),
        assignment.proposal,
        assignment.known,
    )


def _append_for(book: Book, number: int, kind: str, data: dict[str, Any]) -> None:
    """Append one event about a running trial."""

    def decide(state: StudyState) -> tuple[Sequence[Entry], None]:
        running_trial(state, number)
        return [entry(kind, data)], None

    book.commit(decide)


def running_trial(state: StudyState, number: int) -> Trial:
    """The trial of that number, if it is running."""
    if not 0 <= number < len(state.trials):
        raise RequestError(f"study '{state.settings.name}' has no trial {number}; it has {len(state.trials)}")
    trial = state.trials[number]
    if trial.state is not TrialState.RUNNING:
        raise RequestError(f"trial {number} is not running: it is {trial.state.value} already")
    return trial
