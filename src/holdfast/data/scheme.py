"""What a split is asked for: shares and folds, repeats, groups, the order of time with windows and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from holdfast.data.windows import Span, span_of
from holdfast.errors import DataError, nearest, shown

Role = Literal["train", "validation", "select", "test"]
"""What a row is for."""

ROLES: tuple[Role, ...] = ("train", "validation", "select", "test")
"""The roles, in the order in which time hands them out."""

MOST_REPEATS = 1000
"""Folds are drawn no more often than this."""

KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(ROLES, (int, float)),
    "folds": (int,),
    "repeats": (int,),
    "group": (str,),
    "time": (str,),
    "stratify": (bool,),
    "window": (int, str),
    "gap": (int, str),
    "reshuffle": (bool,),
    "nested": (int,),
}
"""The keys of a plan's ``split``, with the types of their values."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How rows are to be divided: shares of the rows by role, or a number of folds beside the shares set apart.

    ``train`` is what the others leave if it is None, and so is ``validation`` if only that is None; if both are,
    ``validation`` is 0.2. With folds there is no validation share. ``repeats`` is how often the folds are drawn.
    ``group`` and ``time`` are columns. ``stratify`` None means: for classification, unless the order in time decides.
    ``gap`` lies between what is learned from and what is judged, in time; ``window`` is how far back a fold learns;
    both are rows, or a text such as ``"7 days"``. With ``reshuffle`` every trial has a validation part of its own.
    ``nested`` is how many outer folds have a whole search inside.

    Raises:
        DataError: if the shares are negative, do not add up to 1, or leave nothing for train or validation; if there is
            one fold only; if group and time are both given; if rows in the order of time are to be stratified; if
            repeats, window, gap or reshuffle do not go with the rest.
    """

    train: float | None = None
    validation: float | None = None
    select: float = 0.0
    test: float = 0.2
    folds: int | None = None
    repeats: int = 1
    group: str | None = None
    time: str | None = None
    stratify: bool | None = None
    window: int | str | None = None
    gap: int | str | None = None
    reshuffle: bool = False
    nested: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_folds()
        self._check_time()
        if self.reshuffle and (self.folds is not None or self.time is not None):
            other = f"folds = {self.folds}" if self.folds is not None else f"time = '{self.time}'"
            why = "in folds every row is judged anyway" if self.folds is not None else "the order of time has one cut"
            raise DataError(f"the split has reshuffle = true and {other}; {why}, so leave out one of them")
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

    def _check_folds(self) -> None:
        if self.folds is not None and self.folds < 2:
            raise DataError(f"the split has folds = {self.folds}; it needs at least 2")
        if self.folds is not None and self.validation:
            raise DataError(
                f"the split has folds = {self.folds} and validation = {self.validation:g}; folds take turns as "
                "validation rows, so leave out one of them"
            )
        if self.nested is not None and self.nested < 2:
            raise DataError(f"the split has nested = {self.nested}; it needs at least 2 outer folds")
        if self.repeats < 1:
            raise DataError(f"the split has repeats = {self.repeats}; it needs at least 1")
        if self.repeats > MOST_REPEATS:
            raise DataError(f"the split has repeats = {self.repeats}; {MOST_REPEATS} are the most, 10 mostly enough")
        if self.repeats > 1 and self.folds is None:
            raise DataError(
                f"the split has repeats = {self.repeats} without folds; say how many, as in folds = 5, or leave it out"
            )

    def _check_time(self) -> None:
        if self.group is not None and self.time is not None:
            raise DataError(
                f"the split names group = '{self.group}' and time = '{self.time}'; it can go by one of them"
            )
        if self.time is not None and self.stratify:
            raise DataError(f"a split by time = '{self.time}' cannot be stratified as well; leave out one of them")
        if self.time is not None and self.repeats > 1:
            raise DataError(
                f"the split has repeats = {self.repeats} and time = '{self.time}'; folds in the order of time are the "
                "same every time, so leave out one of them"
            )
        for key, value in (("window", self.window), ("gap", self.gap)):
            if value is None:
                continue
            span_of(value, key)
            if self.time is None:
                raise DataError(
                    f"the split has {key} = {shown(value)} without time; say which column, as in time = 'date', or "
                    "leave it out"
                )
        if self.window is not None and self.folds is None:
            raise DataError(
                f"the split has window = {shown(self.window)} without folds; a window slides from fold to fold, so say "
                "how many, as in folds = 5"
            )

    @staticmethod
    def from_mapping(split: dict[str, Any], *, stratify: bool | None = None, seed: int = 0) -> SplitPlan:
        """The split that a plan's ``split = { ... }`` describes.

        Raises:
            DataError: if it holds a key that does not exist, or a value of the wrong type, or as `SplitPlan` says.
        """
        for key, value in split.items():
            if key not in KEYS:
                raise DataError(f"a split has no '{key}'{nearest(key, KEYS)}; there are {', '.join(KEYS)}")
            if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and bool not in KEYS[key]):
                raise DataError(f"the split has {key} = {shown(value)}; it should be {_kind(KEYS[key])}")
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

    @property
    def parts(self) -> int:
        """How many parts the rows are cut into at least: roles, and folds in the place of train."""
        return len(self.roles) + (self.folds - 1 if self.folds else 0)

    def span(self, key: Literal["window", "gap"]) -> Span | None:
        """The window or the gap, None where there is none."""
        value = getattr(self, key)
        return None if value is None else span_of(value, key)

    def in_words(self) -> str:
        """The parts of the split, for people."""
        names = [f"{self.folds} folds" if role == "train" and self.folds else role for role in self.roles]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rest(share: float) -> float:
    """What other shares leave: nothing, where rounding alone makes it differ from nothing or they leave less."""
    return share if share > 1e-9 else 0.0


def _kind(types: tuple[type, ...]) -> str:
    """What a value should be, for people."""
    if types == (int, str):
        return 'a whole number of rows, or a duration such as "7 days"'
    if float in types:
        return "a number"
    return {str: "the name of a column", bool: "true or false", int: "a whole number"}[types[0]]
