from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.train.schedules import SCHEDULES, Bends, Schedule, learning_rate_at
from holdfast.train.settings import Settings
from holdfast.train.training import epoch_rates

bends = st.builds(
    Bends, st.integers(1, 5), st.floats(0.01, 1.0), st.floats(1e-6, 1.0), st.integers(1, 6), st.floats(0.5, 3.0)
)


@given(st.sampled_from(SCHEDULES), st.floats(0.0, 1.0), st.floats(0.0, 0.9), bends)
def test_the_rate_stays_between_zero_and_its_peak(
    schedule: Schedule, progress: float, warmup: float, own: Bends
) -> None:
    assert 0.0 <= learning_rate_at(schedule, 2.0, progress, warmup, own) <= 2.0


@given(st.sampled_from(SCHEDULES), st.floats(0.0, 0.9), bends)
def test_an_array_is_what_its_entries_are(schedule: Schedule, warmup: float, own: Bends) -> None:
    progress = np.concatenate([np.linspace(0.0, 1.0, 23), [warmup]]).reshape(2, 12)
    rates = learning_rate_at(schedule, 2.0, progress, warmup, own)
    assert rates.shape == progress.shape
    single = [learning_rate_at(schedule, 2.0, t, warmup, own) for t in progress.ravel().tolist()]
    assert all(type(rate) is float for rate in single)
    np.testing.assert_allclose(rates.ravel(), single, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("schedule", "progress", "warmup", "rate"),
    [
        ("constant", 0.05, 0.1, 1.0),
        ("constant", 1.0, 0.1, 2.0),
        ("step", 0.25, 0.1, 2.0),
        ("step", 0.5, 0.1, 0.2),
        ("step", 1.0, 0.1, 0.02),
        ("exponential", 0.1, 0.1, 2.0),
        ("exponential", 0.55, 0.1, 0.2),
        ("exponential", 1.0, 0.1, 0.02),
        ("linear", 0.05, 0.1, 1.0),
        ("linear", 0.55, 0.1, 1.0),
        ("linear", 1.0, 0.1, 0.0),
        ("inverse-square-root", 0.1, 0.1, 2.0),
        ("inverse-square-root", 0.4, 0.1, 1.0),
        ("inverse-square-root", 0.03, 0.0, 1.0),
        ("cosine", 0.0, 0.0, 2.0),
        ("cosine", 0.1, 0.1, 2.0),
        ("cosine", 0.55, 0.1, 1.0),
        ("cosine", 1.0, 0.1, 0.0),
        ("restarts", 0.1, 0.3, 2.0 / 3.0),
        ("restarts", 0.35, 0.3, 1.0),  # three cycles of 1, 2 and 4 sevenths of the rest
        ("restarts", 0.4 + 1e-9, 0.3, 2.0),
        ("restarts", 0.5, 0.3, 1.0),
        ("restarts", 0.8, 0.3, 1.0),
        ("restarts", 1.0, 0.3, 0.0),
        ("onecycle", 0.0, 0.0, 0.08),
        ("onecycle", 0.3, 0.0, 2.0),
        ("onecycle", 0.65, 0.0, 1.0),
        ("onecycle", 1.0, 0.0, 0.0),
    ],
)
def test_known_points(schedule: Schedule, progress: float, warmup: float, rate: float) -> None:
    assert learning_rate_at(schedule, 2.0, progress, warmup) == pytest.approx(rate, abs=1e-12)


def test_the_rates_of_all_epochs_are_one_walk() -> None:
    settings = Settings(schedule="linear", learning_rate=1.0, warmup=0.25)
    walk = [rate for epoch in (1, 2, 3, 4) for rate in epoch_rates(settings, epoch, 2, 4)]
    assert walk == pytest.approx([0.5, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0.0])
