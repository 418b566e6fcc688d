"""Every weighted metric equals scikit-learn's with sample_weight."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from holdfast.stats import weighted

AVERAGES: tuple[weighted.Average, ...] = ("binary", "macro", "micro", "weighted")


def weights_for(rng: np.random.Generator, n: int, b: int = 7) -> np.ndarray:
    return rng.integers(1, 5, size=(b, n)).astype(float)


@given(seed=st.integers(0, 10_000), n=st.integers(4, 60), levels=st.sampled_from([2, 3, 1000]))
@settings(max_examples=40, deadline=None)
def test_auc_is_that_of_scikit_learn_with_and_without_ties(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(2, size=n - 2)]
    score = rng.integers(levels, size=n).astype(float)
    weights = weights_for(rng, n)
    expected = [metrics.roc_auc_score(y, score, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.auc(y == 1, score, weights), expected, rtol=1e-12, atol=1e-12)


@given(seed=st.integers(0, 10_000), n=st.integers(4, 60), levels=st.sampled_from([2, 3, 1000]))
@settings(max_examples=30, deadline=None)
def test_average_precision_is_that_of_scikit_learn(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(2, size=n - 2)]
    score = rng.integers(levels, size=n).astype(float)
    weights = weights_for(rng, n)
    expected = [metrics.average_precision_score(y, score, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.average_precision(y == 1, score, weights), expected)
    assert np.isnan(weighted.average_precision(np.zeros(n, bool), score, weights)).all()


def test_matthews_correlation() -> None:
    rng = np.random.default_rng(8)
    y, prediction, weights = rng.integers(4, size=50), rng.integers(4, size=50), weights_for(rng, 50)
    expected = [metrics.matthews_corrcoef(y, prediction, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.matthews(weighted.class_counts(y, prediction, 4, weights)), expected)
    constant = weighted.class_counts(y, np.zeros(50, int), 4, weights)
    assert (weighted.matthews(constant) == 0).all()


def test_auc_leaves_out_rows_of_weight_zero() -> None:
    rng = np.random.default_rng(1)
    y, score = rng.integers(2, size=50), rng.normal(size=50)
    counts = rng.integers(0, 3, size=(5, 50)).astype(float)
    expected = [metrics.roc_auc_score(np.repeat(y, w.astype(int)), np.repeat(score, w.astype(int))) for w in counts]
    np.testing.assert_allclose(weighted.auc(y == 1, score, counts), expected)


def test_auc_is_undefined_without_both_classes() -> None:
    y = np.array([True, True, False])
    weights = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 1.0]])
    value = weighted.auc(y, np.array([0.1, 0.9, 0.2]), weights)
    assert np.isnan(value[:2]).all()
    assert value[2] == 0.0
    assert np.isnan(weighted.auc(np.ones(3, bool), np.arange(3.0), weights)).all()


def test_auc_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    y, score, weights = rng.random(40) < 0.5, rng.normal(size=40), weights_for(rng, 40, 33)
    whole = weighted.auc(y, score, weights)
    monkeypatch.setattr(weighted, "CHUNK_CELLS", 81)
    np.testing.assert_array_equal(weighted.auc(y, score, weights), whole)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_one_against_rest(average: str) -> None:
    rng = np.random.default_rng(3)
    y, scores = rng.integers(4, size=80), rng.dirichlet(np.ones(4), 80)
    weights = weights_for(rng, 80)
    expected = [metrics.roc_auc_score(y, scores, sample_weight=w, multi_class="ovr", average=average) for w in weights]
    got = weighted.auc_one_against_rest(y, scores, weights, "macro" if average == "macro" else "weighted")
    np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (weighted.f1, metrics.f1_score),
        (weighted.jaccard, metrics.jaccard_score),
        (weighted.precision, metrics.precision_score),
        (weighted.recall, metrics.recall_score),
    ],
)
@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_per_class_metrics(
    ours: Callable[..., np.ndarray], theirs: Callable[..., float], average: weighted.Average, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    k = 2 if average == "binary" else 4
    y, prediction = rng.integers(k, size=30), rng.integers(k, size=30)
    weights = weights_for(rng, 30)
    expected = [theirs(y, prediction, sample_weight=w, average=average, zero_division=0) for w in weights]
    np.testing.assert_allclose(ours(weighted.class_counts(y, prediction, k, weights), average), expected)


def test_balanced_accuracy_and_absent_classes() -> None:
    rng = np.random.default_rng(4)
    y, prediction, weights = rng.integers(3, size=50), rng.integers(3, size=50), weights_for(rng, 50)
    expected = [metrics.balanced_accuracy_score(y, prediction, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.balanced_accuracy(weighted.class_counts(y, prediction, 3, weights)), expected)
    absent = weighted.class_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 3, np.ones((1, 3)))
    assert weighted.balanced_accuracy(absent)[0] == pytest.approx(0.75)
    assert weighted.f1(absent, "macro")[0] == pytest.approx(metrics.f1_score([0, 0, 1], [0, 1, 1], average="macro"))


def test_r2_and_its_undefined_case() -> None:
    rng = np.random.default_rng(5)
    y, prediction, weights = rng.normal(1e3, 1, 40), rng.normal(1e3, 1, 40), weights_for(rng, 40)
    expected = [metrics.r2_score(y, prediction, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.r2(y, prediction, weights), expected)
    expected = [metrics.explained_variance_score(y, prediction + 5, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.explained_variance(y, prediction + 5, weights), expected)
    assert np.isnan(weighted.r2(np.array([1.0, 1.0, 2.0]), np.zeros(3), np.array([[1.0, 1.0, 0.0]]))).all()


def test_means_and_roots() -> None:
    rng = np.random.default_rng(9)
    y, prediction, weights = rng.normal(size=50), rng.normal(size=50), weights_for(rng, 50)
    expected = [metrics.root_mean_squared_error(y, prediction, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted.root_mean((y - prediction) ** 2, weights), expected)


@pytest.mark.long
def test_auc_of_two_hundred_configurations_takes_seconds() -> None:
    rng = np.random.default_rng(6)
    y = rng.random(2000) < 0.4
    weights = rng.poisson(1.0, size=(1000, 2000)).astype(float)
    start = time.process_time()
    for _ in range(200):
        weighted.auc(y, rng.normal(size=2000), weights)
    assert time.process_time() - start < 10
