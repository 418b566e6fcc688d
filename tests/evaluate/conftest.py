"""What tests of the estimate share."""

from __future__ import annotations

from holdfast.evaluate.estimate import Estimate


def bounds(found: Estimate) -> tuple[float, float]:
    """The ends of an interval, which there has to be."""
    assert found.score.low is not None
    assert found.score.high is not None
    return found.score.low, found.score.high
