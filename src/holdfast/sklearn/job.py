"""Trials as a job: the folds of one or several trials at once, by joblib, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.evaluate.metrics import Metric
from holdfast.records import Assignment, Cause, Outcome, Report, Reporter, RowScores, Trial, TrialState, Verdict
from holdfast.sklearn.estimate import kind_of, row_scores
from holdfast.sklearn.folds import FoldResult, FoldWork, named_scores, run_fold, to_json
from holdfast.sklearn.scored import Scored
from holdfast.sklearn.spaces import SearchSpace
from holdfast.study.noise import FOLD_SCORES

UNLIKE = "its scores do not follow from its predictions alone"


class RowKeeper:
    """Makes row scores of what was overheard, for all trials by one form of the metric: the first that fits a trial.

    Args:
        scored: how the search scores rows, or why it cannot be told.
        told: what kind of row scores the study has already, None if it has none.
    """

    def __init__(self, scored: Scored | str, told: str | None) -> None:
        self.scored = scored
        forms = [] if isinstance(scored, str) else scored.metrics()
        self._forms = [form for form in forms if told in {None, kind_of(form)}]

    def keep(self, results: Sequence[FoldResult]) -> tuple[RowScores | None, str | None]:
        """The row scores of a trial, or why there are none; folds that failed, or were saved, leave them in part."""
        if isinstance(self.scored, str):
            return None, self.scored
        name = self.scored.name
        scores = [
            float(named_scores(fold["test_scores"])[name]) if fold.get("fit_error") is None else None
            for fold in (result.scores for result in results)
        ]
        saved = [None] * (len(self.scored.design.places) - len(results))
        said = [result.said for result in results]
        for form in self._forms:
            rows = row_scores(self.scored, form, [*said, *saved], [*scores, *saved])
            if rows is not None:
                self._settle(form)
                return rows, None
        return None, UNLIKE

    def _settle(self, form: Metric) -> None:
        self._forms = [form]


@dataclass
class FoldsJob:
    """Fits and scores the folds of trials.

    Args:
        work: what all folds have in common.
        splits: (training rows, test rows) of each fold.
        space: how configs are parameters.
        objectives: the metrics that the study was given, the first one ranks.
        keeper: makes the row scores.
        trials: how many trials there will be, for what is printed.
        context: gives the next fold's context of callbacks.
        by_fold: whether each fold is reported, and a verdict asked for before the next one.
        parallel: joblib's workers, once they are started.
        failure: what was raised and has to end the search.
    """

    work: FoldWork
    splits: Sequence[tuple[Any, Any]]
    space: SearchSpace
    objectives: tuple[str, ...]
    keeper: RowKeeper
    trials: int
    context: Callable[[], Any]
    by_fold: bool = False
    parallel: Any = None
    failure: BaseException | None = field(default=None, init=False)

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; a fit that failed makes a failed trial."""
        fit = self._one_by_one if self.by_fold else self._all_at_once
        try:
            folds = fit(assignments, report)
            return [self._outcome(item, mine) for item, mine in zip(assignments, folds, strict=True)]
        except Exception as exc:
            self.failure = exc
            raise

    def stop_on_failure(self, trial: Trial) -> None:  # noqa: ARG002 - called with each trial that ended
        """End the run with what was raised, once the trial is on record as failed."""
        if self.failure is not None:
            raise self.failure

    def _all_at_once(self, assignments: Sequence[Assignment], _report: Reporter) -> list[list[FoldResult]]:
        """All folds of each assignment."""
        k = len(self.splits)
        calls = [self._call(assignment, number) for assignment in assignments for number in range(k)]
        results = list(self.parallel(calls))
        return [results[start : start + k] for start in range(0, len(results), k)]

    def _one_by_one(self, assignments: Sequence[Assignment], report: Reporter) -> list[list[FoldResult]]:
        """The folds of each assignment until the verdict is to stop: the first of all of them, then the second."""
        found: list[list[FoldResult]] = [[] for _ in assignments]
        left = list(range(len(assignments)))
        for number in range(len(self.splits)):
            results = self.parallel([self._call(assignments[place], number) for place in left])
            for place, result in zip(left, results, strict=True):
                found[place].append(result)
            left = [place for place in left if self._goes_on(assignments[place], found[place], report)]
        return found

    def _goes_on(self, assignment: Assignment, results: Sequence[FoldResult], report: Reporter) -> bool:
        """Report the last fold; one without a score is not reported, and says nothing."""
        (score,) = self._first_metric([results[-1].scores])
        if results[-1].scores["fit_error"] is not None or not math.isfinite(score):
            return True
        return report(Report(assignment.trial, len(results), {self.objectives[0]: score})) is not Verdict.STOP

    def _call(self, assignment: Assignment, number: int) -> Any:
        from sklearn.utils.parallel import delayed

        parameters = self.space.to_parameters(assignment.config)
        fold, trial = (number, len(self.splits)), (assignment.trial, self.trials)
        return delayed(run_fold)(self.work, parameters, self.splits[number], fold, trial, self.context())

    def _outcome(self, assignment: Assignment, results: Sequence[FoldResult]) -> Outcome:
        folds = [result.scores for result in results]
        errors = [fold["fit_error"] for fold in folds if fold["fit_error"] is not None]
        seconds = float(sum(fold["fit_time"] + fold["score_time"] for fold in folds))
        extra: dict[str, Any] = {"folds": to_json(folds), "fits": len(folds)}
        if errors:
            rows, _ = self.keeper.keep(results)
            return Outcome(assignment.trial, TrialState.FAILED, {}, rows, errors[0], Cause.ERROR, seconds, extra=extra)
        metrics = self._metrics(folds)
        bad = [name for name in self.objectives if not math.isfinite(metrics[name])]
        if bad:
            error = f"the trial diverged: the mean of '{bad[0]}' over its folds is {metrics[bad[0]]}"
            return Outcome(
                assignment.trial, TrialState.FAILED, metrics, None, error, Cause.DIVERGED, seconds, extra=extra
            )
        extra[FOLD_SCORES] = self._first_metric(folds)
        rows, why = self.keeper.keep(results)
        if why is not None:
            extra["no_rows"] = why
        state = TrialState.COMPLETE if len(folds) == len(self.splits) else TrialState.STOPPED
        return Outcome(assignment.trial, state, metrics, rows, seconds=seconds, extra=extra)

    def _first_metric(self, folds: Sequence[Mapping[str, Any]]) -> list[float]:
        """The metric that ranks, on each fold."""
        by_fold = [named_scores(fold["test_scores"]) for fold in folds]
        name = self.objectives[0] if self.objectives[0] in by_fold[0] else next(iter(by_fold[0]))
        return [float(scores[name]) for scores in by_fold]

    def _metrics(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """The mean over folds of each metric; the first one stands for an objective that none is called like."""
        by_fold = [named_scores(fold["test_scores"]) for fold in folds]
        means = {str(name): float(np.mean([scores[name] for scores in by_fold])) for name in by_fold[0]}
        return {**dict.fromkeys(self.objectives, next(iter(means.values()))), **means}
