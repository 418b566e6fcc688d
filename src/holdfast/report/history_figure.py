"""The picture of a search as one Vega-Lite specification: the trials, the best so far, and the three scores.

Colours are from the palette of Okabe and Ito (2008), which colour-blind people can tell apart; shapes differ as well.
Text and lines are drawn in ``currentColor``, so that a page can show the picture in light and in dark.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from holdfast.facts.numbers import number
from holdfast.records import Score
from holdfast.report.history import BEST, BEYOND, COMPLETE, FAILED, PARTIAL, SearchHistory, search_history
from holdfast.study.state import StudyState

if TYPE_CHECKING:
    import altair as alt

INK = "currentColor"
BLUE, SKY, VERMILION, GREEN, ORANGE = "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#E69F00"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"

MARKS: dict[str, tuple[str, str]] = {
    COMPLETE: (BLUE, "circle"),
    PARTIAL: (SKY, "triangle-right"),
    BEYOND: (ORANGE, "cross"),
    FAILED: (INK, "M-0.6,-0.6L0.6,0.6M-0.6,0.6L0.6,-0.6"),
    BEST: (VERMILION, "diamond"),
}
"""Each kind of point, its colour and its shape."""

SCORES: dict[str, tuple[str, str]] = {
    "naive": (VERMILION, "diamond"),
    "estimate": (GREEN, "circle"),
    "test": (INK, "square"),
}
"""Each score, its colour and its shape."""


def history_spec(state: StudyState, *, narrow: bool = False, background: str = "transparent") -> dict[str, Any]:
    """The specification, as a dict that Vega-Lite and `holdfast.report.figures` understand.

    Args:
        state: what the log says.
        narrow: for a phone: the scores stand below the search, not beside it.
        background: a colour of CSS.
    """
    import altair as alt

    history = search_history(state)
    width, height = (290, 230) if narrow else (560, 320)
    search = _search_layers(history, len(state.trials), height).properties(width=width, height=height)
    panels = [search]
    if rows := _score_rows(history):
        panels.append(_score_layers(history, rows).properties(width=width if narrow else 210, height=height))
    joined = alt.vconcat(*panels, spacing=28) if narrow else alt.hconcat(*panels, spacing=28)
    spec: dict[str, Any] = _configured(joined, background).to_dict()
    return spec


def _search_layers(history: SearchHistory, n_trials: int, height: int) -> Any:
    import altair as alt

    x = alt.X(
        "trial:Q",
        title="trial",
        scale=alt.Scale(domain=[-0.5, max(n_trials - 0.5, 0.5)], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False, tickCount=8),
    )
    y = _value_axis(history)
    color, shape = _kinds(history)
    drawn = [point for point in history.points if point["kind"] not in {FAILED, BEST}]
    layers = [
        *_band(history),
        _chart(drawn).mark_point(filled=True, size=38, opacity=0.7).encode(x=x, y=y, color=color, shape=shape),
        _chart(history.best).mark_line(interpolate="step-after", color=BLUE, strokeWidth=1.8).encode(x=x, y=y),
        _chart([point for point in history.points if point["kind"] == FAILED])
        .mark_point(filled=False, size=60, strokeWidth=1.6)
        .encode(x=x, y=alt.value(height - 7), color=color, shape=shape),
        _chart([point for point in history.points if point["kind"] == BEST])
        .mark_point(filled=True, size=190, opacity=1)
        .encode(x=x, y=y, color=color, shape=shape),
    ]
    return alt.layer(*layers)


def _kinds(history: SearchHistory) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape by kind, with a legend of the kinds that occur."""
    import altair as alt

    seen = {point["kind"] for point in history.points}
    kinds = [kind for kind in MARKS if kind in seen] or list(MARKS)
    legend = alt.Legend(orient="top", direction="horizontal", title=None, symbolSize=70, columns=3, columnPadding=26)
    shown = legend if seen else None
    return (
        alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[MARKS[kind][0] for kind in kinds]), legend=shown),
        alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=[MARKS[kind][1] for kind in kinds]), legend=shown),
    )


def _score_layers(history: SearchHistory, rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    names = [row["score"] for row in rows]
    x = alt.X("score:N", title=None, sort=names, axis=alt.Axis(labelAngle=0, grid=False, labelFontSize=13))
    y = _value_axis(history)
    color = alt.Color("score:N", scale=alt.Scale(domain=names, range=[SCORES[n][0] for n in names]), legend=None)
    shape = alt.Shape("score:N", scale=alt.Scale(domain=names, range=[SCORES[n][1] for n in names]), legend=None)
    bounded = [row for row in rows if row["low"] is not None]
    bars = _chart(bounded)
    low, high = _value_axis(history, "low"), _value_axis(history, "high")
    layers = [
        *_band(history),
        bars.mark_rule(strokeWidth=2.2).encode(x=x, y=low, y2="high:Q", color=color),
        bars.mark_tick(thickness=2.2, size=14).encode(x=x, y=low, color=color),
        bars.mark_tick(thickness=2.2, size=14).encode(x=x, y=high, color=color),
        _chart(rows).mark_point(filled=True, size=130, opacity=1).encode(x=x, y=y, color=color, shape=shape),
        _chart(rows)
        .mark_text(align="left", dx=10, fontSize=13, fontWeight=600, color=INK)
        .encode(x=x, y=y, text="label:N"),
    ]
    return alt.layer(*layers)


def _band(history: SearchHistory) -> list[alt.Chart]:
    """The estimate's interval across a whole panel, if there is one."""
    bounds = _bounds(history.scores.estimate)
    if bounds is None:
        return []
    band = _chart([{"low": bounds[0], "high": bounds[1]}])
    return [band.mark_rect(color=GREEN, opacity=0.13).encode(y=_value_axis(history, "low"), y2="high:Q")]


def _value_axis(history: SearchHistory, field: str = "value") -> alt.Y:
    """The vertical axis, the same in both panels."""
    import altair as alt

    scale = alt.Scale(domain=list(history.scale), nice=False, zero=False)
    return alt.Y(f"{field}:Q", title=history.metric.name, scale=scale, axis=alt.Axis(tickCount=6, minExtent=46))


def _score_rows(history: SearchHistory) -> list[dict[str, Any]]:
    """The scores that are known and finite, for the panel of the three."""
    scores = {"naive": history.scores.naive, "estimate": history.scores.estimate, "test": history.scores.test}
    rows = []
    for name, score in scores.items():
        if score is not None and math.isfinite(score.value):
            low, high = _bounds(score) or (None, None)
            rows.append({"score": name, "value": score.value, "low": low, "high": high, "label": number(score.value)})
    return rows


def _bounds(score: Score | None) -> tuple[float, float] | None:
    if score is None or score.low is None or score.high is None:
        return None
    return (score.low, score.high) if math.isfinite(score.low) and math.isfinite(score.high) else None


def _chart(values: Any) -> alt.Chart:
    import altair as alt

    return alt.Chart({"values": list(values)})


def _configured(chart: Any, background: str) -> Any:
    return (
        chart.resolve_scale(color="independent", shape="independent")
        .configure(
            background=background, font=FONT, aria=False, padding={"left": 8, "right": 34, "top": 6, "bottom": 6}
        )
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            domainColor=INK,
            tickColor=INK,
            gridColor=INK,
            gridOpacity=0.13,
            domainOpacity=0.5,
            tickOpacity=0.5,
            labelFontSize=12,
            titleFontSize=13,
            titleFontWeight="normal",
            titlePadding=12,
        )
        .configure_legend(labelColor=INK, labelFontSize=12)
    )
