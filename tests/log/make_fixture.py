"""Writes what a release leaves behind for all later ones: a small study in a file, and in a database of a server.

``python tests/log/make_fixture.py`` writes tests/log/fixtures/VERSION, once for each version.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import holdfast
from holdfast.log.base import StudyLog
from holdfast.log.server import _TABLES
from holdfast.log.sqlite import SqliteLog
from holdfast.log.upgrade import newest
from holdfast.records import RowScores
from holdfast.study.book import Book
from holdfast.study.handle import LiveTrial

FIXTURES = Path(__file__).parent / "fixtures"
STUDIES = ("plain", "halving")


def plain(storage: str) -> None:
    """Trials with row scores, one that failed, one that a person asked for, and a space that was amended."""
    space: dict[str, Any] = {
        "x": holdfast.Float(0, 1),
        "kind": holdfast.Categorical(["a", "b"]),
        "depth": holdfast.Int(1, 3, when={"kind": "b"}),
    }

    def objective(trial: LiveTrial) -> float:
        trial.rows = RowScores(np.array([trial["x"], trial["x"] + 0.5, trial["x"] - 0.5]))
        return float(trial["x"])

    study = holdfast.Study(space, direction="maximize", strategy="random", seed=1, storage=storage, name="plain")
    study.enqueue({"x": 0.5, "kind": "b", "depth": 2}, why="a guess — of a person")
    study.optimize(objective, n_trials=5)
    study.amend({**space, "x": holdfast.Float(0, 2)}, why="the best lie at the upper bound")
    study.optimize(objective, n_trials=3)
    study.tell(study.ask(), state="failed", error="it cannot work")
    study.ask()
    study.close()


def halving(storage: str) -> None:
    """Trials that pause, go on from their checkpoints, and are stopped."""

    def objective(trial: LiveTrial) -> float | None:
        for epoch in range(trial.start_step + 1, 10):
            verdict = trial.report(trial["x"] + 1 / epoch, epoch)
            trial.save(b"%d" % epoch)
            if verdict is not holdfast.Verdict.CONTINUE:
                return None
        return float(trial["x"])

    fidelity = holdfast.Fidelity("epoch", 1, 9)
    study = holdfast.Study(
        {"x": holdfast.Float(0, 1)}, strategy="asha", seed=1, storage=storage, name="halving", fidelity=fidelity
    )
    study.optimize(objective, n_trials=9)
    study.close()


def summary(log: StudyLog) -> dict[str, Any]:
    """What a log folds to, as JSON values."""
    book = Book(log)
    return {
        "head": [book.head.length, book.head.hash],
        "blobs": list(log.blobs()),
        "trials": [
            {
                "config": trial.config,
                "state": trial.state.value,
                "reason": trial.reason,
                "seed": trial.seed,
                "metrics": dict(trial.metrics),
                "reports": [[step, dict(metrics)] for step, metrics in trial.reports],
                "checkpoint": None if trial.checkpoint is None else list(trial.checkpoint),
                "rows": trial.rows,
                "cause": trial.cause,
            }
            for trial in book.state.trials
        ],
        "masked": sorted(book.state.history.masked),
        "notes": {kind: len(notes) for kind, notes in sorted(book.state.notes.items())},
    }


def as_sql(path: Path) -> Iterator[str]:
    """What a server holds of the studies in a file, as statements."""
    yield from _TABLES
    yield f"INSERT INTO holdfast.format (version) VALUES ({newest()})"
    with closing(sqlite3.connect(path)) as connection:
        for number, study in enumerate(STUDIES, start=1):
            rows = connection.execute("SELECT idx, body, hash FROM event WHERE study = ? ORDER BY idx", (study,))
            found = rows.fetchall()
            yield (
                "INSERT INTO holdfast.study (name, length, hash) VALUES"
                f" ({_text(study)}, {len(found)}, '{found[-1][2]}')"
            )
            for index, body, digest in found:
                yield (
                    "INSERT INTO holdfast.event (study, idx, body, hash) VALUES"
                    f" ({number}, {index}, {_text(body)}, '{digest}')"
                )
        for name, data in connection.execute("SELECT sha256, data FROM blob ORDER BY sha256"):
            yield f"INSERT INTO holdfast.blob (sha256, data) VALUES ('{name}', '\\x{data.hex()}')"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> None:
    """Write the fixture of this version."""
    folder = FIXTURES / version("holdfast")
    if folder.exists():
        sys.exit(f"{folder} is there already; what a release left behind is never written again")
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "study.db"
        os.chdir(temporary)
        for study in (plain, halving):
            study("sqlite:///study.db")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM snapshot")  # disposable, and of no use to another version
            connection.execute("DROP TABLE IF EXISTS lease")
            connection.commit()
            connection.execute("VACUUM INTO ?", (str(folder / "study.sqlite"),))
        (folder / "study.sql").write_text(";\n".join(as_sql(path)) + ";\n", encoding="utf-8")
        expected = {}
        for name in STUDIES:
            with closing(SqliteLog(path, name)) as log:
                expected[name] = summary(log)
    text = json.dumps(expected, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
