from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.records import Config
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.surrogate import (
    MEAN_VARIANCE,
    Kernel,
    condition,
    fit,
    kernel_at,
    matern,
    negative_log_posterior,
    prior_mode,
    squared_distances,
)
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.space.domains import Scalar

TREE = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "rate": Float(1e-4, 1, log=True),
        "momentum": Float(0, 1, when={"kind": "a"}),
        "variant": Categorical(["x", "y", "z"], when={"kind": ["a", "b"]}),
        "deep": Float(0, 1, when={"variant": "z"}),
        "depth": Int(1, 4),
        "size": Categorical([8, 16, 32], ordered=True, when={"depth": [3, 4]}),
        "constant": Categorical(["only"]),
    }
)


def reference_kernel(a: np.ndarray, b: np.ndarray, lengths: np.ndarray, signal: float) -> float:
    r = np.sqrt(np.sum(((a - b) / lengths) ** 2))
    return float(signal * (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r) + MEAN_VARIANCE)


def test_posterior_equals_the_closed_form_on_five_points() -> None:
    rng = np.random.default_rng(0)
    X, y, Z = rng.random((5, 2)), rng.standard_normal(5), rng.random((7, 2))
    kernel = Kernel(lengths=np.array([0.3, 0.7]), noise=0.01, signal=1.7)

    def gram(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        return np.array([[reference_kernel(a, b, kernel.lengths, kernel.signal) for b in B] for a in A])

    inverse = np.linalg.inv(gram(X, X) + kernel.noise * np.eye(5))
    mean, variance = condition(kernel, np.arange(2), X, y).predict(Z)
    np.testing.assert_allclose(mean, gram(Z, X) @ inverse @ y, rtol=1e-9)
    np.testing.assert_allclose(variance, np.diag(gram(Z, Z) - gram(Z, X) @ inverse @ gram(X, Z)), rtol=1e-8)


def test_means_at_the_points_are_those_predicted_there() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.random((12, 3)), rng.standard_normal(12)
    posterior = condition(kernel_at(prior_mode(3)), np.arange(3), X, y)
    np.testing.assert_allclose(posterior.means_at_points(y), posterior.predict(X)[0], atol=1e-10)


def test_a_weighted_sum_has_the_moments_of_the_joint_posterior() -> None:
    rng = np.random.default_rng(5)
    X, y, Z, weights = rng.random((9, 2)), rng.standard_normal(9), rng.random((2, 2)), np.array([1.0, -0.5])
    kernel, group = kernel_at(prior_mode(2)), np.arange(2)
    posterior = condition(kernel, group, X, y)
    mean, variance = posterior.predict(Z)
    found = posterior.weighted_sum(Z, weights)
    assert found[0] == pytest.approx(weights @ mean)
    alone = [posterior.weighted_sum(Z, at)[1] for at in np.eye(2)]
    np.testing.assert_allclose(alone, variance, rtol=1e-9)
    # the variance at the second point, once the first is known, tells their covariance
    known = Kernel(kernel.lengths, kernel.noise, kernel.signal)
    left = condition(known, group, X, y).with_pending(Z[:1]).predict(Z[1:])[1][0]
    squared = (variance[1] - left) * (variance[0] + kernel.noise)
    covariance = (variance @ weights**2 - found[1]) / (-2 * weights[0] * weights[1])
    assert covariance**2 == pytest.approx(squared, rel=1e-6)


def test_a_pending_point_is_an_observation_at_the_posterior_mean() -> None:
    rng = np.random.default_rng(2)
    X, y, pending, Z = rng.random((9, 2)), rng.standard_normal(9), rng.random((3, 2)), rng.random((6, 2))
    kernel, group = kernel_at(prior_mode(2)), np.arange(2)
    posterior = condition(kernel, group, X, y)
    fantasy = posterior.predict(pending)[0]
    expected = condition(kernel, group, np.concatenate([X, pending]), np.concatenate([y, fantasy])).predict(Z)
    found = posterior.with_pending(pending).predict(Z)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-9)
    assert np.all(found[1] < posterior.predict(Z)[1])


def test_pending_points_with_drawn_results_are_observations_of_these() -> None:
    rng = np.random.default_rng(3)
    X, y, pending, Z = rng.random((9, 2)), rng.standard_normal(9), rng.random((3, 2)), rng.random((6, 2))
    kernel, group, normals = kernel_at(prior_mode(2)), np.arange(2), rng.standard_normal((1000, 3))
    posterior = condition(kernel, group, X, y)
    found = posterior.with_pending(pending, normals)
    # (K + noise I) weights = targets
    drawn = found.predict(pending)[0] + kernel.noise * found.weights[:, 9:]
    for draw in (0, 999):
        again = condition(kernel, group, np.concatenate([X, pending]), np.concatenate([y, drawn[draw]]))
        mean, variance, by_mean, by_variance = found.predict_with_gradient(Z)
        for one, other in zip(
            (mean[draw], variance, by_mean[draw], by_variance), again.predict_with_gradient(Z), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-9)
    means, variances = posterior.predict(pending)
    np.testing.assert_allclose(np.mean(drawn, axis=0), means, atol=4 * np.sqrt(variances.max() / 1000))
    np.testing.assert_allclose(np.var(drawn, axis=0), variances + kernel.noise, rtol=0.2)
    one_by_one = posterior.with_pending(pending[:1], normals[:, :1]).with_pending(pending[1:], normals[:, 1:])
    np.testing.assert_allclose(one_by_one.predict(Z)[0], found.predict(Z)[0], atol=1e-9)


def test_a_covariance_without_a_factor_gets_more_noise() -> None:
    X = np.full((30, 1), 0.5)
    kernel = Kernel(lengths=np.array([1.0]), noise=1e-20, signal=1.0)
    posterior = condition(kernel, np.arange(1), X, np.linspace(-1, 1, 30))
    assert posterior.noise > kernel.noise
    assert np.all(np.isfinite(posterior.predict(X)[0]))


@given(
    parameters=st.lists(st.floats(-2, 1), min_size=5, max_size=5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_gradient_of_the_marginal_likelihood(parameters: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.array([0, 1, 2, 2, 2])
    X, y, at = rng.random((8, 5)), rng.standard_normal(8), np.array(parameters)
    value, gradient = negative_log_posterior(at, group, X, y)
    assert np.isfinite(value)
    for i in range(len(at)):
        step = np.zeros(len(at))
        step[i] = 1e-5
        up, down = (negative_log_posterior(at + sign * step, group, X, y)[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-4)


def test_the_prior_mode_is_where_the_prior_is_flat() -> None:
    # one point at a target of zero: the likelihood hardly depends on the length-scale
    _, gradient = negative_log_posterior(prior_mode(4), np.arange(4), np.full((1, 4), 0.5), np.zeros(1))
    np.testing.assert_allclose(gradient[:4], 0, atol=1e-12)


def test_fit_finds_which_coordinate_matters() -> None:
    rng = np.random.default_rng(3)
    X = rng.random((60, 3))
    kernel = fit(np.arange(3), X, np.sin(6 * X[:, 1]))
    assert kernel.lengths[1] * 3 < min(kernel.lengths[0], kernel.lengths[2])
    assert kernel.noise < 1e-3


def test_gradient_of_the_prediction() -> None:
    rng = np.random.default_rng(4)
    X, y, Z = rng.random((15, 3)), rng.standard_normal(15), rng.random((4, 3))
    posterior = condition(kernel_at(prior_mode(3)), np.arange(3), X, y)
    posterior = posterior.with_pending(rng.random((2, 3)))
    mean, variance, by_mean, by_variance = posterior.predict_with_gradient(Z)
    np.testing.assert_allclose((mean, variance), posterior.predict(Z), rtol=1e-12)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-6
        up, down = posterior.predict(Z + step), posterior.predict(Z - step)
        np.testing.assert_allclose(by_mean[:, i], (up[0] - down[0]) / 2e-6, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(by_variance[:, i], (up[1] - down[1]) / 2e-6, rtol=1e-5, atol=1e-7)


@given(seed=st.integers(0, 10_000), scale=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_gram_matrix_is_positive_semi_definite_over_conditional_configs(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    embed = embedding(TREE)
    units = np.array([TREE.encode(TREE.sample(rng)) for _ in range(25)])
    features = embed(units)
    assert np.all(np.isfinite(features))
    lengths = np.exp(scale + rng.standard_normal(embed.groups))
    points = Kernel(lengths, 1e-6, 1.0).scale(features, embed.group)
    gram = matern(squared_distances(points, points))
    assert np.linalg.eigvalsh(gram).min() > -1e-9


def distances(embed: Embedding, *configs: Config) -> np.ndarray:
    features = embed(np.array([TREE.encode(config) for config in configs]))
    return squared_distances(features, features)


def test_choices_are_a_hamming_distance_apart() -> None:
    configs: list[Config] = [{"kind": kind, "rate": 0.1, "depth": 1} for kind in "abc"]
    found = distances(embedding(TREE), *configs)
    np.testing.assert_allclose(found, 1 - np.eye(3), atol=1e-12)


def test_a_branch_that_is_switched_on_moves_a_config() -> None:
    base: Config = {"kind": "c", "rate": 0.1, "depth": 2}
    found = distances(embedding(TREE), base, {**base, "depth": 3, "size": 16})
    assert found[0, 1] == pytest.approx(0.25**2 + 1)


def test_a_constant_takes_no_part() -> None:
    embed = embedding(Space({"only": Categorical(["x"])}))
    assert embed.groups == 0
    assert embed(np.array([[0.5], [0.5]])).shape == (2, 0)


def test_unknown_values_are_put_at_the_middle() -> None:
    features = embedding(TREE)(np.full((1, len(TREE)), np.nan))
    assert np.all(np.isfinite(features))


@st.composite
def random_spaces(draw: st.DrawFn) -> Space:
    """Up to eight hyperparameters of any kind, each of which may depend on one before it, at any depth."""
    domains: dict[str, Domain] = {}
    for i in range(draw(st.integers(1, 8))):
        parents = [name for name, domain in domains.items() if not isinstance(domain, Float)]
        when: dict[str, list[Scalar]] = {}
        dependent: bool = draw(st.booleans())
        if parents and dependent:
            parent = draw(st.sampled_from(parents))
            values = list(domains[parent].grid(domains[parent].cells or 1))
            when = {parent: draw(st.lists(st.sampled_from(values), min_size=1, unique=True))}
        kind = draw(st.sampled_from(["float", "int", "choice", "ordered"]))
        if kind == "float":
            domains[f"x{i}"] = Float(1e-3, 1, log=draw(st.booleans()), when=when)
        elif kind == "int":
            domains[f"x{i}"] = Int(1, draw(st.integers(2, 30)), when=when)
        else:
            choices = list("abcde")[: draw(st.integers(1, 5))]
            domains[f"x{i}"] = Categorical(choices, ordered=kind == "ordered", when=when)
    return Space(domains)


@given(space=random_spaces(), seed=st.integers(0, 10_000), scale=st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_gram_matrix_is_positive_semi_definite_over_random_conditional_spaces(
    space: Space, seed: int, scale: float
) -> None:
    rng, embed = np.random.default_rng(seed), embedding(space)
    features = embed(np.array([space.encode(space.sample(rng)) for _ in range(20)]))
    points = Kernel(np.exp(scale + rng.standard_normal(embed.groups)), 1e-6, 1.0).scale(features, embed.group)
    gram = matern(squared_distances(points, points))
    np.testing.assert_allclose(np.diag(gram), 1)
    assert np.linalg.eigvalsh(gram).min() > -1e-9
