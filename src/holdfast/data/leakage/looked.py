"""Rows to choose by or to test on that an earlier study was judged on: they are not untouched."""

from __future__ import annotations

import numpy as np

from holdfast.data.leakage.finding import Finding, in_words, some
from holdfast.data.leakage.view import View
from holdfast.data.roles import Role
from holdfast.data.uses import Use, looked_at

UNTOUCHED: tuple[Role, ...] = ("select", "test")
"""The roles whose rows nobody should have looked at."""

NAMED = 3
"""So many earlier studies are named."""


def looked(view: View, hashes: np.ndarray, uses: list[Use]) -> list[Finding]:
    """Select and test rows that had another role in an earlier study, and configurations were judged by them.

    That the same rows are select rows, or test rows, once more is no finding: looks at select rows and openings of test
    rows are counted, and their intervals pay for them.

    Args:
        view: the split table.
        hashes: shape (N,), those of its rows.
        uses: of rows in the same store before.
    """
    found = []
    for role in UNTOUCHED:
        rows = np.flatnonzero(view.role == role)
        known, by = np.zeros(len(rows), dtype=bool), []
        for use in uses:
            shared = np.zeros(len(rows), dtype=bool)
            if use.role != role and len(rows):
                shared = looked_at(hashes[rows], role, use, hashes)
            if shared.any():
                known |= shared
                by.append(use.words(int(shared.sum())))
        if by:
            more = [f"and {in_words(len(by) - NAMED, 'more look')}"] if len(by) > NAMED else []
            text = (
                f"{int(known.sum()):,} of {len(rows):,} {role} rows were looked at before: "
                f"{'; '.join([*by[:NAMED], *more])}"
            )
            remedy = (
                "take rows that no study of this store was judged on, or the seed and the shares of the earlier study, "
                "so that every row keeps its role"
            )
            found.append(
                Finding("looked-at", "warning", text, remedy, (), some(view.numbers, rows[known]), int(known.sum()))
            )
    return found
