"""Training by a recorded schedule once more, on the rows of its study, to see that it leads where the record says."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from holdfast.errors import RequestError
from holdfast.protocol.bench import make_bench
from holdfast.protocol.folder import DEFAULT_RUNS, find_run, open_book
from holdfast.protocol.prepare import is_prepared, reopen_study
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.scheduled import fit_by_schedule, is_population, schedule_in
from holdfast.protocol.tables import parts_of
from holdfast.records import Trial
from holdfast.study.book import Book
from holdfast.study.schedule import Schedule


@dataclass(frozen=True)
class Replayed:
    """What a training by a schedule came to.

    Attributes:
        trial: the trial whose schedule it is.
        value: the metric that ranks, on the rows that the trial was judged on.
        recorded: what the trial scored.
        reproduced: whether every row has the score that it had; None where none were kept.
        own: whether the schedule is the one by which the trial was trained, as the log has it.
    """

    trial: int
    value: float
    recorded: float
    reproduced: bool | None
    own: bool = True

    def __str__(self) -> str:
        if not self.own:
            return self._of_another()
        began = f"Trained again by its schedule, trial {self.trial}"
        if self.reproduced:
            return f"{began} scored every row as it did: {self.value:.6g}."
        if self.reproduced is None and self.value == self.recorded:
            return f"{began} scored what it did: {self.value:.6g}."
        return f"{began} did not score every row as it did: {self.value:.6g}, and {self.recorded:.6g} on record."

    def _of_another(self) -> str:
        """What a schedule that is not the trial's came to, beside the trial."""
        began = f"A network trained by another schedule than that of trial {self.trial}"
        if self.reproduced:
            return f"{began} scored every row as the trial did: {self.value:.6g}."
        return f"{began} scored {self.value:.6g}, and the trial {self.recorded:.6g}."


def replay_schedule(
    name: str, schedule: Schedule | str | Path | None = None, *, runs: str | Path = DEFAULT_RUNS
) -> Replayed:
    """Train a network of a planned study by a schedule, as one plain run from the first epoch on, and judge it.

    Args:
        name: the study's.
        schedule: the schedule or its file; that of the winner if none is given.
        runs: the folder of all runs.

    Raises:
        RequestError: if there is no such study, its search has no winner yet, its models are no networks, or
            the schedule is none of a trial of it with a score.
        DataError: if its rows are not those that were written.
    """
    run = find_run(Path(runs), name)
    book = open_book(run)
    if not is_prepared(book) or ("choice.made" not in book.state.notes and schedule is None):
        raise RequestError(f"study '{name}' has made no choice yet; finish it first: {run.doors('resume')}")
    with closing(reopen_study(recorded_plan(book), run, book)) as ready:
        if schedule is None:
            schedule = schedule_in(book, book.state.trials[book.state.notes["choice.made"][-1]["trial"]])
        found = schedule if isinstance(schedule, Schedule) else Schedule.load(schedule)
        if not 0 <= found.trial < len(book.state.trials):
            raise RequestError(f"study '{name}' has no trial {found.trial}, which the schedule is of")
        trial = book.state.trials[found.trial]
        own = schedule_in(book, trial)
        _check(book, found, own, trial, name)
        bench = make_bench(ready.recipe, parts_of(run.path, ready.recipe.schema, folds=ready.folds))
        early = not is_population(book)
        fits = [fit_by_schedule(ready.recipe, found, part, early_stopping=early) for part in bench.prepared]
        value, rows = bench.score([bench.predict(fit.model, part) for part, fit in enumerate(fits)])
        same = None
        if rows is not None and trial.rows is not None:
            same = bool(np.array_equal(rows.values, book.get_rows(trial.rows).values))
    return Replayed(found.trial, value, trial.metrics[bench.metric.name], same, found.pieces == own.pieces)


def _check(book: Book, found: Schedule, own: Schedule, trial: Trial, name: str) -> None:
    """Refuse a schedule that is none for the trials of a study, or is of one that has no score."""
    fidelity, until = book.state.settings.fidelity, found.pieces[-1].until
    if found.unit != own.unit:
        raise RequestError(
            f"the schedule goes by {found.unit}, and the trials of study '{name}' go by {own.unit}; take one of its own"
        )
    if fidelity is not None and until is not None and until > fidelity.max:
        raise RequestError(
            f"the schedule ends with {found.unit} {until}, and the trials of study '{name}' end with {fidelity.max}"
        )
    if not trial.metrics:
        raise RequestError(f"trial {trial.number}, which the schedule is of, has no score to compare with")
