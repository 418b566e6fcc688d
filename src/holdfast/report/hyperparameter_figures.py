"""Every hyperparameter against the score, one small picture each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.analyse.ends import can_go_beyond
from holdfast.analyse.surface import Dependence
from holdfast.facts.blocks import Figure
from holdfast.facts.log import winner_of
from holdfast.facts.numbers import count, number, shown
from holdfast.records import Trial, TrialState
from holdfast.report.axes import Axis, axes
from holdfast.report.charts import SMALL, as_number, chart, drawn, label, specification, symbols, tooltip
from holdfast.report.figures import picture
from holdfast.report.history import BEST, BEYOND, FAILED, PARTIAL, SearchHistory, search_history
from holdfast.report.history_figure import MARKS, value_axis
from holdfast.report.palette import GREEN, INK
from holdfast.report.ranked import best_tenth, scored
from holdfast.stats.ranks import rank_correlation
from holdfast.study.state import StudyState

HEIGHT = 190

EDGE = 0.03
"""A winner within this part of the range from an end may be better off outside of it."""

STRONG = 0.6
"""Rank correlations from here on are called strong."""

SURE = 2.5
"""A rank correlation is called a trend if it is more than so many of its standard errors, 1 / sqrt(n - 1)."""

SIGNS: dict[str, str] = {
    PARTIAL: "triangles were stopped or paused, so that their score is of less training or of fewer folds",
    BEYOND: "plus signs at the edge are off the scale",
    FAILED: "x marks along the bottom are failed trials",
    BEST: "the diamond is the winner",
}
"""What the marks stand for that a reader could not guess."""

GOLDEN = 0.6180339887
"""Multiples of the golden ratio spread points of one choice evenly, the same way each time."""


def hyperparameter_figures(state: StudyState, expected: Mapping[str, Dependence] | None = None) -> list[Figure]:
    """A picture for each hyperparameter that was searched, in the order of the space; none before two scores.

    Args:
        state: what the log says.
        expected: what a model expects over all else, by the name of a hyperparameter.
    """
    order = scored(state)
    if len(order) < 2:
        return []
    history, found = search_history(state, with_scores=False), axes(state)
    names = file_names([axis.name for axis in found])
    over_all_else = expected or {}
    return [
        _figure(axis, name, state, history, order, over_all_else.get(axis.name))
        for axis, name in zip(found, names, strict=True)
    ]


def signs(state: StudyState) -> str:
    """What the marks in these pictures stand for, as far as they occur."""
    kinds = {point["kind"] for point in search_history(state, with_scores=False).points}
    said = [text for kind, text in SIGNS.items() if kind in kinds]
    if any(axis.categorical for axis in axes(state)):
        said.append("a short line is the median of a choice")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if said else ""


def file_names(names: list[str]) -> list[str]:
    """The names of the pictures of hyperparameters: lower case, plain, all different.

    >>> file_names(["learning rate", "Learning/Rate", "é"])
    ['hyperparameter-learning-rate', 'hyperparameter-learning-rate-2', 'hyperparameter-3']
    """
    used: list[str] = []
    for position, name in enumerate(names, 1):
        plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()[:60]).strip("-")
        candidate = f"hyperparameter-{plain or position}"
        used.append(f"{candidate}-{position}" if candidate in used else candidate)
    return used


def _figure(
    axis: Axis,
    name: str,
    state: StudyState,
    history: SearchHistory,
    order: list[Trial],
    expected: Dependence | None,
) -> Figure:
    points = _points(axis, state, history)
    spec = specification(_layers(axis, points, history, expected), HEIGHT, right=10)
    metric = label(history.metric.name)
    alternative = f"{label(axis.name)} against {metric}, {count(len(points), 'trial')}."
    caption = " ".join(
        [_caption(axis, state, order), *([] if expected is None else [_by_model(axis, expected, state)])]
    )
    caption = caption.strip()
    return picture(name, spec, caption, f"{alternative} {caption}", SMALL)


def _points(axis: Axis, state: StudyState, history: SearchHistory) -> list[dict[str, Any]]:
    """The points of the history, at the value of this hyperparameter; where it is not active there is none."""
    points = []
    for point in history.points:
        value = state.trials[point["trial"]].config.get(axis.name)
        if axis.place(value) is None or axis.name not in state.trials[point["trial"]].config:
            continue
        if axis.categorical:
            spread = round(2 * (point["trial"] * GOLDEN % 1) - 1, 3)
            points.append({**point, "at": axis.choice(value), "spread": spread})
        else:
            points.append({**point, "at": drawn(value) if isinstance(value, float) else value})
    return points


def _layers(axis: Axis, points: list[dict[str, Any]], history: SearchHistory, expected: Dependence | None) -> Any:
    import altair as alt

    x, y = _value_axis(axis), value_axis(history, ticks=4)
    seen = [kind for kind in MARKS if any(point["kind"] == kind for point in points)]
    color, shape = symbols("kind", MARKS, seen)
    color, shape = color.legend(None), shape.legend(None)
    said = tooltip(trial="trial:N", score="exact:Q", value="at:N" if axis.categorical else "at:Q")
    common = {"x": x, "color": color, "shape": shape, "tooltip": said}
    if axis.categorical:
        common["xOffset"] = alt.XOffset("spread:Q", scale=alt.Scale(domain=[-1.5, 1.5]))
    plain = [point for point in points if point["kind"] not in {FAILED, BEST}]
    layers = [
        chart(plain).mark_point(filled=True, size=26, fillOpacity=0.7, opacity=1).encode(y=y, **common),
        chart(point for point in points if point["kind"] == FAILED)
        .mark_point(filled=False, size=40, strokeWidth=1.5)
        .encode(y=alt.value(HEIGHT - 5), **common),
        chart(point for point in points if point["kind"] == BEST)
        .mark_point(filled=True, size=130, opacity=1)
        .encode(y=y, **common),
    ]
    if axis.categorical:
        low, high = history.scale
        medians = [{"at": choice, "value": value} for choice, value in _medians(axis, points) if low < value < high]
        layers.append(
            chart(medians).mark_tick(color=INK, thickness=2, size=min(34, 170 // len(axis.choices))).encode(x=x, y=y)
        )
    return alt.layer(*([] if expected is None else _expected(axis, expected, history)), *layers)


def _expected(axis: Axis, expected: Dependence, history: SearchHistory) -> list[Any]:
    """What a model expects over all else as a line with its interval as a band, or for choices as marks."""
    x, y = _value_axis(axis), value_axis(history, ticks=4)
    low, high = history.scale
    rows: list[dict[str, Any]] = [
        {
            "at": axis.choice(value) if axis.categorical else value,
            "value": drawn(middle),
            "low": drawn(min(max(least, low), high)),
            "high": drawn(min(max(most, low), high)),
        }
        for value, middle, least, most in zip(
            expected.values, expected.metric, expected.low, expected.high, strict=True
        )
    ]
    base = chart(rows)
    ends = value_axis(history, "low", ticks=4)
    if axis.categorical:
        marks = chart([row for row in rows if low < row["value"] < high])
        return [
            base.mark_rule(color=GREEN, strokeWidth=3, strokeOpacity=0.55).encode(x=x, y=ends, y2="high:Q"),
            marks.mark_point(color=GREEN, shape="square", filled=True, size=40, opacity=1).encode(x=x, y=y),
        ]
    return [
        base.mark_area(color=GREEN, opacity=0.16, clip=True).encode(x=x, y=ends, y2="high:Q"),
        base.mark_line(color=GREEN, strokeWidth=2, clip=True).encode(x=x, y=y),
    ]


def _value_axis(axis: Axis) -> Any:
    import altair as alt

    title = label(axis.name, 44)
    if axis.categorical:
        wide = sum(len(choice) for choice in axis.choices) > 34 or max(map(len, axis.choices)) * len(axis.choices) > 40
        angle: dict[str, Any] = {"labelAngle": -35, "labelLimit": 100} if wide else {"labelAngle": 0}
        return alt.X(
            "at:N",
            title=title,
            sort=None,
            scale=alt.Scale(domain=list(axis.choices)),
            axis=alt.Axis(grid=False, labelOverlap="greedy", **angle),
        )
    domain = axis.domain
    assert not hasattr(domain, "choices")
    written = as_number(domain.low, domain.high, log=axis.logarithmic)
    if isinstance(domain.low, int) and not axis.logarithmic:
        written = {"tickMinStep": 1, **(written or {"format": "d"})}
    margin = 0.02 * (float(domain.high) - float(domain.low))
    margin = margin if math.isfinite(margin) else 0.0
    ends = [domain.low, domain.high] if axis.logarithmic else [domain.low - margin, domain.high + margin]
    kind: dict[str, Any] = {"type": "log"} if axis.logarithmic else {"zero": False}
    scale = alt.Scale(domain=ends, nice=False, **kind)
    named = f"{title} (log scale)" if axis.logarithmic else title
    return alt.X(
        "at:Q",
        title=named,
        scale=scale,
        axis=alt.Axis(grid=False, tickCount=5, labelOverlap=True, labelSeparation=8, **written),
    )


def _medians(axis: Axis, points: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """The median score of each choice that has one."""
    groups = {
        choice: [p["exact"] for p in points if p["at"] == choice and p["kind"] != FAILED] for choice in axis.choices
    }
    return [(choice, float(np.median(values))) for choice, values in groups.items() if values]


def _caption(axis: Axis, state: StudyState, order: list[Trial]) -> str:
    active = [trial for trial in order if axis.name in trial.config and axis.place(trial.config[axis.name]) is not None]
    name = label(axis.name)
    if len(active) < 3:
        return f"{name}: {count(len(active), 'trial')} with a score, too few to say more."
    parts = [_by_choice(axis, active, state) if axis.categorical else _by_value(axis, active, state)]
    failed = [t for t in state.trials if t.state is TrialState.FAILED and axis.name in t.config]
    if failed and axis.categorical:
        where = {axis.choice(trial.config[axis.name]) for trial in failed}
        if len(where) == 1 and len(failed) > 1:
            parts.append(f"All {len(failed)} failed trials had {where.pop()}.")
    winner = winner_of(state)
    if winner is not None and axis.name in winner.config and not axis.categorical:
        place = axis.place(winner.config[axis.name])
        high = place is not None and place >= 0.5
        if place is not None and not EDGE < place < 1 - EDGE and can_go_beyond(axis.domain, high=high):
            end = "upper" if high else "lower"
            parts.append(f"The winner lies at the {end} end of the range: a wider one may hold something better.")
    if len(active) < len(order):
        parts.append(f"It was active in {len(active)} of {len(order)} trials with a score.")
    return " ".join(parts)


def _by_model(axis: Axis, expected: Dependence, state: StudyState) -> str:
    """Where a model expects the best score over all else; empty where it is not sure that there is a difference."""
    sign = -state.loss_sign
    ordered = sorted(range(len(expected.values)), key=lambda k: -sign * expected.metric[k])
    best, worst = ordered[0], ordered[-1]
    near, far = (expected.low, expected.high) if sign > 0 else (expected.high, expected.low)
    if sign * near[best] <= sign * far[worst]:
        return ""
    value = expected.values[best]
    rounded = float(f"{value:.2g}") if isinstance(value, float) else value
    where = (axis.choice(value) or "·") if axis.categorical else shown(rounded)
    size = number(float(f"{abs(expected.metric[best] - expected.metric[worst]):.2g}"))
    with_ = "with" if axis.categorical else "near"
    return f"Over all else the best is expected {with_} {where}, {size} better than the worst."


def _by_choice(axis: Axis, active: list[Trial], state: StudyState) -> str:
    """The choices by their median score."""
    metric = state.first_metric
    groups: dict[str, list[float]] = {}
    for trial in active:
        choice = axis.choice(trial.config[axis.name])
        assert choice is not None
        groups.setdefault(choice, []).append(trial.metrics[metric])
    sign = state.loss_sign
    medians = sorted(groups.items(), key=lambda item: sign * float(np.median(item[1])))
    if len(medians) == 1:
        return f"{label(axis.name)}: every trial had {medians[0][0]}."
    (best, ours), (worst, theirs) = medians[0], medians[-1]
    good, bad = number(float(np.median(ours))), number(float(np.median(theirs)))
    return (
        f"{label(axis.name)}: the median is best with {best} ({good}, {count(len(ours), 'trial')}) and worst with "
        f"{worst} ({bad}, {count(len(theirs), 'trial')})."
    )


def _by_value(axis: Axis, active: list[Trial], state: StudyState) -> str:
    """Which way the scores go with the values, and where the best are."""
    metric = state.first_metric
    sign = -state.loss_sign
    places = [axis.place(trial.config[axis.name]) or 0.0 for trial in active]
    trend = rank_correlation(places, [sign * trial.metrics[metric] for trial in active])
    values = [value for t in best_tenth(active) if isinstance(value := t.config[axis.name], int | float)]
    low, high = shown(min(values)), shown(max(values))
    where = f"the best {len(values)} lie {f'at {low}' if low == high else f'between {low} and {high}'}"
    way = "larger" if trend > 0 else "smaller"
    if abs(trend) * math.sqrt(len(active) - 1) < SURE:
        return f"{label(axis.name)}: no steady trend; {where}."
    size = "much" if abs(trend) >= STRONG else "a little"
    return f"{label(axis.name)}: {way} values did {size} better (rank correlation {trend:+.2f}); {where}."
