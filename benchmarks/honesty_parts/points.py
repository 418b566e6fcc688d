"""Points only, without any interval: bias and mean squared error beside BBC's, on the tables of `fixed` and `refit`.

Tables, bootstraps and seeds are those of these two, and so are the points but for one that would leave its interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.honesty_parts import fixed, refit
from benchmarks.honesty_parts.methods import DEFAULT, Found, Repetition

from holdfast.evaluate.bootstraps import BOOTSTRAPS
from holdfast.evaluate.found import REFIT_VARIANCE
from holdfast.rng import Streams
from holdfast.stats.regained import corrected_mean
from holdfast.stats.rmx import is_binary

if TYPE_CHECKING:
    from benchmarks.honesty_parts.ledger import Kept, Sums

FIXED = fixed.cells([*fixed.DRAWN, "climb", "ucb"])
CELLS = [*FIXED, *refit.CELLS]


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    of_fixed = name in FIXED
    drawn = fixed.table(name, number) if of_fixed else refit.table(name, number)
    scores, omega2 = drawn.scores, 0.0
    if not of_fixed:
        omega2 = REFIT_VARIANCE["binary" if is_binary(scores) else "other"]
    rng = Streams(drawn.seed).generator(0, "estimate/bootstrap")
    searched = of_fixed and FIXED[name].how in fixed.PROPOSE
    found = corrected_mean(scores, rng, BOOTSTRAPS, omega2=omega2, searched=searched)
    points = {
        "naive": Found(float(scores.mean(axis=0).max())),
        "BBC": Found(float(np.nanmean(found.estimates))),
        DEFAULT: Found(found.point),
    }
    return Repetition(drawn.truth, drawn.fresh, points)


def missed(plain: Sums, ours: Sums) -> bool:
    """Whether the bias is over a fifth of the naive one and over a quarter of the deviation."""
    return abs(ours.bias) > max(abs(plain.bias) / 5, ours.deviation / 4)


def lines(cells: dict[str, Kept]) -> Iterator[str]:
    """One line per cell, biases and root mean squared errors, and where the bias wanted is missed."""
    yield "| cell | repetitions | naive bias | of BBC | in its deviations | bias | in its deviations | RMSE to BBC's |"
    yield "|---|---|---|---|---|---|---|---|"
    ratios: list[float] = []
    failing: dict[str, list[str]] = {"BBC": [], DEFAULT: []}
    for name, kept in cells.items():
        plain, bbc, ours = (kept.methods[method] for method in ("naive", "BBC", DEFAULT))
        ratios.append(math.sqrt(ours.square / bbc.square))
        words = [name, str(ours.repetitions), f"{plain.bias:+.4f}"]
        for one in (bbc, ours):
            words += [f"{one.bias:+.4f}", f"{one.bias / one.deviation:+.2f}" if one.deviation else "–"]
        yield f"| {' | '.join([*words, f'{ratios[-1]:.3f}'])} |"
        for method, names in failing.items():
            if missed(plain, kept.methods[method]):
                names.append(name)
    yield ""
    for method, names in failing.items():
        yield (
            f"Cells whose bias is over a fifth of the naive one's and over a quarter of the deviation, {method}: "
            f"{', '.join(names) or 'none'}."
        )
    yield f"Root mean squared error to BBC's: {np.mean(ratios):.3f} on average, {max(ratios):.3f} at most."
