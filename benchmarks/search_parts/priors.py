"""Beliefs for the functions whose best configuration is known: right ones, a little off, and wrong ones.

A right belief is a normal density a tenth of the range beside the best value, its SD as much, and on a choice four
times the weight for the best one; a wrong one is as narrow and half the range away, its weight on another choice.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from benchmarks.search_parts.functions import MIXED_BEST, TREE_BEST, Config, offsets
from benchmarks.search_parts.ours import space_of
from benchmarks.search_parts.tasks import Task

from holdfast.space import Categorical, Domain, Float, Int, Normal, Space

Belief = Literal["right", "wrong"]
OFF, FAR, SD, WEIGHT = 0.1, 0.5, 0.1, 4.0


def _vector(values: list[float]) -> Config:
    return {f"x{i}": value for i, value in enumerate(values)}


BEST: dict[str, Config] = {
    "hartmann6": _vector([0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054]),
    "ackley10": _vector((32.768 * offsets(10)).tolist()),
    "levy10": _vector((10 * offsets(10)).tolist()),
    "rosenbrock8": _vector([1.0] * 8),
    "tree": TREE_BEST,
    "mixed": MIXED_BEST,
}
"""A configuration that scores 0, for each function that beliefs are tried on."""


def space_with(task: Task, belief: Belief) -> Space:
    """The task's space with a belief for every hyperparameter that is active in the best configuration."""
    plain = space_of(task.space)
    domains = dict(plain.domains)
    for number, item in enumerate(task.space):
        if item["name"] in BEST[task.name]:
            domains[item["name"]] = _believed(item, BEST[task.name][item["name"]], belief, number)
    return Space(domains)


def _believed(item: dict[str, Any], best: Any, belief: Belief, number: int) -> Domain:
    when: dict[str, Any] = item["when"] or {}
    if item["type"] == "cat":
        choices = item["choices"]
        favoured = choices[(choices.index(best) + (belief == "wrong")) % len(choices)]
        weights = [WEIGHT if choice == favoured else 1.0 for choice in choices]
        return Categorical(choices, weights=weights, when=when)
    low, high = float(item["low"]), float(item["high"])
    start, end, at = (math.log10(v) if item["log"] else v for v in (low, high, float(best)))
    share = (at - start) / (end - start)
    if belief == "right":
        share += OFF if (number % 2 == 0) == (share < 0.9) else -OFF
    else:
        share = (share + FAR) % 1.0
    mean = start + share * (end - start)
    mean = min(max(10**mean if item["log"] else mean, low), high)  # a power may round past its bound
    prior = Normal(mean, SD * (end - start))
    kind = Int if item["type"] == "int" else Float
    return kind(item["low"], item["high"], log=item["log"], prior=prior, when=when)
