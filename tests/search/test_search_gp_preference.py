from __future__ import annotations

import numpy as np
import pytest

from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.embedding import embedding, smooth_columns
from holdfast.search.gp.preference import LEAST, STRENGTH, Preference, pairs, preference, trust
from holdfast.search.gp.surrogate import condition, kernel_at, prior_mode
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.problems import Problem, problem, regrets

MIXED = Space(
    {
        "rate": Float(1e-4, 1, log=True, prior=Normal(1e-2, 1)),
        "depth": Int(1, 40, prior=Normal(10, 5)),
        "kind": Categorical(["a", "b", "c"], weights=[0.7, 0.2, 0.1]),
        "momentum": Float(0, 1, when={"kind": "a"}, prior=Normal(0.9, 0.1)),
    }
)


def test_the_weight_multiplies_the_density_which_is_bounded_below() -> None:
    units = MIXED.snap(np.random.default_rng(0).random((200, len(MIXED))))
    density = MIXED.log_prior(units)
    np.testing.assert_allclose(Preference(MIXED, 0.5).value(units), 0.5 * np.maximum(density, LEAST))
    assert np.ptp(density) > 1


def test_gradient_against_finite_differences() -> None:
    rng, smooth = np.random.default_rng(1), smooth_columns(MIXED)
    preference = Preference(MIXED, 0.7)
    units = MIXED.snap(0.3 + 0.4 * rng.random((30, len(MIXED))))
    value, gradient = preference.with_gradient(units, smooth)
    np.testing.assert_array_equal(value, preference.value(units))
    for at, column in enumerate(smooth):
        step = np.zeros(len(MIXED))
        step[column] = 1e-5
        slope = (preference.value(units + step) - preference.value(units - step)) / 2e-5
        np.testing.assert_allclose(gradient[:, at], np.nan_to_num(slope), rtol=1e-4, atol=1e-5)


SLOPE = Space({"x": Float(0, 1, prior=Normal(0.2, 0.1)), "y": Float(0, 1)})


def slope_trust(slope: float, noise: float = 0.0) -> float:
    rng = np.random.default_rng(2)
    units = rng.random((12, 2))
    targets = slope * units[:, 0] + noise * rng.standard_normal(12)
    embed = embedding(SLOPE)
    return trust(SLOPE, embed, [condition(kernel_at(prior_mode(2)), embed.group, embed(units), targets)])


def test_a_prior_is_trusted_as_far_as_the_surrogate_bears_it_out() -> None:
    assert slope_trust(3.0) > 0.95
    assert slope_trust(-3.0) == 0
    assert 0.1 < slope_trust(0.15) < slope_trust(0.4) < 0.95


def test_the_trust_is_the_mean_over_beliefs_each_of_them_floored() -> None:
    class Sure:
        def __init__(self, mean: float) -> None:
            self.mean = mean

        def weighted_sum(self, features: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
            return self.mean * float(np.abs(weights).sum()) / 2, 1.0

    embed = embedding(SLOPE)
    assert trust(SLOPE, embed, [Sure(9), Sure(-9)]) == pytest.approx(0.5)
    assert trust(SLOPE, embed, [Sure(1.0)]) == pytest.approx(0.6827, abs=1e-4)  # within one SD of the mean
    assert trust(SLOPE, embed, [Sure(0.0)]) == 0
    preferred = preference(SLOPE, 0.5, 20)
    assert preferred is not None
    assert preferred.weight == pytest.approx(0.5 * STRENGTH / 20)
    bare = Space({"x": Float(0, 1)})
    assert trust(bare, embed, [Sure(9)]) == 0
    assert preference(bare, 0.0, 20) is None


def test_pairs_differ_by_what_has_a_prior_and_are_allowed() -> None:
    drawn, even = pairs(SLOPE)
    assert abs(drawn[:, 0].mean() - 0.2) < 0.05
    assert abs(even[:, 0].mean() - 0.5) < 0.1
    np.testing.assert_array_equal(drawn[:, 1], even[:, 1])
    ruled = Space(dict(SLOPE.domains), forbid=["x + y > 1"])
    assert all(ruled.allowed(points).all() for points in pairs(ruled))
    drawn, even = pairs(MIXED)
    assert np.isnan(drawn).any()
    np.testing.assert_array_equal(even, MIXED.snap(even))


def with_prior(name: str, means: list[float], sd: float) -> Problem:
    base = problem(name)
    domains = {
        key: Float(domain.low, domain.high, prior=Normal(mean, sd * (domain.high - domain.low)))
        for (key, domain), mean in zip(base.space.domains.items(), means, strict=True)
        if isinstance(domain, Float)
    }
    return Problem(name, Space(domains), base.loss, base.best)


OPTIMUM = [0.20, 0.15, 0.48, 0.28, 0.31, 0.66]


def test_a_right_prior_saves_half_of_the_trials() -> None:
    right = with_prior("hartmann6", [x + 0.1 * (-1) ** i for i, x in enumerate(OPTIMUM)], 0.15)
    without = np.median([regrets(GaussianProcess(), problem("hartmann6"), trials=20, seed=s) for s in range(5)], axis=0)
    found = np.median([regrets(GaussianProcess(), right, trials=10, seed=s) for s in range(5)], axis=0)
    assert found[9] <= without[19]


@pytest.mark.long
def test_a_wrong_prior_is_recovered_from_by_trial_40() -> None:
    wrong = with_prior("hartmann6", [0.9 if x < 0.5 else 0.1 for x in OPTIMUM], 0.15)
    without = np.median([regrets(GaussianProcess(), problem("hartmann6"), trials=40, seed=s)[-1] for s in range(8)])
    found = np.median([regrets(GaussianProcess(), wrong, trials=40, seed=s)[-1] for s in range(8)])
    assert found <= without + 0.1  # random search has about 1.0
