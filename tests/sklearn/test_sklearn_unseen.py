"""Log losses of nearly separable classes: the estimate of a search is as wide as that of its row scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from holdfast.evaluate.estimate import Estimate, estimate
from holdfast.evaluate.metrics import metric_named
from holdfast.evaluate.wording import UNSEEN
from holdfast.sklearn import HoldfastSearchCV

STRENGTHS = [0.1, 1.0, 10.0, 100.0]
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def directly(X: np.ndarray, y: np.ndarray) -> Estimate:
    metric = metric_named("log_loss", "binary", 2)
    models = [LogisticRegression(C=strength) for strength in STRENGTHS]
    predicted = [cross_val_predict(model, X, y, cv=FOLDS, method="predict_proba") for model in models]
    rows = [found for each in predicted if (found := metric.rows(y, each)) is not None]
    return estimate(rows, direction="minimize", estimand="refit", metric=metric)


@pytest.mark.parametrize("n_rows", [60, 62])
def test_the_estimate_of_a_search_knows_what_a_wrong_row_costs(n_rows: int) -> None:
    y = (np.arange(n_rows) % 6 == 0).astype(int)
    X = np.random.default_rng(0).standard_normal((n_rows, 3)) + 4 * y[:, None]
    search = HoldfastSearchCV(
        LogisticRegression(), {"C": STRENGTHS}, strategy="grid", scoring="neg_log_loss", cv=FOLDS, random_state=0
    ).fit(X, y)
    score, same = search.estimate_, directly(X, y)
    assert UNSEEN in score.method
    assert UNSEEN in same.score.method
    assert -score.value == pytest.approx(same.score.value, rel=0.1)  # folds are not all of 12 rows
    assert same.score.high is not None
    assert score.low is not None
    assert -score.low == pytest.approx(same.score.high, rel=0.02)
