"""What a trial has reported since it began or went on, as far as a strategy that pauses trials has to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RequestError, shown
from holdfast.records import LARGEST_STEP, as_whole


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


def next_step(number: int, step: Any, last: int | None, most: int | None) -> int:
    """The step of a report, as a whole number.

    Args:
        number: the trial's.
        step: what it gave.
        last: the step of its last report, or of the checkpoint that it goes on from; None for neither.
        most: the fidelity's last step; None where the study declares none.

    Raises:
        RequestError: for a step that is no whole number from 0 up, is not above ``last``, or is beyond ``most``.
    """
    at = _whole_step(number, step, "reported at")
    if last is not None and at <= last:
        raise RequestError(
            f"trial {number} reported at step {at} after step {last}; steps go up, and each is reported once"
        )
    if most is not None and at > most:
        raise RequestError(
            f"trial {number} reported at step {at}, and the study's fidelity ends at {most}; return where the verdict "
            "is not to continue, or declare a fidelity with a higher max"
        )
    return at


def saved(number: int, data: Any, step: Any, most: int | None) -> tuple[bytes, int]:
    """A checkpoint and its step, as bytes and a whole number.

    Raises:
        RequestError: for anything but bytes, and for a step that is none, or is beyond the fidelity's ``most``.
    """
    at = _whole_step(number, step, "saved a checkpoint of")
    if most is not None and at > most:
        raise RequestError(
            f"trial {number} saved a checkpoint of step {at}, and the study's fidelity ends at {most}; name the step "
            "that it was trained to"
        )
    try:
        return bytes(memoryview(data)), at
    except TypeError:
        raise RequestError(
            f"trial {number} saved {shown(data)}, which is no bytes; pack it first, as pickle.dumps(...) or "
            "json.dumps(...).encode() do"
        ) from None


def _whole_step(number: int, step: Any, did: str) -> int:
    at = as_whole(step)
    if at is None or not 0 <= at <= LARGEST_STEP:
        raise RequestError(
            f"trial {number} {did} step {shown(step)}; a step is a whole number from 0 up to {LARGEST_STEP:,}"
        )
    return at
