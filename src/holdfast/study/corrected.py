"""A trial's score corrected for selection among all that were begun, from the row scores in the log."""

from __future__ import annotations

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.records import RowScores, Score, Trial, TrialState
from holdfast.study.book import Book
from holdfast.study.ranking import best_of, could_be_picked, never_compared
from holdfast.study.state import StudyState


def went_by_scores(state: StudyState) -> bool:
    """Whether configurations were chosen by the scores of earlier ones, so that the search adds to the luck.

    That is so for a strategy that looks at scores, and for a person who has a hand in the search once there are some.
    """
    return state.settings.traits.adaptive or state.steered


OF_A_SEARCH = {"folds", "fits"}
"""What `HoldfastSearchCV` keeps of each of its trials (`Trial.extra`)."""


def follows_plan(state: StudyState) -> bool:
    """Whether the rows were divided by a plan, whose estimate is then an event of the log."""
    return "data.split" in state.notes


def is_of_search(state: StudyState) -> bool:
    """Whether `HoldfastSearchCV` made the study, which has the estimate at hand and not on the log."""
    return any(trial.extra.keys() >= OF_A_SEARCH for trial in state.trials)


def estimate_of(book: Book, level: float, groups: np.ndarray | None = None) -> Score:
    """The estimate on the record of a plan; else the best complete trial's score, as `corrected_score` has it.

    Raises:
        RequestError: if no trial is the best, or as `recorded_estimate` or `corrected_score` does.
    """
    state = book.state
    if follows_plan(state):
        return recorded_estimate(state, level, groups)
    best = best_of(state)
    if is_of_search(state):
        raise RequestError(
            f"study '{state.settings.name}' is that of a HoldfastSearchCV, which knows what its row scores do not "
            "say: the folds, groups, and which model is refitted; the estimate is search.estimate_"
        )
    return corrected_score(book, best, level, groups)


def recorded_estimate(state: StudyState, level: float, groups: np.ndarray | None = None) -> Score:
    """What the plan of a study has come to, which knows the model that ships, groups, time and select rows.

    Raises:
        RequestError: if there is no estimate yet, or none at all, or another one is asked for.
    """
    name, made = state.settings.name, state.notes.get("estimate.made")
    if not made:
        raise RequestError(
            f"study '{name}' has no estimate yet: its plan makes one when the search is at its end, for result.estimate"
        )
    if made[-1]["score"] is None:
        raise RequestError(f"study '{name}' has no estimate, because {made[-1]['missing']}")
    score = Score.from_json(made[-1]["score"])
    if groups is not None or level != score.level:
        raise RequestError(
            f"study '{name}' follows a plan, which made its estimate once, with its own groups and level "
            f"{score.level:g}; leave out level and groups"
        )
    return score


def corrected_score(book: Book, winner: Trial, level: float, groups: np.ndarray | None = None) -> Score:
    """A complete trial's score corrected for having been picked, by whatever rule, among all that could have been.

    ``groups``, shape (N,), are what is resampled in the place of the N rows.

    Raises:
        RequestError: if complete trials were told without row scores, with predictions, or with those of other rows.
    """
    state = book.state
    if winner.rows is not None and winner.rows["kind"] != "score":
        raise RequestError(
            f"study '{state.settings.name}' has predictions for row scores, and no targets to compute the metric from; "
            "holdfast.evaluate.estimate.estimate(rows, metric=..., y=...) takes both"
        )
    _, rows, place = rows_of_all(book, winner)
    return estimate(
        rows,
        winner=place,
        direction=state.settings.directions[state.first_metric],
        estimand="scored",
        adaptive=went_by_scores(state),
        groups=groups,
        level=level,
        seed=state.settings.seed,
    ).score


def rows_of_all(book: Book, winner: Trial) -> tuple[list[Trial], list[RowScores], int]:
    """Every trial that could have been picked, in the order of their numbers, its row scores, and the winner's place.

    These are the complete trials that may be the best, and all that a score may have ended: that paused, stopped, or
    failed after some rows were scored. Such a trial counts with row scores of all rows as any other, with those of some
    rows (values that are NaN, or fewer names of rows) or of none as an unfinished one that could have won
    (`holdfast.stats.raced`). Trials that failed without row scores were ended by no score, and are left out. Those
    outside of the space as it stands count if it was amended when scores were known. The order is what a search is
    repeated in (`holdfast.stats.replay`): a trial that was paused may have been what a complete one was built on.

    Raises:
        RequestError: if complete trials were told without row scores, or another one with those of other rows.
    """
    state = book.state
    complete = [trial for trial in state.trials if trial.state is TrialState.COMPLETE and could_be_picked(state, trial)]
    missing = [trial.number for trial in complete if trial.rows is None]
    if winner.rows is None or missing or winner.state is not TrialState.COMPLETE:
        what = f"{len(missing)} of {len(complete)} complete trials" if missing else "the best trial"
        raise RequestError(
            f"study '{state.settings.name}' has no estimate, because {what} came without row scores: "
            "tell(trial, value, rows=holdfast.RowScores(...)) makes one possible"
        )
    best = book.get_rows(winner.rows)
    counted = sorted([*complete, *begun(state)], key=lambda trial: trial.number)
    rows = [rows_beside(best, book, trial) for trial in counted]
    return counted, rows, [trial.number for trial in counted].index(winner.number)


def rows_beside(best: RowScores, book: Book, trial: Trial) -> RowScores:
    """The row scores of a trial beside those of the best one, NaN for rows that it was not scored on.

    Raises:
        RequestError: if it was not completed, and scored on rows that the best one was not.
    """
    if trial.state is TrialState.COMPLETE and trial.rows is not None:
        return book.get_rows(trial.rows)
    return _on_the_rows_of(best, book, trial)


def begun(state: StudyState) -> list[Trial]:
    """Trials that were not completed, and that a score may have ended."""
    partial, apart = {TrialState.PAUSED, TrialState.STOPPED}, never_compared(state)
    return [
        trial
        for trial in state.trials
        if (trial.state in partial or (trial.state is TrialState.FAILED and trial.rows is not None))
        and trial.number not in apart
    ]


def _on_the_rows_of(best: RowScores, book: Book, trial: Trial) -> RowScores:
    told = None if trial.rows is None else book.get_rows(trial.rows)
    if told is not None and (told.rows is None or best.rows is None or len(told.values) == len(best.values)):
        return told
    values = np.full(best.values.shape, np.nan)
    if told is not None and best.rows is not None and told.rows is not None:
        order = np.argsort(best.rows, kind="stable")
        place = order[np.searchsorted(best.rows[order], told.rows).clip(max=len(order) - 1)]
        if not np.array_equal(best.rows[place], told.rows):
            raise RequestError(
                f"trial {trial.number} was scored on rows that the best trial was not; all have to score the same "
                "rows, or some of them"
            )
        values[place] = told.values
    return RowScores(values, best.rows, best.kind, best.aggregate)
