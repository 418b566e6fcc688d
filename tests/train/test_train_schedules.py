from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.train.schedules import SCHEDULES, Schedule, learning_rate_at


@given(st.sampled_from(SCHEDULES), st.floats(0.0, 1.0), st.floats(0.0, 0.2))
def test_the_rate_stays_between_zero_and_its_peak(schedule: Schedule, progress: float, warmup: float) -> None:
    assert 0.0 <= learning_rate_at(schedule, 2.0, progress, warmup) <= 2.0


@pytest.mark.parametrize(
    ("schedule", "progress", "warmup", "rate"),
    [
        ("constant", 0.05, 0.1, 1.0),
        ("constant", 1.0, 0.1, 2.0),
        ("cosine", 0.0, 0.0, 2.0),
        ("cosine", 0.1, 0.1, 2.0),
        ("cosine", 0.55, 0.1, 1.0),
        ("cosine", 1.0, 0.1, 0.0),
        ("onecycle", 0.0, 0.0, 0.08),
        ("onecycle", 0.3, 0.0, 2.0),
        ("onecycle", 0.65, 0.0, 1.0),
        ("onecycle", 1.0, 0.0, 0.0),
    ],
)
def test_known_points(schedule: Schedule, progress: float, warmup: float, rate: float) -> None:
    assert learning_rate_at(schedule, 2.0, progress, warmup) == pytest.approx(rate, abs=1e-12)
