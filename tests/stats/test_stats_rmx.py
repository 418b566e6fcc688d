"""The interval for the best of many: its textbook limit, its coverage, and that it stays sane anywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from holdfast.errors import RequestError
from holdfast.stats import intervals
from holdfast.stats.rmx import SelectedInterval, Settings, rmx

FEW = Settings(bootstraps=500)


def correlated(rng: np.random.Generator, n: int, c: int) -> tuple[np.ndarray, np.ndarray]:
    """0/1 scores whose rows share a difficulty (probit, correlation 0.8), and the true accuracies."""
    accuracy = np.clip(rng.normal(0.75, 0.05, size=c), 0.05, 0.95)
    difficulty = rng.standard_normal((n, 1))
    latent = math.sqrt(0.8) * difficulty + math.sqrt(0.2) * rng.standard_normal((n, c))
    return (latent < ndtri(accuracy)).astype(float), accuracy


def coverage(n: int, c: int, repetitions: int, seed: int, plan: Settings = FEW) -> tuple[float, float]:
    """How often the interval holds the winner's accuracy, and how often Wald's does."""
    rng = np.random.default_rng(seed)
    held, wald = 0, 0
    for _ in range(repetitions):
        scores, accuracy = correlated(rng, n, c)
        found = rmx(scores, rng, plan)
        truth, mean = accuracy[found.winner], scores[:, found.winner].mean()
        held += found.low <= truth <= found.high
        wald += abs(mean - truth) <= 1.96 * math.sqrt(mean * (1 - mean) / n)
    return held / repetitions, wald / repetitions


def test_one_configuration_of_zeros_and_ones_gets_jeffreys_interval() -> None:
    scores = np.r_[np.ones(41), np.zeros(9)][:, None]
    found = rmx(scores, np.random.default_rng(0))
    assert (found.low, found.high) == pytest.approx(intervals.jeffreys_tails(41, 50, 0.02, 0.025))
    assert found.effective_configurations == 1.0


def test_one_configuration_of_numbers_gets_students_interval() -> None:
    values = np.random.default_rng(1).lognormal(size=80)
    plan = Settings(alpha_low=0.025)
    found = rmx(values[:, None], np.random.default_rng(0), plan, row_variance=0.0)
    assert (found.low, found.high) == pytest.approx(intervals.mean_interval(values))


def test_two_hundred_repetitions_of_correlated_configurations_are_covered() -> None:
    held, wald = coverage(100, 20, 200, seed=2)
    assert held >= 0.93
    assert wald < held - 0.05


@pytest.mark.long
@pytest.mark.parametrize(("n", "c"), [(50, 20), (100, 200), (500, 20)])
def test_a_thousand_repetitions_are_covered(n: int, c: int) -> None:
    assert coverage(n, c, 1000, seed=3, plan=Settings())[0] >= 0.955


@pytest.mark.long
def test_skewed_losses_are_covered() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(500):
        shift = rng.normal(0, 0.1, size=20)
        noise = math.sqrt(0.5) * rng.standard_normal((100, 1)) + math.sqrt(0.5) * rng.standard_normal((100, 20))
        found = rmx(-np.exp(shift + 0.7 * noise), rng)
        held += found.low <= -math.exp(shift[found.winner] + 0.7**2 / 2) <= found.high
    assert held / 500 >= 0.94


def test_groups_are_covered_where_rows_alone_are_not() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 5)
    clustered, plain = 0, 0
    for _ in range(200):
        latent = rng.standard_normal((40, 10))[groups] * math.sqrt(0.7) + rng.standard_normal((200, 10)) * math.sqrt(
            0.3
        )
        scores = (latent < ndtri(0.8)).astype(float)
        wide, narrow = rmx(scores, rng, FEW, groups=groups), rmx(scores, rng, FEW)
        clustered += wide.low <= 0.8 <= wide.high
        plain += narrow.low <= 0.8 <= narrow.high
    assert clustered / 200 >= 0.93
    assert plain < clustered - 10


def test_few_groups_of_alike_rows_are_covered() -> None:
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(10), 10)
    held = 0
    for _ in range(150):
        shared = 0.8 * rng.standard_normal((10, 1)) + 0.6 * rng.standard_normal((10, 10))
        latent = math.sqrt(0.8) * shared[groups] + math.sqrt(0.2) * rng.standard_normal((100, 10))
        found = rmx((latent < ndtri(0.8)).astype(float), rng, FEW, groups=groups)
        held += found.low <= 0.8 <= found.high
    assert held / 150 >= 0.93


def test_singleton_groups_change_next_to_nothing() -> None:
    scores, _ = correlated(np.random.default_rng(6), 200, 10)
    plain = rmx(scores, np.random.default_rng(0))
    grouped = rmx(scores, np.random.default_rng(0), groups=np.arange(200))
    assert (grouped.low, grouped.high) == pytest.approx((plain.low, plain.high), abs=0.003)


def test_a_refit_and_a_higher_level_widen_and_any_rule_widens_both_sides() -> None:
    scores, _ = correlated(np.random.default_rng(7), 150, 15)

    def bounds(plan: Settings) -> SelectedInterval:
        return rmx(scores, np.random.default_rng(0), plan)

    plain = bounds(Settings())
    for wider in (Settings(omega2=0.35), Settings(level=0.99), Settings(any_rule=True)):
        found = bounds(wider)
        assert found.low < plain.low
        assert found.high > plain.high


def test_configurations_that_could_not_win_do_not_count() -> None:
    rng = np.random.default_rng(8)
    good = (rng.random((300, 1)) < 0.9).astype(float)
    bad = (rng.random((300, 40)) < 0.3).astype(float)
    assert rmx(np.hstack([good, bad]), rng).effective_configurations < 1.6
    ties = (rng.random((300, 41)) < 0.9).astype(float)
    assert rmx(ties, rng).effective_configurations > 15


@given(
    n=st.integers(2, 40),
    c=st.integers(1, 12),
    share=st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]),
    seed=st.integers(0, 1000),
    omega2=st.sampled_from([0.0, 0.35]),
    grouped=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_zero_one_intervals_hold_the_winner_and_stay_in_range(
    n: int, c: int, share: float, seed: int, omega2: float, grouped: bool
) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.random((n, c)) < share).astype(float)
    groups = np.arange(n) % max(2, n // 3) if grouped else None
    found = rmx(scores, rng, Settings(omega2=omega2, bootstraps=200), groups=groups)
    mean = scores[:, found.winner].mean()
    assert 0 <= found.low <= mean + 1e-12
    assert mean - 1e-12 <= found.high <= 1
    assert found.low < found.high
    assert 1 <= found.effective_configurations <= c


@given(
    n=st.integers(2, 30),
    c=st.integers(1, 8),
    kind=st.sampled_from(["constant", "normal", "spike", "copies"]),
    seed=st.integers(0, 1000),
    grouped=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_other_intervals_are_finite_and_hold_the_winner(n: int, c: int, kind: str, seed: int, grouped: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = {
        "constant": np.full((n, c), -2.5),
        "normal": rng.normal(size=(n, c)),
        "spike": -1e6 * (rng.random((n, c)) < 0.1),
        "copies": np.repeat(rng.lognormal(size=(n, 1)), c, axis=1),
    }[kind]
    groups = np.arange(n) % max(2, n // 3) if grouped else None
    found = rmx(scores, rng, Settings(bootstraps=200), groups=groups)
    mean = scores[:, found.winner].mean()
    slack = 1e-9 * (1 + np.abs(scores).max())
    assert found.low - slack <= mean <= found.high + slack
    assert math.isfinite(found.low)
    assert math.isfinite(found.high)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros((1, 3)), "at least two rows"),
        (np.zeros(5), "at least two rows"),
        (np.zeros((5, 0)), "one configuration"),
        (np.array([[0.0], [np.nan]]), "not finite"),
    ],
)
def test_bad_scores_get_a_sentence(scores: np.ndarray, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        rmx(scores, np.random.default_rng(0))
