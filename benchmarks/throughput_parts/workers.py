"""Two hundred workers on one study in PostgreSQL, as eight processes that each stand for twenty-five of them.

    python benchmarks/throughput.py workers
    python benchmarks/throughput.py workers --seconds 20 --sleep 2 0.5 0

A worker asks, is busy for ``--sleep`` seconds, and tells; its process does that for all of its workers, with one
connection to a server of its own, which is started here and writes through to the disk. What a worker waits for is
timed as it sees it: a tell from the moment that its result is there until it is on disk, an ask from then until it has
its next trial, both with the wait for the other workers of its process. Without sleep every worker always wants
something, so that these waits are those of a queue. Afterwards the log is verified.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
from benchmarks.search_parts.interpreter import ROOT, command, environment

import holdfast
from holdfast.log.open import open_log
from holdfast.log.verify import verify
from holdfast.meter.machine import machine_words
from holdfast.testing.postgres import PostgresServer

SPACE = {"x": holdfast.Float(-5, 5), "y": holdfast.Float(-5, 5)}
NAME = "workers"


def add_to(parts: Any) -> None:
    """Make it a subcommand."""
    workers = parts.add_parser("workers", help="many workers on one study in PostgreSQL")
    workers.add_argument("--processes", type=int, default=8)
    workers.add_argument("--each", type=int, default=25, help="workers that a process stands for")
    workers.add_argument("--seconds", type=float, default=20.0)
    workers.add_argument("--sleep", type=float, nargs="+", default=[2.0, 0.5, 0.0], help="seconds that a trial takes")
    workers.set_defaults(measure=measure)


def measure(options: argparse.Namespace) -> None:
    """A run for each time that a trial may take; print a table."""
    print(machine_words(), "\n")
    print("| processes × workers | a trial takes | told/s | ask p50 | p99 | tell p50 | p99 | errors | connections |")
    print("|---|---|---|---|---|---|---|---|---|")
    for sleep in options.sleep:
        server = PostgresServer()
        try:
            runs, connections = run(server, options.processes, options.each, options.seconds, sleep)
            check(server, sum(len(one["tells"]) for one in runs))
        finally:
            server.close()
        told = sum(len(one["tells"]) for one in runs) / options.seconds
        waits = [f"{1000 * wait:.1f} ms" for kind in ("asks", "tells") for wait in both(runs, kind)]
        errors = list(itertools.chain.from_iterable(one["errors"] for one in runs))
        cells = [f"{options.processes} × {options.each}", f"{sleep:g} s", f"{told:.0f}", *waits]
        print("|", " | ".join([*cells, str(len(errors)), str(connections)]), "|")
        for error in sorted(set(errors)):
            print(f"{errors.count(error)} × {error}", file=sys.stderr)


def run(
    server: PostgresServer, processes: int, each: int, seconds: float, sleep: float
) -> tuple[list[dict[str, Any]], int]:
    """What each process measured, and the most connections that were open."""
    holdfast.Study(SPACE, strategy="random", storage=server.address(), name=NAME).close()
    begin = time.time() + 3.0
    numbers = [str(number) for number in (each, seconds, sleep, begin)]
    one = command(sys.executable, "throughput_parts.workers", server.address(), *numbers)
    started = [
        subprocess.Popen(one, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    time.sleep(max(begin - time.time(), 0.0) + seconds / 2)
    held = server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'")
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit("a process failed")
    return [json.loads(text) for text in said], int(str(held[0][0]))


def both(runs: list[dict[str, Any]], kind: str) -> tuple[float, float]:
    """The median and the 99th percentile of all waits of a kind, in seconds."""
    waits = [wait for one in runs for wait in one[kind]]
    return float(np.median(waits)), float(np.quantile(waits, 0.99))


def check(server: PostgresServer, told: int) -> None:
    """Nothing that was told is missing or there twice, and the log is whole."""
    log = open_log(server.address(), NAME, read_only=True)
    found = verify(log)
    ended = [event.data["trial"] for event in log.read() if event.kind == "trial.told"]
    log.close()
    if found.problems or len(ended) != told or len(set(ended)) != told:
        raise SystemExit(f"{told} trials were told, {len(ended)} are in the log; {found.problems}")


def stand_for(storage: str, each: int, seconds: float, sleep: float, begin: float) -> dict[str, Any]:
    """Ask and tell for so many workers until the time is over; trials that are still in hand are given up then."""
    study = holdfast.Study(SPACE, strategy="random", storage=storage, name=NAME)
    asks: list[float] = []
    tells: list[float] = []
    errors: list[str] = []
    time.sleep(max(begin - time.time(), 0.0))
    start = time.perf_counter()
    # they do not all begin in the same moment
    due: list[tuple[float, int, holdfast.LiveTrial | None]] = [(start + sleep * i / each, i, None) for i in range(each)]
    while due and (now := time.perf_counter()) < start + seconds:
        at, worker, trial = due[0]
        if at > now:
            time.sleep(min(at, start + seconds) - now)
            continue
        heapq.heappop(due)
        try:
            if trial is not None:
                study.tell(trial, trial["x"] ** 2 + trial["y"] ** 2)
                tells.append(time.perf_counter() - at)
            told = time.perf_counter()
            trial = study.ask()
            asks.append(time.perf_counter() - told)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is counted and shown
            errors.append(f"{type(exc).__name__}: {exc}")
            trial = None
        heapq.heappush(due, (time.perf_counter() + sleep, worker, trial))
    study.close()
    return {"asks": asks, "tells": tells, "errors": errors}


def main() -> None:
    """One process of a run; prints a line of JSON."""
    storage, each, *numbers = sys.argv[1:]
    print(json.dumps(stand_for(storage, int(each), *map(float, numbers))))


if __name__ == "__main__":
    main()
