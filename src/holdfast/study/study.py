"""A study: one search for one model on one data set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.errors import ExhaustedError, RequestError
from holdfast.execute.base import Executor
from holdfast.log.open import exists, open_log, storage_path
from holdfast.records import (
    OBJECTIVE,
    Cause,
    Config,
    Direction,
    Fidelity,
    Job,
    Outcome,
    Report,
    RowScores,
    Score,
    Trial,
    TrialState,
    Value,
    Verdict,
)
from holdfast.search.base import Strategy
from holdfast.search.history import History
from holdfast.search.registry import make_strategy, settings_of
from holdfast.space import Domain, Space
from holdfast.study import actions
from holdfast.study.book import Book, entry
from holdfast.study.corrected import estimate_of
from holdfast.study.driver import StudyDriver
from holdfast.study.handle import LiveTrial
from holdfast.study.jobs import BatchJob, ObjectiveJob, Result, check_result
from holdfast.study.lock import DriverLock
from holdfast.study.ranking import best_of
from holdfast.study.state import Settings

DEFAULT_NAME = "study"


class Study:
    """One search for one model on one data set, recorded event by event.

    Args:
        space: a `Space`, a dict of hyperparameters, or None: then it is found as ``trial.suggest_*`` is used.
        direction: ``"minimize"``, ``"maximize"``, or a dict that names the metrics and their directions.
        strategy: a name such as ``"auto"``, or an object with the interface of a strategy.
        seed: of every random draw.
        storage: where the log is kept: ``"sqlite:///study.db"``, or None for memory.
        name: the study's name within the storage. A study that exists there with the same settings goes on.
        fidelity: how much training a trial may have, for strategies that pause and resume.

    Raises:
        RequestError: for settings that cannot be meant, or that differ from those of the study of that name.
    """

    def __init__(
        self,
        space: Space | Mapping[str, Domain] | None = None,
        *,
        direction: Direction | Mapping[str, Direction] = "minimize",
        strategy: str | Strategy = "auto",
        seed: int = 0,
        storage: str | None = None,
        name: str = DEFAULT_NAME,
        fidelity: Fidelity | None = None,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise RequestError(f"seed = {seed!r}; it must be a whole number")
        self._strategy = make_strategy(strategy) if isinstance(strategy, str) else strategy
        settings = Settings(
            name=name,
            space=space if isinstance(space, Space) or space is None else Space(space),
            directions=_directions(direction),
            strategy=self._strategy.name,
            strategy_settings=settings_of(self._strategy),
            seed=seed,
            fidelity=fidelity,
        )
        self._storage = storage
        self._book = Book(open_log(storage, name))
        if not self._book.exists:
            self._book.append([entry("study.created", {**settings.to_json(), "holdfast": _version()})])
        _same_settings(settings, self._book.state.settings)

    @property
    def book(self) -> Book:
        """The log and what is folded from it."""
        return self._book

    @property
    def history(self) -> History:
        """What a strategy sees now."""
        return self._book.state.history.snapshot(self._book.state.length)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials by number."""
        return tuple(self._book.state.trials)

    @property
    def best_trial(self) -> Trial:
        """The complete trial with the best value; among partial ones only where none is complete."""
        return best_of(self._book.state)

    @property
    def best_config(self) -> Config:
        """The configuration of the best trial."""
        return dict(self.best_trial.config)

    @property
    def best_value(self) -> float:
        """The naive score: the best trial's own value, not corrected for having been picked."""
        trial = self.best_trial
        return trial.metrics[self._book.state.first_metric]

    def ask(self) -> LiveTrial:
        """The next trial to run: enqueued, resumed or new.

        Raises:
            ExhaustedError: if there is nothing to try now.
        """
        self._book.refresh()
        assignments = actions.ask(self._book, self._strategy)
        if not assignments:
            running = sum(trial.state is TrialState.RUNNING for trial in self._book.state.trials)
            wait = f"; {running} trials are running and must be told first" if running else ""
            raise ExhaustedError(f"strategy '{self._strategy.name}' has nothing left to try in this space{wait}")
        return LiveTrial(assignments[0], self._report, self._book.state.first_metric)

    def tell(
        self,
        trial: LiveTrial | int,
        value: Result = None,
        *,
        rows: RowScores | None = None,
        state: str | None = None,
        error: BaseException | str | None = None,
    ) -> Trial:
        """Record how a trial ended; the result is on disk when this returns.

        Args:
            trial: the trial, or its number.
            value: its score, or a dict of named metrics.
            rows: its score on each validation row.
            state: ``"failed"``, ``"stopped"`` or ``"paused"``; by default what follows from the value and the verdict.
            error: what went wrong, for a failed trial.
        """
        number = trial if isinstance(trial, int) else trial.number
        verdict = Verdict.CONTINUE
        if isinstance(trial, LiveTrial):
            trial.flush()
            rows = rows if rows is not None else trial.rows
            verdict = trial.verdict
        started = actions.running_trial(self._book.state, number).asked_at
        outcome = _outcome(number, value, tuple(self._book.state.settings.directions), state, error, verdict)
        seconds = time.time() - started
        extra = trial.user_attrs if isinstance(trial, LiveTrial) else {}
        actions.tell(
            self._book,
            Outcome(number, outcome[0], outcome[1], rows, outcome[2], outcome[3], seconds, extra=extra),
        )
        return self._book.state.trials[number]

    def enqueue(self, config: Mapping[str, Value], why: str = "") -> None:
        """Try this configuration next; missing values are taken from the defaults.

        Raises:
            SpaceError: if it does not fit the space.
        """
        space = self._book.state.settings.space
        checked = dict(config) if space is None else space.validate(config, fill=True)
        self._book.note("config.enqueued", {"config": checked, "why": why})

    def optimize(
        self,
        objective: Callable[[LiveTrial], Result],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        *,
        halt_after: int = 5,
        on_finish: Callable[[Trial], None] | None = None,
    ) -> None:
        """Run ``objective(trial) -> float | dict`` for ``n_trials`` more trials, or ``timeout`` seconds.

        With ``n_jobs`` > 1 the objective runs in so many fresh processes; it may be a lambda or live in a notebook.

        Raises:
            StudyHaltedError: after ``halt_after`` alike failures in a row, with the real error.
        """
        job = ObjectiveJob(objective, tuple(self._book.state.settings.directions))
        self._limit(n_trials, timeout)
        self.run(job, _executor(n_jobs), timeout=timeout, halt_after=halt_after, on_finish=on_finish)

    def optimize_batch(
        self,
        train_many: Callable[[list[LiveTrial]], Sequence[Result]],
        n_trials: int | None = None,
        batch: int = 8,
        timeout: float | None = None,
        *,
        halt_after: int = 5,
    ) -> None:
        """Run ``train_many(trials) -> list of results`` on up to ``batch`` trials at a time."""
        if batch < 1:
            raise RequestError(f"batch = {batch}; it must be at least 1")
        job = BatchJob(train_many, tuple(self._book.state.settings.directions))
        self._limit(n_trials, timeout)
        self.run(job, _executor(1), timeout=timeout, halt_after=halt_after, batch=batch)

    def run(
        self,
        job: Job,
        executor: Executor,
        *,
        timeout: float | None = None,
        halt_after: int = 5,
        batch: int = 1,
        exclusive: bool = False,
        on_finish: Callable[[Trial], None] | None = None,
    ) -> None:
        """Feed trials to a job until the budget is spent or nothing is left to try.

        Trials whose process is gone run again first. On Ctrl-C the running ones are marked, and the interrupt passes
        on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with DriverLock(storage_path(self._storage), self._book.state.settings.name, exclusive=exclusive) as lock:
            self._book.refresh()
            running = [trial.number for trial in self._book.state.trials if trial.state is TrialState.RUNNING]
            lost = running if lock.alone else []
            driver = StudyDriver(self._book, self._strategy, halt_after, deadline, batch, lost, on_finish)
            try:
                executor.run(job, driver)
            except KeyboardInterrupt:
                actions.interrupt(self._book, driver.running)
                raise

    def estimate(self, level: float = 0.95) -> Score:
        """The best trial's score corrected for having been picked, with an interval.

        Raises:
            RequestError: if trials were told without row scores: it says what is missing, and gives no number.
        """
        return estimate_of(self._book, level)

    def _limit(self, n_trials: int | None, timeout: float | None) -> None:
        if n_trials is not None and n_trials < 1:
            raise RequestError(f"n_trials = {n_trials}; it must be at least 1")
        if n_trials is None and timeout is None and self._strategy.name not in {"grid", "manual"}:
            raise RequestError("optimize needs n_trials or a timeout, or it would never end")
        self._book.refresh()
        limit = None if n_trials is None else len(self._book.state.trials) + n_trials
        if limit != self._book.state.history.trials_limit:
            self._book.note("budget.set", {"trials": limit})

    def _report(self, said: Report) -> Verdict:
        self._book.refresh()
        return actions.report(self._book, self._strategy, said)


def load_study(name: str, storage: str, *, strategy: Strategy | None = None) -> Study:
    """The study of that name; a strategy of one's own has to be given again.

    Raises:
        RequestError: if the storage has no such study.
    """
    if not exists(storage, name):
        raise RequestError(f"storage '{storage}' has no study named '{name}'")
    settings = Book(open_log(storage, name, read_only=True)).state.settings
    own = strategy or make_strategy(settings.strategy, settings.strategy_settings)
    return Study(
        settings.space,
        direction=settings.directions,
        strategy=own,
        seed=settings.seed,
        storage=storage,
        name=name,
        fidelity=settings.fidelity,
    )


def _directions(direction: Any) -> dict[str, Direction]:
    named = direction if isinstance(direction, Mapping) else {OBJECTIVE: direction}
    if not named:
        raise RequestError("direction is empty; it needs 'minimize', 'maximize' or a dict of named metrics")
    for name, value in named.items():
        if value not in {"minimize", "maximize"}:
            raise RequestError(f"the direction of '{name}' is {value!r}; it must be 'minimize' or 'maximize'")
    return dict(named)


def _same_settings(wanted: Settings, found: Settings) -> None:
    """Refuse to go on with a study of other settings, naming the first that differs."""
    old, new = found.to_json(), wanted.to_json()
    for key, value in new.items():
        if old[key] != value:
            raise RequestError(
                f"study '{found.name}' exists already with {key} = {old[key]!r}, not {value!r}; "
                "use load_study to go on with it, or another name"
            )


def _outcome(
    number: int,
    value: Result,
    metrics: tuple[str, ...],
    state: str | None,
    error: BaseException | str | None,
    verdict: Verdict,
) -> tuple[TrialState, dict[str, float], str | None, Cause | None]:
    """What `tell` was told: (state, metrics, error, cause)."""
    allowed = [s.value for s in TrialState if s is not TrialState.RUNNING]
    if state is not None and state not in allowed:
        raise RequestError(f"trial {number} was told state = {state!r}; it can be {', '.join(allowed)}")
    if state == "failed" or error is not None:
        text = repr(error) if isinstance(error, BaseException) else error
        return TrialState.FAILED, {}, text or "the objective failed", Cause.ERROR
    if value is None and state is None and verdict is Verdict.CONTINUE:
        raise RequestError(f"trial {number} was told no value; tell(trial, value), or state='failed'")
    if state is not None and state != "complete":
        verdict = Verdict.PAUSE if state == "paused" else Verdict.STOP
    named, text, cause = check_result(value, metrics, verdict)
    if cause is not None:
        return TrialState.FAILED, named, text, cause
    by_verdict = {Verdict.PAUSE: TrialState.PAUSED, Verdict.STOP: TrialState.STOPPED}
    return TrialState(state) if state else by_verdict.get(verdict, TrialState.COMPLETE), named, None, None


def _executor(n_jobs: int) -> Executor:
    if n_jobs < 1:
        raise RequestError(f"n_jobs = {n_jobs}; it must be at least 1")
    if n_jobs == 1:
        from holdfast.execute.inline import Inline

        return Inline()
    from holdfast.execute.processes import Processes

    return Processes(n_jobs)


def _version() -> str:
    from importlib.metadata import version

    return version("holdfast")
