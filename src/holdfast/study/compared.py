"""The best trials side by side on the same rows: is the first one really better, and by how much is it flattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.scale import Scale, scale_of
from holdfast.evaluate.sheet import sheet_of
from holdfast.records import RowScores, Trial
from holdfast.rng import Streams
from holdfast.stats.bootstrap import draw_counts
from holdfast.stats.raced import raced
from holdfast.stats.regained import corrected_mean
from holdfast.stats.rmx import Settings, is_binary
from holdfast.study.book import Book
from holdfast.study.ranking import ranking

MOST = 40
"""Trials that are compared at least, from the best one down."""

CELLS = 2_000_000
"""Up to so many row scores more trials are compared: leaving out what is worse by chance leaves luck in the rest."""

MOST_SEARCHED = 100
"""Trials whose search is repeated quickly enough for a look."""

TIE = 1e-12
"""Means nearer than this, relative to their size, are equal."""

Read = dict[int, tuple[Mapping[str, Any], RowScores]]
"""Row scores by trial, each with what the log said of where they were."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Trials with scores that add up over the same N rows, the one in question first.

    Args:
        trials: C of them.
        scores: shape (N, C), higher is better.
        scale: from their means back to the metric.
        unfinished: shape (N, U), scores of trials that lack some rows, NaN there.
    """

    trials: tuple[Trial, ...]
    scores: np.ndarray
    scale: Scale
    unfinished: np.ndarray


@dataclass(frozen=True, slots=True)
class Rival:
    """Another trial against the first one, on the same rows.

    Args:
        trial: which.
        behind: by how much it is worse, in the metric or (for roots) its square; negative if it is better.
        error: the standard error of that difference, from bootstraps of the rows that both were scored on.
        share: of these bootstraps, in which it comes out best of all; ties are shared.
    """

    trial: Trial
    behind: float
    error: float
    share: float

    @property
    def within_noise(self) -> bool:
        """Whether the difference is no more than two standard errors."""
        return abs(self.behind) <= 2 * self.error + TIE


def compared(
    book: Book, first: Trial | None = None, kept: Read | None = None, most: int | None = None
) -> Compared | None:
    """The best trials by their values, with the very best or ``first`` in front.

    Args:
        book: the study's.
        first: the trial in question.
        kept: row scores that have been read before, by trial; afterwards those that were used now.
        most: how many to compare; by default as many as `CELLS` allows.

    Returns:
        None where there is nothing to compare: no value, no row scores, or such that are no sums over rows.
    """
    trials = front(book, first, most)
    if not trials or trials[0].rows is None or trials[0].rows["kind"] != "score":
        return None
    rows = read_rows(book, trials, {} if kept is None else kept)
    try:
        sheet = sheet_of(rows, None, None, None, None)
    except RequestError:  # trials of a loop of one's own may have been scored on different rows
        return None
    if sheet.index[0] != 0 or 0 in sheet.vast:
        return None
    state = book.state
    binary = all(is_binary(values) for values in sheet.values)
    scale = scale_of(state.settings.directions[state.first_metric], binary=binary, root=sheet.root)
    scores = np.stack([scale.orient(values) for values in sheet.values], axis=1)
    partial = [scale.orient(values) for values in sheet.unfinished]
    unfinished = np.stack(partial, axis=1) if partial else np.empty((sheet.n_rows, 0))
    return Compared(tuple(trials[place] for place in sheet.index), scores, scale, unfinished)


def read_rows(book: Book, trials: Sequence[Trial], kept: Read) -> list[RowScores]:
    """The row scores of these trials; ``kept`` holds those that were read before, and afterwards exactly these.

    A trial that went on since has other row scores than it had, which are read.
    """
    found: Read = {}
    for trial in trials:
        where, before = trial.rows or {}, kept.get(trial.number)
        found[trial.number] = before if before is not None and before[0] == where else (where, book.get_rows(where))
    kept.clear()
    kept.update(found)
    return [rows for _, rows in found.values()]


def front(book: Book, first: Trial | None = None, most: int | None = None) -> list[Trial]:
    """The best trials with row scores, ``first`` (by default the very best) in front."""
    state = book.state
    if len(state.settings.directions) > 1:
        return []
    ranked = ranking(state)
    first = first or (ranked[0] if ranked else None)
    if first is None or first.rows is None:
        return []
    most = max(MOST, CELLS // max(first.rows["n"], 1)) if most is None else most
    others = [trial for trial in ranked if trial.number != first.number and trial.rows is not None]
    return [first, *others[: most - 1]]


def corrected(
    found: Compared,
    seed: int,
    bootstraps: int = 200,
    *,
    omega2: float = 0.0,
    searched: bool = False,
    groups: np.ndarray | None = None,
) -> float:
    """The first trial's score with the luck of having been picked taken off, from few bootstraps: to look at only.

    ``omega2`` and ``searched`` are those of `holdfast.stats.regained.corrected_mean`: of a refit, and of a search that
    looked at scores, which is repeated for `MOST_SEARCHED` trials at most. ``groups``, shape (N,), are resampled in the
    place of rows. The estimate that a person may quote is made from all configurations, with an interval:
    `holdfast.evaluate`.
    """
    searched = searched and len(found.trials) <= MOST_SEARCHED
    means = found.scores.mean(axis=0)
    if found.unfinished.shape[1]:
        both = np.hstack([found.scores, found.unfinished])
        draw = Streams(seed).generator(0, "live")
        settings = Settings(omega2, bootstraps=bootstraps, searched=searched)
        return found.scale.shown(raced(both, draw, settings, winner=0, groups=groups).point)
    if found.scores.shape[1] == 1:
        return found.scale.shown(float(means[0]))
    # in the order of their numbers: if those that are better on all rows won the ties, some luck would stay in
    order = np.argsort([trial.number for trial in found.trials])
    draw = Streams(seed).generator(0, "live")
    point = corrected_mean(found.scores[:, order], draw, bootstraps, groups, omega2=omega2, searched=searched).point
    return found.scale.shown(float(means[0]) - max(float(means.max()) - point, 0.0))


def mean_bootstraps(scores: np.ndarray, rng: np.random.Generator, bootstraps: int = 2000) -> np.ndarray:
    """The mean scores, shape (B, C), of configurations in bootstraps of their rows; ``scores`` has shape (N, C)."""
    means = scores.mean(axis=0)
    drawn = [counts @ (scores - means) / len(scores) for counts in draw_counts(rng, len(scores), bootstraps)]
    return np.asarray(means + np.concatenate(drawn))


def rivals(trials: Sequence[Trial], observed: np.ndarray, in_bag: np.ndarray) -> list[Rival]:
    """Every trial against the first one, the best of them first; the first one itself stands in front.

    Args:
        trials: C of them.
        observed: shape (C,), their scores on all rows, higher is better.
        in_bag: shape (B, C), their scores in bootstraps of the rows.
    """
    filled = np.where(np.isfinite(in_bag), in_bag, -np.inf)
    margin = TIE * np.maximum(np.abs(observed[0]), 1.0)
    best = filled >= filled.max(axis=1, keepdims=True) - margin
    shares = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    errors = np.nanstd(in_bag[:, [0]] - in_bag, axis=0, ddof=1)
    found = [
        Rival(trial, float(observed[0] - observed[c]), float(errors[c]), float(shares[c]))
        for c, trial in enumerate(trials)
    ]
    return [found[0], *sorted(found[1:], key=lambda rival: (rival.behind, rival.trial.number))]
