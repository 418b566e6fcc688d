"""The way from the default to the winner: what each change is expected to have given, in the order of the changes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from holdfast.analyse.ablation import Ablation, Step
from holdfast.facts.blocks import Figure, Table
from holdfast.facts.log import Metric
from holdfast.facts.numbers import better, number, shown
from holdfast.report.charts import as_number, chart, drawn, label, labels, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import GREEN, INK, VERMILION

ROW = 30
LONGEST_NAME = 24
GAINED, LOST = "better", "worse"


def ablation_figure(found: Ablation, metric: Metric) -> Figure:
    """A bar for each change, from what was expected before it to what is expected after it."""
    ends = [found.metric, *(step.metric for step in found.steps)]
    names = labels([_name(step) for step in found.steps], LONGEST_NAME)
    rows = [
        {
            "name": name,
            "before": drawn(before),
            "after": drawn(after),
            "gain": drawn(step.gain),
            "kind": GAINED if step.gain >= 0 else LOST,
        }
        for name, step, before, after in zip(names, found.steps, ends, ends[1:], strict=False)
    ]
    spec = specification(_layers(rows, names, metric), ROW * len(rows) + 10, right=16)
    caption = (
        f"{found.sentence(label)} The changes are made one at a time, each time the one of which the model expects "
        f"most; what is switched on with a choice goes with it. {label(metric.name)}: {better(metric.direction)}."
    )
    way = "; ".join(f"{name} to {number(step.metric)}" for name, step in zip(names, found.steps, strict=True))
    source, target = found.ends
    alternative = f"From {source}, expected to reach {number(found.metric)}, to {target}: {way}."
    return picture("ablation", spec, caption, alternative)


def ablation_table(found: Ablation) -> Table:
    """The changes with their values and what each of them gained."""
    rows = []
    for step in found.steps:
        gained = f"{step.gain:+.2g} ({step.low:.2g} to {step.high:.2g})"
        for place, name in enumerate(step.changed):
            values = [shown(each[name]) if name in each else "not active" for each in (step.before, step.after)]
            rows.append([label(name), *values, gained if place == 0 else "with it"])
    source, target = (end.partition(" (")[0] for end in found.ends)
    header = ["hyperparameter", source.removeprefix("the "), target.removeprefix("the "), "expected gain"]
    return Table(header, rows, f"From {source} to {target}, change by change", frozenset({1, 2, 3}))


def _name(step: Step) -> str:
    more = len(step.changed) - 1
    return f"{label(step.changed[0], LONGEST_NAME - 5)} +{more}" if more else step.changed[0]


def _layers(rows: list[dict[str, Any]], names: list[str], metric: Metric) -> Any:
    import altair as alt

    ends = [row[key] for row in rows for key in ("before", "after")]
    margin = 0.05 * (max(ends) - min(ends)) or 0.05 * abs(ends[0]) or 0.5
    scale = alt.Scale(domain=[min(ends) - margin, max(ends) + margin], nice=False, zero=False)
    y = alt.Y("name:N", title=None, sort=names, axis=alt.Axis(ticks=False, domain=False, grid=False, labelLimit=170))
    title = f"expected {label(metric.name, 40)}"

    def x(field: str) -> Any:
        return alt.X(
            f"{field}:Q",
            title=title,
            scale=scale,
            axis=alt.Axis(tickCount=5, labelOverlap=True, **as_number(min(ends), max(ends))),
        )

    seen = [kind for kind in (GAINED, LOST) if any(row["kind"] == kind for row in rows)]
    colors = [GREEN if kind == GAINED else VERMILION for kind in seen]
    legend = alt.Legend(title=None, orient="top") if len(seen) > 1 else None
    color = alt.Color("kind:N", scale=alt.Scale(domain=seen, range=colors), legend=legend)
    said = tooltip(change="name:N", gain="gain:Q", expected="after:Q")
    steps = [{"at": row["after"], "name": row["name"], "next": following["name"]} for row, following in pairwise(rows)]
    link = chart(steps).mark_rule(color=INK, strokeOpacity=0.4, strokeDash=[3, 3])
    return alt.layer(
        link.encode(x=alt.X("at:Q", scale=scale), y=alt.Y("name:N", sort=names), y2="next:N"),
        chart(rows).mark_bar(height=14).encode(y=y, x=x("before"), x2="after:Q", color=color, tooltip=said),
    )
