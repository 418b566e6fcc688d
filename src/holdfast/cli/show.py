"""The commands that only look: status, best and export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.complete import exports
from holdfast.cli.options import RUNS, Json, Name, Runs
from holdfast.cli.output import aligned, say, show, show_json


def status(name: Name, *, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Show where a study stands, also while it runs.

        Trials by state, the best so far, the budget, and what of the protocol is done.

    Nothing is locked or written.
    """
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.report.status import status_dict

    standing = status_dict(open_book(find_run(runs, name)).state)
    if as_json:
        show_json(standing)
    else:
        show(aligned(_status_rows(standing), indent=""))


def best(name: Name, *, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Show the winner and its three scores."""
    from holdfast.cli.outcome import show_outcome
    from holdfast.protocol.tune import load_result

    show_outcome(load_result(name, runs=runs), runs, as_json=as_json, paths=False, config=True)


def export(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Where to: a .csv, .parquet or .json file.", autocompletion=exports),
    ],
    *,
    runs: Runs = RUNS,
) -> None:
    """Write all trials to a file, one line a trial.

    State, metrics, hyperparameters, the reason for each configuration, errors and times.
    """
    from holdfast.facts.numbers import count
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.report.trials_table import export as write

    state = open_book(find_run(runs, name)).state
    write(state, file)
    say(f"wrote {count(len(state.trials), 'trial')} to {file}")


def _status_rows(standing: dict[str, Any]) -> list[list[str]]:
    from holdfast.facts.log import STAGES
    from holdfast.facts.numbers import better, count, number, shown

    budget, top = standing["budget"], standing["best"]
    total = sum(standing["trials"].values())
    of = "" if budget["trials"] is None else f" of {budget['trials']}"
    states = ", ".join(f"{n} {state}" for state, n in standing["trials"].items() if n)
    rows = [
        ["study", f"{standing['name']}, judged by {standing['metric']} ({better(standing['direction'])})"],
        ["trials", f"{total}{of}: {states}" if states else f"none yet{of}"],
    ]
    if top is not None:
        word = "chosen" if top["chosen"] else "the best so far"
        config = ", ".join(f"{key} = {shown(value)}" for key, value in top["config"].items())
        rows += [["best", f"{number(top['value'])} (naive), trial {top['trial']}, {word}"], ["", config]]
    rows += [["running", _running(trial)] for trial in standing["running"]]
    if standing["enqueued"]:
        rows.append(["enqueued", count(standing["enqueued"], "config")])
    if standing["strategy_says"]:
        rows.append(["strategy", f"{standing['strategy']}: {standing['strategy_says']}"])
    done = [STAGES[stage] for stage, reached in standing["stages"].items() if reached]
    left = [STAGES[stage] for stage, reached in standing["stages"].items() if not reached]
    rows.append(["done", ", ".join(done) or "nothing of a protocol"])
    if left and done:
        rows.append(["to come", ", ".join(left)])
    if standing["openings"]:
        rows.append(["test rows", f"opened {_times(standing['openings'])} by this study"])
    if standing["halted"]:
        rows.append(["halted", standing["halted"]])
    return rows


def _running(trial: dict[str, Any]) -> str:
    steps = "" if trial["steps"] is None else f", {trial['steps']} steps"
    return f"trial {trial['trial']} since {trial['asked_at']}{steps}{', interrupted' if trial['interrupted'] else ''}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
