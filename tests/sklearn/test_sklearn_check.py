"""scikit-learn's own checks of an estimator, with no failure expected that `RandomizedSearchCV` does not declare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_XFAIL_CHECKS
from sklearn.utils.estimator_checks import parametrize_with_checks

import holdfast
from holdfast.sklearn import HoldfastSearchCV

DECLARED = dict(PER_ESTIMATOR_XFAIL_CHECKS[RandomizedSearchCV])
"""What scikit-learn expects its own randomised search to fail."""

WAYS: dict[str, Any] = {"cv": 2, "error_score": "raise", "random_state": 0, "n_trials": 3}
SEARCHES = [
    HoldfastSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **WAYS),
    HoldfastSearchCV(Ridge(), {"alpha": holdfast.Float(0.1, 1.0, log=True)}, **WAYS),
    HoldfastSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, strategy="random", drop_folds="curtailed", **WAYS),
    HoldfastSearchCV(
        Pipeline(steps=[("pca", PCA()), ("ridge", Ridge())]), {"ridge__alpha": [0.1, 1.0]}, strategy="grid", **WAYS
    ),
    HoldfastSearchCV(
        Pipeline(steps=[("pca", PCA()), ("logisticregression", LogisticRegression())]),
        {"logisticregression__C": [0.1, 1.0]},
        **WAYS,
    ),
]
"""The same estimators as in scikit-learn's own instances of its randomised search."""


# scikit-learn's own, of infinite targets
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@parametrize_with_checks(SEARCHES, expected_failed_checks=lambda _: DECLARED, xfail_strict=False)  # type: ignore[untyped-decorator]
def test_it_is_an_estimator_of_scikit_learns(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
