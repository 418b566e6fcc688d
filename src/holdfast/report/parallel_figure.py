"""Parallel coordinates: every configuration as a line across all hyperparameters, down to its score.

The axes lie one below the other, so that long names, many hyperparameters and narrow pages have room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.facts.blocks import Figure
from holdfast.facts.log import winner_of
from holdfast.facts.numbers import count, listed, number
from holdfast.records import Trial
from holdfast.report.axes import Axis, axes, round_numbers
from holdfast.report.charts import chart, drawn, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.history import SearchHistory, search_history
from holdfast.report.palette import BLUE, GREEN, GREY, INK, PAPER, VERMILION
from holdfast.report.ranked import FEWEST, best_tenth, scored, where_the_best_lie
from holdfast.study.state import StudyState

ROW = 58
"""Pixels between two axes."""

MOST_LINES = {"better half": 120, "the rest": 80}
"""So many lines of these bands are drawn, evenly over their ranks: more could not be told apart."""

MOST_NAMED = 5
"""How many hyperparameters a sentence names."""

INACTIVE = 1.12
"""Where a line passes an axis whose hyperparameter is not active in its configuration."""

WINNER, TENTH, HALF, REST = "the winner", "best tenth", "better half", "the rest"

BANDS: dict[str, tuple[str, float, float]] = {
    REST: (GREY, 0.9, 0.35),
    HALF: (GREEN, 1.1, 0.55),
    TENTH: (BLUE, 1.9, 0.9),
    WINNER: (VERMILION, 3.0, 1.0),
}
"""Colour, width and opacity of each band of scores, worst first."""


@dataclass(frozen=True)
class _Lines:
    """What is drawn: points of lines, how many trials are in each band, how many lines there are, and how many trials
    are called the best.
    """

    points: list[dict[str, Any]]
    counts: dict[str, int]
    lines: int
    best: int


def parallel_figure(state: StudyState) -> Figure | None:
    """The picture of all configurations; None with fewer than two scores or without a hyperparameter to compare."""
    found, history = axes(state), search_history(state, with_scores=False)
    order = scored(state)
    if len(order) < 2 or not found:
        return None
    lines = _lines(found, order, state, history)
    spec = specification(_layers(found, history, lines), ROW * (len(found) + 1), right=20)
    close = [text for axis in found if (text := where_the_best_lie(axis, order))]
    return picture("parallel", spec, _caption(lines, close), _alternative(found, lines, close, history.metric.name))


def band_of(rank: float) -> str:
    """The band of a trial that ``rank``, a share of all, does better than.

    >>> band_of(0.05), band_of(0.3), band_of(0.9)
    ('best tenth', 'better half', 'the rest')
    """
    return TENTH if rank < 0.1 else HALF if rank < 0.5 else REST


def _lines(found: list[Axis], order: list[Trial], state: StudyState, history: SearchHistory) -> _Lines:
    winner = winner_of(state)
    bands = {trial.number: band_of(rank / len(order)) for rank, trial in enumerate(order)}
    if winner is not None:
        bands[winner.number] = WINNER
    low, high = history.scale
    points = []
    chosen = _chosen(order, bands)
    for trial in reversed(chosen):  # the best are drawn last, above the others
        score = trial.metrics[state.first_metric]
        common = {"trial": trial.number, "band": bands[trial.number], "score": drawn(score)}
        for row, axis in enumerate(found):
            place = axis.place(trial.config[axis.name]) if axis.name in trial.config else None
            points.append({**common, "x": INACTIVE if place is None else round(place, 4), "y": row})
        at = (min(max(score, low), high) - low) / (high - low)
        points.append({**common, "x": round(at, 4), "y": len(found)})
    counts = {band: sum(each == band for each in bands.values()) for band in BANDS}
    return _Lines(points, {band: n for band, n in counts.items() if n}, len(chosen), len(best_tenth(order)))


def _chosen(order: list[Trial], bands: Mapping[int, str]) -> list[Trial]:
    """The trials whose lines are drawn, best first."""
    kept: set[int] = set()
    for band in BANDS:
        numbers = [trial.number for trial in order if bands[trial.number] == band]
        most = min(MOST_LINES.get(band, len(numbers)), len(numbers))
        kept |= {numbers[place * len(numbers) // most] for place in range(most)}
    return [trial for trial in order if trial.number in kept]


def _layers(found: list[Axis], history: SearchHistory, lines: _Lines) -> Any:
    import altair as alt

    away = any(point["x"] == INACTIVE for point in lines.points)
    rows = len(found) + 1
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, INACTIVE if away else 1], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[-0.45, rows - 0.55], reverse=True, nice=False), axis=None)
    seen = [band for band in reversed(BANDS) if band in lines.counts]
    color = alt.Color(
        "band:N",
        scale=alt.Scale(domain=seen, range=[BANDS[band][0] for band in seen]),
        legend=alt.Legend(
            title=None, orient="top", symbolType="stroke", symbolStrokeWidth=4, symbolSize=250, columns=2
        ),
    )
    rails = chart({"y": row, "x": 0.0, "x2": 1.0} for row in range(rows))
    layers = [rails.mark_rule(color=INK, opacity=0.45).encode(y=y, x=x, x2="x2:Q")]
    layers += [_band(lines, band, x, y, color) for band in BANDS if band in lines.counts]
    low, high = history.scale
    names = [label(axis.name) for axis in found] + [label(history.metric.name)]
    places = [tick for row, axis in enumerate(found) for tick in _ticks(row, axis.ticks())]
    places += _ticks(rows - 1, [((tick - low) / (high - low), number(tick)) for tick in round_numbers(low, high)])
    layers.append(chart(places).mark_tick(color=INK, orient="vertical", size=7, thickness=1).encode(x=x, y=y))
    layers += _texts(({"x": 0.0, "y": row, "text": text} for row, text in enumerate(names)), x, y, title=True)
    for align in ("left", "center", "right"):
        layers += _texts([place for place in places if place["align"] == align], x, y, align=align)
    if away:
        layers += _texts(
            ({"x": INACTIVE, "y": row, "text": "not active"} for row, axis in enumerate(found) if axis.domain.when),
            x,
            y,
            align="right",
            above=True,
        )
    return alt.layer(*layers)


def _band(lines: _Lines, band: str, x: Any, y: Any, color: Any) -> Any:
    import altair as alt

    _, width, opacity = BANDS[band]
    rows = [point for point in lines.points if point["band"] == band]
    said = tooltip(trial="trial:N", score="score:Q")
    line = chart(rows).mark_line(strokeWidth=width, strokeOpacity=opacity, strokeJoin="round")
    return line.encode(x=x, y=y, color=color, detail="trial:N", order=alt.Order("y:Q"), tooltip=said)


def _ticks(row: int, ticks: list[tuple[float, str]]) -> list[dict[str, Any]]:
    """The marks of an axis; those at its ends are aligned with them."""
    return [
        {"x": place, "y": row, "text": text, "align": "left" if place < 0.02 else "right" if place > 0.98 else "center"}
        for place, text in ticks
    ]


def _texts(rows: Any, x: Any, y: Any, *, align: str = "left", above: bool = False, title: bool = False) -> list[Any]:
    """Words on the lines, with a rim of paper around them."""
    rows = list(rows)
    if not rows:
        return []
    style: dict[str, Any] = {
        "align": align,
        "fontWeight": 600 if title else 400,
        "dy": -13 if title or above else 14,
        "fontSize": 12.5 if title else 11.5,
    }
    rim: dict[str, Any] = {"stroke": PAPER, "strokeWidth": 3.5, "color": PAPER, "strokeJoin": "round"}
    return [chart(rows).mark_text(**style, **look).encode(x=x, y=y, text="text:N") for look in (rim, {"color": INK})]


def _caption(lines: _Lines, close: list[str]) -> str:
    parts = ["Each line is a configuration, from its hyperparameters down to its score; the best are drawn strongest."]
    if close:
        parts.append(f"The best {lines.best} lie close together, {listed(close[:MOST_NAMED])}.")
    elif sum(lines.counts.values()) >= 3 * FEWEST:
        parts.append(f"The best {lines.best} are spread over every range: no single choice made them good.")
    if any(point["x"] == INACTIVE for point in lines.points):
        parts.append("Where a hyperparameter is not active, the line passes it at the right.")
    trials = sum(lines.counts.values())
    if lines.lines < trials:
        parts.append(f"Of {count(trials, 'trial')} {lines.lines} are drawn, among them all of the best tenth.")
    return " ".join(parts)


def _alternative(found: list[Axis], lines: _Lines, close: list[str], metric: str) -> str:
    names = [label(axis.name) for axis in found]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    shown = f"{', '.join(names[:MOST_NAMED])}{more}" if more else listed(names)
    trials = count(sum(lines.counts.values()), "configuration")
    text = f"Parallel coordinates of {trials} over {shown}, and their {label(metric)}."
    return f"{text} The best {lines.best} lie close together, {listed(close[:MOST_NAMED])}." if close else text
