"""The interval for the best of many: its textbook limit, its coverage, and that it stays sane anywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri
from scipy.stats import beta, skew

from holdfast.errors import RequestError
from holdfast.stats import intervals
from holdfast.stats.rmx import Competition, SelectedInterval, Settings, are_shares, rmx, winner_errors
from holdfast.stats.units import block_length, time_blocks

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


def plain_rmx(
    S: np.ndarray, rng: np.random.Generator, v: float, omega2: float, variant: str = "default"
) -> tuple[float, float]:
    """The method in one piece, straight from its formulas, with normal quantiles and 20,000 draws."""
    N, C, B = *S.shape, 20_000
    m = S.mean(axis=0)
    s = int(m.argmax())
    Z = S - m
    var = S.var(axis=0, ddof=1)
    binary = set(np.unique(S)) <= {0.0, 1.0}
    if binary:
        var = np.maximum(var, (N + 1) / (N + 2) ** 2)
    se = np.sqrt(var / N)
    sdd = np.sqrt(np.maximum(var + var[s] - 2 * np.array([np.cov(S[:, c], S[:, s])[0, 1] for c in range(C)]), 0) / N)
    sdd[s] = 0
    U = Z / (se * math.sqrt(N))
    T = rng.standard_normal((B, N)) @ U / math.sqrt(N - 1)
    R = U.T @ U / (N - 1)
    r = R[~np.eye(C, dtype=bool)]
    rb = np.clip(r.mean(), 0, 0.999)
    lam = np.clip(np.mean((1 - r**2) ** 2) / (N - 1) / np.mean((r - rb) ** 2), 0, 1)
    T = math.sqrt(1 - lam) * T + math.sqrt(lam * (1 - rb)) * rng.standard_normal((B, C))
    T += math.sqrt(lam * rb) * rng.standard_normal((B, 1))
    k2, refit = 1 + omega2, math.sqrt(omega2) * rng.standard_normal(B)

    def selected(mu: np.ndarray) -> np.ndarray:
        return np.array([T[b, (mu + se * T[b]).argmax()] for b in range(B)]) + refit

    q_low = ndtri(0.025) * math.sqrt(k2)
    if variant == "default":
        q_high = -math.inf
        for pull in (-3, -2, -1, 0, 1, 2, 3):
            x = selected(-np.maximum(m[s] - m + pull * sdd, 0))
            q_high = max(q_high, np.quantile(x, 1 - max(0.045 - np.mean(x < q_low), 0.02)))
        mu = -np.maximum(m[s] - m - 3 * sdd, 0)
        left = se <= se.max() / 1.5
        while left[mu == 0].any():  # those alone that vary less, whose sides are apart
            q_high = max(q_high, np.quantile(selected(np.where(left, mu, -np.inf)), 0.98))
            left = se <= se[left].max() / 1.5
    else:
        q_high = np.quantile(selected(-np.maximum(m[s] - m - 3 * sdd, 0)), 0.98)
    if variant == "tight":
        q_low = np.quantile(selected(-(m[s] - m + sdd)), 0.025)
    if binary and variant == "jeffreys":
        a, b = m[s] * N / k2 + 0.5, (1 - m[s]) * N / k2 + 0.5
        return beta.ppf(ndtr(-q_high / math.sqrt(k2)), a, b), beta.ppf(ndtr(-q_low / math.sqrt(k2)), a, b)
    if binary:
        k, n = m[s] * N / k2, N / k2
        low = beta.ppf(ndtr(-q_high / math.sqrt(k2)), k, n - k + 1)
        return low, beta.ppf(ndtr(-q_low / math.sqrt(k2)), k + 1, n - k)
    error = max(se[s], math.sqrt(v / N))
    g = np.clip((skew(S[:, s]) + skew(S).mean()) / 2, -4, 4) / (6 * math.sqrt(N))
    low, high = (m[s] - error * (q - g * (1 + 2 * q**2)) for q in (q_high, q_low))
    return low, high


@pytest.mark.parametrize("omega2", [0.0, 0.35])
@pytest.mark.parametrize("binary", [True, False])
def test_it_is_what_the_formulas_say(binary: bool, omega2: float) -> None:
    rng = np.random.default_rng(10)
    ability = np.linspace(0.2, 0.9, 12)
    latent = 0.6 * rng.standard_normal((400, 1)) + 0.8 * rng.standard_normal((400, 12)) + ability
    scores = (latent > 0).astype(float) if binary else -np.exp(-latent)
    v = 1.5 * float(scores.var(axis=0).max())
    found = rmx(scores, rng, Settings(omega2=omega2, bootstraps=20_000), row_deviation=math.sqrt(v))
    low, high = plain_rmx(scores, rng, v, omega2)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    assert 1.5 < found.effective_configurations < 10


@pytest.mark.parametrize("omega2", [0.0, 0.35])
@pytest.mark.parametrize("variant", ["tight", "apart", "jeffreys"])
def test_the_variants_are_what_the_formulas_say(variant: str, omega2: float) -> None:
    rng = np.random.default_rng(12)
    latent = 0.6 * rng.standard_normal((300, 1)) + 0.8 * rng.standard_normal((300, 12)) + np.linspace(0.4, 0.8, 12)
    scores = (latent > 0).astype(float)
    default = Settings(omega2=omega2, bootstraps=20_000)
    apart = default._replace(shared=False)
    settings = {"tight": default._replace(tight=True), "apart": apart, "jeffreys": apart._replace(inversion="jeffreys")}
    found, plain = rmx(scores, rng, settings[variant]), rmx(scores, rng, default)
    low, high = plain_rmx(scores, rng, 0.0, omega2, variant)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    if variant == "apart":
        assert found.low < plain.low - 0.03 * (high - low)
        assert found.high == plain.high
    else:
        assert found.high < plain.high - (0.02 if variant == "tight" else 0.005) * (high - low)


def test_one_configuration_inverted_exactly_is_clopper_and_pearson() -> None:
    scores = np.r_[np.ones(41), np.zeros(9)][:, None]
    exact = Settings(alpha_low=0.025)
    found = rmx(scores, np.random.default_rng(0), exact)
    assert (found.low, found.high) == pytest.approx(intervals.clopper_pearson(41, 50))
    with pytest.raises(RequestError, match="contradict"):
        rmx(scores, np.random.default_rng(0), Settings(tight=True, any_rule=True))


def test_optimism_is_the_mean_of_the_largest_error() -> None:
    rng = np.random.default_rng(13)
    scores = rng.normal(size=(2000, 10))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    found = rmx(scores, rng, Settings(bootstraps=20_000), row_deviation=0.0)
    assert found.optimism * math.sqrt(2000) == pytest.approx(1.539, rel=0.03)  # of ten independent normals
    assert rmx(scores[:, :1], rng).optimism == 0.0


def test_the_variance_of_the_rows_left_out_is_used_where_none_is_given() -> None:
    scores = -np.random.default_rng(11).lognormal(sigma=1.5, size=(60, 30))
    plain = rmx(scores, np.random.default_rng(0), row_deviation=0.0)
    out_of_bag = rmx(scores, np.random.default_rng(0))
    assert out_of_bag.high - out_of_bag.low > 1.1 * (plain.high - plain.low)


def test_one_configuration_of_zeros_and_ones_gets_jeffreys_interval() -> None:
    scores = np.r_[np.ones(41), np.zeros(9)][:, None]
    found = rmx(scores, np.random.default_rng(0), Settings(inversion="jeffreys"))
    assert (found.low, found.high) == pytest.approx(intervals.jeffreys_tails(41, 50, 0.02, 0.025))
    assert found.effective_configurations == 1.0


def test_one_configuration_of_numbers_gets_students_interval() -> None:
    values = np.random.default_rng(1).lognormal(size=80)
    plan = Settings(alpha_low=0.025)
    found = rmx(values[:, None], np.random.default_rng(0), plan, row_deviation=0.0)
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


def test_groups_of_unequal_size_are_covered() -> None:
    rng = np.random.default_rng(14)
    held = 0
    for _ in range(200):
        groups = np.repeat(np.arange(20), np.maximum(rng.poisson(rng.exponential(8, 20)), 1))
        shared = 0.8 * rng.standard_normal((20, 1)) + 0.6 * rng.standard_normal((20, 20))
        scores = 0.7 * shared[groups] + 0.7 * rng.standard_normal((len(groups), 20))
        found = rmx(scores, rng, FEW, groups=groups)
        held += found.low <= 0 <= found.high
    assert held / 200 >= 0.93


@pytest.mark.parametrize("binary", [True, False])
def test_blocks_of_a_series_are_covered_where_rows_are_not(binary: bool) -> None:
    rng = np.random.default_rng(15)
    held, by_rows = 0, 0
    for _ in range(120):
        noise = 0.8 * rng.standard_normal((500, 1)) + 0.6 * rng.standard_normal((500, 15))
        latent = lfilter([math.sqrt(1 - 0.7**2)], [1.0, -0.7], noise, axis=0)[100:]
        scores = (latent < ndtri(0.8)).astype(float) if binary else latent
        truth = 0.8 if binary else 0.0
        best = scores[:, scores.mean(axis=0).argmax()]
        found = rmx(scores, rng, FEW, groups=time_blocks(np.arange(400), block_length(best)))
        held += found.low <= truth <= found.high
        found = rmx(scores, rng, FEW)
        by_rows += found.low <= truth <= found.high
    assert held / 120 >= 0.92
    assert by_rows / 120 < 0.85


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


def test_means_of_right_answers_over_repeats_are_known() -> None:
    right = np.random.default_rng(1).integers(2, size=(40, 5, 3))
    assert are_shares(right[..., 0])
    assert are_shares(right.mean(axis=2))
    assert are_shares(np.random.default_rng(1).integers(2, size=(40, 5, 7)).mean(axis=2, dtype=np.float32))
    assert not are_shares(right.mean(axis=2) * 2)
    assert not are_shares(np.random.default_rng(1).random((40, 5)))
    assert not are_shares(np.array([[0.0, 1.0, np.pi / 4]]))


def test_a_few_that_vary_ten_times_as_much_do_not_hide_the_competition_of_the_others() -> None:
    """Fifteen equals, and five whose errors are ten times as large and whose scores are two of these below."""
    rng = np.random.default_rng(21)
    scale = np.where(np.arange(20) < 5, 10.0, 1.0)
    truth = np.where(np.arange(20) < 5, -20.0, 0.0)
    missed, plain, repetitions = 0, 0, 400
    for errors in rng.standard_normal((repetitions, 20)):
        means = truth + scale * errors
        s = int(means.argmax())
        deviation = np.where(np.arange(20) == s, 0.0, np.hypot(scale, scale[s]))
        contest = Competition(rng.standard_normal((1000, 20)), scale, means[s] - means, deviation)
        missed += errors[s] > -ndtri(winner_errors(contest, rng, Settings()).lower)
        pulled = -np.maximum(contest.gap - 3 * deviation, 0.0)
        selected = (pulled + scale * contest.noise).argmax(axis=1)
        plain += errors[s] > np.quantile(contest.noise[np.arange(1000), selected], 0.98)
    assert plain / repetitions > 0.05
    assert missed / repetitions < 0.04


def test_where_all_vary_alike_there_is_one_selection() -> None:
    noise, gap = np.random.default_rng(22).standard_normal((2000, 10)), np.linspace(0, 2, 10)
    contest = Competition(noise, np.linspace(1, 1.4, 10), gap, np.where(gap == 0, 0.0, 1.4))
    rng = np.random.default_rng(0)
    pulled = -np.maximum(gap - 3 * contest.deviation, 0.0)
    selected = (pulled + contest.scale * noise).argmax(axis=1)
    assert winner_errors(contest, rng, Settings(shared=False)).lower == pytest.approx(
        ndtr(-np.quantile(noise[np.arange(2000), selected], 0.98))
    )


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("few", [1, 10])
def test_both_sides_together_miss_no_more_than_they_may(few: int, gap: float) -> None:
    """Normal means: a few configurations are above the rest; what the upper side leaves, the lower one takes."""
    rng = np.random.default_rng(23)
    truth, missed, apart, repetitions = np.where(np.arange(20) < few, 0.0, -gap), 0, 0, 1500
    pool = [rng.standard_normal((2000, 20)) for _ in range(5)]
    for k, errors in enumerate(rng.standard_normal((repetitions, 20))):
        means = truth + errors
        s = int(means.argmax())
        deviation = np.where(np.arange(20) == s, 0.0, math.sqrt(2))
        contest = Competition(pool[k % 5], np.ones(20), means[s] - means, deviation)
        quantiles = [-ndtri(winner_errors(contest, rng, Settings(shared=one)).lower) for one in (True, False)]
        assert quantiles[0] <= quantiles[1] + 1e-9
        over = errors[s] < ndtri(0.025)
        missed += over or errors[s] > quantiles[0]
        apart += over or errors[s] > quantiles[1]
    assert missed / repetitions < 0.045 + 2.5 * math.sqrt(0.045 * 0.955 / repetitions)
    assert apart <= missed
