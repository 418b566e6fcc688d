"""What the order of decisions costs: the share of the workers' time in which they had nothing to do."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.records import Event
from holdfast.study.ordered import ENDS, GIVEN


def idle_share(events: Iterable[Event], workers: int) -> float | None:
    """The part of the workers' time, from the first trial of a session to its last event, in which none ran a trial.

    None before any trial has ended. What passes between two sessions does not count, and trials that a session left
    behind count as running from where the next one has restarted them.

    Args:
        events: of the log.
        workers: of the study.
    """
    total = busy = 0.0
    running: set[int] = set()
    last: float | None = None
    ended = False
    for event in events:
        if event.kind == "run.began":
            running, last = set(), None
        if last is not None:
            passed = max(event.time - last, 0.0)
            total += workers * passed
            busy += min(len(running), workers) * passed
            last = event.time
        if event.kind in GIVEN or event.kind == "trial.restarted":
            running.add(event.data["trial"])
            last = event.time
        elif event.kind in ENDS:
            running.discard(event.data["trial"])
            ended = True
    return None if not ended or total == 0.0 else 1.0 - busy / total
