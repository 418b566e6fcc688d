"""Configurations dropped before all of their folds are scored: what it saves, what it costs, and whether it is counted.

Kernel ridge regression over a grid of widths and penalties, cross-validated; the winner is refitted on all rows, and
that model's true score is the target. The same configurations are drawn at random for every rule, or proposed by a
climb, which sees what its rule leaves to see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import Found, Own, Repetition, fresh_width
from benchmarks.honesty_parts.refit import FEATURES, Smoother, label_probability, row_scores

from holdfast.evaluate.estimate import estimate
from holdfast.records import RowScores
from holdfast.rng import Streams
from holdfast.stats.folds import comparable, stops

if TYPE_CHECKING:
    from benchmarks.honesty_parts.ledger import Kept

RULES = ("never", "forgiving", "aggressive", "curtailed")
HOW = ("random", "climb")
TEST_ROWS = 5_000
WIDTHS, PENALTIES = np.geomspace(1e-3, 1, 14), np.geomspace(1e-3, 1e2, 14)
LEFT_OUT, NAIVE = ", those dropped left out", ", naive"


class Cell(NamedTuple):
    """What is learned, from how many rows in how many folds, of how many configurations, and the row score."""

    task: str
    n_rows: int
    folds: int
    trials: int
    loss: str = "0/1"

    def __str__(self) -> str:
        return f"{self.task} N={self.n_rows} K={self.folds} C={self.trials}" + (" squared" * (self.loss == "squared"))


CELLS = {
    str(cell): cell
    for cell in (
        Cell("nonlinear", 100, 5, 60),
        Cell("nonlinear", 200, 10, 60),
        Cell("linear", 100, 5, 100),
        Cell("linear", 100, 10, 40),
        Cell("noise", 200, 10, 60),
        Cell("linear", 100, 10, 60, "squared"),
        Cell("nonlinear", 200, 5, 60, "squared"),
    )
}


class _Problem(NamedTuple):
    """Row scores of all configurations of the grid, (N, widths * penalties), and what the refits are made of."""

    cell: Cell
    X: np.ndarray
    scores: np.ndarray
    coefficients: np.ndarray
    X_test: np.ndarray

    def by_fold(self) -> np.ndarray:
        """Fold scores of shape (K, widths * penalties)."""
        return np.asarray(self.scores.reshape(self.cell.folds, -1, self.scores.shape[1]).mean(axis=1))

    def truth(self, place: int) -> tuple[float, float]:
        """The true score of a configuration refitted on all rows, and the standard deviation of its row scores."""
        smoother = Smoother(float(WIDTHS[place // len(PENALTIES)]), PENALTIES)
        predicted = smoother.kernel(self.X_test, self.X) @ self.coefficients[place]
        p = label_probability(self.cell.task, self.X_test)
        good, bad = (row_scores(self.cell.loss, sign * np.ones(len(p)), predicted) for sign in (1, -1))
        mean = float((p * good + (1 - p) * bad).mean())
        return mean, math.sqrt(float((p * good**2 + (1 - p) * bad**2).mean()) - mean**2)


def _problem(cell: Cell, rng: np.random.Generator) -> _Problem:
    X, X_test = rng.standard_normal((cell.n_rows, FEATURES)), rng.standard_normal((TEST_ROWS, FEATURES))
    y = np.where(rng.random(cell.n_rows) < label_probability(cell.task, X), 1.0, -1.0)
    fits = [Smoother(float(width), PENALTIES).fits(X, y, cell.folds) for width in WIDTHS]
    scores = row_scores(cell.loss, y[:, None], np.concatenate([fit[0] for fit in fits]).T)
    return _Problem(cell, X, scores, np.concatenate([fit[1] for fit in fits]), X_test)


class _Searched(NamedTuple):
    """The configurations that were begun, and their fold scores (C, K), NaN where a rule saved the fit."""

    tried: list[int]
    seen: np.ndarray

    @property
    def winner(self) -> int:
        """Which of them has the best mean of those with all folds."""
        return int(np.where(np.isfinite(self.seen).all(axis=1), self.seen.mean(axis=1), -np.inf).argmax())


def _search(fold_scores: np.ndarray, trials: int, how: str, rule: str, rng: np.random.Generator) -> _Searched:
    """Try configurations of a grid one after the other, each fold by fold."""
    folds, order = len(fold_scores), rng.permutation(fold_scores.shape[1])
    seen, values = np.full((trials, folds), np.nan), np.full(trials, -np.inf)
    tried: list[int] = []
    for number in range(trials):
        place = int(next(c for c in order if c not in tried))
        if how == "climb" and number:
            place = _step(tried[int(values.argmax())], tried, rng, place)
        own, complete = fold_scores[:, place], seen[:number][np.isfinite(seen[:number]).all(axis=1)]
        count = folds
        if rule != "never" and len(complete):
            incumbent = complete[complete.mean(axis=1).argmax()]
            asked = (k for k in range(1, folds) if stops(rule, own[:k], incumbent, seen[:number]))
            count = next(asked, folds)
        tried.append(place)
        seen[number, :count] = own[:count]
        values[number] = own.mean() if count == folds else comparable(own[:count], complete, complete.mean(axis=1))
    return _Searched(tried, seen)


def _step(best: int, tried: list[int], rng: np.random.Generator, otherwise: int) -> int:
    """A configuration that is new and up to two steps from the best one in either direction."""
    for _ in range(20):
        row, column = np.array(divmod(best, len(PENALTIES))) + rng.integers(-2, 3, size=2)
        place = int(row) * len(PENALTIES) + int(column)
        if 0 <= row < len(WIDTHS) and 0 <= column < len(PENALTIES) and place not in tried:
            return place
    return otherwise


def _said(scores: np.ndarray, winner: int, seed: int) -> Found:
    rows = [RowScores(column) for column in scores.T]
    score = estimate(rows, winner=winner, direction="maximize", estimand="refit", seed=seed).score
    return Found(score.value, score.low, score.high)


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell: every way to search under every rule."""
    cell, streams = CELLS[name], Streams(0)
    problem, seed = _problem(cell, streams.generator(number, name)), streams.integer(number, f"{name}/seed")
    fold_scores, fold = problem.by_fold(), np.arange(cell.n_rows) // (cell.n_rows // cell.folds)
    found: dict[str, Found] = {}
    own: dict[str, Own] = {}
    for how in HOW:
        reference = math.nan
        for rule in RULES:
            done = _search(fold_scores, cell.trials, how, rule, streams.generator(number, f"{name}/{how}"))
            truth, deviation = problem.truth(done.tried[done.winner])
            reference = truth if rule == "never" else reference
            scored = np.isfinite(done.seen)
            scores = np.where(scored.T[fold], problem.scores[:, done.tried], np.nan)
            what = Own(truth, fresh_width(deviation, cell.n_rows), float(scored.mean()), truth - reference)
            found[f"{how}, {rule}"] = _said(scores, done.winner, seed)
            own[f"{how}, {rule}"] = what
            if rule == "never":
                found[f"{how}, {rule}{NAIVE}"] = Found(float(scores[:, done.winner].mean()))
                own[f"{how}, {rule}{NAIVE}"] = what
            if rule == "curtailed":
                kept = np.flatnonzero(scored.all(axis=1))
                place = int(np.searchsorted(kept, done.winner))
                found[f"{how}, {rule}{LEFT_OUT}"] = _said(scores[:, kept], place, seed)
                own[f"{how}, {rule}{LEFT_OUT}"] = what
    return Repetition(math.nan, math.nan, found, own)


def lines(cells: Mapping[str, Kept]) -> Iterator[str]:
    """One line per cell and rule."""
    yield (
        "| cell | search, rule | fits | times fewer | true score of the winner | beside never | bias | cover | width |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, kept in cells.items():
        for method, sums in kept.methods.items():
            n = sums.repetitions
            fits, gap = sums.fits / n, sums.gap / n
            error = math.sqrt(max(sums.gap_square / n - gap**2, 0.0) / n)
            words = [
                name,
                method,
                f"{fits:.3f}",
                f"{1 / fits:.2f}",
                f"{sums.truth / n:.4f}",
                f"{gap:+.4f} ± {error:.4f}",
            ]
            words.append(f"{sums.bias:+.4f}")
            if sums.intervals:
                share = sums.covered / sums.intervals
                spread = math.sqrt(share * (1 - share) / sums.intervals)
                words += [f"{share:.3f} ± {spread:.3f}", f"{sums.relative_width:.2f}"]
            else:
                words += ["–", "–"]
            yield f"| {' | '.join(words)} |"
