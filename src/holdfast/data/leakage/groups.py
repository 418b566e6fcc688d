"""Columns that look like the key of groups (patients, customers, sessions) and have values on both sides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.convert import parse_numbers
from holdfast.data.leakage.finding import Finding, Severity, some
from holdfast.data.leakage.identifiers import words_of
from holdfast.data.leakage.view import View, codes_of
from holdfast.rng import Streams

if TYPE_CHECKING:
    import polars as pl

FEWEST_GROUPS = 20
"""A key has so many values at least, unless its name says what it is."""

SMALL = 50
"""A key has so many rows to a value at most, unless its name says what it is."""

PAIRS = 500
"""So many pairs of rows are compared."""

COMPARED = 50
"""They are compared in so many features."""

ALIKE = 0.7
"""Rows of one value of a key differ by at most this share of what rows of neighbouring values do."""

SURE = 5.0
"""By so many standard errors they must differ less."""

UNRELATED = 0.75
"""Rows of neighbouring values of a key differ by at least this share of what any two rows do."""

FEWEST_NAMED = 8
"""So many values a key has that its name says to be one; what has fewer (a treatment group) is a category."""

KEY = re.compile(
    r"(?:^|_)(?:patient|subject|participant|person|user|customer|client|student|pupil|speaker|donor)$|"
    r"(?:^|_)(?:id|uid|uuid|guid)$|"
    r"(?:^|_)(?:patient|subject|participant|person|user|customer|client|student|pupil|speaker|donor|member|employee|"
    r"child|session|device|machine|sensor|household|family|school|hospital|site|batch|author|animal|specimen|group)"
    r"_(?:no|nr|num|number|code|key|name|hash)$"
)
"""A name that says that a column names what several rows are about."""


def groups(view: View, ignored: frozenset[str]) -> list[Finding]:
    """The declared group on both sides, and columns that look like a key and are not declared.

    A column of whole numbers, categories or texts is taken for a key if at least half of the rows share their value
    with another row and either its name says so (see `KEY`), or it has `FEWEST_GROUPS` values of at most `SMALL` rows
    in the mean and rows of one value are more alike in the other features than rows of neighbouring values: the mean
    difference of ranks, or of categories, is at most `ALIKE` of theirs, by `SURE` standard errors. A measured number is
    no key: rows with 1200 and 1201 rooms are as alike as two with 1200, or at least more alike than any two rows,
    whereas two neighbouring keys have nothing to do with each other (`UNRELATED`).

    With a split by time a group may well come back later, so that is a note.
    """
    found = []
    known = {view.schema.target, view.schema.time, view.schema.weight, *ignored}
    for series in view.frame:
        if series.name in known or not _may_be_key(view, series):
            continue
        codes = codes_of(series)
        if series.name != view.schema.group and not _is_key(view, series, codes):
            continue
        alone = int(codes.max()) + 1 + np.arange(len(codes))
        both = view.learned_too(np.where(codes < 0, alone, codes))
        if both.any():
            found.append(_finding(view, series.name, codes, both))
    return found


def _finding(view: View, name: str, codes: np.ndarray, both: np.ndarray) -> Finding:
    values = len(np.unique(codes[both]))
    declared = name == view.schema.group
    what = (
        "the group of the split"
        if declared
        else f"which looks like the key of groups ({int(codes.max()) + 1:,} values)"
    )
    text = f"{view.by_role(both)} share their value of '{name}', {what}, with a row that the model learns from"
    text += f" ({values:,} value{'' if values == 1 else 's'} on both sides)"
    remedy = f"keep the rows of one value on one side with split = {{ group = '{name}' }}"
    if view.schema.time is not None:
        remedy = f"a group may come back later in time; if new values of '{name}' are to be predicted for, {remedy}"
    severity: Severity = "note" if view.schema.time is not None else "warning"
    return Finding("groups", severity, text, remedy, (name,), some(view.numbers, np.flatnonzero(both)), int(both.sum()))


def _may_be_key(view: View, series: pl.Series) -> bool:
    """Whether a column holds whole numbers, categories or texts."""
    if series.name in view.values:
        values = view.values[series.name]
        kind = view.schema.column(series.name).kind
    elif series.name in view.codes:
        return True
    else:
        if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype == bool:
            return False
        numbers = parse_numbers(series)
        if (numbers.is_null() & series.is_not_null()).any():
            return True
        values, kind = numbers.fill_null(float("nan")).to_numpy(), "numeric"
    present = values[~np.isnan(values)]
    return kind == "numeric" and bool(len(present)) and bool((present == np.floor(present)).all())


def _is_key(view: View, series: pl.Series, codes: np.ndarray) -> bool:
    """Whether the values of a column look like those of a key."""
    sizes = np.bincount(codes[codes >= 0])
    if len(sizes) < FEWEST_NAMED or sizes[sizes > 1].sum() < len(codes) / 2:
        return False
    if KEY.search(words_of(series.name)):
        return True
    if len(sizes) < FEWEST_GROUPS or sizes.mean() > SMALL:
        return False
    return alikeness(view, series, codes) <= ALIKE


def alikeness(view: View, series: pl.Series, codes: np.ndarray) -> float:
    """How much rows of one value differ, as a share of what rows of neighbouring values do; 1 if that may be chance.

    A row is compared with another one of its value, and with one of the next value: the next larger number, or for
    texts any other.
    """
    names = [name for name in (*view.values, *view.codes) if name != series.name]
    if not names:
        return 1.0
    draw = Streams(view.seed).generator(-1, f"leakage/{series.name}")
    if len(names) > COMPARED:
        names = [names[place] for place in np.sort(draw.choice(len(names), COMPARED, replace=False))]
    numbers = parse_numbers(series)
    by = codes if (numbers.is_null() & series.is_not_null()).any() else numbers.fill_null(float("nan")).to_numpy()
    order = draw.permutation(np.flatnonzero(codes >= 0))
    order = order[np.argsort(by[order], kind="stable")]
    ends = np.flatnonzero(np.diff(codes[order]) != 0) + 1
    places = np.arange(len(order) - 1)
    group = np.searchsorted(ends, places, side="right")
    places = places[(codes[order[places]] == codes[order[places + 1]]) & (group < len(ends))]
    if len(places) < FEWEST_GROUPS:
        return 1.0
    places = places if len(places) <= PAIRS else draw.choice(places, PAIRS, replace=False)
    row, same, other = order[places], order[places + 1], order[ends[np.searchsorted(ends, places, side="right")]]
    near, far = _difference(view, names, row, same), _difference(view, names, row, other)
    if far.mean() < UNRELATED * _difference(view, names, row, draw.permutation(order)[: len(row)]).mean():
        return 1.0
    if far.mean() == 0 or (far - near).mean() < SURE * (far - near).std() / np.sqrt(len(near)):
        return 1.0
    return float(near.mean() / far.mean())


def _difference(view: View, names: list[str], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean over features of the difference between two rows each, shape (P,): of ranks, or whether they differ."""
    total = np.zeros(len(a))
    for name in names:
        if name in view.codes:
            total += view.codes[name][a] != view.codes[name][b]
        else:
            total += np.abs(view.ranks(name, a) - view.ranks(name, b))
    return total / len(names)
