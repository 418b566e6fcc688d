"""Between what bounds the metrics lie that are known by name."""

from __future__ import annotations

import math

from holdfast.evaluate import catalogue

UNIT = ("accuracy", *catalogue.WITHIN_UNIT)
"""How the names begin of metrics between 0 and 1."""

CENTRED = ("matthews_corrcoef", "silhouette")
"""Metrics between -1 and 1."""

AT_MOST_ONE = ("r2", "explained_variance", "d2_absolute_error")
"""Metrics that are 1 at best and may be as low as they like."""

NOT_NEGATIVE = (*(set(catalogue.ROW_TERMS) - {"accuracy"}), "max_error", "median_absolute_error")
"""Errors and losses."""


def range_of(name: str) -> tuple[float, float]:
    """The least and the greatest value of a metric of the catalogue, by the name it is shown under.

    >>> range_of("accuracy"), range_of("rmse"), range_of("own")
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    """
    if name.startswith(UNIT):
        return 0.0, 1.0
    if name in CENTRED:
        return -1.0, 1.0
    if name in NOT_NEGATIVE:
        return 0.0, math.inf
    return -math.inf, 1.0 if name.startswith(AT_MOST_ONE) else math.inf
