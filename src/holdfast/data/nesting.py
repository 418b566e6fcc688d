"""Outer folds with a whole search inside: which rows are searched in, and how these are divided in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.features import encode_target
from holdfast.data.roles import Role, SplitPlan, assign_roles, check_judged
from holdfast.errors import DataError
from holdfast.rng import Streams

if TYPE_CHECKING:
    import polars as pl


def outer_pairs(schema: Schema, frame: pl.DataFrame, split: SplitPlan) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows to search in and to judge on, of every outer fold.

    Args:
        schema: the columns.
        frame: all rows that are no test rows.
        split: the plan's, with ``nested`` outer folds.

    Raises:
        DataError: if there are too few rows, classes, groups or times.
    """
    outer = SplitPlan(
        folds=split.nested,
        test=0.0,
        group=split.group,
        time=split.time,
        stratify=split.stratify,
        gap=split.gap,
        seed=split.seed,
    )
    return assign_roles(schema, frame, _target(schema, frame), outer).pairs()


def inner_keys(split: SplitPlan) -> dict[str, Any]:
    """The plan's ``split`` without test rows and outer folds; shares are of what is left."""
    roles: tuple[Role, ...] = ("select",) if split.folds is not None else ("train", "validation", "select")
    keys: dict[str, Any] = {role: split.shares[role] / (1 - split.test) for role in roles if split.shares[role]}
    for key in ("folds", "group", "time", "stratify", "window", "gap"):
        if getattr(split, key) is not None:
            keys[key] = getattr(split, key)
    keys |= {"repeats": split.repeats} if split.repeats > 1 else {}
    return {**keys, **({"reshuffle": True} if split.reshuffle else {}), "test": 0.0}


def inner_seed(split: SplitPlan, fold: int) -> int:
    """The seed of the search in an outer fold."""
    return Streams(split.seed).integer(fold, "nested")


def check_outer(schema: Schema, frame: pl.DataFrame, split: SplitPlan) -> None:
    """Refuse outer folds that leave too few rows, classes, groups or times for the search inside.

    Raises:
        DataError: as said.
    """
    if split.nested is None:
        return
    for k, (learn, _) in enumerate(outer_pairs(schema, frame, split)):
        inner = SplitPlan.from_mapping(inner_keys(split), seed=inner_seed(split, k))
        rows = frame[learn]
        try:
            check_judged(rows, assign_roles(schema, rows, _target(schema, rows), inner), inner)
        except DataError as exc:
            raise DataError(f"in outer fold {k} of nested = {split.nested}, {exc}") from exc


def _target(schema: Schema, frame: pl.DataFrame) -> np.ndarray | None:
    return None if schema.target is None else encode_target(schema, frame)
