"""What the picture of a search shows: its points, its scale, and the sentences that go with it. No drawing here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.facts.log import Metric, ThreeScores, latest, metric_of, three_scores, winner_of
from holdfast.records import Direction, Score, Trial, TrialState, loss_sign
from holdfast.report.charts import drawn
from holdfast.study.ranking import is_eligible
from holdfast.study.state import StudyState

COMPLETE, PARTIAL, BEYOND, FAILED, BEST = "complete", "stopped or paused", "off the scale", "failed", "winner"
"""What a mark in the picture stands for, in the order of the legend."""

STRETCH = 2.0
"""How far beyond the span from the best to the 90th-percentile value the scale may reach towards the worst."""


@dataclass(frozen=True, slots=True)
class SearchHistory:
    """The data of the picture.

    Attributes:
        metric: of the vertical axis.
        points: dicts of ``trial``, ``value`` (clipped to the scale; None for failed trials), ``exact``, ``kind``.
        best: dicts of ``trial``, ``value``: the best complete value of those that may be the best, up to each trial
            that improved it, and to the last.
        scale: (low, high) of the vertical axis.
        scores: the three scores.
        apart: whether the winner was chosen on rows of their own, so that its naive score is none of the points.
    """

    metric: Metric
    points: Sequence[dict[str, Any]]
    best: Sequence[dict[str, Any]]
    scale: tuple[float, float]
    scores: ThreeScores
    apart: bool


def search_history(state: StudyState, *, with_scores: bool = True) -> SearchHistory:
    """The trials with a value of the first metric, on a scale that a few bad ones do not flatten.

    The three scores and their intervals are on the scale, too, if they are to be drawn beside the trials.
    """
    metric, scores = metric_of(state), three_scores(state)
    direction = state.settings.directions[state.first_metric]
    valued = [(trial, value) for trial in state.trials if math.isfinite(value := _value(trial, state.first_metric))]
    shown = (scores.naive, scores.estimate, scores.test) if with_scores else ()
    quoted = [number for score in shown for number in _numbers(score)]
    scale = robust_scale(np.array([value for _, value in valued]), quoted, direction)
    winner = winner_of(state)
    points = [_point(trial, value, winner, scale) for trial, value in valued]
    points += [
        {"trial": trial.number, "value": None, "exact": None, "kind": FAILED}
        for trial in state.trials
        if trial.state is TrialState.FAILED
    ]
    may_win = [(t.number, v) for t, v in valued if t.state is TrialState.COMPLETE and is_eligible(state, t)]
    best = best_so_far(may_win, direction)
    if best:
        best.append({"trial": len(state.trials) - 1, "value": best[-1]["value"]})
    chosen, split = latest(state, "choice.made"), latest(state, "data.split")
    apart = chosen is not None and split is not None and bool(split["roles"].get("select"))
    return SearchHistory(metric, points, best, scale, scores, apart)


def robust_scale(values: np.ndarray, quoted: Sequence[float], direction: Direction) -> tuple[float, float]:
    """The (low, high) of the vertical axis: all quoted numbers, and all values that are not far out on the bad side.

    The bad side ends at most at q + STRETCH * (q - best), q the value that 90% of the trials do better than.

    Args:
        values: shape (n,), finite; may be empty.
        quoted: numbers that have to be on the scale.
        direction: which side is the bad one.
    """
    if len(values) == 0 and not quoted:
        return 0.0, 1.0
    sign = loss_sign(direction)
    losses = sign * np.asarray(values, dtype=float)
    shown = [sign * number for number in quoted]
    if len(losses):
        far = float(np.quantile(losses, 0.9, method="higher"))
        limit = far + STRETCH * (far - float(losses.min()))
        shown += [float(losses.min()), float(losses[losses <= limit].max())]
    low, high = sorted((sign * min(shown), sign * max(shown)))
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def best_so_far(values: Sequence[tuple[int, float]], direction: Direction) -> list[dict[str, Any]]:
    """The (trial, value) pairs that are better than every earlier one, as dicts."""
    steps: list[dict[str, Any]] = []
    for trial, value in values:
        if not steps or (value < steps[-1]["value"] if direction == "minimize" else value > steps[-1]["value"]):
            steps.append({"trial": trial, "value": value})
    return steps


def _value(trial: Trial, metric: str) -> float:
    if not trial.state.finished and trial.state is not TrialState.PAUSED:
        return math.nan
    return math.nan if trial.state is TrialState.FAILED else trial.metrics.get(metric, math.nan)


def _numbers(score: Score | None) -> list[float]:
    """The finite numbers of a score."""
    if score is None:
        return []
    return [number for number in (score.value, score.low, score.high) if number is not None and math.isfinite(number)]


def _point(trial: Trial, value: float, winner: Trial | None, scale: tuple[float, float]) -> dict[str, Any]:
    low, high = scale
    if winner is not None and trial.number == winner.number:
        kind = BEST
    elif not low <= value <= high:
        kind = BEYOND
    else:
        kind = COMPLETE if trial.state is TrialState.COMPLETE else PARTIAL
    clipped = drawn(min(max(value, low), high))
    return {"trial": trial.number, "value": clipped, "exact": drawn(value), "kind": kind}
