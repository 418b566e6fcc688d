"""What all figures have in common: text that is safe to draw, axes, and how a chart becomes a specification.

Fields of the data have fixed names; names, classes and values of the user appear in titles and labels only, cleaned by
`label`. So no name, whatever it is, can be taken for an expression or a path into the data.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.facts.numbers import shortened
from holdfast.report.palette import INK

if TYPE_CHECKING:
    import altair as alt

FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
SMALL = 360
"""The width of a small picture's file."""

LONGEST_LABEL = 36
MOST_PICTURES = 6
"""A longer label shows no emoji: where Vega cuts a text that is too wide, it may cut one in halves, and fail."""

LAST_PLAIN = 0xFFFF
"""The last character that JavaScript holds in one piece."""

UNDRAWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode that no font draws, or that change the order of what is drawn."""


def label(text: str, longest: int = LONGEST_LABEL) -> str:
    r"""One short line that can be drawn: no control characters, no marks of direction, never empty.

    >>> label("a\n b"), label("x" * 50, 5), label("\x00")
    ('a b', 'xxxx…', '·')
    """
    line = shortened("".join(_drawable(char) for char in text[: 10 * longest]), longest)
    if len(line) > MOST_PICTURES:
        line = "".join("□" if ord(char) > LAST_PLAIN else char for char in line)
    return line or "·"


def labels(texts: Sequence[str], longest: int = LONGEST_LABEL) -> list[str]:
    """A label for each text, all different."""
    found: list[str] = []
    for text in texts:
        candidate, n = label(text, longest), 1
        while candidate in found:
            n += 1
            candidate = f"{label(text, longest - 5)} ({n})"
        found.append(candidate)
    return found


def drawn(value: float) -> float:
    """A number as exact as a picture can show it, in few characters.

    >>> drawn(0.123456789), drawn(1234567.8)
    (0.123457, 1234570.0)
    """
    return float(f"{value:.6g}")


def chart(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """A chart of the rows, which are part of its specification.

    They are a tuple: Altair copies a list, item by item, each time the chart is put into another.
    """
    import altair as alt

    return alt.Chart({"values": tuple(rows)})


def symbols(field: str, marks: Mapping[str, tuple[str, str]], seen: Sequence[str], **legend: Any) -> tuple[Any, Any]:
    """Colour and shape by a field, with a legend of the kinds that were seen if there are several."""
    import altair as alt

    shown = alt.Legend(title=None, orient="top", direction="horizontal", **legend) if len(seen) > 1 else None
    colors, shapes = [marks[kind][0] for kind in seen], [marks[kind][1] for kind in seen]
    return (
        alt.Color(f"{field}:N", scale=alt.Scale(domain=list(seen), range=colors), legend=shown),
        alt.Shape(f"{field}:N", scale=alt.Scale(domain=list(seen), range=shapes), legend=shown),
    )


AS_NUMBER = (
    "!datum.value ? '0' : abs(datum.value) < 1e-4 || abs(datum.value) >= 1e6 ? "
    "replace(format(datum.value, '.4~e'), /([+-])(\\d)$/, '$10$2') : "
    "abs(datum.value) >= 1000 ? format(datum.value, '.6~g') : format(datum.value, '.4~g')"
)
"""What Vega writes at a tick, as `holdfast.facts.numbers.number` does it; ticks are round."""


def as_number(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """What an axis has to be given so that its numbers look like those of tables.

    A linear one has them by itself, with as many digits as tell its ticks apart, unless they are very large or small.
    """
    size = max(abs(low), abs(high))
    return {"labelExpr": AS_NUMBER} if log or not 1e-4 <= size < 1e6 else {}


def tooltip(**fields: str) -> list[alt.Tooltip]:
    """What a point says of itself: fields by the (fixed) names that they are shown under."""
    import altair as alt

    return [
        alt.Tooltip(name, title=title, format=".4~g") if name.endswith(":Q") else alt.Tooltip(name, title=title)
        for title, name in fields.items()
    ]


def specification(charts: Any, height: float, *, title: str = "", right: int = 12) -> dict[str, Any]:
    """A chart (one view, perhaps of layers) as a dict of Vega-Lite; its width is set where it is drawn.

    What all figures share is added to the dict: each call on a chart would copy all of it.
    """
    spec: dict[str, Any] = charts.to_dict(validate=False)
    rows = {name: list(values) for name, values in spec.get("datasets", {}).items()}
    padding = {"left": 4, "right": right, "top": 6, "bottom": 4}
    config = {**spec.get("config", {}), **_CONFIG, "padding": padding}
    named = {"title": {"text": title, "anchor": "start", "offset": 8}} if title else {}
    fitted = {"height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {**spec, **fitted, **named, "config": config, "datasets": rows}


def sized(spec: Mapping[str, Any], width: int | str) -> dict[str, Any]:
    """The specification with its width: pixels for a file, ``"container"`` on a page."""
    return {**spec, "width": width}


_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "aria": False,
    "view": {"stroke": None},
    "title": {"color": INK, "fontSize": 13, "fontWeight": 600},
    "legend": {"labelColor": INK, "labelFontSize": 12, "symbolSize": 80, "columnPadding": 18, "labelLimit": 260},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": INK,
        "tickColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.13,
        "domainOpacity": 0.5,
        "tickOpacity": 0.5,
        "labelFontSize": 12,
        "labelLimit": 150,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "titleLimit": 280,
    },
}


def _drawable(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in UNDRAWABLE else char
