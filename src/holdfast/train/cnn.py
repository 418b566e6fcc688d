"""The family ``cnn``: a convolutional network for images that are given as rows of numbers, one column a pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.errors import RequestError
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train import starts
from holdfast.train.augmentation import AUGMENTATIONS
from holdfast.train.domains import batch_sizes, optimizers, schedules, smoothing
from holdfast.train.families import network_family
from holdfast.train.kinds import NetworkKind
from holdfast.train.models.cnn import CNNArchitecture
from holdfast.train.task import Task

SHAPE = frozenset(CNNArchitecture.__dataclass_fields__) - {"image", "outputs"}

COLOURS = (1, 3)
"""Images that are recognised by the number of their pixels: grey ones, and such of red, green and blue."""

MOST_BLOCKS = 4


def image_of(task: Task) -> tuple[int, int, int]:
    """The shape of an image, (colours, height, width): as the task says, or square by the number of columns.

    Raises:
        RequestError: if the columns are not those of such an image.
    """
    if task.image:
        colours, height, width = task.image
        if colours * height * width != task.n_features:
            raise RequestError(
                f"the images of {colours} × {height} × {width} have {colours * height * width:,} pixels, but the rows "
                f"have {task.n_features:,} columns; image_shape is [colours, height, width]"
            )
        return colours, height, width
    for colours in COLOURS:
        side = math.isqrt(task.n_features // colours)
        if side > 1 and colours * side * side == task.n_features:
            return colours, side, side
    raise RequestError(
        f"the rows have {task.n_features:,} columns, which are no square image in grey or three colours; say "
        "image_shape = [colours, height, width]"
    )


def cnn_space(task: Task) -> Space:
    """The default search space for a task: the hyperparameters of shape and of training that matter most."""
    image = image_of(task)
    normal, shape = CNN_NETWORK.settings({}), CNNArchitecture(image, 1)
    halvings = max(2, int(math.log2(max(min(image[1:]), 2))) - 1)
    choices = ["none", "shift", "shift+flip", "crop", "shift+cutout", "shift+mixup"]
    domains: dict[str, Domain] = {
        "learning_rate": Float(1e-4, 3e-2, log=True, default=normal.learning_rate),
        **batch_sizes(task, normal),
        "blocks": Int(1, min(halvings, MOST_BLOCKS), default=shape.blocks),
        "convolutions": Int(1, 2, default=shape.convolutions),
        "channels": Int(8, 48, log=True, default=shape.channels),
        "kernel": Categorical([3, 5], default=shape.kernel),
        "norm": Categorical(["batch", "group", "none"], default=shape.norm),
        "residual": Categorical([False, True], default=shape.residual),
        "head": Categorical(["flatten", "average"], default=shape.head),
        "activation": Categorical(["relu", "gelu", "silu"], default=shape.activation),
        "dropout": Float(0.0, 0.5, default=shape.dropout),
        "weight_decay": Float(1e-6, 1e-1, log=True, default=normal.weight_decay),
        **optimizers(normal),
        **schedules(normal),
        "augmentation": Categorical(choices, default=normal.augmentation),
        **_strengths(choices),
        **smoothing(task, normal),
    }
    return Space(domains)


def _strengths(choices: list[str]) -> dict[str, Domain]:
    """How strong each augmentation is, where it is chosen."""
    normal = CNN_NETWORK.settings({})

    def chosen(name: str) -> dict[str, list[str]]:
        return {"augmentation": [choice for choice in choices if name in choice.split("+")]}

    return {
        "shift_share": Float(0.05, 0.25, default=normal.shift_share, when=chosen("shift")),
        "crop_least": Float(0.4, 0.95, default=normal.crop_least, when=chosen("crop")),
        "cutout_share": Float(0.1, 0.5, default=normal.cutout_share, when=chosen("cutout")),
        "mixup_alpha": Float(0.1, 2.0, log=True, default=normal.mixup_alpha, when=chosen("mixup")),
    }


def cnn_shape(shape: Mapping[str, Any], task: Task) -> CNNArchitecture:
    """The architecture of a config's shape for a task with the columns and classes of its rows."""
    return CNNArchitecture(image_of(task), task.outputs, **shape)


CNN_NETWORK = NetworkKind("cnn", SHAPE, cnn_shape, augmentations=AUGMENTATIONS)
CNN = network_family(
    CNN_NETWORK,
    cnn_space,
    "A convolutional network for images of 8 × 8 to 32 × 32 pixels, one column a pixel.",
    preprocessing="pixels",
    starts=starts.CNN,
)
