"""Does the price hold? What `holdfast plan` forecasts of every example against what `holdfast tune` meters.

    python benchmarks/forecast.py [--plans examples] [--repeats 3]

For each plan the two commands run one after the other, in a store of their own, and the table shows medians: the
seconds and kilowatt-hours that were forecast and metered, and their ratio. A ratio between 0.5 and 2 is within a factor
of two. Run it alone on the machine: a busy one slows the timed trials and the search by different factors.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from holdfast.facts.cost import account_of
from holdfast.meter.machine import machine_words
from holdfast.meter.price import SECONDS_PER_HOUR
from holdfast.protocol.folder import find_run, open_book

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """One plan, once: seconds and kWh, forecast and metered, and the share of the work that the metered kWh cover."""

    name: str
    trials: int
    seconds: tuple[float, float]
    kwh: tuple[float | None, float | None]
    covered: float

    @property
    def ratio(self) -> float:
        """Forecast over metered time."""
        return self.seconds[0] / self.seconds[1]


def run_plan(path: Path) -> Row:
    """Forecast a plan, then run it, both as a person does: each in a process of its own."""
    found = json.loads(_holdfast("plan", str(path), "--json"))
    with tempfile.TemporaryDirectory() as runs:
        _holdfast("tune", str(path), "--quiet", "--runs", runs)
        state = open_book(find_run(Path(runs), found["name"])).state
        total = account_of(state).total
    seconds = (SECONDS_PER_HOUR * found["hours"]["value"], state.elapsed)
    kwh = (found["kwh"]["value"], total.usage.kwh.value)
    return Row(found["name"], len(state.trials), seconds, kwh, total.usage.kwh.coverage)


def _holdfast(*arguments: str) -> str:
    """What a command prints on stdout."""
    command = [sys.executable, "-m", "holdfast", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def table(rows: list[list[Row]]) -> str:
    """Medians over repetitions, as Markdown."""
    lines = [
        "| plan | trials | forecast (s) | metered (s) | ratio | ratios | kWh forecast | kWh metered | covering |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for repeats in rows:
        ratios = [row.ratio for row in repeats]
        covered = statistics.median(row.covered for row in repeats)
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        expected, metered = (statistics.median(row.seconds[i] for row in repeats) for i in (0, 1))
        lines.append(
            f"| {repeats[0].name} | {repeats[0].trials} | {expected:.1f} | {metered:.1f} | {middle:.2f}"
            f" | {low:.2f} to {high:.2f} | {_kwh(repeats, 0)} | {_kwh(repeats, 1)} | {covered:.0%} |"
        )
    within = sum(0.5 <= statistics.median(row.ratio for row in repeats) <= 2.0 for repeats in rows)
    return "\n".join([*lines, "", f"- within a factor of two: {within} of {len(rows)} plans", f"- {machine_words()}"])


def _kwh(repeats: list[Row], which: int) -> str:
    """The median, or a dash where nothing meters electricity."""
    known = [value for row in repeats if (value := row.kwh[which]) is not None]
    return f"{statistics.median(known):.2g}" if known else "–"


def main() -> None:
    """Run every plan of a folder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=Path, default=HERE.parent / "examples")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(arguments.plans, Path(folder) / "plans"))
        plans = sorted(copy.glob("*.toml"))
        print(table([[run_plan(plan) for _ in range(arguments.repeats)] for plan in plans]))


if __name__ == "__main__":
    main()
