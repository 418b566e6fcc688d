"""Sums over repetitions, kept as one JSON line per chunk; what a file has is not run again."""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.honesty_parts.experiments import CHUNK, EXPERIMENTS
from benchmarks.honesty_parts.methods import Found, Own, Repetition


@dataclass
class Sums:
    """Of one method over the repetitions of a cell; errors are point minus truth.

    ``below`` and ``above`` count truths under and over the interval; ``width`` and ``fresh`` are totals of the method's
    width and of that of as many fresh rows. ``truth``, ``fits`` and ``gap`` are totals, see `Own`.
    """

    repetitions: int = 0
    points: int = 0
    error: float = 0.0
    square: float = 0.0
    intervals: int = 0
    below: int = 0
    above: int = 0
    width: float = 0.0
    fresh: float = 0.0
    truth: float = 0.0
    fits: float = 0.0
    gap: float = 0.0
    gap_square: float = 0.0

    def add(self, found: Found, repetition: Repetition, own: Own | None = None) -> None:
        """One repetition more; ``own`` is the method's where it has a winner of its own."""
        of = own or Own(repetition.truth, repetition.fresh)
        self.repetitions += 1
        self.fresh += of.fresh
        self.truth += of.truth
        self.fits += of.fits
        self.gap += of.gap
        self.gap_square += of.gap**2
        if found.point is not None:
            self.points += 1
            self.error += found.point - of.truth
            self.square += (found.point - of.truth) ** 2
        if found.low is not None and found.high is not None:
            self.intervals += 1
            self.below += of.truth < found.low
            self.above += of.truth > found.high
            self.width += found.high - found.low

    def merge(self, other: Sums) -> None:
        """Both together."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def covered(self) -> int:
        """How many intervals hold the truth."""
        return self.intervals - self.below - self.above

    @property
    def bias(self) -> float:
        """The mean error."""
        return self.error / self.points

    @property
    def deviation(self) -> float:
        """The standard deviation of the point around the truth."""
        return math.sqrt(max(self.square / self.points - self.bias**2, 0.0))

    @property
    def relative_width(self) -> float:
        """The mean width in units of the mean width from fresh rows."""
        return self.width / self.fresh


@dataclass
class Kept:
    """What a file holds of one cell; ``numbers`` are the repetitions that were run."""

    numbers: set[int] = field(default_factory=set)
    seconds: float = 0.0
    methods: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    commits: set[str] = field(default_factory=set)


def read(path: Path) -> dict[str, Kept]:
    """The cells of a file; a last line that was cut off when a run was stopped is left out."""
    cells: dict[str, Kept] = defaultdict(Kept)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        row = json.loads(line)
        kept, numbers = cells[row["cell"]], set(range(row["first"], row["first"] + row["count"]))
        if kept.numbers & numbers:
            raise SystemExit(f"{path.name} has repetitions of {row['cell']} twice; two runs wrote to it at once")
        kept.numbers |= numbers
        kept.seconds += row["seconds"]
        kept.commits.add(row["commit"])
        for method, sums in row["methods"].items():
            kept.methods[method].merge(Sums(**sums))
    return dict(cells)


def missing(done: set[int], repetitions: int, most: int = CHUNK) -> list[tuple[int, int]]:
    """The chunks that are left, as first number and count."""
    chunks: list[tuple[int, int]] = []
    for number in range(repetitions):
        if number in done:
            continue
        if chunks and sum(chunks[-1]) == number and chunks[-1][1] < most:
            chunks[-1] = (chunks[-1][0], chunks[-1][1] + 1)
        else:
            chunks.append((number, 1))
    return chunks


def run(
    experiment: str,
    cells: Iterable[str],
    repetitions: int,
    processes: int,
    path: Path,
    commit: str,
    begin: Callable[[], None] | None = None,
) -> None:
    """Run what the file does not have: the first chunk of every cell, then the second, and so on.

    ``begin`` is called once in each process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not text.endswith("\n"):  # the last line was cut off
        path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    have = read(path)
    jobs = [
        (experiment, cell, first, count)
        for cell in cells
        for first, count in missing(
            have[cell].numbers if cell in have else set(), repetitions, EXPERIMENTS[experiment].chunk
        )
    ]
    jobs.sort(key=lambda job: job[2])
    fresh = multiprocessing.get_context("spawn")  # a fork of a process that has read a table may wait for ever
    with (
        ProcessPoolExecutor(processes, fresh, initializer=_begin, initargs=(begin,)) as pool,
        path.open("a", encoding="utf-8") as file,
    ):
        for done, line in enumerate(pool.map(_chunk, jobs), 1):
            file.write(json.dumps({**line, "commit": commit}) + "\n")
            file.flush()
            print(f"{done} of {len(jobs)}: {line['cell']} from {line['first']}, {line['seconds']:.1f} s", flush=True)


def _begin(begin: Callable[[], None] | None) -> None:
    from threadpoolctl import threadpool_limits

    if begin is not None:
        begin()
    threadpool_limits(1)


def _chunk(job: tuple[str, str, int, int]) -> dict[str, object]:
    experiment, cell, first, count = job
    begun = time.process_time()
    methods: dict[str, Sums] = defaultdict(Sums)
    for number in range(first, first + count):
        repetition = EXPERIMENTS[experiment].repeat(cell, number)
        for method, found in repetition.found.items():
            methods[method].add(found, repetition, repetition.own.get(method))
    seconds = time.process_time() - begun
    sums = {method: asdict(value) for method, value in methods.items()}
    return {"cell": cell, "first": first, "count": count, "seconds": seconds, "methods": sums}
