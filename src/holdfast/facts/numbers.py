"""Numbers and values as people read them: four significant digits, plain words, short hashes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from holdfast.records import Direction, Score, Value, number_from_json

LONGEST_VALUE = 120
"""Characters of a free text that a table cell shows."""


def number(value: float | str) -> str:
    """Four significant digits; takes what `number_to_json` writes, too.

    >>> number(0.972222), number(1234567), number("nan")
    ('0.9722', '1.235e+06', 'nan')
    """
    value = number_from_json(value)
    if value == int(value) if math.isfinite(value) else False:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.4g}"
    return f"{value:.4g}"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number of things in words.

    >>> count(1, "trial"), count(2, "trial"), count(12345, "row")
    ('1 trial', '2 trials', '12,345 rows')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def interval(score: Score) -> str:
    """The bounds of a score with their level, or a plain statement that it has none."""
    if score.low is None or score.high is None:
        return "none"
    return f"{number(score.low)} to {number(score.high)} ({percent(score.level)})"


def percent(share: float) -> str:
    """A level of confidence.

    >>> percent(0.95), percent(0.975)
    ('95%', '97.5%')
    """
    return f"{100 * share:.6g}%"


def share(part: float) -> str:
    """A part of a whole.

    >>> share(0.004), share(0.534)
    ('less than 1%', '53%')
    """
    return "less than 1%" if 0 < part < 0.01 else percent(round(part, 2))


def better(direction: Direction) -> str:
    """What a direction means."""
    return "lower is better" if direction == "minimize" else "higher is better"


def shown(value: Value) -> str:
    """A hyperparameter's value, rounded; what is no number is shown as it is, shortened if it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    return shortened(value) if isinstance(value, str) else number(value)


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """One line of at most ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def short_hash(sha256: str | None) -> str:
    """The first 16 characters of a hash, enough to compare by eye."""
    return "" if sha256 is None else sha256[:16]


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(0.25), duration(75), duration(7320)
    ('0.25 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(time: float) -> str:
    """Seconds since 1970 as a date and a time of day in UTC, for people.

    >>> moment(1e9)
    '2001-09-09 01:46:40'
    """
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def utc(time: float | None) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; empty for None."""
    return "" if time is None else datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
