"""The curve model: its points, its scale, its covariance and gradient, and what it predicts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.records import Fidelity, TrialState
from holdfast.search.curves import CurveModel, curve_model
from holdfast.search.curves.kernel import (
    covariance,
    kernel_at,
    layout,
    negative_log_posterior,
    prior_moments,
)
from holdfast.search.curves.model import fit_size
from holdfast.search.curves.points import Points, points_of, thinned
from holdfast.search.curves.scale import scale_of
from holdfast.search.gp.surrogate import MEAN_VARIANCE, matern
from holdfast.search.history import History
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def decaying(lengths: list[int], seed: int = 0, end: int = 20) -> Rehearsal:
    """Trials of these lengths, whose curves come to rest at (x - 0.3)^2 as 1 / step; the longest are complete."""
    rehearsal, rng = Rehearsal(SPACE, Fidelity("epoch", 1, end)), np.random.default_rng(seed)
    for length in lengths:
        config = SPACE.sample(rng)
        trial = rehearsal.start(config, length)
        for step in range(1, length + 1):
            rehearsal.report(trial, step, final(config) + 1 / step)
        if length < end:
            rehearsal.pause(trial)
        else:
            rehearsal.finish(trial, final(config) + 1 / end)
    return rehearsal


def final(config: object) -> float:
    assert isinstance(config, dict)
    return float((config["x"] - 0.3) ** 2)


def model(history: History, most: int = 1500) -> CurveModel:
    found = curve_model(history, 20, most)
    assert found is not None
    return found


def test_points_are_by_trial_and_step_and_the_latest_report_counts() -> None:
    rehearsal = Rehearsal(SPACE, Fidelity("epoch", 1, 9))
    for x in (0.1, 0.2, 0.3, 0.4):
        rehearsal.start({"x": x, "y": 0.5})
    for trial, step, loss in [(1, 1, 5.0), (0, 2, 4.0), (1, 1, 3.0), (0, 1, 6.0), (2, 1, math.inf), (3, 4, 1.0)]:
        rehearsal.report(trial, step, loss)
    rehearsal.finish(1, 2.0)
    rehearsal.finish(3, 0.5, TrialState.STOPPED)
    rehearsal.finish(2, math.nan, TrialState.FAILED)
    history = rehearsal.history()
    points = points_of(history, len(history.report_trial), len(history.told_trial), 9)
    rows = list(zip(points.trials[points.owner], points.steps, points.losses, strict=True))
    assert rows == [
        (0, 1, 6.0),
        (0, 2, 4.0),
        (1, 1, 3.0),
        (1, 9, 2.0),  # complete, so trained to the end
        (2, 1, math.inf),
        (2, 9, math.inf),  # failed, as if that had been its end
        (3, 4, 0.5),  # stopped where it was
    ]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(10, 200))
def test_thinned_curves_keep_their_ends(lengths: list[int], most: int) -> None:
    owner = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.concatenate([np.arange(1.0, length + 1) for length in lengths])
    points = Points(np.arange(len(lengths)), np.zeros((len(lengths), 2)), owner, steps, steps)
    found = thinned(points, most)
    assert len(found) <= most
    assert len(points) > most or len(found) == len(points)
    ends = {int(trial): length for trial, length in enumerate(lengths)}
    kept = found.trials[found.owner[found.last()]]
    assert [ends[int(trial)] for trial in kept] == found.steps[found.last()].tolist()
    assert len(kept) == min(len(lengths), max(most // 2, 1))


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30, unique=True))
def test_the_scale_keeps_the_order_and_goes_both_ways(losses: list[float]) -> None:
    values = np.sort(np.array(losses))
    scale = scale_of(values)
    assert scale is not None
    targets = scale.targets(values)
    assert np.all(np.diff(targets) >= 0)
    np.testing.assert_allclose(scale.losses(targets), values, atol=1e-6 * np.abs(values).max())
    assert scale.targets(np.array([np.inf]))[0] == pytest.approx(targets.max())


def test_there_is_no_scale_without_a_difference() -> None:
    assert scale_of(np.array([])) is None
    assert scale_of(np.array([1.0, 1.0, np.inf])) is None
    assert scale_of(np.array([1e300, -1e300, 0.0, 5.0])) is not None


def test_covariance_is_the_formula_and_positive() -> None:
    rng = np.random.default_rng(0)
    features, owner, steps = rng.random((3, 2)), np.array([0, 0, 1, 2, 2]), np.array([1.0, 4, 4, 1, 9])
    parameters = prior_moments(2)[0] + 0.3
    kernel = kernel_at(parameters)
    found = covariance(kernel, layout(features, np.arange(2), owner, steps))
    for i in range(5):
        for j in range(5):
            ratio = 2 * math.sqrt(steps[i] * steps[j]) / (steps[i] + steps[j])
            shared, own, course = (
                v * (w + (1 - w) * ratio**a)
                for v, w, a in zip(kernel.variance, kernel.kept, kernel.sharpness, strict=True)
            )
            gap = np.sum(((features[owner[i]] - features[owner[j]]) / kernel.lengths) ** 2)
            expected = (
                MEAN_VARIANCE + course + float(matern(np.array([gap]))[0]) * shared + own * (owner[i] == owner[j])
            )
            assert found[i, j] == pytest.approx(expected)
    assert np.linalg.eigvalsh(found).min() > -1e-12


def test_the_slope_of_the_posterior_density_is_that_of_small_steps() -> None:
    rng = np.random.default_rng(0)
    where = layout(rng.random((6, 4)), np.array([0, 1, 1, 2]), np.repeat(np.arange(6), 3), np.tile([1.0, 2, 7], 6))
    targets, at = rng.standard_normal(18), 0.4 * rng.standard_normal(12)
    slope = negative_log_posterior(at, where, targets)[1]
    for i, step in enumerate(1e-5 * np.eye(12)):
        up, down = (negative_log_posterior(at + sign * step, where, targets)[0] for sign in (1, -1))
        assert slope[i] == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_finals_are_predicted_better_than_by_the_last_value() -> None:
    history = decaying([20] * 4 + [3] * 12).history()
    found = model(history)
    places = np.arange(4, 16)
    mean, variance = found.of_trials(places, np.full(12, 20.0))
    truth = np.array([final(history.config(trial)) + 1 / 20 for trial in range(4, 16)])
    predicted = found.scale.losses(mean)
    last = history.loss_at(3)[places]
    assert np.abs(predicted - truth).mean() < 0.3 * np.abs(last - truth).mean()
    z = (found.scale.targets(truth) - mean) / np.sqrt(variance + found.noise)
    assert np.abs(z).max() < 4
    assert np.corrcoef(predicted, truth)[0, 1] > 0.9


def test_the_mean_at_points_is_the_prediction_there() -> None:
    found = model(decaying([20, 5, 5, 2]).history())
    mean, _ = found.of_trials(found.points.owner, found.points.steps)
    np.testing.assert_allclose(found.at_points(), mean, atol=1e-8)


def test_what_runs_takes_variance_away_and_moves_no_mean() -> None:
    history = decaying([20, 20, 5, 5, 2]).history()
    found, unit = model(history), np.array([[0.9, 0.9]])
    later = found.with_pending(np.array([2, 7]), np.concatenate([history.units[[2]], unit]), np.array([20, 10]))
    before, after = (each.of_trials(np.array([2]), np.array([19.0])) for each in (found, later))
    assert after[0] == pytest.approx(before[0])
    assert after[1] < before[1]
    unseen, seen = (each.ahead_of_new(unit, np.array([20])) for each in (found, later))
    assert seen.mean == pytest.approx(unseen.mean)
    assert seen.variance < unseen.variance
    own = later.of_trials(np.array([5]), np.array([20.0]))[1]  # the pending trial itself, not one of its configuration
    assert own < seen.variance + later.kernel.variance[1]
    np.testing.assert_allclose(later.at_points(), found.at_points())


def test_what_a_loss_would_tell_is_the_variance_that_it_takes_away() -> None:
    history = decaying([20, 20, 5, 5, 2]).history()
    found, end = model(history), np.array([20.0])
    trial, step = np.array([2]), np.array([10])
    ahead, later = found.ahead_of_trials(trial, step), found.with_pending(trial, history.units[trial], step)
    mean, variance = found.of_trials(trial, end)
    assert ahead.mean == pytest.approx(mean)
    assert ahead.variance == pytest.approx(variance)
    assert ahead.told == pytest.approx(variance - later.of_trials(trial, end)[1])
    assert 0 < ahead.told < ahead.variance


def test_the_luck_of_a_new_trial_is_not_looked_forward_to() -> None:
    history = decaying([20, 20, 5, 5, 2]).history()
    found, unit, steps = model(history), np.array([[0.9, 0.9]]), np.array([1.0, 20.0])
    mean, between = posterior_of_new(found, unit, steps)
    ahead = found.ahead_of_new(unit, steps[:1].astype(np.int64))
    _, luck, _ = found.kernel.times(steps, steps)
    assert ahead.mean == pytest.approx(mean[1:])
    assert ahead.variance == pytest.approx(between[1, 1] - luck[1, 1])
    assert ahead.told == pytest.approx((between[0, 1] - luck[0, 1]) ** 2 / (between[0, 0] + found.noise))


def posterior_of_new(found: CurveModel, unit: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance, without noise, of a new trial's targets at some steps, in closed form."""
    where, n = found.where, len(found.points)
    owner = np.append(where.owner, np.full(len(steps), len(where.features)))
    every = np.append(where.levels[where.level], steps)
    joint = covariance(
        found.kernel, layout(np.concatenate([where.features, found.embed(unit)]), where.group, owner, every)
    )
    solved = np.linalg.solve(joint[:n, :n] + found.noise * np.eye(n), joint[:n, n:])
    return found.scale.targets(found.points.losses) @ solved, joint[n:, n:] - joint[n:, :n] @ solved


def test_an_equal_history_gives_equal_bits() -> None:
    rehearsal = decaying([20, 20, 9, 5, 2, 1, 1])
    steps = np.full(7, 20.0)
    for most in (1500, 20):
        warm, cold = (model(history, most) for history in (rehearsal.history(), rehearsal.replayed()))
        for a, b in zip(warm.of_trials(np.arange(7), steps), cold.of_trials(np.arange(7), steps), strict=True):
            assert a.tobytes() == b.tobytes()


def test_fits_are_at_fixed_sizes_of_a_prefix() -> None:
    assert [fit_size(n) for n in (0, 1, 10, 11, 12, 100, 101)] == [0, 1, 10, 10, 12, 88, 88]
    rehearsal = decaying([1] * 88)
    before = model(rehearsal.history()).kernel
    trial = rehearsal.start({"x": 0.5, "y": 0.5}, 5)
    for step in range(1, 6):
        rehearsal.report(trial, step, 7.0)
    assert model(rehearsal.replayed()).kernel.parameters().tobytes() == before.parameters().tobytes()


def test_nothing_is_modelled_where_nothing_differs() -> None:
    rehearsal = Rehearsal(SPACE, Fidelity("epoch", 1, 20))
    assert curve_model(rehearsal.history(), 20) is None
    for _ in range(4):
        rehearsal.report(rehearsal.start({"x": 0.5, "y": 0.5}), 1, 1.0)
    assert curve_model(rehearsal.history(), 20) is None
