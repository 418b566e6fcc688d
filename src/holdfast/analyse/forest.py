"""A forest as boxes: what it expects over any part of a space is a sum over its leaves.

Random forests draw strong effects out and weak ones in, since each split goes by the strongest effect that is left. A
further forest learns what the one before left over on the trials that its trees had not seen, which takes most of that
away: the boosted forests of Ghosal and Hooker, "Boosting random forests to reduce bias", JCGS 30 (2021). Their sum is
again a sum of boxes. Thresholds are drawn at random, as in Geurts, Ernst and Wehenkel, "Extremely randomized trees"
(2006), which makes the sum smoother.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from holdfast.analyse.measure import INACTIVE, Measure, thresholds_between

STAGES = 3
TREES = 12
"""Forests one after the other, and trees of each of them."""

MOST_LEAVES = 96
MOST_SEEN = 400
"""A tree learns from at most so many trials, drawn anew for each."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A function on the space that is constant within boxes; L of them, over d hyperparameters.

    Attributes:
        low, high: (L, d) the box; a hyperparameter is in it where low < place <= high.
        values: (L,) what each box adds to the expected loss.
        trees: of scikit-learn, each with its weight.
        base: the expected loss before any tree.
        gains: (d,) by how much the splits on each hyperparameter reduce the variance of the losses, all together 1.
    """

    low: np.ndarray
    high: np.ndarray
    values: np.ndarray
    trees: tuple[tuple[Any, float], ...]
    base: float
    gains: np.ndarray

    def predict(self, places: np.ndarray) -> np.ndarray:
        """(n,) the expected loss at places (n, d), `INACTIVE` where a hyperparameter is not active."""
        return self.base + _predict(self.trees, places)


@dataclass(frozen=True, eq=False)
class Marginals:
    """What a forest expects given one hyperparameter, or two, over all configurations in which they are active.

    Attributes:
        mean: over the whole space.
        single: for each hyperparameter, (B,) the expected loss in each of its bins, NaN in bins that cannot be.
        effect: the same less its mean over the configurations in which the hyperparameter is active; 0 for NaN.
        together: for two hyperparameters, (B, C) the expected loss in each pair of their bins, NaN in those that cannot
            be.
        pair: what is left of that when the mean of each bin of either of them is taken off.
    """

    mean: float
    single: list[np.ndarray]
    effect: list[np.ndarray]
    together: dict[tuple[int, int], np.ndarray]
    pair: dict[tuple[int, int], np.ndarray]


def grow(places: np.ndarray, losses: np.ndarray, seed: int) -> Forest:
    """A boosted forest of losses (m,) at places (m, d)."""
    base = float(losses.mean())
    left, trees, gains = losses - base, list[tuple[Any, float]](), np.zeros(places.shape[1])
    for stage in range(STAGES):
        grown, unseen = _forest(places, left, seed + stage)
        if stage == 0:
            gains = np.sum([tree.feature_importances_ for tree in grown], axis=0)
        trees += [(tree, 1.0 / TREES) for tree in grown]
        left = np.where(np.isnan(unseen), 0.0, left - unseen)
    boxes = [_boxes(tree, places.shape[1]) for tree, _ in trees]
    return Forest(
        low=np.concatenate([low for low, _, _ in boxes]),
        high=np.concatenate([high for _, high, _ in boxes]),
        values=np.concatenate([weight * values for (_, weight), (_, _, values) in zip(trees, boxes, strict=True)]),
        trees=tuple(trees),
        base=base,
        gains=gains / max(float(gains.sum()), 1e-300),
    )


def _forest(places: np.ndarray, losses: np.ndarray, seed: int) -> tuple[list[Any], np.ndarray]:
    """The trees of a random forest (Breiman 2001), and (m,) what those that had not seen a trial say of it."""
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(seed)
    m = len(losses)
    trees, said, times = [], np.zeros(m), np.zeros(m)
    for _ in range(TREES):
        seen = rng.integers(m, size=min(m, MOST_SEEN))
        tree = DecisionTreeRegressor(
            splitter="random",
            max_leaf_nodes=MOST_LEAVES,
            random_state=int(rng.integers(2**31 - 1)),
        )
        tree.fit(places[seen], losses[seen])
        unseen = np.setdiff1d(np.arange(m), seen)
        said[unseen] += _predict([(tree, 1.0)], places[unseen])
        times[unseen] += 1
        trees.append(tree)
    return trees, np.where(times > 0, said / np.maximum(times, 1), np.nan)


def _predict(trees: Any, places: np.ndarray) -> np.ndarray:
    inputs = np.ascontiguousarray(places, dtype=np.float32)
    total = np.zeros(len(places))
    for tree, weight in trees:
        total += weight * tree.tree_.predict(inputs)[:, 0]
    return total


def _boxes(tree: Any, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The leaves of a tree: (L, d) where their boxes begin, (L, d) where they end, and (L,) their values."""
    inner = tree.tree_
    left, right, feature, threshold = inner.children_left, inner.children_right, inner.feature, inner.threshold
    low, high = np.full((inner.node_count, d), -np.inf), np.full((inner.node_count, d), np.inf)
    order = [0]
    for node in order:
        if left[node] < 0:
            continue
        for child in (left[node], right[node]):
            low[child], high[child] = low[node], high[node]
            order.append(int(child))
        high[left[node], feature[node]] = threshold[node]
        low[right[node], feature[node]] = threshold[node]
    leaves = left < 0
    return low[leaves], high[leaves], inner.value[leaves, 0, 0]


def marginals(forest: Forest, space: Measure, pairs_of: list[int]) -> Marginals:
    """Exact means over the boxes of a forest, with a pair for each two of ``pairs_of`` that vary while both are active.

    As in Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance" (ICML 2014),
    algorithm 2; a branch of the space counts with its probability.
    """
    within = [_within(forest, space, i) for i in range(len(space))]
    both = {pair: mass for pair in combinations(pairs_of, 2) if _both_vary(mass := space.pair_mass(*pair))}
    sums = [np.zeros(len(edges) - 1) for edges in space.edges]
    joint = {(i, j): np.zeros((len(sums[i]), len(sums[j]))) for i, j in both}
    mean = forest.base
    for k, probability in enumerate(space.probability):
        held = np.stack([within[i] @ space.weights[i][k] for i in range(len(space))], axis=1)  # (L, d)
        here = np.flatnonzero((held > 0).all(axis=1))
        held, share = held[here], probability * forest.values[here] * held[here].prod(axis=1)
        mean += float(share.sum())
        spread = [within[i][here, :-1] * space.weights[i][k][:-1] / held[:, [i]] for i in range(len(space))]
        for i, each in enumerate(spread):
            sums[i] += share @ each
        weighted = {i: spread[i] * share[:, None] for i in pairs_of}
        for i, j in both:
            joint[i, j] += weighted[i].T @ spread[j]
    masses = [space.mass(i) for i in range(len(space))]
    single = [forest.base + _divided(total, mass) for total, mass in zip(sums, masses, strict=True)]
    effect = [_centred(each, mass) for each, mass in zip(single, masses, strict=True)]
    together = {pair: forest.base + _divided(total, both[pair]) for pair, total in joint.items()}
    interactions = {pair: _interaction(each, both[pair]) for pair, each in together.items()}
    return Marginals(mean, single, effect, together, interactions)


def _both_vary(mass: np.ndarray) -> bool:
    """Whether each of two hyperparameters can be in more than one of its bins while both are active."""
    return bool(mass.any(axis=1).sum() > 1 and mass.any(axis=0).sum() > 1)


def _within(forest: Forest, space: Measure, i: int) -> np.ndarray:
    """(L, B + 1) the part of each bin that lies in each box; the last column is 1 where the box holds `INACTIVE`."""
    edges, ends = space.edges[i], (forest.low[:, i, None], forest.high[:, i, None])
    low, high = (thresholds_between(space.domains[i], end) for end in ends)
    overlap = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0.0, None) / np.diff(edges)
    return np.concatenate([overlap, (ends[0] < INACTIVE) & (ends[1] >= INACTIVE)], axis=1)


def _divided(total: np.ndarray, mass: np.ndarray) -> np.ndarray:
    quotient: np.ndarray = np.divide(total, mass, out=np.full_like(total, np.nan), where=mass > 0)
    return quotient


def _centred(values: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Values (B,) less their mean; 0 in bins without mass."""
    known = np.where(mass > 0, values, 0.0)
    return np.where(mass > 0, known - (known @ mass) / mass.sum(), 0.0)


def _interaction(values: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Values (B, C) less the mean of each row and of each column; 0 where there is no mass."""
    left = np.where(mass > 0, values, 0.0)
    for _ in range(3):  # once is enough where the two are independent
        for axis in (1, 0):
            sums, weights = (left * mass).sum(axis=axis, keepdims=True), mass.sum(axis=axis, keepdims=True)
            left = np.where(mass > 0, left - sums / np.where(weights > 0, weights, 1.0), 0.0)
    return left
