"""The commands that show what came out: best and export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.complete import exports
from holdfast.cli.options import RUNS, Json, Name, Runs
from holdfast.cli.output import columns, say, show, show_json


def best(
    name: Name,
    *,
    explain: Annotated[
        bool, typer.Option("--why", help="Say why this one won, by how much, and whether that is more than noise.")
    ] = False,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Show the winner and its three scores.

    The naive score is its own on the rows it was picked by; the estimate has the luck of having been picked taken off;
    the test is from rows that took no part in any decision. Below them stand its hyperparameters.
    """
    from holdfast.cli.outcome import outcome_json, show_outcome
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.protocol.tune import load_result

    result = load_result(name, runs=runs)
    if not explain:
        show_outcome(result, runs, as_json=as_json, paths=False, config=True)
        return
    from holdfast.cli.why import why, why_text

    run = find_run(runs, name)
    reasons = why(run, open_book(run))
    if as_json:
        show_json({**outcome_json(result, runs), "why": reasons})
        return
    show_outcome(result, runs, as_json=False, paths=False, luck=False)
    show("")
    show(why_text(reasons, columns(sys.stdout)))


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
