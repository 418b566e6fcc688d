"""How few epochs a search needs that trains most configurations only a little: on recorded learning curves.

    python benchmarks/fidelity.py rivals --data FOLDER --python optuna=PYTHON dehb=PYTHON syne=PYTHON
    python benchmarks/fidelity.py random --data FOLDER
    python benchmarks/fidelity.py ours --data FOLDER --strategy hyperband bohb auto --processes 2
    python benchmarks/fidelity.py pack --data FOLDER
    python benchmarks/fidelity.py table --budget 2080 --workers 4
    python benchmarks/fidelity.py table --budget 10400
    python benchmarks/fidelity.py prediction --data FOLDER
    python benchmarks/fidelity.py figure --file fidelity.png
    python benchmarks/fidelity.py population --pictures FOLDER
    python benchmarks/fidelity.py digits --optuna PYTHON

FOLDER holds recorded tasks and their module tasks.py. Workers are simulated: an epoch takes one unit of time, and what
is paid is time multiplied by workers, so that one who waits costs what one who trains does. Every tool is told each
epoch's loss, from the first recorded one on, and nothing else; a configuration that is paused goes on where it stood.

Regret is the final loss above the best recorded one, in units of the distance of the median configuration. Two
configurations are judged by it: the one ``chosen`` after what was seen, whose loss was lowest when it was last seen, of
those that were trained at least half as far as the one that was trained furthest, whoever the tool itself would choose;
and the best one that was ``finished``, trained to the last epoch. Rivals run once, each in an interpreter that has it
installed, and their traces are kept in benchmarks/traces/fidelity.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.fidelity_parts import digits, population, prediction
from benchmarks.fidelity_parts.curves import load
from benchmarks.fidelity_parts.rivals import RIVALS
from benchmarks.fidelity_parts.running import Plan, run_ours, run_random, run_rivals
from benchmarks.fidelity_parts.tables import pages
from benchmarks.fidelity_parts.traces import known_tasks, pack, read
from benchmarks.search_parts.interpreter import ROOT

TRACES = ROOT / "benchmarks" / "traces" / "fidelity"
BUDGET = 2080
"""Epochs: forty configurations trained in full."""


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        data=options.data,
        out=options.out,
        tasks=tuple(options.tasks),
        seeds=options.seeds,
        workers=tuple(options.workers),
        budget=options.budget,
        processes=options.processes,
    )


def _rivals(options: argparse.Namespace) -> None:
    unknown = [tool for tool in options.tools if tool not in RIVALS]
    if unknown:
        raise SystemExit(f"no rival is called {', '.join(unknown)}; there are {', '.join(RIVALS)}")
    run_rivals(_plan(options), options.tools, dict(item.split("=", 1) for item in options.python))


def _ours(options: argparse.Namespace) -> None:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    run_ours(_plan(options), options.strategy, done.stdout.strip(), again=options.again)


def _pack(options: argparse.Namespace) -> None:
    for path in pack(options.traces, load(options.data), options.tools):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def _table(options: argparse.Namespace) -> None:
    found = read(options.traces)
    print(", ".join(f"{tool} {version}" for traces in found.values() for tool, version in traces.versions.items()))
    errors = [f"{name} on {key}: {text}" for name, traces in found.items() for key, text in traces.errors.items()]
    print("\n".join(errors), end="\n\n")
    for measure in ("chosen", "finished"):
        for page in pages(known_tasks(options.traces), found, options.budget, measure, options.workers):
            print(page, end="\n\n")


def _figure(options: argparse.Namespace) -> None:
    from benchmarks.fidelity_parts.figure import draw

    draw(known_tasks(options.traces), read(options.traces), options.budget, options.measure, options.file)


def _runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=TRACES / "raw")
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--budget", type=float, default=BUDGET)
    parser.add_argument("--processes", type=int, default=1)


def _kept(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--traces", type=Path, default=TRACES, help="the folder that holds raw/ and what is packed")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    rivals = commands.add_parser("rivals", help="run rivals, each in an interpreter of its own")
    _runs(rivals)
    rivals.add_argument("--python", nargs="+", default=[], help="environment=interpreter: optuna dehb syne")
    rivals.add_argument("--tools", nargs="+", default=list(RIVALS))
    rivals.set_defaults(run=_rivals)
    random = commands.add_parser("random", help="random configurations, trained in full")
    _runs(random)
    random.set_defaults(run=lambda options: run_random(_plan(options)))
    ours = commands.add_parser("ours", help="run strategies of holdfast")
    _runs(ours)
    ours.add_argument("--strategy", nargs="+", default=["hyperband", "bohb", "priorband", "auto"])
    ours.add_argument("--again", action="store_true", help="forget what these strategies have run before")
    ours.set_defaults(run=_ours)
    packs = commands.add_parser("pack", help="compress what was run into benchmarks/traces/fidelity")
    packs.add_argument("--data", type=Path, required=True)
    packs.add_argument("--tools", nargs="*", default=[])
    _kept(packs)
    packs.set_defaults(run=_pack)
    table = commands.add_parser("table", help="print all tables")
    table.add_argument("--budget", type=float, default=BUDGET, help="longer runs count up to there, shorter ones not")
    table.add_argument("--workers", type=int, nargs="*", default=[])
    _kept(table)
    table.set_defaults(run=_table)
    figure = commands.add_parser("figure", help="draw regret over epochs")
    figure.add_argument("--budget", type=float, default=BUDGET)
    figure.add_argument("--measure", choices=["chosen", "finished"], default="chosen")
    figure.add_argument("--file", type=Path, required=True)
    _kept(figure)
    figure.set_defaults(run=_figure)
    populations = commands.add_parser("population", help="populations: the toy problem of their paper, and digits")
    populations.add_argument("--quick", action="store_true", help="few seeds and epochs")
    populations.add_argument("--pictures", type=Path, help="a folder to draw the schedule into")
    populations.set_defaults(run=population.main)
    predictions = commands.add_parser("prediction", help="the end of a curve, predicted from its beginning")
    predictions.add_argument("--data", type=Path, required=True)
    predictions.add_argument("--tasks", nargs="*", default=[])
    predictions.add_argument("--seeds", type=int, default=5)
    predictions.set_defaults(run=prediction.main)
    real = commands.add_parser("digits", help="real training: seconds to 98 percent on digits")
    real.add_argument("--seeds", type=int, default=10)
    real.add_argument("--quick", action="store_true", help="two seeds")
    real.add_argument("--optuna", metavar="PYTHON", help="an interpreter that has Optuna and torch")
    real.set_defaults(run=digits.main)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
