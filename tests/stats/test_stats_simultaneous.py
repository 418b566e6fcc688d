"""Bounds for all configurations at once, and levels for several looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from holdfast.errors import RequestError
from holdfast.stats.simultaneous import level_of_look, max_t_rows


def test_the_upper_side_of_the_best_is_students_and_any_other_is_mirrored() -> None:
    scores = np.random.default_rng(0).normal(size=(60, 15))
    best = int(scores.mean(axis=0).argmax())
    error = scores[:, best].std(ddof=1) / math.sqrt(60)
    low, high = max_t_rows(scores, np.random.default_rng(1))
    assert high == pytest.approx(scores[:, best].mean() + t.ppf(0.975, 59) * error)
    assert low < scores[:, best].mean() - 2.5 * error
    other = (best + 1) % 15
    low, high = max_t_rows(scores, np.random.default_rng(1), winner=other)
    assert high - scores[:, other].mean() == pytest.approx(scores[:, other].mean() - low)


def test_one_configuration_of_many_rows_gets_the_normal_interval() -> None:
    scores = np.random.default_rng(0).normal(size=(800, 1))
    low, high = max_t_rows(scores, np.random.default_rng(1), bootstraps=8000)
    half = 1.96 * scores.std() / math.sqrt(800)
    assert (low, high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.06 * half)


def test_independent_equals_need_sidaks_quantile_and_copies_do_not() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(800, 20))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    low, _ = max_t_rows(scores, rng, winner=0, bootstraps=8000)
    assert -low * math.sqrt(800) == pytest.approx(norm.ppf(0.975 ** (1 / 20)), rel=0.05)
    low, _ = max_t_rows(np.repeat(scores[:, :1], 20, axis=1), rng, winner=0, bootstraps=8000)
    assert -low * math.sqrt(800) == pytest.approx(1.96, rel=0.05)


def test_the_selected_of_many_is_covered_and_groups_are_units() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(25), 4)
    held, by_rows = 0, 0
    for _ in range(200):
        scores = 0.7 * rng.standard_normal((25, 15))[groups] + 0.7 * rng.standard_normal((100, 15))
        low, high = max_t_rows(scores, rng, groups=groups, bootstraps=300)
        held += low <= 0 <= high
        low, high = max_t_rows(scores, rng, bootstraps=300)
        by_rows += low <= 0 <= high
    assert held / 200 >= 0.93
    assert by_rows < held - 10


def test_constant_scores_have_no_width() -> None:
    assert max_t_rows(np.full((5, 3), 0.25), np.random.default_rng(0)) == (0.25, 0.25)
    with pytest.raises(RequestError, match="two rows"):
        max_t_rows(np.zeros((1, 3)), np.random.default_rng(0))


def test_looks_share_one_error() -> None:
    assert level_of_look(3, 0.95, planned=5) == pytest.approx(0.99)
    assert level_of_look(1, 0.95, planned=1) == pytest.approx(0.95)
    assert [1 - level_of_look(k, 0.9) for k in (1, 2, 3)] == pytest.approx([0.05, 0.025, 0.0125])
    assert sum(1 - level_of_look(k) for k in range(1, 40)) <= 0.05
    with pytest.raises(RequestError, match="look number 3 of 2"):
        level_of_look(3, planned=2)
    with pytest.raises(RequestError, match="count from 1"):
        level_of_look(0)


def test_bounds_at_these_levels_hold_together() -> None:
    z = np.abs(np.random.default_rng(4).standard_normal((20_000, 8)))  # eight looks; the worst of them is quoted
    limits = [norm.ppf((1 + level_of_look(k)) / 2) for k in range(1, 9)]
    assert 0.04 < (z > limits).any(axis=1).mean() < 0.055
