"""What an estimator in a skops file was made with: its attributes without an underscore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.count.files.skops_nodes import Node

DEEPEST = 8
"""How far estimators in estimators are followed."""

_STEPS = ("steps", "transformer_list", "transformers", "estimators")
"""Hyperparameters that hold estimators by name."""

NOT_TAKEN = {
    "DecisionTreeRegressor": "class_weight",
    "ExtraTreeRegressor": "class_weight",
    "ExtraTreesRegressor": "class_weight",
    "GradientBoostingClassifier": "alpha",
    "GraphicalLasso": "store_precision",
    "GraphicalLassoCV": "store_precision",
    "IsolationForest": "bootstrap_features estimator oob_score",
    "KNeighborsClassifier": "radius",
    "KNeighborsRegressor": "radius",
    "KNeighborsTransformer": "radius",
    "LabelPropagation": "alpha",
    "LarsCV": "fit_path jitter n_nonzero_coefs random_state",
    "Lasso": "l1_ratio",
    "LassoLarsIC": "fit_path",
    "LocalOutlierFactor": "radius",
    "MLPClassifier": "loss",
    "NuSVC": "C epsilon",
    "NuSVR": "class_weight epsilon probability random_state",
    "OneClassSVM": "C class_weight epsilon probability random_state",
    "PLSRegression": "algorithm deflation_mode mode",
    "PassiveAggressiveClassifier": "alpha epsilon eta0 l1_ratio learning_rate penalty power_t",
    "PassiveAggressiveRegressor": "alpha eta0 l1_ratio learning_rate penalty power_t",
    "Perceptron": "average epsilon learning_rate loss power_t",
    "RadiusNeighborsClassifier": "n_neighbors",
    "RadiusNeighborsRegressor": "n_neighbors",
    "RadiusNeighborsTransformer": "n_neighbors",
    "RandomForestRegressor": "class_weight",
    "RandomTreesEmbedding": "bootstrap class_weight max_samples oob_score",
    "RidgeClassifierCV": "alpha_per_target gcv_mode",
    "SGDOneClassSVM": "alpha early_stopping epsilon l1_ratio loss n_iter_no_change penalty validation_fraction",
    "SVC": "epsilon nu",
    "SVR": "class_weight nu probability random_state",
}
"""Attributes that scikit-learn's estimators have from a class that they are derived from, and do not take."""


def hyperparameters(node: Node, start: str, depth: int) -> Iterator[tuple[str, Any]]:
    """What an estimator was made with: attributes without an underscore, and those of the estimators in it."""
    own = node.attributes
    others = {"estimator_params", *NOT_TAKEN.get(node.kind, "").split()}
    for key, item in own.items():
        if key.startswith("_") or key.endswith("_") or key in others:
            continue
        if key == "estimator" and "estimator_params" in own and own["estimator_params"].items:
            continue  # a forest's own pattern of its trees
        if key in _STEPS and item.items and depth < DEEPEST:
            for step in item.items:
                if len(step.items) > 1 and step.items[0].plain:
                    yield from hyperparameters(step.items[1], f"{start}{step.items[0].value}__", depth + 1)
        elif item.loader == "ObjectNode" and item.attributes and depth < DEEPEST:
            yield f"{start}{key}", item.kind
            yield from hyperparameters(item, f"{start}{key}__", depth + 1)
        else:
            yield f"{start}{key}", _value(item)


def _value(node: Node) -> Any:
    """A hyperparameter's value: a plain one, a list or table of plain ones, or a name."""
    if node.plain:
        return node.value
    if node.loader in {"ListNode", "TupleNode", "SetNode"}:
        return [_value(item) if item.plain else item.kind for item in node.items[:50]]
    if node.loader == "DictNode":
        return {key: item.value if item.plain else item.kind for key, item in list(node.attributes.items())[:50]}
    return f"{node.module}.{node.kind}" if node.loader in {"FunctionNode", "TypeNode"} else node.kind
