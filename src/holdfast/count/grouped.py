"""Arrays that repeat from block to block, told once: 96 times ``h.*.ln_1.weight``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.count.records import Layer

_NUMBER = re.compile(r"(?:(?<=\.)|^)\d+(?=\.)")


@dataclass(frozen=True, slots=True)
class Group:
    """Arrays of one shape whose names differ in their numbers only.

    Args:
        name: with a star for each number that differs.
        shape: of each.
        times: how many there are.
        parameters: of all together.
        kind: as of a `Layer`.
        trainable: whether training changes them.
    """

    name: str
    shape: tuple[int, ...]
    times: int
    parameters: int
    kind: str
    trainable: bool


def grouped(layers: Sequence[Layer], most: int | None = None) -> list[Group]:
    """Layers with repetitions told once, in the order in which they first appear.

    Args:
        layers: of a model.
        most: rows to give; the last one sums up all others where there are more.
    """
    found: dict[tuple[str, tuple[int, ...], bool], list[Layer]] = {}
    for layer in layers:
        found.setdefault((_NUMBER.sub("*", layer.name), layer.shape, layer.trainable), []).append(layer)
    groups = [
        Group(
            _starred([member.name for member in members]),
            shape,
            len(members),
            sum(member.parameters for member in members),
            members[0].kind,
            trainable,
        )
        for (_, shape, trainable), members in found.items()
    ]
    if most is None or len(groups) <= most:
        return groups
    shown, rest = groups[: most - 1], groups[most - 1 :]
    count = sum(group.times for group in rest)
    numbers = sum(group.parameters for group in rest)
    return [*shown, Group(f"{count:,} more arrays", (), 1, numbers, "", all(group.trainable for group in rest))]


def _starred(names: Sequence[str]) -> str:
    """Names that differ in their numbers only, with a star for each part that differs.

    >>> _starred(["h.0.ln_1.weight", "h.1.ln_1.weight"])
    'h.*.ln_1.weight'
    """
    parts = zip(*(name.split(".") for name in names), strict=True)
    return ".".join(part[0] if len(set(part)) == 1 else "*" for part in parts)


def shape_text(group: Group) -> str:
    """Its shape, and how often it is there: ``96 of 12,288 × 49,152``."""
    if not group.kind:
        return ""
    shape = " × ".join(f"{side:,}" for side in group.shape) or "one number"
    return shape if group.times == 1 else f"{group.times:,} of {shape}"
