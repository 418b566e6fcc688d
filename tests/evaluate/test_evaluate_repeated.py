"""A row that is judged in several repeats is one row, and a metric of its predictions is the mean over the repeats."""

from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import metric_named
from holdfast.evaluate.repeated import Repeats


def judgements() -> tuple[Repeats, np.ndarray, np.ndarray, np.ndarray]:
    """Three repeats of two folds of 40 rows: the repeats, targets, probabilities and folds of all judgements."""
    rng = np.random.default_rng(0)
    ids, part = [], []
    for repeat in range(3):
        order = rng.permutation(40)
        ids.append(order)
        part.append(np.repeat([0, 1], 20) + 2 * repeat)
    rows, parts = np.concatenate(ids), np.concatenate(part)
    y = (rows % 3 == 0).astype(int)
    chance = np.clip(0.4 * y + 0.6 * rng.random(120), 0, 1)
    return Repeats.of(rows + 100, parts, 2), y, np.stack([1 - chance, chance], axis=1), parts


def test_row_terms_are_averaged_over_repeats() -> None:
    repeats, y, chance, _ = judgements()
    metric = metric_named("brier", "binary", 2)
    told = repeats.row_scores(metric, y, chance)
    assert told is not None
    assert told.rows is not None
    assert told.rows.tolist() == list(range(100, 140))
    assert told.values.mean() == pytest.approx(metric.value(y, chance))
    row = 7
    assert told.values[row] == pytest.approx(((chance[:, 1] - y) ** 2)[repeats.place == row].mean())


def test_classes_of_all_folds_and_repeats_are_put_together() -> None:
    repeats, y, chance, part = judgements()
    metric = metric_named("f1", "binary", 2)
    said = (chance[:, 1] > 0.5).astype(int)
    told = repeats.row_scores(metric, y, said)
    assert told is not None
    assert told.kind == "prediction"
    over, truth = repeats.over(metric), repeats.once(y)
    assert over.value(truth, told.values) == pytest.approx(metric.value(y, said, folds=part))
    assert metric.value(y, said, folds=part) == metric.value(y, said)
    weights = np.random.default_rng(1).integers(0, 3, size=(2, 40)).astype(float)
    expected = metric.values_under(y, said, weights[:, repeats.place])
    assert over.values_under(truth, told.values, weights) == pytest.approx(expected)


def test_a_metric_of_scores_is_the_mean_over_folds_and_repeats() -> None:
    repeats, y, said, part = judgements()
    metric = metric_named("roc_auc", "binary", 2)
    told = repeats.row_scores(metric, y, said)
    assert told is not None
    assert told.kind == "prediction"
    over, truth = repeats.over(metric), repeats.once(y)
    assert over.value(truth, told.values) == pytest.approx(metric.value(y, said, folds=part))
    weights = np.random.default_rng(1).integers(0, 3, size=(2, 40)).astype(float)
    expected = [
        np.mean(
            [
                metric.values_under(
                    y[repeats.turn == turn],
                    said[repeats.turn == turn],
                    own[None, repeats.place[repeats.turn == turn]],
                    part[repeats.turn == turn],
                )[0]
                for turn in range(3)
            ]
        )
        for own in weights
    ]
    assert over.values_under(truth, told.values, weights) == pytest.approx(expected)


def test_a_metric_that_does_not_come_from_rows_has_no_row_scores() -> None:
    repeats, y, chance, _ = judgements()
    assert repeats.row_scores(metric_named("davies_bouldin", "clustering"), chance, y) is None
    assert repeats.count == 3


def test_clusters_of_different_models_are_not_mixed() -> None:
    from sklearn.metrics import silhouette_samples

    repeats, y, chance, part = judgements()
    metric = metric_named("silhouette", "clustering")
    labels = np.where(part % 2 == 0, y, 1 - y)  # each model numbers its clusters in its own way
    told = repeats.row_scores(metric, chance, labels)
    assert told is not None
    by_hand = np.empty(120)
    for fold in range(6):
        by_hand[part == fold] = silhouette_samples(chance[part == fold], y[part == fold])
    assert told.values.mean() == pytest.approx(by_hand.mean())
    assert metric.value(chance, labels, folds=part) == pytest.approx(by_hand.mean())


NEIGHBOURS = (1, 3, 5, 9, 15, 25, 39)


def neighbours_right(X: np.ndarray, y: np.ndarray, X_new: np.ndarray, y_new: np.ndarray) -> np.ndarray:
    """Whether k nearest neighbours are right, shape (new rows, k)."""
    distance = ((X_new[:, None] - X[None]) ** 2).sum(axis=-1)
    votes = np.cumsum(y[np.argsort(distance, axis=1)], axis=1)
    return np.stack([(votes[:, k - 1] > k / 2) == y_new for k in NEIGHBOURS], axis=1)


@pytest.mark.long
def test_repeats_narrow_an_interval_that_still_covers() -> None:
    """5 folds of 100 rows, drawn once or three times; the interval is to hold the risk of the refitted winner."""
    widths, covered, reps = {1: 0.0, 3: 0.0}, {1: 0, 3: 0}, 80
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(3100, 6))
        y = (np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(size=3100) > 0).astype(int)
        truth = neighbours_right(X[:100], y[:100], X[100:], y[100:]).mean(axis=0)
        for repeats in widths:
            splits = holdfast.split(y[:100], folds=5, repeats=repeats, test=0, seed=seed)
            right = [neighbours_right(X[a], y[a], X[b], y[b]) for a, b in splits]
            rows = [splits.row_scores([own[:, c] for own in right]) for c in range(len(NEIGHBOURS))]
            winner = int(np.argmax([own.values.mean() for own in rows]))
            found = estimate(rows, direction="maximize", estimand="refit", winner=winner, seed=seed).score
            assert found.low is not None
            assert found.high is not None
            widths[repeats] += (found.high - found.low) / reps
            covered[repeats] += found.low <= truth[winner] <= found.high
    assert min(covered.values()) >= 0.93 * reps
    assert widths[3] < 0.96 * widths[1]
