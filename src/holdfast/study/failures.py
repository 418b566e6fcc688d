"""What failed trials say, and which failures speak of a broken objective."""

from __future__ import annotations

import re

from holdfast.records import Cause, Outcome, TrialState

_TRACEBACK = re.compile(r"(?:  \+ Exception Group )?Traceback \(most recent call last\):$")
_NUMBER = re.compile(r"0x[0-9a-f]+|[-+]?\d[\d_,.]*(?:e[-+]?\d+)?|[-+]?\b(?:nan|inf)\b", re.IGNORECASE)


def is_alike(first: Outcome, second: Outcome) -> bool:
    """Whether two failures are the same: their causes agree, and what their errors say but for numbers."""
    return first.cause is second.cause and _without_numbers(first.error) == _without_numbers(second.error)


def _without_numbers(error: str | None) -> str:
    """What an error says with one sign for every number in it, such as the trial's, a value or an address."""
    return _NUMBER.sub("#", error_line(error))


def error_line(error: str | None) -> str:
    """What an error says, in a line: of a traceback the exception that it ends with and the first line of its message.

    Of holdfast's own errors it is the sentence alone; of a text that is no traceback the last line.
    """
    lines = (error or "").rstrip().splitlines()
    begins = [at for at, line in enumerate(lines) if _TRACEBACK.match(line)]
    if begins:
        behind = [line.removeprefix("  | ") for line in lines[begins[-1] + 1 :]]
        lines = [line.rstrip().removesuffix(":") for line in behind if line and not line.startswith(" ")][:1] or lines
    return re.sub(r"^holdfast\.errors\.\w+: ", "", lines[-1]) if lines else ""


def counts_as_failure(outcome: Outcome) -> bool:
    """Whether an outcome speaks of a broken objective; one that diverged, or ran out of budget, does not."""
    return outcome.state is TrialState.FAILED and outcome.cause not in {Cause.DIVERGED, Cause.BUDGET}
