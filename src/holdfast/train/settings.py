"""The hyperparameters of one multilayer perceptron and its training, by name; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from holdfast.errors import RequestError, nearest
from holdfast.train.schedules import Schedule

Activation = Literal["relu", "gelu", "tanh", "silu"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

Optimizer = Literal["adamw", "sgd"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

Augmentation = Literal["none", "noise", "mixup"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)

MAX_EPOCHS = 60
"""The longest run, and the horizon of the learning rate's schedule."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The hyperparameters of a run; those that a config leaves out keep these defaults."""

    learning_rate: float = 2e-3
    batch_size: int = 32
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-2
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    depth: int = 2
    width: int = 192
    activation: Activation = "relu"
    dropout: float = 0.1
    layer_norm: bool = False
    augmentation: Augmentation = "none"
    noise_scale: float = 0.3
    mixup_alpha: float = 0.4
    label_smoothing: float = 0.05
    patience: int = 15

    @staticmethod
    def of(config: Mapping[str, Any]) -> Settings:
        """The settings that a config names.

        Raises:
            RequestError: if the config has a key that is no hyperparameter of the family.
        """
        known = Settings.__dataclass_fields__
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise RequestError(f"'{unknown[0]}' is no hyperparameter of the family 'mlp'{nearest(unknown[0], known)}")
        return Settings(**config)
