"""The job of a planned study: train a configuration on each part, judge it, and hand back its score on every row."""

from __future__ import annotations

import dataclasses
import functools
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.data.columns import Schema
from holdfast.protocol.bench import Bench, make_bench
from holdfast.protocol.constraints import MODEL_BYTES
from holdfast.protocol.fidelity import Measure
from holdfast.protocol.fits import Training, train_at_once, train_by_fold
from holdfast.protocol.learn import Recipe, import_models
from holdfast.protocol.stacked import Steps, side_by_side
from holdfast.protocol.steps import train_in_steps
from holdfast.protocol.tables import Anew, Rows, open_rows, parts_of
from holdfast.records import (
    Assignment,
    Cause,
    Outcome,
    Reporter,
    TrialState,
)

MOST_BYTES = 1 << 30
"""Of rows that the trials of one call keep for themselves; beyond that they are trained in several goes."""


@dataclass(frozen=True)
class TrainJob:
    """Trains trials of one study, from the files of its run; cheap to send to a worker.

    Args:
        recipe: what every fit has in common.
        folder: the folder of the run.
        folds: whether folds take turns as validation rows.
        measure: by what trials pause and resume; None where they do not.
        weigh: whether it is kept what each model would take on disk.
        anew: how validation rows are drawn for every trial; None where all have the same.
        by_fold: whether each fold is reported, and a verdict asked for before the next one.
        deterministic: whether no clock decides how networks are trained.
        early_stopping: whether a network may end early, and predicts with the weights of its best epoch.
    """

    recipe: Recipe
    folder: Path
    folds: bool
    measure: Measure | None = None
    weigh: bool = False
    anew: Anew | None = None
    by_fold: bool = False
    deterministic: bool = False
    early_stopping: bool = True

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; whatever goes wrong in a fit is that trial's failure."""
        trials = [self._trial(assignment, report) for assignment in assignments]
        return side_by_side(trials, lambda: _most_at_once(_bench(self)), deterministic=self.deterministic)

    def load(self) -> None:
        """Load rows and libraries now, and keep them for the trials of this process; files are not read again."""
        _bench(self)
        if self.anew is not None:
            _open_rows(self.folder, self.recipe.schema)

    def _trial(self, assignment: Assignment, report: Reporter) -> Steps:
        from holdfast.train.failures import Diverged

        number = assignment.trial
        try:
            bench = _bench(self)
            yield []  # the first trial of a worker loads rows and libraries, which is no part of its training
            if self.anew is not None:
                bench = _bench_anew(self, self.anew, bench, number)
            state, metrics, rows, extra = yield from self._way()(bench, assignment, report)
        except Diverged as exc:
            return Outcome(number, TrialState.FAILED, error=str(exc), cause=Cause.DIVERGED)
        except Exception:  # noqa: BLE001 - any fit may raise anything; it is kept in the log
            return Outcome(number, TrialState.FAILED, error=traceback.format_exc(), cause=Cause.ERROR)
        value = metrics[bench.metric.name]
        if not math.isfinite(value):
            why = f"the metric '{bench.metric.name}' is {value}"
            return Outcome(number, TrialState.FAILED, error=why, cause=Cause.DIVERGED)
        return Outcome(number, state, metrics, rows, extra=extra)

    def _way(self) -> Callable[[Bench, Assignment, Reporter], Training]:
        """How a trial is trained."""
        if self.measure is not None:
            return functools.partial(train_in_steps, self.measure)
        return train_by_fold if self.by_fold else train_at_once


@functools.lru_cache(maxsize=2)
def _bench(job: TrainJob) -> Bench:
    bench = make_bench(job.recipe, parts_of(job.folder, job.recipe.schema, folds=job.folds))
    import_models(job.recipe, bench.prepared[0].task)
    weigh = job.weigh or MODEL_BYTES in job.recipe.limited
    return dataclasses.replace(bench, weigh=weigh, early_stopping=job.early_stopping)


def _bench_anew(job: TrainJob, anew: Anew, common: Bench, trial: int) -> Bench:
    """The bench of a trial that has validation rows of its own; it keeps no row scores, which no other trial shares."""
    part = anew.part(_open_rows(job.folder, job.recipe.schema), trial)
    return dataclasses.replace(make_bench(common.recipe, (part,)), weigh=common.weigh, paired=False)


@functools.lru_cache(maxsize=2)
def _open_rows(folder: Path, schema: Schema) -> Rows:
    return open_rows(folder, schema)


def _most_at_once(bench: Bench) -> int:
    """How many trials may keep rows of their own at once: a run copies those that it learns from."""
    return max(1, MOST_BYTES // max(sum(ready.X.nbytes for ready in bench.prepared), 1))
