"""Where the curves of trials that run or wait are going: one small picture a trial, beside the best one."""

from __future__ import annotations

import math
from typing import Any

from holdfast.analyse.finals import Ahead, Final
from holdfast.facts.blocks import Block, Figure, Gallery, Paragraph
from holdfast.facts.log import winner_of
from holdfast.facts.numbers import interval, number
from holdfast.records import Trial
from holdfast.report.charts import SMALL, chart, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, INK
from holdfast.study.finals import LEVEL, ahead
from holdfast.study.ranking import ranking
from holdfast.study.state import StudyState

MOST_PREDICTED = 6
"""Trials whose predictions are drawn."""


def prediction_blocks(state: StudyState) -> list[Block]:
    """The most promising trials that run or wait, and where they are going; nothing where there are none."""
    found = ahead(state)
    finals = () if found is None else found.finals(LEVEL)
    if found is None or not finals:
        return []
    drawn, best = finals[:MOST_PREDICTED], _best(state)
    metric, step = label(state.first_metric), label(found.step)
    waits = "trial that was" if len(finals) == 1 else f"{len(finals)} trials that were"
    text = (
        f"The {waits} not trained to the end, by where the curves of all trials say that each would end: the {metric} "
        f"at {step} {found.model.end}, with a {100 * LEVEL:g}% interval for what would be reported there"
    )
    if len(finals) > len(drawn):
        text += f"; the best {len(drawn)} of them"
    text += "." if best is None else f". Thin lines are trial {best.number}, the best."
    return [Paragraph(text), Gallery([_figure(state, found, final, best, drawn) for final in drawn])]


def _best(state: StudyState) -> Trial | None:
    """The winner, or the best trial so far, if it has a curve."""
    best = winner_of(state) or next(iter(ranking(state)), None)
    return best if best is not None and len(_curve(state, best)) > 1 else None


def _curve(state: StudyState, trial: Trial) -> list[dict[str, float]]:
    """What a trial reported of the study's metric."""
    return [
        {"step": step, "value": metrics[state.first_metric]}
        for step, metrics in trial.reports
        if math.isfinite(metrics.get(state.first_metric, math.nan))
    ]


def _figure(state: StudyState, found: Ahead, final: Final, best: Trial | None, drawn: tuple[Final, ...]) -> Figure:
    seen, fan = _curve(state, state.trials[final.trial]), found.fan(final.trial, LEVEL)
    going = [
        {"step": float(step), "value": float(value), "low": float(low), "high": float(high)}
        for step, value, low, high in zip(fan.steps, fan.values, fan.lows, fan.highs, strict=True)
    ]
    beside = [] if best is None or best.number == final.trial else _curve(state, best)
    values = [row["value"] for other in drawn for row in _curve(state, state.trials[other.trial])]
    values += [bound for other in drawn for bound in (other.score.low, other.score.high) if bound is not None]
    values += [row["value"] for row in beside]
    spec = specification(_layers(state, found, seen, going, beside, values), 170, title=f"trial {final.trial}")
    said = f"{number(final.score.value)}, {interval(final.score)}"
    text = f"Trial {final.trial}: at {label(found.step)} {final.step}; expected to end at {said}."
    alternative = (
        f"Curve of trial {final.trial} up to {label(found.step)} {final.step}, and the {label(state.first_metric)} "
        f"predicted from there to {label(found.step)} {found.model.end}: {said}."
    )
    return picture(f"predicted-trial-{final.trial}", spec, text, alternative, SMALL)


def _layers(
    state: StudyState,
    found: Ahead,
    seen: list[dict[str, float]],
    going: list[dict[str, float]],
    beside: list[dict[str, float]],
    values: list[float],
) -> Any:
    import altair as alt

    scale = alt.Scale(domain=[min(values), max(values)], zero=False, nice=True)
    steps = alt.Axis(grid=False, tickCount=5, tickMinStep=1, format="d")
    x = alt.X("step:Q", title=label(found.step), scale=alt.Scale(nice=False, domain=[0, found.model.end]), axis=steps)
    y = alt.Y("value:Q", title=label(state.first_metric), scale=scale, axis=alt.Axis(tickCount=4))
    said = tooltip(step="step:Q", value="value:Q")
    fan = chart(going).mark_area(color=BLUE, opacity=0.18, clip=True)
    layers = [
        chart(beside).mark_line(color=INK, strokeWidth=1, opacity=0.45).encode(x=x, y=y),
        fan.encode(x=x, y=alt.Y("low:Q", scale=scale, title=label(state.first_metric)), y2="high:Q"),
        chart(going).mark_line(color=BLUE, strokeWidth=1.5, strokeDash=[4, 3], clip=True).encode(x=x, y=y),
        chart(seen).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y),
        chart(seen).mark_point(color=BLUE, filled=True, size=24).encode(x=x, y=y, tooltip=said),
    ]
    return alt.layer(*(layers if beside else layers[1:]))
