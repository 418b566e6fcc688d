"""One verdict for a study: what most of its trials have in common, and at which ends of the space the best lie."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.analyse.curves import Diagnosis
from holdfast.analyse.ends import can_go_beyond
from holdfast.analyse.rates import optimiser_of, rate_of
from holdfast.analyse.remedies import KINDS, Kind
from holdfast.records import Config
from holdfast.space import Categorical, Space

StudyKind = Kind | Literal["mixed"]
"""What may be said of a study."""

MOST = 0.5
"""From this part of the trials on it is most of them, and their verdict is that of the study."""

OUTER = 0.1
"""The part of a range at an end of it that counts as that end."""

BEST_SHARE, FEWEST_BEST = 0.25, 4
"""The best quarter of the trials are looked at, and four at least."""

CHANCE = 0.01
"""So unlikely must it be that as many of the best lie at one of the ends by chance."""

WORDS: dict[Kind, tuple[str, str]] = {
    "learning rate too low": ("has too low a learning rate", "have too low a learning rate"),
    "learning rate too high": ("has too high a learning rate", "have too high a learning rate"),
    "diverged": ("diverged", "diverged"),
    "underfitting": ("underfits", "underfit"),
    "overfitting": ("overfits", "overfit"),
    "still improving": ("was still improving at its end", "were still improving at their end"),
    "balanced": ("is balanced", "are balanced"),
    "too noisy to tell": ("is too noisy to tell", "are too noisy to tell"),
    "unknown": ("is unknown", "are unknown"),
}
"""A verdict as a predicate, of one trial and of several."""

FAULTS: frozenset[Kind] = frozenset({"learning rate too low", "learning rate too high", "diverged"})
"""The verdicts that are about the learning rate."""


@dataclass(frozen=True)
class Edge:
    """An end of the space where the best trials crowd.

    Args:
        name: of the hyperparameter.
        high: whether it is the upper end.
        bound: the value where the space ends.
        hits: how many of the best lie there.
        of: how many were looked at.
    """

    name: str
    high: bool
    bound: float
    hits: int
    of: int

    def sentence(self) -> str:
        """What is seen, and what to do."""
        where = "upper" if self.high else "lower"
        return (
            f"Of the best {self.of} trials {self.hits} lie at the {where} end of {self.name}, {self.bound:.4g}: search "
            f"{'above' if self.high else 'below'} it, too."
        )


@dataclass(frozen=True)
class StudyDiagnosis:
    """What the trials of a study have in common.

    Args:
        kind: the verdict of most of them; ``unknown`` where nothing is known of most, else ``mixed``.
        sentence: how many have which verdict, which learning rates have no fault, and where the space is too narrow.
        counts: how many trials have which verdict, most frequent first; those of whom nothing is known are left out.
        edges: the ends of the space where the best crowd.
    """

    kind: StudyKind
    sentence: str
    counts: Mapping[Kind, int]
    edges: tuple[Edge, ...] = ()


def diagnose_study(
    trials: Sequence[tuple[Config, Diagnosis]], ranked: int, space: Space | None = None, silent: int = 0
) -> StudyDiagnosis | None:
    """The verdict on a study; None where nothing is known of any trial.

    Args:
        trials: configurations and verdicts; those that were ranked stand in front, best first.
        ranked: how many these are.
        space: what is searched.
        silent: how many more trials were trained in full and kept nothing to be judged by.
    """
    known = [(config, found) for config, found in trials if found.kind != "unknown"]
    if not known:
        return None
    many = Counter(found.kind for _, found in known)
    counts = {kind: many[kind] for kind in sorted(many, key=lambda kind: (-many[kind], KINDS.index(kind)))}
    first, most = next(iter(counts.items()))
    others = len(trials) - len(known) + silent
    whole = len(known) + others
    kind: StudyKind = first if most >= MOST * whole else "unknown" if others > MOST * whole else "mixed"
    edges = crowded([config for config, _ in trials[:ranked]], space) if space is not None else ()
    parts = [_said(counts, len(known), others, kind), _healthy(known), _typical(known, kind)]
    return StudyDiagnosis(kind, " ".join(filter(None, [*parts, *(edge.sentence() for edge in edges)])), counts, edges)


def _said(counts: Mapping[Kind, int], known: int, others: int, kind: StudyKind) -> str:
    """How many trials have which verdict, and of how many others there is none."""
    if len(counts) == 1 and not others:
        (only,) = counts
        return (
            f"The one trial with a verdict {WORDS[only][0]}." if known == 1 else f"All {known} trials {WORDS[only][1]}."
        )
    parts = [f"{count} {WORDS[each][count > 1]}" for each, count in counts.items()]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    nothing = f", and nothing is known of the other {others if others > 1 else 'one'}" if others else ""
    return f"Of {known + others} trials {listed}{nothing}{': no verdict is that of most' if kind == 'mixed' else ''}."


def _healthy(known: Sequence[tuple[Config, Diagnosis]]) -> str:
    """Which learning rates have no fault, where some have one; for each optimiser, as they are no like numbers."""
    rated = [(*rate_of(config), optimiser_of(config), found.kind in FAULTS) for config, found in known]
    names = {name for name, _, _, _ in rated if name is not None}
    good: dict[str, list[float]] = {}
    for _, value, optimiser, fault in rated:
        if value is not None and not fault:
            good.setdefault(optimiser, []).append(value)
    if len(names) != 1 or not good or not any(fault for _, _, _, fault in rated):
        return ""
    ranges = [
        f"{f'with {optimiser} ' if optimiser else ''}from {min(values):.2g} to {max(values):.2g}"
        for optimiser, values in sorted(good.items())
        if len(values) > 1
    ]
    if not ranges:
        return ""
    return f"Trials without a fault of the learning rate have {names.pop()} {' and '.join(ranges)}."


def _typical(known: Sequence[tuple[Config, Diagnosis]], kind: StudyKind) -> str:
    """What pushes against the verdict of most trials, with the medians of what these have."""
    names: dict[str, tuple[str, list[float]]] = {}
    for _, found in known:
        for push in found.pushes if found.kind == kind else ():
            if isinstance(push.value, int | float) and not isinstance(push.value, bool):
                names.setdefault(push.name, (push.verb, []))[1].append(float(push.value))
    often = sorted(names.items(), key=lambda item: -len(item[1][1]))[:3]
    if not often:
        return ""
    words = [f"{verb} {name} (median {float(np.median(values)):.2g})" for name, (verb, values) in often]
    return f"Against it: {', '.join(words)}."


def crowded(ranked: Sequence[Config], space: Space) -> tuple[Edge, ...]:
    """The ends of the space where more of the best configurations lie than chance would put there.

    An end counts if as many would lie in its outermost tenth with a probability of less than one in a hundred, over all
    ends that are looked at, were values drawn evenly. Ends that nobody can go beyond are left out
    (`holdfast.analyse.ends`).
    """
    best = ranked[: max(FEWEST_BEST, math.ceil(BEST_SHARE * len(ranked)))]
    numeric = [name for name in space.names if not isinstance(space[name], Categorical)]
    found = []
    for name in numeric:
        domain = space[name]
        if isinstance(domain, Categorical) or domain.low == domain.high:
            continue
        values = [value for config in best if isinstance(value := config.get(name), int | float)]
        values = [value for value in values if domain.low <= value <= domain.high]
        units = np.array([domain.to_unit(value) for value in values])
        share = max(OUTER, 0.0 if domain.cells is None or domain.log else 1.0 / domain.cells)
        for high, bound in ((False, domain.low), (True, domain.high)):
            passable = can_go_beyond(domain, high=high)
            hits = int((units >= 1.0 - share).sum() if high else (units <= share).sum())
            if passable and len(values) >= FEWEST_BEST and _tail(hits, len(values), share) * 2 * len(numeric) < CHANCE:
                found.append(Edge(name, high, float(bound), hits, len(values)))
    return tuple(sorted(found, key=lambda edge: -edge.hits / edge.of))


def _tail(hits: int, of: int, share: float) -> float:
    """The probability of at least so many hits by chance."""
    return sum(math.comb(of, k) * share**k * (1.0 - share) ** (of - k) for k in range(hits, of + 1))
