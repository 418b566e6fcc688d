"""The winner's score where a metric is computed from the predictions of all rows at once, such as AUC or R²."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.evaluate import wording
from holdfast.evaluate.bootstraps import BOOTSTRAPS, bootstraps_for
from holdfast.evaluate.bounded import UnitScale, interval_of_one, unit_scale, units_of_metric
from holdfast.evaluate.found import Found, Request, chosen_among, found_by_race
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.sheet import Sheet
from holdfast.evaluate.totals import is_total, of_all_rows
from holdfast.stats import bootstrap, intervals
from holdfast.stats.raced import raced_metric
from holdfast.stats.regained import corrected_metric
from holdfast.stats.rmx_metric import rmx_metric


def from_predictions(request: Request, metric: Metric) -> Found:
    """Predictions and a metric that is computed from all of them at once."""
    sheet = request.sheet
    assert sheet.y is not None
    if total := is_total(metric, sheet.y, sheet.values, sheet.folds):
        metric = of_all_rows(metric)
    found = _from_all(request, metric)
    return replace(found, sentences=(*found.sentences, wording.total(metric.name, sheet.n_rows))) if total else found


def _from_all(request: Request, metric: Metric) -> Found:
    """The same for a metric that does not grow with the number of rows."""
    sheet, level = request.sheet, request.level
    observed = request.scale.sign * np.array([metric_on_all(sheet, metric, c) for c in range(len(sheet.values))])
    chosen, is_best = chosen_among(observed, request.winner)
    sheet.check_size(chosen)
    own = float(observed[chosen])
    if sheet.unfinished:
        return _from_raced_predictions(request, metric, chosen, own, is_best=is_best)
    corrected = bootstrap.bbc_metric(
        lambda c, weights: request.scale.sign * sheet.under(metric, sheet.values[c], weights),
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
    found = Found(corrected.point, low, high, own, wording.BBC_PERCENTILE, None, len(in_bag), corrected.undefined, few)
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


def _of_one(request: Request, metric: Metric, found: Found, in_bag: np.ndarray) -> Found:
    """One configuration, whose metric in each bootstrap is ``in_bag``, shape (B,): nothing was selected."""
    omega2, units = _added(request, metric), _units(request.sheet, metric)
    low, high, method = interval_of_one(metric, found.naive, in_bag, request.level, units, omega2=omega2)
    return replace(found, point=found.naive, low=low, high=high, method=method)


def _added(request: Request, metric: Metric) -> float:
    """omega2 of a metric that is no mean over rows."""
    return request.omega2("binary" if metric.has_two_ends else "other")


def _units(sheet: Sheet, metric: Metric) -> int:
    assert sheet.y is not None
    return units_of_metric(metric, sheet.y, sheet.groups, sheet.weights)


def _from_raced_predictions(request: Request, metric: Metric, chosen: int, own: float, *, is_best: bool) -> Found:
    """The same where some configurations have no prediction of some rows."""
    sheet, sign, scale = request.sheet, request.scale.sign, unit_scale(metric) or UnitScale(0.0, 1.0)
    columns = [*sheet.values, *(_filled(values, sheet.values[0].dtype) for values in sheet.unfinished)]
    seen = np.stack([np.ones(sheet.n_rows, bool)] * len(sheet.values) + [_seen(v) for v in sheet.unfinished], axis=1)
    whole = replace(sheet, values=tuple(columns))

    def performance(c: int, weights: np.ndarray) -> np.ndarray:
        found = np.full(len(weights), np.nan)
        some = weights.any(axis=1)
        if some.any():
            found[some] = scale.share(sign * whole.under(metric, whole.values[c], weights[some]))
        return found

    bootstraps = bootstraps_for(metric, len(columns))
    units = _units(sheet, metric) if metric.has_two_ends else None
    settings = request.settings(_added(request, metric), bootstraps, is_best=is_best)
    drawn = request.streams.generator(0, "estimate/bootstrap")
    race = raced_metric(performance, seen, drawn, settings, winner=chosen, groups=sheet.groups, units=units)
    point, low, high = (scale.value(end) for end in (race.point, race.low, race.high))
    found = found_by_race(race._replace(point=point, low=low, high=high), own, is_best=is_best)
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


def metric_on_all(sheet: Sheet, metric: Metric, configuration: int) -> float:
    """The metric of a configuration on all rows."""
    return float(sheet.under(metric, sheet.values[configuration], np.ones((1, sheet.n_rows)))[0])
