"""Trials a second of a trivial objective on a real disk, beside Optuna's SQLite storage and its journal file.

    python benchmarks/throughput.py storage --optuna PYTHON --folder FOLDER

Each way runs for some seconds, with one process and with four on one study, by turns; a trial counts when its result is
told. Sampling is random everywhere. By ``ask`` and ``tell`` each result is on disk before the next trial begins, as it
is with Optuna; within ``optimize`` a trial begins while earlier results are on their way there, and all are when it
returns. A ratio is the median of those within a round. Where strace is installed, a short run of each has its waits
counted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from holdfast.meter.machine import machine_words

HOLDFAST = "holdfast"
BY_HAND = "holdfast, ask and tell"
OURS = """
import sys, time, holdfast
path, seconds = sys.argv[1], float(sys.argv[2])
space = {"x": holdfast.Float(-5, 5), "y": holdfast.Float(-5, 5)}
study = holdfast.Study(space, strategy="random", storage=f"sqlite:///{path}/study.db")
end = time.monotonic() + seconds
if sys.argv[3] == "by hand":
    while time.monotonic() < end:
        trial = study.ask()
        study.tell(trial, trial["x"] ** 2 + trial["y"] ** 2)
else:
    study.optimize(lambda t: t["x"] ** 2 + t["y"] ** 2, timeout=seconds)
"""

RIVAL = """
import sys, optuna
path, seconds, way = sys.argv[1], float(sys.argv[2]), sys.argv[3]
optuna.logging.set_verbosity(optuna.logging.ERROR)
if way == "journal":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    storage = JournalStorage(JournalFileBackend(f"{path}/journal.log"))
else:
    storage = f"sqlite:///{path}/optuna.db"
sampler = optuna.samplers.RandomSampler()
study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True, sampler=sampler)
study.optimize(lambda t: t.suggest_float("x", -5, 5) ** 2 + t.suggest_float("y", -5, 5) ** 2, timeout=seconds)
"""

COUNT_OURS = """
import sys, holdfast
print(sum(t.state.value == "complete" for t in holdfast.load_study("study", f"sqlite:///{sys.argv[1]}/study.db").trials))
"""

COUNT_RIVAL = (
    RIVAL.split("sampler =", maxsplit=1)[0]
    + """
study = optuna.load_study(storage=storage, study_name="s")
print(sum(t.state.name == "COMPLETE" for t in study.trials))
"""
)


def add_to(parts: Any) -> None:
    """Make it a subcommand."""
    storage = parts.add_parser("storage", help="trials on a real disk, against Optuna's storages")
    storage.add_argument("--optuna", metavar="PYTHON", help="an interpreter that has Optuna")
    storage.add_argument("--folder", type=Path, default=Path(), help="on the disk that is to be measured")
    storage.add_argument("--seconds", type=float, default=20.0)
    storage.add_argument("--rounds", type=int, default=3)
    storage.set_defaults(measure=measure)


def measure(options: argparse.Namespace) -> None:
    """Measure all ways by turns and print a table."""
    ways = [HOLDFAST, BY_HAND, *(["optuna sqlite", "optuna journal"] if options.optuna else [])]
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(options.rounds):
        for processes in (1, 4):
            for way in ways:
                with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                    rate = trials_a_second(way, options.optuna, folder, processes, options.seconds)
                found.setdefault((way, processes), []).append(rate)
    print(machine_words(), "\n")
    print(
        "| way | processes | trials a second, median | least | most | holdfast has | by ask and tell |"
        " waits for the disk a trial |\n|---|---|---|---|---|---|---|---|"
    )
    for (way, processes), rates in found.items():
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            waits = waits_a_trial(way, options.optuna, folder, processes)
        times = [
            "" if way in {HOLDFAST, BY_HAND} else f"{_ratio(found[ours, processes], rates):.1f} ×"
            for ours in (HOLDFAST, BY_HAND)
        ]
        middle = statistics.median(rates)
        spread = f"{middle:.0f} | {min(rates):.0f} | {max(rates):.0f}"
        print(f"| {way} | {processes} | {spread} | {' | '.join(times)} | {waits} |")


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over rounds."""
    return statistics.median(own / rate for own, rate in zip(ours, theirs, strict=True))


def trials_a_second(way: str, python: str | None, folder: str, processes: int, seconds: float) -> float:
    """Told trials by so many processes on one study; the study is made before the clock runs."""
    subprocess.run(command(way, python, folder, 0.01), check=True)
    before = count(way, python, folder)
    began = time.perf_counter()
    started = [subprocess.Popen(command(way, python, folder, seconds)) for _ in range(processes)]
    codes = [process.wait() for process in started]
    if any(codes):
        raise RuntimeError(f"{way}: a process failed")
    return (count(way, python, folder) - before) / min(seconds, time.perf_counter() - began)


def waits_a_trial(way: str, python: str | None, folder: str, processes: int) -> str:
    """How often a trial waits for the disk, by strace."""
    if shutil.which("strace") is None:
        return "not counted"
    subprocess.run(command(way, python, folder, 0.01), check=True)
    before = count(way, python, folder)
    watched = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", *command(way, python, folder, 5.0)]
    started = [subprocess.Popen(watched, stderr=subprocess.PIPE, text=True) for _ in range(processes)]
    said = [process.communicate()[1] for process in started]
    waits = sum(len(re.findall(r"f(?:data)?sync[(]", text)) for text in said)
    return f"{waits / max(count(way, python, folder) - before, 1):.2f}"


def command(way: str, python: str | None, folder: str, seconds: float) -> list[str]:
    """The process that runs trials for so many seconds."""
    if way in {HOLDFAST, BY_HAND}:
        return [sys.executable, "-c", OURS, folder, str(seconds), "by hand" if way == BY_HAND else "optimize"]
    return [str(python), "-W", "ignore", "-c", RIVAL, folder, str(seconds), way.split()[1]]


def count(way: str, python: str | None, folder: str) -> int:
    """The trials that are complete in the storage."""
    if way in {HOLDFAST, BY_HAND}:
        call = [sys.executable, "-c", COUNT_OURS, folder]
    else:
        call = [str(python), "-W", "ignore", "-c", COUNT_RIVAL, folder, "0", way.split()[1]]
    return int(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
