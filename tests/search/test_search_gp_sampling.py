import numpy as np

from holdfast.search.gp.sampling import _slice_step, sample_kernels
from holdfast.search.gp.surrogate import kernel_at, log_likelihood, negative_log_posterior, prior_moments

GROUP = np.arange(2)


def test_log_likelihood_is_what_the_fit_maximises() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.random((7, 2)), rng.standard_normal(7)
    mean, sd = prior_moments(2)
    gaps = []
    for shift in (-0.5, 0.0, 0.7):
        at = mean + shift
        z = (at - mean) / sd
        prior = -0.5 * float(z @ z) - float(at[:-1].sum())  # densities of lengths and noise, not of their logarithms
        gaps.append(
            log_likelihood(kernel_at(at), GROUP, features, targets)
            + prior
            + negative_log_posterior(at, GROUP, features, targets)[0]
        )
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)


def test_draws_follow_the_prior_where_the_targets_teach_nothing() -> None:
    features = np.full((1, 2), 0.5)
    drawn = sample_kernels(GROUP, features, np.zeros(1), 600, np.random.default_rng(0))
    lengths = np.log(np.array([kernel.lengths for kernel in drawn]))
    mean, sd = prior_moments(2)
    np.testing.assert_allclose(lengths.mean(axis=0), mean[:2], atol=0.3)
    np.testing.assert_allclose(lengths.std(axis=0), sd[:2], rtol=0.15)


def test_draws_find_what_matters_and_spread_where_data_is_short() -> None:
    rng = np.random.default_rng(1)
    features = rng.random((40, 2))
    targets = np.sin(9 * features[:, 0])
    targets = (targets - targets.mean()) / targets.std()
    drawn = sample_kernels(GROUP, features, targets, 20, np.random.default_rng(0))
    few = sample_kernels(GROUP, features[:4], targets[:4], 20, np.random.default_rng(0))
    lengths, short = (np.log(np.array([kernel.lengths for kernel in kernels])) for kernels in (drawn, few))
    assert np.all(lengths[:, 0] < lengths[:, 1])
    assert short[:, 0].std() > 2 * lengths[:, 0].std()


def test_same_stream_same_draws() -> None:
    rng = np.random.default_rng(2)
    features, targets = rng.random((6, 2)), rng.standard_normal(6)
    one, other = (sample_kernels(GROUP, features, targets, 3, np.random.default_rng(5)) for _ in range(2))
    assert [kernel.parameters().tolist() for kernel in one] == [kernel.parameters().tolist() for kernel in other]


def test_a_step_that_finds_nothing_ends_where_it_began() -> None:
    z = np.array([0.3, -0.2])
    for value in (float("nan"), float("inf"), 1.0):
        asked: list[np.ndarray] = []

        def height(at: np.ndarray, asked: list[np.ndarray] = asked) -> float:
            asked.append(at)
            if len(asked) > 1000:
                raise AssertionError("it looks on and on")
            return -1e9

        moved, reached = _slice_step(z, value, height, np.random.default_rng(0))
        np.testing.assert_array_equal(moved, z)
        np.testing.assert_equal(reached, value)
