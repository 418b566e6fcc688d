"""Which earlier rows a fold in the order of time may learn from: a gap before it, and a window that slides along."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from holdfast.errors import DataError, nearest, shown

DAYS = {"second": 1 / 86_400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
"""The units of a duration, in days."""

SAME = 1e-9
"""Days by which two clock readings may differ through rounding alone: a tenth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: so many ``rows``, or so many ``days``; ``text`` is how a person wrote it."""

    rows: int | None
    days: float | None
    text: str


def span_of(value: int | str, key: str) -> Span:
    """A whole number of rows, or a duration such as ``"7 days"``, ``"36 hours"`` or ``"1 week"``.

    Raises:
        DataError: if it is neither, or not above 0.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise DataError(f"the split has {key} = {value}; it needs at least 1 row, or leave it out")
        return Span(value, None, f"{value} row" if value == 1 else f"{value} rows")
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", str(value))
    unit = None if found is None else found[2].lower().removesuffix("s")
    if found is None or unit not in DAYS:
        near = "" if found is None else nearest(found[2], [*DAYS, *(f"{name}s" for name in DAYS)])
        raise DataError(
            f"the split has {key} = {shown(value)}{near}; it should be a whole number of rows, or a duration such as "
            f'"7 days" in {", ".join(f"{name}s" for name in DAYS)}'
        )
    days = float(found[1]) * DAYS[unit]
    if days <= 0:
        raise DataError(f"the split has {key} = {shown(value)}; a duration is longer than nothing, or leave it out")
    return Span(None, days, f"{found[1]} {found[2].lower()}")


def before(times: np.ndarray, start: float, gap: Span | None = None, window: Span | None = None) -> np.ndarray:
    """Which rows lie before a moment, less a gap, and no further back than a window; shape (N,), bool.

    Rows of one moment stay together: a gap of g rows leaves out at least g, and a window of w rows holds at least w
    where there are as many. With a gap in days, what is left lies at least so long before ``start``; a window in days
    ends with the latest row that is left.

    Args:
        times: shape (N,); days, where gap or window is a duration.
        start: the moment of the first row that is judged.
        gap: what is left out before it.
        window: what is kept of the rest, counted from its end.
    """
    kept: np.ndarray = times < start
    if gap is not None:
        if gap.days is not None:
            kept &= times <= start - gap.days + SAME
        elif gap.rows is not None:
            kept &= times < _from_end(times[kept], gap.rows)
    if window is not None and kept.any():
        if window.days is not None:
            kept &= times > times[kept].max() - window.days + SAME
        elif window.rows is not None:
            kept &= times >= _from_end(times[kept], window.rows)
    return kept


def _from_end(times: np.ndarray, rows: int) -> float:
    """The moment of the row that is so many rows from the end; before all moments where there are fewer."""
    if rows > len(times):
        return -np.inf
    return float(np.partition(times, len(times) - rows)[len(times) - rows])
