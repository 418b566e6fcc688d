"""What a large study costs: bytes, opening it without and with a snapshot, asking, checking it.

    python benchmarks/throughput.py size --trials 100000 --reports 20 --folder FOLDER

The log is written as a study would, event by event in its hash chain, but in batches and without training: eight trials
at a time report a loss each step and are told. Then each thing is done in a process of its own, whose largest memory is
stated beside it; times are on the wall, and of the processor.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.search_parts.interpreter import ROOT, command, environment

from holdfast import Categorical, Fidelity, Float, Int, Space, Study, load_study
from holdfast.log.sqlite import SqliteLog
from holdfast.log.verify import verify
from holdfast.meter.machine import machine_words
from holdfast.records import Config, Entry
from holdfast.rng import Streams
from holdfast.search.registry import make_strategy

SPACE = Space(
    {
        "learning_rate": Float(1e-5, 1e-1, log=True),
        "weight_decay": Float(1e-6, 1e-1, log=True),
        "optimizer": Categorical(["sgd", "adamw"]),
        "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
        "layers": Int(1, 6),
    }
)
AT_ONCE = 8
BATCH = 5_000
ASKS = 500
NAME = "study"


def write_log(path: Path, trials: int, reports: int) -> None:
    """A study of so many complete trials with so many reports each."""
    fidelity = Fidelity("epoch", 1, reports)
    Study(SPACE, strategy="random", storage=f"sqlite:///{path}", name=NAME, fidelity=fidelity).close()
    log = SqliteLog(path, NAME)
    head, batch = log.head(), list[Entry]()
    for item in events(trials, reports, head.length):
        batch.append(item)
        if len(batch) == BATCH:
            head, batch = _appended(log, batch, head), []
    _appended(log, batch, head)
    log.close()


def _appended(log: SqliteLog, batch: list[Entry], head: Any) -> Any:
    return log.append(batch, head, lasting=False)


def events(trials: int, reports: int, length: int) -> Iterator[Entry]:
    """What such trials leave in a log that has so many events already."""
    rng, streams, now = np.random.default_rng(0), Streams(0), time.time()
    for first in range(0, trials, AT_ONCE):
        group = range(first, min(first + AT_ONCE, trials))
        configs = {number: SPACE.sample(rng) for number in group}
        for number, config in configs.items():
            now, length = now + 0.01, length + 1
            seed = streams.integer(number, "trial")
            plain = {"reason": "random", "until_step": None, "parent": None, "enqueued": None}
            yield Entry("trial.asked", {"trial": number, "config": config, "seen": length, "seed": seed, **plain}, now)
        for step in range(1, reports + 1):
            for number, config in configs.items():
                now, length = now + 0.01, length + 1
                yield Entry("trial.reported", {"trial": number, "step": step, "metrics": _said(config, step, rng)}, now)
        for number, config in configs.items():
            now, length = now + 0.01, length + 1
            took = {"seconds": 1.0, "cpu_seconds": 1.0, "extra": {}, "rows": None, "usage": {}}
            end = {"state": "complete", "metrics": _said(config, reports, rng), "error": None, "cause": None}
            yield Entry("trial.told", {"trial": number, **end, **took}, now)


def _said(config: Config, step: int, rng: np.random.Generator) -> dict[str, float]:
    rate, layers = float(config["learning_rate"] or 0), float(config["layers"] or 0)
    return {"value": 0.1 * (math.log10(rate) + 3) ** 2 + 0.02 * (layers - 4) ** 2 + 1 / step + 0.01 * rng.normal()}


def opened(path: Path) -> dict[str, Any]:
    """Open the study, find its best trial, and then make every trial of it."""
    clock = Clock()
    study = load_study(NAME, f"sqlite:///{path}")
    found: dict[str, Any] = {"open": clock.since(), "memory": memory(), "events": study.book.head.length}
    _ = study.best_trial
    found["best"] = [1e3 * took for took in clock.since()]
    trials = study.trials
    found["trials"] = clock.since()
    return {**found, "reports": sum(len(trial.reports) for trial in trials)}


def folded(path: Path) -> dict[str, Any]:
    """Open the study from its log alone; its state is kept meanwhile."""
    clock = Clock()
    study = load_study(NAME, f"sqlite:///{path}")
    found = {"open": clock.since(), "memory": memory()}
    study.close()
    return found


def asked(path: Path, strategy: str) -> dict[str, Any]:
    """Ask and tell on top of it."""
    study = load_study(NAME, f"sqlite:///{path}")
    study._strategy = make_strategy(strategy)
    study.tell(study.ask(), 1.0)  # the first one loads what is needed
    times = []
    for _ in range(ASKS):
        clock = Clock()
        trial = study.ask()
        times.append([1e3 * took for took in clock.since()])
        study.tell(trial, 1.0)
    median, p99 = np.median(times, axis=0).tolist(), np.percentile(times, 99, axis=0).tolist()
    return {"median": median, "p99": p99, "memory": memory()}


def checked(path: Path) -> dict[str, Any]:
    """Verify the log."""
    log = SqliteLog(path, NAME, read_only=True)
    clock = Clock()
    found = verify(log)
    million = [1e6 * took / found.length for took in clock.since()]
    if not found.ok:
        raise SystemExit(f"the log is broken: {found.problems}")
    return {"million": million, "memory": memory()}


class Clock:
    """Seconds on the wall and of the processor since it was last read."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def since(self) -> list[float]:
        """Both."""
        now = time.perf_counter(), time.process_time()
        took = [end - begin for begin, end in zip(self._began, now, strict=True)]
        self._began = now
        return took


def memory() -> float:
    """The largest resident memory of this process so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "fold": folded,
    "open": opened,
    "random": lambda path: asked(path, "random"),
    "tpe": lambda path: asked(path, "tpe"),
    "verify": checked,
}


def _step(name: str, path: Path) -> dict[str, Any]:
    call = [*command(sys.executable, "throughput_parts.size"), name, str(path)]
    done = subprocess.run(call, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> None:
    """Write a log, do everything with it, and print a table."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "study.db"
        write_log(path, options.trials, options.reports)
        size = path.stat().st_size
        found = {name: _step(name, path) for name in STEPS}
        beside = path.stat().st_size - size
    fold, again, check = found["fold"], found["open"], found["verify"]
    if again["reports"] != options.trials * options.reports:
        raise SystemExit(f"{again['reports']:.0f} reports came back")
    rows = [
        ("bytes a trial, log", f"{size / options.trials:,.0f}", "", ""),
        ("bytes a trial, states kept beside it", f"{beside / options.trials:,.0f}", "", ""),
        ("open without a snapshot, s", *both(fold["open"], 1), f"{fold['memory']:,.0f}"),
        ("open from a snapshot, s", *both(again["open"], 2), f"{again['memory']:,.0f}"),
        ("the best trial then, ms", *both(again["best"], 1), ""),
        ("every trial then, s", *both(again["trials"], 2), ""),
    ]
    for name in ("random", "tpe"):
        asks = found[name]
        rows.append((f"ask, {name}, median, ms", *both(asks["median"], 2), f"{asks['memory']:,.0f}"))
        rows.append((f"ask, {name}, p99, ms", *both(asks["p99"], 2), ""))
    rows.append(("verify a million events, s", *both(check["million"], 1), f"{check['memory']:,.0f}"))
    print(machine_words(), "\n")
    print(
        f"| {options.trials:,} trials, {again['events']:,} events | | processor | peak memory, MB |\n|---|---|---|---|"
    )
    for row in rows:
        print(f"| {' | '.join(row)} |")


def both(took: list[float], digits: int) -> list[str]:
    """What something took on the wall and of the processor."""
    return [f"{value:.{digits}f}" for value in took]


def add_to(parts: Any) -> None:
    """The subcommand."""
    size = parts.add_parser("size", help="a large study: bytes, opening, asking, checking")
    size.add_argument("--trials", type=int, default=100_000)
    size.add_argument("--reports", type=int, default=20)
    size.add_argument("--folder", type=Path, default=None, help="on the disk that is to be measured")
    size.set_defaults(measure=measure)


if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](Path(sys.argv[2]))))
