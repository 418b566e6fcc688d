"""Roles that cannot say what they are asked: without a class, with constant features, or too small."""

from __future__ import annotations

import math

import numpy as np

from holdfast.data.leakage.finding import Finding, in_words, joined
from holdfast.data.leakage.view import JUDGED, View

DISAGREE = 0.1
"""Two finalists are taken to disagree on one row in ten; for numbers, their squared errors to correlate by 0.9."""

SURE = 2.802
"""1.960 + 0.842: a difference found in four of five cases at the 5% level, in standard errors."""

COARSE = 0.05
"""A role that does not show a difference of so much between finalists is a finding."""

FINE = 0.01
"""The difference that the needed number of rows is told for."""

CHANCE = 1e-3
"""What leaves a column constant by chance more rarely than so is a finding."""


def classes(view: View) -> list[Finding]:
    """Classes without a row in a role to judge on, and features that vary, but not where the model learns."""
    found = []
    names = view.schema.classes
    if names is not None and view.y is not None:
        for role in (role for role in JUDGED if (view.role == role).any()):
            absent = np.setdiff1d(np.arange(len(names)), view.y[view.role == role])
            if len(absent):
                which = joined([f"'{names[code]}'" for code in absent[:5]])
                more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
                what = "class" if len(absent) == 1 else "classes"
                text = f"the {role} rows hold no row of {what} {which}{more}, so no score there says anything of it"
                remedy = f"give {role} a larger share, leave stratify on, or merge rare classes"
                found.append(Finding("classes", "warning", text, remedy))
    constant = [column.name for column in view.schema.features if _constant_in_train(view, column.name)]
    if constant:
        which = joined([f"'{name}'" for name in constant[:5]])
        more = f" and {len(constant) - 5} more" if len(constant) > 5 else ""
        text = f"{which}{more} varied in the table but not in the train rows, so no model learns from it"
        remedy = "leave it out, or divide the rows such that the train rows hold more of its values"
        found.append(Finding("classes", "warning", text, remedy, tuple(constant)))
    return found


MORE = {
    "train": "folds are taken already, so ",
    "validation": "take a larger share, or folds, and ",
    "select": "take a larger share, and ",
}
"""What shows smaller differences, by role."""


def size(view: View) -> list[Finding]:
    """Roles by which configurations are picked and that hold too few rows to tell two good ones apart.

    Two classifiers that disagree on a share d of n rows differ in accuracy with a standard error of at most sqrt(d / n)
    (McNemar 1947); normal errors whose squares correlate by r make the mean squared error differ with one of
    2 sqrt((1 - r) / n) of its value, the rmse with half of that. With d = 0.1 and r = 0.9 both are 0.32 / sqrt(n), in
    shares of 1 and of the rmse. A difference of `SURE` standard errors is found in four of five cases. Rows of one
    group count once.
    """
    if view.y is None:
        return []
    found = []
    parts = {"train": "the folds of the train rows"} if view.has_folds else {"validation": "the validation rows"}
    for role, words in {**parts, "select": "the select rows"}.items():
        rows = view.role == role
        if not rows.any():
            continue
        n, unit = _independent(view, rows)
        least = SURE * math.sqrt(DISAGREE / n)
        if least <= COARSE:
            continue
        what = " points of accuracy" if view.schema.is_classification else "% of the rmse"
        text = (
            f"{words} ({in_words(n, unit)}) show a difference between two finalists only from about "
            f"{100 * least:.2g}{what} on"
        )
        remedy = (
            f"{_needed(COARSE):,} {unit}s would show {100 * COARSE:g} and {_needed(FINE):,} would show {100 * FINE:g}; "
            f"{MORE[role]}read the winner as one of several equals"
        )
        found.append(Finding("size", "warning", text, remedy, count=n))
    return found


def _needed(difference: float) -> int:
    """How many rows show a difference, rounded up to two digits."""
    exact = DISAGREE * (SURE / difference) ** 2
    digits = 10 ** max(math.floor(math.log10(exact)) - 1, 0)
    return int(math.ceil(exact / digits) * digits)


def _independent(view: View, rows: np.ndarray) -> tuple[int, str]:
    """How many independent rows there are, and what they are."""
    if view.schema.group is None:
        return int(rows.sum()), "row"
    return int(view.frame[view.schema.group].filter(rows).n_unique()), "group"


def _constant_in_train(view: View, name: str) -> bool:
    """Whether a feature has one value in the train rows, and more others elsewhere than chance would put there."""
    cells = view.values[name] if name in view.values else view.codes[name]
    train = cells[view.train]
    if not len(train):
        return False
    first = train[0]
    same = np.isnan(cells) if first != first else cells == first  # noqa: PLR0124 - NaN differs from itself
    if not same[view.train].all():
        return False
    others = int((~same).sum())
    return (1 - len(train) / len(cells)) ** others < CHANCE
