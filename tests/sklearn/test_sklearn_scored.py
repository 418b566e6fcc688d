"""What a search says of rows: which rows folds score and how much each counts, classes as numbers, scorers by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import check_scoring, f1_score, get_scorer, get_scorer_names, make_scorer, mean_pinball_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.sklearn.folds import Said
from holdfast.sklearn.scored import Scored, codes, design_of, registered_name, scored_by, scores_as_usual

LABELS = np.array(["no", "yes"], dtype=object)
TESTS = [np.array([0, 1, 2]), np.array([3, 4, 5])]


def _scored(scoring: Any, y: Any, estimator: Any = None, splits: Any = None, **params: Any) -> Scored | str:
    model = LogisticRegression() if estimator is None else estimator
    return scored_by(model, check_scoring(model, scoring), "score", y, splits or [TESTS, TESTS[::-1]], params)


@given(st.lists(st.sets(st.integers(0, 11), min_size=1).map(sorted), min_size=1, max_size=5), st.booleans())
def test_shares_make_the_mean_over_rows_the_mean_over_folds(tests: list[list[int]], weighted: bool) -> None:
    design = design_of([np.array(test) for test in tests], 12)
    weights = np.random.default_rng(0).uniform(0.1, 2, 12) if weighted else None
    values = np.random.default_rng(1).normal(size=(len(tests), 12))
    total = np.zeros(len(design.rows))
    means = []
    shares = design.shares(weights)
    for fold, test in enumerate(tests):
        assert list(design.rows[design.places[fold]]) == test
        total[design.places[fold]] += shares[fold] * values[fold, test]
        means.append(np.average(values[fold, test], weights=None if weights is None else weights[test]))
    assert total.mean() == pytest.approx(np.mean(means))
    assert sum(share.sum() for share in shares) == pytest.approx(len(design.rows))
    pairs = zip(np.concatenate(design.places).tolist(), np.concatenate(design.turns).tolist(), strict=True)
    assert len(set(pairs)) == sum(map(len, tests)), "no two folds have the same turn at a row"


def test_labels_are_places_and_strange_ones_are_none() -> None:
    assert codes(np.array(["yes", "no"], dtype=object), LABELS).tolist() == [1, 0]  # type: ignore[union-attr]
    assert codes(np.array(["no", "yes"]), LABELS[::-1]).tolist() == [1, 0]  # type: ignore[union-attr]
    assert codes(np.array(["perhaps"]), LABELS) is None
    assert codes(np.array([7]), np.array([1, 2])) is None


@pytest.mark.parametrize("name", sorted(get_scorer_names()))
def test_a_scorer_of_scikit_learns_is_known_by_its_name(name: str) -> None:
    assert registered_name(get_scorer(name)) == name


def test_a_scorer_of_ones_own_is_known_by_what_it_does() -> None:
    assert registered_name(make_scorer(f1_score, pos_label="yes")) == "f1"
    assert registered_name(make_scorer(f1_score, average="macro")) == "f1_macro"
    assert registered_name(make_scorer(f1_score, average="macro", labels=np.array([0, 1]))) is None
    assert registered_name(make_scorer(f1_score, greater_is_better=False)) is None
    assert registered_name(make_scorer(mean_pinball_loss, alpha=0.1)) is None


def test_of_two_classes_the_positive_one_comes_last() -> None:
    y = LABELS[[0, 1, 0, 1, 0, 1]]
    plain = _scored("roc_auc", y)
    turned = _scored(make_scorer(f1_score, pos_label="no"), y)
    assert isinstance(plain, Scored)
    assert isinstance(turned, Scored)
    assert plain.labels is not None
    assert turned.labels is not None
    assert (plain.labels.tolist(), plain.y.tolist()) == (["no", "yes"], [0, 1, 0, 1, 0, 1])
    assert (turned.labels.tolist(), turned.y.tolist()) == (["yes", "no"], [1, 0, 1, 0, 1, 0])
    said = LABELS[[0, 0, 0, 1, 1, 1]]
    predicted = turned.predicted(Said(said, LABELS))
    assert predicted is not None
    known, called = turned.metrics()
    assert known.fast
    assert not called.fast
    expected = f1_score(y, said, pos_label="no")
    assert known.value(turned.y, predicted) == pytest.approx(expected)
    assert called.value(turned.y.astype(float), predicted) == pytest.approx(expected)


def test_an_outlier_detector_says_one_of_two_classes_as_a_classifier_does() -> None:
    inside = np.array([-1, 1, 1, 1, 1, -1])
    for y, scoring in ((inside, "accuracy"), (inside, "roc_auc"), (np.maximum(inside, 0), "roc_auc")):
        scored = _scored(scoring, y, IsolationForest())
        assert isinstance(scored, Scored)
        assert scored.labels is not None
        assert scored.y.tolist() == [0, 1, 1, 1, 1, 0]
        assert scored.metrics()[0].fast, scoring
    other = _scored("accuracy", np.maximum(inside, 0), IsolationForest())
    assert isinstance(other, Scored)
    assert other.labels is None, "what it predicts, -1 and 1, are not these classes"


def test_a_fold_that_lacks_a_class_has_a_column_of_zeros_for_it() -> None:
    scored = _scored("neg_log_loss", np.array([0, 1, 2, 0, 1, 2]))
    assert isinstance(scored, Scored)
    columns = scored.predicted(Said(np.array([[0.3, 0.7]]), np.array([0, 2])))
    assert columns is not None
    assert columns.tolist() == [[0.3, 0.0, 0.7]]
    assert scored.predicted(Said(np.array([[0.3, 0.7]]), None)) is None


@pytest.mark.parametrize(
    ("y", "params", "said"),
    [
        (None, {}, "there is no y"),
        ([[1, 2], [3, 4], [5, 6]], {}, r"^y has shape \(3, 2\); one class or number a row is needed$"),
        ([1.0, np.nan, 2.0, 1.0, 1.0, 2.0], {}, "^y has numbers that are not finite$"),
        ([1, "a", None, 2, 3, 4], {}, "cannot be understood|of the kind"),
        ([0, 1, 0, 1, 0, 1], {"sample_weight": [1, 1, 1, 1, 1, -1]}, "weight below 0"),
        ([0, 1, 0, 1, 0, 1], {"amount": [1] * 6}, "the scorer of 'score' gets amount besides"),
    ],
)
def test_why_nothing_can_be_said_of_rows(y: Any, params: dict[str, Any], said: str) -> None:
    reason = _scored("accuracy", y, **params)
    assert isinstance(reason, str)
    assert re.search(said, reason)


def test_texts_as_targets_need_a_classifier() -> None:
    assert "no classifier" in str(_scored("r2", ["a", "b"] * 3, Ridge()))


def test_what_scores_as_all_of_its_kind_do() -> None:
    from sklearn.dummy import DummyClassifier

    assert scores_as_usual(LogisticRegression())
    assert scores_as_usual(make_pipeline(StandardScaler(), make_pipeline(Ridge())))
    assert not scores_as_usual(DummyClassifier())
