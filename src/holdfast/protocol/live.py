"""The best score so far without the luck of having been picked, while trials run: rough, and soon enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from holdfast.errors import HoldfastError, RequestError
from holdfast.evaluate.bootstraps import METRIC_BOOTSTRAPS
from holdfast.evaluate.found import REFIT_VARIANCE
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.series import series_of
from holdfast.evaluate.sheet import Sheet, sheet_of
from holdfast.protocol.choose import shipped
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.recorded import recorded_recipe, recorded_targets
from holdfast.protocol.tables import Judged
from holdfast.protocol.units import Units, units_of
from holdfast.records import RowScores, Trial, loss_sign
from holdfast.rng import Streams
from holdfast.stats.bootstrap import bbc_metric
from holdfast.stats.regained import corrected_metric
from holdfast.stats.rmx import are_shares
from holdfast.study.book import Book
from holdfast.study.compared import MOST, Compared, Read, compared, corrected, front, read_rows
from holdfast.study.corrected import went_by_scores
from holdfast.study.folds import dropped_trials

ENOUGH = 3
"""Trials with row scores from which on the best one's luck is worth a word."""

BOOTSTRAPS = 50
"""For metrics of all predictions at once, such as AUC: enough to look at. Of fewer rows or trials there are more."""

CELLS = 400_000
"""Rows times trials for which such metrics are quick enough."""


class _Named(NamedTuple):
    """Names of rows, shape (N,), ascending, with their groups or times."""

    names: np.ndarray
    groups: np.ndarray | None
    times: np.ndarray | None


@dataclass
class LiveEstimate:
    """What one look leaves for the next one.

    Args:
        run: where the validation rows are; None where only scores that add up can be corrected.
        rows: row scores of the best trials.
    """

    run: RunFolder | None
    rows: Read = field(default_factory=dict)
    _truth: tuple[Metric, Judged] | None = None
    _named: _Named | None = None
    _without: bool = False

    def of(self, book: Book, best: Trial) -> float | None:
        """The best trial's score with its luck taken off; None where that cannot be said, or not soon enough."""
        if best.rows is None or self._without:
            return None
        if best.rows["kind"] != "score" and dropped_trials(book.state):
            return None  # leaving them out would be too good, and counting them takes too long to look at
        if best.rows["kind"] == "score":
            found = compared(book, best, self.rows)
            if found is None or len(found.trials) < ENOUGH:
                return None
            return self._of_means(book, found)
        return self._of_predictions(book, best)

    def _of_means(self, book: Book, found: Compared) -> float | None:
        groups = None
        if _is_divided(book):
            units = self._units_of(book, self.rows[found.trials[0].number][1])
            if units is None:  # rows on their own would have less luck than there is
                return None
            groups = units.names
        omega2 = REFIT_VARIANCE["binary" if are_shares(found.scores) else "other"] if _is_refitted(book) else 0.0
        seed, searched = book.state.settings.seed, went_by_scores(book.state)
        try:
            return corrected(found, seed, omega2=omega2, searched=searched, groups=groups)
        except RequestError:  # one group only: the estimate at the end will say so
            return None

    def _units_of(self, book: Book, best: RowScores) -> Units | None:
        """The units of the rows of the best trial, sorted by their names, as the estimate has them; None if unknown."""
        if self._named is None and self.run is not None:
            try:
                self._named = _named_rows(self.run, book)
            except (HoldfastError, OSError):  # as in `_read`
                self._named = None
        self._without = self._named is None
        if self._named is None or best.rows is None:
            return None
        order, named = np.argsort(best.rows, kind="stable"), self._named
        place = np.searchsorted(named.names, best.rows[order]).clip(max=len(named.names) - 1)
        if not np.array_equal(named.names[place], best.rows[order]):
            return None
        groups, times = (None if column is None else column[place] for column in (named.groups, named.times))
        return units_of(groups, times, np.asarray(best.values[order], dtype=float))

    def _of_predictions(self, book: Book, best: Trial) -> float | None:
        trials = front(book, best, min(MOST, CELLS // max((best.rows or {})["n"], 1)))
        if len(trials) < ENOUGH or not self._read(book):
            return None
        assert self._truth is not None
        metric, y, folds, groups, times, weights = self._truth[1].compared_by(self._truth[0])
        ordered = sorted(trials, key=lambda trial: trial.number)
        rows, place = read_rows(book, ordered, self.rows), ordered.index(best)
        try:
            units = units_of(groups, times, series_of(rows[place], y))
            return _corrected(book, sheet_of(rows, metric, y, folds, units.names, weights), metric, place)
        except RequestError:  # too few rows of a class, for example: the estimate at the end will say so
            return None

    def _read(self, book: Book) -> bool:
        """Read the targets of the validation rows, once; whether they and a fast metric are there."""
        if self._truth is None and not self._without:
            try:
                self._truth = None if self.run is None else _truth(self.run, book)
            except (HoldfastError, OSError):  # nothing to look at is no reason to stop trials that run
                self._truth = None
            self._without = self._truth is None
        return not self._without


def _truth(run: RunFolder, book: Book) -> tuple[Metric, Judged] | None:
    """The metric and the targets; None for a slow metric, and where there are no targets."""
    recipe = recorded_recipe(book)
    metric = recipe.make_metric()
    if not metric.fast or recipe.schema.target is None:
        return None
    return metric, recorded_targets(run, book, recipe.schema)


def _named_rows(run: RunFolder, book: Book) -> _Named:
    """The rows that trials are judged on, which are read for their groups or times."""
    recipe = recorded_recipe(book)
    judged = recorded_targets(run, book, recipe.schema)
    by = judged.compared_by(recipe.make_metric())
    names = judged.ids if judged.repeats is None else judged.repeats.rows
    order = np.argsort(names, kind="stable")
    return _Named(names[order], *(None if column is None else column[order] for column in (by.groups, by.times)))


def _is_divided(book: Book) -> bool:
    """Whether the rows of a plan were divided by groups or in the order of time."""
    plan = book.state.notes.get("plan.resolved")
    split = {} if plan is None else plan[-1]["plan"]["data"]["split"]
    return any(split.get(key) is not None for key in ("group", "time"))


def _is_refitted(book: Book) -> bool:
    """Whether the model that ships is fitted again, which makes its score less sure."""
    plan, split = book.state.notes.get("plan.resolved"), book.state.notes.get("data.split")
    if not plan or not split:
        return False
    wanted = plan[-1]["plan"]
    reshuffled = bool(wanted["data"]["split"].get("reshuffle"))
    return shipped(wanted["model"]["ship"], folds=bool(split[-1]["folds"]), reshuffled=reshuffled) == "refit"


def _corrected(book: Book, sheet: Sheet, metric: Metric, winner: int) -> float:
    """The winner's metric, less what the best one loses on rows that it was not picked by: as the estimate has it."""
    sign = -loss_sign(metric.direction)
    place = sheet.place_of(winner)
    assert place is not None

    def performance(configuration: int, weights: np.ndarray) -> np.ndarray:
        return sign * sheet.under(metric, sheet.values[configuration], weights)

    whole = np.ones((1, sheet.n_rows))
    observed = np.array([float(performance(c, whole)[0]) for c in range(len(sheet.values))])
    draw = Streams(book.state.settings.seed).generator(0, "live")
    bootstraps = min(max(BOOTSTRAPS, BOOTSTRAPS * CELLS // (sheet.n_rows * len(observed))), METRIC_BOOTSTRAPS)
    found = bbc_metric(performance, sheet.n_rows, len(observed), draw, bootstraps, sheet.groups)
    omega2 = REFIT_VARIANCE["binary" if metric.has_two_ends else "other"] if _is_refitted(book) else 0.0
    point = corrected_metric(observed, found, omega2=omega2, search=draw if went_by_scores(book.state) else None).point
    return sign * float(observed[place] - max(float(np.nanmax(observed)) - point, 0.0))
