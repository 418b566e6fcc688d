"""How many bootstraps an estimate is made of: as many as its metric can be computed for."""

from __future__ import annotations

from holdfast.evaluate.metrics import Metric

BOOTSTRAPS = 2000
"""For means over rows."""

METRIC_BOOTSTRAPS = 1000
"""For metrics that are fast under weights, such as AUC."""

SLOW_BOOTSTRAPS = 200
"""For metrics that are called once per bootstrap and configuration, at most."""

FEWEST_BOOTSTRAPS = 100
"""For such metrics at least."""

SLOW_CALLS = 5000
"""So many calls of such a metric are made where that leaves `FEWEST_BOOTSTRAPS`."""


def bootstraps_for(metric: Metric, n_configurations: int) -> int:
    """How many bootstraps are drawn for a metric that is no mean over rows.

    In each, every configuration is scored once, and the best one on the rows left out; of a slow metric they are so
    many as `SLOW_CALLS` calls make, within `FEWEST_BOOTSTRAPS` and `SLOW_BOOTSTRAPS`.
    """
    if metric.fast:
        return METRIC_BOOTSTRAPS
    each = metric.calls * (n_configurations + 1)
    return min(max(SLOW_CALLS // each, FEWEST_BOOTSTRAPS), SLOW_BOOTSTRAPS)
