"""A job that meters another one: each outcome comes back with what its trial used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.meter.watch import Watch
from holdfast.records import Assignment, Job, Outcome, Reporter
from holdfast.usage import Usage


@dataclass(frozen=True)
class MeteredJob:
    """Runs ``job`` and adds to each outcome what it used; trials that are run together share it evenly.

    Electricity is not metered here: workers share the machine, so whoever starts them does that. Graphics processors
    are read as a whole, so that each of ``workers`` counts its share.
    """

    job: Job
    workers: int = 1

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> Sequence[Outcome]:
        """The outcomes of ``job``, with their usage; what is no outcome is handed on for others to refuse."""
        watch = Watch()
        outcomes = self.job.run(assignments, report)
        used = _share(watch.read(), max(len(assignments), 1), self.workers)
        return [replace(item, usage=used) if isinstance(item, Outcome) else item for item in outcomes]


def _share(usage: Usage, among: int, workers: int) -> Usage:
    """One of ``among`` equal shares; the memory was one peak for all."""
    if among == workers == 1:
        return usage
    return replace(
        usage,
        wall_seconds=usage.wall_seconds.times(1 / among),
        cpu_seconds=usage.cpu_seconds.times(1 / among),
        gpu_seconds=usage.gpu_seconds.times(1 / (among * workers)),
    )
