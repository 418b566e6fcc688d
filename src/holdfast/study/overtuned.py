"""The best score so far beside what the correction leaves of it: does a search still gain, or does its luck grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError, nearest
from holdfast.evaluate.scale import LARGEST, scale_of, too_far_apart
from holdfast.evaluate.sheet import sheet_of
from holdfast.records import Trial, TrialState, loss_sign, number_from_json
from holdfast.rng import Streams
from holdfast.stats.overtuning import bbc_path, overtuning
from holdfast.stats.rmx import is_binary
from holdfast.study.book import Book
from holdfast.study.corrected import begun, rows_beside
from holdfast.study.ranking import best_of, ranking
from holdfast.study.settings import whole
from holdfast.study.state import StudyState

BOOTSTRAPS, FEWEST_BOOTSTRAPS = 200, 40
"""Of the rows: as many as a look can wait for."""

CELLS, MOST_CELLS = 2_000_000, 20_000_000
"""Row scores in all from which on there are fewer bootstraps, and those that are too many for a look."""

TIE = 1e-9
"""Improvements by less than this part of a score are none."""


@dataclass(frozen=True, slots=True)
class OvertuningCurve:
    """A search trial by trial: the naive score of its incumbent, and what the correction leaves of it.

    Attributes:
        trials: the T complete trials that may be the best, by number.
        incumbents: the best of them by its value after each.
        naive: the value of that one.
        corrected: the same with the luck of having been picked taken off; empty where ``missing`` says why.
        missing: why there is no corrected curve; else empty.
        alarm: where the corrected curve has stopped improving and the naive one has not, in a sentence; else empty.
        since: how many trials the corrected curve has not improved for; None without one.
        lost: the share of the attainable gain that was lost by going on, by the test metric; above 1 if the search
            ended worse than it began; None where that is not known, or no incumbent gained anything.
        loss: what ``lost`` says, in a sentence; else what the select rows say of the best by validation, or why nobody
            can say.
    """

    trials: tuple[int, ...]
    incumbents: tuple[int, ...]
    naive: tuple[float, ...]
    corrected: tuple[float, ...]
    missing: str
    alarm: str
    since: int | None
    lost: float | None
    loss: str

    def __str__(self) -> str:
        loss = "" if self.lost is None else self.loss
        if not self.corrected:
            return " ".join(filter(None, [self.missing, loss]))
        found = self.alarm or (
            f"The naive score is {self.naive[-1]:.4g}, corrected {self.corrected[-1]:.4g}; the corrected one last "
            f"improved {'with the last trial' if self.since == 0 else f'{self.since} trials ago'}."
        )
        return " ".join(filter(None, [found, loss]))


def overtuning_of(book: Book, patience: int = 20, test: str | None = None) -> OvertuningCurve:
    """See `Study.overtuning`.

    Raises:
        RequestError: if no trial is complete, the patience is out of range, ``test`` is no metric to look back by, or
            scores are too far apart.
    """
    patience = whole("patience", patience, 1)
    state = book.state
    best_of(state)
    complete = (trial for trial in ranking(state) if trial.state is TrialState.COMPLETE)
    trials = sorted(complete, key=lambda trial: trial.number)
    if not trials:
        raise RequestError(f"study '{state.settings.name}' has no complete trial yet, so there is no curve of its best")
    sign = -state.loss_sign
    values = np.array([sign * trial.metrics[state.first_metric] for trial in trials])
    if said := too_far_apart(values):
        raise RequestError(said)
    places = overtuning(values, values).incumbents
    naive = sign * values[places]
    path, missing = _corrected(book, trials)
    since = None if path is None else _since(sign * path)
    share, loss = _lost(book, trials, values, test)
    return OvertuningCurve(
        trials=tuple(trial.number for trial in trials),
        incumbents=tuple(trials[place].number for place in places),
        naive=tuple(naive.tolist()),
        corrected=() if path is None else tuple(path.tolist()),
        missing=missing,
        alarm="" if path is None else _alarm(trials, sign * naive, sign * path, sign, patience),
        since=since,
        lost=share,
        loss=loss,
    )


def _corrected(book: Book, trials: Sequence[Trial]) -> tuple[np.ndarray | None, str]:
    """(T,) the corrected score of the best of the first 1, 2, ... T complete trials; None, and why.

    As `compared.corrected` it takes the luck off the score on all rows, and never adds any. Trials that were ended
    before they were complete could have won with what they scored; where that is not known of all rows there is no
    curve, since one without them would be too good.
    """
    counted = sorted([*trials, *begun(book.state)], key=lambda trial: trial.number)
    missing = _why_none(trials, counted)
    if missing:
        return None, missing
    assert trials[0].rows is not None
    try:
        first = book.get_rows(trials[0].rows)
        sheet = sheet_of([rows_beside(first, book, trial) for trial in counted], None, None, None, None)
    except RequestError as exc:
        return None, f"There is no corrected curve: {exc}."
    partial = [trial for place, trial in enumerate(counted) if place not in set(sheet.index)]
    if any(trial.state is TrialState.COMPLETE for trial in partial):
        return None, "There is no corrected curve: row scores of a trial are not finite."
    if partial:
        return None, _without_dropped(len(partial))
    state = book.state
    binary = all(is_binary(values) for values in sheet.values)
    scale = scale_of(state.settings.directions[state.first_metric], binary=binary, root=sheet.root)
    scores = np.stack([scale.orient(values) for values in sheet.values], axis=1)
    means = scores.mean(axis=0)
    if sheet.vast & set(overtuning(means, means).incumbents.tolist()):
        return None, f"There is no corrected curve: row scores of a best trial are beyond {LARGEST:.0e}."
    bootstraps = max(FEWEST_BOOTSTRAPS, round(BOOTSTRAPS * min(1.0, CELLS / scores.size)))
    luck = np.maximum.accumulate(means)
    luck -= bbc_path(scores, Streams(state.settings.seed).generator(0, "overtuning"), bootstraps)
    luck[0] = 0.0  # one trial was not picked among any
    complete = np.array([trial.state is TrialState.COMPLETE for trial in counted])
    path = np.maximum.accumulate(scores[:, complete].mean(axis=0)) - np.maximum(luck, 0.0)[complete]
    return np.array([scale.shown(float(value)) for value in path]), ""


def _why_none(trials: Sequence[Trial], counted: Sequence[Trial]) -> str:
    """Why row scores of the complete ``trials``, or of all that are ``counted``, make no curve; empty if they do."""
    told = [trial.rows for trial in trials if trial.rows is not None]
    if len(told) < len(trials):
        return (
            f"There is no corrected curve: {len(trials) - len(told)} of {len(trials)} complete trials came without row "
            "scores."
        )
    if any(rows["kind"] != "score" for rows in told):
        return (
            "There is no corrected curve: the metric is one of all predictions at once, no sum over rows, and the log "
            "has no targets to compute it from again."
        )
    most = max(rows["n"] for rows in told)
    ended = [trial for trial in counted if trial.state is not TrialState.COMPLETE]
    dropped = sum(trial.rows is None or trial.rows["n"] < most for trial in ended)
    if dropped:
        return _without_dropped(dropped)
    cells = most * len(counted)
    if cells > MOST_CELLS:
        return f"There is no corrected curve: {cells:,} row scores are too many to look at while one waits."
    return ""


def _without_dropped(dropped: int) -> str:
    were, them = ("trial was", "it") if dropped == 1 else ("trials were", "them")
    return (
        f"There is no corrected curve: {dropped} {were} ended before all rows were scored, and without {them} a curve "
        f"would be too good; the estimate counts {them}."
    )


def _since(path: np.ndarray) -> int:
    """How many trials ago the path, higher is better, was first as high as ever."""
    top = float(path.max())
    return len(path) - 1 - int(np.flatnonzero(path >= top - TIE * max(abs(top), 1.0))[0])


def _alarm(trials: Sequence[Trial], naive: np.ndarray, path: np.ndarray, sign: float, patience: int) -> str:
    """The sentence where the naive curve has improved since the corrected one last did, ``patience`` trials ago."""
    since = _since(path)
    place = len(path) - 1 - since
    if since < patience or naive[-1] <= naive[place] + TIE * max(abs(float(naive[place])), 1.0):
        return ""
    return (
        f"For the last {since} trials the corrected score has not improved on the {sign * path[place]:.4g} of trial "
        f"{trials[place].number} (it is {sign * path[-1]:.4g} now), while the naive one went from "
        f"{sign * naive[place]:.4g} to {sign * naive[-1]:.4g}: what was gained since looks like luck."
    )


def _lost(book: Book, trials: Sequence[Trial], values: np.ndarray, test: str | None) -> tuple[float | None, str]:
    """The share of the attainable gain that was lost (Schneider, Bischl and Feurer, AutoML 2025), and a sentence."""
    if test is None:
        return None, on_select_rows(book.state) or (
            "What was lost by going on nobody can say without test scores of the incumbents; a metric that was told "
            "with the value and that no choice was made by can be named as test."
        )
    state = book.state
    used = [*state.settings.directions, *(item.metric for item in state.settings.constraints)]
    if test in used:
        raise RequestError(
            f"test = {test!r}, which the study chooses by; it has to be a metric of rows kept for looking back"
        )
    told = np.array([trial.metrics.get(test, math.nan) for trial in trials])
    if not np.isfinite(told).any():
        names = sorted({name for trial in trials for name in trial.metrics} - set(used))
        has = f"; there is {', '.join(names)}" if names else "; tell it in the dict of metrics"
        raise RequestError(f"test = {test!r}, which no complete trial was told with{has}{nearest(test, names)}")
    if said := too_far_apart(told):
        raise RequestError(f"by {test} {said}")
    sign = -state.loss_sign
    found = overtuning(values, sign * told)
    truth = told[found.incumbents]
    if found.final == 0:
        return 0.0, f"By {test} nothing was lost: no earlier best trial was better than the last one, {truth[-1]:.4g}."
    place = int(np.argmax(sign * truth))
    better = f"trial {trials[found.incumbents[place]].number}, with {truth[place]:.4g}"
    said = f"By {test} {better}, was better than the best by validation"
    if math.isinf(found.relative):
        return None, f"{said}, {truth[-1]:.4g}; the search has lost, and at no time gained anything."
    return found.relative, (
        f"{said}, {truth[-1]:.4g}: {found.relative:.0%} of what the search had gained at best was lost by going on."
    )


def on_select_rows(state: StudyState) -> str:
    """What going by validation alone would have lost, by the finalists on the select rows; empty without these."""
    made = state.notes.get("choice.made", [])
    told = [(each["trial"], number_from_json(each["value"])) for each in made[-1].get("finalists", [])] if made else []
    if len(told) < 2 or not all(math.isfinite(value) for _, value in told):
        return ""
    sign = -loss_sign(made[-1]["direction"])
    first, value = told[0]
    best, highest = max(told, key=lambda each: sign * each[1])
    if best == first:
        return f"On the select rows trial {first}, the best by validation, is the best of {len(told)} finalists, too."
    lost = f"going by validation alone would have lost up to {abs(highest - value):.2g}"
    return (
        f"On the select rows trial {first}, the best by validation, scores {value:.4g}, and trial {best} of "
        f"{len(told)} finalists {highest:.4g}: {lost}."
    )
