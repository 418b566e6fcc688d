"""The commands that show what came out: best and export."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.complete import exports
from holdfast.cli.options import RUNS, Json, Name, Runs, Storage
from holdfast.cli.output import columns, say, show, show_bytes, show_json
from holdfast.cli.stored import book_of


class Format(StrEnum):
    """What trials can be exported to."""

    csv = "csv"
    parquet = "parquet"
    json = "json"


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
        typer.Argument(
            metavar="FILE", help="Where to: a .csv, .parquet or .json file, or - for stdout.", autocompletion=exports
        ),
    ],
    *,
    form: Annotated[
        Format | None, typer.Option("--format", help="The format, where FILE is - or has another ending.")
    ] = None,
    storage: Storage = None,
    runs: Runs = RUNS,
) -> None:
    """Write all trials to a file, one line a trial.

    State, metrics, hyperparameters, the reason for each configuration, errors, and what each trial used: seconds, CPU
    and GPU seconds, peak memory, kWh. A cell is empty where nobody measured it. The three formats hold the same.
    """
    from holdfast.facts.files import write_atomically
    from holdfast.facts.numbers import count
    from holdfast.report.trials_table import export as write
    from holdfast.report.trials_table import trials_bytes

    state = book_of(name, runs, storage)[0].state
    if str(file) == "-":
        show_bytes(trials_bytes(state, f".{(form or Format.csv).value}"))
        return
    if form is None:
        write(state, file)
    else:
        write_atomically(file, trials_bytes(state, f".{form.value}"))
    say(f"wrote {count(len(state.trials), 'trial')} to {file}")
