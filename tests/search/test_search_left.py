"""What is left to gain: it holds the true regret, sees branches that nobody tried, and keeps to the constraints."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.rng import Streams
from holdfast.search.left import Left, first_told, gain_left
from holdfast.space import Categorical, Float, Space
from holdfast.testing.rehearsal import Rehearsal

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def bowl(units: np.ndarray) -> np.ndarray:
    found: np.ndarray = (units[..., 0] - 0.3) ** 2 + 0.5 * (units[..., 1] - 0.6) ** 2
    return found


def searched(seed: int, n: int, noise: float, sign: float = 1.0) -> Rehearsal:
    rng = np.random.default_rng(seed)
    rehearsal = Rehearsal(SQUARE, directions=["minimize" if sign > 0 else "maximize"])
    for unit in rng.random((n, 2)):
        loss = float(bowl(unit) + rng.normal(0, noise))
        rehearsal.finish(rehearsal.start({"x": unit[0], "y": unit[1]}), sign * loss)
    return rehearsal


def left(rehearsal: Rehearsal) -> Left:
    found = gain_left(rehearsal.history(), Streams(0))
    assert found is not None
    return found


def test_it_holds_the_true_regret_and_shrinks() -> None:
    held, sizes = [], []
    for seed in range(6):
        rehearsal = searched(seed, 60, 0.03)
        for n in (20, 60):
            found = gain_left(first_told(rehearsal.history(), n), Streams(seed))
            assert found is not None
            assert found.gain.n == n
            assert found.gain.high is not None
            regret = float(bowl(rehearsal.history().units[found.incumbent]))
            held.append(regret <= found.gain.high)
            sizes.append(found.gain.high)
    assert sum(held) >= 10
    assert np.mean(sizes[1::2]) < 0.7 * np.mean(sizes[::2])


def test_the_direction_changes_nothing_and_the_unit_only_the_unit() -> None:
    one, other = left(searched(1, 30, 0.02)), left(searched(1, 30, 0.02, sign=-1.0))
    assert other.gain.value == pytest.approx(one.gain.value)
    assert one.incumbent == other.incumbent
    large = left(searched(1, 30, 0.02, sign=1e6))
    assert large.gain.value == pytest.approx(1e6 * one.gain.value, rel=1e-3)
    assert np.median(large.noises) == pytest.approx(1e6 * float(np.median(one.noises)), rel=1e-3)


def test_a_branch_that_nobody_tried_may_still_gain() -> None:
    space = Space({"kind": Categorical(["a", "b"]), "x": Float(0, 1), "depth": Float(0, 1, when={"kind": "b"})})
    alone, both = Rehearsal(space), Rehearsal(space)
    rng = np.random.default_rng(0)
    for i, x in enumerate(rng.random(40).tolist()):
        loss = (x - 0.5) ** 2 + float(rng.normal(0, 0.01))
        alone.finish(alone.start({"kind": "a", "x": x}), loss)
        config = {"kind": "a", "x": x} if i % 2 else {"kind": "b", "x": x, "depth": float(rng.random())}
        both.finish(both.start(config), loss + 0.2 * (i % 2 == 0))
    untried, tried = left(alone).gain, left(both).gain
    assert untried.high is not None
    assert tried.high is not None
    assert untried.high > 5 * tried.high


def test_only_what_meets_the_constraints_can_gain() -> None:
    """The loss is x, and only x of at least a half meets the constraint."""
    free, limited = Rehearsal(Space({"x": Float(0, 1)})), Rehearsal(Space({"x": Float(0, 1)}), constraints=["c"])
    for x in np.random.default_rng(2).uniform(0.2, 1.0, 30).tolist():
        free.finish(free.start({"x": x}), x)
        limited.finish(limited.start({"x": x}), x, violation=[0.5 - x])
    assert left(limited).gain.value < 0.05
    assert left(free).gain.value > 0.15
    assert limited.history().units[left(limited).incumbent, 0] >= 0.5


def test_nobody_can_say_without_a_trial_that_counts() -> None:
    missed = Rehearsal(SQUARE, constraints=["c"])
    for unit in np.random.default_rng(0).random((12, 2)).tolist():
        missed.finish(missed.start({"x": unit[0], "y": unit[1]}), unit[0], violation=[1.0])
    failed = Rehearsal(SQUARE)
    for unit in np.random.default_rng(0).random((12, 2)).tolist():
        failed.finish(failed.start({"x": unit[0], "y": unit[1]}), math.nan)
    assert gain_left(missed.history(), Streams(0)) is None
    assert gain_left(failed.history(), Streams(0)) is None


def test_a_small_space_that_was_tried_in_full_without_noise_has_nothing_left() -> None:
    space = Space({"a": Categorical(list("pqrst"), ordered=True), "b": Categorical(list("uvw"))})
    rehearsal = Rehearsal(space)
    losses = ["pqrst".index(str(config["a"])) + 2.0 * (config["b"] == "u") for config in space.grid(15)]
    for config, loss in zip(space.grid(15), losses, strict=True):
        rehearsal.finish(rehearsal.start(config), loss)
    found = left(rehearsal)
    assert losses[found.incumbent] == 0
    assert found.gain.value < 0.02 * np.std(losses)


def test_cold_and_warm_and_replayed_say_the_same() -> None:
    rehearsal = searched(3, 25, 0.02)
    found = [gain_left(history, Streams(4)) for history in (rehearsal.history(), rehearsal.history())]
    again = gain_left(rehearsal.replayed(), Streams(4))
    assert found[0] is not None
    assert found[1] is not None
    assert again is not None
    assert found[0].gain == found[1].gain == again.gain
