"""How few trials a search needs: holdfast's strategies against rivals, on functions and recorded tuning tasks.

    python benchmarks/search.py rivals --data FOLDER --python optuna=PYTHON smac=PYTHON flaml=PYTHON
    python benchmarks/search.py ours --data FOLDER --strategy auto,gp,tpe
    python benchmarks/search.py pack
    python benchmarks/search.py table --data FOLDER

Rivals run once, each in an interpreter that has it installed, and their traces are kept in benchmarks/traces; a run
that is there is not run again. FOLDER holds recorded tasks and their module tasks.py; without it there are the
functions only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.search_parts.adapters import RIVALS
from benchmarks.search_parts.running import ROOT, Plan, run_ours, run_rivals

TRACES = ROOT / "benchmarks" / "traces"
TOOLS = "optuna-tpe,optuna-cmaes,flaml-cfo,dehb,random,smac-hpo,optuna-gp,hebo,ax"


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        data=options.data,
        out=options.out,
        tasks=tuple(options.tasks),
        seeds=options.seeds,
        trials=options.trials,
        at_once=options.at_once,
        processes=options.processes,
    )


def _rivals(options: argparse.Namespace) -> None:
    tools = options.tools.split(",")
    unknown = [tool for tool in tools if tool not in RIVALS]
    if unknown:
        raise SystemExit(f"no rival is called {', '.join(unknown)}; there are {', '.join(RIVALS)}")
    run_rivals(_plan(options), tools, dict(item.split("=", 1) for item in options.python))


def _ours(options: argparse.Namespace) -> None:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    run_ours(_plan(options), options.strategy.split(","), options.label, {"holdfast": done.stdout.strip()})


def _runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=TRACES / "raw")
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    rivals = commands.add_parser("rivals", help="run rivals, each in an interpreter of its own")
    _runs(rivals)
    rivals.add_argument("--python", nargs="+", default=[], help="environment=interpreter: optuna smac flaml hebo ax")
    rivals.add_argument("--tools", default=TOOLS)
    rivals.set_defaults(run=_rivals)
    ours = commands.add_parser("ours", help="run strategies of holdfast")
    _runs(ours)
    ours.add_argument("--strategy", default="auto")
    ours.add_argument("--label", default="", help="added to the name, for example -without-warping")
    ours.set_defaults(run=_ours)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
