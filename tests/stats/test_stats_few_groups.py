"""Few groups as units: sizes that differ, losses that few groups carry, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import group_rows
from holdfast.stats.few_groups import carried, group_bounds, heavy_reach, unequal_groups
from holdfast.stats.intervals import edgeworth_quantile
from holdfast.stats.rmx import Settings, rmx

FEW = Settings(bootstraps=300)


def uneven(rng: np.random.Generator, n_groups: int) -> np.ndarray:
    return np.repeat(np.arange(n_groups), 1 + rng.poisson(rng.exponential(19, n_groups)))


def test_unequal_groups_are_those_of_the_covariances_of_residuals() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([2, 30, 5, 11, 3])
    codes = np.repeat(np.arange(5), sizes)
    values = rng.normal(size=5)[codes] + rng.normal(size=len(codes))
    means = np.array([values[codes == g].mean() for g in range(5)])
    inside = ((values - means[codes]) ** 2).sum() / (51 - 5)
    between = (sizes * (means - values.mean()) ** 2).sum() / 4
    apart = (51 - (sizes**2).sum() / 51) / 4
    weight, variance = sizes / 51, np.diag((between - inside) / apart + inside / sizes)
    assert between > inside
    residual = np.diag(weight) @ (np.eye(5) - np.outer(np.ones(5), weight))
    B = residual @ variance @ residual.T
    found = unequal_groups(values, codes)
    assert found.factor == pytest.approx(weight @ variance @ weight / np.trace(B) * 4 / 5)
    assert found.degrees == pytest.approx(np.trace(B) ** 2 / (B**2).sum())
    assert found.shared(1, 5) == pytest.approx(found)
    half = found.shared(2, 5)
    assert half.factor == pytest.approx(found.factor**0.5)
    assert half.degrees == pytest.approx((4 + found.degrees) / 2)


def test_equal_groups_and_rows_alone_change_nothing() -> None:
    values = np.random.default_rng(1).normal(size=60)
    for codes, groups in ((np.arange(60) // 6, 10), (np.arange(60), 60)):
        assert unequal_groups(values, codes) == pytest.approx((1.0, groups - 1))
    assert unequal_groups(np.ones(4), np.array([0, 0, 1, 1])) == pytest.approx((1.0, 1.0))


def test_the_corrected_variance_is_that_of_means() -> None:
    rng = np.random.default_rng(2)
    codes, means, plain, corrected = uneven(rng, 8), [], [], []
    for _ in range(1500):
        values = (rng.normal(size=8)[codes] + 0.5 * rng.normal(size=len(codes)))[:, None]
        plain.append(float(group_rows(values, codes).var(ddof=1)) / 8)
        corrected.append(plain[-1] * unequal_groups(values[:, 0], codes).factor)
        means.append(values.mean())
    assert np.mean(plain) < 0.9 * np.var(means)
    assert np.mean(corrected) == pytest.approx(np.var(means), rel=0.1)


def test_a_heavy_reach_is_edgeworths_for_many_losses_and_student_s_for_a_steady_mean() -> None:
    for alpha in (0.002, 0.0005):  # the count is raised by more than three
        t = -float(stdtrit(1e9, alpha))
        skewed = edgeworth_quantile(t, -2 / (6 * 50))  # k = 2500: the mean's skewness is 2 / 50
        assert heavy_reach(50.0, 1.0, alpha, 1e9) == pytest.approx(skewed, abs=0.02)
    assert heavy_reach(1e5, 1.0, 0.01, 7) == pytest.approx(-float(stdtrit(7, 0.01)), rel=1e-3)
    assert heavy_reach(1e9, 1.0, 0.01, 7) == pytest.approx(-float(stdtrit(7, 0.01)))


def test_a_heavy_reach_grows_with_the_error_and_stays_finite() -> None:
    errors = np.linspace(0.0, 3.0, 31)
    reaches = [heavy_reach(1.0, float(error), 0.01, 9) for error in errors]
    assert reaches[0] == 0
    assert (np.diff(reaches) > 0).all()
    alphas = [heavy_reach(1.0, 0.4, alpha, 9) for alpha in (0.4, 0.1, 0.01, 0.0001)]
    assert (np.diff(alphas) > 0).all()
    assert heavy_reach(0.0, 1.0, 0.01, 9) < 6 * -float(stdtrit(9, 0.01))
    assert heavy_reach(1e300, 1e-300, 0.01, 9) < 1e-290
    assert heavy_reach(1.0, 0.4, 0.5, 9) == 0


def test_who_carries_the_loss() -> None:
    names = np.array(["a", "a", "b", "c"])
    found = carried(np.array([1.0, 2.0, 3.0, 0.0]), names)
    assert found == pytest.approx((0.5, 3, 2.0))
    assert found.by_few
    assert carried(np.zeros(4), names) == pytest.approx((1 / 3, 3, 3.0))
    most = np.array([7.0, *np.ones(5)])
    assert carried(most, np.arange(6)).by_few
    assert not carried(np.ones(6), np.arange(6)).by_few
    with pytest.raises(RequestError, match="one group"):
        carried(np.ones(4), np.zeros(4))


def covered(scores: np.ndarray, groups: np.ndarray, truth: np.ndarray, plan: Settings) -> tuple[bool, bool]:
    """Whether the winner is covered, and whether it would be by the standard error and G - 1 degrees of freedom."""
    found = rmx(scores, np.random.default_rng(0), plan, groups=groups)
    rows = group_rows(scores, groups)[:, found.winner]
    reach = -float(stdtrit(len(rows) - 1, 0.01)) * rows.std(ddof=1) / len(rows) ** 0.5
    wanted = truth[found.winner]
    return bool(found.low <= wanted <= found.high), bool(wanted >= rows.mean() - reach)


def test_losses_that_few_groups_carry_are_covered() -> None:
    rng, held = np.random.default_rng(3), []
    for _ in range(300):
        groups = uneven(rng, 10)
        shared = 0.84 * rng.standard_normal((10, 1)) + 0.55 * rng.standard_normal((10, 20))
        rows = 0.9 * rng.standard_normal((len(groups), 1)) + 0.44 * rng.standard_normal((len(groups), 20))
        held.append(covered(-np.exp(shared - 0.5)[groups] * rows**2, groups, -np.full(20, 0.9**2 + 0.44**2), FEW))
    by_reach, by_student = np.mean(held, axis=0)
    assert by_reach >= 0.92
    assert by_student < 0.85


def test_one_configuration_on_groups_of_unequal_size_is_covered() -> None:
    rng, held = np.random.default_rng(4), []
    plan = FEW._replace(alpha_low=0.025)
    for _ in range(400):
        groups = uneven(rng, 6)
        scores = (rng.standard_normal(6)[groups] + rng.standard_normal(len(groups)))[:, None]
        found = rmx(scores, rng, plan, groups=groups)
        rows = group_rows(scores, groups)
        half = -float(stdtrit(5, 0.025)) * float(rows.std(ddof=1)) / 6**0.5
        held.append((found.low <= 0 <= found.high, abs(float(rows.mean())) <= half))
    corrected, plain = np.mean(held, axis=0)
    assert corrected >= 0.94
    assert plain < 0.92


def test_bounds_of_groups_are_on_both_sides_of_the_mean() -> None:
    even = unequal_groups(np.arange(12.0), np.arange(12) // 3)
    low, high = group_bounds(-2.0, 0.0, 0.5, (0.01, 0.025), even)
    assert low < -2.0 - 0.5 * -float(stdtrit(3, 0.01))
    assert high == pytest.approx(-2.0 + 0.5 * -float(stdtrit(3, 0.025)))
