"""What the estimate would have been, had the search ended earlier: how the luck of picking grows with the trials."""

from __future__ import annotations

import math
from typing import Any

from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.facts.log import latest, three_scores
from holdfast.records import RowScores, Trial, TrialState
from holdfast.report.charts import drawn
from holdfast.study.book import Book
from holdfast.study.corrected import went_by_scores
from holdfast.study.ranking import could_be_picked
from holdfast.study.state import StudyState

FEWEST, MOST = 4, 100_000
"""Trials with row scores that are needed, and row scores in all that are not too many for a page to wait for."""

SAME = 1e-9
"""Numbers that differ by no more than this part of them are the same, computed on another machine."""

STOPS = 10
"""How many times the search is ended, at most."""


def corrected_path(book: Book) -> list[dict[str, Any]]:
    """Dicts of ``trial``, ``value``: the estimate after each of a few trials, from the row scores in the log.

    Only where the last of them is the estimate on record. Where that took more than row scores
    (predictions with targets, groups of rows, finalists on rows of their own), there is no path, and none for a study
    with very many row scores.
    """
    state = book.state
    recorded, trials = three_scores(state).estimate, _compared(state)
    total = sum(trial.rows["n"] for trial in trials if trial.rows is not None)
    if recorded is None or len(trials) < FEWEST or total > MOST:
        return []
    rows = [book.get_rows(trial.rows) for trial in trials if trial.rows is not None]
    if any(each.kind != "score" for each in rows):
        return []
    last = _estimate(state, rows)
    if last is None or not math.isclose(last, recorded.value, rel_tol=SAME):
        return []
    path = [(trials[n - 1].number, _estimate(state, rows[:n])) for n in _stops(len(rows))[:-1]]
    path.append((trials[-1].number, last))
    return [{"trial": number, "value": drawn(value)} for number, value in path if value is not None]


def _compared(state: StudyState) -> list[Trial]:
    """The trials that the winner was picked among, in their order."""
    return [
        trial
        for trial in state.trials
        if trial.rows is not None
        and trial.state is not TrialState.FAILED
        and math.isfinite(trial.metrics.get(state.first_metric, math.nan))
        and could_be_picked(state, trial)
    ]


def _estimate(state: StudyState, rows: list[RowScores]) -> float | None:
    made = latest(state, "choice.made")
    direction = state.settings.directions[state.first_metric] if made is None else made["direction"]
    searched, seed = went_by_scores(state), state.settings.seed
    try:
        return estimate(rows, direction=direction, estimand="scored", seed=seed, adaptive=searched).score.value
    except RequestError:  # no finite score among the first trials
        return None


def _stops(n: int) -> list[int]:
    """Numbers of trials from two to all of them, further and further apart."""
    steps = min(STOPS, n - 1)
    return sorted({round(2 * (n / 2) ** (step / max(steps - 1, 1))) for step in range(steps)} | {n})
