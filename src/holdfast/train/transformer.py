"""The family ``transformer``: classifies sequences of tokens that are given as rows of ids, one column a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train import starts
from holdfast.train.domains import batch_sizes, schedules, smoothing
from holdfast.train.families import CLASSIFICATION, network_family
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.transformer import TransformerArchitecture
from holdfast.train.task import Task

SHAPE = frozenset(TransformerArchitecture.__dataclass_fields__) - {"length", "tokens", "outputs"}


def transformer_space(task: Task) -> Space:
    """The default search space for a task: the hyperparameters of shape and of training that matter most.

    The optimiser is AdamW: plain SGD hardly trains attention (Zhang et al. 2020).
    """
    normal, shape = TRANSFORMER_NETWORK.settings({}), TransformerArchitecture(1, 1, 1)
    domains: dict[str, Domain] = {
        "learning_rate": Float(1e-4, 1e-2, log=True, default=normal.learning_rate),
        **batch_sizes(task, normal),
        "layers": Int(1, 4, default=shape.layers),
        "heads": Categorical([1, 2, 4, 8], default=shape.heads),
        "embedding": Int(32, 128, step=32, default=shape.embedding),
        "feed_forward": Int(1, 4, default=shape.feed_forward),
        "activation": Categorical(["relu", "gelu", "silu"], default=shape.activation),
        "dropout": Float(0.0, 0.5, default=shape.dropout),
        "weight_decay": Float(1e-6, 1e-1, log=True, default=normal.weight_decay),
        **schedules(normal),
        **smoothing(task, normal),
    }
    return Space(domains)


def transformer_shape(shape: Mapping[str, Any], task: Task) -> TransformerArchitecture:
    """The architecture of a config's shape for a task with the places, tokens and classes of its rows."""
    return TransformerArchitecture(task.n_features, task.tokens, task.outputs, **shape)


TRANSFORMER_NETWORK = NetworkKind(
    "transformer", SHAPE, transformer_shape, {"learning_rate": 1e-3, "warmup": 0.1}, augmentations=()
)
TRANSFORMER = network_family(
    TRANSFORMER_NETWORK,
    transformer_space,
    "A transformer for sequences of tokens, one column a place: ids 1, 2, ..., and 0 or nothing for padding.",
    tasks=CLASSIFICATION,
    preprocessing="tokens",
    starts=starts.TRANSFORMER,
)
