"""The winner's score where rows weigh unevenly, corrected for having been selected."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.evaluate.estimate import Estimate, estimate
from holdfast.evaluate.linear import of_linear_form
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import possible
from holdfast.evaluate.uneven import Uneven, with_worth
from holdfast.evaluate.wording import UNSEEN_WHY
from holdfast.records import RowScores, Score


def weighted_estimate(
    rows: Sequence[RowScores],
    weights: np.ndarray,
    metric: Metric,
    *,
    winner: int,
    repeated: bool = False,
    **asked: Any,
) -> Estimate:
    """The winner's weighted score, corrected for having been selected, see `estimate`.

    Args:
        rows: of every configuration: predictions, or scores as `linear.to_linear_form` has them.
        weights: shape (N,), over 0, in the order of the first row scores.
        metric: what they are scores of.
        winner: the place of the one selected.
        repeated: whether rows were judged several times.
        asked: what `estimate` takes beside.

    Raises:
        RequestError: as `estimate` does.
    """
    if rows[0].kind == "prediction":
        made = estimate(rows, winner=winner, metric=metric, weights=weights, **asked)
        return _saying(made, made.score, weights, metric)
    added, counts, groups = [of_linear_form(item, weights) for item in rows], weights / weights.mean(), asked["groups"]
    uneven = Uneven(added, counts, winner, metric.direction, metric, repeated=repeated)
    made = estimate(uneven.evened(), winner=winner, **{**asked, "y": None, "folds": None})
    alike, score = made.effective_configurations, made.score
    if groups is None:
        score = uneven.with_unseen(alike, score)
    if score != made.score:
        made = dataclasses.replace(made, sentences=(*made.sentences, UNSEEN_WHY))
    score = uneven.with_heavy(alike, score, groups, score.level)
    return _saying(made, possible(score, metric.range), weights, metric)


def _saying(made: Estimate, score: Score, weights: np.ndarray, metric: Metric) -> Estimate:
    """The estimate with a score whose method says what rows are worth, where that is notably less than their number."""
    said = dataclasses.replace(score, method=with_worth(score.method, weights))
    luck = made.naive - said.value
    return dataclasses.replace(made, score=said, luck=luck if metric.direction == "maximize" else -luck)
