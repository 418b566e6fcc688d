"""What a trial has reported since it began or went on, as far as a strategy that pauses trials has to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """What a trial has reported so far.

    Attributes:
        step: the last step; None before the first report.
        names: what was reported there.
        whole: the last step at which all objectives were reported.
    """

    step: int | None = None
    names: tuple[str, ...] = ()
    whole: int | None = None

    @staticmethod
    def of(reports: Iterable[tuple[int, Mapping[str, float]]], objectives: Sequence[str]) -> Said:
        """What these reports come to."""
        said = Said()
        for step, metrics in reports:
            said = said.then(step, metrics, objectives)
        return said

    def then(self, step: int, metrics: Mapping[str, float], objectives: Sequence[str]) -> Said:
        """With one more report."""
        return Said(step, tuple(metrics), step if all(name in metrics for name in objectives) else self.whole)

    def lacking(self, number: int, until: int, most: int | None, objectives: Sequence[str]) -> str:
        """That a trial was to run to a step and has not reported all objectives there, in a sentence; else empty.

        Without them no strategy can pause or clone it. They may be missing on the way there, and at the fidelity's
        ``most`` step, where the value that is returned has them.
        """
        if self.step is None or (
            self.whole is not None and (self.whole >= until or self.step < until or until == most)
        ):
            return ""
        only = " and ".join(f"'{name}'" for name in self.names)
        wanted = " and ".join(f"'{name}'" for name in objectives if name not in self.names)
        return f"trial {number} was to run to step {until} and reported only {only}; report {wanted} too"
