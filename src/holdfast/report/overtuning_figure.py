"""The picture of overtuning: the naive score of the best so far, and what the correction leaves of it.

It is drawn from the row scores in the log by few bootstraps, also while the study runs; the number to quote is the
estimate on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.errors import RequestError
from holdfast.facts.blocks import Figure
from holdfast.facts.log import metric_of
from holdfast.facts.numbers import better, count, number
from holdfast.report.charts import as_number, chart, drawn, label, specification, tooltip
from holdfast.report.figures import picture
from holdfast.report.history_figure import apart
from holdfast.report.palette import GREEN, GREY, INK, VERMILION
from holdfast.study.book import Book
from holdfast.study.overtuned import OvertuningCurve, overtuning_of

HEIGHT = 220

FEWEST = 4
"""Complete trials from which on there is a curve."""

MOST = 300
"""Points of a line that are drawn, at most."""

LEAVES_OUT = (
    "The curve takes off the luck of the selection alone; what the search adds by looking at scores, what a refit "
    "changes and which rows belong together only the estimate counts, which may differ from its end."
)

LINES = {"naive": VERMILION, "corrected": GREEN}
"""Each line and its colour."""


def overtuning_on_page(book: Book) -> OvertuningCurve | None:
    """The curve of a study; None before there is one, and for several objectives."""
    try:
        found = overtuning_of(book)
    except RequestError:  # no trial is the best
        return None
    return found if len(found.trials) >= FEWEST else None


def overtuning_figure(book: Book, found: OvertuningCurve | None) -> Figure | None:
    """The picture; None without a corrected curve."""
    if found is None or not found.corrected or found.since is None:
        return None
    metric, turn = metric_of(book.state), len(found.trials) - 1 - found.since
    spec = specification(_layers(found, f"{label(book.state.first_metric)}", turn), HEIGHT, right=12)
    ends = f"{number(found.naive[-1])} naively, {number(found.corrected[-1])} corrected"
    caption = (
        f"The best so far by {label(metric.name)} ({better(metric.direction)}), and the same with the luck of having "
        f"been picked taken off; the grey between them is that luck. It ends at {ends}. "
    )
    if found.since:
        caption += f"The corrected score last improved {count(found.since, 'complete trial')} ago, at the dashed line."
    else:
        caption += "The corrected score improved with the last complete trial."
    caption += f" {LEAVES_OUT}"
    alternative = (
        f"The best score so far over {count(len(found.trials), 'complete trial')}: {ends}, last improved by the "
        f"correction at trial {found.trials[turn]}."
    )
    return picture("overtuning", spec, caption, alternative)


def _layers(found: OvertuningCurve, title: str, turn: int) -> Any:
    import altair as alt

    rows = [
        {"trial": found.trials[i], "naive": drawn(found.naive[i]), "corrected": drawn(found.corrected[i])}
        for i in _kept(len(found.trials), turn)
    ]
    values = [row[name] for row in rows for name in LINES]
    margin = 0.08 * (max(values) - min(values)) or 0.05 * abs(max(values)) or 0.5
    scale = (min(values) - margin, max(values) + margin)
    last = found.trials[-1]
    x = alt.X(
        "trial:Q",
        title="trial",
        scale=alt.Scale(domain=[found.trials[0], max(last, found.trials[0] + 1)], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False, tickCount=8),
    )

    def y(field: str) -> Any:
        limits = alt.Scale(domain=list(scale), nice=False, zero=False)
        return alt.Y(
            f"{field}:Q", title=title, scale=limits, axis=alt.Axis(tickCount=5, grid=True, **as_number(*scale))
        )

    base = chart(rows)
    said = tooltip(trial="trial:N", naive="naive:Q", corrected="corrected:Q")
    ends = apart([{"name": name, "value": rows[-1][name]} for name in LINES], scale, HEIGHT)
    return alt.layer(
        base.mark_area(color=GREY, opacity=0.18, interpolate="step-after").encode(x=x, y=y("naive"), y2="corrected:Q"),
        chart([{"trial": found.trials[turn]}]).mark_rule(color=INK, strokeDash=[4, 4], opacity=0.6).encode(x=x),
        *[
            base.mark_line(color=color, strokeWidth=1.8, interpolate="step-after").encode(x=x, y=y(name), tooltip=said)
            for name, color in LINES.items()
        ],
        *[
            chart([row])
            .mark_text(align="left", dx=8, fontSize=12, fontWeight=600, color=LINES[row["name"]])
            .encode(x=alt.value("width"), y=y("place"), text="name:N")
            for row in ends
        ],
    )


def _kept(n: int, turn: int) -> Sequence[int]:
    """At most `MOST` or so of n places, evenly, with the last one and the ``turn``."""
    step = max(1, -(-n // MOST))
    return sorted({*range(0, n, step), turn, n - 1})
