"""Models of one's own for factory.toml: a function without arguments that returns a scikit-learn estimator."""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline


def components_then_neighbours() -> Pipeline:
    """Principal components, then nearest neighbours in them; holdfast sets the hyperparameters and the seeds."""
    return Pipeline([("components", PCA()), ("neighbours", KNeighborsClassifier())])
