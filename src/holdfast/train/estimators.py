"""The families that scikit-learn brings: their default spaces, and their models with every seed set and one thread.

A config may name any parameter of the scikit-learn class behind a family; the default spaces hold those worth tuning.
"""

# ruff: noqa: ARG001 - every family has the same two functions, whether or not it needs all of their arguments

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from holdfast.errors import RequestError, nearest
from holdfast.records import Config, Fidelity
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train import starts
from holdfast.train.families import CLASSIFICATION, SUPERVISED, Estimator, Family
from holdfast.train.task import Task, TaskKind

REGRESSION: frozenset[TaskKind] = frozenset({"regression"})
CLUSTERING: frozenset[TaskKind] = frozenset({"clustering"})

MANY_ITERATIONS = 10_000


def fit_estimator(
    estimator: Estimator, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> tuple[str, ...]:
    """Fit, and return what a reader has to know of it, in sentences: that the solver stopped before it converged.

    A network says the like by itself (``notes``). Other warnings pass.

    Args:
        estimator: the model, fitted in place.
        X: features, shape (n, d).
        y: targets, shape (n,).
        weights: how much each row counts, shape (n,); None for all alike, which any estimator takes.

    Raises:
        RequestError: if there are weights, and the estimator takes none.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning

    extra = {}
    if weights is not None:
        name = weight_argument(estimator)
        if name is None:
            raise RequestError(f"{type(estimator).__name__} takes no weights of rows; its fit needs a sample_weight")
        extra[name] = weights
    with warnings.catch_warnings(record=True) as caught, config_context(enable_metadata_routing=False):
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(X, y, **extra)
    notes = []
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            notes.append(" ".join(str(warning.message).split()))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return (*notes, *getattr(estimator, "notes", ()))


def weight_argument(estimator: Any) -> str | None:
    """Under which name the fit of an estimator takes weights of rows, in a pipeline that of its last step; or None."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline) and estimator.steps:
        step, last = estimator.steps[-1]
        inner = weight_argument(last)
        return None if inner is None else f"{step}__{inner}"
    if isinstance(estimator, TransformedTargetRegressor):
        return weight_argument(estimator.regressor)
    fit = getattr(estimator, "fit", None)
    return "sample_weight" if fit is not None and "sample_weight" in inspect.signature(fit).parameters else None


def apply_config(family: str, estimator: Any, config: Config) -> Any:
    """The estimator with the config's values set; the word "none" stands for None where a class weight is asked.

    Raises:
        RequestError: if the estimator has no such parameter.
    """
    known = estimator.get_params(deep=False)
    for name in config:
        if name not in known:
            there = nearest(name, known) or f"; it has {', '.join(known)}"
            raise RequestError(f"'{name}' is no hyperparameter of the family '{family}'{there}")
    values = {k: None if k == "class_weight" and v == "none" else v for k, v in config.items()}
    return estimator.set_params(**values)


def on_standard_target(regressor: Any) -> Any:
    """A regressor that learns the target at mean 0 and deviation 1, so that its penalties mean the same on any unit."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(regressor=regressor, transformer=StandardScaler())


def _class_weight(task: Task) -> dict[str, Domain]:
    """The class weight, where there are classes."""
    return {"class_weight": Categorical(["none", "balanced"], default="none")} if task.is_classification else {}


# linear models


def _make_linear(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.linear_model import LinearRegression

    return apply_config("linear", LinearRegression(), config)


def _linear_space(task: Task) -> Space:
    return Space({"fit_intercept": Categorical([True, False], default=True)})


def _make_ridge(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.linear_model import Ridge

    return apply_config("ridge", Ridge(random_state=seed), config)


def _ridge_space(task: Task) -> Space:
    return Space({"alpha": Float(1e-3, 1e4, log=True, default=1.0)})


def _make_lasso(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=0.01, max_iter=MANY_ITERATIONS, random_state=seed)
    return on_standard_target(apply_config("lasso", lasso, config))


def _lasso_space(task: Task) -> Space:
    return Space({"alpha": Float(1e-4, 1.0, log=True, default=0.01)})


def _make_logistic(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    values = dict(config)
    penalty = values.pop("penalty", "l2")
    share = {"l2": 0.0, "l1": 1.0, "elasticnet": values.pop("l1_ratio", 0.5)}
    if penalty not in share:
        raise RequestError(f"'penalty' is {penalty!r}; the family 'logistic' takes l1, l2 or elasticnet")
    # lbfgs converges quickly but knows the smooth penalty only; saga knows them all.
    solver, tolerance = ("lbfgs", 1e-4) if penalty == "l2" else ("saga", 1e-3)
    model = LogisticRegression(
        solver=solver, tol=tolerance, max_iter=MANY_ITERATIONS, random_state=seed, **_penalty(penalty, share[penalty])
    )
    return apply_config("logistic", model, values)


def _penalty(name: Any, share: Any) -> dict[str, Any]:
    """The penalty as this version of scikit-learn spells it: since 1.8 the share of l1 alone says it."""
    import sklearn

    if tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8):
        return {"l1_ratio": share}
    return {"penalty": name, "l1_ratio": share if name == "elasticnet" else None}


def _logistic_space(task: Task) -> Space:
    return Space(
        {
            "C": Float(1e-4, 1e2, log=True, default=1.0),
            "penalty": Categorical(["l2", "l1", "elasticnet"], default="l2"),
            "l1_ratio": Float(0.05, 0.95, default=0.5, when={"penalty": ["elasticnet"]}),
            **_class_weight(task),
        }
    )


# kernels and neighbours

SVM_ITERATIONS = 500_000


def _make_svm(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.svm import SVC, SVR

    if task.is_classification:
        return apply_config("svm", SVC(max_iter=SVM_ITERATIONS, random_state=seed), config)
    return on_standard_target(apply_config("svm", SVR(max_iter=SVM_ITERATIONS), config))


def _svm_space(task: Task) -> Space:
    usual = 1.0 / max(task.n_features, 1)
    domains: dict[str, Domain] = {
        "C": Float(1e-2, 1e3, log=True, default=1.0),
        "kernel": Categorical(["rbf", "linear", "poly"], default="rbf"),
        "gamma": Float(usual / 100, usual * 100, log=True, default=usual, when={"kernel": ["rbf", "poly"]}),
        "degree": Int(2, 4, default=3, when={"kernel": ["poly"]}),
        "coef0": Float(0.0, 1.0, default=0.0, when={"kernel": ["poly"]}),
    }
    if task.kind == "regression":
        domains["epsilon"] = Float(1e-3, 1.0, log=True, default=0.1)
    return Space({**domains, **_class_weight(task)})


def _make_knn(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    model = KNeighborsClassifier if task.is_classification else KNeighborsRegressor
    return apply_config("knn", model(n_jobs=1), config)


def _knn_space(task: Task) -> Space:
    most = max(2, min(100, task.n_rows // 2))
    return Space(
        {
            "n_neighbors": Int(1, most, log=True, default=min(5, most)),
            "weights": Categorical(["uniform", "distance"], default="uniform"),
            "p": Categorical([1, 2], default=2),
        }
    )


# trees


def _make_tree(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    model = DecisionTreeClassifier if task.is_classification else DecisionTreeRegressor
    return apply_config("tree", model(random_state=seed), config)


def _tree_space(task: Task) -> Space:
    domains: dict[str, Domain] = {
        "max_depth": Int(1, 32, log=True, default=32),
        "min_samples_leaf": Int(1, 64, log=True, default=1),
        "min_samples_split": Int(2, 64, log=True, default=2),
    }
    if task.is_classification:
        domains["criterion"] = Categorical(["gini", "entropy"], default="gini")
    return Space({**domains, **_class_weight(task)})


def _make_forest(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    model = RandomForestClassifier if task.is_classification else RandomForestRegressor
    return apply_config("random-forest", model(n_jobs=1, random_state=seed), config)


def _forest_space(task: Task) -> Space:
    usual = max(task.n_features, 1) ** -0.5 if task.is_classification else 1.0
    return Space(
        {
            "n_estimators": Int(50, 400, log=True, default=100),
            "max_features": Float(min(0.05, usual), 1.0, default=usual),
            "min_samples_leaf": Int(1, 32, log=True, default=1),
            "bootstrap": Categorical([True, False], default=True),
            "max_samples": Float(0.3, 1.0, default=1.0, when={"bootstrap": [True]}),
            **_class_weight(task),
        }
    )


def _make_boosting(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = HistGradientBoostingClassifier if task.is_classification else HistGradientBoostingRegressor
    settings = {"early_stopping": False, "random_state": seed, "categorical_features": list(task.categorical) or None}
    return apply_config("gradient-boosting", model(**settings), config)


def _boosting_space(task: Task) -> Space:
    return Space(
        {
            "learning_rate": Float(0.01, 0.3, log=True, default=0.1),
            "max_iter": Int(50, 500, log=True, default=100),
            "max_leaf_nodes": Int(4, 128, log=True, default=31),
            "min_samples_leaf": Int(2, 100, log=True, default=20),
            "l2_regularization": Float(1e-8, 10.0, log=True, default=1e-8),
            "max_features": Float(0.2, 1.0, default=1.0),
            **_class_weight(task),
        }
    )


# clusters


def _make_kmeans(config: Config, task: Task, seed: int, epochs: int | None) -> Any:
    from sklearn.cluster import KMeans

    return apply_config("kmeans", KMeans(n_init=10, random_state=seed), config)


def _kmeans_space(task: Task) -> Space:
    most = max(3, min(20, task.n_rows - 1))
    return Space(
        {
            "n_clusters": Int(2, most, default=min(8, most)),
            "init": Categorical(["k-means++", "random"], default="k-means++"),
            "n_init": Int(1, 20, log=True, default=10),
        }
    )


FAMILIES = (
    Family(
        "linear",
        REGRESSION,
        "scaled",
        _linear_space,
        _make_linear,
        "Ordinary least squares.",
        instead="logistic",
        weighs=True,
    ),
    Family(
        "ridge",
        REGRESSION,
        "scaled",
        _ridge_space,
        _make_ridge,
        "Least squares, l2 penalty.",
        instead="logistic",
        starts=starts.RIDGE,
        weighs=True,
    ),
    Family(
        "lasso",
        REGRESSION,
        "scaled",
        _lasso_space,
        _make_lasso,
        "Least squares, l1 penalty.",
        instead="logistic",
        starts=starts.LASSO,
        weighs=True,
    ),
    Family(
        "logistic",
        CLASSIFICATION,
        "scaled",
        _logistic_space,
        _make_logistic,
        "Logistic regression with an l1, l2 or mixed penalty.",
        instead="ridge",
        starts=starts.LOGISTIC,
        weighs=True,
    ),
    Family(
        "svm",
        SUPERVISED,
        "scaled",
        _svm_space,
        _make_svm,
        "A support vector machine; has no probabilities.",
        looks_up=True,
        starts=starts.SVM,
        weighs=True,
    ),
    Family(
        "knn",
        SUPERVISED,
        "scaled",
        _knn_space,
        _make_knn,
        "The nearest neighbours vote, or are averaged.",
        looks_up=True,
        starts=starts.KNN,
    ),
    Family(
        "tree",
        SUPERVISED,
        "onehot",
        _tree_space,
        _make_tree,
        "One decision tree.",
        starts=starts.TREE,
        weighs=True,
    ),
    Family(
        "random-forest",
        SUPERVISED,
        "onehot",
        _forest_space,
        _make_forest,
        "Many randomised trees, averaged.",
        fidelity=Fidelity("n_estimators", 10, 270, 3),
        starts=starts.FOREST,
        weighs=True,
    ),
    Family(
        "gradient-boosting",
        SUPERVISED,
        "ordinal",
        _boosting_space,
        _make_boosting,
        "Boosted trees on histograms; takes missing values and up to 255 categories a column as they are.",
        fidelity=Fidelity("max_iter", 12, 324, 3),
        starts=starts.BOOSTING,
        weighs=True,
    ),
    Family("kmeans", CLUSTERING, "scaled", _kmeans_space, _make_kmeans, "Clusters around means."),
)
