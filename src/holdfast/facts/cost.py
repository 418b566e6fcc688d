"""What a study has cost, in words: every figure with how it came about, and what is unknown as unknown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from holdfast.facts.blocks import Table
from holdfast.facts.log import latest, winner_of
from holdfast.facts.numbers import count, duration, listed, number, percent
from holdfast.facts.spending import amount as spent
from holdfast.facts.spending import size
from holdfast.meter.account import Account, Line, account
from holdfast.meter.price import Price
from holdfast.study.state import StudyState
from holdfast.usage import Figure


def account_of(state: StudyState) -> Account:
    """The account of a study, from its log."""
    price, winner = latest(state, "price.set"), winner_of(state)
    return account(
        state.trials,
        state.notes.get("phase.metered", []),
        None if price is None else Price.from_json(price),
        elapsed=state.elapsed,
        winner=None if winner is None else winner.number,
    )


def totals_table(whole: Account) -> Table:
    """Each kind of cost in all: how much, how it came about, how much of the work it covers, how far it may be off."""
    figures: list[tuple[str, Figure, Callable[[float], str]]] = [
        ("machine time", whole.total.machine_seconds, duration),
        ("processor time, all cores", whole.total.usage.cpu_seconds, duration),
        ("graphics processor time", whole.total.usage.gpu_seconds, duration),
        ("peak memory of a process", whole.total.usage.peak_bytes, size),
        ("electricity", whole.total.usage.kwh, partial(spent, "kwh")),
        ("carbon", whole.total.kg_co2e, partial(spent, "kg_co2e")),
        ("money", whole.total.usd, partial(spent, "usd")),
    ]
    rows = [[what, amount(figure, words), *origin(figure)] for what, figure, words in figures]
    header = ["what", "how much", "method", "covers", "uncertain by"]
    return Table(header, rows, "What the study has cost", frozenset({1}))


def lines_table(whole: Account) -> Table:
    """Where the time, electricity, carbon and money went."""
    header = ["for what", "machine time", "processor time", "electricity", "carbon", "money"]
    rows = [_line(line) for line in (*whole.lines, whole.total)]
    return Table(header, rows, "Where it went", frozenset(range(1, len(header))))


def prices_sentences(state: StudyState) -> str:
    """What work was taken to cost, and where that comes from."""
    said = latest(state, "price.set")
    if said is None:
        return "No prices are on record: money, electricity and carbon are counted only as far as the trials told them."
    price = Price.from_json(said)
    parts = []
    if price.usd_per_run is not None:
        parts.append(f"{number(price.usd_per_run)} USD a trial")
    if price.usd_per_hour is not None:
        parts.append(f"{number(price.usd_per_hour)} USD an hour")
    if price.watts is not None:
        parts.append(f"{number(price.watts)} W")
    where = f" on {price.machine}" if price.machine else ""
    shared = f", {count(price.workers, 'trial')} side by side" if price.workers > 1 else ""
    text = f"The work ran{where}{shared}. " if where or shared else ""
    text += f"Given were {listed(parts)}." if parts else "No price in money was given."
    if price.kg_co2e_per_kwh is not None:
        off = f", give or take {percent(price.carbon_uncertainty)}" if price.carbon_uncertainty else ""
        source = f" ({price.carbon_source}{off})" if price.carbon_source else ""
        text += f" A kWh counts as {number(price.kg_co2e_per_kwh)} kg CO2e{source}."
    return text


def amount(figure: Figure, words: Callable[[float], str] = number) -> str:
    """A figure's value in words; unknown where nobody measured it.

    >>> from holdfast.usage import Method
    >>> amount(Figure(None, Method.UNKNOWN)), amount(Figure(0.25, Method.COUNTER))
    ('unknown', '0.25')
    """
    return "unknown" if figure.value is None else words(figure.value)


def origin(figure: Figure) -> tuple[str, str, str]:
    """How a figure came about, the share of the work that it covers, and how far it may be off."""
    if figure.value is None:
        return "unknown", "", ""
    off = "unknown" if figure.uncertainty is None else f"±{percent(round(figure.uncertainty, 3))}"
    return figure.method.value, percent(round(figure.coverage, 3)), off if figure.uncertainty != 0 else "nothing"


def _line(line: Line) -> list[str]:
    usage = line.usage
    times = [amount(figure, duration) for figure in (line.machine_seconds, usage.cpu_seconds)]
    name = f"{line.what} ({line.trials})" if line.trials > 1 else line.what
    drawn = [("kwh", usage.kwh), ("kg_co2e", line.kg_co2e), ("usd", line.usd)]
    return [name, *times, *(amount(figure, partial(spent, key)) for key, figure in drawn)]
