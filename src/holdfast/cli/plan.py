"""The command that prices a plan before anything of it runs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli.options import RUNS, Json, Plan, Runs
from holdfast.cli.output import aligned, columns, say, show, show_json

if TYPE_CHECKING:
    from holdfast.protocol.preview import Preview

MANY = 1_000_000
"""From so many trials on it does not matter how many the budget buys."""


def plan(
    file: Plan,
    *,
    no_timing: Annotated[
        bool, typer.Option("--no-timing", help="Run no trial; time, and what follows from it, is then unknown.")
    ] = False,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Price a plan before it runs, and say what its budget buys.

    Trials, fits, time, money, energy, carbon and disk, each number with where it comes from: the plan's own [price],
    and the timing of its first two trials at most. It also says what the checks of the divided table warn of, and
    which strategy suits so many trials. No log is written, and no score is taken on a test row.
    """
    from holdfast.protocol.preview import preview, refuse_what_buys_nothing
    from holdfast.protocol.read import read_plan

    asked = read_plan(file)

    def say_so() -> None:
        say(f"timing at most two trials of '{asked.plan.study.name}' (--no-timing for none) ...")

    found = preview(asked, runs=runs, timing=not no_timing, on_timing=None if as_json else say_so)
    if as_json:
        show_json(_json(found))
    else:
        _print(found)
    refuse_what_buys_nothing(found)
    return 0


def _print(found: Preview) -> None:
    from holdfast.cli.findings import findings_text
    from holdfast.facts.numbers import shortened
    from holdfast.protocol.advice import taken_direction

    asked = found.file.plan
    weighed = "" if asked.data.weight is None else f", rows weighted by '{asked.data.weight}'"
    show(f"study '{asked.study.name}': {asked.model.family} on {asked.data.source}{weighed}")
    show("")
    width = columns(sys.stdout)
    show(aligned([[what, much, why] for what, much, why in _rows(found)], width=width))
    if found.failure:
        show(f"\na timed trial failed: {shortened(found.failure, 200)}")
    bought = _bought(found)
    if bought:
        show("\nwhat the budget buys:\n")
        show(aligned(bought))
    show("")
    show(aligned([[line] for line in _advice(found).splitlines()], indent="", width=width))
    show(f"\n{findings_text(found.findings, width)}")
    taken = taken_direction(found.file)
    if taken:
        show(f"\nwarning: {taken}")


def _rows(found: Preview) -> list[tuple[str, str, str]]:
    """What there is to pay: what, how much, and where the number comes from."""
    from holdfast.facts.cost import amount, origin
    from holdfast.facts.numbers import duration
    from holdfast.facts.spending import amount as much
    from holdfast.facts.spending import size

    priced, shape = found.forecast, found.shape
    drawn = _drawn(found)
    seconds = priced.hours.times(3600.0)

    def about(text: str, figure: Any) -> str:
        off = origin(figure)[2]
        return text if figure.value is None or off in {"", "nothing"} else f"{text} {off}"

    return [
        ("trials", f"{shape.trials:,}", _trials_from(found) + _at_most(found, "stop")),
        ("fits", f"{shape.fits:,}", _fits_from(found) + _at_most(found, "drop_folds")),
        ("time", about(amount(seconds, duration), seconds), _time_from(found)),
        ("money", about(amount(priced.usd, lambda v: much("usd", v)), priced.usd), _money_from(found)),
        ("energy", about(amount(priced.kwh, lambda v: much("kwh", v)), priced.kwh), drawn),
        ("carbon", about(amount(priced.kg_co2e, lambda v: much("kg_co2e", v)), priced.kg_co2e), _carbon_from(found)),
        ("disk", about(amount(priced.disk_bytes, size), priced.disk_bytes), "rows, row scores, pages; not the model"),
    ]


def _trials_from(found: Preview) -> str:
    asked, shape = found.file.plan, found.shape
    if found.grid is not None and shape.trials == found.grid:
        return f"a full grid: {_product(found)}"
    if found.grid is not None and found.grid > shape.trials:
        return f"the first of a grid of {found.grid:,}: {_product(found)}"
    if shape.trials < asked.most_trials:
        return f"all that there are; {asked.most_trials:,} were allowed"
    return "[budget] trials" if shape.trials < asked.search.trials else "[search] trials"


def _at_most(found: Preview, key: Literal["stop", "drop_folds"]) -> str:
    """That a key of [search] may make it fewer; nothing where it is not set."""
    asked = getattr(found.file.plan.search, key)
    return "" if asked in {None, "never"} else f"; at most, as {key} = '{asked}' may save some"


def _product(found: Preview) -> str:
    """A grid multiplied out, such as ``learning_rate 3 × depth 3``; conditional hyperparameters count where active."""
    from holdfast.protocol.preview import grid_factors

    factors = grid_factors(found)
    product = " × ".join(f"{name} {many}" for name, many in factors)
    conditional = any(found.space[name].when for name, _ in factors)
    return f"{product}{', where they are active' if conditional else ''}"


def _fits_from(found: Preview) -> str:
    from holdfast.protocol.shape import fits_in_words

    last = "one more for the model that ships"
    if found.shape.finalists:
        last = f"{found.shape.finalists} finalists on the select rows, and {last}"
    return f"{fits_in_words(found.shape)}; after that {last}"


def _time_from(found: Preview) -> str:
    from holdfast.facts.numbers import count, duration

    if not found.timed:
        return "no trial was timed" if not found.failure else "no timed trial ended well"
    each = " and ".join(duration(trial.seconds) for trial in found.timed)
    workers = found.shape.workers
    side = f", {workers} side by side" if workers > 1 else ""
    full = " for a full training" if len(found.shape.rungs) > 1 else ""
    return f"{count(len(found.timed), 'trial')} timed: {each}{full}{side}; {duration(found.start_seconds)} to start"


def _money_from(found: Preview) -> str:
    price = found.price
    if not price.knows_money:
        return "say usd_per_hour or usd_per_run in [price]"
    parts = []
    if price.usd_per_run is not None:
        parts.append(f"{found.shape.trials:,} × {price.usd_per_run:,.10g} USD a run")
    if price.usd_per_hour is not None:
        parts.append(f"{price.usd_per_hour:,.10g} USD an hour")
    return f"[price]: {' + '.join(parts)}"


def _drawn(found: Preview) -> str:
    """Where the number for electricity comes from."""
    from holdfast.meter.energy import INSTALLED

    if found.price.watts is not None:
        return f"[price]: {found.price.watts:g} watts"
    if found.forecast.kwh.value is not None:
        return f"{found.forecast.kwh.method.value} of the timed trials, by codecarbon"
    if not INSTALLED:
        return "nothing meters it here: pip install 'holdfast[energy]', or say watts in [price]"
    return "no trial was timed" if not found.failure else "no timed trial ended well"


def _carbon_from(found: Preview) -> str:
    price = found.price
    return f"{price.kg_co2e_per_kwh:.3g} kg per kWh: {price.carbon_source}"


def _bought(found: Preview) -> list[list[str]]:
    """What each limit of the budget buys, in words."""
    from holdfast.facts.spending import WHAT, amount
    from holdfast.protocol.preview import affordable

    many = affordable(found)
    rows = []
    for name, allowed in found.limits.amounts().items():
        buys = "what it buys is unknown" if name not in many else _trials_bought(many[name], found.shape.trials)
        rows.append([WHAT[name], amount(name, allowed), buys])
    if found.limits.trials is not None:
        rows.append(["trials", f"{found.limits.trials:,}", _trials_bought(found.limits.trials, found.shape.trials)])
    return rows


def _trials_bought(many: float, planned: int) -> str:
    if many >= MANY:
        return "more trials than anybody needs"
    enough = f"enough for all {planned:,}" if many >= planned else f"the search ends before its {planned:,}"
    return f"{int(many):,} trials, {enough}"


def _advice(found: Preview) -> str:
    from holdfast.protocol.advice import advice

    return "\n".join(advice(found))


def _json(found: Preview) -> dict[str, Any]:
    from holdfast.meter.forecast import FIGURES
    from holdfast.protocol.advice import advice
    from holdfast.protocol.preview import affordable, cost_of_trial, grid_factors

    asked = found.file.plan
    return {
        "name": asked.study.name,
        **found.forecast.to_json(),
        **{name: asdict(getattr(found.forecast, name)) for name in FIGURES},
        "start_seconds": found.start_seconds,
        "failure": found.failure or None,
        "grid": None if found.grid is None else dict(grid_factors(found)),
        "price": found.price.to_json(),
        "limits": found.limits.to_json(),
        "cost_of_trial": cost_of_trial(found),
        "affordable_trials": affordable(found),
        "strategy": found.strategy,
        "advice": advice(found),
        "findings": [each.to_json() for each in found.findings.found],
    }
