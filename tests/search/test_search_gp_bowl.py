from __future__ import annotations

import numpy as np
import pytest

from holdfast.rng import Streams
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.bowl import bowl_of
from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.model import model_of
from holdfast.search.gp.sampling import sample_kernels
from holdfast.search.gp.surrogate import condition
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.rehearsal import Rehearsal, search

SPACE = Space(
    {
        "rate": Float(1e-4, 1, log=True, prior=Normal(1e-3, 0.4)),
        "plain": Float(0, 1),
        "depth": Int(1, 40, prior=Normal(10, 4)),
        "kind": Categorical(["a", "b", "c"], weights=[0.7, 0.2, 0.1]),
    }
)
EMBED = embedding(SPACE)


def test_the_bowl_is_of_the_normal_priors_where_they_are() -> None:
    bowl = bowl_of(SPACE, EMBED)
    assert bowl is not None
    np.testing.assert_array_equal(bowl.columns, [0, 2])
    np.testing.assert_allclose(bowl.means, [0.25, 9.5 / 40])
    np.testing.assert_allclose(bowl.sds, [0.1, 0.1])
    bare = Space({"x": Float(0, 1), "kind": SPACE["kind"]})
    assert bowl_of(bare, embedding(bare)) is None


def test_the_bowl_varies_as_much_as_losses_do() -> None:
    bowl = bowl_of(SPACE, EMBED)
    assert bowl is not None
    even = np.random.default_rng(0).random((4000, EMBED.group.size))
    assert bowl(even).var(axis=0).sum() == pytest.approx(1.0, abs=0.1)


def test_gradients_of_a_posterior_with_a_bowl_against_finite_differences() -> None:
    rng, bowl = np.random.default_rng(1), bowl_of(SPACE, EMBED)
    features, targets = EMBED(SPACE.snap(rng.random((14, 4)))), rng.standard_normal(14)
    (kernel,) = sample_kernels(EMBED.group, features, targets, 1, rng, bowl)
    assert kernel.bowl is bowl
    posterior = condition(kernel, EMBED.group, features, targets)
    at = EMBED(SPACE.snap(rng.random((5, 4))))
    mean, variance, by_mean, by_variance = posterior.predict_with_gradient(at)
    np.testing.assert_allclose(posterior.predict(at), [mean, variance])
    for column in range(at.shape[1]):
        step = np.zeros(at.shape[1])
        step[column] = 1e-6
        above, below = np.array(posterior.predict(at + step)), np.array(posterior.predict(at - step))
        slope = (above - below) / 2e-6
        np.testing.assert_allclose([by_mean[:, column], by_variance[:, column]], slope, rtol=1e-4, atol=1e-5)


def test_with_a_bowl_few_results_show_where_the_optimum_is() -> None:
    dimensions = 8
    space = Space({f"x{i}": Float(0, 1, prior=Normal(0.5, 0.1)) for i in range(dimensions)})
    embed, rng = embedding(space), np.random.default_rng(2)
    best = 0.5 + 0.1 * np.where(np.arange(dimensions) % 3, 1.0, -1.0)
    points = np.clip(0.5 + 0.1 * rng.standard_normal((14, dimensions)), 0, 1)
    targets = ((points - best) ** 2).sum(axis=1)
    targets = (targets - targets.mean()) / targets.std()
    bowl = bowl_of(space, embed)
    errors = []
    for believed in (None, bowl):
        found = sample_kernels(embed.group, embed(points), targets, 5, np.random.default_rng(3), believed)
        slopes = [
            condition(each, embed.group, embed(points), targets).predict_with_gradient(np.full((1, dimensions), 0.5))[2]
            for each in found
        ]
        errors.append(np.sum(np.sign(-np.mean(slopes, axis=0)[0]) != np.sign(best - 0.5)))
    assert errors[1] <= errors[0]
    assert errors[1] <= 1


def runs(centre: float) -> Rehearsal:
    space = Space({"x": Float(0, 1, prior=Normal(0.2, 0.1)), "y": Float(0, 1)})
    rehearsal = Rehearsal(space)
    search(GaussianProcess(), rehearsal, lambda c: (float(c["x"] or 0) - centre) ** 2, asks=9, seed=0)
    return rehearsal


def test_only_priors_that_results_bear_out_give_a_bowl() -> None:
    right, wrong = runs(0.25), runs(0.9)
    assert all(belief.kernel.bowl is not None for belief in model_of(right.history(), Streams(0)).beliefs)
    assert all(belief.kernel.bowl is None for belief in model_of(wrong.history(), Streams(0)).beliefs)


def test_the_start_goes_on_where_the_best_result_is() -> None:
    space = Space({"x": Float(0, 1, prior=Normal(0.2, 0.02)), "y": Float(0, 1)})
    for best, reason in ((0, "priors"), (1, "space-filling")):
        rehearsal = Rehearsal(space)
        strategy = GaussianProcess()
        for number in range(2):
            (asked,) = strategy.ask(rehearsal.history(), 1, Streams(0))
            rehearsal.finish(rehearsal.start(asked.config), float(number != best))
        (asked,) = strategy.ask(rehearsal.history(), 1, Streams(0))
        assert reason in asked.reason
