"""What is recorded to be cut off at every step: programs that use a log or a study in every way there is.

    python -m holdfast.testing.histories KIND SEED FOLDER MARKS

runs one of `KINDS` in a folder. Whenever a call has returned that promises something to last, a line of JSON goes to
the file of marks; `holdfast.testing.crashes` holds the log to it. `go_on` does the same again on what a crash has left.
"""

from __future__ import annotations

import functools
import json
import math
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.log.base import Conflict
from holdfast.log.sqlite import SqliteLog
from holdfast.records import Entry, Fidelity, RowScores, Trial, Verdict
from holdfast.search.base import Strategy
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.space import Categorical, Float
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

FILE = "study.db"
"""The name of every log's file."""

TRIALS = 8
"""How many a study of these has in the end."""

IN_ONE_RUN = "study in one run"
"""The kind of history whose trials write the least, so that it has more of them."""

_EPOCHS = 9


@dataclass(frozen=True)
class Scene:
    """Where a history plays: a folder, a source of chance, and the file of marks."""

    folder: Path
    chance: random.Random
    marks: Path

    @property
    def path(self) -> Path:
        """Of the log."""
        return self.folder / FILE

    def mark(self, data: dict[str, Any]) -> None:
        """Write a line to the file of marks, in one call."""
        file = os.open(self.marks, os.O_WRONLY | os.O_APPEND)
        os.write(file, json.dumps(data).encode() + b"\n")
        os.close(file)


def log_alone(scene: Scene) -> None:
    """One process appends, keeps blobs and drops them, saves snapshots, and closes the log now and then."""
    names: list[str] = []
    me = os.getpid()
    for part in range(3):
        log = SqliteLog(scene.path, "alone")
        anything = _Anything(log, scene, scene.chance, names)
        for number in range(scene.chance.randint(8, 16)):
            anything.do(f"{me}-{part}-{number}")
        if part < 2:
            log.close()


def log_of_threads(scene: Scene) -> None:
    """Four threads share one object, and a fifth has one of its own; all wait for the disk together."""
    shared, own = SqliteLog(scene.path, "threads"), SqliteLog(scene.path, "threads")
    seeds = [scene.chance.randrange(2**32) for _ in range(5)]
    together = threading.Barrier(5)

    def work(thread: int) -> None:
        mine = random.Random(seeds[thread])  # noqa: S311 - no secrets
        anything = _Anything(own if thread == 4 else shared, scene, mine)
        for number in range(6):
            together.wait()
            anything.put(f"what all of them keep in round {number}".encode())
            anything.do(f"{thread}-{number}")

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))


def log_of_processes(scene: Scene) -> None:
    """Three processes at once on two studies in one file, which close it again and again."""
    _in_processes("part of a log", scene, 3)


def part_of_a_log(scene: Scene) -> None:
    """What each of them does."""
    me = os.getpid()
    for part in range(2):
        with closing(SqliteLog(scene.path, scene.chance.choice(["processes", "others"]))) as log:
            anything = _Anything(log, scene, scene.chance)
            for number in range(scene.chance.randint(3, 6)):
                anything.do(f"{me}-{part}-{number}")


def study_alone(scene: Scene) -> None:
    """A study is asked and told, with row scores, by hand."""
    study = make_study("study alone", scene.folder)
    mark_end(study, scene)
    while len(study.trials) < TRIALS:
        trial = study.ask()
        if scene.chance.random() < 0.3:
            trial.report(loss_at(trial, 1), 1)
        if scene.chance.random() < 0.2:
            study.tell(trial, state="failed", error="as it happens")
            continue
        noise = np.array([scene.chance.random() for _ in range(scene.chance.choice((10, 500)))])
        rows = RowScores(loss_at(trial, _EPOCHS) + noise - noise.mean())
        study.tell(trial, loss_at(trial, _EPOCHS), rows=rows)
        scene.mark({"told": trial.number, "value": loss_at(trial, _EPOCHS)})
        mark_end(study, scene)
        if scene.chance.random() < 0.2:
            study.book.save_snapshot()


def study_in_one_run(scene: Scene) -> None:
    """Trials of no time, some behind each other, whose results go to the disk together."""
    study = make_study(IN_ONE_RUN, scene.folder)
    while left := trials_of(IN_ONE_RUN) - len(study.trials):
        study.optimize(_objective(IN_ONE_RUN), n_trials=min(scene.chance.randint(1, 4), left))
        _mark_results(study, scene)


def study_with_checkpoints(scene: Scene) -> None:
    """Trials that pause and go on from their checkpoints, by successive halving."""
    _optimize("study with checkpoints", scene)


def study_with_a_checkpoint_folder(scene: Scene) -> None:
    """The same, with checkpoints in a folder beside the log."""
    _optimize("study with a checkpoint folder", scene)


def study_of_clones(scene: Scene) -> None:
    """Trials that begin from the checkpoints of others, by population-based training."""
    _optimize("study of clones", scene)


def study_of_processes(scene: Scene) -> None:
    """Two processes on one study."""
    _in_processes("part of a study", scene, 2)


def part_of_a_study(scene: Scene) -> None:
    """What each of them does."""
    _optimize("study of processes", scene, at_once=2)


KINDS: dict[str, Callable[[Scene], None]] = {
    "log alone": log_alone,
    "log of threads": log_of_threads,
    "log of processes": log_of_processes,
    "study alone": study_alone,
    IN_ONE_RUN: study_in_one_run,
    "study with checkpoints": study_with_checkpoints,
    "study with a checkpoint folder": study_with_a_checkpoint_folder,
    "study of clones": study_of_clones,
    "study of processes": study_of_processes,
}
"""The kinds of histories by their names."""

_PARTS = {"part of a log": part_of_a_log, "part of a study": part_of_a_study}


def make_study(kind: str, folder: Path | None) -> Study:
    """The study of a kind of history; goes on with the one that is there. Without a folder it is in memory."""
    strategies: dict[str, str | Strategy] = {
        "study with checkpoints": "asha",
        "study with a checkpoint folder": "asha",
        "study of clones": PopulationBasedTraining(population=3, interval=3),
    }
    return Study(
        {"x": Float(-1, 1), "kind": Categorical(["p", "q"])},
        strategy=strategies.get(kind, "random"),
        seed=3,
        storage=None if folder is None else f"sqlite:///{folder / FILE}",
        name=kind,
        fidelity=Fidelity("epoch", 1, _EPOCHS) if kind in strategies else None,
        checkpoints=folder / "checkpoints" if folder is not None and "folder" in kind else None,
    )


def trials_of(kind: str) -> int:
    """How many trials a study of a kind has in the end."""
    return 3 * TRIALS if kind == IN_ONE_RUN else TRIALS


def loss_at(trial: LiveTrial | Trial, epoch: int) -> float:
    """A learning curve that falls towards a limit set by the configuration."""
    x = trial.config["x"]
    assert isinstance(x, float)
    return abs(x) + math.exp(-epoch)


def in_epochs(trial: LiveTrial) -> float | None:
    """Train from a checkpoint, which holds the epochs trained and some weight; one that is not whole is an error."""
    saved = {"done": [], "ballast": ""} if trial.checkpoint is None else json.loads(trial.checkpoint)
    done, epochs = saved["done"], list(range(1, trial.start_step + 1))
    assert done == epochs, f"a checkpoint of the epochs {done} came for step {trial.start_step}"
    assert set(saved["ballast"]) <= {"x"}, "a checkpoint is not what was saved"
    for epoch in range(trial.start_step + 1, _EPOCHS + 1):
        done.append(epoch)
        if trial.report(loss_at(trial, epoch), epoch) is not Verdict.CONTINUE:
            trial.save(json.dumps({"done": done, "of": trial.number, "ballast": "x" * 9000}).encode())
            return None
    return loss_at(trial, _EPOCHS)


def go_on(kind: str, folder: Path) -> list[str]:
    """Finish a study that a crash has cut off; sentences on what is not as it should be.

    Every result that was there is there as it was, and all trials are those that an undisturbed study has.
    """
    with closing(make_study(kind, folder)) as study:
        before = {trial.number: trial.metrics for trial in study.trials if trial.state.value == "complete"}
        study.optimize(_objective(kind), n_trials=max(trials_of(kind) - len(study.trials), 0), halt_after=1)
        problems = [
            f"trial {number} was {metrics} and is {study.trials[number].metrics}"
            for number, metrics in before.items()
            if study.trials[number].metrics != metrics
        ]
        accidents = {trial.number for trial in study.trials if trial.error == "as it happens"}
        found, true = _outline(study.trials), _undisturbed(kind)
    numbers = sorted((found.keys() | true.keys()) - accidents)
    differ = [number for number in numbers if found.get(number) != true.get(number)]
    return problems + [f"undisturbed it is {true.get(number)}, not {found.get(number)}" for number in differ]


@functools.cache
def _undisturbed(kind: str) -> dict[int, str]:
    """What the study of a kind comes to where nothing happens to it; of one that fails at times, where it does not."""
    study = make_study(kind, None)
    study.optimize(_objective(kind), n_trials=trials_of(kind))
    return _outline(study.trials)


def _outline(trials: Iterable[Trial]) -> dict[int, str]:
    """Trials as texts by number, without what accidents may change."""
    texts = {t.number: f"{t.config} with parent {t.parent}: {t.state.value}, {dict(t.metrics)}" for t in trials}
    return {number: f"trial {number}, {text}" for number, text in texts.items()}


def _objective(kind: str) -> Callable[[LiveTrial], float | None]:
    return in_epochs if "checkpoint" in kind or "clones" in kind else functools.partial(loss_at, epoch=_EPOCHS)


def _optimize(kind: str, scene: Scene, at_once: int = 1) -> None:
    study = make_study(kind, scene.folder)

    def told(trial: Trial) -> None:
        if trial.state.value == "complete":
            scene.mark({"told": trial.number, "value": trial.metrics["value"]})
        if at_once == 1:  # among several, the end of the log may be what another one is still waiting for
            mark_end(study, scene)

    new = TRIALS // at_once if at_once > 1 else max(TRIALS - len(study.trials), 0)
    study.optimize(_objective(kind), n_trials=new, on_finish=told, halt_after=1)


@dataclass(frozen=True)
class _Anything:
    """Does something that may be done to a log, again and again, and marks what that has promised.

    Attributes:
        log: the log.
        scene: with the file of marks.
        chance: what is done.
        names: of blobs that nobody else has, and that may be dropped.
    """

    log: SqliteLog
    scene: Scene
    chance: random.Random
    names: list[str] = field(default_factory=list)

    def do(self, name: str) -> None:
        """Something."""
        chance, what = self.chance, self.chance.random()
        if what < 0.6:
            entries = [
                Entry("test", {"id": f"{name}-{part}", "text": "x" * int(10 ** chance.uniform(0, 4))}, 0.0)
                for part in range(chance.choice((1, 1, 2, 3)))
            ]
            self.append(entries, lasting=chance.random() < 0.8)
        elif what < 0.8:
            sha256 = self.put(chance.randbytes(int(10 ** chance.uniform(1, 4.5))))
            self.append([Entry("test", {"id": name, "rows": {"blob": sha256}}, 0.0)])
            self.names.append(sha256)
        elif what < 0.9:
            self.log.leases.beat("me", {1: 0, 2: chance.randrange(3)})
            head = self.log.head()
            self.log.save_snapshot(head.length, head.hash, chance.randbytes(500))
        elif self.names:
            gone = self.names.pop(chance.randrange(len(self.names)))
            self.append([Entry("test", {"id": name, "drops": [gone]}, 0.0)])
            self.scene.mark({"log": FILE, "drops": [gone]})
            self.log.drop([gone])

    def append(self, entries: Sequence[Entry], *, lasting: bool = True) -> None:
        """Append whatever comes between."""
        head = self.log.head()
        while isinstance(answer := self.log.append(entries, head, lasting=lasting), Conflict):
            head = answer.head
        if lasting:
            self.scene.mark({"log": FILE, "study": self.log.study, "length": answer.length})

    def put(self, data: bytes) -> str:
        """Keep a blob."""
        sha256 = self.log.put(data)
        self.scene.mark({"log": FILE, "blob": sha256})
        return sha256


def _in_processes(part: str, scene: Scene, count: int) -> None:
    seeds = [str(scene.chance.randrange(2**32)) for _ in range(count)]
    command = [sys.executable, "-m", "holdfast.testing.histories", part]
    processes = [subprocess.Popen([*command, seed, str(scene.folder), str(scene.marks)]) for seed in seeds]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(1)


def _mark_results(study: Study, scene: Scene) -> None:
    """Mark that all results of a study have been promised to last."""
    for trial in study.trials:
        scene.mark({"told": trial.number, "value": trial.metrics["value"]})
    mark_end(study, scene)


def mark_end(study: Study, scene: Scene) -> None:
    """Mark that all of a study's log has been promised to last."""
    scene.mark({"log": FILE, "study": study.book.state.settings.name, "length": study.book.head.length})


def _moving_often(pages: int) -> None:
    """Have SQLite empty its write-ahead log into the database after so many pages; left alone it waits for 1000."""
    connect = sqlite3.connect

    def connected(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **more)
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        return connection

    setattr(sqlite3, "connect", connected)  # noqa: B010


def main() -> None:
    """Run a history, and end without closing anything, as a crash does."""
    kind, seed, folder, marks = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).resolve(), Path(sys.argv[4])
    scene = Scene(folder, random.Random(seed), marks)  # noqa: S311 - no secrets
    _moving_often(scene.chance.choice((5, 20, 60, 1000)))
    {**KINDS, **_PARTS}[kind](scene)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
