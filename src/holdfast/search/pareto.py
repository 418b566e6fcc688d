"""Several objectives: who dominates whom, how crowded a front is, and the volume that it dominates.

Losses are to be low in every objective. With outcome constraints the rules of Deb, Pratap, Agarwal and Meyarivan, "A
fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6 (2002),
section VI, decide: what is feasible dominates what is not, and of two that are not the one that violates less.
"""

from __future__ import annotations

import numpy as np

from holdfast.search.history import COMPLETE, History


def front(history: History) -> np.ndarray:
    """The numbers of the complete trials that no other dominates, feasible ones only, in ascending order.

    Empty where no complete trial is feasible; a constraint that is not known to hold does not.
    """
    known = (history.told_state == COMPLETE) & np.isfinite(history.told_loss).all(axis=1)
    known &= total_violation(history.told_violation) == 0
    losses = history.told_loss[known]
    found: np.ndarray = np.sort(history.told_trial[known][non_dominated(losses)])
    return found


def total_violation(violation: np.ndarray) -> np.ndarray:
    """(m,) how far all constraints together are missed, given by how far each is (m, c): 0 where all of them hold.

    Each constraint counts in units of its largest violation; where one is not known (NaN) the total is infinite.
    """
    excess = np.maximum(violation, 0.0)
    unknown = ~np.isfinite(excess)
    excess[unknown] = 0.0
    largest = excess.max(axis=0, initial=0.0)
    total = (excess / np.where(largest > 0, largest, 1.0)).sum(axis=1)
    return np.where(unknown.any(axis=1), np.inf, total)


def non_dominated(losses: np.ndarray) -> np.ndarray:
    """(m,) whether no other row of finite losses (m, k) is as low everywhere and lower somewhere; equal rows all are.

    Rows are taken in lexicographic order, in which nothing is dominated by what comes later (Kung, Luccio and
    Preparata, "On finding the maxima of a set of vectors", Journal of the ACM 22, 1975).
    """
    m, k = losses.shape
    order = np.lexsort(losses.T[::-1])
    ordered = losses[order]
    keep = np.ones(m, dtype=bool)
    if k <= 2:
        lowest = np.minimum.accumulate(ordered[:, -1])
        new = np.concatenate([[True], ordered[1:, -1] < lowest[:-1]])[:m]
        first = np.maximum.accumulate(np.where(new, np.arange(m), 0))
        keep[order] = (ordered == ordered[first]).all(axis=1)
        return keep
    found = np.empty_like(ordered)
    size = 0
    for position, row in zip(order, ordered, strict=True):
        below = (found[:size] <= row).all(axis=1)
        if below.any() and (found[:size][below] < row).any():
            keep[position] = False
        else:
            found[size] = row
            size += 1
    return keep


def ranks(losses: np.ndarray, violation: np.ndarray | None = None) -> np.ndarray:
    """(m,) the front of each row of losses (m, k): 0 for those that nothing dominates, 1 once these are away, ...

    Args:
        losses: finite where ``violation`` is 0.
        violation: (m,) total violation (see `total_violation`); rows that violate come after those that do not, one
            front for each amount. None for no constraints.
    """
    found = np.zeros(len(losses), dtype=np.int64)
    feasible = np.ones(len(losses), dtype=bool) if violation is None else violation == 0
    left = np.flatnonzero(feasible)
    rank = 0
    if losses.shape[1] == 1 and len(left):
        values, found[left] = np.unique(losses[left, 0], return_inverse=True)
        left, rank = left[:0], len(values)
    while len(left):
        best = non_dominated(losses[left])
        found[left[best]] = rank
        left = left[~best]
        rank += 1
    if violation is not None and not feasible.all():
        found[~feasible] = rank + np.unique(violation[~feasible], return_inverse=True)[1]
    return found


def crowding(losses: np.ndarray) -> np.ndarray:
    """(m,) the crowding distance of each row of one front (m, k), infinite at its ends: Deb et al. (2002), III-B.

    Of rows that are equal the first one counts; the others have distance 0.
    """
    distance = np.zeros(len(losses))
    first = np.sort(np.unique(losses, axis=0, return_index=True)[1])
    for column in losses.T:
        order = first[np.argsort(column[first], kind="stable")]
        values = column[order] / 2  # half, so that no difference overflows
        distance[order[[0, -1]]] = np.inf
        if values[-1] > values[0]:
            distance[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
    return distance


def hypervolume(losses: np.ndarray, reference: np.ndarray) -> float:
    """The volume of what rows of losses (m, k) dominate within ``reference`` (k,): Zitzler and Thiele (1998).

    One sorted sweep for two objectives. For more, slices along the last one: While, Bradstreet, Barone and Hingston,
    "Heuristics for optimising the calculation of hypervolume for multi-objective optimisation problems" (2005).
    """
    inside = losses[(losses < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    points = inside[non_dominated(inside)]
    points = points[np.argsort(points[:, -1], kind="stable")]
    ends = np.append(points[1:, -1], reference[-1])
    if points.shape[1] == 1:
        return float(reference[0] - points[0, 0])
    if points.shape[1] == 2:
        return float(((reference[0] - points[:, 0]) * (ends - points[:, 1])).sum())
    slices = [
        (end - points[i, -1]) * hypervolume(points[: i + 1, :-1], reference[:-1])
        for i, end in enumerate(ends)
        if end > points[i, -1]
    ]
    return float(sum(slices))


def free_boxes(losses: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What no row of losses (m, k) dominates within ``reference`` (k,), as boxes that do not overlap.

    Returns their lower corners, with -inf where there is no bound, and their upper corners, both (b, k). Slices along
    the last objective, in which a box lasts until its cross-section changes: n + 1 boxes for n points of two
    objectives, and of the order of n for three (Lacour, Klamroth and Fonseca, "A box decomposition algorithm to compute
    the hypervolume indicator", Computers and Operations Research 79, 2017).
    """
    inside = losses[(losses < reference).all(axis=1)]
    boxes = _free_boxes(inside, reference)
    corners = np.array(boxes).reshape(len(boxes), len(reference), 2)
    return corners[:, :, 0], corners[:, :, 1]


_Box = tuple[tuple[float, float], ...]


def _free_boxes(points: np.ndarray, reference: np.ndarray) -> list[_Box]:
    """The boxes that `free_boxes` returns, each as its (lower, upper) bounds."""
    if len(reference) == 1:
        return [((-np.inf, float(points.min(initial=reference[0]))),)]
    points = points[non_dominated(points)]
    points = points[np.argsort(points[:, -1], kind="stable")]
    levels = np.unique(points[:, -1])
    opened: dict[_Box, float] = dict.fromkeys(_free_boxes(points[:0, :-1], reference[:-1]), -np.inf)
    closed: list[_Box] = []
    for level in levels:
        below = points[points[:, -1] <= level, :-1]
        section = _free_boxes(below, reference[:-1])
        still = dict.fromkeys(section, float(level))
        for box, start in opened.items():
            if box in still:
                still[box] = start
            else:
                closed.append((*box, (start, float(level))))
        opened = still
    return closed + [(*box, (start, float(reference[-1]))) for box, start in opened.items()]
