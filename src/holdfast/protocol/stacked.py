"""Training the networks of several trials at once: what they all wait for is advanced in stacks.

A trial is a generator: it yields the runs that it needs advanced, and goes on when that is done. So configurations and
folds go into one stack, and the study sees ordinary trials, with their own scores, failures and shares of the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.records import Outcome
from holdfast.study.jobs import Clock

if TYPE_CHECKING:
    from holdfast.train.stacked.stack import Row

Steps = Generator["list[Row]", None, Outcome]
"""A trial; what it does before it yields for the first time is no part of its training."""


def side_by_side(trials: Iterable[Steps], most: Callable[[], int], *, deterministic: bool = False) -> list[Outcome]:
    """The outcomes of trials, each with its own seconds, in their order.

    Args:
        trials: as many as are given go on side by side.
        most: how many may do so at once, asked when the first one has begun.
        deterministic: whether the shape of networks alone decides how they are trained.
    """
    waiting, outcomes = list(trials), []
    while waiting:
        begun = [_Trial(waiting.pop(0))]
        while waiting and len(begun) < most():
            begun.append(_Trial(waiting.pop(0)))
        _finish(begun, deterministic=deterministic)
        outcomes += [trial.outcome for trial in begun if trial.outcome is not None]
    return outcomes


class _Trial:
    """A trial that has begun: its outcome once it has one, and what it took."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._rows: list[Row] = []
        self._seconds = self._cpu_seconds = 0.0
        self.outcome: Outcome | None = None
        self.go_on(lambda: next(steps))
        self._seconds = self._cpu_seconds = 0.0

    def go_on(self, step: Callable[[], list[Row]] | None = None) -> list[Row]:
        """The runs that it waits for next; none once it has ended."""
        clock = Clock()
        try:
            rows = next(self._steps) if step is None else step()
        except StopIteration as end:
            rows, outcome = [], end.value
        else:
            outcome = None
        seconds, cpu_seconds = clock.read()
        self._seconds += seconds
        self._cpu_seconds += cpu_seconds
        self._rows += rows
        if outcome is not None:
            self.outcome = dataclasses.replace(
                outcome,
                seconds=self._seconds + sum(row.seconds for row in self._rows),
                cpu_seconds=self._cpu_seconds + sum(row.cpu_seconds for row in self._rows),
                extra=with_choice(outcome.extra, self._rows),
            )
        return rows

    def fail(self, error: Exception) -> None:
        """Let it go on as if what it waited for had raised this."""
        self.go_on(lambda: self._steps.throw(error))


def with_choice(extra: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """What is kept beside a trial, and how its networks were trained, where a row of its own was told that.

    It is the ``stack``; what cannot be stacked is among the ``notes``, too.
    """
    choices = [row.choice for row in rows if row.choice is not None]
    if not choices:
        return dict(extra)
    notes = {choice.text for choice in choices if choice.failure is not None}
    told = {"notes": sorted({*extra.get("notes", ()), *notes})} if notes else {}
    return {**extra, **told, "stack": dataclasses.asdict(choices[-1])}


def _finish(trials: list[_Trial], *, deterministic: bool) -> None:
    """Take turns until every trial has ended."""
    while going := [trial for trial in trials if trial.outcome is None]:
        rows = [row for trial in going for row in trial.go_on()]
        if not rows:
            continue
        from holdfast.train.stacked.together import advance_together

        try:
            advance_together(rows, deterministic=deterministic)
        except Exception as exc:  # noqa: BLE001 - it is a failure of every trial that waits, and kept in the log
            for trial in going:
                if trial.outcome is None:
                    trial.fail(exc)
