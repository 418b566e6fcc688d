"""A study: one search for one model on one data set."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from holdfast.address import is_server
from holdfast.analyse.ablation import Ablation
from holdfast.analyse.analysis import Analysis, Importances
from holdfast.analyse.interactions import Interaction
from holdfast.execute.base import Executor
from holdfast.log.memory import MemoryLog
from holdfast.log.open import open_log, storage_path
from holdfast.records import (
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
from holdfast.search.history import Duplicates, History
from holdfast.search.registry import is_built_in, settings_of
from holdfast.space import Derived, Domain, Space
from holdfast.study import actions
from holdfast.study.advice import Advice, gain_of, next_advice
from holdfast.study.amend import amend, book_of, books_of, learn, learn_all
from holdfast.study.book import Book, entry
from holdfast.study.constraints import named_constraints
from holdfast.study.corrected import estimate_of
from holdfast.study.driver import Overseer, StudyDriver
from holdfast.study.exhausted import nothing_now
from holdfast.study.finals import predict_final
from holdfast.study.folds import checked_rule
from holdfast.study.handle import LiveTrial, say_unasked
from holdfast.study.holding import Holder, lost_at_once, warn_of_late
from holdfast.study.jobs import BatchJob, ObjectiveJob, executor_of
from holdfast.study.lock import DriverLock
from holdfast.study.overtuned import OvertuningCurve, overtuning_of
from holdfast.study.partway import Told, told
from holdfast.study.ranking import best_config, best_of, pareto_front
from holdfast.study.recommended import Recommended, Rule, recommended_of
from holdfast.study.replicated import replicate
from holdfast.study.results import Result
from holdfast.study.schedule import Schedule, replay, schedule_of
from holdfast.study.settings import (
    DEFAULT_NAME,
    Settings,
    check_fits,
    checked_duplicates,
    checked_fidelity,
    checked_seed,
    checked_strategy,
    checked_workers,
    named_directions,
    require_same,
    whole,
)
from holdfast.study.stopping import Stop, reason_to_stop
from holdfast.study.stored import this_version
from holdfast.study.storing import Place, set_checkpoints
from holdfast.study.understanding import analysis_of
from holdfast.study.where import checked_parts, executor_for, limit


class Study:
    """One search for one model on one data set, recorded event by event.

    Args:
        space: a `Space`, a dict of hyperparameters, or None: then it is found as ``trial.suggest_*`` is used.
        direction: ``"minimize"``, ``"maximize"``, or a dict that names the metrics and their directions.
        strategy: a name such as ``"auto"``, or an object with the interface of a strategy.
        seed: of every random draw.
        storage: of the log: ``"sqlite:///study.db"``, ``"postgresql://user@host/base"``, None for memory, or one in it.
        name: the study's name within the storage. A study that exists there with the same settings goes on.
        fidelity: how much training a trial may have, for strategies that pause and resume.
        constraints: what metrics, told with the value, have to meet for a trial to be the best: ``{"ms": "<= 50"}``.
        duplicates: whether a configuration is tried once (``"avoid"``) or as often as proposed (``"replicate"``).
        drop_folds: the rule, as ``"curtailed"``, that stops trials which ``report(score, step=fold)`` each fold.
        deterministic: whether timing changes nothing: a decision waits for what it has to know (see docs/replay.md).
        workers: how many trials of a deterministic study run at once.
        earlier: studies to learn from (see `learn_from`).
        checkpoints: where they are kept: a folder, ``"s3://bucket/path"`` and the like, or `Checkpoints` with a quota.

    Raises:
        RequestError: for settings that cannot be meant, or that differ from those of the study of that name.
    """

    def __init__(  # noqa: PLR0913 - all that a study is created with, by keyword
        self,
        space: Space | Mapping[str, Domain | Derived | Value] | None = None,
        *,
        direction: Direction | Mapping[str, Direction] = "minimize",
        strategy: str | Strategy = "auto",
        seed: int = 0,
        storage: str | MemoryLog | None = None,
        name: str = DEFAULT_NAME,
        fidelity: Fidelity | None = None,
        constraints: Mapping[str, str] | None = None,
        duplicates: Duplicates = "avoid",
        drop_folds: str = "never",
        deterministic: bool = False,
        workers: int = 1,
        earlier: Sequence[Study] = (),
        checkpoints: Place | None = None,
    ) -> None:
        self._strategy = checked_strategy(strategy)
        settings = Settings(
            name=name,
            space=space if isinstance(space, Space) or space is None else Space(space),
            directions=named_directions(direction),
            strategy=self._strategy.name,
            strategy_settings=settings_of(self._strategy),
            seed=checked_seed(seed),
            fidelity=checked_fidelity(fidelity, self._strategy),
            constraints=named_constraints(constraints or {}),
            duplicates=checked_duplicates(duplicates),
            drop_folds=checked_rule(drop_folds, fidelity, named_directions(direction)),
            workers=checked_workers(deterministic, workers),
            own_strategy=not is_built_in(self._strategy),
        )
        self._lock = DriverLock(storage_path(storage), name, shared=is_server(storage))
        weakref.finalize(self, self._lock.close)
        self._book = Book(open_log(storage, name))
        self._holder = Holder(self._book.log.leases, shared=self._book.log.durable)
        if not self._book.exists:
            check_fits(self._strategy, settings.space)
            self._book.append([entry("study.created", {**settings.to_json(), "holdfast": this_version()})])
        require_same(settings, self._book.state.settings)
        if settings.space is not None:
            self._book.supply(settings.space)
        learn_all(self._book, books_of(earlier))
        set_checkpoints(self._book, checkpoints)

    @property
    def book(self) -> Book:
        """The log and what is folded from it."""
        return self._book

    @property
    def history(self) -> History:
        """What a strategy sees now."""
        return self._book.look(lambda now: now.history.snapshot(now.length))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials by number."""
        return self._book.look(lambda now: tuple(now.trials))

    @property
    def best_trial(self) -> Trial:
        """The complete trial with the best value; among partial ones only where none is complete.

        It meets the constraints, and lies in the space as it was amended.
        """
        return self._book.look(best_of)

    @property
    def best_trials(self) -> tuple[Trial, ...]:
        """The complete trials that may be the best and that no other one beats in every objective, by number."""
        return tuple(self._book.look(pareto_front))

    @property
    def best_config(self) -> Config:
        """The configuration of the best trial, in the space as it was amended."""
        return self._book.look(best_config)

    @property
    def best_value(self) -> float:
        """The naive score: the best trial's own value, not corrected for having been picked."""
        return self.best_trial.metrics[self._book.state.first_metric]

    def ask(self) -> LiveTrial:
        """The next trial to run: enqueued, resumed or new.

        Raises:
            ExhaustedError: if there is nothing to try now.
        """
        with self._lock.handed_on(), self._book.still():  # until it is told: whoever has it in hand is not gone
            self._book.refresh()
            assignments = actions.ask_on(self._book, self._strategy)
            state = self._book.state
            if not assignments:
                raise nothing_now(state, self._strategy)
            self._holder.hold(actions.tokens_of(state, assignments))
            return LiveTrial(assignments[0], self._report, state.settings.objectives)

    def tell(
        self,
        trial: LiveTrial | int,
        value: Result = None,
        *,
        rows: RowScores | None = None,
        state: str | None = None,
        error: BaseException | str | None = None,
    ) -> Trial:
        """Record how a trial ended, as late if others run it by now; the result is on disk when this returns.

        Args:
            trial: the trial, or its number.
            value: its score, or a dict of named metrics; its report at `until_step`, too, where it had made none.
            rows: its score on each validation row.
            state: ``"complete"``, ``"failed"``, ``"stopped"`` or ``"paused"``; by default what follows from the value
                and the verdict.
            error: what went wrong, for a failed trial; an exception is kept with its traceback.

        Raises:
            RequestError: if the trial is not running, or what was told cannot be meant; nothing is recorded then.
        """
        live = trial if isinstance(trial, LiveTrial) else None
        number = trial.number if isinstance(trial, LiveTrial) else actions.checked_number(trial)
        with self._book.still():
            self._book.refresh()
            now, token = self._book.state, self._holder.tokens.get(number)
            for gone in actions.taken_over(now, self._holder.tokens):
                self._let_go(gone)
            running = actions.running_trial(now, number, token)
            rows = live.rows if rows is None and live is not None else rows
            end = told(self._book, self._strategy, live or running, Told(value, rows, state, error), token)
            if live is not None:
                live.flush()
                seconds = time.perf_counter() - live.started
            else:
                seconds = max(time.time() - running.asked_at - running.seconds, 0.0)
            extra = {} if live is None else live.user_attrs
            outcome = Outcome(number, end.state, end.metrics, rows, end.error, end.cause, seconds, extra=extra)
            if not actions.tell(self._book, outcome, token):
                warn_of_late(number)
            self._let_go(number)
            if live is not None and end.state is not TrialState.FAILED:
                say_unasked(live)
            return self._book.state.trials[number]

    def enqueue(self, config: Mapping[str, Value], why: str = "") -> None:
        """Try this configuration next, with defaults for missing values; once there are scores, as one chosen by them.

        Raises:
            SpaceError: if it does not fit the space.
        """
        actions.enqueue(self._book, config, why)

    def optimize(  # noqa: PLR0913 - what is run, until when, and where, by keyword
        self,
        objective: Callable[[LiveTrial], Result],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int | None = None,
        *,
        executor: Executor | str | None = None,
        address: str | None = None,
        resources: Mapping[str, float | str] | None = None,
        stop: Literal["auto"] | None = None,
        stop_gain: float | None = None,
        halt_after: int = 5,
        on_finish: Callable[[Trial], None] | None = None,
    ) -> None:
        """Run ``objective(trial) -> float | dict`` for ``n_trials`` more trials, or ``timeout`` seconds.

        With ``stop="auto"`` it also ends when what is left to gain is less than noise (see `should_stop`), and with
        ``stop_gain`` when the next trials are expected to gain less than that, in the metric's unit (see
        `expected_gain`). With ``n_jobs`` > 1 the objective runs in so many fresh processes; it may be a lambda or live
        in a notebook. With ``resources={"cpus": 2, "gpus": 1, "memory": "8 GB"}`` for each trial as many run as have
        room, or ``n_jobs``: here, with ``executor="fresh"`` each in a new process, or with ``"ray"`` on the cluster at
        ``address``. Trials begun and lost run first and do not count; ``n_trials=0`` runs them, and what is resumed.

        Raises:
            RequestError: for a run that would never end; if there is no such cluster, or nothing with the resources.
            StudyHaltedError: after ``halt_after`` alike failures in a row, with the real error.
        """
        job = ObjectiveJob(objective, self._book.state.settings.objectives)
        where = executor_for(n_jobs, executor, address, resources)
        n_trials = limit(self._book, n_trials, timeout, stop, stop_gain)
        self.run(job, where, n_trials=n_trials, timeout=timeout, halt_after=halt_after, on_finish=on_finish)

    def optimize_batch(
        self,
        train_many: Callable[[list[LiveTrial]], Sequence[Result]],
        n_trials: int | None = None,
        batch: int = 8,
        timeout: float | None = None,
        *,
        stop: Literal["auto"] | None = None,
        stop_gain: float | None = None,
        halt_after: int = 5,
        on_finish: Callable[[Trial], None] | None = None,
    ) -> None:
        """Run ``train_many(trials) -> list of results`` on up to ``batch`` trials at a time; the rest as `optimize`."""
        job, where = BatchJob(train_many, self._book.state.settings.objectives), executor_of(1)
        batch = whole("batch", batch, 1)
        n_trials = limit(self._book, n_trials, timeout, stop, stop_gain)
        self.run(
            job, where, n_trials=n_trials, timeout=timeout, halt_after=halt_after, batch=batch, on_finish=on_finish
        )

    def run(
        self,
        job: Job,
        executor: Executor,
        *,
        n_trials: int | None = None,
        timeout: float | None = None,
        halt_after: int = 5,
        batch: int = 1,
        on_finish: Callable[[Trial], None] | None = None,
        overseer: Overseer | None = None,
    ) -> None:
        """Feed trials to a job until the budget is spent or nothing is left to try.

        ``n_trials`` more new trials are allowed; None leaves the budget as it is. What the job reports is refused, and
        what it returns fails the trial, where an objective's would be. Trials whose process is gone, or that were
        interrupted, run first. On Ctrl-C the running ones are marked, and the interrupt passes on. With an
        ``overseer``, which meters and minds a budget, no other process may drive the study meanwhile.

        Raises:
            RequestError: for what is no job or no executor, if another process drives the study and either has an
                overseer, or a deterministic study is given more workers than it has.
        """
        n_trials, batch = checked_parts(self._book, job, executor, n_trials, timeout, halt_after, batch)
        deadline = None if timeout is None else time.monotonic() + timeout
        self._lock.take(exclusive=overseer is not None)
        try:
            self._book.refresh()
            running = actions.running(self._book.state)
            lost = lost_at_once(running, self._holder.tokens, self._book.log.leases, alone=self._lock.alone)
            if n_trials is not None:
                actions.set_budget(self._book, n_trials, shared=not self._lock.alone)
            if overseer is None:
                self._lock.share()
            driver = StudyDriver(self._book, self._strategy, halt_after, deadline, batch, lost, on_finish, overseer)
            driver.stays = overseer is not None
            driver.drive(executor, job)
        finally:
            self._lock.release()

    def amend(
        self, space: Space | Mapping[str, Domain | Derived | Value], why: str, values: Mapping[str, Value] | None = None
    ) -> None:
        """Search another space from here on: widened, narrowed, with a hyperparameter added or fixed.

        Earlier trials stand at ``values``, or else at the defaults, in what they did not have; strategies do not see
        those that do not fit, and none of these is the best. What hangs on values that are gone may be left out; from a
        mapping, which keeps the rules, it is taken. The change and its reason are on the record; once there are scores,
        it counts as made by them.

        Raises:
            RequestError: without a reason, for a space that was found as it is used, or one that drops something.
            SpaceError: for values that do not fit.
        """
        self._book.refresh()
        amend(self._book, space, why, values or {})

    def learn_from(self, other: Study) -> None:
        """Let strategies that can learn from what another study found; a later call for the same one replaces it.

        Its trials are mapped into this space: what they lack stands at the default, and what does not fit is left out.

        Raises:
            RequestError: if it is no study or this one, has no complete trial or none of the hyperparameters, or wants
                the other direction of a metric of the same name.
        """
        learn(self._book, book_of(other))

    def estimate(self, level: float = 0.95, groups: np.ndarray | None = None) -> Score:
        """The best trial's score corrected for having been picked, with an interval.

        ``groups``, shape (N,), names what the N rows belong to that are not independent, in the order of the row scores
        (see `holdfast.Splits.units`); it is resampled in their place. A study of a plan has the one on its record.

        Raises:
            RequestError: if row scores are missing, or a `HoldfastSearchCV` made the study and has it as ``estimate_``.
        """
        return self._book.look(lambda _: estimate_of(self._book, level, groups))

    def recommended(self, rule: Rule = "posterior-mean", *, cost: str = "seconds", level: float = 0.95) -> Recommended:
        """The trial to take by a stated rule, and why; `best_value` stays what was observed. Nothing is logged.

        ``"posterior-mean"``: the best by the Gaussian process of all trials. ``"one-standard-error"``: the cheapest by
        ``cost``, seconds or another metric, within one standard error of the best. ``"replicated"``: the best mean over
        fresh runs (see `replicate`). Only trials that may be the best count.

        Raises:
            RequestError: for a rule that does not exist, or cannot be applied to these trials.
        """
        return self._book.look(lambda _: recommended_of(self._book, rule, cost=cost, level=level))

    def replicate(self, top: int = 5, runs: int = 3) -> tuple[int, ...]:
        """Enqueue the ``top`` best configurations again until each has ``runs`` runs, each on a seed of its own.

        Returns their trials, once for each run that was enqueued; ``optimize(objective, len(...))`` runs them.
        """
        return self._book.look(lambda _: replicate(self._book, top, runs))

    def overtuning(self, patience: int = 20, test: str | None = None) -> OvertuningCurve:
        """The best score so far beside what is left of it corrected, trial by trial, with an alarm in words.

        The alarm is raised where the corrected score has not improved for ``patience`` trials while the naive one has.
        ``test`` names a metric told with the value that no choice was made by: it says what was lost.
        """
        return self._book.look(lambda _: overtuning_of(self._book, patience, test))

    def suggest_next(self) -> Advice:
        """What the strategy (for ``manual``: ``auto``) would try next and why, in words; nothing is asked or logged.

        Raises:
            ExhaustedError: if there is nothing left to try.
        """
        return self._book.look(lambda now: next_advice(now, self._strategy))

    def expected_gain(self, n: int = 1, level: float = 0.95) -> Score:
        """What ``n`` more trials are expected to add to the best score, in the metric's unit, with an interval.

        The interval is for that expectation from here on, over luck and chance: one trial mostly gains nothing. With
        constraints it is over the best trial that meets them, by trials that meet them. No more count than are left.

        Raises:
            RequestError: if there are too few scores to say anything, or several objectives.
            ExhaustedError: if every configuration has been tried.
        """
        return self._book.look(lambda now: gain_of(now, self._strategy, n, level))

    def should_stop(self) -> Stop | None:
        """Why the search need not go on: what any configuration may still gain is less than the noise; else None.

        It is read anew each time the results are some tenth more, from 20 complete trials on, and two readings have to
        agree. A reason goes on record. Without any noise there is never one, as every gain is real then.

        Raises:
            RequestError: for several objectives.
        """
        return self._book.look(lambda _: reason_to_stop(self._book))

    def predict_final(self, trial: int | Trial | LiveTrial, level: float = 0.95) -> Score:
        """What a trial that runs or waits is expected to end at, with an interval for what it will report there.

        Raises:
            RequestError: for a trial that is at its end, or of which nothing can be said yet.
        """
        return self._book.look(lambda now: predict_final(now, trial, level))

    def schedule(self, trial: int | None = None) -> Schedule:
        """By which hyperparameters a trial, the best one if none is named, was trained step by step, by its lineage."""
        fidelity = self._book.state.settings.fidelity
        number = self.best_trial.number if trial is None else trial
        return schedule_of(self.trials, number, "step" if fidelity is None else fidelity.name)

    def replay_schedule(
        self, objective: Callable[[LiveTrial], Result], schedule: Schedule | None = None
    ) -> dict[str, float]:
        """Train by a schedule, that of the best trial if none is given, once more; the metrics at its end.

        The objective is called for one piece after the other, with what it saved at the end of the one before.
        """
        return replay(schedule or self.schedule(), objective, self._book.state.settings.objectives)

    def analysis(self, metric: str | None = None) -> Analysis:
        """What the trials teach of the hyperparameters, of the first objective or another one.

        Raises:
            RequestError: with too few trials, or scores that are all the same.
        """
        return self._book.look(lambda now: analysis_of(now, metric))

    def importance(self, metric: str | None = None) -> Importances:
        """How much each hyperparameter matters, with intervals."""
        return self.analysis(metric).importance()

    def interactions(self, metric: str | None = None) -> tuple[Interaction, ...]:
        """The pairs of hyperparameters whose effects depend on each other, the strongest first."""
        return self.analysis(metric).interactions()

    def ablation(self, source: Config | None = None, target: Config | None = None) -> Ablation:
        """Which changes made the target (the best trial) better than the source (the default)."""
        return self.analysis().ablation(source, target)

    def close(self) -> None:
        """Release the log's file; trials in hand are given up, for others to run."""
        self._holder.close()
        self._lock.close()
        self._book.close()

    def _let_go(self, number: int) -> None:
        if self._holder.let_go(number):
            self._lock.release()

    def _report(self, said: Report) -> Verdict:
        self._book.refresh()
        return actions.report(self._book, self._strategy, said, self._holder.tokens.get(said.trial))
