"""Configurations to try first, from practice: beside a family's default a few that differ from it and from each other.

Each names only what makes it different; the rest stays at the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.space.domains import Scalar


@dataclass(frozen=True)
class Start:
    """Values that differ from the default, and what they are good for."""

    config: Mapping[str, Scalar]
    why: str


LOGISTIC = (
    Start({"C": 0.01}, "a strong penalty, for few rows or many columns"),
    Start({"C": 30.0}, "a weak penalty, for clean data"),
)
SVM = (
    Start({"C": 10.0}, "a softer penalty on the usual kernel"),
    Start({"kernel": "linear", "C": 0.1}, "a linear kernel, for many columns"),
)
KNN = (
    Start({"n_neighbors": 1}, "the nearest row alone, for clean data"),
    Start({"n_neighbors": 20, "weights": "distance"}, "many neighbours weighted by distance, for noisy data"),
)
TREE = (
    Start({"max_depth": 4, "min_samples_leaf": 8}, "a small tree, which a person can read"),
    Start({"max_depth": 10, "min_samples_leaf": 4}, "a tree of middle size"),
)
FOREST = (
    Start({"n_estimators": 300, "min_samples_leaf": 1, "max_features": 0.3}, "many deep trees on some of the columns"),
    Start({"n_estimators": 200, "min_samples_leaf": 5}, "larger leaves, for noisy data"),
)
BOOSTING = (
    Start({"learning_rate": 0.03, "max_iter": 400, "max_leaf_nodes": 8}, "many shallow trees at a low rate"),
    Start({"learning_rate": 0.2, "max_iter": 80, "max_leaf_nodes": 64}, "few deep trees at a high rate"),
    Start(
        {"learning_rate": 0.05, "max_iter": 200, "min_samples_leaf": 50, "l2_regularization": 1.0, "max_features": 0.5},
        "strong regularisation, for few or noisy rows",
    ),
)
RIDGE = (
    Start({"alpha": 100.0}, "a strong penalty, for few rows or many columns"),
    Start({"alpha": 0.01}, "hardly a penalty, for clean data"),
)
LASSO = (
    Start({"alpha": 0.1}, "few columns are kept"),
    Start({"alpha": 1e-3}, "most columns are kept"),
)
MLP = (
    Start({"width": 64, "depth": 2, "dropout": 0.3, "weight_decay": 5e-2}, "a small regularised network, for few rows"),
    Start({"width": 512, "depth": 2, "learning_rate": 5e-4}, "a wide network at a low rate"),
    Start(
        {"width": 256, "depth": 3, "activation": "gelu", "layer_norm": True, "dropout": 0.2},
        "a deeper network with layer norm",
    ),
)
CNN = (
    Start({"channels": 32, "blocks": 2, "convolutions": 2, "residual": True}, "a wider and deeper network, residual"),
    Start({"augmentation": "shift", "dropout": 0.3, "channels": 24}, "shifted images and more dropout, for few images"),
    Start(
        {"norm": "group", "activation": "gelu", "learning_rate": 1e-3, "augmentation": "shift+cutout"},
        "norms that do not depend on the batch, at a lower rate",
    ),
)
TRANSFORMER = (
    Start({"layers": 1, "embedding": 32, "dropout": 0.3, "weight_decay": 5e-2}, "a small regularised network"),
    Start({"layers": 3, "embedding": 128, "heads": 8, "learning_rate": 5e-4}, "a larger network at a lower rate"),
)
LINEAR_GD = (
    Start({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "plain descent with momentum at a high rate"),
    Start({"weight_decay": 0.1, "l1": 1e-3}, "strong penalties, for few rows or many columns"),
)
