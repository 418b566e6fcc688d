"""Pairs of hyperparameters whose effects depend on each other, in numbers and in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from holdfast.analyse.fanova import Share, Variances
from holdfast.analyse.observed import Observed
from holdfast.records import Value
from holdfast.space import Categorical, Domain

MUCH_MORE = 1.5
"""A hyperparameter matters more in one place than in another if its effect there is so many times as large."""


@dataclass(frozen=True)
class Place:
    """Where one hyperparameter is held, and what the other one does there.

    Attributes:
        where: in words, such as ``"up to 32"`` or ``"sgd"``.
        best: the value of the other one that is best there.
        span: by how much the metric changes over the values of the other one there.
    """

    where: str
    best: Value
    span: float


@dataclass(frozen=True, eq=False)
class Interaction:
    """Two hyperparameters.

    Attributes:
        names: of both; the sentence is about the first, in two places of the second.
        share: the part of the variance that only both together explain.
        places: two places of the second hyperparameter.
        values: for each of both, the middle values of its bins.
        metric: (B, C) what is expected in each pair of bins, NaN where it cannot be.
    """

    names: tuple[str, str]
    share: Share
    places: tuple[Place, Place]
    values: tuple[tuple[Value, ...], tuple[Value, ...]] = field(repr=False)
    metric: np.ndarray = field(repr=False)

    def sentence(self, label: Callable[[str], str] = str) -> str:
        """How much they depend on each other, and how."""
        one, other = (label(name) for name in self.names)
        how_much = (
            f"{one} × {other}: together they make {self.share.value:.0%} of the variance "
            f"({self.share.low:.0%} to {self.share.high:.0%}) beyond what each makes alone"
        )
        if not self.share.sure:
            return f"{how_much}, which may be nothing."
        here, there = self.places
        if here.best != there.best:
            first, second = (_about(place.best, label) for place in self.places)
            return (
                f"{how_much}. With {other} {label(here.where)} the best {one} is {first}, with {other} "
                f"{label(there.where)} {second}."
            )
        more, less = sorted(self.places, key=lambda place: -place.span)
        if more.span <= MUCH_MORE * less.span:
            return f"{how_much}."
        return (
            f"{how_much}. {one} matters more with {other} {label(more.where)}, where it changes the score by "
            f"{more.span:.3g}, than with {other} {label(less.where)} ({less.span:.3g})."
        )


def interactions(trials: Observed, variances: Variances) -> tuple[Interaction, ...]:
    """All pairs that were looked at, the strongest first."""
    names = trials.space.names
    found = []
    for (i, j), share in variances.pairs.items():
        first, second = (i, j) if variances.single[i].value >= variances.single[j].value else (j, i)
        losses = variances.surface[i, j] if first == i else variances.surface[i, j].T
        domains = (trials.space[names[first]], trials.space[names[second]])
        edges = (variances.space.edges[first], variances.space.edges[second])
        values = (_middles(domains[0], edges[0]), _middles(domains[1], edges[1]))
        found.append(
            Interaction(
                names=(names[first], names[second]),
                share=share,
                places=_places(domains[1], edges[1], values, losses),
                values=values,
                metric=trials.sign * losses,
            )
        )
    return tuple(sorted(found, key=lambda pair: (-pair.share.value, -pair.share.low)))


def _middles(domain: Domain, edges: np.ndarray) -> tuple[Value, ...]:
    return tuple(domain.from_unit(float(middle)) for middle in (edges[1:] + edges[:-1]) / 2)


def _places(
    domain: Domain, edges: np.ndarray, values: tuple[tuple[Value, ...], tuple[Value, ...]], losses: np.ndarray
) -> tuple[Place, Place]:
    """The lowest and the highest third of a number; of choices, the two where the other one's effects differ most.

    Only where both hyperparameters are active.
    """
    known = np.flatnonzero(np.isfinite(losses).any(axis=0))
    if isinstance(domain, Categorical):
        centred = losses - np.nanmean(np.where(np.isnan(losses).all(axis=0), 0.0, losses), axis=0)
        pairs = [(a, b) for a in known for b in known if a < b] or [(known[0], known[0])]
        here, there = max(pairs, key=lambda pair: float(np.nansum((centred[:, pair[0]] - centred[:, pair[1]]) ** 2)))
        return _place(_text(values[1][here]), values[0], losses[:, [here]]), _place(
            _text(values[1][there]), values[0], losses[:, [there]]
        )
    third = max((len(known) + 1) // 3, 1)
    low, high = known[:third], known[-third:]
    if domain.cells == len(edges) - 1:  # a bin for each value
        ends = values[1][low[-1]], values[1][high[0]]
    else:
        ends = domain.from_unit(float(edges[low[-1] + 1])), domain.from_unit(float(edges[high[0]]))
    return _place(f"up to {_text(ends[0])}", values[0], losses[:, low]), _place(
        f"at least {_text(ends[1])}", values[0], losses[:, high]
    )


def _place(where: str, values: tuple[Value, ...], losses: np.ndarray) -> Place:
    """What a hyperparameter does over the columns of losses (B, C)."""
    known = np.isfinite(losses)
    means = np.where(known, losses, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    means = np.where(known.any(axis=1), means, np.inf)
    finite = means[np.isfinite(means)]
    span = float(np.ptp(finite)) if len(finite) else 0.0
    return Place(where, values[int(np.argmin(means))], span)


def _about(value: Value, label: Callable[[str], str]) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"about {_text(value, label)}" if number else _text(value, label)


def _text(value: Value, label: Callable[[str], str] = str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return label({True: "true", False: "false", None: "none"}.get(value, str(value)))  # type: ignore[arg-type]
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
