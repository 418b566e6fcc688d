"""Convolutional networks: ResNet (He et al. 2016, table 1, with the stride in the 3 × 3 convolution) and EfficientNet
(Tan and Le 2019, table 1 and eq. 3). Arrays have the names of torchvision's models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.count.shapes.parts import Part, batch_norm, convolution, dense, kept, together

RESNETS: dict[str, tuple[str, tuple[int, ...]]] = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
}
"""The kind of block, and how many blocks each stage has."""

EFFICIENTNETS: dict[str, tuple[float, float, int, float]] = {
    "efficientnet-b0": (1.0, 1.0, 224, 0.2),
    "efficientnet-b1": (1.0, 1.1, 240, 0.2),
    "efficientnet-b2": (1.1, 1.2, 260, 0.3),
    "efficientnet-b3": (1.2, 1.4, 300, 0.3),
    "efficientnet-b4": (1.4, 1.8, 380, 0.4),
    "efficientnet-b5": (1.6, 2.2, 456, 0.4),
    "efficientnet-b6": (1.8, 2.6, 528, 0.5),
    "efficientnet-b7": (2.0, 3.1, 600, 0.5),
}
"""Width, depth, side of an image in pixels, dropout."""

STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4))
"""Of EfficientNet-B0 but the last: expansion, kernel, stride, channels, repeats."""

LAST_STAGE = (6, 3, 1, 320, 1)


def resnet(
    kind: str, depths: Sequence[int], widths: Sequence[int], *, stem: int = 64, side: int = 224, classes: int = 1000
) -> Part:
    """A ResNet on one image.

    Args:
        kind: ``basic`` (two convolutions of 3 × 3) or ``bottleneck`` (1 × 1, 3 × 3, 1 × 1 with a quarter of the width).
        depths: blocks of each stage.
        widths: channels that each stage gives.
        stem: channels of the first convolution.
        side: pixels of a square image of three channels.
        classes: outputs; 0 for none.
    """
    half = -(-side // 2)
    side = -(-half // 2)
    parts = [
        convolution("conv1", (3, stem), 7, (half * 2, half)),
        batch_norm("bn1", stem, half**2),
        kept(stem * half**2),
    ]
    inside = stem
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            build = _bottleneck if kind == "bottleneck" else _basic
            parts += build(f"layer{stage + 1}.{block}", (inside, width), side, stride)
            inside, side = width, -(-side // stride)
    return together([*parts, dense("fc", inside, classes)] if classes else parts)


def _basic(name: str, channels: tuple[int, int], side: int, stride: int) -> list[Part]:
    inside, out = channels
    small = -(-side // stride)
    return [
        convolution(f"{name}.conv1", (inside, out), 3, (side, small)),
        batch_norm(f"{name}.bn1", out, small**2),
        convolution(f"{name}.conv2", (out, out), 3, (small, small)),
        batch_norm(f"{name}.bn2", out, small**2),
        *_shortcut(name, channels, side, small),
    ]


def _bottleneck(name: str, channels: tuple[int, int], side: int, stride: int) -> list[Part]:
    inside, out = channels
    narrow, small = out // 4, -(-side // stride)
    return [
        convolution(f"{name}.conv1", (inside, narrow), 1, (side, side)),
        batch_norm(f"{name}.bn1", narrow, side**2),
        convolution(f"{name}.conv2", (narrow, narrow), 3, (side, small)),
        batch_norm(f"{name}.bn2", narrow, small**2),
        convolution(f"{name}.conv3", (narrow, out), 1, (small, small)),
        batch_norm(f"{name}.bn3", out, small**2),
        *_shortcut(name, channels, side, small),
    ]


def _shortcut(name: str, channels: tuple[int, int], side: int, small: int) -> list[Part]:
    """A convolution of 1 × 1 where a block changes the shape; its input is kept already."""
    if channels[0] == channels[1] and side == small:
        return []
    shortcut = convolution(f"{name}.downsample.0", channels, 1, (side, small))
    return [Part(shortcut.layers, shortcut.flops), batch_norm(f"{name}.downsample.1", channels[1], small**2)]


def efficientnet(width: float, depth: float, side: int, *, classes: int = 1000) -> Part:
    """An EfficientNet on one square image of ``side`` pixels; ``width`` and ``depth`` scale those of B0."""
    inside, half = _channels(32, width), -(-side // 2)
    parts = [*_cell("features.0", (3, inside), 3, (side, half))]
    side = half
    for stage, (expand, kernel, stride, channels, repeats) in enumerate((*STAGES, LAST_STAGE), 1):
        out = _channels(channels, width)
        for block in range(math.ceil(repeats * depth)):
            step = stride if block == 0 else 1
            parts += _inverted(f"features.{stage}.{block}.block", (inside, out), expand, kernel, (side, step))
            inside, side = out, -(-side // step)
    parts += _cell("features.8", (inside, 4 * inside), 1, (side, side))
    return together([*parts, dense("classifier.1", 4 * inside, classes)])


def _inverted(
    name: str, channels: tuple[int, int], expand: int, kernel: int, side_and_step: tuple[int, int]
) -> list[Part]:
    """Expand, convolve each channel by itself, weigh the channels (squeeze and excitation), and narrow again."""
    inside, out = channels
    side, step = side_and_step
    wide, small, squeezed, at = inside * expand, -(-side // step), max(1, inside // 4), 0
    parts: list[Part] = []
    if expand != 1:
        parts += _cell(f"{name}.0", (inside, wide), 1, (side, side))
        at = 1
    parts += _cell(f"{name}.{at}", (wide, wide), kernel, (side, small), groups=wide)
    parts += [
        convolution(f"{name}.{at + 1}.fc1", (wide, squeezed), 1, (1, 1), bias=True),
        kept(squeezed),
        convolution(f"{name}.{at + 1}.fc2", (squeezed, wide), 1, (1, 1), bias=True),
        kept(wide * small**2 + wide),
        *_cell(f"{name}.{at + 2}", (wide, out), 1, (small, small), smooth=False),
    ]
    return parts


def _cell(
    name: str, channels: tuple[int, int], kernel: int, sides: tuple[int, int], *, groups: int = 1, smooth: bool = True
) -> list[Part]:
    """A convolution, a norm, and a smooth activation function, which keeps its input."""
    numbers = channels[1] * sides[1] ** 2
    parts = [
        convolution(f"{name}.0", channels, kernel, sides, groups=groups),
        batch_norm(f"{name}.1", channels[1], sides[1] ** 2),
    ]
    return [*parts, kept(numbers)] if smooth else parts


def _channels(channels: int, width: float) -> int:
    """Channels scaled and rounded to a multiple of 8, never down by more than a tenth."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
