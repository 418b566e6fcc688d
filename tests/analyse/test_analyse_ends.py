from __future__ import annotations

import pytest

from holdfast.analyse.ends import can_go_beyond
from holdfast.space import Categorical, Domain, Float, Int


@pytest.mark.parametrize(
    ("domain", "low", "high"),
    [
        (Float(0.0, 0.5), False, True),  # a dropout
        (Float(0.1, 1.0), True, False),  # a share of rows
        (Float(-1.0, 1.0), True, True),
        (Float(-5.0, -1.0), True, True),
        (Float(1e-5, 1.0, log=True), True, False),
        (Int(0, 10), False, True),  # epochs of warm-up
        (Int(1, 10), False, True),
        (Int(2, 10), True, True),
        (Categorical([0, 1]), False, False),
    ],
)
def test_a_range_ends_where_nobody_can_go_beyond(domain: Domain, low: bool, high: bool) -> None:
    assert (can_go_beyond(domain, high=False), can_go_beyond(domain, high=True)) == (low, high)
