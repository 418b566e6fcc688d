"""The hyperparameters of training a network of any kind, by name; needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from holdfast.errors import RequestError, nearest
from holdfast.train.schedules import Schedule

Optimizer = Literal["adamw", "sgd"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

Augmentation = Literal["none", "noise", "mixup"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)

Precision = Literal["float32", "float64"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

MAX_EPOCHS = 60
"""The longest run, and the horizon of the learning rate's schedule, where a config names no other."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The hyperparameters of training, the same for all kinds of networks; what a config leaves out keeps its default.

    ``epochs`` is the longest run and the horizon of the schedule.
    """

    learning_rate: float = 2e-3
    batch_size: int = 32
    epochs: int = MAX_EPOCHS
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-2
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    augmentation: Augmentation = "none"
    noise_scale: float = 0.3
    mixup_alpha: float = 0.4
    label_smoothing: float = 0.05
    patience: int = 15
    precision: Precision = "float32"

    @staticmethod
    def of(config: Mapping[str, Any], shape: Collection[str] = (), family: str = "mlp") -> Settings:
        """The settings that a config names.

        Args:
            config: hyperparameters of a family.
            shape: those of them that are the shape of its networks.
            family: its name.

        Raises:
            RequestError: if the config has a key that is no hyperparameter of the family.
        """
        known = [*Settings.__dataclass_fields__, *sorted(shape)]
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise RequestError(
                f"'{unknown[0]}' is no hyperparameter of the family '{family}'{nearest(unknown[0], known)}"
            )
        return Settings(**{name: value for name, value in config.items() if name not in shape})
