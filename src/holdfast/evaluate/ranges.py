"""What values a metric can have: one table of scikit-learn's functions, read wherever numbers may not pass them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.evaluate import catalogue, wording
from holdfast.records import Score

Range = tuple[float, float]
"""The least and the greatest value."""

EQUAL = 1e-12
"""Ends of an interval that differ by less than this share of their size do so by rounding."""

UNBOUNDED: Range = (-math.inf, math.inf)
UNIT: Range = (0.0, 1.0)
TWICE: Range = (0.0, 2.0)
CENTRED: Range = (-1.0, 1.0)
NOT_NEGATIVE: Range = (0.0, math.inf)
AT_MOST_ONE: Range = (-math.inf, 1.0)

RANGES: dict[str, Range] = {
    **dict.fromkeys(("accuracy_score", "balanced_accuracy_score", "top_k_accuracy_score"), UNIT),
    **dict.fromkeys(("f1_score", "fbeta_score", "jaccard_score", "precision_score", "recall_score"), UNIT),
    **dict.fromkeys(("roc_auc_score", "average_precision_score", "ndcg_score"), UNIT),
    **dict.fromkeys(("completeness_score", "homogeneity_score", "v_measure_score", "rand_score"), UNIT),
    **dict.fromkeys(("normalized_mutual_info_score", "fowlkes_mallows_score"), UNIT),
    **dict.fromkeys(("hamming_loss", "zero_one_loss"), UNIT),
    "brier_score_loss": TWICE,
    **dict.fromkeys(("cohen_kappa_score", "matthews_corrcoef", "silhouette_score"), CENTRED),
    "adjusted_rand_score": (-0.5, 1.0),
    "adjusted_mutual_info_score": AT_MOST_ONE,
    **dict.fromkeys(("r2_score", "explained_variance_score", "d2_absolute_error_score"), AT_MOST_ONE),
    **dict.fromkeys(("d2_pinball_score", "d2_tweedie_score", "d2_log_loss_score", "d2_brier_score"), AT_MOST_ONE),
    **dict.fromkeys(("mean_squared_error", "root_mean_squared_error", "max_error"), NOT_NEGATIVE),
    **dict.fromkeys(("mean_squared_log_error", "root_mean_squared_log_error"), NOT_NEGATIVE),
    **dict.fromkeys(("mean_absolute_error", "median_absolute_error"), NOT_NEGATIVE),
    **dict.fromkeys(("mean_absolute_percentage_error", "mean_pinball_loss"), NOT_NEGATIVE),
    **dict.fromkeys(("mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance"), NOT_NEGATIVE),
    **dict.fromkeys(("log_loss", "hinge_loss", "mutual_info_score"), NOT_NEGATIVE),
    **dict.fromkeys(("positive_likelihood_ratio", "negative_likelihood_ratio"), NOT_NEGATIVE),
    **dict.fromkeys(("calinski_harabasz_score", "davies_bouldin_score"), NOT_NEGATIVE),
}
"""What scikit-learn's functions of one label or number a row can give, at their defaults, whatever the data."""

AVERAGES = ("_weighted", "_macro", "_micro", "_samples", "_ovr", "_ovo")
"""How the names of scorers end that average a function over classes, in the order in which they are taken off."""


def range_of(function: Callable[..., Any], settings: Mapping[str, Any], n_classes: int | None = None) -> Range:
    """The range of a function, higher or lower being better, that is called with ``settings``.

    Functions that are not scikit-learn's are unbounded, as nobody knows. Of ``n_classes`` the Brier score depends.

    >>> from sklearn.metrics import balanced_accuracy_score
    >>> range_of(balanced_accuracy_score, {}), range_of(balanced_accuracy_score, {"adjusted": True})
    ((0.0, 1.0), (-1.0, 1.0))
    """
    known = str(getattr(function, "__module__", "")).startswith("sklearn.metrics.")
    return _range(getattr(function, "__name__", ""), settings, n_classes) if known else UNBOUNDED


def range_named(name: str, n_classes: int | None = None) -> Range:
    """The range of a metric of the catalogue, by its name there or at scikit-learn, which is not imported for that.

    >>> range_named("f1_macro"), range_named("rmse"), range_named("own")
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    >>> range_named("brier", 2), range_named("brier", 3)
    ((0.0, 1.0), (0.0, 2.0))
    """
    bare = catalogue.SCORERS.get(name, name).removeprefix("neg_")
    for ending in AVERAGES:
        bare = bare.removesuffix(ending)
    function = next((found for found in (bare, f"{bare}_score", f"{bare}_loss") if found in RANGES), "")
    return _range(function, {}, n_classes)


def _range(function: str, settings: Mapping[str, Any], n_classes: int | None) -> Range:
    if function == "brier_score_loss":
        halved = settings.get("scale_by_half", "auto")
        return UNIT if (n_classes == 2 if halved == "auto" else halved) else TWICE
    if function == "balanced_accuracy_score" and settings.get("adjusted", False):
        return CENTRED
    if not settings.get("normalize", True):  # a number of rows
        return NOT_NEGATIVE
    return RANGES.get(function, UNBOUNDED)


def possible(score: Score, bounds: Range) -> Score:
    """A score, and the ends of its interval, within a range, which weights and shifted means may pass.

    What lies beyond cannot be true, so that an interval that is cut off there covers as often as before.
    """
    low, high = bounds

    def within(number: float) -> float:
        return float(min(max(number, low), high))

    ends = [None if end is None else within(end) for end in (score.low, score.high)]
    return dataclasses.replace(score, value=within(score.value), low=ends[0], high=ends[1])


def with_width(score: Score) -> Score:
    """A score, without the interval if that has no width, as of scores that are all equal: it would bound nothing."""
    if score.low is None or score.high is None or not math.isclose(score.low, score.high, rel_tol=EQUAL):
        return score
    return dataclasses.replace(score, low=None, high=None, method=wording.NO_SPREAD)


def in_words(bounds: Range) -> str:
    """What is said of a metric with this range.

    >>> in_words((0.0, 1.0)), in_words((0.0, math.inf)), in_words((-math.inf, 1.0))
    ('lies between 0 and 1', 'is never below 0', 'is never above 1')
    """
    low, high = bounds
    if math.isfinite(low) and math.isfinite(high):
        return f"lies between {low:g} and {high:g}"
    return f"is never below {low:g}" if math.isfinite(low) else f"is never above {high:g}"
