"""The score of every trial against the size of its model, with the limits that no trial may break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.count.amounts import amount
from holdfast.facts.blocks import Figure
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import better, count, number
from holdfast.report.charts import chart, drawn, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, INK, VERMILION
from holdfast.study.limits import limits_of
from holdfast.study.ranking import scored_trials
from holdfast.study.state import StudyState

if TYPE_CHECKING:
    from holdfast.count.limits import Limit

HEIGHT = 220

FEWEST = 2
"""Trials with a score and a size from which on there is a picture."""


def size_figures(state: StudyState) -> list[Figure]:
    """A picture for each limit on size; none without limits, or for several objectives."""
    if len(state.settings.directions) > 1:
        return []
    found = [_figure(state, limit) for limit in limits_of(state.settings.space)]
    return [figure for figure in found if figure is not None]


def _figure(state: StudyState, limit: Limit) -> Figure | None:
    winner = winner_of(state)
    rows: list[dict[str, Any]] = [
        {
            "trial": trial.number,
            "size": size,
            "score": drawn(trial.metrics[state.first_metric]),
            "kind": "the winner" if winner is not None and trial.number == winner.number else "a trial",
        }
        for trial in scored_trials(state)
        if (size := limit.size(trial.config)) is not None
    ]
    if len(rows) < FEWEST:
        return None
    metric, bound = metric_of(state), f"{amount(limit.bound).strip()} {limit.what}"
    over = sum(row["size"] > limit.bound for row in rows)
    caption = (
        f"Each trial's {label(metric.name)} ({better(metric.direction)}) against the {limit.what} of its model. At the "
        f"dashed line is the limit of {limit.bound:,.0f}: nothing to the right of it was proposed"
    )
    caption += f"; {count(over, 'trial')} beyond it came from a person." if over else "."
    chosen = next((row for row in rows if row["kind"] == "the winner"), None)
    if chosen is not None:
        caption += f" The winner, in red, has {chosen['size']:,}."
    best = "" if chosen is None else f"; the winner has {chosen['size']:,} and scores {number(chosen['score'])}"
    smallest, largest = min(row["size"] for row in rows), max(row["size"] for row in rows)
    alternative = (
        f"Scores of {count(len(rows), 'trial')} of {smallest:,} to {largest:,} {limit.what}, under {bound}{best}."
    )
    return picture(limit.measure, _spec(rows, limit, label(metric.name)), caption, alternative)


def _spec(rows: list[dict[str, Any]], limit: Limit, metric: str) -> dict[str, Any]:
    import altair as alt

    sizes = [row["size"] for row in rows]
    x = alt.X(
        "size:Q",
        title=limit.what,
        scale=alt.Scale(type="log", domain=[min(sizes) * 0.8, max(*sizes, limit.bound) * 1.25], nice=False),
        axis=alt.Axis(format="~s", tickCount=6, grid=False),
    )
    y = alt.Y("score:Q", title=metric, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(tickCount=5))
    said = tooltip(trial="trial:N", size="size:Q", score="score:Q")
    layers = [
        chart([{"size": limit.bound}]).mark_rule(color=INK, strokeDash=[4, 4], opacity=0.6).encode(x=x),
        chart([row for row in rows if row["kind"] != "the winner"])
        .mark_circle(color=BLUE, size=60, opacity=0.75)
        .encode(x=x, y=y, tooltip=said),
        chart([row for row in rows if row["kind"] == "the winner"])
        .mark_point(color=VERMILION, filled=True, size=130, shape="diamond", opacity=1)
        .encode(x=x, y=y, tooltip=said),
    ]
    return specification(alt.layer(*layers), HEIGHT, right=12)
