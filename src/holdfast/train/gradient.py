"""The families ``softmax`` and ``linear-gd``: linear models by gradient descent, as networks of one layer are trained.

They learn in batches and by epochs, with any optimiser, schedule and augmentation; `logistic`, `ridge` and `lasso`
find the best weights of all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.space import Categorical, Domain, Float, Space
from holdfast.train import starts
from holdfast.train.domains import batch_sizes, optimizers, schedules, smoothing
from holdfast.train.estimators import REGRESSION
from holdfast.train.families import CLASSIFICATION, network_family
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.linear import LinearArchitecture
from holdfast.train.task import Task

SHAPE = frozenset({"bias"})

DEFAULTS = {"learning_rate": 1e-2, "weight_decay": 1e-4, "label_smoothing": 0.0}


def linear_space(task: Task) -> Space:
    """The default search space for a task."""
    normal = SOFTMAX_NETWORK.settings({})
    domains: dict[str, Domain] = {
        "learning_rate": Float(1e-4, 1.0, log=True, default=normal.learning_rate),
        **batch_sizes(task, normal),
        "weight_decay": Float(1e-6, 1.0, log=True, default=normal.weight_decay),
        "l1": Float(1e-7, 1e-2, log=True, default=1e-6),
        **optimizers(normal),
        **schedules(normal),
        "augmentation": Categorical(["none", "noise", "mixup"], default=normal.augmentation),
        "noise_scale": Float(0.05, 1.0, log=True, default=normal.noise_scale, when={"augmentation": ["noise"]}),
        "mixup_alpha": Float(0.1, 2.0, log=True, default=normal.mixup_alpha, when={"augmentation": ["mixup"]}),
        **smoothing(task, normal),
    }
    return Space(domains)


def linear_shape(shape: Mapping[str, Any], task: Task) -> LinearArchitecture:
    """The architecture of a config's shape for a task with the columns and classes of its rows."""
    return LinearArchitecture(task.n_features, task.outputs, **shape)


SOFTMAX_NETWORK = NetworkKind("softmax", SHAPE, linear_shape, DEFAULTS)
SOFTMAX = network_family(
    SOFTMAX_NETWORK,
    linear_space,
    "Softmax regression by gradient descent: one linear layer, in batches.",
    tasks=CLASSIFICATION,
    starts=starts.LINEAR_GD,
)

LINEAR_NETWORK = NetworkKind("linear-gd", SHAPE, linear_shape, DEFAULTS)
LINEAR_GD = network_family(
    LINEAR_NETWORK,
    linear_space,
    "Linear regression by gradient descent: one linear layer, in batches.",
    tasks=REGRESSION,
    starts=starts.LINEAR_GD,
)
