"""RMX for metrics between 0 and 1: the textbook where nothing was selected, rmx where the metric is a mean, and AUC."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtrit

from holdfast.errors import RequestError
from holdfast.stats import weighted
from holdfast.stats.bootstrap import bbc_metric
from holdfast.stats.intervals import jeffreys_tails
from holdfast.stats.rmx import Settings, rmx
from holdfast.stats.rmx_metric import rmx_metric


def bootstrapped(scores: np.ndarray, bootstraps: int = 2000) -> np.ndarray:
    n, c = scores.shape
    rng = np.random.default_rng(0)
    found = bbc_metric(lambda k, w: weighted.mean(scores[:, k], w), n, c, rng, bootstraps).in_bag
    assert found is not None
    return found


def test_one_configuration_gets_jeffreys_interval_at_the_effective_size() -> None:
    in_bag = 0.8 + 0.03 * np.random.default_rng(0).standard_normal((4000, 1))
    found = rmx_metric(np.array([0.8]), in_bag, np.random.default_rng(1), units=30)
    size = 0.16 / in_bag.var(ddof=1)
    low, high = (size * (ndtri(tail) / stdtrit(29, tail)) ** 2 for tail in (0.02, 0.025))
    assert found.low == pytest.approx(jeffreys_tails(0.8 * low, low, 0.02, 0.025).low)
    assert found.high == pytest.approx(jeffreys_tails(0.8 * high, high, 0.02, 0.025).high)
    assert (found.winner, found.effective_configurations, found.optimism) == (0, 1.0, 0.0)


def test_a_mean_of_zeros_and_ones_is_near_rmx() -> None:
    scores = (np.random.default_rng(2).random((400, 12)) < 0.8).astype(float)
    plain = rmx(scores, np.random.default_rng(0))
    found = rmx_metric(scores.mean(axis=0), bootstrapped(scores), np.random.default_rng(0), units=400)
    assert found.winner == plain.winner
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.008)
    assert found.effective_configurations == pytest.approx(plain.effective_configurations, rel=0.4)
    assert found.optimism == pytest.approx(plain.optimism, abs=0.004)


def test_nothing_wrong_is_no_certainty() -> None:
    one = rmx_metric(np.ones(1), np.ones((50, 1)), np.random.default_rng(0), units=10)
    assert one.low == pytest.approx(0.02**0.1)
    assert one.high == 1.0
    refit = rmx_metric(np.ones(1), np.ones((50, 1)), np.random.default_rng(0), Settings(0.35), units=10)
    assert refit.low == pytest.approx(0.02**0.135)
    many = rmx_metric(np.ones(30), np.ones((50, 30)), np.random.default_rng(0), units=10)
    assert many.low == pytest.approx((0.02 / many.effective_configurations) ** 0.1, rel=0.03)
    assert many.effective_configurations > 15
    none = rmx_metric(np.zeros(1), np.zeros((50, 1)), np.random.default_rng(0), units=10)
    assert none.low == 0.0
    assert none.high == pytest.approx(1 - 0.025**0.1)


def test_a_lucky_winner_takes_the_variance_of_the_others() -> None:
    rng = np.random.default_rng(3)
    values = np.full(20, 0.9)
    drawn = values + 0.03 * rng.standard_normal((2000, 20))
    usual = rmx_metric(values, drawn, np.random.default_rng(0), units=50, winner=0)
    drawn[:, 0] = 0.9 + 0.003 * rng.standard_normal(2000)
    lucky = rmx_metric(values, drawn, np.random.default_rng(0), units=50, winner=0)
    assert lucky.high - lucky.low > 0.9 * (usual.high - usual.low)


def test_a_refit_any_rule_and_a_higher_level_widen() -> None:
    scores = (np.random.default_rng(4).random((200, 8)) < 0.7).astype(float)
    in_bag, values = bootstrapped(scores), scores.mean(axis=0)

    def bounds(settings: Settings) -> tuple[float, float]:
        found = rmx_metric(values, in_bag, np.random.default_rng(0), settings, units=100)
        return found.low, found.high

    low, high = bounds(Settings())
    for other in (Settings(0.35), Settings(level=0.99)):
        assert bounds(other)[0] < low < high < bounds(other)[1]
    assert bounds(Settings(any_rule=True))[1] > high


def test_what_is_undefined_cannot_win() -> None:
    values = np.array([np.nan, 0.7, 0.8])
    in_bag = 0.75 + 0.05 * np.random.default_rng(5).standard_normal((500, 3))
    in_bag[:, 0] = np.nan
    in_bag[::7, 2] = np.nan
    found = rmx_metric(values, in_bag, np.random.default_rng(0), units=20)
    assert found.winner == 2
    assert 0 < found.low < 0.8 < found.high < 1


@pytest.mark.parametrize(
    ("values", "in_bag", "winner", "words"),
    [
        (np.ones(2), np.ones((5, 3)), None, r"\(B, C\) are needed"),
        (np.full(2, np.nan), np.ones((5, 2)), None, "undefined on the rows"),
        (np.array([1.0, np.nan]), np.ones((5, 2)), 1, "the winner's metric"),
        (np.ones(1), np.array([[1.0], [np.nan]]), None, "all but one bootstrap"),
    ],
)
def test_bad_requests_get_a_sentence(values: np.ndarray, in_bag: np.ndarray, winner: int | None, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        rmx_metric(values, in_bag, np.random.default_rng(0), units=5, winner=winner)


@pytest.mark.long
@pytest.mark.parametrize(("share", "separation"), [(0.5, 1.5), (0.1, 1.5), (0.5, 2.9)])
def test_the_auc_of_the_best_of_equals_is_covered(share: float, separation: float) -> None:
    rng, held = np.random.default_rng(6), 0
    for _ in range(200):
        y = np.arange(100) < 100 * share
        noise = math.sqrt(0.8) * rng.standard_normal((100, 1)) + math.sqrt(0.2) * rng.standard_normal((100, 20))
        scores = separation * y[:, None] + noise

        def auc(c: int, w: np.ndarray, y: np.ndarray = y, scores: np.ndarray = scores) -> np.ndarray:
            return weighted.auc(y, scores[:, c], w)

        values = np.array([auc(c, np.ones((1, 100)))[0] for c in range(20)])
        in_bag = bbc_metric(auc, 100, 20, rng, 300).in_bag
        assert in_bag is not None
        found = rmx_metric(values, in_bag, rng, Settings(bootstraps=1000), units=int(min(share, 1 - share) * 100))
        held += found.low <= ndtr(separation / math.sqrt(2)) <= found.high
    assert held >= 186
