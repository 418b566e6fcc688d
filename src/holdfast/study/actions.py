"""What can happen in a study, as functions of its book: ask, report, tell, restart, interrupt."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from holdfast.errors import RequestError, shown
from holdfast.records import (
    Assignment,
    Cause,
    Entry,
    Outcome,
    Report,
    Suggestion,
    Trial,
    TrialState,
    Value,
    Verdict,
    as_whole,
    number_to_json,
)
from holdfast.rng import Streams
from holdfast.search import base
from holdfast.search.base import Strategy
from holdfast.search.history import History
from holdfast.study import checkpoints, folds, storing
from holdfast.study.book import Book, entry
from holdfast.study.ordered import Ordered
from holdfast.study.results import not_finite
from holdfast.study.state import StudyState

DEAF = "deaf"

_told = logging.getLogger("holdfast")


def ask(book: Book, strategy: Strategy, n: int = 1) -> list[Assignment]:
    """Up to ``n`` assignments: what a person enqueued, then what the strategy suggests; none if there is nothing."""
    if book.ordered is not None:
        return _ask_in_order(book, strategy, n)

    def decide(state: StudyState) -> tuple[list[Entry], tuple[list[int], list[str]]]:
        # enqueued configurations go alone: a strategy is asked when they are in its history
        entries = _enqueued(state, n) or suggested(state, strategy, n)
        given = [item.data["trial"] for item in entries if item.kind != "strategy.chosen"]
        return entries, (given, [name for item in entries for name in item.data.get("drops", ())])

    given, dropped = book.commit(decide, lasting=False)  # one that is lost was never told of
    if dropped:
        book.checkpoints.drop(dropped)
    return [assignment_of(book, number) for number in given]


def _ask_in_order(book: Book, strategy: Strategy, n: int) -> list[Assignment]:
    """One decision after the other, each with what it may know; fewer where what it has to know is not there yet."""

    def decide(_: StudyState) -> tuple[list[Entry], list[int]]:
        assert book.ordered is not None
        entries = decided(book.ordered, strategy)
        return entries, [item.data["trial"] for item in entries if item.kind != "strategy.chosen"]

    given: list[Assignment] = []
    while len(given) < n and (numbers := book.commit(decide)):
        given += [assignment_of(book, number) for number in numbers]
    return given


def decided(ordered: Ordered, strategy: Strategy) -> list[Entry]:
    """The events of the next decision of a deterministic study; none while what it has to know is not there."""
    entries: list[Entry] = []
    if ordered.ready():
        while not (entries := _enqueued(ordered.state, 1) or suggested(ordered.state, strategy, 1)):
            if not ordered.learn():
                break
    return [
        item if item.kind == "strategy.chosen" else dataclasses.replace(item, data={**item.data, "seen": ordered.known})
        for item in entries
    ]


def ask_on(book: Book, strategy: Strategy) -> list[Assignment]:
    """One assignment, if there is anything to try; the budget of an earlier `Study.optimize` does not count."""
    assignments = ask(book, strategy)
    while not assignments and book.state.budget_spent:
        set_budget(book, 1)
        assignments = ask(book, strategy)
    return assignments


def assignment_of(book: Book, number: int) -> Assignment:
    """What the job gets to run of a running trial, with its checkpoint; from the beginning where that is gone."""
    checkpoint = checkpoints.read_or_restart(book, number)
    state = book.state
    trial = state.trials[number]
    assignment = Assignment(
        number, trial.config, trial.seed, trial.start_step, trial.until_step, checkpoint, parent=trial.parent
    )
    if state.settings.fidelity is not None:
        assignment = dataclasses.replace(assignment, max_step=state.settings.fidelity.max)
    if state.settings.space is None:
        proposal = state.proposals[number]
        known = {} if proposal.space is None else proposal.space.to_json()
        assignment = dataclasses.replace(assignment, proposal=proposal.config, known=known, may_draw=True)
    return assignment


def set_budget(book: Book, trials: int | None, *, shared: bool = False) -> None:
    """Allow ``trials`` more new trials, None for no limit; if ``shared``, on top of what others may still do."""

    def decide(state: StudyState) -> tuple[list[Entry], None]:
        begun = len(state.trials)
        if shared:
            begun = max(begun, state.history.trials_limit or 0)
        limit = None if trials is None else begun + trials
        unchanged = limit == state.history.trials_limit
        return [] if unchanged else [entry("budget.set", {"trials": limit})], None

    book.commit(decide)


def report(book: Book, strategy: Strategy, said: Report, token: int | None = None) -> Verdict:
    """Log what a running trial says, and judge it if it brought metrics; NaN or infinity is an order to stop.

    So is a ``token`` of a trial that was given to somebody else meanwhile; nothing is logged then.
    """
    entries, before = [], book.state.verdicts.get(said.trial)
    if said.drawn:
        if book.state.settings.space is not None:
            raise RequestError(f"trial {said.trial} drew values, but the space of the study was declared")
        values = [[name, domain, value] for name, (domain, value) in said.drawn.items()]
        entries.append(entry("trial.drawn", {"trial": said.trial, "values": values}))
    if said.checkpoint is not None:
        entries.append(entry(*storing.keep(book, said.trial, said.step, said.checkpoint)))
    if said.metrics:
        metrics = _numbers_to_json(said.metrics)
        entries.append(entry("trial.reported", {"trial": said.trial, "step": said.step, "metrics": metrics}))
    if not _append_for(book, said.trial, entries, token):
        return Verdict.STOP
    if not said.metrics:
        return Verdict.CONTINUE
    if before is Verdict.PAUSE:
        _warn_of_deaf(book, said)
    with book.still():
        found = verdict(book.state, strategy, said, None if book.ordered is None else book.ordered.view(said.trial))
    if found is not Verdict.CONTINUE:
        judged = {"trial": said.trial, "verdict": found.value}
        _append_for(book, said.trial, [entry("trial.judged", judged)], token)
    return found


def _warn_of_deaf(book: Book, said: Report) -> None:
    """Warn of the first trial that reports though its report before was answered with the order to pause."""
    if DEAF in book.warned:
        return
    trial = book.state.trials[said.trial]
    steps = [step for step, _ in trial.reports]
    book.warned.add(DEAF)
    _told.warning(
        "trial %d was told to pause at step %d and went on to step %d, and so may others; return as soon as "
        "trial.should_prune() says so, or nothing is spared",
        trial.number,
        steps[-2],
        said.step,
    )


def verdict(state: StudyState, strategy: Strategy, said: Report, known: History | None = None) -> Verdict:
    """What follows from a report that is in the state: the strategy's verdict, or that of the rule that drops folds.

    Where training ends there is nothing to pause for or to stop, whatever the trial was to run to. With a fidelity one
    that diverged has ended, whatever it reports after that.
    ``known`` is what the verdict may depend on; None for all that there is.
    """
    if not_finite(said.metrics, state.settings.objectives):
        return Verdict.STOP
    if state.settings.fidelity is not None:
        if said.trial in state.diverged:
            return Verdict.STOP
        if said.step >= state.settings.fidelity.max:
            return Verdict.CONTINUE
    history = state.history.snapshot(state.length) if known is None else known
    if known is None and said.trial in state.history.masked:  # no strategy sees what it reports
        found = _at_its_step(state, said)
    else:
        found = base.judge(strategy, history, said.trial)
    return folds.verdict(state, said.trial, history) if found is Verdict.CONTINUE else found


def _at_its_step(state: StudyState, said: Report) -> Verdict:
    """Pause where a trial was to run to, as strategies do."""
    until = state.trials[said.trial].until_step
    arrived = until is not None and said.step >= until and state.first_metric in said.metrics
    return Verdict.PAUSE if arrived else Verdict.CONTINUE


def tell(book: Book, outcome: Outcome, token: int | None = None, *, lasting: bool = True) -> bool:
    """Log how a trial ended, or that it paused; its result is durable when this returns, if it is to be ``lasting``.

    False if the ``token`` is old: the trial was given to somebody else meanwhile, or told. The result is then kept as
    late, and does not count.

    One that the budget ended on its way to the next rung is paused at the last one, and what it scored there stands.
    One that was dropped before all of its folds has the mean of those it reported.
    """
    if token is None:
        running_trial(book.state, outcome.trial)
    outcome = _with_mean_of_folds(book.state, outcome)
    leg = {
        "trial": outcome.trial,
        "metrics": _numbers_to_json(outcome.metrics),
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "extra": dict(outcome.extra),
        "rows": None if outcome.rows is None else book.put_rows(outcome.rows),
        "usage": outcome.usage.to_json(),
    }
    cause = None if outcome.cause is None else outcome.cause.value
    end = {"state": outcome.state.value, "error": outcome.error, "cause": cause}
    ending = _ending(book.state.trials[outcome.trial], outcome, leg, end)
    if _append_for(book, outcome.trial, [ending], token, lasting=lasting):
        return True
    book.note("trial.late", {**leg, **end, "token": token})
    return False


def _ending(trial: Trial, outcome: Outcome, leg: dict[str, Any], end: dict[str, Any]) -> Entry:
    """The event of a leg that ended: the trial paused, or was told."""
    if outcome.state is TrialState.PAUSED:
        return entry("trial.paused", {**leg, "until_step": trial.until_step})
    if outcome.cause is Cause.BUDGET and trial.start_step > 0 and trial.metrics:
        stands = {"metrics": _numbers_to_json(trial.metrics), "rows": trial.rows, "until_step": trial.start_step}
        return entry("trial.paused", {**leg, **stands})
    beyond = checkpoints.beyond(trial) if outcome.state is TrialState.COMPLETE else {}
    return entry("trial.told", {**leg, **end, **beyond})


def _with_mean_of_folds(state: StudyState, outcome: Outcome) -> Outcome:
    """A trial that was dropped early has no other value, whatever its objective returned or last reported."""
    if state.settings.drop_folds == folds.NEVER or outcome.state is not TrialState.STOPPED:
        return outcome
    value = folds.mean_reported(state, state.trials[outcome.trial])
    if value is None:
        return outcome
    return dataclasses.replace(outcome, metrics={**outcome.metrics, state.first_metric: value})


def restart(book: Book, seen: Trial, why: str) -> Assignment | None:
    """Hand a trial out again that nobody runs, from its last checkpoint; None if it is not as it was ``seen`` any more.

    So it goes out once, however many processes have seen it. One that had reported at its end and left a checkpoint
    there has arrived instead, and is paused or complete: nothing of it is trained again.
    """

    def decide(state: StudyState) -> tuple[list[Entry], bool]:
        trial = state.trials[seen.number]
        if trial.state is not TrialState.RUNNING or trial.restarts != seen.restarts:
            return [], False
        ended = checkpoints.ended_in_silence(state, trial, _end(state, trial))
        if ended is not None:
            return [ended], False
        data = {"trial": seen.number, "why": why, "start_step": _restart_step(state, trial)}
        return [entry("trial.restarted", data)], True

    return assignment_of(book, seen.number) if book.commit(decide) else None


def _restart_step(state: StudyState, trial: Trial) -> int:
    """The step of the last checkpoint; 0 if that leaves nothing to train, and so nothing to report or return."""
    step, end = 0 if trial.checkpoint is None else trial.checkpoint[0], _end(state, trial)
    return step if end is None or step < end else 0


def _end(state: StudyState, trial: Trial) -> int | None:
    """The step that a trial runs to; None where nobody knows."""
    fidelity = state.settings.fidelity
    return trial.until_step if fidelity is None or trial.until_step is not None else fidelity.max


def interrupt(book: Book, numbers: Collection[int], cause: Cause = Cause.INTERRUPTED) -> None:
    """Mark these trials, where they are running, as interrupted by a person, or preempted by the machine."""
    data: dict[str, Any] = {} if cause is Cause.INTERRUPTED else {"cause": cause.value}

    def decide(state: StudyState) -> tuple[list[Entry], None]:
        those = sorted(state.trials.running.intersection(numbers))
        return [entry("trial.interrupted", {"trial": number, **data}) for number in those], None

    book.commit(decide)


def running(state: StudyState) -> list[Trial]:
    """The trials that run as the log has it, by number."""
    return [state.trials[number] for number in sorted(state.trials.running)]


def enqueue(book: Book, config: Mapping[str, Value], why: str) -> None:
    """Put on the record that a configuration is to be tried next; missing values are taken from the defaults.

    Raises:
        RequestError: if it is no configuration.
        SpaceError: if it does not fit the space.
    """
    if not isinstance(config, Mapping):
        raise RequestError(f"{shown(config)} was enqueued; a configuration is a dict of values by name, one at a time")
    space = book.state.settings.space
    checked = dict(config) if space is None else space.validate(config, fill=True)
    book.note("config.enqueued", {"config": checked, "why": why})


def checked_number(trial: object) -> int:
    """The number of a trial that a person named.

    Raises:
        RequestError: if it is no whole number.
    """
    number = as_whole(trial)
    if number is None:
        raise RequestError(f"{shown(trial)} is no trial; name what ask() gave, or its number")
    return number


def running_trial(state: StudyState, number: int, token: int | None = None) -> Trial:
    """The trial of that number, if it is running, or has been restarted since it was given out by this token."""
    if not 0 <= number < len(state.trials):
        raise RequestError(f"study '{state.settings.name}' has no trial {number}; it has {len(state.trials)}")
    trial = state.trials[number]
    restarted = token is not None and token != trial.restarts
    if trial.state is not TrialState.RUNNING and not restarted:
        raise RequestError(f"trial {number} is not running: it is {trial.state.value} already")
    return trial


def _enqueued(state: StudyState, n: int) -> list[Entry]:
    entries = []
    for number, request in enumerate(sorted(state.queue)[: _new_trials(state, n)], start=len(state.trials)):
        wish = state.queue[request]
        reason = f"enqueued: {wish.why}" if wish.why else "enqueued"
        entries.append(_asked(state, Suggestion(wish.config, reason, state.length), number, request))
    return entries


def suggested(state: StudyState, strategy: Strategy, n: int) -> list[Entry]:
    """The events of what a strategy suggests of a study as it stands, asked for ``n`` trials."""
    history = state.history.snapshot(state.length)
    most, number = _new_trials(state, n), len(state.trials)
    entries: list[Entry] = []
    propose = _propose if state.settings.space is not None else _propose_in_discovered
    for suggestion in propose(history, strategy, n, Streams(state.settings.seed)):
        if suggestion.resume_from is not None:
            entries.append(_resumed(state, suggestion))
        elif number < len(state.trials) + most:
            entries.append(_asked(state, suggestion, number, None))
            number += 1
    if 0 < len(entries) < n:
        entries[0] = dataclasses.replace(entries[0], data={**entries[0].data, "of": n})
    says = base.explain(strategy, history)
    if entries and says != state.strategy_says:
        entries.insert(0, entry("strategy.chosen", {"text": says}))
    return entries


def _new_trials(state: StudyState, n: int) -> int:
    """How many of ``n`` new trials the budget allows."""
    limit = state.history.trials_limit
    return n if limit is None else min(n, max(limit - len(state.trials), 0))


def _propose(history: History, strategy: Strategy, n: int, streams: Streams) -> list[Suggestion]:
    return strategy.ask(history, n, streams)


def _propose_in_discovered(history: History, strategy: Strategy, n: int, streams: Streams) -> list[Suggestion]:
    """Proposals in a space that is found as it is used; empty ones, which draw for themselves, while it is unknown."""
    if history.space is None:
        return [Suggestion({}, "the space is found as it is used", history.index) for _ in range(n)]
    drawn = base.drawn_config(strategy, history, streams)
    return strategy.ask(history, n, streams) if drawn is None else [Suggestion(drawn, strategy.name, history.index)]


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
    if suggestion.parent is not None:
        data |= checkpoints.of_clone(state, suggestion.parent, suggestion.replaces)
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


def _append_for(
    book: Book, number: int, entries: list[Entry], token: int | None = None, *, lasting: bool = True
) -> bool:
    """Append events about a running trial; False, and nothing, if it has another ``token`` now, or runs no more."""

    def decide(state: StudyState) -> tuple[list[Entry], tuple[bool, list[str]]]:
        if token is None:
            running_trial(state, number)
        elif not holds(state, number, token):
            return [], (False, [])
        whole, dropped = checkpoints.with_drops(state, state.trials[number], entries)
        return whole, (True, dropped)

    taken, dropped = book.commit(decide, lasting=lasting)
    if dropped:
        if not lasting and book.log.flush is not None:
            book.log.flush()  # only from then on nobody needs them
        book.checkpoints.drop(dropped)
    return taken


def holds(state: StudyState, number: int, token: int) -> bool:
    """Whether a trial still runs in the hands to which it was given by this token."""
    trial = state.trials[number]
    return trial.state is TrialState.RUNNING and trial.restarts == token


def tokens_of(state: StudyState, assignments: Sequence[Assignment]) -> dict[int, int]:
    """The token of each trial: how often it has been restarted, which tells its present hands from earlier ones."""
    return {item.trial: state.trials[item.trial].restarts for item in assignments}


def taken_over(state: StudyState, tokens: Mapping[int, int]) -> list[int]:
    """The trials, of those that were given out by these tokens, that others have told or run by now."""
    here = list(tokens.items())  # another thread may be given a trial meanwhile
    return [number for number, token in here if not holds(state, number, token)]


def _numbers_to_json(metrics: Any) -> dict[str, float | str]:
    return {name: number_to_json(value) for name, value in metrics.items()}
