"""How the best trials learned: their curves, training against validation, and a verdict on over- and underfitting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Block, Figure, Gallery, Paragraph, Section
from holdfast.facts.learning import diagnosis_of, kept_curve, train_score, winners_diagnosis
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import better, count, number
from holdfast.records import Trial
from holdfast.report.axes import powers_of_ten
from holdfast.report.charts import SMALL, chart, label, specification, symbols, tooltip
from holdfast.report.palette import BLUE, INK, VERMILION
from holdfast.report.ranked import scored
from holdfast.study.state import StudyState

MOST_CURVES = 6
"""Trials whose curves are drawn."""

MOST_SCORES = 12
"""Trials whose training score is set beside the validation score."""

MOST_TICKS = 7
"""On a logarithmic scale."""

WIDE = 15.0
"""Values of a curve that are a factor of more than this apart are drawn on a logarithmic scale."""

SIDES: dict[str, tuple[str, str]] = {"training": (VERMILION, "triangle-up"), "validation": (BLUE, "circle")}
"""Each side, its colour and its shape."""


def learning_section(state: StudyState) -> Section:
    """Curves and verdicts of the best trials, as far as the log has them."""
    best = _best(state)
    blocks: list[Block] = []
    verdict = winners_diagnosis(state)
    if verdict is not None:
        blocks.append(Paragraph(f"The winner: {verdict.kind}. {verdict.sentence}"))
    scores = _scores_figure(state, [trial for trial in best if train_score(trial) is not None][:MOST_SCORES])
    if scores is not None:
        blocks.append(scores)
    curves = [figure for trial in best[:MOST_CURVES] if (figure := _curve_figure(state, trial)) is not None]
    if curves:
        name = _curve(state, best[0])
        what = "loss" if name is None else label(name["metric"])
        blocks.append(Paragraph(f"Learning curves of the best trials ({what} at each step; the gap is shaded):"))
        blocks.append(Gallery(curves))
    if not blocks:
        blocks.append(Paragraph("No trial has told a score on its training rows or a learning curve."))
    return Section("Learning: training against validation", blocks)


def _best(state: StudyState) -> list[Trial]:
    """The trials with a score, best first, the chosen one in front of them."""
    winner = winner_of(state)
    ranked = scored(state)
    if winner is None:
        return ranked
    return [winner, *(trial for trial in ranked if trial.number != winner.number)]


def _curve(state: StudyState, trial: Trial) -> Mapping[str, Any] | None:
    """The curve that a trial kept, or what it reported of the study's metric as it went."""
    kept = kept_curve(trial)
    if kept is not None:
        return kept
    seen = [(step, metrics[state.first_metric]) for step, metrics in trial.reports if state.first_metric in metrics]
    if len(seen) < 2:
        return None
    steps, values = zip(*seen, strict=True)
    return {
        "metric": state.first_metric,
        "step": "step" if state.settings.fidelity is None else state.settings.fidelity.name,
        "steps": steps,
        "train": [None] * len(steps),
        "validation": values,
    }


def _name(state: StudyState, trial: Trial) -> str:
    winner = winner_of(state)
    return f"trial {trial.number}{', the winner' if winner is not None and winner.number == trial.number else ''}"


def _curve_figure(state: StudyState, trial: Trial) -> Figure | None:
    curve = _curve(state, trial)
    rows = [] if curve is None else _curve_rows(curve)
    if curve is None or len({row["step"] for row in rows}) < 2:
        return None
    name = _name(state, trial)
    spec = specification(_curve_layers(curve, rows), 190, title=name)
    verdict = diagnosis_of(state, trial)
    if kept_curve(trial) is None and train_score(trial) is None:
        text = f"{name.capitalize()}: {_ends(curve)}."
    else:
        text = f"{name.capitalize()}: {verdict.kind}. {verdict.sentence}"
    alternative = f"Learning curve of {name}: {label(curve['metric'])} by {label(curve['step'])}; {_ends(curve)}."
    return Figure(f"curve-trial-{trial.number}", spec, text, alternative, SMALL)


def _curve_rows(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The finite points of a curve: ``step``, ``value``, ``side``."""
    return [
        {"step": step, "value": value, "side": side}
        for side, key in (("training", "train"), ("validation", "validation"))
        for step, value in zip(curve["steps"], curve[key], strict=True)
        if value is not None and math.isfinite(value)
    ]


def _curve_layers(curve: Mapping[str, Any], rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    both = [
        {"step": step, "low": min(train, validation), "high": max(train, validation)}
        for step, train, validation in zip(curve["steps"], curve["train"], curve["validation"], strict=True)
        if train is not None and validation is not None and math.isfinite(train) and math.isfinite(validation)
    ]
    seen = [side for side in SIDES if any(row["side"] == side for row in rows)]
    log = _is_wide([row["value"] for row in rows])
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=True)
    steps = alt.Axis(grid=False, tickCount=5, format="d")
    x = alt.X("step:Q", title=label(curve["step"]), scale=alt.Scale(nice=False), axis=steps)
    named = f"{label(curve['metric'])}{' (log scale)' if log else ''}"
    y = alt.Y("value:Q", title=named, scale=scale, axis=_value_ticks(rows, log=log))
    colors = alt.Scale(domain=seen, range=[SIDES[side][0] for side in seen])
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3)
    color = alt.Color("side:N", scale=colors, legend=legend)
    dashes = alt.Scale(domain=seen, range=[[5, 3] if side == "training" else [1, 0] for side in seen])
    dash = alt.StrokeDash("side:N", scale=dashes, legend=legend)
    said = tooltip(step="step:N", value="value:Q", side="side:N")
    lines = chart(rows).mark_line(strokeWidth=2).encode(x=x, y=y, color=color, strokeDash=dash)
    points = chart(rows).mark_point(filled=True, size=30, opacity=0).encode(x=x, y=y, tooltip=said)
    gap = chart(both).mark_area(color=INK, opacity=0.09).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
    return alt.layer(*([gap] if both else []), lines, points)


def _value_ticks(rows: list[dict[str, Any]], *, log: bool) -> Any:
    """A few round numbers; on a logarithmic scale 1, 2 and 5 of each magnitude, or powers of ten if they are many."""
    import altair as alt

    if not log:
        return alt.Axis(tickCount=4)
    values = [row["value"] for row in rows]
    low, high = min(values), max(values)
    tens = powers_of_ten(low / 10, high, most=400)
    fine = [ten * factor for ten in tens for factor in (1, 2, 5) if low <= ten * factor <= high]
    return alt.Axis(values=fine if len(fine) <= MOST_TICKS else powers_of_ten(low, high), format="~g")


def _is_wide(values: list[float]) -> bool:
    """Whether the values span so much that a gap between small ones could not be seen on a linear scale."""
    return min(values) > 0 and max(values) > WIDE * min(values)


def _ends(curve: Mapping[str, Any]) -> str:
    """From where to where the sides of a curve go."""
    said = []
    for side, key in (("training", "train"), ("validation", "validation")):
        values = [value for value in curve[key] if value is not None and math.isfinite(value)]
        if values:
            said.append(f"{side} goes from {number(values[0])} to {number(values[-1])}")
    return ", ".join(said)


def _scores_figure(state: StudyState, trials: list[Trial]) -> Figure | None:
    """Training beside validation score of the best trials, a line for each."""
    rows: list[dict[str, Any]] = [
        {"name": _name(state, trial), "train": train, "validation": trial.metrics[state.first_metric]}
        for trial in trials
        if (train := train_score(trial)) is not None and math.isfinite(trial.metrics.get(state.first_metric, math.nan))
    ]
    if not rows:
        return None
    metric = metric_of(state)
    spec = specification(_score_layers(rows, label(metric.name, 60)), 26 * len(rows) + 10, right=20)
    sign = 1.0 if metric.direction == "maximize" else -1.0
    gaps = [sign * (row["train"] - row["validation"]) for row in rows]
    text = (
        f"{label(metric.name).capitalize()} on training and on validation rows of the best {count(len(rows), 'trial')} "
        f"({better(metric.direction)}): on their own training rows they are better by {number(min(gaps))} to "
        f"{number(max(gaps))}; for the winner it is {number(gaps[0])}."
    )
    return Figure("training-validation", spec, text, text)


def _score_layers(rows: list[dict[str, Any]], metric: str) -> Any:
    import altair as alt

    ends = [row[side] for row in rows for side in ("train", "validation")]
    margin = 0.05 * (max(ends) - min(ends)) or 0.05 * abs(ends[0]) or 0.5
    scale = alt.Scale(domain=[min(ends) - margin, max(ends) + margin], nice=False, zero=False)
    plain = alt.Axis(grid=False, ticks=False, domain=False)
    y = alt.Y("name:N", title=None, sort=[row["name"] for row in rows], axis=plain)
    color, shape = symbols("side", SIDES, list(SIDES))

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", title=metric, scale=scale, axis=alt.Axis(tickCount=6))

    points = [
        {"name": row["name"], "value": row[key], "side": side}
        for row in rows
        for side, key in (("training", "train"), ("validation", "validation"))
    ]
    said = tooltip(trial="name:N", score="value:Q", rows="side:N")
    gaps = chart(rows).mark_rule(color=INK, strokeOpacity=0.35, strokeWidth=2)
    both = chart(points).mark_point(filled=True, size=90, opacity=1)
    return alt.layer(
        gaps.encode(y=y, x=x("train"), x2="validation:Q"),
        both.encode(y=y, x=x("value"), color=color, shape=shape, tooltip=said),
    )
