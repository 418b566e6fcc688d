"""What a plan will take: searches in outer folds come on top of the one on all rows."""

from __future__ import annotations

import pytest

from holdfast.meter.forecast import LAST_SECONDS, Shape, Timed, forecast
from holdfast.meter.price import SECONDS_PER_HOUR, Price


def test_searches_in_outer_folds_are_priced() -> None:
    one, four = (Shape(trials=10, parts=6, folds=3, searches=k, data_bytes=100.0) for k in (1, 4))
    price, timed = Price(usd_per_run=2.0), [Timed(60.0)]
    alone, nested = forecast(one, price, timed), forecast(four, price, timed)
    assert (one.fits, four.fits) == (60, 240)
    assert None not in (alone.hours.value, nested.hours.value, alone.usd.value, nested.usd.value)
    last = LAST_SECONDS / SECONDS_PER_HOUR
    assert nested.hours.value - last == pytest.approx(4 * (alone.hours.value - last))  # type: ignore[operator]
    assert nested.usd.value == pytest.approx(4 * alone.usd.value)  # type: ignore[operator]
    slow = [forecast(shape, price, timed, start_seconds=36.0).hours.value for shape in (one, four)]
    assert slow == [pytest.approx(alone.hours.value + 0.02), pytest.approx(nested.hours.value + 0.05)]  # type: ignore[operator]
    assert nested.disk_bytes.value > 3 * alone.disk_bytes.value  # type: ignore[operator]
