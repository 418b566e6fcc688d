"""What a population did: the schedule of the winner's hyperparameters, and who went on from whose weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from holdfast.facts.blocks import Block, Figure, Gallery, Paragraph, Section
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import better, count, listed, number, shown
from holdfast.records import Trial
from holdfast.report.axes import powers_of_ten, space_of
from holdfast.report.charts import SMALL, as_number, chart, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import GREY, INK, VERMILION
from holdfast.space import Float, Int
from holdfast.study.schedule import Piece, Schedule, schedule_of
from holdfast.study.state import StudyState

DRAWN = 0.85
"""The share of the scores that a picture is made for; poorer ones are left out unless they are near."""

MOST_FIGURES = 9
"""Hyperparameters whose course is drawn."""


def population_section(state: StudyState) -> Section:
    """The lineage of the population and the winner's schedule; without blocks where no trial is a clone."""
    clones = [trial for trial in state.trials if trial.parent is not None]
    if not clones:
        return Section("The population and its schedule", [])
    winner = winner_of(state)
    unit = _unit(state)
    schedule = None if winner is None else schedule_of(state.trials, winner.number, unit)
    roots = len(state.trials) - len(clones)
    said = f"{count(len(clones), 'clone')} of {roots + len(clones):,} trials went on from the weights of another trial."
    blocks: list[Block] = [Paragraph(said if schedule is None else f"{said} {_sentence(schedule)}")]
    blocks.append(_lineage_figure(state, schedule))
    if schedule is not None and schedule.changed:
        figures = [figure for name in schedule.changed if (figure := _course(state, schedule, name)) is not None]
        blocks.append(Paragraph("The winner's hyperparameters, as training went on:"))
        blocks.append(Gallery(figures[:MOST_FIGURES]))
    return Section("The population and its schedule", blocks)


def _unit(state: StudyState) -> str:
    return "step" if state.settings.fidelity is None else state.settings.fidelity.name


def _sentence(schedule: Schedule) -> str:
    """How the winner was trained."""
    if len(schedule.pieces) == 1:
        return f"The winner, trial {schedule.trial}, is none of them: its hyperparameters never changed."
    where = listed([f"{piece.start:,}" for piece in schedule.pieces[1:]])
    trials = listed([str(piece.trial) for piece in schedule.pieces])
    many, unit = count(len(schedule.pieces), "configuration"), label(schedule.unit)
    return (
        f"The winner, trial {schedule.trial}, was trained with {many}, those of trials {trials}: the next one took "
        f"over after {where} {unit}. As a schedule they can be trained again."
    )


def _lineage_figure(state: StudyState, schedule: Schedule | None) -> Figure:
    """The score of every member as training went on; a line begins where its parent's stood."""
    import altair as alt

    own = {} if schedule is None else {piece.trial: piece for piece in schedule.pieces}
    rows = [row for trial in state.trials for row in _path(state, trial)]
    path = [row for row in rows if row["trial"] in own and _within(own[row["trial"]], row["step"])]
    born = [row for row in rows if row["born"]]
    metric, unit = metric_of(state), label(_unit(state))
    x = alt.X("step:Q", title=unit, scale=alt.Scale(nice=False), axis=alt.Axis(grid=False, tickMinStep=1, format="d"))
    ends, hidden = _ends(state, [row["value"] for row in rows])
    scale = alt.Scale(domain=ends, zero=False, nice=True, clamp=False)
    y = alt.Y("value:Q", title=label(metric.name), scale=scale)
    said = tooltip(trial="trial:N", step="step:N", score="value:Q", parent="parent:N")
    order, each = alt.Order("step:Q"), alt.Detail("trial:N")
    thin: dict[str, Any] = {"color": GREY, "opacity": 0.6, "clip": True}
    lines = chart(rows).mark_line(strokeWidth=1.2, **thin).encode(x=x, y=y, detail=each, order=order)
    points = chart(rows).mark_point(filled=True, size=10, **thin).encode(x=x, y=y, tooltip=said)
    best = chart(path).mark_line(color=VERMILION, strokeWidth=3, clip=True).encode(x=x, y=y, order=order)
    dots: dict[str, Any] = {"filled": True, "size": 26, "color": INK, "opacity": 0.75, "clip": True}
    births = chart(born).mark_point(**dots).encode(x=x, y=y, tooltip=said)
    text = (
        f"The {label(metric.name)} of every member ({better(metric.direction)}) as training went on. A dot is where a "
        "clone took over its parent's weights with other hyperparameters"
    )
    text += "; the thick line is the way of the winner." if schedule is not None else "."
    text += f" {count(hidden, 'score')} too poor for the picture." if hidden else ""
    last = "" if schedule is None or not path else f"; the winner ends at {number(path[-1]['value'])}"
    members = count(len({row["trial"] for row in rows}), "trial")
    alternative = f"{label(metric.name)} by {unit} of {members}, {count(len(born), 'clone')}{last}."
    return picture("population", specification(alt.layer(lines, points, best, births), 300), text, alternative)


def _ends(state: StudyState, values: Sequence[float]) -> tuple[list[float], int]:
    """Between which scores the picture lies, without the poorest ones, and how many these are."""
    if not values:
        return [0.0, 1.0], 0
    ordered = sorted(values, reverse=metric_of(state).direction == "maximize")
    worst = ordered[int(DRAWN * (len(ordered) - 1))]
    kept = [value for value in ordered if abs(value - ordered[0]) <= 1.2 * abs(worst - ordered[0])]
    low, high = min(kept), max(kept)
    return ([low, high] if high > low else [low - 0.5, high + 0.5]), len(values) - len(kept)


def _within(piece: Piece, step: int) -> bool:
    return piece.start <= step and (piece.until is None or step <= piece.until)


def _path(state: StudyState, trial: Trial) -> list[dict[str, Any]]:
    """The finite scores of a trial by step; those of a clone begin with its parent's."""
    name = state.first_metric
    found = [(step, metrics[name]) for step, metrics in trial.reports if math.isfinite(metrics.get(name, math.nan))]
    parent = "none" if trial.parent is None else str(trial.parent)
    rows = [{"trial": trial.number, "step": s, "value": v, "parent": parent, "born": False} for s, v in found]
    if trial.parent is None:
        return rows
    before = [metrics[name] for step, metrics in state.trials[trial.parent].reports if step == trial.parent_step]
    if not before or not math.isfinite(before[-1]):
        return rows
    first = {"trial": trial.number, "step": trial.parent_step, "value": before[-1], "parent": parent, "born": True}
    return [first, *rows]


def _course(state: StudyState, schedule: Schedule, name: str) -> Figure | None:
    """A hyperparameter of the winner by step, a stair for each of its pieces."""
    import altair as alt

    space = space_of(state)
    domain = None if space is None or name not in space else space[name]
    last = max(step for piece in schedule.pieces for step in (piece.start, piece.until or piece.start))
    stairs = [(start, last if until is None else until, value) for start, until, value in schedule.values(name)]
    if any(value is None for _, _, value in stairs) and all(value is None for _, _, value in stairs):
        return None
    numeric = isinstance(domain, Float | Int)
    rows = [
        {"start": start, "until": until, "value": value if numeric else label(shown(value), 18)}
        for start, until, value in stairs
        if value is not None
    ]
    axis = alt.Axis(grid=False, tickCount=5, tickMinStep=1, format="d")
    x = alt.X("start:Q", title=label(schedule.unit), scale=alt.Scale(domain=[0, last], nice=False), axis=axis)
    y = _axis_of(domain, rows, name) if numeric else alt.Y("value:N", title=label(name))
    said = tooltip(value="value:Q" if numeric else "value:N", after="start:N", until="until:N")
    marks = chart(rows).mark_rule(color=VERMILION, strokeWidth=3).encode(x=x, x2="until:Q", y=y, tooltip=said)
    changes = [start for start, _, value in stairs if start > 0 and value is not None]
    bars = chart([{"at": at} for at in changes]).mark_rule(color=INK, strokeDash=[2, 3], opacity=0.4).encode(x="at:Q")
    spec = specification(alt.layer(*([bars] if changes else []), marks), 150, title=label(name))
    unit = label(schedule.unit)
    course = "; ".join(f"{shown(value)} up to {until:,} {unit}" for _, until, value in stairs)
    place = schedule.changed.index(name)
    return picture(
        f"schedule-{place}", spec, f"{label(name)}: {course}.", f"The course of {label(name)}: {course}.", SMALL
    )


def _axis_of(domain: Any, rows: Sequence[dict[str, Any]], name: str) -> Any:
    """The values of a number, on the scale that it is searched on."""
    import altair as alt

    values = [float(row["value"]) for row in rows]
    low, high = min(values), max(values)
    if not domain.log:
        return alt.Y(
            "value:Q",
            title=label(name),
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(tickCount=4, **as_number(low, high)),
        )
    fine = [
        t * f for t in powers_of_ten(low / 10, high * 10, most=40) for f in (1, 2, 5) if low / 2 <= t * f <= high * 2
    ]
    ends = [min([low, *fine]), max([high, *fine])]
    ticks = alt.Axis(values=fine, **as_number(low, high, log=True))
    return alt.Y(
        "value:Q", title=f"{label(name)} (log)", scale=alt.Scale(type="log", domain=ends, nice=False), axis=ticks
    )
