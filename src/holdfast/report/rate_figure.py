"""The picture of a learning rate range test: the loss at each rate, and the range to search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.facts.blocks import Figure
from holdfast.facts.numbers import number
from holdfast.report.charts import as_number, chart, drawn, label, specification, tooltip
from holdfast.report.palette import BLUE, GREEN, INK, OCHRE, VERMILION
from holdfast.train.rate_range import RateRange

HEIGHT = 240
COLORS = (BLUE, VERMILION, GREEN, OCHRE)
ABOVE = 1.15
"""The picture ends this many times above the loss at the start: what explodes leaves it."""


def rate_figure(ranges: Mapping[str, RateRange]) -> Figure:
    """The smoothed losses of each optimizer; its edge is marked, and the range to search is shaded."""
    import altair as alt

    colors = {label(name): COLORS[i % len(COLORS)] for i, name in enumerate(ranges)}
    rows = [row for name, found in ranges.items() for row in _rows(label(name), found)]
    low, high = min(row["loss"] for row in rows), max(found.start for found in ranges.values()) * ABOVE
    limits = [low - 0.06 * (high - low), high]
    rates = next(iter(ranges.values())).rates
    ends = [float(rates[0]), float(rates[-1])]
    x = alt.X(
        "rate:Q",
        title="learning rate",
        scale=alt.Scale(type="log", domain=ends, nice=False),
        axis=alt.Axis(values=_powers(*ends), grid=False, **as_number(*ends, log=True)),
    )
    y = alt.Y("loss:Q", title="training loss", scale=alt.Scale(domain=limits, nice=False, zero=False))
    color = alt.Color(
        "optimizer:N",
        scale=alt.Scale(domain=list(colors), range=list(colors.values())),
        legend=alt.Legend(orient="top", title=None) if len(ranges) > 1 else None,
    )
    bands, edges = _marks(ranges)
    layers = [
        chart(bands)
        .mark_rect(opacity=0.13)
        .encode(x=alt.X("low:Q", scale=alt.Scale(type="log", domain=ends, nice=False)), x2="high:Q", color=color),
        chart(rows)
        .mark_line(strokeWidth=2, clip=True)
        .encode(x=x, y=y, color=color, tooltip=tooltip(rate="rate:Q", loss="loss:Q")),
        chart(edges).mark_point(filled=True, size=70, stroke=INK).encode(x=x, y=y, color=color),
    ]
    spec = specification(alt.layer(*(layers if bands else layers[1:2])), HEIGHT, right=12)
    found = [
        f"{name} has its lowest loss at {number(each.edge)}" if each.edge is not None else f"{name} never learned"
        for name, each in ranges.items()
    ]
    caption = (
        "The training loss while the learning rate rises with every update, smoothed; "
        f"{'; '.join(found)} (the point). The shaded range is the one to search."
    )
    return Figure("learning-rate", spec, caption, caption)


def _rows(name: str, found: RateRange) -> list[dict[str, Any]]:
    known = np.flatnonzero(np.isfinite(found.losses))
    return [
        {"optimizer": name, "rate": drawn(float(found.rates[i])), "loss": drawn(float(found.losses[i]))} for i in known
    ]


def _marks(ranges: Mapping[str, RateRange]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The ranges to search, within the tested one, and the points of the lowest losses."""
    bands, edges = [], []
    for name, found in ranges.items():
        if found.suggested is None or found.edge is None:
            continue
        low, high = found.suggested
        lowest, highest = float(found.rates[0]), float(found.rates[-1])
        bands.append({"optimizer": label(name), "low": max(low, lowest), "high": min(high, highest)})
        edges.append({"optimizer": label(name), "rate": found.edge, "loss": drawn(float(np.nanmin(found.losses)))})
    return bands, edges


def _powers(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
