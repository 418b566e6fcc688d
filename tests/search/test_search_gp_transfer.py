from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.surrogate import condition, kernel_at, prior_mode
from holdfast.search.gp.transfer import Shifted, Transfer, best_of_earlier, ranking_weights, transferred
from holdfast.search.random import RandomSearch
from holdfast.space import Float, Space
from holdfast.testing.problems import hartmann6, problem
from holdfast.testing.rehearsal import Loss, Rehearsal, random_trials, search

HARTMANN = problem("hartmann6")
KERNEL, GROUP = kernel_at(prior_mode(2)), np.arange(2)


def related(config: Config) -> float:
    """Another scale, and the optimum 0.04 away in each coordinate."""
    moved = {name: min(max(float(str(x)) + 0.04 * (-1) ** i, 0.0), 1.0) for i, (name, x) in enumerate(config.items())}
    return 3 * hartmann6(moved) + 1


def upside_down(config: Config) -> float:
    return -hartmann6(config)


def found_by_random(loss: Loss, n: int = 60) -> tuple[list[Config], list[float]]:
    rehearsal = Rehearsal(HARTMANN.space)
    search(RandomSearch(), rehearsal, loss, asks=n, seed=100)
    history = rehearsal.history()
    return [dict(history.config(i)) for i in range(n)], history.losses.tolist()


def regret(before: Loss | None, *, trials: int, seed: int) -> float:
    rehearsal = Rehearsal(HARTMANN.space, budget=40)
    if before is not None:
        rehearsal.learn("before", *found_by_random(before))
    search(GaussianProcess(), rehearsal, HARTMANN.loss, asks=trials, seed=seed)
    return float(np.nanmin(rehearsal.history().losses)) - HARTMANN.best


def test_a_related_study_saves_half_of_the_trials() -> None:
    with_it = np.median([regret(related, trials=10, seed=seed) for seed in range(3)])
    assert with_it <= np.median([regret(None, trials=20, seed=seed) for seed in range(3)])


def test_a_misleading_study_has_no_weight_and_then_the_search_is_as_without() -> None:
    rehearsal = Rehearsal(HARTMANN.space)
    search(RandomSearch(), rehearsal, HARTMANN.loss, asks=20, seed=0)
    without = GaussianProcess().ask(rehearsal.history(), 2, Streams(0))
    rehearsal.learn("before", *found_by_random(upside_down))
    history = rehearsal.history()
    embed = embedding(HARTMANN.space)
    assert transferred(history, Told(history.token, embed.group, embed(history.units)), Streams(0)) is None
    assert [s.config for s in GaussianProcess().ask(history, 2, Streams(0))] == [s.config for s in without]


def test_the_best_of_each_earlier_study_come_first_and_say_so() -> None:
    space = Space({"x": Float(0, 1)})
    rehearsal = Rehearsal(space, budget=40)
    rehearsal.learn("one", [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}], [3.0, 1.0, 2.0])
    rehearsal.learn("two", [{"x": 0.8}], [9.0])
    history = rehearsal.history()
    assert [(round(float(unit[0]), 9), name) for unit, name in best_of_earlier(history, 3)] == [
        (0.2, "one"),
        (0.8, "two"),
        (0.3, "one"),
    ]
    asked = GaussianProcess(n_initial=6).ask(history, 4, Streams(0))
    assert [suggestion.config["x"] for suggestion in asked] == [0.5, 0.2, 0.8, 0.3]
    assert asked[1].reason == "gp: among the best of the earlier study 'one'"


def test_studies_that_fit_the_space_badly_or_are_short_are_no_obstacle() -> None:
    rehearsal = Rehearsal(HARTMANN.space)
    random_trials(rehearsal, [math.sin(i) for i in range(12)])
    rehearsal.learn("none", [], [])
    rehearsal.learn("one", [HARTMANN.space.default_config()], [0.0])
    rehearsal.learn("constant", *found_by_random(lambda _: 1.0, 12))
    assert len(GaussianProcess().ask(rehearsal.history(), 2, Streams(0))) == 2


def test_the_weights_go_to_what_ranks_the_trials() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((14, 2))
    y = np.sin(9 * X[:, 0]) * np.cos(11 * X[:, 1])
    Z = rng.random((120, 2))
    short = kernel_at(np.log([0.2, 0.2, 1e-4, 1.0]))
    good = condition(short, GROUP, Z, np.sin(9 * Z[:, 0]) * np.cos(11 * Z[:, 1]))
    bad = condition(short, GROUP, Z, -np.sin(9 * Z[:, 0]) * np.cos(11 * Z[:, 1]))
    weights = ranking_weights(condition(KERNEL, GROUP, X, y), y, [bad, good], X)
    assert weights[0] == 0
    assert weights[1] > 0.9


def test_gradient_and_pending_points_of_a_shifted_posterior() -> None:
    rng = np.random.default_rng(1)
    X, y, Z = rng.random((10, 2)), rng.standard_normal(10), rng.random((4, 2))
    transfer = Transfer((condition(KERNEL, GROUP, rng.random((9, 2)), y[:9]),), np.array([0.6]), (KERNEL,))
    belief = Shifted(condition(KERNEL, GROUP, X, y - transfer.shift(X)), transfer)
    pending = belief.with_pending(Z[:1])
    np.testing.assert_allclose(pending.predict(Z)[0], belief.predict(Z)[0], atol=1e-9)
    assert pending.predict(Z)[1][0] < belief.predict(Z)[1][0]
    mean, variance, by_mean, by_variance = belief.predict_with_gradient(Z)
    np.testing.assert_allclose((mean, variance), belief.predict(Z), rtol=1e-10)
    for i in range(2):
        step = np.zeros(2)
        step[i] = 1e-6
        up, down = belief.predict(Z + step), belief.predict(Z - step)
        np.testing.assert_allclose(by_mean[:, i], (up[0] - down[0]) / 2e-6, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(by_variance[:, i], (up[1] - down[1]) / 2e-6, rtol=1e-5, atol=1e-7)


def test_a_weighted_sum_is_that_of_rest_and_earlier_means() -> None:
    rng = np.random.default_rng(7)
    features, targets, at, weights = (
        rng.random((6, 2)),
        rng.standard_normal(6),
        rng.random((3, 2)),
        np.array([1, -2, 1]),
    )
    rest, earlier = condition(KERNEL, GROUP, features, targets), condition(KERNEL, GROUP, features, -targets)
    shifted = Shifted(rest, Transfer((earlier,), np.array([0.4]), ()))
    mean, variance = shifted.weighted_sum(at, weights)
    assert mean == pytest.approx(weights @ shifted.predict(at)[0])
    assert variance == rest.weighted_sum(at, weights)[1]
