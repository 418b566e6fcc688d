from __future__ import annotations

import math

import numpy as np

from holdfast.records import Config
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.failures import failure, leave_one_out, loss_targets
from holdfast.search.gp.surrogate import condition, kernel_at, prior_mode
from holdfast.search.gp.targets import standardise
from holdfast.search.history import COMPLETE, FAILED
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal, search


def told_at(x: np.ndarray) -> Told:
    return Told(object(), np.array([0]), x[:, None])


def targets(x: np.ndarray, losses: np.ndarray) -> np.ndarray:
    told, states = told_at(x), np.where(np.isnan(losses), FAILED, COMPLETE)
    chosen = np.arange(len(x))
    return loss_targets(told, losses, states, chosen, failure(told, ~np.isnan(losses), chosen))


def test_without_failures_the_targets_are_the_standardised_losses() -> None:
    losses = np.sin(np.arange(9.0))
    np.testing.assert_array_equal(targets(np.linspace(0, 1, 9), losses), standardise(losses))


def test_a_region_that_fails_is_as_bad_as_the_worst() -> None:
    x = np.linspace(0, 1, 24)
    found = targets(x, np.where(x > 0.6, math.nan, (x - 0.5) ** 2))
    assert found[x > 0.75].min() > np.quantile(found[x <= 0.6], 0.8)


def test_a_failure_by_accident_says_little() -> None:
    x = np.linspace(0, 1, 24)
    losses = 4 * (x - 0.5) ** 2
    losses[12] = math.nan
    found = targets(x, losses)
    assert found[12] < np.median(found)


def test_leave_one_out_is_what_the_others_predict() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((8, 2)), rng.standard_normal(8)
    kernel, group = kernel_at(prior_mode(2)), np.arange(2)
    posterior = condition(kernel, group, X, y)
    mean, variance = leave_one_out(posterior, y)
    for i in range(8):
        rest = np.arange(8) != i
        expected = condition(kernel, group, X[rest], y[rest]).predict(X[i : i + 1])
        np.testing.assert_allclose(mean[i], expected[0][0], rtol=1e-8)
        np.testing.assert_allclose(variance[i], expected[1][0] + posterior.noise, rtol=1e-8)


def crashing(config: Config) -> float:
    """Half of the space crashes, and the optimum is 0.05 from the border."""
    x = np.array([float(str(config[f"x{i}"])) for i in range(4)])
    return math.nan if x.sum() > 2.0 else float(((x - [0.7, 0.3, 0.55, 0.4]) ** 2).sum())


def test_an_optimum_at_the_border_of_a_region_that_crashes() -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(4)})
    best, failed = [], []
    for seed in range(3):
        rehearsal = Rehearsal(space, budget=35)
        search(GaussianProcess(), rehearsal, crashing, asks=35, seed=seed)
        best.append(np.nanmin(rehearsal.history().losses))
        failed.append(np.isnan(rehearsal.history().losses).sum())
    # random search has 0.03 after a thousand trials
    assert np.median(best) < 0.02
    assert max(failed) <= 14
