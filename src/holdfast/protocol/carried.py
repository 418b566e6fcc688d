"""The job of a planned study with what it reads, for machines that have not the folder of its run."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from holdfast.data.seal import open_file
from holdfast.errors import RequestError
from holdfast.protocol.job import TrainJob
from holdfast.records import Assignment, Outcome, Reporter

MOST_CODE = 20_000_000
"""Bytes of code that go along with a job; more than that is no code."""


@dataclass(frozen=True)
class CarriedJob:
    """A `TrainJob`, the files of its open rows, and where the plan names code the Python files beside it.

    Test rows are never among them. Rows are read where the job runs and are on that machine's disk for no longer.

    Attributes:
        job: the job as it would run here.
        rows: the files by their path in the folder of the run.
        code: the files by their path in the folder of the plan.
        digest: the SHA-256 of all of this, by which a worker knows what it has unpacked.
    """

    job: TrainJob
    rows: Mapping[str, bytes] = field(compare=False, repr=False)
    code: Mapping[str, bytes] = field(compare=False, repr=False)
    digest: str

    @staticmethod
    def of(job: TrainJob) -> CarriedJob:
        """The job with the files that it would read here.

        Raises:
            RequestError: if the code beside the plan is too much to go along.
        """
        folder, recipe = job.folder, job.recipe
        paths = [open_file(folder, "train"), open_file(folder, "validation")]
        rows = {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.exists()}
        own = any(":" in name for name in (recipe.family, recipe.metric or "", *recipe.limited))
        code = dict(_code(recipe.base)) if own else {}
        digest = hashlib.sha256(repr(job).encode())
        for name, data in (*rows.items(), *code.items()):
            digest.update(f"{name}:{len(data)}:".encode())
            digest.update(data)
        return CarriedJob(job, rows, code, digest.hexdigest())

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """As the job itself."""
        return _unpacked(self).run(assignments, report)


@functools.lru_cache(maxsize=1)
def _unpacked(carried: CarriedJob) -> TrainJob:
    """The job with folders of this machine, its rows read; the code stays until the process ends, for late imports."""
    base = Path(tempfile.mkdtemp(prefix="holdfast-code-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    _write(base, carried.code)
    with tempfile.TemporaryDirectory(prefix="holdfast-rows-") as folder:
        _write(Path(folder), carried.rows)
        job = replace(carried.job, folder=Path(folder), recipe=replace(carried.job.recipe, base=base))
        job.load()
    return job


def _code(base: Path) -> Iterator[tuple[str, bytes]]:
    """The Python files of a folder and of the packages in it."""
    packages = [path.parent for path in base.glob("*/__init__.py")]
    total = 0
    for path in sorted({*base.glob("*.py"), *(found for package in packages for found in package.rglob("*.py"))}):
        data = path.read_bytes()
        total += len(data)
        if total > MOST_CODE:
            raise RequestError(
                f"the Python files beside the plan, in {base}, have more than {MOST_CODE // 10**6} MB, too much to go "
                "along to other machines; put the plan and its code into a folder of their own"
            )
        yield str(path.relative_to(base)), data


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
