"""Every error is one sentence: what is wrong, where, and what would be right.

    HoldfastError                 the work failed (exit code 1)
    ├── RequestError              the request was wrong (exit code 2)
    │   ├── PlanError             a plan.toml, with file, line and key
    │   ├── SpaceError            a search space or a configuration
    │   ├── DataError             a table, its columns, its roles
    │   └── MissingExtraError     a package that an extra installs
    ├── LogError                  a log that cannot be opened, read or written
    │   └── TamperError           a log whose hashes do not match its events
    ├── SealError                 the test set would be opened without permission
    ├── ExhaustedError            nothing is left to try
    └── StudyHaltedError          the objective fails the same way again and again

`retry` says whether the same call may succeed later without a change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HoldfastError(Exception):
    """The base of every error that holdfast raises on purpose."""

    retry: bool = False
    exit_code: int = 1


class RequestError(HoldfastError):
    """The request was wrong; nothing was done."""

    exit_code = 2


class PlanError(RequestError):
    """A plan holds something that cannot be meant."""


class SpaceError(RequestError):
    """A search space, or a configuration outside of it."""


class DataError(RequestError):
    """A table that cannot serve: its file, its columns, its rows or their roles."""


class MissingExtraError(RequestError):
    """A package is needed that an extra installs."""


class LogError(HoldfastError):
    """A log cannot be opened, read or written."""


class TamperError(LogError):
    """The hashes of a log do not match its events or blobs."""


class SealError(HoldfastError):
    """The test set would be opened without permission, or its file is not what was sealed."""


class ExhaustedError(HoldfastError):
    """Nothing is left to try: the space is used up, the budget is spent, or running trials must finish first."""


class StudyHaltedError(HoldfastError):
    """The objective failed the same way several times in a row; the message holds the real error."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known word nearest to ``word``, or an empty string."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""
