"""What may change while a network is in training, so that a clone can go on with another configuration. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdfast.errors import RequestError
from holdfast.train.kinds import NetworkKind
from holdfast.train.task import Task

SETTLED = ("optimizer", "precision", "device", "accumulation", "epochs")
"""Hyperparameters of training that a run keeps: one optimiser has no use for the state of another."""

FREE_OF_SHAPE = frozenset({"dropout"})
"""Hyperparameters of shape that no tensor depends on."""


def settled(kind: NetworkKind) -> frozenset[str]:
    """The hyperparameters of a family that a clone keeps from its parent: those of shape, and `SETTLED`."""
    return (kind.shape - FREE_OF_SHAPE) | frozenset(SETTLED)


def check_clone(kind: NetworkKind, task: Task, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse a change of a configuration that training cannot go on with.

    Args:
        kind: of network.
        task: with the columns and classes of the training rows.
        before: what the parent was trained with.
        after: what the clone would be trained with.

    Raises:
        RequestError: naming the first hyperparameter that has to stay.
    """
    old, new = kind.settings(before), kind.settings(after)
    for name in SETTLED:
        _require(
            name,
            getattr(old, name),
            getattr(new, name),
            f'a run keeps that from its beginning to its end, as with keep = ("{name}",)',
        )
    shapes = [asdict(kind.architecture(config, task)) for config in (before, after)]
    for name in sorted(set(shapes[0]) - FREE_OF_SHAPE):
        reason = f'the weights of one shape are of no use in another, so let clones keep it, as in keep = ("{name}",)'
        _require(name, shapes[0][name], shapes[1][name], reason)


def _require(name: str, was: Any, wish: Any, reason: str) -> None:
    if was != wish:
        raise RequestError(f"a clone has '{name}' = {wish!r} where its parent has {was!r}; {reason}")
