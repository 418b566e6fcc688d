from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.analyse.points import broke_off, read

STEPS = list(range(1, 11))


def curve(train: list[Any], validation: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "metric": "m",
        "step": "epoch",
        "steps": STEPS[: len(train)],
        "train": train,
        "validation": validation,
        **more,
    }


def test_an_accuracy_is_turned_into_an_error_and_a_reward_is_taken_from_above() -> None:
    rising = [0.1 * step for step in STEPS]
    points = read(curve(rising, [value - 0.05 for value in rising]), "maximize")
    assert points is not None
    np.testing.assert_allclose(points.train, 1.0 - np.array(rising), atol=1e-12)
    assert points.original(float(points.train[3])) == pytest.approx(rising[3])
    assert (points.worse, points.better, points.validation_ends) == ("fell", "rising", "falling")
    rewards = read(curve([100.0 * value for value in rising], [90.0 * value for value in rising]), "maximize")
    assert rewards is not None
    assert (rewards.train > 0).all()
    assert rewards.original(float(rewards.train[-1])) == pytest.approx(100.0)


def test_a_loss_stays_as_it_is_and_holes_are_left_out() -> None:
    values = [2.0 - 0.1 * step for step in STEPS]
    points = read(curve([None, *values[1:]], [*values[:-1], float("nan")], kept=4))
    assert points is not None
    assert (len(points.steps), points.kept, points.worse) == (8, 4.0, "rose")
    assert read(curve(values[:5], values[:5])) is None
    assert read({**curve(values, values), "steps": STEPS[::-1]}) is None


def test_where_a_training_loss_broke_off() -> None:
    assert broke_off(curve([1.0, 0.9, None, 0.8], [1.0] * 4)) is None
    assert broke_off(curve([1.0, 0.9, None, None], [1.0] * 4)) == 3.0
    assert broke_off(curve([1.0, float("inf")], [1.0] * 2)) == 2.0
    assert broke_off(curve([None, None], [1.0] * 2)) is None
