"""A plan that is tuned, from the split to the pages, as a history to be cut off at every step.

    python benchmarks/durability_parts/tuned.py FOLDER MARKS

The study's log, the ledger of openings, the files of rows and the sealed ones, the model and the pages are all in it.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from holdfast.log.open import open_log
from holdfast.protocol.tune import tune
from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.state import StudyState

T = TypeVar("T")
Decide = Callable[[StudyState], tuple[Sequence[Entry], T]]

NAME = "tuned"
PLAN: dict[str, Any] = {
    "study": {"name": NAME},
    "data": {"source": "sklearn:iris"},
    "model": {"family": "knn"},
    "search": {"strategy": "random", "trials": 4, "workers": 1},
}


def go_on(folder: Path) -> list[str]:
    """Tune the plan to its end on what a crash has left; sentences on what is not as it should be."""
    result = tune(PLAN, runs=folder / "runs")
    problems = [] if result.test is not None else ["there is no test score"]
    with closing(open_log(f"sqlite:///{folder / 'runs' / NAME / 'study.db'}", NAME, read_only=True)) as log:
        kinds = Counter(event.kind for event in log.read())
    once = ("data.split", "choice.made", "model.fitted", "test.opened")
    problems += [f"{kind} is there {kinds[kind]} times" for kind in once if kinds[kind] != 1]
    again = tune(PLAN, runs=folder / "runs")
    if again.test != result.test:
        problems.append(f"the test score was {result.test} and is {again.test}")
    return problems


def main() -> None:
    """Tune it, and mark the end of the log whenever the study was promised that it lasts."""
    folder, file = Path(sys.argv[1]).resolve(), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    commit = Book.commit

    def committed(self: Book, decide: Decide[T], *, lasting: bool = True, **more: Any) -> T:
        answer = commit(self, decide, lasting=lasting, **more)
        if lasting:
            mark(self.head.length, self.log)
        return answer

    def mark(length: int, log: Any) -> None:
        path = log._database.path.resolve().relative_to(folder).as_posix()
        said = {"log": path, "study": log.study, "length": length}
        os.write(file, json.dumps(said).encode() + b"\n")

    setattr(Book, "commit", committed)  # noqa: B010 - methods of a class may not be assigned, says mypy
    tune(PLAN, runs=folder / "runs")
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
