"""The picture of a search: the trials in their order, the best so far, and what is left of it after the correction.

What the picture shows is in `holdfast.report.history`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.facts.blocks import Figure
from holdfast.facts.numbers import better, count, interval, number
from holdfast.report.charts import as_number, chart, label, specification, symbols, tooltip
from holdfast.report.figures import picture
from holdfast.report.history import BEST, BEYOND, COMPLETE, FAILED, PARTIAL, SearchHistory, search_history
from holdfast.report.palette import BLUE, GREEN, INK, OCHRE, PURPLE, VERMILION
from holdfast.report.scores_figure import SCORES, bounds, score_rows
from holdfast.study.state import StudyState

HEIGHT = 320

MARKS: dict[str, tuple[str, str]] = {
    COMPLETE: (BLUE, "circle"),
    PARTIAL: (PURPLE, "triangle-right"),
    BEYOND: (OCHRE, "cross"),
    FAILED: (INK, "M-0.6,-0.6L0.6,0.6M-0.6,0.6L0.6,-0.6"),
    BEST: (VERMILION, "diamond"),
}
"""Each kind of point, its colour and its shape."""


def history_figure(state: StudyState, path: Sequence[Mapping[str, Any]] = ()) -> Figure | None:
    """The picture of the search; None before a trial has ended.

    Args:
        state: what the log says.
        path: dicts of ``trial``, ``value``: the estimate along the way, see `holdfast.report.corrected`.
    """
    history = search_history(state)
    if not history.points:
        return None
    spec = specification(_layers(history, path, len(state.trials)), HEIGHT, right=12)
    return picture("history", spec, _caption(history, path), _alternative(history, len(state.trials)))


def value_axis(history: SearchHistory, field: str = "value", ticks: int = 6) -> Any:
    """The vertical axis of scores, the same in all pictures of a study."""
    import altair as alt

    scale = alt.Scale(domain=list(history.scale), nice=False, zero=False)
    axis = alt.Axis(tickCount=ticks, grid=True, **as_number(*history.scale))
    lower = " (lower is better)" if history.metric.direction == "minimize" else ""  # higher needs no word
    return alt.Y(f"{field}:Q", title=f"{label(history.metric.name)}{lower}", scale=scale, axis=axis)


def _layers(history: SearchHistory, path: Sequence[Mapping[str, Any]], n_trials: int) -> Any:
    import altair as alt

    x = alt.X(
        "trial:Q",
        title="trial",
        scale=alt.Scale(domain=[-0.5, max(n_trials - 0.5, 0.5)], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False, tickCount=8),
    )
    y = value_axis(history)
    seen = {point["kind"] for point in history.points}
    color, shape = symbols("kind", MARKS, [kind for kind in MARKS if kind in seen], columns=3)
    said = tooltip(trial="trial:N", score="exact:Q", kind="kind:N")
    drawn = [point for point in history.points if point["kind"] not in {FAILED, BEST}]
    layers = [
        *_band(history, path),
        chart(drawn)
        .mark_point(filled=True, size=42, fillOpacity=0.75, opacity=1)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=said),
        chart(history.best).mark_line(interpolate="step-after", color=VERMILION, strokeWidth=1.8).encode(x=x, y=y),
        chart([point for point in history.points if point["kind"] == FAILED])
        .mark_point(filled=False, size=60, strokeWidth=1.6)
        .encode(x=x, y=alt.value(HEIGHT - 7), color=color, shape=shape, tooltip=said),
        chart([point for point in history.points if point["kind"] == BEST])
        .mark_point(filled=True, size=190, opacity=1)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=said),
        *_margin(history),
    ]
    return alt.layer(*layers)


def _band(history: SearchHistory, path: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The interval of the estimate across the picture, and the estimate: its path, or a line."""
    import altair as alt

    limits, estimate = bounds(history.scores.estimate), history.scores.estimate
    if limits is None or estimate is None:
        return []
    band = chart([{"low": limits[0], "high": limits[1], "value": estimate.value}])
    line = band.mark_rule(color=GREEN, strokeWidth=1.8).encode(y=value_axis(history))
    if path:
        along = chart(path).mark_line(color=GREEN, strokeWidth=1.8, clip=True, point={"color": GREEN, "size": 34})
        line = along.encode(x=alt.X("trial:Q"), y=value_axis(history))
    return [band.mark_rect(color=GREEN, opacity=0.13).encode(y=value_axis(history, "low"), y2=alt.Y2("high:Q")), line]


def _margin(history: SearchHistory) -> list[Any]:
    """The scores by name at the right edge, moved apart where they would lie on each other."""
    import altair as alt

    rows = apart(score_rows(history.scores), history.scale, HEIGHT)
    if len(rows) < 2:
        return []
    return [
        chart([row])
        .mark_text(align="left", dx=8, fontSize=12, fontWeight=600, color=SCORES[row["score"]][0])
        .encode(x=alt.value("width"), y=value_axis(history, "place"), text="score:N")
        for row in rows
    ]


def apart(rows: list[dict[str, Any]], scale: tuple[float, float], height: float) -> list[dict[str, Any]]:
    """The rows from the top down with a ``place`` on the scale for their text, a line of text below the one before."""
    low, high = scale
    line = 15 / height * (high - low)
    placed: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: -row["value"]):
        most = placed[-1]["place"] - line if placed else high
        placed.append({**row, "place": min(row["value"], most)})
    return placed


def _caption(history: SearchHistory, path: Sequence[Mapping[str, Any]]) -> str:
    name, naive, estimate = history.metric.name, history.scores.naive, history.scores.estimate
    parts = [
        f"Each point is a trial's {label(name)} ({better(history.metric.direction)}); the line is the best so far."
    ]
    if history.best and history.best[-1]["trial"] > 0:
        improved = [step["trial"] for step in history.best[:-1]]
        parts.append(f"It last improved at trial {improved[-1]}; the last one is trial {history.best[-1]['trial']}.")
    if naive is not None and estimate is not None and path:
        parts.append(
            "The green line is what would have been left of it at each point, had the search ended there: the luck of "
            f"picking taken off. At the end the naive score is {number(naive.value)} and the estimate "
            f"{number(estimate.value)}, with its interval as the band."
        )
    elif naive is not None and estimate is not None:
        parts.append(
            f"Naively the search ends at {number(naive.value)}; corrected for having picked the best, at the green "
            f"line, {number(estimate.value)}, with its interval as the band."
        )
    if history.apart:
        parts.append("The scores by name are from the select rows, the points from the validation rows.")
    beyond = sum(point["kind"] == BEYOND for point in history.points)
    if beyond:
        parts.append(f"{count(beyond, 'trial')} did so badly as to be off the scale: the plus signs at its edge.")
    failed = sum(point["kind"] == FAILED for point in history.points)
    if failed:
        parts.append(f"{count(failed, 'trial')} failed: the x marks along the bottom.")
    return " ".join(parts)


def _alternative(history: SearchHistory, n_trials: int) -> str:
    parts = [f"Optimisation history of {count(n_trials, 'trial')} by {label(history.metric.name)}."]
    if history.best:
        first, last = history.best[0], history.best[-1]
        better_at = max((step["trial"] for step in history.best[:-1]), default=first["trial"])
        parts.append(
            f"The best so far goes from {number(first['value'])} at trial {first['trial']} to {number(last['value'])}, "
            f"last improved at trial {better_at}."
        )
    scores = history.scores
    for name, score in (("naive score", scores.naive), ("estimate", scores.estimate), ("test", scores.test)):
        if score is not None:
            limits = "" if score.low is None else f", interval {interval(score)}"
            parts.append(f"The {name} is {number(score.value)}{limits}.")
    return " ".join(parts)
