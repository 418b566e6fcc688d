"""How the best trials learned: their curves, training against validation, and a verdict on over- and underfitting."""

from __future__ import annotations

import math
from typing import Any

from holdfast.facts.blocks import Block, Figure, Gallery, Paragraph, Section
from holdfast.facts.learning import Learning, is_told, train_score
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import better, number
from holdfast.records import Trial, loss_sign
from holdfast.report.charts import chart, label, specification, symbols, tooltip
from holdfast.report.curve_figures import SIDES, curve_figures, name_of, opened_figure
from holdfast.report.figures import picture
from holdfast.report.palette import INK
from holdfast.report.prediction_figures import prediction_blocks
from holdfast.report.ranked import scored
from holdfast.study.state import StudyState

MOST_CURVES = 6
"""Trials whose curves are drawn."""

MOST_SCORES = 12
"""Trials whose training score is set beside the validation score."""


def learning_section(state: StudyState) -> Section:
    """Curves and verdicts of the best trials, as far as the log has them."""
    best, learned, winner = _best(state), Learning(state), winner_of(state)
    blocks: list[Block] = []
    study = learned.study()
    if study is not None:
        blocks.append(Paragraph(f"The study: {study.kind}. {study.sentence}"))
    if winner is not None and is_told(winner):
        verdict = learned.of(winner)
        blocks.append(Paragraph(f"The winner: {verdict.short}. {verdict.sentence}"))
    scores = _scores_figure(state, [trial for trial in best if train_score(trial) is not None][:MOST_SCORES])
    if scores is not None:
        blocks.append(scores)
    if curves := curve_figures(state, best[:MOST_CURVES], learned):
        gap = ", with the gap shaded" if scores is not None else ""
        blocks.append(Paragraph(f"The learning curves of the best trials{gap}, all on one scale:"))
        blocks.append(Gallery(curves))
    blocks += prediction_blocks(state)
    opened = opened_figure(state)
    if opened is not None:
        blocks.append(opened)
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


def _scores_figure(state: StudyState, trials: list[Trial]) -> Figure | None:
    """Training beside validation score of the best trials, a line for each."""
    rows: list[dict[str, Any]] = [
        {"name": name_of(state, trial), "train": train, "validation": trial.metrics[state.first_metric]}
        for trial in trials
        if (train := train_score(trial)) is not None and math.isfinite(trial.metrics.get(state.first_metric, math.nan))
    ]
    if not rows:
        return None
    metric = metric_of(state)
    spec = specification(_score_layers(rows, label(metric.name, 60)), 26 * len(rows) + 10, right=20)
    sign = -loss_sign(metric.direction)
    gaps = [sign * (row["train"] - row["validation"]) for row in rows]
    whose = f"{rows[0]['name']}," if len(rows) == 1 else f"the best {len(rows)} trials"
    text = (
        f"The {label(metric.name)} of {whose} on training and on validation rows ({better(metric.direction)}). The "
        f"gap, by how much the training rows fare better, is {number(gaps[0])}"
    )
    if len(rows) > 1:
        text += f" for {rows[0]['name']}, and {number(min(gaps))} to {number(max(gaps))} for all of them"
    pairs = "; ".join(f"{row['name']} {number(row['train'])} and {number(row['validation'])}" for row in rows)
    alternative = f"Training and validation {label(metric.name)} side by side: {pairs}."
    return picture("training-validation", spec, f"{text}.", alternative)


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
