"""Whether a study outlives everything: a loss of power at every write, and faults that are real.

    python benchmarks/durability.py simulate
    python benchmarks/durability.py faults
    python benchmarks/durability.py faults --quick --only "the driver"

`simulate` records what programs do to their files (`holdfast.testing.histories`; and a plan tuned from its split
to its pages) and lets the power fail after each step on the model of a disk (`holdfast.testing.disk`), twice: once all
that was not fsynced is dropped; once it is torn, comes in part, or comes late, as is drawn. What is left is opened by
holdfast and held to what had been promised (`holdfast.testing.crashes`). It needs Linux and a C compiler.

`faults` runs studies and kills, stops or fills what they depend on. A result counts as told once `tell` has returned;
the diary that says so lies on another disk. PostgreSQL, Ray and the right to mount a file system are used where they
are there.

Both end with exit code 1 if anything was lost, doubled, out of order, broken or unfinished.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import platform
import random
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.durability_parts import faults, tuned
from benchmarks.durability_parts.faults import Scene, Tally, scene, struck

from holdfast.meter.machine import machine_words
from holdfast.testing import crashes, histories
from holdfast.testing.disk import Image
from holdfast.testing.postgres import PostgresServer, programs
from holdfast.testing.recording import memory, record

PLAN = "plan, tuned"
AGAIN = ", on what a crash left"
KINDS = (
    *histories.KINDS,
    *(kind + AGAIN for kind in ("log alone", "study with checkpoints", "study of clones")),
    PLAN,
)

Row = tuple[str, Callable[[], Tally]]


def simulate(options: argparse.Namespace) -> bool:
    """Crashes of every kind of history, until there are enough points; whether all went well."""
    kinds = [kind for kind in KINDS if not options.only or options.only in kind]
    print(
        "| history | recorded | points | losses of power | promised and found | lost | doubled | out of order |"
        " broken | gone on with | of these not as undisturbed |\n|---|" + 10 * "---:|"
    )
    total, histories_in_all = crashes.Tally(), 0
    for kind in kinds:
        tally, count = crashes.Tally(), 0
        while tally.points < options.points / len(kinds):
            tally.add(simulated(kind, options.seed + count, options.go_on_every))
            count += 1
        print(_simulated_row(kind, count, tally), flush=True)
        total.add(tally)
        histories_in_all += count
    print(_simulated_row("all", histories_in_all, total))
    print("\n".join(["", *total.examples]) if total.failures else "", end="")
    return total.failures == 0


def simulated(kind: str, seed: int, go_on_every: int) -> crashes.Tally:
    """One history of a kind, and a loss of power at every step of it."""
    base = kind.removesuffix(AGAIN)
    with tempfile.TemporaryDirectory(dir=memory(), prefix="holdfast-crashes-") as folder:
        places = [Path(folder) / name for name in ("before", "recorded", "crashes")]
        for place in places:
            place.mkdir()
        go_on: crashes.GoOn | None = None
        if base == PLAN:
            command = [sys.executable, str(Path(tuned.__file__)), "{folder}", "{marks}"]
            go_on = tuned.go_on
        else:
            command = [sys.executable, "-m", "holdfast.testing.histories", base, str(seed), "{folder}", "{marks}"]
            go_on = functools.partial(histories.go_on, base) if base.startswith("study") else None
        before: Image = {}
        if base != kind:
            before = crashes.some_crash(record(command, places[0], sync_us=300), random.Random(seed))
        recording = record(command, places[1], sync_us=300, before=before)
        return crashes.crash_everywhere(recording, places[2], seed=seed, go_on=go_on, go_on_every=go_on_every)


def _simulated_row(kind: str, count: int, tally: crashes.Tally) -> str:
    numbers = (count, tally.points, tally.crashes, tally.kept, tally.lost, tally.doubled, tally.misplaced)
    more = (tally.broken, tally.went_on, tally.stuck)
    return f"| {kind} | " + " | ".join(f"{number:,}" for number in (*numbers, *more)) + " |"


def real(options: argparse.Namespace) -> bool:
    """Every fault as a line; whether all went well."""
    print(
        "| what fails | storage | times | told | found | told twice | trials ended | of these failed | verify |"
        " as it should | seconds |\n|---|---|" + 9 * "---:|"
    )
    well = True
    for name, run in _rows(options):
        if options.only and options.only not in name:
            continue
        try:
            tally = run()
        except PermissionError as exc:
            print(f"| {name} | not run: {exc} |", flush=True)
            continue
        well = well and tally.is_well
        (ended, wanted, failed), (good, looks) = tally.ended, tally.verified
        print(
            f"| {name} | {tally.times} | {tally.told} | {tally.found} | {tally.twice} | {ended} of {wanted} |"
            f" {failed} | {good} of {looks} | {'yes' if tally.is_well else 'NO'} | {tally.seconds:.0f} |",
            flush=True,
        )
    return well


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    trials, kills = (24, 3) if options.quick else (120, 20)
    minute = options.stall if options.stall is not None else 5.0 if options.quick else 60.0
    fewer = 1 if options.quick else 3

    def in_file(fault: Callable[[Scene], None], size: str | None = None) -> Callable[[], Tally]:
        def run() -> Tally:
            with scene(trials, options.seed, size=size) as made:
                return struck(made, fault)

        return run

    def on_server(fault: Callable[[Scene, PostgresServer], None]) -> Callable[[], Tally]:
        def run() -> Tally:
            with closing(PostgresServer()) as server, scene(trials, options.seed, server.address()) as made:
                return struck(made, lambda there: fault(there, server))

        return run

    def on_small_server() -> Tally:
        with faults.server_on("200m") as (server, disk), scene(trials, options.seed, server.address()) as made:
            return struck(made, lambda there: faults.server_full(there, server, disk))

    yield "a worker process: kill -9 | SQLite", in_file(lambda made: faults.workers_killed(made, kills // 2))
    yield "the driver and its workers: kill -9 | SQLite", in_file(lambda made: faults.driver_killed(made, kills))
    yield "the disk is full | SQLite", in_file(lambda made: faults.disk_full(made, fewer), "96k")
    yield f"the write lock, kept for {minute:.0f} s | SQLite", in_file(lambda made: faults.lock_kept(made, minute))
    if programs() is not None:
        yield (
            "the server: pg_ctl stop -m immediate, 3 workers | PostgreSQL",
            on_server(lambda made, server: faults.server_crashed(made, server, kills // 2)),
        )
        yield (
            f"the server stands still for {minute:.0f} s, 3 workers | PostgreSQL",
            on_server(lambda made, server: faults.server_stalled(made, server, minute)),
        )
        yield "the server's disk is full, 3 workers | PostgreSQL", on_small_server
    if importlib.util.find_spec("ray") is not None:
        yield "a node of a Ray cluster: kill -9 | SQLite", in_file(lambda made: faults.nodes_killed(made, fewer))


def main() -> None:
    """Run what the subcommand names, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True, metavar="WHAT")
    power = parts.add_parser("simulate", help="a loss of power after every write and fsync")
    power.add_argument("--points", type=int, help="steps after which the power fails; 10000, or 400 if --quick")
    power.add_argument("--go-on-every", type=int, default=40, help="of how many disks a study goes on with one")
    power.set_defaults(run=simulate)
    there = parts.add_parser("faults", help="kill -9, full disks, servers that crash or stall")
    there.add_argument("--stall", type=float, help="seconds that a database stalls; 60, or 5 if --quick")
    there.set_defaults(run=real)
    for part in (power, there):
        part.add_argument("--quick", action="store_true", help="less of everything")
        part.add_argument("--only", default="", metavar="TEXT", help="only the lines whose name has this text")
        part.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.run is simulate and options.points is None:
        options.points = 400 if options.quick else 10_000
    warnings.simplefilter("ignore")  # of the plan's own search, in every crash again
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    print(f"{machine_words()}; {versions}; seed {options.seed}\n")
    began = time.perf_counter()
    well = options.run(options)
    print(f"\n{time.perf_counter() - began:.0f} seconds")
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
