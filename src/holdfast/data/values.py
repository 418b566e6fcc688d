"""What one cell says: a number, a date, true or false, the name of a category."""

from __future__ import annotations

import datetime as dt
import re

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.ASCII | re.IGNORECASE)
"""The spelling of a number; the digits are ASCII."""

ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)

TRUTH = {"true": True, "false": False}


def parse_number(text: str) -> float | None:
    """The number that a text spells (infinite for "inf" and for what no float64 can hold), or None."""
    return float(text) if NUMBER.fullmatch(text) else None


def parse_iso(text: str) -> dt.date | None:
    """The date, or the date and time (a `datetime.datetime`), that a text spells as ISO 8601 does, or None."""
    if not ISO.fullmatch(text):
        return None
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
        return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None


def parse_boolean(value: object) -> float | None:
    """1.0 for true or one, 0.0 for false or zero, None for everything else; texts in any case."""
    if isinstance(value, str):
        truth = TRUTH.get(value.lower())
        value = parse_number(value) if truth is None else truth
    return float(value) if isinstance(value, int | float) and value in {0, 1} else None


def category_name(value: object) -> str:
    """The name of a category: ``1`` and ``1.0`` are "1", true is "true", a date its ISO text, a text itself."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
