"""What every row is for: train, validation, select or test, and within train the folds.

Three ways to draw the roles, all exact functions of the rows, the plan and its seed:

- at random, for classification within each class (stratified): of every class each role gets its share to within one
  row, by largest remainders; what rounding took from a role in one class it gets back first in the next;
- by group: a group is never on two sides; the largest groups are placed first, each where rows (of its classes) are
  wanted most;
- by time: the earliest rows are train, then validation, select, and the latest test; rows of one time stay together.

With K folds there is no validation role: the rows of role train carry fold ids. At random and by group every one of
them carries a fold 0 to K-1, and fold k is judged by a model that learned from the other folds. By time, train is cut
into K+1 blocks: the earliest carries -1 and is only ever learned from, the next ones carry 0 to K-1, and fold k is
judged by a model that learned from all blocks before it (an expanding window). `fold_pairs` gives the rows of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from holdfast.data.allocate import allocate_groups, allocate_rows, cut_in_order
from holdfast.data.columns import Schema
from holdfast.data.convert import to_date_parts, to_numbers
from holdfast.data.kinds import check_type
from holdfast.errors import DataError, nearest, shown
from holdfast.rng import Streams

if TYPE_CHECKING:
    import polars as pl

Role = Literal["train", "validation", "select", "test"]
"""What a row is for."""

ROLES: tuple[Role, ...] = ("train", "validation", "select", "test")
"""The roles, in the order in which time hands them out."""

NO_FOLD = -1
"""The fold of a row that is judged in no fold."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How rows are to be divided: shares of the rows by role, or a number of folds beside the shares set apart.

    ``train`` is what the others leave if it is None, and so is ``validation`` if only that is None; if both are,
    ``validation`` is 0.2. With folds there is no validation share.
    ``group`` and ``time`` are columns. ``stratify`` None means: for classification, unless the order in time decides.

    Raises:
        DataError: if the shares are negative, do not add up to 1, or leave nothing for train or validation; if there is
            one fold only; if group and time are both given; if rows in the order of time are to be stratified.
    """

    train: float | None = None
    validation: float | None = None
    select: float = 0.0
    test: float = 0.2
    folds: int | None = None
    group: str | None = None
    time: str | None = None
    stratify: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.group is not None and self.time is not None:
            raise DataError(
                f"the split names group = '{self.group}' and time = '{self.time}'; it can go by one of them"
            )
        if self.time is not None and self.stratify:
            raise DataError(f"a split by time = '{self.time}' cannot be stratified as well; leave out one of them")
        if self.folds is not None and self.folds < 2:
            raise DataError(f"the split has folds = {self.folds}; it needs at least 2")
        if self.folds is not None and self.validation:
            raise DataError(
                f"the split has folds = {self.folds} and validation = {self.validation:g}; folds take turns as "
                "validation rows, so leave out one of them"
            )
        for role in ROLES:
            share = getattr(self, role)
            if share is not None and not 0 <= share < 1:
                raise DataError(f"the split has {role} = {shown(share)}; a share is a part of 1, as in 0.2 for a fifth")
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            shares = ", ".join(f"{role} {share:g}" for role, share in self.shares.items() if share)
            raise DataError(f"the shares of the split add up to {total:g} ({shares}); make them add up to 1")
        if not self.shares["train"] or (self.folds is None and not self.shares["validation"]):
            raise DataError("the split leaves no rows to train on or none to validate on; both need a share above 0")

    @staticmethod
    def from_mapping(split: dict[str, Any], *, stratify: bool | None = None, seed: int = 0) -> SplitPlan:
        """The split that a plan's ``split = { ... }`` describes.

        Raises:
            DataError: if it holds a key that does not exist, or a value of the wrong type, or as `SplitPlan` says.
        """
        wanted: dict[str, tuple[type, ...]] = dict.fromkeys(ROLES, (int, float))
        wanted |= {"folds": (int,), "group": (str,), "time": (str,), "stratify": (bool,)}
        for key, value in split.items():
            if key not in wanted:
                raise DataError(f"a split has no '{key}'{nearest(key, wanted)}; there are {', '.join(wanted)}")
            if not isinstance(value, wanted[key]) or (isinstance(value, bool) and key != "stratify"):
                kind = {str: "the name of a column", bool: "true or false", int: "a whole number"}[wanted[key][0]]
                kind = "a number" if float in wanted[key] else kind
                raise DataError(f"the split has {key} = {shown(value)}; it should be {kind}")
        return SplitPlan(**{"stratify": stratify, "seed": seed, **split})

    @property
    def shares(self) -> dict[Role, float]:
        """The share of every role, 0 for one that has no rows."""
        apart = self.select + self.test
        if self.folds is not None:
            validation = 0.0
        elif self.validation is not None:
            validation = self.validation
        else:
            validation = 0.2 if self.train is None else _rest(1 - apart - self.train)
        train = _rest(1 - apart - validation) if self.train is None else self.train
        return {"train": train, "validation": validation, "select": self.select, "test": self.test}

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that have rows."""
        return tuple(role for role in ROLES if self.shares[role] > 0)


def _rest(share: float) -> float:
    """What other shares leave: nothing, where rounding alone makes it differ from nothing or they leave less."""
    return share if share > 1e-9 else 0.0


@dataclass(frozen=True, eq=False)
class Roles:
    """The role and the fold of every row.

    ``role``: shape (N,), str. ``fold``: shape (N,), int64, `NO_FOLD` where there is none. ``ordered``: the folds follow
    time.
    """

    role: np.ndarray
    fold: np.ndarray
    ordered: bool = False

    def rows(self, role: Role) -> np.ndarray:
        """The row numbers of a role, in the table's order."""
        return np.flatnonzero(self.role == role)


def assign_roles(schema: Schema, frame: pl.DataFrame, y: np.ndarray | None, plan: SplitPlan) -> Roles:
    """Give every row of a table its role, and every row of role train its fold.

    Args:
        schema: names the target and the classes.
        frame: the table, N rows, all with a target.
        y: shape (N,), the encoded target; None for clustering.
        plan: how to divide.

    Raises:
        DataError: if there are too few rows, classes, groups or times for the plan, or a group or time is missing.
    """
    _check_size(frame.height, plan)
    shares = [plan.shares[role] for role in plan.roles]
    names = np.array(plan.roles)
    fold = np.full(frame.height, NO_FOLD, dtype=np.int64)
    rng = Streams(plan.seed).generator(-1, "split")
    if plan.time is not None:
        role = names[_by_time(schema, frame, plan, shares)]
        if plan.folds is not None:
            train = np.flatnonzero(role == "train")
            blocks = _cut(_times(schema, frame, plan.time)[train], [1.0] * (plan.folds + 1), "folds in train")
            fold[train] = blocks - 1
    else:
        strata = _strata(schema, y, frame.height, plan)
        groups = None if plan.group is None else _groups(frame, plan)
        minimum = [plan.folds if name == "train" and plan.folds else 1 for name in names]
        role = names[_draw(strata, groups, shares, minimum, rng)]
        if plan.folds is not None:
            train = np.flatnonzero(role == "train")
            within = None if groups is None else groups[train]
            fold[train] = _draw(strata[train], within, [1.0] * plan.folds, [1] * plan.folds, rng)
    roles = Roles(role, fold, ordered=plan.time is not None)
    _check_classes(schema, y, roles, plan)
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


def fold_pairs(fold: np.ndarray, *, ordered: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every fold the rows to learn from and the rows to judge on.

    Args:
        fold: shape (N,), the folds of the rows of role train.
        ordered: whether fold k may only learn from the blocks before it.
    """
    pairs = []
    for k in range(int(fold.max(initial=NO_FOLD)) + 1):
        learn = fold < k if ordered else fold != k
        pairs.append((np.flatnonzero(learn), np.flatnonzero(fold == k)))
    return pairs


def _check_size(rows: int, plan: SplitPlan) -> None:
    """Refuse a table with fewer rows than the plan has parts."""
    need = len(plan.roles) + (plan.folds or 0) - (1 if plan.folds else 0) + (1 if plan.folds and plan.time else 0)
    if rows < need:
        raise DataError(
            f"the table has {_count(rows, 'row')}, where a split into {_parts_of(plan)} needs at least {need}; take "
            "more rows or fewer parts"
        )


def _draw(
    strata: np.ndarray,
    groups: np.ndarray | None,
    shares: Sequence[float],
    minimum: Sequence[int],
    rng: np.random.Generator,
) -> np.ndarray:
    """A part for every row at random, by group where there are groups; shape (N,)."""
    if groups is None:
        return allocate_rows(strata, np.array(shares), rng)
    groups = np.unique(groups, return_inverse=True)[1]
    return allocate_groups(groups, strata, np.array(shares), np.array(minimum), rng)


def _strata(schema: Schema, y: np.ndarray | None, rows: int, plan: SplitPlan) -> np.ndarray:
    """The stratum of every row, shape (N,): its class, or 0 for all."""
    if plan.stratify and schema.classes is None:
        raise DataError(
            f"the split says stratify = true, but the task is {schema.task}, which has no classes; leave it out"
        )
    if schema.classes is None or plan.stratify is False:
        return np.zeros(rows, dtype=np.int64)
    assert y is not None
    strata = np.asarray(y, dtype=np.int64)
    need = len(plan.roles) + (plan.folds - 1 if plan.folds else 0)
    counts = np.bincount(strata, minlength=len(schema.classes))
    rarest = int(np.argmin(counts))
    if plan.group is None and counts[rarest] < need:
        raise DataError(
            f"class '{schema.classes[rarest]}' of the target '{schema.target}' has {_count(counts[rarest], 'row')}, "
            f"where a split into {_parts_of(plan)} needs at least {need}; merge or drop the class, or set "
            "stratify = false"
        )
    return strata


def _groups(frame: pl.DataFrame, plan: SplitPlan) -> np.ndarray:
    """The group of every row as an integer from 0, in the order of first appearance, shape (N,)."""
    assert plan.group is not None
    values = _column(frame, plan.group, "group").to_list()
    codes: dict[Any, int] = {}
    groups = np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)
    need = len(plan.roles) + (plan.folds - 1 if plan.folds else 0)
    if len(codes) < need:
        raise DataError(
            f"the group column '{plan.group}' holds {_count(len(codes), 'group')}, where a split into "
            f"{_parts_of(plan)} needs at least {need}; take more groups or fewer parts"
        )
    return groups


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


def _times(schema: Schema, frame: pl.DataFrame, name: str) -> np.ndarray:
    """The time of every row as a number, shape (N,)."""
    series = _column(frame, name, "time")
    if schema.column(name).kind == "numeric":
        return to_numbers(series).to_numpy()
    return to_date_parts(series, time_of_day=True)[0].to_numpy()


def _by_time(schema: Schema, frame: pl.DataFrame, plan: SplitPlan, shares: Sequence[float]) -> np.ndarray:
    """The part of every row by its time, shape (N,)."""
    assert plan.time is not None
    return _cut(_times(schema, frame, plan.time), shares, _parts_of(plan))


def _cut(times: np.ndarray, shares: Sequence[float], parts: str) -> np.ndarray:
    """`cut_in_order`, after a look at whether there are enough different times."""
    different = len(np.unique(times))
    if different < len(shares):
        raise DataError(
            f"the rows have {_count(different, 'different time')}, where a split by time into {parts} needs "
            f"{len(shares)}; take more rows or fewer parts"
        )
    return cut_in_order(times, np.array(shares))


def _check_classes(schema: Schema, y: np.ndarray | None, roles: Roles, plan: SplitPlan) -> None:
    """Refuse roles that leave a class out of what some model learns from."""
    if schema.classes is None or y is None:
        return
    train = roles.rows("train")
    learned = [(train, "train")]
    for k, (rows, _) in enumerate(fold_pairs(roles.fold[train], ordered=roles.ordered)):
        learned.append((train[rows], f"what fold {k} learns from"))
    for rows, where in learned:
        absent = np.setdiff1d(np.arange(len(schema.classes)), y[rows])
        if len(absent):
            raise DataError(
                f"class '{schema.classes[absent[0]]}' of the target '{schema.target}' has no row in {where} of a split "
                f"into {_parts_of(plan)}; merge or leave out the class, or choose other shares, folds or another seed"
            )


def _count(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _parts_of(plan: SplitPlan) -> str:
    """The parts of a split, for people."""
    names = [f"{plan.folds} folds" if role == "train" and plan.folds else role for role in plan.roles]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
