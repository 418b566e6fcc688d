"""What is expected of two hyperparameters together: a small map for each of the strongest pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.analyse.interactions import Interaction
from holdfast.facts.blocks import Figure
from holdfast.facts.log import Metric
from holdfast.facts.numbers import shown
from holdfast.records import Value
from holdfast.report.charts import SMALL, chart, drawn, label, labels, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, VERMILION

MOST = 4
HEIGHT = 220
COARSE = 12
"""Rows and columns of a map at most; a finer one would show what nobody can be sure of."""


def interaction_figures(found: Sequence[Interaction], metric: Metric) -> list[Figure]:
    """A map for each of the strongest pairs, as far as they are sure to be more than nothing."""
    sure = [pair for pair in found if pair.share.sure][:MOST]
    return [_figure(f"interaction-{n}", pair, metric) for n, pair in enumerate(sure, 1)]


def _figure(name: str, pair: Interaction, metric: Metric) -> Figure:
    rows, orders = _cells(pair)
    spec = specification(_layers(rows, orders, pair, metric), HEIGHT, right=10)
    sentence = pair.sentence(label)
    first, second = (label(each) for each in pair.names)
    return picture(
        name,
        spec,
        f"{sentence} The map shows the {label(metric.name)} that is expected of both over all else; blue is better.",
        f"The expected {label(metric.name)} by {first} and {second}. {sentence}",
        SMALL,
    )


def _cells(pair: Interaction) -> tuple[list[dict[str, Any]], tuple[list[str], list[str]]]:
    """The cells of the map, and the labels of its columns and rows in order."""
    found = [_groups(values) for values in pair.values]
    names = [labels([text for text, _ in groups], 14) for groups in found]
    rows = []
    for b, (_, across) in enumerate(found[0]):
        for c, (_, down) in enumerate(found[1]):
            block = pair.metric[np.ix_(across, down)]
            if np.isfinite(block).any():
                value = drawn(float(np.nanmean(block)))
                rows.append({"first": names[0][b], "second": names[1][c], "value": value})
    return rows, (names[0], names[1])


def _groups(values: Sequence[Value]) -> list[tuple[str, list[int]]]:
    """The bins that a column or row is of, with what is written at it; neighbours of one text are one.

    Texts are in no order in which some of them could stand for others, so that each has its own.
    """
    ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    found: list[tuple[str, list[int]]] = []
    for group in np.array_split(np.arange(len(values)), min(len(values), COARSE) if ordered else len(values)):
        text = _text(values[int(group[len(group) // 2])])
        if ordered and found and found[-1][0] == text:
            found[-1][1].extend(group.tolist())
        else:
            found.append((text, group.tolist()))
    return found


def _text(value: Value) -> str:
    return f"{value:.2g}" if isinstance(value, float) and math.isfinite(value) else shown(value)


def _layers(rows: list[dict[str, Any]], orders: tuple[list[str], list[str]], pair: Interaction, metric: Metric) -> Any:
    import altair as alt

    first, second = (label(name, 40) for name in pair.names)
    better = [VERMILION, "#f3ede4", BLUE] if metric.direction == "maximize" else [BLUE, "#f3ede4", VERMILION]
    color = alt.Color(
        "value:Q",
        scale=alt.Scale(range=better, zero=False, nice=False),
        legend=alt.Legend(title=None, orient="top", direction="horizontal", gradientLength=150, tickCount=3),
    )
    axis: dict[str, Any] = {
        "grid": False,
        "ticks": False,
        "domain": False,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
    }
    return (
        chart(rows)
        .mark_rect(stroke=None)
        .encode(
            x=alt.X("first:N", title=first, sort=orders[0], axis=alt.Axis(labelAngle=0, **axis)),
            y=alt.Y("second:N", title=second, sort=orders[1][::-1], axis=alt.Axis(labelLimit=80, **axis)),
            color=color,
            tooltip=tooltip(value="value:Q", across="first:N", up="second:N"),
        )
    )
