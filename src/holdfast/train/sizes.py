"""How large a model of a family is before its fit: from its config and the task, where these tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.count.records import Layer, Work
from holdfast.count.shapes.networks import network_part
from holdfast.count.shapes.parts import COUNTED, Part, dense
from holdfast.train.registry import all_families, family_named
from holdfast.train.task import Task

COEFFICIENTS = ("linear", "ridge", "lasso", "logistic")

READ_BY = {
    **dict.fromkeys(COEFFICIENTS, ("fit_intercept",)),
    "kmeans": ("n_clusters",),
    "gradient-boosting": ("max_iter", "max_leaf_nodes"),
}
"""The hyperparameters that the size of a model depends on, of families that are no networks."""


def family_part(family: str, config: Mapping[str, Any], task: Task) -> Part | None:
    """What a model learns and what a row costs; None where that is known after the fit only.

    Args:
        family: its name, or ``module:factory``, of which nothing is known.
        config: hyperparameters; those left out have the defaults of the family.
        task: with the columns after preprocessing.
    """
    found = all_families().get(family)
    if found is None:
        return None
    if found.network is not None:
        return network_part(found.network.architecture(config, task))
    if family in COEFFICIENTS:
        outputs = task.n_classes if task.n_classes > 2 else 1
        return dense("model", task.n_features, outputs, bias=config.get("fit_intercept", True) is not False)
    if family == "kmeans":
        clusters = int(config.get("n_clusters", 8))
        return Part((Layer.of("cluster_centers_", "centroid", clusters, task.n_features),))
    return _most_of_boosting(config, task) if family == "gradient-boosting" else None


def family_work(family: str, part: Part) -> Work | None:
    """What a row costs, from `family_part`; None where it is no matrix product, as in trees."""
    if not part.flops:
        return None
    found = family_named(family)
    return Work("row", part.flops, part.activations, COUNTED, by_steps=found.network is not None)


def _most_of_boosting(config: Mapping[str, Any], task: Task) -> Part:
    """The most that boosted trees can learn: every tree with all of its leaves, and where they begin."""
    forests = task.n_classes if task.n_classes > 2 else 1
    trees = int(config.get("max_iter", 100)) * forests
    leaves = min(int(config.get("max_leaf_nodes") or task.n_rows), task.n_rows)
    return Part(
        (
            Layer.of("split thresholds", "threshold", trees * (leaves - 1)),
            Layer.of("leaf values", "leaf value", trees * leaves),
            Layer.of("baseline", "number", forests),
        )
    )


@dataclass(frozen=True)
class FamilySize:
    """The size of a family's models as a function of the config, which a log can hold.

    Args:
        family: its name.
        task: what is learned, with the columns after preprocessing.
    """

    family: str
    task: Task

    def __call__(self, config: Mapping[str, Any]) -> Part | None:
        """`family_part`."""
        return family_part(self.family, config, self.task)

    @property
    def reads(self) -> tuple[str, ...] | None:
        """The hyperparameters that the size depends on; None where nobody can say."""
        found = all_families().get(self.family)
        if found is None or found.network is None:
            return READ_BY.get(self.family)
        values = getattr(type(found.network.architecture({}, self.task)), "values", ())
        return tuple(sorted(found.network.shape - set(values)))

    @property
    def made_of(self) -> dict[str, Any]:
        """JSON values for `from_json`."""
        task = {key: list(value) if isinstance(value, tuple) else value for key, value in _fields(self.task).items()}
        return {"family": self.family, "task": task}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FamilySize:
        """What `made_of` wrote.

        Raises:
            RequestError: if there is no such family.
        """
        family_named(data["family"])
        task: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data["task"].items()
        }
        return FamilySize(data["family"], Task(**task))


def _fields(task: Task) -> dict[str, Any]:
    return {each.name: getattr(task, each.name) for each in dataclasses.fields(task)}
