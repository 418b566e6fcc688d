"""All checks before the first fit: of a split table within a plan, or of any table and its roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.features import encode_target, has_target
from holdfast.data.kinds import Undecided, check_type, infer_kind, refusal
from holdfast.data.leakage.dates import dates
from holdfast.data.leakage.duplicates import duplicates, near_duplicates
from holdfast.data.leakage.finding import CHECKS, Finding, Findings
from holdfast.data.leakage.groups import groups
from holdfast.data.leakage.identifiers import identifiers
from holdfast.data.leakage.looked import looked
from holdfast.data.leakage.sizes import classes, empty, size
from holdfast.data.leakage.target import target_like
from holdfast.data.leakage.view import View
from holdfast.data.roles import NO_FOLD, ROLES, Roles
from holdfast.data.source import to_frame
from holdfast.data.uses import Seen
from holdfast.errors import DataError, nearest, shown

if TYPE_CHECKING:
    import polars as pl

SEVERAL = 3
"""A text of so many words is written by somebody, and no name or code."""


def find_leakage(
    schema: Schema,
    frame: pl.DataFrame,
    y: np.ndarray | None,
    roles: Roles,
    *,
    numbers: np.ndarray | None = None,
    seed: int = 0,
    seen: Seen | None = None,
    metric: str | None = None,
) -> Findings:
    """Look at a split table in every way that `CHECKS` names. No model of a study is fitted, and no score is taken.

    Of the test rows features, groups and dates are looked at, and whether their targets equal those of equal rows or
    lack a class; what a feature explains of the target is found on training rows alone. The time is bounded: what grows
    faster than the table is done on samples of a fixed size, drawn from ``seed``.

    Args:
        schema: what the columns are for.
        frame: the table, N rows, all with a target.
        y: shape (N,), the encoded target; None without one.
        roles: the role and the fold of every row; a row in no role does not count, repeats after the first neither.
        numbers: shape (N,), the number of every row in the table as it was given, from 0.
        seed: of the samples.
        seen: the hashes of the N rows, and what was looked at before in the same store.
        metric: the name of the metric that rows are judged by; None where it is not known.
    """
    view = _view(schema, frame, y, roles, numbers, seed=seed, metric=metric)
    found, limits = _look(view)
    if seen is not None:
        found += looked(view, seen.hashes[np.isin(roles.role, ROLES)], list(seen.uses))
        found.sort(key=lambda each: list(CHECKS).index(each.name))
    return Findings(tuple(found), tuple(limits))


def _view(
    schema: Schema,
    frame: pl.DataFrame,
    y: np.ndarray | None,
    roles: Roles,
    numbers: np.ndarray | None,
    *,
    seed: int = 0,
    metric: str | None = None,
) -> View:
    """The rows that are in a role."""
    numbers = np.arange(len(roles.role)) if numbers is None else numbers
    kept = np.isin(roles.role, ROLES)
    return View(
        schema=schema,
        frame=frame.filter(kept),
        y=None if y is None else y[kept],
        role=roles.role[kept],
        fold=roles.fold[kept],
        ordered=roles.ordered,
        numbers=numbers[kept],
        seed=seed,
        metric=metric,
    )


def _look(view: View, unread: Sequence[str] = ()) -> tuple[list[Finding], list[str]]:
    """What the checks of one table find, and what was looked at in part only.

    ``unread`` are features that do not count as such, and are looked at as keys and identifiers only.
    """
    named = identifiers(view)
    once = frozenset(column for finding in named for column in finding.columns)
    sure = frozenset(column for finding in named if finding.severity == "warning" for column in finding.columns)
    near, limits = near_duplicates(view, once.union(unread))
    found = [
        *duplicates(view, once.union(unread)),
        *near,
        *groups(view, once),
        *target_like(view, sure.union(unread)),
        *named,
        *dates(view),
        *classes(view),
        *size(view),
    ]
    return found, list(limits)


def check_leakage(
    table: Any,
    roles: Sequence[str] | np.ndarray,
    target: str | None = None,
    *,
    task: str | None = None,
    group: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """The findings of all checks on a table that was split elsewhere.

    Args:
        table: a polars or pandas frame, a dict of columns, an array of shape (N, D), or a pair (X, y) of two of them.
        roles: N of ``"train"``, ``"validation"``, ``"select"`` and ``"test"``.
        target: the column to predict; that of y where there is a pair.
        task: binary, multiclass, regression or clustering; inferred where it is not given.
        group: the column whose values should not be on two sides.
        time: the column by which the split goes.
        drop: columns that are no features; they are looked at as keys and dates.

    Of texts too many for categories those of several words are features, and others are looked at as keys and
    identifiers only.

    Raises:
        DataError: if the table cannot serve, or the roles are not its.
    """
    frame, found = to_frame(table, "the table")
    target = target or found
    role = np.array([str(each) for each in roles])
    if role.shape != (frame.height,):
        raise DataError(
            f"the table has {frame.height} rows and there are {len(role)} roles; there must be one for each"
        )
    unknown = sorted(set(role.tolist()) - set(ROLES))
    if unknown:
        raise DataError(
            f"there is no role {shown(unknown[0])}{nearest(unknown[0], ROLES)}; there are {', '.join(ROLES)}"
        )
    texts = _many_texts(frame.drop([name for name in (target, group, time, *drop) if name], strict=False))
    kinds = dict.fromkeys(texts, "text")
    schema = infer_schema(frame, target, task=task, overrides=kinds, drop=drop, group=group, time=time)
    present = has_target(schema, frame)
    numbers = np.flatnonzero(present)
    frame, role = frame.filter(present), role[present]
    y = None if schema.target is None else encode_target(schema, frame)
    split = Roles(role, np.full(len(role), NO_FOLD, dtype=np.int64))
    unread = [name for name in texts if not _in_words(frame[name])]
    checked, _ = _look(_view(schema, frame, y, split, numbers), unread)
    used = {target, group, time, *drop}
    without = empty([series for series in frame if series.name not in used])
    return tuple(sorted([*checked, *without], key=lambda each: list(CHECKS).index(each.name)))


def _many_texts(frame: pl.DataFrame) -> list[str]:
    """The columns of texts that are too many for categories.

    Raises:
        DataError: if a column can be read in no way, or holds numbers but for a few misfits.
    """
    found = []
    for series in frame:
        if series.null_count() == len(series):
            continue
        try:
            check_type(series)
            kind = infer_kind(series)
            if isinstance(kind, Undecided) and kind.misfit is not None and not kind.dates:
                raise refusal({series.name: kind})
        except DataError as exc:
            what = str(exc).rpartition(";")[0]
            raise DataError(f"{what}; correct that, or leave the column out with drop=[{series.name!r}]") from exc
        found += [series.name] if isinstance(kind, Undecided) else []
    return found


def _in_words(series: pl.Series) -> bool:
    """Whether at least half of the texts of a column are of several words."""
    present = series.drop_nulls().cast(str)
    return int((present.str.count_matches(r"\S+") >= SEVERAL).sum()) >= len(present) / 2


def check_accepted(accept: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse names of checks and columns that do not exist.

    Raises:
        DataError: as said.
    """
    for each in accept:
        name, mark, column = each.partition(":")
        if name not in CHECKS:
            raise DataError(f"there is no check '{name}'{nearest(name, CHECKS)}; there are {', '.join(CHECKS)}")
        if mark and column not in columns:
            raise DataError(f"the table has no column '{column}', which accept names{nearest(column, columns)}")


def refuse(findings: Findings) -> None:
    """Refuse a table with warnings that nobody has accepted.

    Raises:
        DataError: with the first of them, and the names of the others.
    """
    if not findings.warnings:
        return
    first, *others = findings.warnings
    more = ""
    if others:
        names = dict.fromkeys(each.name for each in others)
        more = f" ({len(others)} more: {', '.join(names)}; 'holdfast plan' lists all without strict)"
    raise DataError(
        f"the check '{first.name}' has found that {first.text}; {first.remedy}, or say accept = ['{_key(first)}']{more}"
    )


def _key(finding: Finding) -> str:
    """What accepts a finding."""
    return f"{finding.name}:{finding.columns[0]}" if len(finding.columns) == 1 else finding.name
