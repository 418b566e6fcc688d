"""What a check before the first fit may find, and what the checks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Severity = Literal["warning", "note"]
"""A warning is an error where the plan says ``strict = true``; a note never is."""

CHECKS: dict[str, str] = {
    "duplicates": "rows that equal a row the model learns from, in every feature",
    "near-duplicates": "rows that are far nearer to a row the model learns from than chance puts them",
    "groups": "a column that looks like a key of groups, and has values on both sides",
    "target": "a feature that by itself nearly is the target",
    "identifiers": "features that number or name the rows",
    "dates": "rows to learn from that are later than rows to judge, and features later than their row",
    "looked-at": "rows to choose by or to test on that an earlier study of the store was judged on",
    "classes": "classes without a row to judge, and features that are constant where the model learns",
    "size": "too few rows to tell two finalists apart",
}
"""Each check by its name, and what it looks for."""

MOST_ROWS = 5
"""So many rows are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found.

    Attributes:
        name: the check, one of `CHECKS`.
        severity: ``"warning"``, or ``"note"`` for what a person should know and nobody has to mend.
        text: what is there, a sentence.
        remedy: what to do about it, a sentence.
        columns: the columns it is about.
        rows: a few of the rows it is about, counted from 1 in the table as it was given.
        count: how many rows there are of that kind.
        accepted: whether the plan says that it is known and all right.
    """

    name: str
    severity: Severity
    text: str
    remedy: str
    columns: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    count: int = 0
    accepted: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.text}; {self.remedy}"

    def is_accepted_by(self, accept: Sequence[str]) -> bool:
        """Whether a list of ``name`` and ``name:column`` holds this check, or it for each of the columns."""
        each = [f"{self.name}:{column}" for column in self.columns]
        return self.name in accept or (bool(each) and all(name in accept for name in each))

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        return {
            "name": self.name,
            "severity": self.severity,
            "text": self.text,
            "remedy": self.remedy,
            "columns": list(self.columns),
            "rows": list(self.rows),
            "count": self.count,
            "accepted": self.accepted,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Finding:
        """The finding that `to_json` wrote."""
        return Finding(**{**data, "columns": tuple(data["columns"]), "rows": tuple(data["rows"])})


@dataclass(frozen=True, slots=True)
class Findings:
    """What all checks have found, and what they could not look at.

    Attributes:
        found: in the order of `CHECKS`.
        limits: sentences on what was looked at in part only, or not at all.
    """

    found: tuple[Finding, ...]
    limits: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[Finding]:
        """The warnings that nobody has accepted."""
        return [each for each in self.found if each.severity == "warning" and not each.accepted]

    def with_accepted(self, accept: Sequence[str]) -> Findings:
        """The same, those marked that are known and all right, as ``name`` or ``name:column``."""
        return replace(self, found=tuple(replace(each, accepted=each.is_accepted_by(accept)) for each in self.found))

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        return {
            "findings": [each.to_json() for each in self.found],
            "limits": list(self.limits),
            "checks": list(CHECKS),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Findings:
        """What `to_json` wrote."""
        return Findings(tuple(map(Finding.from_json, data["findings"])), tuple(data["limits"]))


def some(numbers: np.ndarray, rows: np.ndarray) -> tuple[int, ...]:
    """The first of the rows at ``rows`` (positions), as a person counts them; ``numbers``, shape (N,), are from 0."""
    return tuple(int(number) + 1 for number in numbers[rows[:MOST_ROWS]])


def in_words(n: int, what: str) -> str:
    """A number of things in words.

    >>> in_words(1, "row"), in_words(1234, "row")
    ('1 row', '1,234 rows')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def joined(words: Sequence[str]) -> str:
    """Words in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def percent(share: float) -> str:
    """A share in words, never 100% for less than all.

    >>> percent(0.5), percent(0.9996), percent(1.0)
    ('50%', '99.96%', '100%')
    """
    rounded = f"{100 * share:.3g}"
    return f"{100 * share:.4g}%" if rounded == "100" and share < 1 else f"{rounded}%"
