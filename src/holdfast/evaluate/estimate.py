"""The winner's score on validation rows: naive, and corrected for having been selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.evaluate.bootstraps import BOOTSTRAPS, bootstraps_for
from holdfast.evaluate.bounded import UnitScale, interval_of_one, unit_scale, units_of_metric
from holdfast.evaluate.catalogue import EXTREMES
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import UNBOUNDED, possible, with_width
from holdfast.evaluate.scale import Scale, scale_of
from holdfast.evaluate.sealed import test_score
from holdfast.evaluate.sheet import Sheet, sheet_of
from holdfast.evaluate.unseen import LEFT_OUT, widened
from holdfast.evaluate.wording import Estimand
from holdfast.records import Direction, RowScores, Score
from holdfast.rng import Streams
from holdfast.stats import bootstrap, intervals
from holdfast.stats.few_groups import Carried, carried
from holdfast.stats.raced import Raced, raced, raced_metric
from holdfast.stats.regained import corrected_mean, corrected_metric
from holdfast.stats.rmx import Settings, are_shares, is_binary, rmx
from holdfast.stats.rmx_metric import rmx_metric

__all__ = ["Estimate", "estimate", "naive", "test_score"]

REFIT_VARIANCE = {"binary": 0.35, "other": 0.5}
"""omega2 of a refit, relative to the row variance: found in simulations, see `holdfast.stats.rmx`."""

NEARLY_RIGHT = 0.1
"""A group that loses less than this part of what a wrong one loses is (nearly) right."""

TIE = 1e-12
"""Means nearer than this, relative to their size, are equal."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score corrected for selection.

    Args:
        score: the estimate with its interval.
        naive: the winner's own score on the rows it was selected on.
        luck: how much better than the estimate that is; positive if luck was taken off.
        n_configurations: how many were compared.
        effective_configurations: as how many independent ones they count; None where that is not known.
        bootstraps: how many were drawn.
        undefined: in how many of them the metric was undefined.
        sentences: which method, why, and what it does not cover.
    """

    score: Score
    naive: float
    luck: float
    n_configurations: int
    effective_configurations: float | None
    bootstraps: int
    undefined: int
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class _Request:
    sheet: Sheet
    winner: int | None
    scale: Scale
    estimand: Estimand
    level: float
    streams: Streams
    adaptive: bool = False

    def settings(self, omega2: float, bootstraps: int, *, is_best: bool) -> Settings:
        """Of the interval: whether only the best could have been taken, and whether the search is repeated, too."""
        return Settings(omega2, self.level, bootstraps=bootstraps, any_rule=not is_best, searched=self.adaptive)


@dataclass(frozen=True)
class _Found:
    """An estimate on the oriented scale."""

    point: float
    low: float
    high: float
    naive: float
    method: str
    effective: float | None
    bootstraps: int = 0
    undefined: int = 0
    sentences: tuple[str, ...] = ()
    carried: Carried | None = None
    unseen: bool = False


def naive(
    candidate: RowScores,
    *,
    estimand: Estimand = "scored",
    metric: Metric | None = None,
    y: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    level: float = 0.95,
) -> Score:
    """The winner's own validation score; no interval, as none that ignores the selection would hold.

    Args:
        candidate: its row scores.
        estimand: what the number is taken to be about.
        metric: needed where the row scores are predictions.
        y: shape (N,), targets of the same rows, needed with ``metric``.
        folds: shape (N,); see `Metric.values_under`.
        level: kept in the score; there is no interval.

    Raises:
        RequestError: if predictions come without metric or targets.
    """
    words = wording.estimand_words(estimand)
    sheet = sheet_of([candidate], metric, y, folds, None)
    if candidate.kind == "prediction":
        value = _whole(sheet, metric, 0)
    else:
        value = Scale(1, 0.0, sheet.root).shown(float(sheet.values[0].mean(dtype=float)))
    return Score(value, None, None, level, wording.UNCORRECTED, words, sheet.n_rows)


def estimate(  # noqa: PLR0913 (everything that a correction for selection depends on, by keyword)
    rows: Sequence[RowScores],
    *,
    winner: int | None = None,
    direction: Direction,
    estimand: Estimand,
    metric: Metric | None = None,
    y: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    seed: int = 0,
    adaptive: bool = False,
) -> Estimate:
    """The winner's score, corrected for having been selected as the best of C configurations on the same N rows.

    - Means over rows: the point of BBC and what the winner is better by than the winners of bootstraps
      (`regained.corrected_mean`), clipped into the RMX interval (`rmx.rmx`). For a refitted model the interval is
      widened by `REFIT_VARIANCE`; for scores other than 0/1 near the ceiling each bound is then the outer one of it and
      of one that takes rows as right or wrong. So it is, of any estimand, for log losses and Brier scores near 0, where
      no row that was wrong may have been seen (`unseen.widened`).
    - Configurations of an ``adaptive`` search: the search is repeated in simulation as well (`replay.replay`), what it
      adds to the luck is taken off (`regained.search_luck`), and the lower bound pays for all the luck that repetitions
      find.
    - Roots of means: the same on the mean, then the root of the point and of the bounds.
    - Other metrics, from predictions: such a point, too (`regained.corrected_metric`), with the RMX interval of what
      each row contributes (`rmx_metric.rmx_metric`) for a metric with two ends, such as 0 and 1, and BBC percentiles
      for one without.
    - One configuration: the textbook interval, of other metrics `bounded.interval_of_one`.
    - Scores that are missing (not finite) on some rows: `raced.raced`, or `raced.raced_metric` for predictions, where
      these configurations count among those that could have won. One that failed without any score, so that no score
      can have stopped it, may be left out of ``rows``.
    - A winner that is not the best by these scores: bounds that hold for all configurations at once.
    - Scores that are all equal, but 0 or 1: no interval, as it would have no width.

    Args:
        rows: row scores of every configuration compared, on the same rows.
        winner: index of the one selected; the best, lowest index first, if None.
        direction: which way is better, in the sense of the row scores or the metric.
        estimand: ``"scored"`` if the very model that was scored ships, ``"refit"`` if it is fitted again on more rows.
        metric: needed where row scores are predictions; where there is one, no number lies beyond what it can be.
        y: shape (N,), targets in the order of the first row scores; needed with ``metric``.
        folds: shape (N,), the fold in which a row was scored; see `Metric.values_under`.
        groups: shape (N,), names of groups of rows that are not independent.
        level: of the interval.
        seed: of the bootstraps.
        adaptive: whether configurations were chosen, by a strategy or by hand, by looking at scores on these rows, in
            the order of ``rows``.

    Raises:
        RequestError: if there is no or one row, row scores do not match, nothing is finite or defined, or the winner
            has scores beyond `LARGEST`.
    """
    words = wording.estimand_words(estimand)
    intervals.check_level(level)
    sheet = sheet_of(rows, metric, y, folds, groups)
    from_scores = rows[0].kind == "score"
    if metric is not None and metric.name in EXTREMES:
        raise RequestError(wording.extreme(metric.name))
    if metric is not None and metric.direction != direction:
        raise RequestError(
            f"the direction is '{direction}', but the metric '{metric.name}' is one to {metric.direction}"
        )
    binary = from_scores and all(is_binary(values) for values in sheet.values)
    scale = scale_of(direction, binary=binary, root=from_scores and sheet.root)
    request = _Request(sheet, sheet.place_of(winner), scale, estimand, level, Streams(seed), adaptive)
    if metric is None or from_scores:
        found = _from_scores(request, metric, binary=binary)
    else:
        found = _from_predictions(request, metric)
    low, high = scale.bounds(found.low, found.high)
    value, naive_value = scale.shown(found.point), scale.shown(found.naive)
    value = min(max(value, low), high)
    notes: Any = {"unseen": found.unseen, "undefined": found.undefined, "bootstraps": found.bootstraps}
    method = wording.with_notes(found.method, by_few=found.carried is not None, **notes)
    score = Score(value, low, high, level, method, words, sheet.n_rows)
    score = with_width(possible(score, UNBOUNDED if metric is None else metric.range))
    return Estimate(
        score=score,
        naive=naive_value,
        luck=scale.sign * (naive_value - score.value),
        n_configurations=sheet.total,
        effective_configurations=found.effective,
        bootstraps=found.bootstraps,
        undefined=found.undefined,
        sentences=_sentences(request, found, flat=score.low is None),
    )


def _from_scores(request: _Request, metric: Metric | None, *, binary: bool) -> _Found:
    """Row scores that add up to the metric; of 0/1 scores, whose worst is known, nobody asks who carries the errors."""
    groups = request.sheet.groups
    scores = np.stack([request.scale.orient(values) for values in request.sheet.values], axis=1)
    means = scores.mean(axis=0)
    chosen, is_best = _chosen(means, request.winner)
    request.sheet.check_size(chosen)
    found = _of_means(request, scores, means, chosen, is_best=is_best, binary=binary)
    if groups is None and not binary and found.effective is not None:
        omega2 = 0.0 if request.estimand == "scored" else REFIT_VARIANCE["binary"]
        settings = request.settings(omega2, BOOTSTRAPS, is_best=is_best)
        wide = widened((-found.high, -found.low), metric, -scores, chosen, settings, found.effective)
        return found if wide is None else replace(found, low=-wide[1], high=-wide[0], unseen=True)
    if groups is None or binary:
        return found
    who = carried(float(scores.max()) - scores[:, chosen], groups)
    return replace(found, carried=who) if who.by_few else found


def _of_means(
    request: _Request, scores: np.ndarray, means: np.ndarray, chosen: int, *, is_best: bool, binary: bool
) -> _Found:
    """The estimate for the one ``chosen`` by its mean of oriented scores, shape (N, C)."""
    sheet, level = request.sheet, request.level
    own = float(means[chosen])
    kind = "binary" if all(are_shares(values) for values in sheet.values) else "other"
    omega2 = 0.0 if request.estimand == "scored" else REFIT_VARIANCE[kind]
    noise = request.streams.generator(0, "estimate/noise")
    settings = request.settings(omega2, BOOTSTRAPS, is_best=is_best)
    if sheet.unfinished:
        others = np.stack([request.scale.orient(values) for values in sheet.unfinished], axis=1)
        if not np.isfinite(others).any(axis=0).all():
            # some were compared elsewhere; whoever quotes the best of many studies does what no simulation here repeats
            settings = settings._replace(shared=False)
        race = raced(np.hstack([scores, others]), noise, settings, winner=chosen, groups=sheet.groups)
        return _of_race(race, own, is_best=is_best)
    if sheet.total == 1:
        alone = Settings(omega2, level, alpha_low=Settings().alpha_up)
        if sheet.groups is None:
            alone, exact = alone._replace(inversion="jeffreys"), wording.JEFFREYS
        else:
            exact = wording.CLOPPER_PEARSON
        only = rmx(scores, noise, alone, groups=sheet.groups, row_deviation=0.0)
        return _Found(own, only.low, only.high, own, exact if binary else wording.STUDENT, 1.0)
    drawn = request.streams.generator(0, "estimate/bootstrap")
    corrected = corrected_mean(scores, drawn, BOOTSTRAPS, sheet.groups, omega2=omega2, searched=request.adaptive)
    limits = rmx(scores, noise, settings, winner=chosen, groups=sheet.groups, row_deviation=corrected.row_deviation)
    found = _Found(
        point=corrected.point,
        low=limits.low,
        high=limits.high,
        naive=own,
        method=wording.RMX,
        effective=limits.effective_configurations,
        bootstraps=len(corrected.estimates),
        undefined=corrected.undefined,
    )
    if not is_best:
        return replace(found, point=own - (float(means.max()) - corrected.point), method=wording.MAX_T)
    if omega2 > 0 and not binary:
        best = float(scores.max())
        units = scores if sheet.groups is None else best - _group_losses(best - scores, sheet.groups)
        least = _near_ceiling(units, best, chosen, corrected, settings)
        if least is not None and (sheet.groups is None or _mostly_right(units[:, chosen], least, best)):
            settings = settings._replace(omega2=REFIT_VARIANCE["binary"])
            there = _as_zero_one(units, own, chosen, (least, best), noise, settings)
            low, high = min(found.low, there[0]), max(found.high, there[1])
            return replace(found, low=low, high=high, method=wording.RMX_CEILING)
    return found


def _group_losses(losses: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How bad each group is, shape (G, C), from losses of rows, shape (N, C): the mean of its rows.

    A group smaller than the average is as bad as if rows without a loss made up for that, as few rows count for little.
    """
    codes = bootstrap.group_codes(groups, len(losses))
    sizes = np.bincount(codes)
    totals = np.zeros((len(sizes), losses.shape[1]))
    np.add.at(totals, codes, losses)
    return np.asarray(totals / np.maximum(sizes, sizes.mean())[:, None])


def _near_ceiling(
    units: np.ndarray, best: float, chosen: int, corrected: bootstrap.BiasCorrected, settings: Settings
) -> float | None:
    """The worst score of a row, or of a group, where too many bootstraps leave out less than one wrong; None elsewhere.

    Few wrong ones are then all there is to the interval, and a standard error says little. How bad a wrong one is, the
    worst of the winner or of a typical configuration says, whichever is lower; of all where most have none.
    """
    worst = units.min(axis=0)
    least = min(float(worst[chosen]), float(np.median(worst)))
    least = least if least < best else float(worst.min())
    found = corrected.estimates[np.isfinite(corrected.estimates)]
    free = (best - found) * LEFT_OUT * len(units) < best - least
    return least if free.mean() > (1 - settings.level) / 2 else None


def _mostly_right(units: np.ndarray, least: float, best: float) -> bool:
    """Whether most groups lose (nearly) nothing; a bootstrap of few groups may leave out less than one wrong anyway."""
    return float(np.median(best - units)) < NEARLY_RIGHT * (best - least)


def _as_zero_one(
    units: np.ndarray,
    mean: float,
    chosen: int,
    ends: tuple[float, float],
    noise: np.random.Generator,
    settings: Settings,
) -> tuple[float, float]:
    """The RMX interval as if every row, or group, were wrong or right, the ``ends`` of their scores, at the same mean.

    No scores between the two vary more, and unlike a standard error this does not vanish where no error was seen.
    """
    least, best = ends
    right = (units > (least + best) / 2).astype(float)
    alike = rmx(right, noise, settings, winner=chosen).effective_configurations
    size = len(units) / (1 + settings.omega2)
    lower, upper = settings.tails()
    share = min(max((mean - least) / (best - least), 0.0), 1.0)
    low, high = intervals.jeffreys_tails(share * size, size, lower / alike, upper)
    return least + (best - least) * low, least + (best - least) * high


def _of_race(race: Raced, own: float, *, is_best: bool) -> _Found:
    method = wording.RACED if is_best else wording.RACED_MAX_T
    return _Found(race.point, race.low, race.high, own, method, None)


def _from_predictions(request: _Request, metric: Metric) -> _Found:
    """Predictions and a metric that is computed from all of them at once."""
    sheet, level = request.sheet, request.level
    observed = request.scale.sign * np.array([_whole(sheet, metric, c) for c in range(len(sheet.values))])
    chosen, is_best = _chosen(observed, request.winner)
    sheet.check_size(chosen)
    own = float(observed[chosen])
    if sheet.unfinished:
        return _from_raced_predictions(request, metric, chosen, own, is_best=is_best)
    corrected = bootstrap.bbc_metric(
        lambda c, weights: request.scale.sign * _under(sheet, metric, c, weights),
        sheet.n_rows,
        len(observed),
        request.streams.generator(0, "estimate/bootstrap"),
        bootstraps_for(metric, len(observed)),
        sheet.groups,
    )
    search = request.streams.generator(0, "estimate/search") if request.adaptive else None
    corrected = corrected_metric(observed, corrected, omega2=_added(request, metric), search=search)
    in_bag = corrected.in_bag
    assert in_bag is not None
    few = () if metric.fast else (wording.slow(metric.name, len(in_bag)),)
    low, high = intervals.percentile(corrected.estimates, level)
    found = _Found(corrected.point, low, high, own, wording.BBC_PERCENTILE, None, len(in_bag), corrected.undefined, few)
    if sheet.total == 1:
        return _of_one(request, metric, found, in_bag[:, 0])
    if not is_best:
        point = own - (float(np.nanmax(observed)) - corrected.point)
        found = replace(found, point=point, method=wording.MAX_T)
    unit = unit_scale(metric)
    if unit is not None:
        settings = request.settings(_added(request, metric), BOOTSTRAPS, is_best=is_best)
        noise, units = request.streams.generator(0, "estimate/noise"), _units(sheet, metric)
        shares, drawn = unit.share(observed), unit.share(in_bag)
        limits = rmx_metric(shares, drawn, noise, settings, units=units, winner=chosen)
        low, high = unit.value(limits.low), unit.value(limits.high)
        found = replace(found, low=low, high=high, effective=limits.effective_configurations)
        return replace(found, method=wording.RMX_METRIC) if is_best else found
    if not is_best:
        low, high = bootstrap.max_t(observed, in_bag, chosen, level)
    return replace(found, low=low, high=high)


def _of_one(request: _Request, metric: Metric, found: _Found, in_bag: np.ndarray) -> _Found:
    """One configuration, whose metric in each bootstrap is ``in_bag``, shape (B,): nothing was selected."""
    omega2, units = _added(request, metric), _units(request.sheet, metric)
    low, high, method = interval_of_one(metric, found.naive, in_bag, request.level, units, omega2=omega2)
    return replace(found, point=found.naive, low=low, high=high, method=method)


def _added(request: _Request, metric: Metric) -> float:
    """omega2 of a metric that is no mean over rows."""
    kind = "binary" if metric.has_two_ends else "other"
    return 0.0 if request.estimand == "scored" else REFIT_VARIANCE[kind]


def _units(sheet: Sheet, metric: Metric) -> int:
    assert sheet.y is not None
    return units_of_metric(metric, sheet.y, sheet.groups)


def _from_raced_predictions(request: _Request, metric: Metric, chosen: int, own: float, *, is_best: bool) -> _Found:
    """The same where some configurations have no prediction of some rows."""
    sheet, sign, scale = request.sheet, request.scale.sign, unit_scale(metric) or UnitScale(0.0, 1.0)
    columns = [*sheet.values, *(_filled(values, sheet.values[0].dtype) for values in sheet.unfinished)]
    seen = np.stack([np.ones(sheet.n_rows, bool)] * len(sheet.values) + [_seen(v) for v in sheet.unfinished], axis=1)
    whole = replace(sheet, values=tuple(columns))

    def performance(c: int, weights: np.ndarray) -> np.ndarray:
        found = np.full(len(weights), np.nan)
        some = weights.any(axis=1)
        if some.any():
            found[some] = scale.share(sign * _under(whole, metric, c, weights[some]))
        return found

    bootstraps = bootstraps_for(metric, len(columns))
    units = _units(sheet, metric) if metric.has_two_ends else None
    settings = request.settings(_added(request, metric), bootstraps, is_best=is_best)
    drawn = request.streams.generator(0, "estimate/bootstrap")
    race = raced_metric(performance, seen, drawn, settings, winner=chosen, groups=sheet.groups, units=units)
    point, low, high = (scale.value(end) for end in (race.point, race.low, race.high))
    found = _of_race(race._replace(point=point, low=low, high=high), own, is_best=is_best)
    few = () if metric.fast else (wording.slow(metric.name, bootstraps),)
    return replace(found, bootstraps=bootstraps, sentences=few)


def _seen(values: np.ndarray) -> np.ndarray:
    """Which rows have a prediction, shape (N,)."""
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))


def _filled(values: np.ndarray, like: np.dtype[Any]) -> np.ndarray:
    """Predictions where missing ones, which weigh nothing, are those of a row that has one; 0 if none has."""
    seen = _seen(values)
    filled = values.copy()
    filled[~seen] = values[seen][0] if seen.any() else 0.0
    return filled.astype(like) if like.kind in "iub" else filled


def _chosen(observed: np.ndarray, winner: int | None) -> tuple[int, bool]:
    """The winner, and whether it is the best by these scores (or as good)."""
    if np.isnan(observed).all() or (winner is not None and np.isnan(observed[winner])):
        raise RequestError("the metric is undefined on the validation rows; rows of every class are needed")
    best = int(np.nanargmax(observed))
    if winner is None:
        return best, True
    margin = TIE * max(abs(float(observed[best])), 1.0)
    return winner, float(observed[winner]) >= float(observed[best]) - margin


def _whole(sheet: Sheet, metric: Metric | None, configuration: int) -> float:
    assert metric is not None
    return float(_under(sheet, metric, configuration, np.ones((1, sheet.n_rows)))[0])


def _under(sheet: Sheet, metric: Metric, configuration: int, weights: np.ndarray) -> np.ndarray:
    assert sheet.y is not None
    return metric.values_under(sheet.y, sheet.values[configuration], weights, sheet.folds)


def _sentences(request: _Request, found: _Found, *, flat: bool) -> tuple[str, ...]:
    """What a reader has to know about the estimate."""
    sheet = request.sheet
    if sheet.total == 1:
        sentences = [wording.ONE_CONFIGURATION]
    else:
        sentences = [
            wording.selected_from(sheet.total, sheet.n_rows, found.effective),
            wording.why(found.method),
        ]
    if found.method in wording.ANY_CHOICE:
        sentences.append(wording.ANY_RULE)
    if request.estimand == "refit":
        sentences.append(wording.refit(from_bootstrap=found.method == wording.BBC_PERCENTILE))
    if sheet.groups is not None:
        sentences.append(wording.GROUPED)
    if sheet.unfinished:
        sentences.append(wording.not_finite(len(sheet.unfinished), sheet.total))
    if found.undefined:
        sentences.append(wording.undefined(found.undefined, found.bootstraps))
    if flat:
        sentences.append(wording.DEGENERATE)
    sentences.extend(found.sentences)
    if found.carried is not None:
        sentences.append(wording.carried_by_few(found.carried))
    sentences.extend([wording.UNSEEN_WHY] * found.unseen)
    if request.adaptive and sheet.total > 1:
        sentences.append(wording.ADAPTIVE)
    return tuple(sentences)
