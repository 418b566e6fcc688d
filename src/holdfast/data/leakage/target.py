"""A feature that by itself nearly is the target: filled in afterwards, or a copy of it under another name."""

from __future__ import annotations

import numpy as np

from holdfast.data.leakage.finding import Finding, percent
from holdfast.data.leakage.view import View
from holdfast.rng import Streams

ROWS = 5_000
"""So many training rows are looked at."""

BINS = 64
"""The values of a number are cut into so many parts, each with as many rows."""

NEARLY = 0.95
"""A feature that explains so much of the target alone is looked at more closely."""

SHARE_LEFT = 0.2
"""It is a finding if it leaves at most this share of what all others together leave unexplained."""

FOLDS = 2
TREES = 30


def target_like(view: View, ignored: frozenset[str]) -> list[Finding]:
    """Features that alone explain what the others together do not.

    What a feature explains is cross-fitted in two halves of the training rows: for classes 1 - e / e_0 with the mean
    error over classes e (one row added to the right and the wrong ones of each) and that of guessing e_0; for numbers
    R^2. A prediction is the most frequent class, or the mean, in the feature's category or in one of `BINS` parts of
    its range, missing values a part of their own; for numbers also Pearson's correlation squared. What the others
    explain is found with a forest of extremely randomised trees (Geurts et al. 2006), only if a feature explains
    `NEARLY` all.
    """
    if view.y is None or view.schema.target is None:
        return []
    rows = _sample(view)
    y = view.y[rows]
    if len(rows) < 4 * FOLDS or len(np.unique(y)) < 2:
        return []
    half = Streams(view.seed).generator(-1, "leakage/half").permutation(len(rows)) % FOLDS
    explained = {}
    for name in [*view.values, *view.codes]:
        if name not in ignored:
            explained[name] = _explained(view, name, rows, y, half)
    suspects = [name for name, share in explained.items() if share >= NEARLY]
    if not suspects:
        return []
    others = [name for name in explained if name not in suspects]
    rest = _explained_by_all(view, others, rows, y, half) if others else 0.0
    limit = 1 - SHARE_LEFT * (1 - rest) if others else 0.99
    found = [name for name in suspects if explained[name] >= limit]
    return [_finding(view, name, explained[name], rest, others) for name in found]


def _finding(view: View, name: str, share: float, rest: float, others: list[str]) -> Finding:
    measure = "the target" if view.schema.is_classification else "the target's variance"
    beside = f", where all others together explain {percent(max(rest, 0.0))}" if others else ""
    text = f"'{name}' alone explains {percent(share)} of {measure}{beside}"
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


def _explained(view: View, name: str, rows: np.ndarray, y: np.ndarray, half: np.ndarray) -> float:
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
    if view.schema.is_classification or not present.all() or values.std() == 0:
        return share
    return max(share, float(np.corrcoef(values, y)[0, 1] ** 2))


def _of_cells(view: View, cells: np.ndarray, n: int, y: np.ndarray, half: np.ndarray) -> float:
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


def _share(y: np.ndarray, prediction: np.ndarray, classes: int | None) -> float:
    """How much of the target a prediction explains: 1 for all."""
    if classes is None:
        return float(1 - np.mean((y - prediction) ** 2) / np.var(y))
    counts = np.bincount(y, minlength=classes)
    wrong = np.bincount(y[prediction != y], minlength=classes)
    there = counts > 0
    error = float(np.mean((wrong[there] + 1) / (counts[there] + 2)))
    return 1 - error / (1 - 1 / int(there.sum()))


def _explained_by_all(view: View, names: list[str], rows: np.ndarray, y: np.ndarray, half: np.ndarray) -> float:
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
