"""Every method's point and 95% interval for the winner's true score, from the same row scores."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.evaluate.bootstraps import BOOTSTRAPS
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.found import REFIT_VARIANCE
from holdfast.evaluate.wording import Estimand
from holdfast.records import RowScores
from holdfast.rng import Streams
from holdfast.stats.intervals import bonferroni_clopper_pearson, percentile
from holdfast.stats.regained import corrected_mean
from holdfast.stats.rmx import Settings, is_binary, rmx
from holdfast.stats.simultaneous import max_t_rows

Z = 1.96
DEFAULT = "holdfast's estimate"
MAX_T_BOOTSTRAPS = 1000
CHECK_EVERY = 50
"""In one repetition of so many the default is also asked of `estimate` itself, and has to be the same."""

RIVALS = 1000
"""In so many repetitions of a cell there are all methods, in later ones those that come with the default."""


class Found(NamedTuple):
    """What a method says of one winner; None where it has no point, or no interval."""

    point: float | None
    low: float | None = None
    high: float | None = None


class Own(NamedTuple):
    """Of a method with a winner of its own: what a repetition has of the common one, and what finding it took.

    ``fits`` is the share of the fits that were made, ``gap`` how much better its winner is than that of all fits.
    """

    truth: float
    fresh: float
    fits: float = 1.0
    gap: float = 0.0


class Repetition(NamedTuple):
    """The winner's true score, the width of an interval from as many fresh rows, and what each method says."""

    truth: float
    fresh: float
    found: dict[str, Found]
    own: dict[str, Own] = {}  # noqa: RUF012 - nobody changes it


class Table(NamedTuple):
    """Row scores of a repetition, shape (N, C), the winner's true score, that width, and the seed of the estimate."""

    scores: np.ndarray
    truth: float
    fresh: float
    seed: int


def fresh_width(deviation: float, n_rows: int) -> float:
    """The width of the textbook interval from ``n_rows`` fresh rows whose scores have this standard deviation."""
    return 2 * Z * deviation / math.sqrt(n_rows)


def every_method(
    scores: np.ndarray, seed: int, *, refit: bool, number: int, adaptive: bool = False
) -> dict[str, Found]:
    """All methods on row scores of shape (N, C), higher is better; the winner has the highest mean.

    The bootstraps and the noise are those that `estimate` draws with this seed, so that the default is what it says
    without being computed twice; in every `CHECK_EVERY`-th repetition, by their ``number``, it is asked and compared.
    For scores other than 0/1 and a refit it is always asked, as its method there depends on the scores.
    """
    n_rows, n_configurations = scores.shape
    means = scores.mean(axis=0)
    winner, streams, binary = int(means.argmax()), Streams(seed), is_binary(scores)
    own, error = float(means[winner]), float(scores[:, winner].std(ddof=1)) / math.sqrt(n_rows)
    omega2 = REFIT_VARIANCE["binary" if binary else "other"] if refit else 0.0
    drawn = streams.generator(0, "estimate/bootstrap")
    corrected = corrected_mean(scores, drawn, BOOTSTRAPS, omega2=omega2, searched=adaptive)
    published = float(np.nanmean(corrected.estimates))
    half = Z * math.sqrt(corrected.row_deviation**2 / n_rows + float(means[corrected.winners].var()))

    def limits(settings: Settings) -> Found:
        noise = streams.generator(0, "estimate/noise")
        bounds = rmx(scores, noise, settings, winner=winner, row_deviation=corrected.row_deviation)
        return Found(min(max(corrected.point, bounds.low), bounds.high), bounds.low, bounds.high)

    settings = Settings(omega2, bootstraps=BOOTSTRAPS)
    apart = settings._replace(shared=False)
    percentiles = Found(published, *percentile(corrected.estimates))
    found = {
        "naive Wald": Found(own, own - Z * error, own + Z * error),
        "BBC percentiles": percentiles,
        "BBC ± pooled+selection": Found(published, published - half, published + half),
    }
    if number < RIVALS:
        found["maxT"] = Found(None, *max_t_rows(scores, streams.generator(0, "max-t"), bootstraps=MAX_T_BOOTSTRAPS))
        found["rmx, tight"] = limits(settings._replace(tight=True, inversion="jeffreys"))
        if binary:
            found["rmx, sides apart, Jeffreys"] = limits(apart._replace(inversion="jeffreys"))
        found["rmx, sides apart"] = limits(apart)
    if binary:
        exact = bonferroni_clopper_pearson(own * n_rows, n_rows, n_configurations)
        found["Bonferroni Clopper-Pearson"] = Found(None, *exact)
    if refit:
        found["rmx without a refit's variance"] = limits(settings._replace(omega2=0.0))
    found["rmx"] = limits(settings)
    if adaptive:
        found["rmx, search repeated"] = limits(settings._replace(searched=True))
    default = found["rmx, search repeated" if adaptive else "rmx"]
    found[DEFAULT] = default
    if number % CHECK_EVERY == 0 or (refit and not binary):
        said = _said(scores, seed, refit=refit, adaptive=adaptive)
        if binary or not refit:
            _compare(default, said)
        found[DEFAULT] = said
    return found


def _said(scores: np.ndarray, seed: int, *, refit: bool, adaptive: bool) -> Found:
    rows = [RowScores(column) for column in scores.T]
    estimand: Estimand = "refit" if refit else "scored"
    score = estimate(rows, direction="maximize", estimand=estimand, seed=seed, adaptive=adaptive).score
    return Found(score.value, score.low, score.high)


def _compare(found: Found, said: Found) -> None:
    if not np.allclose(np.array(found, dtype=float), np.array(said, dtype=float), rtol=0, atol=1e-6):
        raise AssertionError(f"the default is {found}, but holdfast's estimate says {said}")
