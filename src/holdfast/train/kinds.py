"""How a family of networks reads its configs: which hyperparameters are the shape, and the shape that they make.

A new family of networks is an architecture (`architectures`), a `NetworkKind` that reads it from a config, and
`families.network_family` around both. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.train.architectures import Architecture
from holdfast.train.augmentation import TABLES, augmentations
from holdfast.train.settings import Settings
from holdfast.train.task import Task


@dataclass(frozen=True)
class NetworkKind:
    """How a family of networks reads its configs.

    Args:
        name: of the family.
        shape: the hyperparameters that are the shape of its networks; all others are those of `Settings`.
        shape_of: the architecture of a config's shape (those of ``shape`` that it names), for a task that has the
            columns and the classes of the training rows.
        defaults: values of `Settings` that the family has instead of the usual ones.
        augmentations: what may be done to its rows; see `holdfast.train.augmentation`.
    """

    name: str
    shape: frozenset[str]
    shape_of: Callable[[Mapping[str, Any], Task], Architecture]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    augmentations: Collection[str] = TABLES

    def settings(self, config: Mapping[str, Any]) -> Settings:
        """The hyperparameters of training that a config names.

        Raises:
            RequestError: if the config has a key that is no hyperparameter of the family, or a value that cannot be.
        """
        settings = Settings.of({**self.defaults, **config}, self.shape, self.name)
        augmentations(settings.augmentation, self.augmentations)
        return settings

    def architecture(self, config: Mapping[str, Any], task: Task) -> Architecture:
        """The shape that a config names, for a task with the columns and classes of the training rows."""
        return self.shape_of({name: value for name, value in config.items() if name in self.shape}, task)
