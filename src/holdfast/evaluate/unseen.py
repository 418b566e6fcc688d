"""Rows that are confidently wrong and have not been seen: log losses and Brier scores near their floor.

What such a row costs can be told from the rows that were right. A row whose label has the probability p loses -log p,
and would lose -log(1 - p) or more if the label were another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from holdfast.evaluate.metrics import Metric
from holdfast.stats import intervals
from holdfast.stats.rmx import Settings

LEFT_OUT = 0.368
"""The part of the rows that a bootstrap leaves out."""

LEAST = 1e-16
"""No label is more improbable than this."""


class _Kind(NamedTuple):
    """How probable other labels are, from a row's loss, and the loss under such a label, from that."""

    chance: Callable[[np.ndarray], np.ndarray]
    other: Callable[[np.ndarray], np.ndarray]


KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "log_loss": _Kind(lambda loss: -np.expm1(-loss), lambda chance: -np.log(chance)),
        "brier": _Kind(np.sqrt, lambda chance: (1 - chance) ** 2),
    }
)
"""Metrics whose row losses say how sure the model was; of more than two classes, as if all else were one class."""


def loss_if_wrong(metric: Metric, losses: np.ndarray, chosen: int) -> float | None:
    """What a wrong row costs the one ``chosen`` of C configurations; None of a metric that does not say.

    The labels are drawn again from the probabilities that the better half of the configurations give them on average,
    as the winner may owe its place to being too sure. The losses L of the winner have then the mean square E(L²), and
    that of losses of 0 and W at the same mean is W E(L). So W is E(L²) / E(L).

    Args:
        metric: of `KINDS`.
        losses: shape (N, C), of rows, without those of a group put together.
        chosen: the winner's place.
    """
    kind = KINDS.get(metric.name)
    if kind is None:
        return None
    largest = metric.range[1] if math.isfinite(metric.range[1]) else 1.0
    chances = np.clip(kind.chance(np.maximum(losses, 0.0) / largest), LEAST, 1.0)
    means = losses.mean(axis=0)
    better = means <= np.median(means)
    better[chosen] = True
    chance = chances[:, better].mean(axis=1)
    own, other = losses[:, chosen], largest * kind.other(chances[:, chosen])
    mean, square = ((1 - chance) * own**power + chance * other**power for power in (1, 2))
    total = float(mean.sum())
    return float(square.sum()) / total if total > 0 else None


def widened(
    bounds: tuple[float, float],
    metric: Metric | None,
    losses: np.ndarray,
    chosen: int,
    settings: Settings,
    alike: float = 1.0,
) -> tuple[float, float] | None:
    """The outer ones of bounds of a mean loss and of Jeffreys', as if rows were right or wrong at the same mean.

    A wrong one loses `loss_if_wrong`. None where the bounds stay as they are: they reach as far, or the rows that a
    bootstrap leaves out have a wrong one among them nearly always (all but the tail of the interval), so that the
    losses that were seen say enough.

    Args:
        bounds: of the winner's mean loss, from what its losses vary by.
        metric: what the losses are of.
        losses: shape (N, C).
        chosen: the winner's place.
        settings: error probabilities, and omega2 of a refit; one configuration has the upper one on either side.
        alike: as how many independent configurations the C count.
    """
    worst = None if metric is None else loss_if_wrong(metric, losses, chosen)
    if worst is None:
        return None
    n_rows, mean = len(losses), float(losses[:, chosen].mean())
    if n_rows * LEFT_OUT * mean > -math.log((1 - settings.level) / 2) * worst:
        return None
    size, share = n_rows / (1 + settings.omega2), min(max(mean / worst, 0.0), 1.0)
    lower, upper = settings.tails()
    tail = upper if losses.shape[1] == 1 else lower / alike
    low, high = (worst * end for end in intervals.jeffreys_tails(share * size, size, upper, tail))
    outer = min(bounds[0], low), max(bounds[1], high)
    return None if outer == bounds else outer
