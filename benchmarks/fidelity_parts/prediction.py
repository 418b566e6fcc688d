"""How well the end of a curve is predicted from its beginning, on recorded curves.

A study of a few curves trained to the end and many of various lengths; of other configurations the first tenth or fifth
of the curve is known, and the loss at the last epoch is predicted, with an interval. Beside it stand the last known
loss, and a power law a + b t^-c fitted to the curve alone, whose interval is that of its residuals.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from benchmarks.fidelity_parts.curves import CurveTask, load
from benchmarks.search_parts.ours import space_of
from scipy.optimize import least_squares

from holdfast.analyse.finals import ahead_of
from holdfast.records import Fidelity
from holdfast.testing.rehearsal import Rehearsal

WHOLE, PARTIAL, ASKED = 6, 24, 15
"""Curves trained to the end, of various lengths, and to predict."""
LEVEL = 0.9
Z = 1.6448536269514722
Prediction = tuple[float, float, float]
"""The value, and the bounds of its interval."""


@dataclass
class Found:
    """What one way of predicting gave: errors in units of the median regret, and whether intervals held."""

    errors: list[float]
    held: list[bool]
    widths: list[float]


def main(options: argparse.Namespace) -> None:
    """Print a table for each share of a curve."""
    tasks = load(options.data, options.tasks)
    for share in (0.1, 0.2):
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for task in tasks:
            for name, found in _predicted(task, share, options.seeds).items():
                rows.setdefault(name, []).append(
                    (float(np.mean(found.errors)), float(np.mean(found.held)), float(np.median(found.widths)))
                )
        print(f"the first {share:.0%} of a curve, {len(tasks)} tasks, {options.seeds} seeds of {ASKED} curves each\n")
        print(f"| predicted by | mean error, median task | mean error, worst task | held ({LEVEL:.0%}) | width |")
        print("|---|---|---|---|---|")
        for name, row in rows.items():
            errors, held, widths = np.array(row).T
            holds = "-" if name == "last loss" else f"{held.mean():.2f}"
            wide = "-" if name == "last loss" else f"{np.median(widths):.3g}"
            print(f"| {name} | {np.median(errors):.3f} | {errors.max():.3f} | {holds} | {wide} |")
        print()


def _predicted(task: CurveTask, share: float, seeds: int) -> dict[str, Found]:
    """Errors and intervals on one task."""
    found = {name: Found([], [], []) for name in ("curve model", "power law", "last loss")}
    for seed in range(seeds):
        rehearsal, curves, known = _study(task, share, np.random.default_rng(seed))
        ahead = ahead_of(rehearsal.history())
        assert ahead is not None
        finals = {final.trial: final.score for final in ahead.finals(LEVEL)}
        unit = task.median - task.best
        for trial in range(len(curves) - ASKED, len(curves)):
            seen, truth, score = curves[trial][:known], float(curves[trial][-1]), finals[trial]
            assert score.low is not None
            assert score.high is not None
            by_law = power_law(seen, len(curves[trial]))
            last = float(seen[-1])
            for name, (value, low, high) in {
                "curve model": (score.value, score.low, score.high),
                "power law": by_law,
                "last loss": (last, last, last),
            }.items():
                found[name].errors.append(min(abs(value - truth) / unit, 10.0))
                found[name].held.append(low <= truth <= high)
                found[name].widths.append((high - low) / unit)
    return found


def _study(task: CurveTask, share: float, rng: np.random.Generator) -> tuple[Rehearsal, list[np.ndarray], int]:
    """A study, all its curves in full, and how many epochs of the last `ASKED` are known; diverged ones are redrawn."""
    space, known = space_of(task.space), max(round(share * task.epochs), 3)
    rehearsal = Rehearsal(space, Fidelity("epoch", 1, task.epochs))
    curves: list[np.ndarray] = []
    lengths = [task.epochs] * WHOLE
    lengths += np.minimum(np.ceil(rng.exponential(8.0, PARTIAL)), task.epochs - 1).astype(int).tolist()
    lengths += [known] * ASKED
    while len(curves) < len(lengths):
        config = space.sample(rng)
        curve = task.curve(config)
        if not np.isfinite(curve).all() or curve[-1] > task.best + 10 * (task.median - task.best):
            continue
        length = lengths[len(curves)]
        trial = rehearsal.start(config, length)
        for epoch in range(1, length + 1):
            rehearsal.report(trial, epoch, float(curve[epoch - 1]))
        if length == task.epochs:
            rehearsal.finish(trial, float(curve[-1]))
        else:
            rehearsal.pause(trial)
        curves.append(curve)
    return rehearsal, curves, known


def power_law(seen: np.ndarray, end: int) -> Prediction:
    """The value of a + b t^-c at epoch ``end``, fitted to the losses ``seen`` of the first epochs."""
    steps = np.arange(1, len(seen) + 1, dtype=float)
    size = max(float(np.ptp(seen)), 1e-12)

    def residuals(p: np.ndarray) -> np.ndarray:
        found: np.ndarray = (p[0] + p[1] * steps ** -np.exp(p[2]) - seen) / size
        return found

    start, limits = [float(seen[-1]), float(seen[0] - seen[-1]), 0.0], ([-np.inf, -np.inf, -5.0], [np.inf, np.inf, 3.0])
    fitted = least_squares(residuals, start, bounds=limits, x_scale=[size, size, 1.0])
    a, b, c = fitted.x
    value = float(a + b * float(end) ** -np.exp(c))
    freedom = max(len(seen) - 3, 1)
    spread = Z * size * float(np.sqrt(np.sum(fitted.fun**2) / freedom))
    return value, value - spread, value + spread
