"""How few trials a search needs: holdfast's strategies against rivals, on functions and recorded tuning tasks.

    python benchmarks/search.py rivals --data FOLDER --python optuna=PYTHON smac=PYTHON flaml=PYTHON
    python benchmarks/search.py ours --data FOLDER --strategy auto,gp,tpe
    python benchmarks/search.py ours --data FOLDER --strategy auto --subset --at-once 8 --trials 96 --seeds 5
    python benchmarks/search.py ours --strategy auto --belief right
    python benchmarks/search.py pack --data FOLDER
    python benchmarks/search.py table
    python benchmarks/search.py figure --file regret.png

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
from benchmarks.search_parts.interpreter import ROOT
from benchmarks.search_parts.running import SUBSET, Plan, run_ours, run_rivals
from benchmarks.search_parts.scores import scales
from benchmarks.search_parts.tables import alone, board, pages, ran_everything
from benchmarks.search_parts.tasks import load
from benchmarks.search_parts.traces import Traces, known_tasks, pack, read

TRACES = ROOT / "benchmarks" / "traces"
TOOLS = "optuna-tpe,optuna-cmaes,flaml-cfo,dehb,random,smac-hpo,optuna-gp,hebo,ax"


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        data=options.data,
        out=options.out,
        tasks=SUBSET if options.subset else tuple(options.tasks),
        seeds=options.seeds,
        trials=options.trials,
        at_once=options.at_once,
        processes=options.processes,
        belief=options.belief,
    )


def _rivals(options: argparse.Namespace) -> None:
    tools = options.tools.split(",")
    unknown = [tool for tool in tools if tool not in RIVALS]
    if unknown:
        raise SystemExit(f"no rival is called {', '.join(unknown)}; there are {', '.join(RIVALS)}")
    run_rivals(_plan(options), tools, dict(item.split("=", 1) for item in options.python))


def _ours(options: argparse.Namespace) -> None:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    run_ours(_plan(options), options.strategy.split(","), options.label, done.stdout.strip(), again=options.again)


def _pack(options: argparse.Namespace) -> None:
    for path in pack(TRACES, load(options.data), options.tools):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def _found(options: argparse.Namespace) -> dict[str, Traces]:
    """All traces, or those of some tools; random's are always there, since regret is measured by them."""
    found = read(TRACES)
    wanted = {"random", *options.tools}
    unknown = wanted - {_plain(name) for name in found}
    if unknown:
        raise SystemExit(f"there are no traces of {', '.join(sorted(unknown))}; there are those of {', '.join(found)}")
    return {name: traces for name, traces in found.items() if not options.tools or _plain(name) in wanted}


def _plain(name: str) -> str:
    return name.partition("@")[0].partition("+")[0]


def _table(options: argparse.Namespace) -> None:
    for page in pages(known_tasks(TRACES), _found(options), options.trials):
        print(page, end="\n\n")


def _figure(options: argparse.Namespace) -> None:
    from benchmarks.search_parts.figure import draw

    tasks, found = known_tasks(TRACES), _found(options)
    ends = scales(tasks, found)
    ran = ran_everything(ends, {name: traces for name, traces in found.items() if alone(name)})
    draw(board(ends, ran, options.trials), options.file)


def _runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=TRACES / "raw")
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument("--subset", action="store_true", help="ten fixed tasks, those of HEBO and Ax")
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
    rivals.set_defaults(run=_rivals, belief="")
    ours = commands.add_parser("ours", help="run strategies of holdfast")
    _runs(ours)
    ours.add_argument("--strategy", default="auto")
    ours.add_argument("--again", action="store_true", help="forget what these strategies have run before")
    ours.add_argument("--label", default="", help="added to the name, for example -without-warping")
    ours.add_argument(
        "--belief", choices=["right", "wrong"], default="", help="priors, on functions with a known optimum"
    )
    ours.set_defaults(run=_ours)
    packs = commands.add_parser("pack", help="compress what was run into benchmarks/traces")
    packs.add_argument("--data", type=Path)
    packs.add_argument("--tools", nargs="*", default=[])
    packs.set_defaults(run=_pack)
    for name, command, text in (("table", _table, "print all tables"), ("figure", _figure, "draw regret over trials")):
        reads = commands.add_parser(name, help=text)
        reads.add_argument("--tools", nargs="*", default=[])
        reads.add_argument("--trials", type=int, default=60)
        reads.set_defaults(run=command)
        if command is _figure:
            reads.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
