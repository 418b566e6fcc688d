"""The winner's score where row scores add up to the metric: means over rows, and roots of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.evaluate import wording
from holdfast.evaluate.bootstraps import BOOTSTRAPS
from holdfast.evaluate.found import Found, Request, chosen_among, found_by_race
from holdfast.evaluate.unseen import LEFT_OUT, widened
from holdfast.stats import bootstrap, intervals
from holdfast.stats.few_groups import carried
from holdfast.stats.raced import raced
from holdfast.stats.regained import corrected_mean
from holdfast.stats.rmx import Settings, are_shares, rmx

NEARLY_RIGHT = 0.1
"""A group that loses less than this part of what a wrong one loses is (nearly) right."""


def from_scores(request: Request, *, binary: bool) -> Found:
    """Row scores that add up to the metric; of 0/1 scores, whose worst is known, nobody asks who carries the errors."""
    groups = request.sheet.groups
    scores = np.stack([request.scale.orient(values) for values in request.sheet.values], axis=1)
    means = scores.mean(axis=0)
    chosen, is_best = chosen_among(means, request.winner)
    request.sheet.check_size(chosen)
    found = _of_means(request, scores, means, chosen, is_best=is_best, binary=binary)
    if groups is None and not binary and found.effective is not None:
        settings = request.settings(request.omega2("binary"), BOOTSTRAPS, is_best=is_best)
        wide = widened((-found.high, -found.low), request.metric, -scores, chosen, settings, found.effective)
        return found if wide is None else replace(found, low=-wide[1], high=-wide[0], unseen=True)
    if groups is None or binary:
        return found
    who = carried(float(scores.max()) - scores[:, chosen], groups)
    return replace(found, carried=who) if who.by_few else found


def _of_means(
    request: Request, scores: np.ndarray, means: np.ndarray, chosen: int, *, is_best: bool, binary: bool
) -> Found:
    """The estimate for the one ``chosen`` by its mean of oriented scores, shape (N, C)."""
    sheet, level = request.sheet, request.level
    own = float(means[chosen])
    omega2 = request.omega2("binary" if all(are_shares(values) for values in sheet.values) else "other")
    noise = request.streams.generator(0, "estimate/noise")
    settings = request.settings(omega2, BOOTSTRAPS, is_best=is_best)
    if sheet.unfinished:
        others = np.stack([request.scale.orient(values) for values in sheet.unfinished], axis=1)
        if not np.isfinite(others).any(axis=0).all():
            # some were compared elsewhere; whoever quotes the best of many studies does what no simulation here repeats
            settings = settings._replace(shared=False)
        race = raced(np.hstack([scores, others]), noise, settings, winner=chosen, groups=sheet.groups)
        return found_by_race(race, own, is_best=is_best)
    if sheet.total == 1:
        alone = Settings(omega2, level, alpha_low=Settings().alpha_up)
        if sheet.groups is None:
            alone, exact = alone._replace(inversion="jeffreys"), wording.JEFFREYS
        else:
            exact = wording.CLOPPER_PEARSON
        only = rmx(scores, noise, alone, groups=sheet.groups, row_deviation=0.0)
        return Found(own, only.low, only.high, own, exact if binary else wording.STUDENT, 1.0)
    drawn = request.streams.generator(0, "estimate/bootstrap")
    corrected = corrected_mean(scores, drawn, BOOTSTRAPS, sheet.groups, omega2=omega2, searched=request.adaptive)
    limits = rmx(scores, noise, settings, winner=chosen, groups=sheet.groups, row_deviation=corrected.row_deviation)
    found = Found(
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
            settings = settings._replace(omega2=request.omega2("binary"))
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
    return np.asarray(bootstrap.group_sums(losses, codes) / np.maximum(sizes, sizes.mean())[:, None])


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
