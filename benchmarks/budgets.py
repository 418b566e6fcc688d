"""Does the budget hold? One study stopped by each kind of budget, and what each was metered to have spent.

    python benchmarks/budgets.py [--trials 500]

Each study tunes a random forest on scikit-learn's digits with far more trials than its budget pays for, in processes of
its own. The table shows what was allowed, what the whole study spent by its own log (final fit and test included), how
many trials it had, and whether it ended with a model, a report and a card.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from holdfast.facts.cost import account_of
from holdfast.facts.spending import amount
from holdfast.meter.price import SECONDS_PER_HOUR
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.steward import folder_bytes
from holdfast.protocol.tune import Result, tune

PRICE = {"usd_per_hour": 3.6, "country": "DE"}
"""A thousandth of a dollar for each second of the machine."""

BUDGETS: dict[str, dict[str, Any]] = {
    "trials": {"trials": 7},
    "hours": {"hours": 25 / SECONDS_PER_HOUR},
    "usd": {"usd": 0.025},
    "kwh": {"kwh": 1e-4},
    "kg_co2e": {"kg_co2e": 3e-5},
    "disk_bytes": {"disk": "30 MB"},
}


def plan(limit: str, trials: int) -> dict[str, Any]:
    """A plan with one kind of budget."""
    return {
        "study": {"name": f"stopped-by-{limit.replace('_', '-')}"},
        "data": {"source": "sklearn:digits"},
        "model": {"family": "random-forest"},
        "search": {"trials": trials, "strategy": "random"},
        "price": PRICE,
        "budget": BUDGETS[limit],
    }


def spent(result: Result, limit: str) -> float:
    """What the whole study took, in the unit of a limit."""
    state = open_book(find_run(result.folder.parent, result.name)).state
    total = account_of(state).total
    found = {
        "trials": len(state.trials),
        "hours": state.elapsed / SECONDS_PER_HOUR,
        "usd": total.usd.value,
        "kwh": total.usage.kwh.value,
        "kg_co2e": total.kg_co2e.value,
        "disk_bytes": folder_bytes(result.folder),
    }[limit]
    assert found is not None, f"nobody metered {limit}"
    return float(found)


def row(limit: str, trials: int, runs: Path) -> str:
    """One study, as a line of the table."""
    result = tune(plan(limit, trials), runs=runs)
    state = open_book(find_run(runs, result.name)).state
    (reached,) = state.notes["limits.reached"]
    files = {"a model": "model", "a report": "report.html", "a card": "MODEL_CARD.md"}
    there = ", ".join(what for what, name in files.items() if (result.folder / name).exists())
    took = spent(result, limit)
    allowed = reached["allowed"]
    cells = [limit, _words(limit, allowed), _words(limit, took), f"{took / allowed:.0%}", str(len(state.trials)), there]
    return f"| {' | '.join(cells)} |"


def _words(limit: str, value: float) -> str:
    """An amount with its unit."""
    return f"{value:.0f}" if limit == "trials" else amount(limit, value)


def main() -> None:
    """Run a study for each kind of budget and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    arguments = parser.parse_args()
    print("| budget | allowed | spent in all | share | trials | ends with |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as runs:
        for limit in BUDGETS:
            print(row(limit, arguments.trials, Path(runs)), flush=True)


if __name__ == "__main__":
    main()
