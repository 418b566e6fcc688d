"""A process that runs trials of a study, and notes every result for which `tell` has returned.

    python -m benchmarks.durability_parts.drive STORAGE DIARY --trials 60 --jobs 2 --pause 0.05
    python -m benchmarks.durability_parts.drive STORAGE DIARY --joins

A line of the diary is written and synced once the result was told. With `--joins` it is one worker of several, on a
study that is there and has its number of trials.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

from holdfast import Float, Study, Trial
from holdfast.study.handle import LiveTrial
from holdfast.study.jobs import executor_of
from holdfast.study.worker import work_on

NAME = "faults"


def objective(trial: LiveTrial, pause: float, begun: Path | None = None) -> float:
    """A bowl that takes a while, reported half-way; a line with the process's number in ``begun`` as it begins."""
    if begun is not None:
        with begun.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    x = trial["x"]
    assert isinstance(x, float)
    time.sleep(pause / 2)
    trial.report((x - 0.3) ** 2 + 1, 1)
    time.sleep(pause / 2)
    return (x - 0.3) ** 2


def make_study(storage: str) -> Study:
    """The study of all processes."""
    return Study({"x": Float(0, 1)}, strategy="random", seed=0, storage=storage, name=NAME)


def noted(diary: Path) -> Callable[[Trial], None]:
    """What notes a result: number, state and value."""

    def note(trial: Trial) -> None:
        value = trial.metrics.get("value")
        with diary.open("a", encoding="ascii") as file:
            file.write(f"{trial.number} {trial.state.value} {value!r}\n")
            file.flush()
            os.fsync(file.fileno())

    return note


def main() -> None:
    """Run trials until the study has as many as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("storage")
    parser.add_argument("diary", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--joins", action="store_true")
    options = parser.parse_args()
    costly = functools.partial(objective, pause=options.pause, begun=options.diary.with_name("begun"))
    note = noted(options.diary)
    if options.joins:
        work_on(NAME, options.storage, costly, where=executor_of(options.jobs), on_finish=lambda _, trial: note(trial))
        return
    study = make_study(options.storage)
    left = max(options.trials - len(study.trials), 0)
    study.optimize(costly, n_trials=left, n_jobs=options.jobs, on_finish=note)
    study.close()


if __name__ == "__main__":
    main()
