"""The winner's score on validation rows: naive, and corrected for having been selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.evaluate.catalogue import EXTREMES
from holdfast.evaluate.found import Found, Request
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.of_predictions import from_predictions, metric_on_all
from holdfast.evaluate.of_scores import from_scores
from holdfast.evaluate.ranges import UNBOUNDED, possible, with_width
from holdfast.evaluate.scale import Scale, scale_of
from holdfast.evaluate.sealed import test_score
from holdfast.evaluate.sheet import sheet_of
from holdfast.evaluate.wording import Estimand
from holdfast.records import Direction, RowScores, Score
from holdfast.rng import Streams
from holdfast.stats import intervals
from holdfast.stats.rmx import is_binary

__all__ = ["Estimate", "estimate", "naive", "test_score"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score corrected for selection.

    Args:
        score: the estimate with its interval.
        naive: the winner's own score on the rows it was selected on.
        luck: how much better than the estimate that is; positive if luck was taken off.
        n_configurations: how many were compared.
        effective_configurations: as how many independent ones they count; None where that is not known.
        bootstraps: how many were drawn.
        undefined: in how many of them the metric was undefined.
        sentences: which method, why, and what it does not cover.
    """

    score: Score
    naive: float
    luck: float
    n_configurations: int
    effective_configurations: float | None
    bootstraps: int
    undefined: int
    sentences: tuple[str, ...]


def naive(
    candidate: RowScores,
    *,
    estimand: Estimand = "scored",
    metric: Metric | None = None,
    y: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = 0.95,
) -> Score:
    """The winner's own validation score; no interval, as none that ignores the selection would hold.

    Args:
        candidate: its row scores.
        estimand: what the number is taken to be about.
        metric: needed where the row scores are predictions.
        y: shape (N,), targets of the same rows, needed with ``metric``.
        folds: shape (N,); see `Metric.values_under`.
        weights: as in `estimate`.
        level: kept in the score; there is no interval.

    Raises:
        RequestError: if predictions come without metric or targets.
    """
    words = wording.estimand_words(estimand)
    sheet = sheet_of([candidate], metric, y, folds, None, weights)
    if candidate.kind == "prediction":
        assert metric is not None
        value = metric_on_all(sheet, metric, 0)
    else:
        value = Scale(1, 0.0, sheet.root).shown(float(sheet.values[0].mean(dtype=float)))
    return Score(value, None, None, level, wording.UNCORRECTED, words, sheet.n_rows)


def estimate(  # noqa: PLR0913 (everything that a correction for selection depends on, by keyword)
    rows: Sequence[RowScores],
    *,
    winner: int | None = None,
    direction: Direction,
    estimand: Estimand,
    metric: Metric | None = None,
    y: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = 0.95,
    seed: int = 0,
    adaptive: bool = False,
) -> Estimate:
    """The winner's score, corrected for having been selected as the best of C configurations on the same N rows.

    - Means over rows: the point of BBC and what the winner is better by than the winners of bootstraps
      (`regained.corrected_mean`), clipped into the RMX interval (`rmx.rmx`). For a refitted model the interval is
      widened by `found.REFIT_VARIANCE`; for scores other than 0/1 near the ceiling each bound is then the outer one of
      it and of one that takes rows as right or wrong. So it is, of any estimand, for log losses and Brier scores near
      0, where no row that was wrong may have been seen (`unseen.widened`).
    - Configurations of an ``adaptive`` search: the search is repeated in simulation as well (`replay.replay`), what it
      adds to the luck is taken off (`regained.search_luck`), and the lower bound pays for all the luck that repetitions
      find.
    - Roots of means: the same on the mean, then the root of the point and of the bounds.
    - Other metrics, from predictions: such a point, too (`regained.corrected_metric`), with the RMX interval of what
      each row contributes (`rmx_metric.rmx_metric`) for a metric with two ends, such as 0 and 1, and BBC percentiles
      for one without.
    - One configuration: the textbook interval, of other metrics `bounded.interval_of_one`.
    - Scores that are missing (not finite) on some rows: `raced.raced`, or `raced.raced_metric` for predictions, where
      these configurations count among those that could have won. One that failed without any score, so that no score
      can have stopped it, may be left out of ``rows``.
    - A winner that is not the best by these scores: bounds that hold for all configurations at once.
    - Scores that are all equal, but 0 or 1: no interval, as it would have no width.

    Args:
        rows: row scores of every configuration compared, on the same rows.
        winner: index of the one selected; the best, lowest index first, if None.
        direction: which way is better, in the sense of the row scores or the metric.
        estimand: ``"scored"`` if the very model that was scored ships, ``"refit"`` if it is fitted again on more rows.
        metric: needed where row scores are predictions; where there is one, no number lies beyond what it can be.
        y: shape (N,), targets in the order of the first row scores; needed with ``metric``.
        folds: shape (N,), the fold in which a row was scored; see `Metric.values_under`.
        groups: shape (N,), names of groups of rows that are not independent.
        weights: shape (N,), over 0, how much each row counts in a metric of predictions; of rows with scores of their
            own see `weighted.weighted_estimate`.
        level: of the interval.
        seed: of the bootstraps.
        adaptive: whether configurations were chosen, by a strategy or by hand, by looking at scores on these rows, in
            the order of ``rows``.

    Raises:
        RequestError: if there is no or one row, row scores do not match, nothing is finite or defined, or the winner
            has scores beyond `LARGEST`.
    """
    words = wording.estimand_words(estimand)
    intervals.check_level(level)
    sheet = sheet_of(rows, metric, y, folds, groups, weights)
    add_up = rows[0].kind == "score"
    if metric is not None and metric.name in EXTREMES:
        raise RequestError(wording.extreme(metric.name))
    if metric is not None and metric.direction != direction:
        raise RequestError(
            f"the direction is '{direction}', but the metric '{metric.name}' is one to {metric.direction}"
        )
    binary = add_up and all(is_binary(values) for values in sheet.values)
    scale = scale_of(direction, binary=binary, root=add_up and sheet.root)
    request = Request(sheet, sheet.place_of(winner), metric, scale, estimand, level, Streams(seed), adaptive)
    found = from_scores(request, binary=binary) if metric is None or add_up else from_predictions(request, metric)
    low, high = scale.bounds(found.low, found.high)
    value, naive_value = scale.shown(found.point), scale.shown(found.naive)
    value = min(max(value, low), high)
    method = wording.with_notes(
        found.method,
        by_few=found.carried is not None,
        unseen=found.unseen,
        undefined=found.undefined,
        bootstraps=found.bootstraps,
    )
    score = Score(value, low, high, level, method, words, sheet.n_rows)
    score = with_width(possible(score, UNBOUNDED if metric is None else metric.range))
    return Estimate(
        score=score,
        naive=naive_value,
        luck=scale.sign * (naive_value - score.value),
        n_configurations=sheet.total,
        effective_configurations=found.effective,
        bootstraps=found.bootstraps,
        undefined=found.undefined,
        sentences=_sentences(request, found, flat=score.low is None),
    )


def _sentences(request: Request, found: Found, *, flat: bool) -> tuple[str, ...]:
    """What a reader has to know about the estimate."""
    sheet = request.sheet
    if sheet.total == 1:
        sentences = [wording.ONE_CONFIGURATION]
    else:
        sentences = [
            wording.selected_from(sheet.total, sheet.n_rows, found.effective),
            wording.why(found.method),
        ]
    if found.method in wording.ANY_CHOICE:
        sentences.append(wording.ANY_RULE)
    if request.estimand == "refit":
        sentences.append(wording.refit(from_bootstrap=found.method == wording.BBC_PERCENTILE))
    if sheet.groups is not None:
        sentences.append(wording.GROUPED)
    if sheet.unfinished:
        sentences.append(wording.not_finite(len(sheet.unfinished), sheet.total))
    if found.undefined:
        sentences.append(wording.undefined(found.undefined, found.bootstraps))
    if flat:
        sentences.append(wording.DEGENERATE)
    sentences.extend(found.sentences)
    if found.carried is not None:
        sentences.append(wording.carried_by_few(found.carried))
    if found.unseen:
        sentences.append(wording.UNSEEN_WHY)
    if request.adaptive and sheet.total > 1:
        sentences.append(wording.ADAPTIVE)
    return tuple(sentences)
