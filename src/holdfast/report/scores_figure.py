"""The three scores with their intervals on one axis."""

from __future__ import annotations

import math
from typing import Any

from holdfast.facts.blocks import Figure
from holdfast.facts.log import ThreeScores, metric_of, three_scores
from holdfast.facts.numbers import better, interval, number
from holdfast.records import Direction, Score, loss_sign
from holdfast.report.charts import as_number, chart, label, specification
from holdfast.report.figures import picture
from holdfast.report.palette import GREEN, INK, VERMILION
from holdfast.study.state import StudyState

SCORES: dict[str, tuple[str, str]] = {
    "naive": (VERMILION, "diamond"),
    "estimate": (GREEN, "circle"),
    "test": (INK, "square"),
}
"""Each score, its colour and its shape."""


def scores_figure(state: StudyState) -> Figure | None:
    """The picture of the three scores; None before there is an estimate or a test to set beside the naive one."""
    scores, metric = three_scores(state), metric_of(state)
    rows = score_rows(scores)
    if len(rows) < 2:
        return None
    spec = specification(_layers(rows, label(metric.name, 60), scores), height=52 * len(rows), right=30)
    return picture("scores", spec, _caption(scores, metric.direction), _alternative(scores, metric.name))


def score_rows(scores: ThreeScores) -> list[dict[str, Any]]:
    """The scores that are known and finite: ``score``, ``value``, ``low``, ``high``, ``label``."""
    rows = []
    for name, score in _named(scores):
        if score is not None and math.isfinite(score.value):
            low, high = bounds(score) or (None, None)
            rows.append({"score": name, "value": score.value, "low": low, "high": high, "label": number(score.value)})
    return rows


def bounds(score: Score | None) -> tuple[float, float] | None:
    """The interval of a score, if it has a finite one."""
    if score is None or score.low is None or score.high is None:
        return None
    return (score.low, score.high) if math.isfinite(score.low) and math.isfinite(score.high) else None


def _named(scores: ThreeScores) -> list[tuple[str, Score | None]]:
    return [("naive", scores.naive), ("estimate", scores.estimate), ("test", scores.test)]


def _layers(rows: list[dict[str, Any]], metric: str, scores: ThreeScores) -> Any:
    import altair as alt

    names = [row["score"] for row in rows]
    ends = [end for row in rows for end in (row["value"], row["low"], row["high"]) if end is not None]
    margin = 0.08 * (max(ends) - min(ends)) or 0.05 * abs(ends[0]) or 0.5
    scale = alt.Scale(domain=[min(ends) - margin, max(ends) + margin], nice=False, zero=False)

    def x(field: str) -> Any:
        return alt.X(
            f"{field}:Q",
            title=metric,
            scale=scale,
            axis=alt.Axis(tickCount=6, grid=True, **as_number(min(ends), max(ends))),
        )

    y = alt.Y("score:N", title=None, sort=names, axis=alt.Axis(grid=False, ticks=False, domain=False, labelFontSize=14))
    color = alt.Color("score:N", scale=alt.Scale(domain=names, range=[SCORES[n][0] for n in names]), legend=None)
    shape = alt.Shape("score:N", scale=alt.Scale(domain=names, range=[SCORES[n][1] for n in names]), legend=None)
    bounded = chart([row for row in rows if row["low"] is not None])
    layers = [
        bounded.mark_rule(strokeWidth=2.5).encode(y=y, x=x("low"), x2="high:Q", color=color),
        bounded.mark_tick(thickness=2.5, size=16, orient="vertical").encode(y=y, x=x("low"), color=color),
        bounded.mark_tick(thickness=2.5, size=16, orient="vertical").encode(y=y, x=x("high"), color=color),
        *_luck(scores, x),
        chart(rows).mark_point(filled=True, size=150, opacity=1).encode(y=y, x=x("value"), color=color, shape=shape),
        chart(rows).mark_text(dy=-14, fontSize=13, fontWeight=600, color=INK).encode(y=y, x=x("value"), text="label:N"),
    ]
    return alt.layer(*layers)


def _luck(scores: ThreeScores, x: Any) -> list[Any]:
    """A dashed line through the naive score, down to the others."""
    if scores.naive is None or scores.estimate is None or not math.isfinite(scores.naive.value):
        return []
    line = chart([{"value": scores.naive.value}])
    return [line.mark_rule(strokeDash=[4, 4], strokeWidth=1.2, color=VERMILION, opacity=0.8).encode(x=x("value"))]


def _caption(scores: ThreeScores, direction: Direction) -> str:
    naive, estimate, test = scores.naive, scores.estimate, scores.test
    assert naive is not None
    sign = -loss_sign(direction)
    parts = []
    if estimate is not None:
        luck = sign * (naive.value - estimate.value)
        if luck > 0:
            parts.append(f"The step from the dashed line to the estimate is the luck taken off: {number(luck)}.")
        else:
            parts.append("The estimate is no worse than the naive score, so no luck was taken off.")
    if test is not None and estimate is not None:
        nearer = abs(test.value - estimate.value) <= abs(test.value - naive.value)
        order = ("the estimate", "the naive score") if nearer else ("the naive score", "the estimate")
        parts.append(f"The test score is nearer to {order[0]} than to {order[1]}.")
    elif test is not None:
        parts.append(f"The test score is {number(abs(test.value - naive.value))} away from the naive score.")
    parts.append(f"({better(direction).capitalize()}.)")
    return " ".join(parts)


def _alternative(scores: ThreeScores, metric: str) -> str:
    said = []
    for name, score in _named(scores):
        if score is not None:
            said.append(
                f"{name} {number(score.value)}" + ("" if bounds(score) is None else f", from {interval(score)}")
            )
    return f"The scores by {label(metric, 60)} on one axis: {'; '.join(said)}."
