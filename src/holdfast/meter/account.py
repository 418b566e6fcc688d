"""What a study has cost, line by line, from its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.meter.price import Price
from holdfast.records import Cause, Trial, TrialState
from holdfast.usage import UNKNOWN, Figure, Usage, counted, together, total

PHASES: dict[str, str] = {
    "search": "proposing configurations, starting workers",
    "nested": "searches within outer folds",
    "choose": "comparing and correcting",
    "fit": "the final fit",
    "test": "opening the test rows",
}
"""Each phase beside the trials, in words."""

REST = "waiting, and what was not metered"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an account.

    Attributes:
        what: what the work was for, in words.
        trials: how many trials are in it.
        usage: what it used.
        machine_seconds: the time for which it had the machine: that of trials side by side is shared.
        usd: money.
        kg_co2e: carbon.
    """

    what: str
    trials: int
    usage: Usage
    machine_seconds: Figure
    usd: Figure
    kg_co2e: Figure


@dataclass(frozen=True, slots=True)
class Account:
    """All lines, and their total."""

    lines: tuple[Line, ...]
    total: Line


def account(
    trials: Sequence[Trial],
    phases: Sequence[Mapping[str, Any]] = (),
    price: Price | None = None,
    *,
    elapsed: float | None = None,
    winner: int | None = None,
) -> Account:
    """What a study has cost.

    Args:
        trials: all of them.
        phases: the data of its events ``phase.metered``.
        price: what work costs; without one, money and carbon are unknown.
        elapsed: wall seconds that processes worked on it, `StudyState.elapsed`; 0 or None where nobody knows.
        winner: the number of the chosen trial.
    """
    price = price or Price()
    lines = [_trials_line(what, group, price) for what, group in _groups(trials, winner).items() if group]
    for phase, what in PHASES.items():
        usages = [Usage.from_json(item["usage"]) for item in phases if item["phase"] == phase]
        if usages:
            usage = together(usages)
            lines.append(_line(what, usage, usage.wall_seconds, price))
    rest = (elapsed or 0.0) - sum(line.machine_seconds.value or 0.0 for line in lines)
    if elapsed and rest > 0:
        lines.append(_line(REST, Usage(wall_seconds=counted(rest), kwh=price.kwh(rest)), counted(rest), price))
    return Account(tuple(lines), _total(lines, price))


def _groups(trials: Sequence[Trial], winner: int | None) -> dict[str, list[Trial]]:
    """The trials by what became of them, in the order of the account."""
    groups: dict[str, list[Trial]] = {
        "the winner": [],
        "other complete trials": [],
        "trials stopped or paused early": [],
        "trials that failed": [],
        "trials ended by the budget": [],
        "trials that have not ended": [],
    }
    for trial in trials:
        groups[_group(trial, winner)].append(trial)
    return groups


def _group(trial: Trial, winner: int | None) -> str:
    if trial.number == winner:
        return "the winner"
    if trial.cause is Cause.BUDGET:
        return "trials ended by the budget"
    return {
        TrialState.COMPLETE: "other complete trials",
        TrialState.STOPPED: "trials stopped or paused early",
        TrialState.PAUSED: "trials stopped or paused early",
        TrialState.FAILED: "trials that failed",
        TrialState.RUNNING: "trials that have not ended",
    }[trial.state]


def usage_of(trial: Trial) -> Usage:
    """What a trial used; its times also where legs of it were not metered, as in logs of earlier versions."""
    used = trial.used
    if trial.seconds > (used.wall_seconds.value or 0.0):
        used = replace(used, wall_seconds=counted(trial.seconds))
    if trial.cpu_seconds > (used.cpu_seconds.value or 0.0):
        used = replace(used, cpu_seconds=counted(trial.cpu_seconds))
    return used


def _trials_line(what: str, trials: Sequence[Trial], price: Price) -> Line:
    usage = together([usage_of(trial) for trial in trials])
    return _line(what, usage, usage.wall_seconds.times(1 / price.workers), price, len(trials))


def _line(what: str, usage: Usage, machine_seconds: Figure, price: Price, trials: int = 0) -> Line:
    usd = price.usd(machine_seconds, trials)
    return Line(what, trials, usage, machine_seconds, usd, price.kg_co2e(usage.kwh))


def _total(lines: Sequence[Line], price: Price) -> Line:
    usage = together([line.usage for line in lines]) if lines else Usage()
    seconds = total((line.machine_seconds, line.machine_seconds.value or 0.0) for line in lines) if lines else UNKNOWN
    trials = sum(line.trials for line in lines)
    return replace(_line("in all", usage, seconds, price), trials=trials, usd=price.usd(seconds, trials))
