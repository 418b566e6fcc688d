"""How many trials a process is given at once, so that their networks are trained in stacks."""

from __future__ import annotations

import math

from holdfast.protocol.plan import SearchTable
from holdfast.search.registry import traits_named
from holdfast.space import Categorical, Domain, Space

WIDE, NARROW = 16, 4
"""Runs that fill a stack, and those that a strategy is asked for at once which learns from every result."""

WIDE_ON_GPU, NARROW_ON_GPU = 256, 16
"""The same where a plan fixes a CUDA device, on which a step of 16 small networks takes as long as a step of one."""

FEW_SHAPES = 4
"""With more shapes than these to choose from, trials hardly ever share one."""

SCALES = frozenset({"dropout", "norm_momentum"})
"""Hyperparameters of a shape that may differ within a stack."""


def trials_at_once(search: SearchTable, shape: frozenset[str] | None, space: Space | None, parts: int) -> int:
    """How many trials one call of the job gets.

    ``auto`` fills a stack where trials share few shapes: with ``WIDE`` runs for a strategy that loses nothing by it,
    with ``NARROW`` for one that learns from every result. The folds of a trial are stacked in any case.

    Args:
        search: what the plan says.
        shape: the hyperparameters on which the program of a network depends; None for models that are no networks.
        space: what is searched.
        parts: fits of a trial.
    """
    if isinstance(search.stack, int):
        return search.stack
    if search.stack == "off" or shape is None or space is None or _shapes(space, shape) > FEW_SHAPES:
        return 1
    wide, narrow = (WIDE_ON_GPU, NARROW_ON_GPU) if _on_gpu(space) else (WIDE, NARROW)
    return max(1, (narrow if traits_named(search.strategy).sequential else wide) // parts)


def _on_gpu(space: Space) -> bool:
    """Whether every network is trained on a CUDA device."""
    device = space.domains.get("device")
    return isinstance(device, Categorical) and tuple(device.choices) == ("cuda",)


def _shapes(space: Space, shape: frozenset[str]) -> float:
    """How many programs the configurations of a space may have."""
    product = 1.0
    for name, domain in space.domains.items():
        if name in shape - SCALES:
            product *= _choices(domain)
    return product


def _choices(domain: Domain) -> float:
    """How many values a domain has."""
    return math.inf if domain.cells is None else domain.cells
