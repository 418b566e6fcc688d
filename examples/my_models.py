"""Models and a table of one's own, for factory.toml and priced_grid.toml: plain functions that return them."""

from __future__ import annotations

from typing import Any

import polars as pl
from sklearn.datasets import make_moons
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline


def components_then_neighbours() -> Pipeline:
    """Principal components, then nearest neighbours in them; holdfast sets the hyperparameters and the seeds."""
    return Pipeline([("components", PCA()), ("neighbours", KNeighborsClassifier())])


def two_moons() -> pl.DataFrame:
    """Points on two half circles that reach into each other: 1,500 rows of x, y and the moon that they belong to."""
    points, moon = make_moons(1500, noise=0.25, random_state=0)
    return pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "moon": moon})


def small_network(config: dict[str, Any]) -> MLPClassifier:
    """One to three layers of 32 units; a function that takes the configuration may make of it what it likes."""
    layers = (32,) * config["n_layers"]
    rate, size = config["learning_rate_init"], config["batch_size"]
    return MLPClassifier(layers, learning_rate_init=rate, batch_size=size, early_stopping=True, max_iter=40)
