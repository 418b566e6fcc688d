"""Equal rows on two sides of a split, and rows that are nearer than chance puts them."""

from __future__ import annotations

import re

import numpy as np

from holdfast.data.leakage.finding import Finding, some
from holdfast.data.leakage.view import View, alike_codes
from holdfast.rng import Streams

ASKED = 2_000
"""So many judged rows are looked at for near-duplicates."""

SEEN = 20_000
"""Their neighbours are looked for among so many rows that are learned from."""

MOST_COLUMNS = 100
"""Distances are taken over so many columns of numbers at most."""

NEIGHBOURS = 10
"""A nearest neighbour is near by the distance to the one of this rank."""

FALSE = 0.01
"""So many pairs of a table are expected to be taken for near-duplicates by chance."""

UNEVEN = 0.75
"""The intrinsic dimension counts by this share, since no table is spread evenly."""

NEAR = 0.1
"""A near-duplicate is at most at this share of the distance to the neighbour of rank `NEIGHBOURS`."""

PROSE = 20
"""A text of this mean length does not come up twice by chance."""

LARGE = 50
"""Of so many equal pairs the share that is expected says whether chance made them; of fewer, the Poisson law, too."""

RARE = 1e-3
"""What chance brings about more rarely than so it does not explain."""


def duplicates(view: View, ignored: frozenset[str]) -> list[Finding]:
    """Judged rows that equal, in every feature, a row that their model learns from.

    Few different values make equal rows by chance, too. Chance is judged by the rows that agree in all features but
    one: with L pairs that differ in feature j alone, and a share m of all pairs that agree in j, L m / (1 - m) pairs
    are expected to agree in j as well. Where the largest of these numbers explains the equal pairs (`_explains`), it is
    a note; unless with the target for one more feature it does not explain the pairs that agree in that, too.

    Args:
        view: the split table.
        ignored: features that do not count: identifiers.
    """
    names = [name for name in view.hashes if name not in ignored]
    if not names:
        return []
    whole = _total(view, names)
    alike = alike_codes(whole)
    found = view.learned_too(alike)
    if not found.any():
        return []
    text = f"{view.by_role(found)} equal a row that the model learns from in every feature"
    columns, chance = {name: view.hashes[name] for name in names}, True
    if view.y is not None:
        with_target = {**columns, "": _target_hash(view.y)}
        too = view.learned_too(alike_codes(whole + with_target[""])) & found
        text += f", {'all' if too.sum() == found.sum() else f'{int(too.sum()):,}'} of them in the target, too"
        chance = _by_chance(view, with_target)
    chance = chance and _by_chance(view, columns)
    rows = some(view.numbers, np.flatnonzero(found))
    if chance:
        text += "; so few different values make as many equal rows by chance"
        remedy = "nothing needs to be done, unless some of them are copies"
        return [Finding("duplicates", "note", text, remedy, (), rows, int(found.sum()))]
    return [Finding("duplicates", "warning", text, _together(view), (), rows, int(found.sum()))]


def near_duplicates(view: View, ignored: frozenset[str]) -> tuple[list[Finding], list[str]]:
    """Judged rows, not equal to any, that are far nearer to one row that is learned from than to the next ones.

    Categories must be equal, texts equal but for case, spaces and punctuation; numbers are scaled to variance 1. The
    distances r_1 and r_k of a row to its first and k-th neighbour obey, in m dimensions of even density,
    P(r_1 / r_k < t) = 1 - (1 - t^m)^(k-1), for each of the k - 1 nearer ones is anywhere in the ball of radius r_k. A
    pair is a near-duplicate if its ratio is below `NEAR` and the t at which `FALSE` pairs are expected among all that
    were looked at; m is the number of columns in which the two differ, or `UNEVEN` times the intrinsic dimension of the
    table if that is smaller. A row with fewer than k neighbours of its categories is compared with the distance to any
    rows, of which a share agrees in them. Where more than half of the neighbours are copies, too, none stands out.

    Returns:
        The findings, and a sentence on what was not looked at.
    """
    numeric = [name for name, values in view.values.items() if name not in ignored and _varies(values)]
    others = [name for name in view.codes if name not in ignored]
    texts = [name for name in others if view.schema.column(name).kind == "text"]
    draw = Streams(view.seed).generator(-1, "leakage/near")
    exact = alike_codes(_total(view, [*numeric, *others])) if numeric or others else np.zeros(len(view), dtype=np.int64)
    kept = _kept_apart(view, others)
    if texts and not numeric:
        return _same_words(view, exact, kept), []
    if not numeric:
        return [], []
    limits = []
    if len(numeric) > MOST_COLUMNS:
        numeric = [numeric[place] for place in np.sort(draw.choice(len(numeric), MOST_COLUMNS, replace=False))]
        limits.append(f"near-duplicates: distances over {MOST_COLUMNS} columns of numbers, drawn at random")
    judged = np.flatnonzero((view.role != "train") | (view.fold >= 0))
    asked, seen = _drawn(judged, ASKED, draw), _drawn(view.train, SEEN, draw)
    if len(asked) < len(judged) or len(seen) < len(view.train):
        limits.append(
            f"near-duplicates: {len(asked):,} of {len(judged):,} judged rows beside {len(seen):,} of "
            f"{len(view.train):,} that are learned from, drawn at random"
        )
    pairs = _near_pairs(view, numeric, kept, exact, asked, seen)
    if not len(pairs):
        return [], limits
    rows = np.zeros(len(view), dtype=bool)
    rows[pairs[:, 0]] = True
    example = f"row {view.numbers[pairs[0, 0]] + 1} and row {view.numbers[pairs[0, 1]] + 1}"
    text = (
        f"{view.by_role(rows)} nearly equal a row that the model learns from (such as {example}): the nearest is far "
        "nearer than the next ones"
    )
    finding = Finding(
        "near-duplicates", "warning", text, _together(view), (), some(view.numbers, pairs[:, 0]), len(pairs)
    )
    return [finding], limits


def _drawn(rows: np.ndarray, most: int, draw: np.random.Generator) -> np.ndarray:
    """All of the rows, or so many of them in their order."""
    return rows if len(rows) <= most else np.sort(draw.choice(rows, most, replace=False))


def _near_pairs(
    view: View, numeric: list[str], kept: np.ndarray, exact: np.ndarray, asked: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Pairs of a judged row and its near-duplicate, positions in the table, shape (P, 2)."""
    if len(seen) < 2 * NEIGHBOURS or not len(asked):
        return np.empty((0, 2), dtype=np.int64)
    matrix = _scaled(view, numeric)
    found, distance = _nearest(view, matrix, kept, asked, seen)
    partner = found[:, 0]
    there = np.isfinite(distance[:, 0]) & (exact[partner] != exact[asked])
    many = there & np.isfinite(distance[:, -1])
    near = np.zeros(len(asked), dtype=bool)
    near[many] = _stand_out(matrix, asked[many], partner[many], distance[many], 1.0)
    few = there & ~many
    if few.any():  # too few rows of these categories: near by the distance to any rows
        others, reference = _nearest(view, matrix, None, asked[few], seen)
        agree = float((kept[others] == kept[asked[few]][:, None]).mean())
        near[few] = _stand_out(matrix, asked[few], partner[few], reference, max(agree, 1 / others.size))
    return np.column_stack([asked[near], partner[near]])


def _nearest(
    view: View, matrix: np.ndarray, kept: np.ndarray | None, asked: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The `NEIGHBOURS` nearest of the rows that are learned from, and how far they are, each of shape (Q, k).

    Rows of another code of ``kept`` are infinitely far, and so are rows that the judged row's model does not learn.
    """
    from sklearn.neighbors import NearestNeighbors

    points = matrix
    if kept is not None and kept.max() > 0:
        apart = np.random.default_rng(0).normal(scale=30.0, size=(int(kept.max()) + 1, 4))
        points = np.hstack([matrix, apart[kept]])
    nearest = NearestNeighbors(n_neighbors=min(2 * NEIGHBOURS, len(seen)), algorithm="brute").fit(points[seen])
    found = seen[nearest.kneighbors(points[asked], return_distance=False)]
    distance = np.linalg.norm(matrix[found] - matrix[asked][:, None], axis=2)
    valid = (found != asked[:, None]) & _is_learned(view, asked, found)
    if kept is not None:
        valid &= kept[found] == kept[asked][:, None]
    distance[~valid] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    return np.take_along_axis(found, order, 1), np.take_along_axis(distance, order, 1)


def _stand_out(
    matrix: np.ndarray, asked: np.ndarray, partner: np.ndarray, distance: np.ndarray, agree: float
) -> np.ndarray:
    """Which pairs are nearer than chance puts them, shape (Q,), bool.

    Args:
        matrix: shape (N, D), all rows.
        asked: shape (Q,), positions of judged rows.
        partner: shape (Q,), of the nearest row to each.
        distance: shape (Q, k), to the nearest rows, in order.
        agree: the share of these rows that may be a partner at all.
    """
    last = distance[:, -1]
    usable = np.isfinite(last) & (last > 0)
    if not usable.any():
        return np.zeros(len(asked), dtype=bool)
    gap = np.linalg.norm(matrix[partner] - matrix[asked], axis=1)
    differing = (matrix[partner] != matrix[asked]).sum(axis=1)
    dimension = np.minimum(np.maximum(differing, 1), max(1.0, UNEVEN * _dimension(distance[usable])))
    chance = FALSE / (int(usable.sum()) * (distance.shape[1] - 1) * agree)
    ratio = gap / np.where(usable, last, 1.0)
    return np.asarray(usable & (ratio < np.minimum(NEAR, chance ** (1 / dimension))))


def _dimension(distance: np.ndarray) -> float:
    """The intrinsic dimension by the neighbours from the middle rank on, shape (Q, k), so that copies do not count.

    In m dimensions log(r_k / r_j) has the mean (1/j + ... + 1/(k-1)) / m (Levina and Bickel 2005, section 2).
    """
    k = distance.shape[1]
    ranks = np.arange(k // 2 + 1, k)
    inner, outer = distance[:, ranks - 1], distance[:, -1:]
    logs = np.log(outer / np.where(inner > 0, inner, outer)).mean(axis=0)
    expected = np.array([np.sum(1 / np.arange(j, k)) for j in ranks])
    return float(expected.sum() / max(float(logs.sum()), 1e-3))


def _is_learned(view: View, asked: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether the model that judges a row learns from each of its neighbours, shape (Q, k), bool."""
    own, theirs = view.fold[asked][:, None], view.fold[found]
    within = (theirs < own) if view.ordered else (theirs != own)
    return np.asarray((view.role[asked] != "train")[:, None] | within)


def _scaled(view: View, numeric: list[str]) -> np.ndarray:
    """Columns of numbers with variance 1, shape (N, D); a missing one is far from every other."""
    columns = []
    for name in numeric:
        values = view.values[name]
        values = values / (float(np.abs(_finite(values)).max()) or 1.0)  # squares of very large numbers are infinite
        present = _finite(values)
        scale = float(present.std()) or 1.0
        filled = np.where(np.isnan(values), present.max() + 10 * scale, values)
        columns.append((filled - present.mean()) / scale)
    return np.column_stack(columns)


def _varies(values: np.ndarray) -> bool:
    """Whether a column of numbers holds more than one."""
    return bool(_finite(values).max() > _finite(values).min())


def _finite(values: np.ndarray) -> np.ndarray:
    """The values that are not missing, or a zero."""
    present = values[~np.isnan(values)]
    return present if len(present) else np.zeros(1)


def _kept_apart(view: View, others: list[str]) -> np.ndarray:
    """Codes of the rows that agree in all categories, and in all texts but for case, spaces and punctuation."""
    total = np.zeros(len(view), dtype=np.uint64)
    for name in others:
        if view.schema.column(name).kind == "text":
            total += _hash_of_texts(view, name)
        else:
            total += view.hashes[name]
    return alike_codes(total)


def _hash_of_texts(view: View, name: str) -> np.ndarray:
    """The hash of the plain words of each text, shape (N,), uint64."""
    words: dict[str, int] = {}
    codes = [
        words.setdefault(_plain(text), len(words)) if text is not None else -1 for text in view.frame[name].to_list()
    ]
    spread = np.random.default_rng(1).integers(0, 2**63, size=len(words) + 1, dtype=np.uint64)
    return np.asarray(spread[np.array(codes)])


def _plain(text: object) -> str:
    """A text without case, spaces and punctuation; itself where nothing else would be left."""
    return re.sub(r"[\W_]+", "", str(text)).casefold() or str(text)


def _same_words(view: View, exact: np.ndarray, kept: np.ndarray) -> list[Finding]:
    """Judged rows whose texts differ in case, spaces and punctuation only from those of a row that is learned from."""
    rows = view.learned_too(kept) & ~view.learned_too(exact)
    if not rows.any():
        return []
    text = (
        f"{view.by_role(rows)} repeat the texts of a row that the model learns from but for case, spaces and "
        "punctuation"
    )
    places = np.flatnonzero(rows)
    return [Finding("near-duplicates", "warning", text, _together(view), (), some(view.numbers, places), len(places))]


def _by_chance(view: View, columns: dict[str, np.ndarray]) -> bool:
    """Whether chance explains the pairs of rows that are equal in all columns; "" is the target.

    A single column says nothing, unless it is text: nobody knows how often its values come up by chance.
    """
    import polars as pl

    whole, n = _sum(list(columns.values())), len(view)
    equal = _pairs(whole)
    for name, hashes in columns.items():
        column = None if not name else view.schema.column(name)
        texts = view.frame[name].cast(pl.String) if column is not None and column.kind == "text" else None
        if texts is not None and texts.str.len_chars().fill_null(0).sum() >= PROSE * n:
            continue
        agree = _pairs(hashes) / (n * (n - 1) / 2)
        others = _pairs(whole - hashes) - equal
        if agree == 1 or _explains(others * agree / (1 - agree), equal):
            return True
    return False


def _explains(expected: float, equal: float) -> bool:
    """Whether so many expected pairs explain the equal ones.

    They do if they are a third of them, or if twice as many, as a Poisson rate, exceed them in one of a thousand cases.
    """
    if 3 * expected >= equal or equal > LARGE:
        return 3 * expected >= equal
    terms = np.cumprod(np.concatenate([[1.0], 2 * expected / np.arange(1, int(equal))]))
    return bool(1 - np.exp(-2 * expected) * terms.sum() > RARE)


def _pairs(hashes: np.ndarray) -> float:
    """The number of pairs of equal hashes."""
    ordered = np.sort(hashes)
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    counts = np.diff(ends, prepend=-1).astype(float)
    return float((counts * (counts - 1) / 2).sum())


def _total(view: View, names: list[str]) -> np.ndarray:
    """The hash of every row over some features, shape (N,), uint64."""
    return _sum([view.hashes[name] for name in names])


def _sum(hashes: list[np.ndarray]) -> np.ndarray:
    """The sum of hashes of shape (N,), modulo 2^64."""
    return np.asarray(np.sum(hashes, axis=0, dtype=np.uint64))


def _target_hash(y: np.ndarray) -> np.ndarray:
    """A hash of the target, shape (N,), uint64."""
    codes = np.unique(y, return_inverse=True)[1].reshape(-1)
    return np.asarray(np.random.default_rng(2).integers(0, 2**63, size=int(codes.max()) + 1, dtype=np.uint64)[codes])


def _together(view: View) -> str:
    """How rows that belong together are kept on one side."""
    if view.schema.time is not None:
        return "drop the copies, if it is not their nature that rows come back unchanged"
    if view.schema.group is not None:
        return f"drop the copies, or give the rows that belong together one value of the group '{view.schema.group}'"
    return (
        "drop the copies, or give the rows that belong together one value in a column and keep them on one side with "
        "split = { group = 'COLUMN' }"
    )
