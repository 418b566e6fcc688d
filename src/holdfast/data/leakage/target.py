"""A feature that by itself nearly is the target: filled in afterwards, or a copy of it under another name."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.data.leakage.finding import Finding, percent
from holdfast.data.leakage.view import View
from holdfast.rng import Streams
from holdfast.stats.ranks import ranks

ROWS = 5_000
"""So many training rows are looked at."""

BINS = 64
"""The values of a number are cut into so many parts, each with as many rows."""

NEARLY = 0.95
"""A feature that explains so much of the target alone is looked at more closely."""

SHARE_LEFT = 0.2
"""It is a finding if it leaves at most this share of what all others together leave unexplained,"""

SINGLE = 0.5
"""or if no other one explains more than this share of what it does."""

ALONE = 0.99
"""Where there is no other feature it is a finding if it explains so much."""

KNOWN = 0.5
"""A number is correlated with the target in the rows where it has a value, if these are so large a share,"""

FEWEST = 20
"""and so many at least."""

BY_CHANCE = 1e-6
"""What parts the classes without an error is a suspect if chance does so in one table of a million, or more rarely."""

FOLDS = 2
TREES = 30


def target_like(view: View, ignored: frozenset[str]) -> list[Finding]:
    """Features that alone explain what the others together do not, or twice as much as any other one.

    What a feature explains is cross-fitted in two halves of the training rows: for classes 1 - e / e_0 with the mean
    error over classes e (one row added to the right and the wrong ones of each) and that of guessing e_0; for numbers
    R^2. A prediction is the most frequent class, or the mean, in the feature's category or in one of `BINS` parts of
    its range, missing values a part of their own; for numbers also the correlation squared, of the feature or its
    ranks, in the rows where it has a value (`KNOWN`). A target of numbers is looked at once more as ranks (Spearman's
    correlation), since what explains the order of a skewed one may explain little of its variance. Of a rare class
    nothing explains `NEARLY` all so cautiously; it is enough to part the classes without an error, if chance hardly
    does (`_parts_classes`). What the others explain is found with a forest of extremely randomised trees (Geurts et al.
    2006), only if there is such a feature.
    """
    if view.y is None or view.schema.target is None:
        return []
    rows = _sample(view)
    y = view.y[rows]
    if len(rows) < 4 * FOLDS or len(np.unique(y)) < 2:
        return []
    half = Streams(view.seed).generator(-1, "leakage/half").permutation(len(rows)) % FOLDS
    names = [name for name in [*view.values, *view.codes] if name not in ignored]
    scales = {"the target": y}
    if not view.schema.is_classification:
        scales = {"the target's variance": y, "the order of the target's values": ranks(y)}
    found: dict[str, Finding] = {}
    for measure, target in scales.items():
        for name, share, rest in _stand_ins(view, names, rows, target, half):
            found.setdefault(name, _finding(view, name, share, rest, measure))
    return list(found.values())


class Share(NamedTuple):
    """How much of the target is explained, 1 for all: as counted, and with one more row right and one wrong.

    ``parts`` says that classes are parted without an error, beyond chance; ``known`` is the share of rows it is about.
    """

    plain: float
    cautious: float
    parts: bool = False
    known: float = 1.0


def _stand_ins(
    view: View, names: list[str], rows: np.ndarray, y: np.ndarray, half: np.ndarray
) -> list[tuple[str, Share, Share | None]]:
    """The features that stand out, with what each explains, and all others together if there are any."""
    explained = {name: _explained(view, name, rows, y, half) for name in names}
    if view.schema.is_classification:
        parting = [name for name in names if _parts_classes(view, name, rows, y, len(names))]
        whole = _share(y, y, len(view.schema.classes or ()))._replace(parts=True) if parting else None
        explained |= {name: whole for name in parting if whole is not None}
    suspects = [name for name, share in explained.items() if share.cautious >= NEARLY or share.parts]
    if not suspects:
        return []
    others = [name for name in explained if name not in suspects]
    rest = _explained_by_all(view, others, rows, y, half) if others else None
    best = max((explained[name].cautious for name in others), default=0.0)
    found = []
    for name in suspects:
        share = explained[name].cautious
        if rest is None:
            stands_out = share >= ALONE
        else:
            stands_out = share >= 1 - SHARE_LEFT * (1 - rest.cautious) or best <= SINGLE * share
        if stands_out:
            found.append((name, explained[name], rest))
    return found


def _finding(view: View, name: str, share: Share, rest: Share | None, measure: str) -> Finding:
    beside = "" if rest is None else f", where all others together explain {percent(max(rest.plain, 0.0))}"
    where = "" if share.known == 1 else f" in the {percent(share.known)} of the rows where it has a value"
    text = f"'{name}' alone explains {percent(share.plain)} of {measure}{where}{beside}"
    remedy = (
        f"if it is known only with '{view.schema.target}' or after it, leave it out with drop = ['{name}'] in [data]"
    )
    return Finding("target", "warning", text, remedy, (name,))


def _sample(view: View) -> np.ndarray:
    """Training rows, at most `ROWS`, of each class as many as of any other as far as there are so many."""
    assert view.y is not None
    draw = Streams(view.seed).generator(-1, "leakage/target")
    order = view.train[draw.permutation(len(view.train))]
    if len(order) <= ROWS:
        return order
    if not view.schema.is_classification:
        return order[:ROWS]
    y = view.y[order]
    within = np.empty(len(order), dtype=np.int64)
    by_class = np.argsort(y, kind="stable")
    starts = np.searchsorted(y[by_class], y[by_class])
    within[by_class] = np.arange(len(order)) - starts
    return order[np.argsort(within, kind="stable")[:ROWS]]


def _explained(view: View, name: str, rows: np.ndarray, y: np.ndarray, half: np.ndarray) -> Share:
    """What one feature explains."""
    if name in view.codes:
        parts, cells = np.unique(view.codes[name][rows], return_inverse=True)
        return _of_cells(view, cells.reshape(-1), len(parts), y, half)
    values = view.values[name][rows]
    present = ~np.isnan(values)
    cells = np.zeros(len(rows), dtype=np.int64)
    edges = np.unique(np.quantile(values[present], np.linspace(0, 1, BINS + 1)[1:-1])) if present.any() else np.empty(0)
    cells[present] = 1 + np.searchsorted(edges, values[present], side="right")
    share = _of_cells(view, cells, len(edges) + 2, y, half)
    if view.schema.is_classification or present.mean() < KNOWN:
        return share
    return max(share, _correlated(values[present], y[present], float(present.mean())), key=lambda each: each.cautious)


def _correlated(values: np.ndarray, y: np.ndarray, known: float) -> Share:
    """The larger of the squared correlations of a number, as it is and as ranks; in a share ``known`` of the rows."""
    if len(values) < FEWEST or np.ptp(values) == 0 or np.ptp(y) == 0:
        return Share(0.0, 0.0)
    largest = max(float(np.corrcoef(x, y)[0, 1] ** 2) for x in (values, ranks(values)))
    return Share(largest, largest, known=known)


def _parts_classes(view: View, name: str, rows: np.ndarray, y: np.ndarray, features: int) -> bool:
    """Whether one feature parts the classes without an error, and chance would hardly do that in any of the features.

    A number does where its values of one class are all below those of another, missing ones lowest; a category where
    each belongs to one class. Of the arrangements of K classes, all as likely where the feature says nothing (Fisher's
    exact test), at most K! do, or K^c with c categories.
    """
    if name in view.values:
        values = np.where(np.isnan(view.values[name][rows]), -np.inf, view.values[name][rows])
    else:
        values = view.codes[name][rows]
    order = np.argsort(values, kind="stable")
    values, y = values[order], y[order]
    begins = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    if (np.maximum.reduceat(y, begins) != np.minimum.reduceat(y, begins)).any():
        return False
    counts = np.bincount(y)
    classes = int((counts > 0).sum())
    if name in view.values:
        if 1 + np.count_nonzero(np.diff(y[begins])) > classes:
            return False
        ways = math.lgamma(classes + 1)
    else:
        ways = len(begins) * math.log(classes)
    arrangements = math.lgamma(len(y) + 1) - sum(math.lgamma(count + 1) for count in counts.tolist())
    return ways - arrangements < math.log(BY_CHANCE / features)


def _of_cells(view: View, cells: np.ndarray, n: int, y: np.ndarray, half: np.ndarray) -> Share:
    """What a partition of the rows into n cells explains, each half predicted from the other."""
    classes = None if view.schema.classes is None else len(view.schema.classes)
    prediction = np.empty(len(y))
    for part in range(FOLDS):
        learn, judge = half != part, half == part
        if classes is None:
            sums = np.bincount(cells[learn], y[learn], minlength=n)
            counts = np.bincount(cells[learn], minlength=n)
            means = np.where(counts > 0, sums / np.maximum(counts, 1), y[learn].mean())
            prediction[judge] = means[cells[judge]]
        else:
            counts = np.bincount(cells[learn] * classes + y[learn], minlength=n * classes).reshape(n, classes)
            counts = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, np.bincount(y[learn], minlength=classes))
            prediction[judge] = counts.argmax(axis=1)[cells[judge]]
    return _share(y, prediction, classes)


def _share(y: np.ndarray, prediction: np.ndarray, classes: int | None) -> Share:
    """How much of the target a prediction explains."""
    if classes is None:
        explained = float(1 - np.mean((y - prediction) ** 2) / np.var(y))
        return Share(explained, explained)
    counts = np.bincount(y, minlength=classes)
    wrong = np.bincount(y[prediction != y], minlength=classes)
    there = counts > 0
    guessing = 1 - 1 / int(there.sum())
    plain = float(np.mean(wrong[there] / counts[there]))
    cautious = float(np.mean((wrong[there] + 1) / (counts[there] + 2)))
    return Share(1 - plain / guessing, 1 - cautious / guessing)


def _explained_by_all(view: View, names: list[str], rows: np.ndarray, y: np.ndarray, half: np.ndarray) -> Share:
    """What several features explain together, by a forest."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    columns = []
    for name in names:
        values = view.values[name][rows] if name in view.values else view.codes[name][rows].astype(float)
        present = values[~np.isnan(values)]
        columns.append(np.where(np.isnan(values), present.min() - 1 if len(present) else 0.0, values))
    table, prediction = np.column_stack(columns), np.empty(len(y))
    classes = None if view.schema.classes is None else len(view.schema.classes)
    for part in range(FOLDS):
        learn, judge = half != part, half == part
        settings = {"n_estimators": TREES, "random_state": 0, "max_features": 0.5, "min_samples_leaf": 2}
        if classes is None:
            forest = ExtraTreesRegressor(**settings)
        else:
            forest = ExtraTreesClassifier(**settings, class_weight="balanced")
        prediction[judge] = forest.fit(table[learn], y[learn]).predict(table[judge])
    return _share(y, prediction, classes)
