"""The hyperparameters of training a network of any kind, by name; needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from holdfast.errors import RequestError, nearest
from holdfast.train.augmentation import NONE, TABLES, augmentations
from holdfast.train.schedules import SCHEDULES, USUAL, Bends, Schedule

Optimizer = Literal["adamw", "adam", "sgd"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

Decay = Literal["auto", "decoupled", "coupled"]
DECAYS: tuple[Decay, ...] = get_args(Decay)

AUGMENTATIONS = (NONE, *TABLES)
"""Those that any row of numbers may have; see `holdfast.train.augmentation`."""

BatchRule = Literal["none", "linear", "sqrt"]
BATCH_RULES: tuple[BatchRule, ...] = get_args(BatchRule)

ClassWeights = Literal["none", "balanced"]
CLASS_WEIGHTS: tuple[ClassWeights, ...] = get_args(ClassWeights)

Precision = Literal["float32", "float64", "amp"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Device = Literal["cpu", "cuda", "auto"]
DEVICES: tuple[Device, ...] = get_args(Device)

MAX_EPOCHS = 60
"""The longest run, and the horizon of the learning rate's schedule, where a config names no other."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The hyperparameters of training, the same for all kinds of networks; what a config leaves out keeps its default.

    ``epochs`` is the longest run and the horizon of the schedule.
    """

    learning_rate: float = 2e-3
    batch_size: int = 32
    batch_rule: BatchRule = "none"
    base_batch: int = 32
    epochs: int = MAX_EPOCHS
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    nesterov: bool = True
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-2
    decay: Decay = "auto"
    l1: float = 0.0
    clip: float = 1.0
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    drops: int = USUAL.drops
    drop_factor: float = USUAL.drop_factor
    decay_to: float = USUAL.decay_to
    cycles: int = USUAL.cycles
    cycle_growth: float = USUAL.cycle_growth
    augmentation: str = NONE
    shift_share: float = 0.125
    crop_least: float = 0.7
    cutout_share: float = 0.3
    noise_scale: float = 0.3
    mixup_alpha: float = 0.4
    label_smoothing: float = 0.05
    class_weights: ClassWeights = "none"
    accumulation: int = 1
    ema: float = 0.0
    patience: int = 15
    precision: Precision = "float32"
    device: Device = "cpu"

    def __post_init__(self) -> None:
        check_values(self)

    @property
    def coupled(self) -> bool:
        """Whether weight decay passes through the optimiser's moments: by the name, of ``adam`` alone."""
        return self.decay == "coupled" or (self.decay == "auto" and self.optimizer == "adam")

    @property
    def bends(self) -> Bends:
        """The values of single schedules."""
        return Bends(self.drops, self.drop_factor, self.decay_to, self.cycles, self.cycle_growth)

    @staticmethod
    def of(config: Mapping[str, Any], shape: Collection[str] = (), family: str = "mlp") -> Settings:
        """The settings that a config names.

        Args:
            config: hyperparameters of a family.
            shape: those of them that are the shape of its networks.
            family: its name.

        Raises:
            RequestError: if the config has a key that is no hyperparameter of the family, or a value that it cannot
                have.
        """
        known = [*Settings.__dataclass_fields__, *sorted(shape)]
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise RequestError(
                f"'{unknown[0]}' is no hyperparameter of the family '{family}'{nearest(unknown[0], known)}"
            )
        return Settings(**{name: value for name, value in config.items() if name not in shape})


_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": OPTIMIZERS,
    "decay": DECAYS,
    "schedule": SCHEDULES,
    "batch_rule": BATCH_RULES,
    "class_weights": CLASS_WEIGHTS,
    "precision": PRECISIONS,
    "device": DEVICES,
}

_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "learning_rate": (lambda v: v > 0.0, "a number above 0"),
    "batch_size": (lambda v: v >= 1, "a whole number from 1"),
    "base_batch": (lambda v: v >= 1, "a whole number from 1"),
    "epochs": (lambda v: v >= 1, "a whole number from 1"),
    "patience": (lambda v: v >= 1, "a whole number from 1"),
    "accumulation": (lambda v: v >= 1, "a whole number from 1"),
    "ema": (lambda v: 0.0 <= v < 1.0, "a memory from 0, which is for none, to below 1"),
    "momentum": (lambda v: 0.0 <= v < 1.0, "a number from 0 to below 1"),
    "beta1": (lambda v: 0.0 <= v < 1.0, "a number from 0 to below 1"),
    "beta2": (lambda v: 0.0 <= v < 1.0, "a number from 0 to below 1"),
    "weight_decay": (lambda v: v >= 0.0, "a number from 0"),
    "l1": (lambda v: v >= 0.0, "a number from 0"),
    "clip": (lambda v: v >= 0.0, "a number from 0, which is for none"),
    "warmup": (lambda v: 0.0 <= v < 1.0, "a part of training, from 0 to below 1"),
    "drops": (lambda v: v >= 1, "a whole number from 1"),
    "drop_factor": (lambda v: 0.0 < v <= 1.0, "a factor above 0, at most 1"),
    "decay_to": (lambda v: 0.0 < v <= 1.0, "a part of the learning rate, above 0 and at most 1"),
    "cycles": (lambda v: v >= 1, "a whole number from 1"),
    "cycle_growth": (lambda v: v > 0.0, "a factor above 0"),
    "shift_share": (lambda v: 0.0 < v <= 1.0, "a part of a side, above 0 and at most 1"),
    "crop_least": (lambda v: 0.0 < v <= 1.0, "a part of the area, above 0 and at most 1"),
    "cutout_share": (lambda v: 0.0 < v <= 1.0, "a part of a side, above 0 and at most 1"),
    "noise_scale": (lambda v: v >= 0.0, "a number from 0"),
    "mixup_alpha": (lambda v: v > 0.0, "a number above 0"),
    "label_smoothing": (lambda v: 0.0 <= v < 1.0, "a number from 0 to below 1"),
}


def check_values(settings: Settings) -> None:
    """Raise `RequestError` for the first hyperparameter that has a value it cannot have."""
    for name, choices in _CHOICES.items():
        value = getattr(settings, name)
        if value not in choices:
            hint = nearest(str(value), choices) or f"; it is one of {', '.join(choices)}"
            raise RequestError(f"the hyperparameter '{name}' is '{value}'{hint}")
    for name, (allowed, words) in _RANGES.items():
        value = getattr(settings, name)
        whole = "whole" not in words or isinstance(value, int)
        if isinstance(value, bool) or not isinstance(value, int | float) or not whole or not allowed(value):
            raise RequestError(f"the hyperparameter '{name}' is {value!r}; it is {words}")
    augmentations(settings.augmentation)
    if settings.optimizer == "adamw" and settings.decay == "coupled":
        raise RequestError("adamw has decoupled weight decay by definition; take adam for a coupled one")


def check_task(settings: Settings, *, classification: bool) -> None:
    """Raise `RequestError` if a hyperparameter has a value that the task gives no meaning."""
    if settings.class_weights != "none" and not classification:
        raise RequestError(
            f"the hyperparameter 'class_weights' is '{settings.class_weights}', and a regression has no classes"
        )
