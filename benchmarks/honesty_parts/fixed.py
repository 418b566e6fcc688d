"""Known truth, fixed predictions: configurations drawn at random, or proposed by looking at earlier scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import Repetition, Table, every_method, fresh_width

import holdfast
from holdfast.rng import Streams

DIFFICULTY = 0.8
"""The share of a row's difficulty that all configurations have in common, on the probit scale."""

ROWS, ADAPTIVE_ROWS, COUNTS = (50, 100, 500, 1000), (100, 500), (20, 200)


class Cell(NamedTuple):
    """A way to draw or to propose configurations, on a ``smooth`` or a ``flat`` surface where they are proposed."""

    how: str
    surface: str
    n_rows: int
    n_configurations: int

    def __str__(self) -> str:
        how = f"{self.how} {self.surface}".strip()
        return f"{how} N={self.n_rows} C={self.n_configurations}"


def drawn(how: str, n_rows: int, n_configurations: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """0/1 scores, shape (N, C), and true accuracies, shape (C,).

    ``independent``: Beta(9, 6) and independent rows. The others share the difficulty of rows (probit, correlation
    0.8): ``correlated`` accuracies are spread around 0.82, ``tied`` are all 0.85, ``skewed`` are mostly under 0.75 with
    a few good ones up to 0.9.
    """
    from scipy.special import ndtr, ndtri

    if how == "independent":
        truth = rng.beta(9, 6, n_configurations)
        return (rng.random((n_rows, n_configurations)) < truth).astype(float), truth
    truth = np.full(n_configurations, 0.85)
    if how == "correlated":
        truth = np.asarray(ndtr(rng.normal(0.9, 0.25, n_configurations)))
    elif how == "skewed":
        truth = 0.7 + 0.2 * rng.beta(1, 6, n_configurations)
    row = math.sqrt(DIFFICULTY) * rng.standard_normal((n_rows, 1))
    latent = row + math.sqrt(1 - DIFFICULTY) * rng.standard_normal((n_rows, n_configurations))
    return (latent < ndtri(truth)).astype(float), truth


class Surface:
    """The true accuracy over a unit square, and rows whose luck is alike for neighbouring configurations.

    Half of a row's difficulty is common to all configurations, three tenths are a Gaussian field over the square
    (random Fourier features, length scale 0.3), the rest is independent.
    """

    def __init__(self, kind: str, n_rows: int, rng: np.random.Generator) -> None:
        self.n_rows = n_rows
        self._rng, self._height = rng, 0.5 if kind == "smooth" else 0.0
        self._peak = rng.random(2)
        self._row = math.sqrt(0.5) * rng.standard_normal(n_rows)
        self._frequencies = rng.standard_normal((2, 24)) / 0.3
        self._weights = math.sqrt(0.3 / 24) * rng.standard_normal((n_rows, 48))
        self.points: list[np.ndarray] = []
        self.columns: list[np.ndarray] = []

    def _latent(self, point: np.ndarray) -> float:
        bump = math.exp(-float(((point - self._peak) ** 2).sum()) / 0.1)
        return 0.8 + self._height * bump

    def score(self, point: np.ndarray) -> float:
        """The mean 0/1 score of a configuration on the rows; it is kept."""
        phase = point @ self._frequencies
        field = self._weights @ np.concatenate([np.cos(phase), np.sin(phase)])
        noise = math.sqrt(0.2) * self._rng.standard_normal(len(self._row))
        column = (self._row + field + noise < self._latent(point)).astype(float)
        self.points.append(point)
        self.columns.append(column)
        return float(column.mean())

    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores (N, C) and true accuracies (C,) of all configurations that were scored."""
        from scipy.special import ndtr

        return np.stack(self.columns, axis=1), ndtr([self._latent(point) for point in self.points])


def climb(surface: Surface, n_configurations: int, rng: np.random.Generator, _seed: int) -> None:
    """Steps from the best so far."""
    best = rng.random(2)
    highest = surface.score(best)
    for _ in range(n_configurations - 1):
        point = np.clip(best + 0.1 * rng.standard_normal(2), 0, 1)
        score = surface.score(point)
        if score >= highest:
            best, highest = point, score


def ucb(surface: Surface, n_configurations: int, rng: np.random.Generator, _seed: int) -> None:
    """A Gaussian process over 300 points and its upper confidence bound, two standard deviations above the mean."""
    points = rng.random((300, 2))
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    covariance, mean = np.exp(-distance / (2 * 0.2**2)), np.zeros(300)
    open_, unit = np.ones(300, dtype=bool), 0.1
    noise = 0.15 / surface.n_rows / unit**2
    first = 0.0
    for number in range(n_configurations):
        bound = mean + 2 * np.sqrt(np.maximum(covariance.diagonal(), 0))
        chosen = int(np.where(open_, bound, -np.inf).argmax())
        open_[chosen] = False
        score = surface.score(points[chosen])
        first = score if number == 0 else first
        gain = covariance[:, chosen] / (covariance[chosen, chosen] + noise)
        mean = mean + gain * ((score - first) / unit - mean[chosen])
        covariance = covariance - np.outer(gain, covariance[chosen])


def auto(surface: Surface, n_configurations: int, _rng: np.random.Generator, seed: int) -> None:
    """The strategy of that name."""
    study = holdfast.Study(
        {"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1)}, direction="maximize", strategy="auto", seed=seed
    )
    study.optimize(lambda trial: surface.score(np.array([trial["x"], trial["y"]])), n_trials=n_configurations)


PROPOSE: dict[str, Callable[[Surface, int, np.random.Generator, int], None]] = {
    "climb": climb,
    "ucb": ucb,
    "auto": auto,
}
DRAWN = ("correlated", "tied", "skewed", "independent")


def cells(hows: list[str]) -> dict[str, Cell]:
    """The cells by name."""
    found = [Cell(how, "", n, c) for how in DRAWN for n in ROWS for c in COUNTS]
    found += [
        Cell(how, surface, n, c)
        for how in PROPOSE
        for surface in ("smooth", "flat")
        for n in ADAPTIVE_ROWS
        for c in COUNTS
    ]
    return {str(cell): cell for cell in found if cell.how in hows}


ALL = cells([*DRAWN, *PROPOSE])


def table(name: str, number: int) -> Table:
    """What a repetition of a cell has to go by."""
    how, surface_kind, n_rows, n_configurations = ALL[name]
    streams = Streams(0)
    rng, seed = streams.generator(number, name), streams.integer(number, f"{name}/seed")
    if how in PROPOSE:
        surface = Surface(surface_kind, n_rows, rng)
        PROPOSE[how](surface, n_configurations, rng, seed)
        scores, truths = surface.seen()
    else:
        scores, truths = drawn(how, n_rows, n_configurations, rng)
    truth = float(truths[scores.mean(axis=0).argmax()])
    return Table(scores, truth, fresh_width(math.sqrt(truth * (1 - truth)), n_rows), seed)


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    scores, truth, fresh, seed = table(name, number)
    found = every_method(scores, seed, refit=False, number=number, adaptive=ALL[name].how in PROPOSE)
    return Repetition(truth, fresh, found)
