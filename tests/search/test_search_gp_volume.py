"""Expected hypervolume improvement against simulation, the closed form for one objective, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.search.gp.acquisition import log_expected_improvement
from holdfast.search.gp.volume import Rays, Region, boxes, rays, region
from holdfast.search.pareto import hypervolume


def sphere(n: int, k: int, seed: int = 0) -> np.ndarray:
    points = np.abs(np.random.default_rng(seed).standard_normal((n, k)))
    found: np.ndarray = points / np.linalg.norm(points, axis=1, keepdims=True)
    return found


def simulated(front: np.ndarray, reference: np.ndarray, mean: np.ndarray, sd: np.ndarray, draws: int) -> np.ndarray:
    """(draws,) improvements of the hypervolume by drawn points."""
    drawn = mean + sd * np.random.default_rng(1).standard_normal((draws, len(mean)))
    before = hypervolume(front, reference)
    return np.array([hypervolume(np.vstack([front, point]), reference) - before for point in drawn])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_boxes_against_simulation(k: int) -> None:
    front, reference = sphere(6, k), np.full(k, 1.5)
    mean, sd = np.full(k, 0.7), np.linspace(0.2, 0.5, k)
    drawn = simulated(front, reference, mean, sd, 2000 if k < 4 else 500)
    value = np.exp(boxes(front, reference).log_improvement(mean[None], sd[None] ** 2))[0]
    assert value == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(len(drawn)))


def test_one_objective_is_expected_improvement() -> None:
    mean, variance = np.linspace(-3, 60, 20), np.linspace(0.1, 2, 20)
    expected = log_expected_improvement(mean, variance, 0.3)
    found = boxes(np.array([[0.3], [0.9]]), np.array([5.0])).with_gradient(mean[:, None], variance[:, None])
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(np.ravel(other), one, rtol=1e-9)


@pytest.mark.parametrize("k", [3, 4])
def test_many_directions_agree_with_boxes(k: int) -> None:
    front, reference = sphere(8, k), np.full(k, 1.3)
    rng = np.random.default_rng(2)
    mean, variance = rng.uniform(0.3, 1.2, (30, k)), rng.uniform(0.01, 0.3, (30, k))
    exact = boxes(front, reference).log_improvement(mean, variance)
    drawn = rays(front, reference, rng, directions=4000).log_improvement(mean, variance)
    np.testing.assert_allclose(drawn, exact, atol=0.25)
    few = rays(front, reference, rng).log_improvement(mean, variance)
    assert np.corrcoef(few, exact)[0, 1] > 0.99


@pytest.mark.parametrize("make", [boxes, lambda front, reference: rays(front, reference, np.random.default_rng(0))])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_gradients_against_finite_differences(make: type, k: int) -> None:
    free: Region = make(sphere(6, k), np.full(k, 1.5))
    rng = np.random.default_rng(3)
    mean, variance = rng.uniform(-0.5, 6, (25, k)), rng.uniform(0.01, 1, (25, k))
    value, by_mean, by_variance = free.with_gradient(mean, variance)
    np.testing.assert_allclose(value, free.log_improvement(mean, variance))
    step = 1e-6
    for j in range(k):
        shift = np.zeros(k)
        shift[j] = step
        up, down = free.log_improvement(mean + shift, variance), free.log_improvement(mean - shift, variance)
        np.testing.assert_allclose(by_mean[:, j], (up - down) / (2 * step), rtol=1e-3, atol=1e-3)
        ratio = 1 + shift
        up, down = free.log_improvement(mean, variance * ratio), free.log_improvement(mean, variance / ratio)
        by_log = (up - down) / (2 * np.log(ratio[j]))
        np.testing.assert_allclose(by_variance[:, j] * variance[:, j], by_log, rtol=1e-3, atol=1e-3)


def test_far_in_the_tail_it_is_finite_and_falls() -> None:
    for free in (boxes(sphere(5, 2), np.full(2, 1.5)), rays(sphere(5, 4), np.full(4, 1.5), np.random.default_rng(0))):
        k = 4 if isinstance(free, Rays) else 2
        mean = np.repeat(np.geomspace(2, 1e4, 40)[:, None], k, axis=1)
        value, by_mean, by_variance = free.with_gradient(mean, np.full_like(mean, 0.01))
        assert np.isfinite([*value, *by_mean.ravel(), *by_variance.ravel()]).all()
        assert (np.diff(value) < 0).all()
        assert (by_mean < 0).all()


def test_an_empty_front_leaves_everything_free() -> None:
    free = boxes(np.zeros((0, 2)), np.ones(2))
    mean, variance = np.array([[-2.0, -1.0]]), np.full((1, 2), 1e-8)
    assert np.exp(free.log_improvement(mean, variance))[0] == pytest.approx(6.0)


def test_many_objectives_go_by_directions() -> None:
    rng = np.random.default_rng(0)
    assert not isinstance(region(sphere(60, 3), np.full(3, 1.5), rng), Rays)
    assert isinstance(region(sphere(60, 5), np.full(5, 1.5), rng), Rays)
