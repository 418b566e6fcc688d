"""Whether the number holds: bias, coverage and width of the corrected estimate where the truth is known.

    python benchmarks/honesty.py fixed --out FOLDER --repetitions 4000 --processes 2
    python benchmarks/honesty.py fixed --out FOLDER --how climb,ucb,auto --repetitions 1000
    python benchmarks/honesty.py refit --out FOLDER --repetitions 1000
    python benchmarks/honesty.py proposed --out FOLDER --repetitions 1000
    python benchmarks/honesty.py beta --out FOLDER --repetitions 500
    python benchmarks/honesty.py coin --out FOLDER --repetitions 200
    python benchmarks/honesty.py truth --out FOLDER --data FOLDER --optuna PYTHON --repetitions 50
    python benchmarks/honesty.py dropped --out FOLDER --repetitions 1000
    python benchmarks/honesty.py metrics --out FOLDER --repetitions 1000
    python benchmarks/honesty.py groups --out FOLDER --repetitions 400
    python benchmarks/honesty.py separable --out FOLDER --repetitions 400
    python benchmarks/honesty.py pruned --out FOLDER --repetitions 200
    python benchmarks/honesty.py points --out FOLDER --repetitions 1000
    python benchmarks/honesty.py table --out FOLDER

`fixed` has predictions of configurations that are drawn at random, or proposed by looking at earlier scores; `refit`
has cross-validation and a refit on all rows, `proposed` the same where `auto` proposes the configurations, and
`dropped` where they are dropped before all of their folds are scored; `beta` is the simulation of the BBC paper; `coin`
tunes on labels that are coin flips; `truth` tunes on some hundred rows of the tables `adult/data.csv` and
`california_housing/data.csv` in the folder of `--data`, beside scikit-learn's `RandomizedSearchCV` and, in the
interpreter of `--optuna`, Optuna; `metrics` has AUC and other metrics that are no mean over rows, and rows in groups
and in order of time; `groups` has few groups of which some carry most of the loss, and `separable` log losses near 0;
`pruned` pauses trials by epochs; `points` has the tables of `fixed` and `refit` without intervals, for mean squared
errors. A run can be stopped and goes on where its file ends; a repetition is seeded by its cell and number. Widths are
in units of the textbook interval from as many fresh rows; `under` and `over` are the shares of repetitions whose truth
is under and over the interval. `--cells` takes those of these names, or else those whose names contain one of the
words.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.honesty_parts import fixed, truth
from benchmarks.honesty_parts.experiments import EXPERIMENTS
from benchmarks.honesty_parts.ledger import read, run
from benchmarks.honesty_parts.tables import page

from holdfast.meter.machine import machine_words

ROOT = Path(__file__).resolve().parents[1]


def _cells(options: argparse.Namespace) -> list[str]:
    if options.experiment == "fixed":
        hows = options.how.split(",")
        known = (*fixed.DRAWN, *fixed.PROPOSE)
        if unknown := [how for how in hows if how not in known]:
            raise SystemExit(f"configurations are not had by {', '.join(unknown)}; there are {', '.join(known)}")
        found = list(fixed.cells(hows))
    else:
        found = list(EXPERIMENTS[options.experiment].cells)
    if options.cells and set(options.cells) <= set(found):
        return list(options.cells)
    chosen = [cell for cell in found if not options.cells or any(word in cell for word in options.cells)]
    if not chosen:
        raise SystemExit(f"no cell has {' or '.join(options.cells)} in its name; there are {', '.join(found)}")
    return chosen


def _run(options: argparse.Namespace) -> None:
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    path = options.out / f"{options.experiment}.jsonl"
    begin = functools.partial(truth.begin, options.data, options.optuna) if options.experiment == "truth" else None
    commit = done.stdout.strip()
    run(options.experiment, _cells(options), options.repetitions, options.processes, path, commit, begin)


def _table(options: argparse.Namespace) -> None:
    files = {name: options.out / f"{name}.jsonl" for name in EXPERIMENTS}
    if not any(path.exists() for path in files.values()):
        raise SystemExit(f"nothing was run yet; {', '.join(files)} write their files to the folder of --out")
    print(machine_words())
    for experiment, path in files.items():
        if cells := read(path):
            print(f"\n{page(experiment, cells, EXPERIMENTS[experiment].repetitions)}")


def main(arguments: list[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, experiment in EXPERIMENTS.items():
        command = commands.add_parser(name)
        command.add_argument("--out", type=Path, required=True, help="the folder of the files")
        command.add_argument("--repetitions", type=int, default=experiment.repetitions, help="in each cell")
        command.add_argument("--processes", type=int, default=1)
        command.add_argument("--cells", nargs="*", default=[], help="words of which one is in the name of a cell")
        if name == "fixed":
            command.add_argument("--how", default=",".join(fixed.DRAWN), help="also climb, ucb, auto")
        if name == "truth":
            command.add_argument("--data", type=Path, required=True, help="the folder of the tables")
            command.add_argument(
                "--optuna", metavar="PYTHON", help="an interpreter that has Optuna, which else is left out"
            )
        command.set_defaults(run=_run, experiment=name)
    table = commands.add_parser("table", help="print what was run, in Markdown")
    table.add_argument("--out", type=Path, required=True)
    table.set_defaults(run=_table)
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
