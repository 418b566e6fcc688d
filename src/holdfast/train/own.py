"""How configs are read where a person's own factory makes the networks. No torch before a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from holdfast.train.augmentation import AUGMENTATIONS, TABLES
from holdfast.train.cnn import image_of
from holdfast.train.factory import load_factory
from holdfast.train.families import Preprocessing
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.settings import Settings
from holdfast.train.task import Task


def own_hyperparameters(names: Collection[str]) -> tuple[str, ...]:
    """Those that are no hyperparameters of training, and so are a factory's own, in order."""
    return tuple(sorted(set(names) - set(Settings.__dataclass_fields__)))


def factory_network(reference: str, base: Path, own: Collection[str], preprocessing: Preprocessing) -> NetworkKind:
    """How the configs of a factory's networks are read.

    Args:
        reference: ``module:function``; imported when the first shape is made.
        base: the plan's folder.
        own: the hyperparameters that the factory is called with.
        preprocessing: how its columns are prepared.
    """

    def shape_of(shape: Mapping[str, Any], task: Task) -> FactoryArchitecture:
        load_factory(reference, base)
        row = image_of(task) if preprocessing == "pixels" else (task.n_features,)
        return FactoryArchitecture(reference, row, task.outputs, tuple(sorted(shape.items())))

    suited = {"pixels": AUGMENTATIONS, "tokens": ()}.get(preprocessing, TABLES)
    return NetworkKind(reference, frozenset(own), shape_of, augmentations=suited)
