"""The best trial's score corrected for selection, from the row scores in the log."""

from __future__ import annotations

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.records import Score, TrialState
from holdfast.study.book import Book
from holdfast.study.ranking import best_of, is_eligible

FIXED_DESIGNS = ("random", "sobol", "grid", "manual")
"""Strategies whose configurations do not depend on earlier scores."""


def estimate_of(book: Book, level: float, groups: np.ndarray | None = None) -> Score:
    """Correct the best complete trial's score for having been picked among all complete trials that may be the best.

    ``groups``, shape (N,), are what is resampled in the place of the N rows.

    Raises:
        RequestError: if complete trials were told without row scores.
    """
    state = book.state
    best = best_of(state)
    complete = [trial for trial in state.trials if trial.state is TrialState.COMPLETE and is_eligible(state, trial)]
    missing = [trial.number for trial in complete if trial.rows is None]
    if missing or best.state is not TrialState.COMPLETE:
        what = f"{len(missing)} of {len(complete)} complete trials" if missing else "the best trial"
        raise RequestError(
            f"study '{state.settings.name}' has no estimate, because {what} came without row scores: "
            "tell(trial, value, rows=holdfast.RowScores(...)) makes one possible"
        )
    return estimate(
        [book.get_rows(trial.rows) for trial in complete if trial.rows is not None],
        winner=complete.index(best),
        direction=state.settings.directions[state.first_metric],
        estimand="scored",
        adaptive=state.settings.strategy not in FIXED_DESIGNS,
        groups=groups,
        level=level,
        seed=state.settings.seed,
    ).score
