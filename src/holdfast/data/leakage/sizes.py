"""Roles that cannot say what they are asked: without a class, with constant features, or too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.leakage.finding import Finding, in_words, joined
from holdfast.data.leakage.view import JUDGED, View
from holdfast.data.weights import weights_of
from holdfast.stats.uneven_rows import worth

if TYPE_CHECKING:
    import polars as pl

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


def empty(columns: Sequence[pl.Series]) -> list[Finding]:
    """Columns without a value in any row, which a plan leaves out and says so."""
    known = [each.fill_nan(None) if each.dtype.is_float() else each for each in columns]
    names = [each.name for each in known if each.null_count() == len(each)]
    if not names:
        return []
    which = joined([f"'{name}'" for name in names])
    text = f"{which} {'has' if len(names) == 1 else 'have'} no value in any row"
    remedy = "leave out what is empty, or look for what should be there"
    return [Finding("classes", "note", text, remedy, tuple(names))]


MORE = {
    "train": "folds are taken already, so ",
    "validation": "take a larger share, or folds, and ",
    "select": "take a larger share, and ",
}
"""What shows smaller differences, by role."""


BY_ERRORS = frozenset({"rmse", "mse", "r2"})
"""Metrics of numbers that follow from the mean squared error."""

BY_CLASS = frozenset({"balanced_accuracy", "recall_macro"})
"""Metrics that are the mean over the classes of the share of rows that is right."""


@dataclass(frozen=True)
class _Evidence:
    """What a role can say by a metric.

    Attributes:
        n: how many independent rows count.
        worth: as how many rows of an accuracy they are.
        unit: what they are, one of them, and of which class.
        scale: in what a difference is told.
        beside: what is to be said beside it.
    """

    n: int
    worth: float
    unit: tuple[str, str]
    scale: str
    beside: str = ""

    @property
    def least(self) -> float:
        """The difference that is found in four of five cases."""
        return SURE * math.sqrt(DISAGREE / self.worth)

    def needed(self, difference: float) -> str:
        """How many rows show a difference, rounded up to two digits."""
        exact = DISAGREE * (SURE / difference) ** 2 * self.n / self.worth
        digits = 10 ** max(math.floor(math.log10(exact)) - 1, 0)
        return f"{int(math.ceil(exact / digits) * digits):,}"


def size(view: View) -> list[Finding]:
    """Roles by which configurations are picked and that hold too few rows to tell two good ones apart.

    Two classifiers that disagree on a share d of n rows differ in accuracy with a standard error of at most sqrt(d / n)
    (McNemar 1947); normal errors whose squares correlate by r make the mean squared error differ with one of
    2 sqrt((1 - r) / n) of its value, the rmse with half of that. With d = 0.1 and r = 0.9 both are 0.32 / sqrt(n), in
    shares of 1 and of the rmse. A difference of `SURE` standard errors is found in four of five cases. Rows of one
    group count once, and rows that weigh unevenly for what they are worth (Kish). For a recall the rows of the positive
    class count; for its mean over K classes of n_k rows, K^2 / sum(1 / n_k) stands for n.
    """
    if view.y is None:
        return []
    found = []
    parts = {"train": "the folds of the train rows"} if view.has_folds else {"validation": "the validation rows"}
    for role, words in {**parts, "select": "the select rows"}.items():
        by = _evidence(view, view.role == role)
        if by is None or by.least <= COARSE:
            continue
        unit, of = by.unit
        text = (
            f"{words} ({in_words(by.n, unit)}{of}) show a difference between two finalists only from about "
            f"{100 * by.least:.2g}{by.scale} on{by.beside}"
        )
        remedy = (
            f"{by.needed(COARSE)} {unit}s{of} would show {100 * COARSE:g} and {by.needed(FINE)} would show "
            f"{100 * FINE:g}; {MORE[role]}read the winner as one of several equals"
        )
        found.append(Finding("size", "warning", text, remedy, count=by.n))
    return found


def _evidence(view: View, rows: np.ndarray) -> _Evidence | None:
    """What some rows can say; None where there are none that count."""
    assert view.y is not None
    metric, names = view.metric, view.schema.classes
    n, unit = _independent(view, rows)
    share = _worth_of_weights(view, rows)
    if names is not None and metric == "recall":
        n, unit = _independent(view, rows & (view.y == 1))
        share = _worth_of_weights(view, rows & (view.y == 1))
        return None if n == 0 else _Evidence(n, share * n, (unit, f" of class '{names[1]}'"), " points of recall")
    if n == 0:
        return None
    if names is not None and metric in BY_CLASS:
        of_classes = [_independent(view, rows & (view.y == code))[0] for code in np.unique(view.y[rows])]
        of_mean = len(of_classes) ** 2 / sum(1.0 / count for count in of_classes)
        return _Evidence(n, share * min(of_mean, n), (unit, ""), f" points of {metric}")
    known = metric is None or metric in ({"accuracy"} if names is not None else BY_ERRORS)
    scale = "% of the rmse" if names is None else " points of accuracy"
    return _Evidence(n, share * n, (unit, ""), scale, "" if known else f" (what that is in {metric} is not known)")


def _independent(view: View, rows: np.ndarray) -> tuple[int, str]:
    """How many independent rows there are, and what they are."""
    if view.schema.group is None:
        return int(rows.sum()), "row"
    return int(view.frame[view.schema.group].filter(rows).n_unique()), "group"


def _worth_of_weights(view: View, rows: np.ndarray) -> float:
    """The share of some rows that they are worth by their weights; 1 where they count alike, or there are none."""
    weights = weights_of(view.schema, view.frame.filter(rows))
    return 1.0 if weights is None or not len(weights) else worth(weights) / len(weights)


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
