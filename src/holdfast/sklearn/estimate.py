"""Row scores of a trial's folds, and from those of all trials the winner's score corrected for having been picked.

scikit-learn's score is a mean over folds, so that is what is corrected: a row counts as its folds do (`Design.shares`).
Of classes and numbers it is moved to what the predictions of all folds together score (`_together`).
"""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.errors import MetricError, RequestError
from holdfast.evaluate import catalogue
from holdfast.evaluate.bootstraps import bootstraps_for
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import possible
from holdfast.evaluate.series import length_of_blocks, series_of
from holdfast.evaluate.totals import is_total
from holdfast.evaluate.uneven import Uneven, with_worth
from holdfast.records import RowScores, Score, Trial, TrialState
from holdfast.sklearn.folds import Said, from_json, named_scores
from holdfast.sklearn.scored import Scored
from holdfast.stats.units import time_blocks
from holdfast.study.corrected import rows_of_all, went_by_scores
from holdfast.study.study import Study

REFITTED = "the model refitted on all rows that fit was given"
FOLDS = "the models of the folds, on average"
ONE_FOLD = "the very model that was scored"

NOTABLE = 0.05
"""The mean over folds is named where the score of all folds together differs from it by this part of the interval."""

LONG_SECONDS = 60
"""An estimate that takes longer is announced."""

SAME = 1e-6
"""A score that is computed again differs by no more than this, relative to its size or to 1."""


def row_scores(
    scored: Scored, metric: Metric, said: Sequence[Said | None], scores: Sequence[float | None]
) -> RowScores | None:
    """The row scores of a trial from what the estimators of its folds said; None if they do not make up ``scores``.

    Of a mean over rows they are what each row adds, in the scorer's sense, so that their mean is the mean of ``scores``
    (one a fold); of any other metric they are the predictions. Where a fold failed its score is None, and its rows have
    NaN; where all did, there are none.
    """
    predicted = [
        scored.predicted(item) if item is not None and score is not None else None
        for item, score in zip(said, scores, strict=True)
    ]
    unknown = [item is None and score is not None for item, score in zip(predicted, scores, strict=True)]
    if any(unknown) or all(item is None for item in predicted):
        return None
    if metric.decomposable and metric.aggregate == "mean":
        values = _terms(scored, metric, predicted, scores)
    else:
        values = _stacked(scored, predicted)
    return None if values is None else RowScores(values, scored.design.rows, kind_of(metric))


def kind_of(metric: Metric) -> Any:
    """Which kind of row scores a metric has."""
    return "score" if metric.decomposable and metric.aggregate == "mean" else "prediction"


def estimate_of(
    scored: Scored, study: Study, winner: int, *, refitted: bool, error_score: Any = math.nan, level: float = 0.95
) -> Score:
    """The score of trial ``winner``, corrected for having been selected among all trials (`rows_of_all`).

    ``error_score`` is what stands for a score that a scorer failed to give.

    Raises:
        RequestError: if something is missing for that.
    """
    trials = study.trials
    if trials[winner].state is not TrialState.COMPLETE:
        raise RequestError(_why_unscored(scored.name, trials[winner]))
    bare = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.rows is None]
    if bare:
        why = bare[0].extra.get("no_rows", "it was told without row scores")
        filled = _filled_in(scored.name, bare[:1], error_score)
        raise RequestError(f"trial {bare[0].number} has no row scores: {why}{filled}")
    counted, rows, place = rows_of_all(study.book, trials[winner])
    counts, units = scored.design.counts(scored.weights), _units(scored, rows[place])
    some = counts > 0
    shared: dict[str, Any] = {
        "winner": place,
        "direction": "maximize",
        "estimand": "refit" if refitted else "scored",
        "adaptive": went_by_scores(study.book.state),
        "level": level,
        "seed": study.book.state.settings.seed,
    }
    if rows[0].kind == "score":
        known = [RowScores(item.values[some], scored.design.rows[some]) for item in rows]
        groups = None if units is None else units[some]
        own, again, weighted = scored.metrics()[0], scored.design.repeats > 1, scored.weights is not None
        uneven = Uneven(known, counts[some], place, "maximize", own, repeated=again, weighted=weighted)
        made = estimate(uneven.evened(), groups=groups, **shared)
        alike = made.effective_configurations
        score = made.score if units is not None else uneven.with_unseen(alike, made.score)
        score = uneven.with_heavy(alike, score, groups, level)
    else:
        complete = [pair for pair in zip(counted, rows, strict=True) if pair[0].state is TrialState.COMPLETE]
        began = time.thread_time()
        try:
            verified = _verified(scored, complete)
        except (RequestError, MetricError) as exc:
            raise RequestError(f"{exc}{_filled_in(scored.name, trials, error_score)}") from exc
        calls = len(complete) * len(scored.design.places)
        seconds = (time.thread_time() - began) / calls
        y = scored.y[scored.design.rows].astype(float)
        total = is_total(_over_folds(scored, verified, None), y, [item.values for _, item in complete])
        shift = _together(scored, verified, rows[place]) if _is_pooled(scored) and not total else None
        metric = _over_folds(scored, verified, shift)
        _warn_of_a_wait(metric, len(rows), seconds)
        made = estimate(rows, metric=metric, y=y, groups=units, **shared)
        score = made.score
        if not metric.fast:
            how = f"{score.method}, from {made.bootstraps} bootstraps only, as '{scored.name}' is slow to compute"
            score = dataclasses.replace(score, method=how)
        if shift is not None and _is_notable(shift, score):
            both = f"of all folds together, {made.naive:.4g} where their mean is {made.naive - shift:.4g}"
            score = dataclasses.replace(score, method=f"{score.method}; {both}")
        if total:
            size = np.mean([len(place) for place in scored.design.places])
            score = dataclasses.replace(score, method=f"{score.method}; a total, of the {size:,.4g} rows of a fold")
    words = REFITTED if refitted else ONE_FOLD if len(scored.design.places) == 1 else FOLDS
    method = with_worth(score.method, counts[some])
    return dataclasses.replace(possible(score, scored.range), estimand=words, method=method, n=int(some.sum()))


def _warn_of_a_wait(metric: Metric, n_configurations: int, seconds: float) -> None:
    """Say what an estimate will take where that is long, when one call of the metric takes so many seconds."""
    bootstraps = bootstraps_for(metric, n_configurations)
    calls = bootstraps * (n_configurations + 1) * metric.calls
    if not metric.fast and calls * seconds > LONG_SECONDS:
        warnings.warn(
            f"estimate_ computes '{metric.name}', which is slow, {calls:,} times, for {bootstraps} bootstraps of "
            f"{n_configurations} configurations, and will take about {calls * seconds:,.0f} seconds",
            UserWarning,
            stacklevel=4,  # who asked for estimate_
        )


def _why_unscored(name: str, trial: Trial) -> str:
    """Why a trial that was chosen has no score: fits of it failed, or they were made and cannot be scored."""
    folds = from_json(trial.extra["folds"])
    if any(fold["fit_error"] is not None for fold in folds):
        return "fits of the chosen configuration failed"
    scores = [named_scores(fold["test_scores"])[name] for fold in folds]
    bad = [k for k, score in enumerate(scores) if not math.isfinite(score)]
    if len(bad) == len(folds):
        where = f"all {len(folds)} splits"
    else:
        where = f"{'split' if len(bad) == 1 else 'splits'} {', '.join(map(str, bad))} of {len(folds)}"
    what = "not finite" if any(math.isinf(score) for score in scores) else "undefined"
    return f"the '{name}' of the chosen configuration is {what} on {where} (the first is split 0)"


def _filled_in(name: str, trials: Sequence[Trial], error_score: Any) -> str:
    """A sentence on the first score that is ``error_score`` to the digit, which stands where a scorer failed; or none.

    No prediction explains such a score, which is why there is no estimate of it.
    """
    if isinstance(error_score, str) or not math.isfinite(error_score):
        return ""
    for trial in (trial for trial in trials if trial.state is TrialState.COMPLETE):
        for k, fold in enumerate(from_json(trial.extra["folds"])):
            if named_scores(fold["test_scores"])[name] == error_score:
                return (
                    f"; trial {trial.number} scored {error_score:g} on split {k}, which is the error_score that is "
                    "filled in where a scorer fails, and of such a score there can be no estimate"
                )
    return ""


def _units(scored: Scored, winner: RowScores) -> np.ndarray | None:
    """What is resampled in the place of the M rows: groups, or blocks of rows in order of time; None for themselves."""
    if scored.groups is not None or scored.times is None:
        return None if scored.groups is None else scored.groups[scored.design.rows]
    times = scored.times[scored.design.rows]
    series = series_of(winner, scored.y[scored.design.rows]) if scored.design.repeats == 1 else None
    order = np.argsort(times, kind="stable")
    length = length_of_blocks(None if series is None else series[order], len(times))
    try:
        return time_blocks(times, length)
    except RequestError:  # too few rows, or nearly all of one moment
        return None


def _terms(
    scored: Scored, metric: Metric, predicted: Sequence[np.ndarray | None], scores: Sequence[float | None]
) -> np.ndarray | None:
    """What each row adds to the mean over folds, shape (M,); NaN where a fold without predictions has it."""
    design = scored.design
    shares = design.shares(scored.weights)
    exact = design.repeats == 1 and all(np.allclose(share, 1, rtol=1e-9) for share in shares)
    total = np.zeros(len(design.rows))
    for place, share, said, score in zip(design.places, shares, predicted, scores, strict=True):
        if said is None or score is None:
            total[place] = np.nan
            continue
        found = metric.rows(scored.y[design.rows[place]], said)
        assert found is not None
        terms = scored.sign * found.values.astype(float)
        if not _same(float(share @ terms / share.sum()), score):
            return None
        np.add.at(total, place, terms if exact else share * terms)
    whole = exact and metric.name == "accuracy" and bool(np.isfinite(total).all())
    return total.astype(np.uint8) if whole else total


def _stacked(scored: Scored, predicted: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Predictions side by side, shape (M,) or (M, repeats * k); NaN where there are none.

    Where folds are put together, predictions of some of them say nothing of all, and are NaN too.
    """
    design = scored.design
    known = [said for said in predicted if said is not None]
    widths = {said.shape[1:] for said in known}
    if len(widths) > 1:
        return None
    (width,) = widths
    k = width[0] if width else 1
    kind = np.result_type(*known, *([np.float64] if len(known) < len(predicted) else []))
    values = np.zeros((len(design.rows), design.repeats, k), dtype=kind)
    for place, turn, said in zip(design.places, design.turns, predicted, strict=True):
        values[place, turn] = np.nan if said is None else said.reshape(len(said), k)
    if len(known) < len(predicted) and _is_pooled(scored):
        values[:] = np.nan
    return values.reshape(len(values), -1) if design.repeats * k > 1 else values[:, 0, 0]


def _verified(scored: Scored, complete: Sequence[tuple[Trial, RowScores]]) -> Metric:
    """The first form of the metric that gives, from the predictions, every score that scikit-learn gave.

    Raises:
        RequestError: if none does.
    """
    for metric in scored.metrics():
        if all(_says_the_same(scored, metric, trial, item) for trial, item in complete):
            return metric
    raise RequestError(f"the scores by '{scored.name}' do not follow from the predictions alone")


def _says_the_same(scored: Scored, metric: Metric, trial: Trial, rows: RowScores) -> bool:
    scores = [named_scores(fold["test_scores"])[scored.name] for fold in from_json(trial.extra["folds"])]
    ones = np.ones((1, len(rows.values)))
    try:
        found = [float(value[0]) for value in _by_fold(scored, metric, rows.values, ones)]
    except RequestError:  # the metric's name is known, but it does not fit these predictions
        return False
    return all(_same(scored.sign * value, score) for value, score in zip(found, scores, strict=True))


def _by_fold(scored: Scored, metric: Metric, stacked: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """The metric in each fold, shape (B,) each, under weights of shape (B, M); NaN where no row of it has any."""
    design = scored.design
    values = stacked.reshape(len(stacked), design.repeats, -1)
    found = []
    for place, turn in zip(design.places, design.turns, strict=True):
        own = weights[:, place]
        if scored.weights is not None:
            own = own * scored.weights[design.rows[place]]
        said = values[place, turn]
        some = own.sum(axis=1) > 0
        result = np.full(len(weights), np.nan)
        if some.any():
            y = scored.y[design.rows[place]]
            result[some] = metric.values_under(y, said[:, 0] if said.shape[1] == 1 else said, own[some])
        found.append(result)
    return found


def _over_folds(scored: Scored, metric: Metric, shift: float | None) -> Metric:
    """A metric of all predictions in the scorer's sense: with even weights, scikit-learn's mean over folds.

    Under other weights, scores and probabilities are looked at fold by fold, as those of different models cannot be
    ranked together; the mean is over the folds in which the metric is defined. Classes and numbers can be put together,
    and are: R² or F1 of the few rows that a bootstrap leaves out of one fold says little, and on average too little.
    The difference between the two at even weights is added, so that the winner is who scikit-learn says it is, and
    ``shift``, `_together`, so that the winner's is what all folds together score; None where they are not put together.
    """

    def under(y: np.ndarray, stacked: np.ndarray, weights: np.ndarray) -> np.ndarray:  # noqa: ARG001 - a fold has its own
        if shift is None:
            return np.asarray(scored.sign * _mean_of_defined(_by_fold(scored, metric, stacked, weights)))
        ones = np.ones((1, len(stacked)))
        both = np.concatenate([ones, weights])
        pooled = _pooled(scored, metric, stacked, both)
        mean = _mean_of_defined(_by_fold(scored, metric, stacked, ones))
        return np.asarray(scored.sign * (pooled[1:] - pooled[0] + mean) + shift)

    return Metric(
        name=scored.name,
        direction="maximize",
        needs="score",
        task="regression",  # so that the numbers pass as they are
        aggregate="mean",
        row_term=None,
        under_weights=under,
        fast=metric.fast,
        range=scored.range,
        calls=len(scored.design.places) if shift is None else 1,
    )


def _together(scored: Scored, metric: Metric, winner: RowScores) -> float:
    """How much more the predictions of all folds put together score than the folds do on average, in its sense.

    scikit-learn's mean over folds is what selects, but not what a model scores on many rows: with m rows a fold, ``1 -
    R²`` is too large by about 3 / m of itself, as each fold's rows are compared with their own mean. 0 where one of the
    two is undefined.
    """
    ones = np.ones((1, len(winner.values)))
    pooled = float(_pooled(scored, metric, winner.values, ones)[0])
    shift = scored.sign * (pooled - float(_mean_of_defined(_by_fold(scored, metric, winner.values, ones))[0]))
    return shift if math.isfinite(shift) else 0.0


def _is_notable(shift: float, score: Score) -> bool:
    return score.low is not None and score.high is not None and abs(shift) > NOTABLE * (score.high - score.low)


def _is_pooled(scored: Scored) -> bool:
    """Whether predictions of all folds can be put together: classes and numbers, no model's own scores or clusters."""
    return catalogue.needs_of(scored.scorer) == "predict" and not scored.clusters


def _pooled(scored: Scored, metric: Metric, stacked: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The metric of the predictions of all folds together, shape (B,), under weights of shape (B, M)."""
    design = scored.design
    values = stacked.reshape(len(stacked), design.repeats)
    place, turn = np.concatenate(design.places), np.concatenate(design.turns)
    own = weights[:, place]
    if scored.weights is not None:
        own = own * scored.weights[design.rows[place]]
    return metric.values_under(scored.y[design.rows[place]], values[place, turn], own)


def _mean_of_defined(by_fold: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over folds, shape (B,), of values of shape (B,) each, without NaN; NaN where all are."""
    values = np.stack(by_fold)
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    return np.where(count > 0, np.where(defined, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _same(computed: float, score: float) -> bool:
    return bool(abs(computed - score) <= SAME * max(abs(score), 1.0))
