"""The winner against the next best trials on the rows that all of them were scored on, whatever the metric."""

from __future__ import annotations

import numpy as np

from holdfast.errors import DataError
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.sheet import Sheet, sheet_of
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.recorded import recorded_recipe, recorded_targets
from holdfast.protocol.tables import Judged
from holdfast.records import Trial, loss_sign
from holdfast.rng import Streams
from holdfast.stats.bootstrap import draw_counts
from holdfast.study.book import Book
from holdfast.study.compared import MOST, Compared, Rival, compared, front, mean_bootstraps, rivals

BOOTSTRAPS = 2000
"""For means over rows."""

METRIC_BOOTSTRAPS = 500
"""For metrics that are fast under weights."""

SLOW_BOOTSTRAPS = 100
"""For metrics that are called once per bootstrap and trial."""


def rivals_of(run: RunFolder, book: Book, winner: Trial) -> list[Rival] | None:
    """The winner and the next best trials; differences are in the metric, positive where the winner is better.

    Returns:
        None where there is nothing to compare: no row scores, or the rows themselves are gone.
    """
    draw = Streams(book.state.settings.seed).generator(0, "rivals")
    found = compared(book, winner, most=MOST)
    if found is not None:
        return _from_scores(found, draw)
    trials = front(book, winner, MOST)
    if not trials:
        return None
    recipe = recorded_recipe(book)
    try:
        judged = recorded_targets(run, book, recipe.schema)
    except (DataError, FileNotFoundError):  # the folder holds the log and the pages, and no data any more
        return None
    return _from_predictions(book, trials, recipe.make_metric(), judged, draw)


def _from_scores(found: Compared, draw: np.random.Generator) -> list[Rival]:
    in_bag = mean_bootstraps(found.scores, draw, BOOTSTRAPS)
    sign, offset = found.scale.sign, found.scale.offset

    def metric(oriented: np.ndarray) -> np.ndarray:
        values = (oriented - offset) * sign
        return np.asarray(sign * (np.sqrt(np.maximum(values, 0.0)) if found.scale.root else values))

    return rivals(found.trials, metric(found.scores.mean(axis=0)), metric(in_bag))


def _from_predictions(
    book: Book, trials: list[Trial], metric: Metric, judged: Judged, draw: np.random.Generator
) -> list[Rival] | None:
    """For metrics that are computed from all predictions at once, such as AUC."""
    metric, y, folds, groups, _, counts = judged.compared_by(metric)
    rows = [book.get_rows(trial.rows) for trial in trials if trial.rows is not None]
    sheet = sheet_of(rows, metric, y, folds, groups, counts)
    if sheet.index[0] != 0:
        return None
    many = METRIC_BOOTSTRAPS if metric.fast else SLOW_BOOTSTRAPS
    drawn = draw_counts(draw, sheet.n_rows, many, sheet.groups)
    in_bag = np.concatenate([_values(sheet, metric, weights) for weights in drawn])
    observed = _values(sheet, metric, np.ones((1, sheet.n_rows)))[0]
    return rivals([trials[place] for place in sheet.index], observed, in_bag)


def _values(sheet: Sheet, metric: Metric, weights: np.ndarray) -> np.ndarray:
    """The metric of every trial under weights of shape (b, N), shape (b, C); higher is better."""
    sign = -loss_sign(metric.direction)
    columns = [sheet.under(metric, values, weights) for values in sheet.values]
    return sign * np.stack(columns, axis=1)
