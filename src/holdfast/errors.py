"""Every error is one sentence: what is wrong, where, and what would be right.

    HoldfastError                 the work failed (exit code 1)
    ├── RequestError              the request was wrong (exit code 2)
    │   ├── PlanError             a plan.toml, with file, line and key
    │   ├── SpaceError            a search space or a configuration
    │   ├── DataError             a table, its columns, its roles
    │   ├── MissingExtraError     a package that an extra installs
    │   └── BusyStudyError        another process has the study for itself; retry
    ├── LogError                  a log that cannot be opened, read or written
    │   ├── BusyLogError          a locked file, or a server that does not answer; retry
    │   ├── NewerLogError         a log of a newer holdfast (exit code 2)
    │   └── TamperError           a log whose hashes do not match its events
    ├── SealError                 the test set would be opened without permission
    ├── MetricError               a metric of one's own raised an error
    ├── ExhaustedError            nothing is left to try
    │   └── NothingYetError       nothing to try until a running trial is told; retry
    └── StudyHaltedError          the objective fails the same way again and again

`retry` says whether the same call may succeed later without a change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

LONGEST_SHOWN = 60
"""The most characters of a value that a sentence shows."""


class HoldfastError(Exception):
    """The base of every error that holdfast raises on purpose."""

    retry: bool = False
    exit_code: int = 1


class RequestError(HoldfastError):
    """The request was wrong; nothing was done.

    ``keys`` leads to the part of a plan that it is about, within the table that is being read.
    """

    exit_code = 2
    keys: tuple[str, ...] = ()


class PlanError(RequestError):
    """A plan holds something that cannot be meant."""


class SpaceError(RequestError):
    """A search space, or a configuration outside of it."""


class DataError(RequestError):
    """A table that cannot serve: its file, its columns, its rows or their roles."""


class MissingExtraError(RequestError):
    """A package is needed that an extra installs."""


class BusyStudyError(RequestError):
    """Another process has the study for itself, and nothing was done: wait for it, or stop it."""

    retry = True


class LogError(HoldfastError):
    """A log cannot be opened, read or written."""


class BusyLogError(LogError):
    """The log is locked by another process, or its server does not answer, for longer than holdfast waits."""

    retry = True


class NewerLogError(LogError):
    """A log in a format that only a newer holdfast reads: the request is for that one, and nothing was done."""

    exit_code = 2


class MissingBlobError(LogError):
    """A log lacks a blob."""


class TamperError(LogError):
    """The hashes of a log do not match its events or blobs."""


class SealError(HoldfastError):
    """The test set would be opened without permission, or its file is not what was sealed."""


class MetricError(HoldfastError):
    """A metric of one's own raised an error; the message says which, where, and of how many rows."""


class ExhaustedError(HoldfastError):
    """Nothing is left to try: the space is used up, or the budget is spent."""


class NothingYetError(ExhaustedError):
    """Nothing is left to try now, which running trials may change when they are told."""

    retry = True


class StudyHaltedError(HoldfastError):
    """The objective failed the same way several times in a row; the message holds the real error."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known word nearest to ``word``, or an empty string."""
    import difflib

    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""


@contextmanager
def concerning(*keys: str) -> Iterator[None]:
    """Say of every request that is wrong in here which keys of a plan it is about."""
    try:
        yield
    except RequestError as exc:
        exc.keys = (*keys, *exc.keys)
        raise


def shown(value: Any) -> str:
    """A value as a sentence shows it: as it stands in a plan where it has a form there, and cut off if it is long.

    >>> shown(True), shown("a"), shown({"low": 1})
    ('true', "'a'", 'a table')
    """
    import datetime as dt

    match value:
        case bool():
            text = str(value).lower()
        case dict():
            return "a table"
        case dt.date() | dt.time():
            text = value.isoformat()
        case float() if math.isinf(value):
            text = "inf" if value > 0 else "-inf"
        case int() if abs(value) >= 10**LONGEST_SHOWN:
            return f"{'-' if value < 0 else ''}1e{int(math.log10(abs(value)))}"
        case list():
            text = f"[{', '.join(map(shown, value[:10]))}{', ...' if len(value) > 10 else ''}]"
        case _:
            text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
