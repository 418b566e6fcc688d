"""Ends of a range that somebody could go beyond."""

from __future__ import annotations

from holdfast.space import Categorical, Domain, Int


def can_go_beyond(domain: Domain, *, high: bool) -> bool:
    """Whether there may be values beyond the upper (``high``) or the lower end of what is searched.

    A count ends at 0 or 1, a share and most rates at 0, and a share that begins at 0 or above ends at 1.

    >>> from holdfast.space import Float
    >>> can_go_beyond(Float(0.0, 0.5), high=False), can_go_beyond(Float(0.0, 0.5), high=True)
    (False, True)
    """
    if isinstance(domain, Categorical):
        return False
    if isinstance(domain, Int):
        return high or domain.low not in {0, 1}
    return domain.high != 1.0 or domain.low < 0 if high else domain.low != 0.0
