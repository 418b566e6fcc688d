"""Cross-validation and a refit, where `auto` proposes the configurations by the scores of those before."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.honesty_parts import refit
from benchmarks.honesty_parts.methods import Repetition, every_method, fresh_width
from benchmarks.honesty_parts.refit import NEIGHBOURS, PENALTIES, RIDGE_PENALTIES, WIDTHS, Cell, Smoother

import holdfast
from holdfast.rng import Streams

TRIALS = 40
CELLS = {
    f"auto {cell}": cell
    for cell in (
        Cell("nonlinear", 100, 5),
        Cell("nonlinear", 200, 10),
        Cell("linear", 100, 10),
        Cell("noise", 200, 10),
        Cell("nonlinear", 100, 10, "squared"),
        Cell("noise", 100, 10, "squared"),
    )
}
SPACE = holdfast.Space(
    {
        "learner": holdfast.Categorical(["kernel", "ridge", "neighbours"]),
        "width": holdfast.Float(WIDTHS[0], WIDTHS[-1], log=True, when={"learner": "kernel"}),
        "penalty": holdfast.Float(PENALTIES[0], PENALTIES[-1], log=True, when={"learner": "kernel"}),
        "ridge_penalty": holdfast.Float(RIDGE_PENALTIES[0], RIDGE_PENALTIES[-1], log=True, when={"learner": "ridge"}),
        "number": holdfast.Categorical(list(NEIGHBOURS), ordered=True, when={"learner": "neighbours"}),
    }
)
"""The learners of `refit`, with all widths and penalties in between."""


class _Rows:
    """The rows of one repetition, and what configurations predict for them."""

    def __init__(self, cell: Cell, rng: np.random.Generator) -> None:
        self.cell = cell
        self.X, self.X_test, self.y = refit.drawn_rows(cell, rng)

    def scores(self, config: dict[str, Any]) -> np.ndarray:
        """Row scores (N,) from the fold that each row is left out in."""
        cell = self.cell
        if config["learner"] == "neighbours":
            outside = refit.outside_neighbours(self.X, self.y, cell.folds)[NEIGHBOURS.index(config["number"])]
        else:
            outside = _smoother(config).fits(self.X, self.y, cell.folds)[0][0]
        return refit.row_scores(cell.loss, self.y, outside)

    def truth(self, config: dict[str, Any]) -> tuple[float, float]:
        """The true score after a fit on all rows, and its deviation from row to row."""
        if config["learner"] == "neighbours":
            distances = refit.distances(self.X_test, self.X)
            predicted = refit.neighbours(distances, self.y)[NEIGHBOURS.index(config["number"])]
        else:
            smoother = _smoother(config)
            coefficients = smoother.fits(self.X, self.y, self.cell.folds)[1][0]
            predicted = smoother.kernel(self.X_test, self.X) @ coefficients
        return refit.judged(self.cell, self.X_test, predicted)


def _smoother(config: dict[str, Any]) -> Smoother:
    penalty = config["penalty"] if config["learner"] == "kernel" else config["ridge_penalty"]
    return Smoother(config.get("width"), np.array([penalty]))


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    cell, streams = CELLS[name], Streams(0)
    rows = _Rows(cell, streams.generator(number, name))
    study = holdfast.Study(SPACE, direction="maximize", strategy="auto", seed=streams.integer(number, name))
    columns: list[np.ndarray] = []
    for _ in range(TRIALS):
        trial = study.ask()
        columns.append(rows.scores(trial.config))
        study.tell(trial, columns[-1].mean())
    scores = np.stack(columns, axis=1)
    truth, deviation = rows.truth(study.trials[int(scores.mean(axis=0).argmax())].config)
    seed = streams.integer(number, f"{name}/seed")
    found = every_method(scores, seed, refit=True, number=number, adaptive=True)
    return Repetition(truth, fresh_width(deviation, cell.n_rows), found)
