"""Learning curves: training against validation as training went on, one small picture a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.facts.blocks import Figure
from holdfast.facts.learning import Learning, is_told, kept_curve, opened_curve
from holdfast.facts.log import winner_of
from holdfast.facts.numbers import number
from holdfast.records import Trial
from holdfast.report.axes import powers_of_ten
from holdfast.report.charts import SMALL, as_number, chart, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, GREEN, INK, VERMILION
from holdfast.study.state import StudyState

MOST_TICKS = 7
"""On a logarithmic scale."""

WIDE = 15.0
"""Values of a curve that are a factor of more than this apart are drawn on a logarithmic scale."""

SIDES: dict[str, tuple[str, str]] = {"training": (VERMILION, "triangle-up"), "validation": (BLUE, "circle")}
"""Each side, its colour and its shape."""


def curve_figures(state: StudyState, trials: Sequence[Trial], learned: Learning) -> list[Figure]:
    """A picture for each of the trials that has a curve, all on one scale."""
    curves = [(trial, curve, rows) for trial in trials if (curve := _curve(state, trial)) and (rows := _rows(curve))]
    values = [row["value"] for _, _, rows in curves for row in rows]
    return [_figure(state, trial, curve, _layers(curve, rows, values), learned) for trial, curve, rows in curves]


OPENED: dict[str, tuple[str, list[int]]] = {
    "training": (VERMILION, [5, 3]),
    "validation": (BLUE, [1, 0]),
    "test": (GREEN, [2, 2]),
}
"""Each side of the picture that the opening made, its colour and its dashes."""


def opened_figure(state: StudyState) -> Figure | None:
    """Training, validation and test together: of the model that ships, made when the test rows were opened."""
    curve, winner = opened_curve(state), winner_of(state)
    if curve is None or winner is None:
        return None
    beside = kept_curve(winner)
    beside = (
        beside
        if beside is not None and (beside["metric"], beside["step"]) == (curve["metric"], curve["step"])
        else None
    )
    sides = {"training": (curve["steps"], curve["train"]), "test": (curve["steps"], curve["test"])}
    if beside is not None:
        sides["validation"] = (beside["steps"], beside["validation"])
    rows = [
        {"step": step, "value": value, "side": side}
        for side, (steps, values) in sides.items()
        for step, value in zip(steps, values, strict=True)
        if value is not None and math.isfinite(value)
    ]
    if len({row["step"] for row in rows}) < 2:
        return None
    seen = [side for side in OPENED if side in sides]
    text = (
        f"The {label(curve['metric'])} of the model that ships on its training rows and on the test rows, as training "
        "went on. The test side was computed while the test rows were open, when every choice had been made: it chose "
        f"nothing, neither the model nor the {label(curve['step'])} that predicts, {curve['kept']:.0f}."
    )
    if beside is not None:
        text += " The validation side is the winner's own, as it was scored in the search."
    if not curve.get("same", True):
        text += " The training that was watched is a twin: it does not predict every test row as the model that ships."
    ends = ", ".join(
        f"{side} from {number(values[0]['value'])} to {number(values[-1]['value'])}"
        for side in seen
        if (values := [row for row in rows if row["side"] == side])
    )
    alternative = f"{label(curve['metric'])} by {label(curve['step'])} of the model that ships: {ends}."
    return picture("opened-curve", _opened_spec(curve, rows, seen), text, alternative)


def _opened_spec(curve: Mapping[str, Any], rows: list[dict[str, Any]], seen: Sequence[str]) -> dict[str, Any]:
    import altair as alt

    values = [row["value"] for row in rows]
    log = _is_wide(values)
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=True)
    named = f"{label(curve['metric'])}{' (log scale)' if log else ''}"
    steps = alt.Axis(grid=False, tickCount=6, tickMinStep=1, format="d")
    x = alt.X("step:Q", title=label(curve["step"]), scale=alt.Scale(nice=False, zero=False), axis=steps)
    y = alt.Y("value:Q", title=named, scale=scale, axis=_value_ticks(values, log=log))
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3)
    color = alt.Scale(domain=list(seen), range=[OPENED[side][0] for side in seen])
    dash = alt.Scale(domain=list(seen), range=[OPENED[side][1] for side in seen])
    encoded = {
        "x": x,
        "y": y,
        "color": alt.Color("side:N", scale=color, legend=legend),
        "strokeDash": alt.StrokeDash("side:N", scale=dash, legend=legend),
    }
    said = tooltip(step="step:N", value="value:Q", side="side:N")
    lines = chart(rows).mark_line(strokeWidth=2).encode(**encoded)
    points = chart(rows).mark_point(filled=True, size=30, opacity=0).encode(x=x, y=y, tooltip=said)
    kept = chart([{"at": curve["kept"]}]).mark_rule(color=INK, strokeDash=[2, 3], opacity=0.6).encode(x="at:Q")
    return specification(alt.layer(kept, lines, points), 240)


def name_of(state: StudyState, trial: Trial) -> str:
    """A trial's number, and whether it is the winner."""
    winner = winner_of(state)
    return f"trial {trial.number}{', the winner' if winner is not None and winner.number == trial.number else ''}"


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


def _figure(state: StudyState, trial: Trial, curve: Mapping[str, Any], layers: Any, learned: Learning) -> Figure:
    name = name_of(state, trial)
    spec = specification(layers, 190, title=name)
    if is_told(trial):
        verdict = learned.of(trial)
        text = f"{name.capitalize()}: {verdict.short}. {verdict.sentence}"
    else:
        text = f"{name.capitalize()}: {_ends(curve)}."
    alternative = f"Learning curve of {name}: {label(curve['metric'])} by {label(curve['step'])}; {_ends(curve)}."
    return picture(f"curve-trial-{trial.number}", spec, text, alternative, SMALL)


def _rows(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The finite points of a curve: ``step``, ``value``, ``side``; none if they do not make a line."""
    rows = [
        {"step": step, "value": value, "side": side}
        for side, key in (("training", "train"), ("validation", "validation"))
        for step, value in zip(curve["steps"], curve[key], strict=True)
        if value is not None and math.isfinite(value)
    ]
    return rows if len({row["step"] for row in rows}) > 1 else []


def _layers(curve: Mapping[str, Any], rows: list[dict[str, Any]], values: list[float]) -> Any:
    import altair as alt

    both = [
        {"step": step, "low": min(train, validation), "high": max(train, validation)}
        for step, train, validation in zip(curve["steps"], curve["train"], curve["validation"], strict=True)
        if train is not None and validation is not None and math.isfinite(train) and math.isfinite(validation)
    ]
    seen = [side for side in SIDES if any(row["side"] == side for row in rows)]
    log = _is_wide(values)
    ends = [min(values), max(values)]
    scale = alt.Scale(type="log", domain=ends, nice=False) if log else alt.Scale(domain=ends, zero=False, nice=True)
    steps = alt.Axis(grid=False, tickCount=5, tickMinStep=1, format="d")
    x = alt.X("step:Q", title=label(curve["step"]), scale=alt.Scale(nice=False), axis=steps)
    named = f"{label(curve['metric'])}{' (log scale)' if log else ''}"
    y = alt.Y("value:Q", title=named, scale=scale, axis=_value_ticks(values, log=log))
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


def _value_ticks(values: list[float], *, log: bool) -> Any:
    """A few round numbers; on a logarithmic scale 1, 2 and 5 of each magnitude, or powers of ten if they are many."""
    import altair as alt

    low, high = min(values), max(values)
    if not log:
        return alt.Axis(tickCount=4, **as_number(low, high))
    tens = powers_of_ten(low / 10, high, most=400)
    fine = [ten * factor for ten in tens for factor in (1, 2, 5) if low <= ten * factor <= high]
    return alt.Axis(
        values=fine if len(fine) <= MOST_TICKS else powers_of_ten(low, high), **as_number(low, high, log=True)
    )


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
