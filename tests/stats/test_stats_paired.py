"""Two configurations on the same rows: against scipy, by hand, and their error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from holdfast.errors import RequestError
from holdfast.stats import paired, weighted


def test_mcnemar_by_hand() -> None:
    first, second = np.r_[np.ones(6), np.zeros(1), np.ones(50)], np.r_[np.zeros(6), np.ones(1), np.ones(50)]
    assert paired.mcnemar(first, second) == pytest.approx(2 * (1 + 7) / 2**7)  # 1 of 7 on the rarer side
    assert paired.mcnemar(first, first) == 1.0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_mcnemar_is_the_sign_test_of_the_rows_that_differ(b: int, c: int, same: int) -> None:
    first = np.r_[np.ones(b), np.zeros(c), np.ones(same), 1.0]
    second = np.r_[np.zeros(b), np.ones(c), np.ones(same), 1.0]
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert paired.mcnemar(first, second) == pytest.approx(expected)
    assert paired.mcnemar(second, first) == pytest.approx(expected)


def test_paired_t_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=30), rng.normal(0.3, 1, size=30)
    found, theirs = paired.paired_t(first, second), ttest_rel(first, second)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    alone = paired.paired_t(first, second, groups=np.arange(30))
    assert alone == pytest.approx(found)
    assert paired.paired_t(np.ones(4), np.zeros(4)).p_value == 0.0
    assert paired.paired_t(np.ones(4), np.ones(4)).p_value == 1.0


def test_rows_copied_within_groups_tell_nothing_new() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=12), rng.normal(size=12)
    once = paired.paired_t(first, second)
    copied = paired.paired_t(np.repeat(first, 5), np.repeat(second, 5), groups=np.repeat(np.arange(12), 5))
    assert copied == pytest.approx(once)
    assert paired.paired_t(np.repeat(first, 5), np.repeat(second, 5)).p_value < once.p_value


def test_groups_keep_the_error_rate_that_rows_lose() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(15), 8)
    by_rows, by_groups = 0, 0
    for _ in range(400):
        difference = rng.standard_normal(15)[groups] + rng.standard_normal(120)
        by_rows += paired.paired_t(difference, np.zeros(120)).p_value < 0.05
        by_groups += paired.paired_t(difference, np.zeros(120), groups=groups).p_value < 0.05
    assert by_rows > 80
    assert by_groups <= 32


def test_the_resampled_t_allows_for_what_training_sets_share() -> None:
    first, second = np.array([0.8, 0.82, 0.79, 0.85]), np.array([0.78, 0.8, 0.8, 0.81])
    corrected, plain = paired.paired_resampled_t(first, second, 90, 10), paired.paired_t(first, second)
    assert corrected.value == plain.value
    ratio = np.sqrt((1 / 4 + 1 / 9) / (1 / 4))
    assert corrected.high - corrected.value == pytest.approx(ratio * (plain.high - plain.value))
    assert corrected.p_value > plain.p_value


def test_the_bootstrap_of_a_mean_is_near_student_and_any_metric_will_do() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0.2, 1, size=200), rng.normal(size=200)
    columns = (first, second)
    found = paired.paired_bootstrap(lambda c, w: weighted.mean(columns[c], w), 200, np.random.default_rng(0))
    student = paired.paired_t(first, second)
    assert (found.value, found.low, found.high) == pytest.approx(tuple(student[:3]), abs=0.02)
    assert found.p_value == pytest.approx(student.p_value, abs=0.03)
    y = rng.random(200) < 0.5
    noise = np.stack([rng.normal(size=200), y + 0.5 * rng.normal(size=200)])
    better = paired.paired_bootstrap(lambda c, w: weighted.auc(y, noise[c], w), 200, rng, bootstraps=400)
    assert better.high < 0
    assert better.p_value == pytest.approx(2 / 401)


def test_equal_configurations_have_no_difference() -> None:
    found = paired.paired_bootstrap(lambda c, w: weighted.mean(np.arange(9.0), w), 9, np.random.default_rng(0))
    assert found == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: paired.mcnemar(np.array([0.0, 0.5]), np.ones(2)), "0 and 1"),
        (lambda: paired.paired_t(np.ones(2), np.ones(3)), "same for both"),
        (lambda: paired.paired_t(np.array([1.0, np.nan]), np.ones(2)), "not finite"),
        (
            lambda: paired.paired_bootstrap(lambda c, w: np.full(len(w), np.nan), 9, np.random.default_rng(0)),
            "undefined",
        ),
    ],
)
def test_bad_requests_get_a_sentence(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(RequestError, match=words):
        call()
