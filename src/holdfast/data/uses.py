"""Which rows have been looked at before: sets of rows, known by their hashes, that configurations were judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.data.fingerprint import overlap
from holdfast.data.roles import Role


@dataclass(frozen=True, eq=False)
class Use:
    """A set of rows that a study judged configurations by.

    Attributes:
        study: its name.
        role: what the rows were for: validation (those of folds, too), select or test.
        configurations: how many were judged; of a search that has not told yet, how many it may try.
        hashes: shape (U,), those of the rows, see `holdfast.data.fingerprint`.
    """

    study: str
    role: Role
    configurations: int
    hashes: np.ndarray

    def words(self, shared: int) -> str:
        """Who looked, at how many of the rows in question, and with how many configurations."""
        many = "1 configuration" if self.configurations == 1 else f"{self.configurations:,} configurations"
        return f"by study '{self.study}', as {self.role} rows, {many} on {shared:,} of these rows"


@dataclass(frozen=True, eq=False)
class Seen:
    """A table by its rows' hashes, shape (N,), and what was looked at before it was divided."""

    hashes: np.ndarray
    uses: Sequence[Use]


def looked_at(own: np.ndarray, role: Role, use: Use, table: np.ndarray) -> np.ndarray:
    """Which rows of a role are among those of an earlier use, shape (n,), bool.

    Of rows that are equal in every column nobody can say which is which. Where the role is the same they are taken for
    the same rows, as often as both sets have them. Where it is another one, equal rows in two roles of one table would
    pass for a look; so only as many count as must be in both sets: n(own) + n(use) - n(table), where that is above 0.

    Args:
        own: shape (n,), the hashes of the rows.
        role: what they are for.
        use: an earlier use of rows of this or another table.
        table: shape (N,), the hashes of all rows of the table that ``own`` are of.
    """
    if not overlap(own, use.hashes):
        return np.zeros(len(own), dtype=bool)
    values, code, many = np.unique(own, return_inverse=True, return_counts=True)
    both = np.minimum(many, _counts(values, use.hashes))
    if role != use.role:
        both = np.clip(many + _counts(values, use.hashes) - np.maximum(_counts(values, table), many), 0, both)
    order = np.argsort(code, kind="stable")
    rank = np.empty(len(own), dtype=np.int64)
    rank[order] = np.arange(len(own)) - (np.cumsum(many) - many)[code[order]]
    return np.asarray(rank < both[code])


def _counts(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How often each of some different values, ascending, is among rows; shape of ``values``."""
    found, many = np.unique(rows, return_counts=True)
    place = np.searchsorted(found, values).clip(max=len(found) - 1)
    return np.where(found[place] == values, many[place], 0)
