"""What every row is for: train, validation, select or test, and within train the folds.

Three ways to draw the roles, all exact functions of the rows, the plan and its seed:

- at random, for classification within each class (stratified): of every class each role gets its share to within one
  row, by largest remainders; what rounding took from a role in one class it gets back first in the next;
- by group: a group is never on two sides; the largest groups are placed first, each where rows (of its classes) are
  wanted most;
- by time: the earliest rows are train, then validation, select, and the latest test; rows of one time stay together.
  With a gap, the rows within it before the start of a role are in no role.

With K folds there is no validation role: the rows of role train carry fold ids. At random and by group every one of
them carries a fold 0 to K-1, and fold k is judged by a model that learned from the other folds; with repeats they carry
as many fold ids, drawn anew. By time, train is cut into K+1 blocks: the earliest carries -1 and is only ever learned
from, the next ones carry 0 to K-1, and fold k is judged by a model that learned from all blocks before it (an expanding
window), less the gap, and no further back than the window. `Roles.pairs` gives the rows of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.allocate import allocate_groups, allocate_rows, cut_in_order
from holdfast.data.columns import Schema
from holdfast.data.convert import to_date_parts, to_numbers
from holdfast.data.kinds import check_type
from holdfast.data.scheme import ROLES, Role, SplitPlan
from holdfast.data.windows import Span, before
from holdfast.errors import DataError, nearest
from holdfast.rng import Streams

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NO_FOLD", "NO_ROLE", "ROLES", "Basis", "Role", "Roles", "SplitPlan", "assign_roles", "check_judged"]
__all__ += ["divide", "fold_pairs", "times_of", "validation_anew"]

NO_FOLD = -1
"""The fold of a row that is judged in no fold."""

NO_ROLE = ""
"""The role of a row in a gap: nobody learns from it, and nobody is judged on it."""

FINAL_FITS = 2
"""Fits behind those of the folds: one on train rows alone, which select rows judge, and one on all rows but test."""

DRAWS = 20
"""How often a repeat is drawn again that would divide the rows like one before it."""


@dataclass(frozen=True, eq=False)
class Roles:
    """The role and the fold of every row.

    ``role``: shape (N,), str, `NO_ROLE` in a gap. ``fold``: shape (N,), int64, `NO_FOLD` where there is none.
    ``ordered``: the folds follow time. ``again``: shape (N, R-1), the folds of the repeats after the first, or None.
    ``learn``: shape (N, K+2), bool: whether fold k learns from a row, and behind those the `FINAL_FITS`; None where a
    fold learns from all others, or in the order of time from all blocks before it.
    """

    role: np.ndarray
    fold: np.ndarray
    ordered: bool = False
    again: np.ndarray | None = None
    learn: np.ndarray | None = None

    def rows(self, role: Role) -> np.ndarray:
        """The row numbers of a role, in the table's order."""
        return np.flatnonzero(self.role == role)

    @property
    def folds(self) -> np.ndarray:
        """The folds of all repeats, shape (N, R)."""
        first = self.fold[:, None]
        return first if self.again is None else np.hstack([first, self.again])

    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The rows to learn from and to judge on: of each fold of each repeat, or train and validation."""
        train = self.rows("train")
        learn = None if self.learn is None else self.learn[train]
        found = fold_pairs(self.folds[train], ordered=self.ordered, learn=learn)
        return [(train[a], train[b]) for a, b in found] or [(train, self.rows("validation"))]


@dataclass(frozen=True, eq=False)
class Basis:
    """What roles are drawn by, for N rows.

    ``y``: shape (N,), classes as integers from 0 where there are ``classes``. ``groups``: shape (N,), integers from 0.
    ``times``: shape (N,), numbers, days where they are ``dated``. ``target`` and ``task`` are for sentences.
    """

    n_rows: int
    y: np.ndarray | None = None
    classes: Sequence[Any] | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    dated: bool = False
    target: str | None = None
    task: str = "regression"


def assign_roles(schema: Schema, frame: pl.DataFrame, y: np.ndarray | None, plan: SplitPlan) -> Roles:
    """Give every row of a table its role, and every row of role train its folds.

    Args:
        schema: names the target and the classes.
        frame: the table, N rows, all with a target.
        y: shape (N,), the encoded target; None for clustering.
        plan: how to divide.

    Raises:
        DataError: if there are too few rows, classes, groups or times for the plan, or a group or time is missing.
    """
    _check_size(frame.height, plan)
    basis = Basis(
        n_rows=frame.height,
        y=y,
        classes=schema.classes,
        groups=None if plan.group is None else _groups(frame, plan.group),
        times=None if plan.time is None else times_of(schema, frame, plan.time),
        dated=plan.time is not None and schema.column(plan.time).kind != "numeric",
        target=schema.target,
        task=schema.task,
    )
    return divide(basis, plan)


def divide(basis: Basis, plan: SplitPlan) -> Roles:
    """Give N rows their roles, and those of role train their folds.

    Raises:
        DataError: as `assign_roles` does.
    """
    _check_size(basis.n_rows, plan)
    shares = [plan.shares[role] for role in plan.roles]
    names = np.array(plan.roles)
    if plan.time is not None:
        role = names[_cut(_needed_times(basis, plan), shares, plan.in_words())]
        roles = _by_time(basis, plan, role)
    else:
        strata = _strata(basis, plan)
        _check_groups(basis, plan)
        rng = Streams(plan.seed).generator(-1, "split")
        minimum = [plan.folds if name == "train" and plan.folds else 1 for name in names]
        role = names[_draw(strata, basis.groups, shares, minimum, rng)]
        roles = _with_folds(basis, plan, role, strata, rng)
    _check_classes(basis, roles, plan)
    return roles


def check_judged(frame: pl.DataFrame, roles: Roles, plan: SplitPlan) -> None:
    """Refuse roles whose scores could have no interval: those of a single row, or of a single group.

    Raises:
        DataError: as said.
    """
    for role in plan.roles[1:]:
        rows = roles.rows(role)
        if len(rows) < 2:
            raise DataError(
                f"the split leaves {_count(len(rows), 'row')} for {role}, where the interval of its score needs two; "
                "take more rows, or a larger share for it"
            )
        if plan.group is not None and frame[plan.group][rows].n_unique() < 2:
            raise DataError(
                f"the split leaves one group of '{plan.group}' for {role}, where the interval of its score needs two; "
                "take more groups, or a larger share for it"
            )


def fold_pairs(
    fold: np.ndarray, *, ordered: bool, learn: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every fold the rows to learn from and the rows to judge on, repeat after repeat.

    Args:
        fold: shape (N,) or (N, R), the folds of the rows of role train.
        ordered: whether fold k may only learn from the blocks before it.
        learn: shape (N, K) or wider, bool, whether fold k learns from a row, where that does not follow from the folds.
    """
    pairs = []
    for own in (fold[:, None] if fold.ndim == 1 else fold).T:
        for k in range(int(own.max(initial=NO_FOLD)) + 1):
            learns = learn[:, k] if learn is not None else own < k if ordered else own != k
            pairs.append((np.flatnonzero(learns), np.flatnonzero(own == k)))
    return pairs


def validation_anew(
    strata: np.ndarray, groups: np.ndarray | None, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Which rows validate when train and validation are drawn anew; shape (N,), bool.

    Args:
        strata: shape (N,), integers from 0, the classes where they are to be kept in proportion.
        groups: shape (N,), rows of one group stay together; None where all are on their own.
        share: the part of the rows that validates.
        rng: the random draws.
    """
    return np.asarray(_draw(strata, groups, [1 - share, share], [1, 1], rng, anew=True) == 1)


def _check_size(rows: int, plan: SplitPlan) -> None:
    """Refuse a table with fewer rows than the plan has parts."""
    need = plan.parts + (1 if plan.folds and plan.time else 0)
    if rows < need:
        raise DataError(
            f"the table has {_count(rows, 'row')}, where a split into {plan.in_words()} needs at least {need}; take "
            "more rows or fewer parts"
        )


def _with_folds(basis: Basis, plan: SplitPlan, role: np.ndarray, strata: np.ndarray, rng: np.random.Generator) -> Roles:
    """Roles that do not follow time, with the folds of every repeat."""
    fold = np.full((len(role), plan.repeats), NO_FOLD, dtype=np.int64)
    if plan.folds is not None:
        train = np.flatnonzero(role == "train")
        within = None if basis.groups is None else basis.groups[train]
        seen: set[bytes] = set()
        for repeat in range(plan.repeats):
            draw = rng if repeat == 0 else Streams(plan.seed).generator(-1, f"split/repeat {repeat}")
            for _ in range(DRAWS):
                drawn = _draw(strata[train], within, [1.0] * plan.folds, [1] * plan.folds, draw, anew=repeat > 0)
                if (division := _division(drawn)) not in seen:
                    break
            else:
                raise DataError(
                    f"the split has repeats = {plan.repeats}, but {DRAWS} draws found no division into {plan.folds} "
                    f"folds beside {len(seen)} before; take fewer repeats or folds, or more "
                    + ("rows" if within is None else "groups")
                )
            seen.add(division)
            fold[train, repeat] = drawn
    return Roles(role, fold[:, 0], again=fold[:, 1:] if plan.repeats > 1 else None)


def _division(fold: np.ndarray) -> bytes:
    """A name for a division into folds, the same whatever the folds are numbered."""
    _, first, codes = np.unique(fold, return_index=True, return_inverse=True)
    return hashlib.sha256(np.argsort(np.argsort(first))[codes].tobytes()).digest()


def _draw(
    strata: np.ndarray,
    groups: np.ndarray | None,
    shares: Sequence[float],
    minimum: Sequence[int],
    rng: np.random.Generator,
    *,
    anew: bool = False,
) -> np.ndarray:
    """A part for every row at random, by group where there are groups (``anew``: no two alike); shape (N,)."""
    if groups is None:
        return allocate_rows(strata, np.array(shares), rng)
    groups = np.unique(groups, return_inverse=True)[1]
    return allocate_groups(groups, strata, np.array(shares), np.array(minimum), rng, loose=anew)


def _by_time(basis: Basis, plan: SplitPlan, role: np.ndarray) -> Roles:
    """Roles in the order of time, with what lies in a gap taken out, and the folds within train."""
    times = _needed_times(basis, plan)
    gap, window = plan.span("gap"), plan.span("window")
    for later in plan.roles[1:]:
        start = times[role == later].min()
        role[(times < start) & ~before(times, start, gap)] = NO_ROLE
        if not all((role == name).any() for name in plan.roles):
            emptied = next(name for name in plan.roles if not (role == name).any())
            raise DataError(
                f"the gap of {_text(gap)} leaves no rows for {emptied} before {later} begins; take a shorter gap or a "
                f"larger share for {emptied}"
            )
    fold = np.full(len(role), NO_FOLD, dtype=np.int64)
    if plan.folds is None:
        return Roles(role, fold, ordered=True)
    train = np.flatnonzero(role == "train")
    fold[train] = _cut(times[train], [1.0] * (plan.folds + 1), "folds in train") - 1
    if gap is None and window is None:
        return Roles(role, fold, ordered=True)
    learn = np.zeros((len(role), plan.folds + FINAL_FITS), dtype=bool)
    for k in range(plan.folds):
        start = times[fold == k].min()
        learn[train, k] = before(times[train], start, gap, window)
        if not learn[:, k].any():
            raise DataError(
                f"the gap of {_text(gap)} leaves fold {k} nothing to learn from; take a shorter gap or fewer folds"
            )
    for k, rows in enumerate((train, np.flatnonzero((role != "test") & (role != NO_ROLE)))):
        learn[rows, plan.folds + k] = before(times[rows], np.inf, window=window)
    return Roles(role, fold, ordered=True, learn=learn)


def _text(span: Span | None) -> str:
    return "no time" if span is None else span.text


def _strata(basis: Basis, plan: SplitPlan) -> np.ndarray:
    """The stratum of every row, shape (N,): its class, or 0 for all."""
    if plan.stratify and basis.classes is None:
        raise DataError(
            f"the split says stratify = true, but the task is {basis.task}, which has no classes; leave it out"
        )
    if basis.classes is None or plan.stratify is False:
        return np.zeros(basis.n_rows, dtype=np.int64)
    assert basis.y is not None
    strata = np.asarray(basis.y, dtype=np.int64)
    counts = np.bincount(strata, minlength=len(basis.classes))
    rarest = int(np.argmin(counts))
    if plan.group is None and counts[rarest] < plan.parts:
        raise DataError(
            f"class '{basis.classes[rarest]}' of the target '{basis.target}' has {_count(counts[rarest], 'row')}, "
            f"where a split into {plan.in_words()} needs at least {plan.parts}; merge or drop the class, or set "
            "stratify = false"
        )
    return strata


def _groups(frame: pl.DataFrame, name: str) -> np.ndarray:
    """The group of every row as an integer from 0, in the order of first appearance, shape (N,)."""
    codes: dict[Any, int] = {}
    values = _column(frame, name, "group").to_list()
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)


def _check_groups(basis: Basis, plan: SplitPlan) -> None:
    """Refuse fewer groups than parts."""
    if basis.groups is None:
        return
    found = len(np.unique(basis.groups))
    if found < plan.parts:
        raise DataError(
            f"the group column '{plan.group}' holds {_count(found, 'group')}, where a split into {plan.in_words()} "
            f"needs at least {plan.parts}; take more groups or fewer parts"
        )


def _column(frame: pl.DataFrame, name: str, key: str) -> pl.Series:
    """A column that a split goes by; every row must have a value."""
    if name not in frame.columns:
        raise DataError(
            f"the table has no column '{name}', which the split's {key} names{nearest(name, frame.columns)}"
        )
    series = frame[name]
    check_type(series)
    series = series.fill_nan(None) if series.dtype.is_float() else series
    missing = series.is_null().arg_true()
    if len(missing):
        raise DataError(
            f"the {key} column '{name}' has no value in row {missing[0] + 1}; a split by {key} needs one in every row"
        )
    return series


def times_of(schema: Schema, frame: pl.DataFrame, name: str) -> np.ndarray:
    """The time of every row as a number, days since 1970 for dates, shape (N,).

    Raises:
        DataError: if there is no such column, or a row has no time.
    """
    series = _column(frame, name, "time")
    if schema.column(name).kind == "numeric":
        return to_numbers(series).to_numpy()
    return to_date_parts(series, time_of_day=True)[0].to_numpy()


def _needed_times(basis: Basis, plan: SplitPlan) -> np.ndarray:
    """The times; a duration needs dates."""
    assert basis.times is not None
    for key in ("window", "gap"):
        span = plan.span(key)
        if span is not None and span.days is not None and not basis.dated:
            raise DataError(
                f"the split has {key} = '{span.text}', but the time column '{plan.time}' holds numbers and no dates; "
                "give a whole number of rows"
            )
    return basis.times


def _cut(times: np.ndarray, shares: Sequence[float], parts: str) -> np.ndarray:
    """`cut_in_order`, after a look at whether there are enough different times."""
    different = len(np.unique(times))
    if different < len(shares):
        raise DataError(
            f"the rows have {_count(different, 'different time')}, where a split by time into {parts} needs "
            f"{len(shares)}; take more rows or fewer parts"
        )
    return cut_in_order(times, np.array(shares))


def _check_classes(basis: Basis, roles: Roles, plan: SplitPlan) -> None:
    """Refuse roles that leave a class out of what some model learns from."""
    if basis.classes is None or basis.y is None:
        return
    learned = [(roles.rows("train"), "train")]
    if plan.folds is not None:
        for number, (rows, _) in enumerate(roles.pairs()):
            repeat, k = divmod(number, plan.folds)
            learned.append((rows, f"what fold {k} learns from" + (f" in repeat {repeat}" if repeat else "")))
    for rows, where in learned:
        absent = np.setdiff1d(np.arange(len(basis.classes)), basis.y[rows])
        if len(absent):
            raise DataError(
                f"class '{basis.classes[absent[0]]}' of the target '{basis.target}' has no row in {where} of a split "
                f"into {plan.in_words()}; merge or leave out the class, or choose other shares, folds or another seed"
            )


def _count(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
