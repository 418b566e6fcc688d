"""What a study has cost, where that went, what was expected, and what was allowed."""

from __future__ import annotations

from typing import Any

from holdfast.facts.blocks import Alert, Block, Figure, Paragraph, Section, Table
from holdfast.facts.cost import account_of, lines_table, origin, prices_sentences, totals_table
from holdfast.facts.log import latest
from holdfast.facts.numbers import count, duration, listed, number, share
from holdfast.facts.spending import WHAT, amount
from holdfast.meter.account import Account
from holdfast.meter.price import SECONDS_PER_HOUR
from holdfast.report.charts import chart, label, specification
from holdfast.report.figures import picture
from holdfast.report.palette import BLUE, INK
from holdfast.study.state import StudyState
from holdfast.usage import UNKNOWN
from holdfast.usage import Figure as Measured

UNMETERED = (
    "A figure that says unknown was not metered, or has no price on record: it is not nought. What covers less than "
    "100% of the work may be larger in truth."
)

TOP_SHARE = 0.5
"""A line of the account that has more than this part of the time is named in the caption."""


def cost_section(state: StudyState) -> Section:
    """Totals with their origins, where they went, forecast against metered, and the budget."""
    if not state.trials:
        return Section("What it cost", [Paragraph("No trial has been asked yet, so there is nothing to count.")])
    whole = account_of(state)
    blocks: list[Block] = [Paragraph(prices_sentences(state)), totals_table(whole), Paragraph(UNMETERED)]
    figure = cost_figure(whole)
    if figure is not None:
        blocks.append(figure)
    blocks.append(lines_table(whole))
    blocks += [*_forecast(state, whole), *_budget(state, whole)]
    return Section("What it cost", blocks)


def cost_figure(whole: Account) -> Figure | None:
    """Where the money went, or where no price is known the machine's time; None with fewer than two lines."""
    money = whole.total.usd.value is not None and whole.total.usd.value > 0
    values = [(line.what, line.usd.value if money else line.machine_seconds.value) for line in whole.lines]
    known = [(label(what, 60), value) for what, value in values if value is not None and value > 0]
    if len(known) < 2:
        return None
    total = sum(value for _, value in known)
    rows = [
        {"what": what, "value": value, "text": f"{_amount(value, money=money)} ({share(value / total)})"}
        for what, value in known
    ]
    spec = specification(_bars(rows), 36 * len(rows), right=6)
    kind = "money" if money else "machine's time"
    said = [f"{row['what']} {row['text']}" for row in rows]
    alternative = f"Where the {kind} went: {listed(said)}."
    return picture("cost", spec, _caption(known, kind), alternative)


def _caption(known: list[tuple[str, float]], kind: str) -> str:
    """What took the largest part, and what the winner itself took."""
    total = sum(value for _, value in known)
    first, most = max(known, key=lambda item: item[1])
    part = "Most" if most / total > TOP_SHARE else "The largest part"
    winners = dict(known).get("the winner")
    also = "" if winners is None or first == "the winner" else f"; the winner itself took {share(winners / total)}"
    return f"{part} of the {kind} went into {first}, {share(most / total)}{also}."


def _amount(value: float, *, money: bool) -> str:
    return amount("usd", value) if money else duration(value)


def _bars(rows: list[dict[str, Any]]) -> Any:
    """A bar for each line of the account, below its name, so that long names have room on a narrow page."""
    import altair as alt

    most = max(row["value"] for row in rows)
    y = alt.Y("what:N", title=None, sort=[row["what"] for row in rows], axis=None)
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1.6 * most], nice=False), axis=None)
    words: dict[str, Any] = {"align": "left", "fontSize": 12, "color": INK}
    bars = chart(rows).mark_bar(color=BLUE, size=11, yOffset=8, y2Offset=8)
    names = chart(rows).mark_text(**words, dy=-7)
    amounts = chart(rows).mark_text(**words, dx=6, dy=8)
    return alt.layer(
        bars.encode(y=y, x=x),
        names.encode(y=y, x=alt.value(0), text="what:N"),
        amounts.encode(y=y, x=x, text="text:N"),
    )


def _metered(whole: Account) -> dict[str, Measured]:
    """What was metered, by the names of forecasts and limits; the log holds no size of the folder."""
    return {
        "hours": whole.total.machine_seconds.times(1 / SECONDS_PER_HOUR),
        "usd": whole.total.usd,
        "kwh": whole.total.usage.kwh,
        "kg_co2e": whole.total.kg_co2e,
    }


def _forecast(state: StudyState, whole: Account) -> list[Block]:
    made = latest(state, "forecast.made")
    if made is None:
        return []
    metered = _metered(whole)
    rows = []
    for name in WHAT:
        expected = Measured.from_json(made[name]) if made.get(name) is not None else UNKNOWN
        found = metered.get(name, UNKNOWN)
        rows.append(
            [WHAT[name], _said(name, expected), origin(expected)[0], _said(name, found), _ratio(found, expected)]
        )
    timed = made.get("timed") or []
    how = f", from {count(len(timed), 'trial')} timed at {listed([duration(each) for each in timed])}" if timed else ""
    work = f"{count(made['trials'], 'trial')}, {count(made['fits'], 'fit')}"
    header = ["what", "expected", "expected from", "metered", "metered / expected"]
    table = Table(header, rows, "The forecast against what was metered", frozenset({1, 3, 4}))
    return [Paragraph(f"Before the search the plan was priced at {work}{how}."), table]


def _budget(state: StudyState, whole: Account) -> list[Block]:
    limits, reached = latest(state, "limits.set"), latest(state, "limits.reached")
    blocks: list[Block] = [] if reached is None else [Alert(f"{reached['text']}")]
    set_limits = {name: limits[name] for name in ("trials", *WHAT) if limits and limits.get(name) is not None}
    if not set_limits:
        return [*blocks, Paragraph("No budget was set.")] if limits is not None else blocks
    metered = _metered(whole)
    rows = []
    for name, allowed in set_limits.items():
        if name == "trials":
            rows.append(["trials", number(allowed), str(len(state.trials)), share(len(state.trials) / allowed)])
            continue
        spent = metered.get(name, UNKNOWN)
        part = "unknown" if spent.value is None else share(spent.value / allowed)
        rows.append([WHAT[name], amount(name, allowed), _said(name, spent), part])
    return [*blocks, Table(["budget", "allowed", "spent", "share"], rows, "The budget", frozenset({1, 2, 3}))]


def _said(name: str, figure: Measured) -> str:
    if name == "hours" and figure.value is not None:
        return duration(figure.value * SECONDS_PER_HOUR)  # to the digit of the other tables
    return "unknown" if figure.value is None else amount(name, figure.value)


def _ratio(found: Measured, expected: Measured) -> str:
    """How many times what was expected; unknown where one of the two is."""
    if found.value is None or not expected.value:
        return "unknown"
    return f"{found.value / expected.value:.2f}"
