"""The family ``mlp``: a multilayer perceptron for tables, on torch.

Training stops early on a tenth of the training rows, which are not the rows that rank the trials; a refit trains all
rows for the number of epochs that early stopping chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train import starts
from holdfast.train.families import network_family
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.settings import Settings
from holdfast.train.task import Task

SHAPE = frozenset(MLPArchitecture.__dataclass_fields__) - {"inputs", "outputs"}

MANY_ROWS = 20_000
"""From this many training rows on, larger batches are searched too."""


def mlp_space(task: Task) -> Space:
    """The default search space for a task: the hyperparameters of shape and of training that matter most."""
    normal, shape = Settings(), MLPArchitecture(1, 1)
    largest = min(1024 if task.n_rows >= MANY_ROWS else 256, max(task.n_rows, 2))
    smallest = min(16, largest - 1)
    domains: dict[str, Domain] = {
        "learning_rate": Float(1e-4, 1e-1, log=True, default=normal.learning_rate),
        "batch_size": Int(smallest, largest, log=True, default=min(normal.batch_size, largest)),
        "depth": Int(1, 4, default=shape.depth),
        "width": Int(32, 512, log=True, default=shape.width),
        "activation": Categorical(["relu", "gelu", "tanh", "silu"], default=shape.activation),
        "dropout": Float(0.0, 0.5, default=shape.dropout),
        "layer_norm": Categorical([False, True], default=shape.layer_norm),
        "weight_decay": Float(1e-6, 1e-1, log=True, default=normal.weight_decay),
        "optimizer": Categorical(["adamw", "sgd"], default=normal.optimizer),
        "momentum": Float(0.5, 0.99, default=normal.momentum, when={"optimizer": ["sgd"]}),
        "schedule": Categorical(["constant", "cosine", "onecycle"], default=normal.schedule),
        "warmup": Float(0.0, 0.2, default=normal.warmup, when={"schedule": ["constant", "cosine"]}),
        "augmentation": Categorical(["none", "noise", "mixup"], default=normal.augmentation),
        "noise_scale": Float(0.05, 1.0, log=True, default=normal.noise_scale, when={"augmentation": ["noise"]}),
        "mixup_alpha": Float(0.1, 2.0, log=True, default=normal.mixup_alpha, when={"augmentation": ["mixup"]}),
    }
    if task.is_classification:
        domains["label_smoothing"] = Float(0.0, 0.2, default=normal.label_smoothing)
    return Space(domains)


def mlp_shape(shape: Mapping[str, Any], task: Task) -> MLPArchitecture:
    """The architecture of a config's shape for a task with the columns and classes of its rows."""
    return MLPArchitecture(task.n_features, task.outputs, **shape)


MLP_NETWORK = NetworkKind("mlp", SHAPE, mlp_shape)

MLP = network_family(
    MLP_NETWORK,
    mlp_space,
    "A multilayer perceptron; stops early on a tenth of the training rows, not on the rows that rank the trials.",
    starts=starts.MLP,
)
