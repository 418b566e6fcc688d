"""A search repeated in simulation: its steps, its law where it is exact, and the interval of what climbed on noise."""

from __future__ import annotations

import math

import numpy as np

from holdfast.stats.replay import FEWEST, Step, replay, steps
from holdfast.stats.rmx import Settings, rmx
from holdfast.stats.rmx_metric import rmx_metric

PLAIN = Settings(bootstraps=500, inversion="clopper-pearson")
SEARCHED = PLAIN._replace(searched=True)


def chain(weight: float, size: int) -> np.ndarray:
    """Correlations of errors of which each is ``weight`` times the one before and something new."""
    return np.asarray(weight ** np.abs(np.subtract.outer(np.arange(size), np.arange(size))))


def climbed(rng: np.random.Generator, n_rows: int, trials: int, changed: int) -> np.ndarray:
    """0/1 scores (N, C) on coin flips of a search that changes ``changed`` predictions of its best trial at a time."""
    best = rng.random(n_rows) < 0.5
    columns = [best]
    for _ in range(trials - 1):
        tried = best.copy()
        tried[rng.choice(n_rows, changed, replace=False)] ^= True
        columns.append(tried)
        best = tried if tried.mean() > best.mean() else best
    return np.stack(columns, axis=1).astype(float)


def test_steps_of_a_chain_a_copy_and_a_stranger() -> None:
    correlation = np.zeros((6, 6))
    correlation[:4, :4] = chain(0.8, 4)
    correlation[4, :4] = correlation[:4, 4] = correlation[3, :4]  # a copy of trial 3
    correlation[4, 4] = correlation[5, 5] = 1.0
    first, *chained, copy, stranger = steps(correlation, 10_000)
    assert (len(first.earlier), first.new) == (0, 1.0)
    for number, step in enumerate(chained):
        assert step.earlier.tolist() == [number]
        assert np.allclose([step.weights[0], step.new], [0.8, 0.6], atol=1e-3)
    assert copy.earlier.tolist() == [3]
    assert np.allclose([copy.weights[0], copy.new], [1.0, 0.0])
    assert (len(stranger.earlier), stranger.new) == (0, 1.0)


def test_a_step_may_need_two_earlier_trials() -> None:
    correlation = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]])
    last = steps(correlation, 10_000)[-1]
    assert sorted(last.earlier.tolist()) == [0, 1]
    assert np.allclose(last.weights, 0.6)
    assert math.isclose(last.new, math.sqrt(1 - 0.72), rel_tol=1e-3)


def test_what_was_not_chosen_by_luck_is_drawn_as_it_is_correlated() -> None:
    taken = steps(chain(0.9, 8), 10_000)
    gap = 100 * np.arange(8.0)  # trial 0 was the best and trial 7 the worst, and will be
    drawn = replay(taken, gap, -gap, np.ones(8), np.random.default_rng(0), 40_000)
    assert drawn.shape == (40_000, 8)
    assert np.allclose(np.corrcoef(drawn.T), chain(0.9, 8), atol=0.03)
    assert np.allclose(drawn.var(axis=0), 1, atol=0.04)


def test_it_is_exact_for_a_climb_on_a_flat_surface() -> None:
    """One climb tells the law of the best of all climbs of its kind (docs/rmx.md, theorem 3)."""
    rng, weight, trials, size = np.random.default_rng(1), 0.8, 25, 40_000
    errors = np.empty((trials, size))
    errors[0] = rng.standard_normal(size)
    for i in range(1, trials):
        errors[i] = weight * errors[:i].max(axis=0) + math.sqrt(1 - weight**2) * rng.standard_normal(size)
    one = errors[:, 0]
    correlation = np.eye(trials)
    for i in range(1, trials):
        parent = int(one[:i].argmax())
        correlation[i, :i] = correlation[:i, i] = weight * correlation[parent, :i]
    drawn = replay(steps(correlation, 10_000), -one, np.zeros(trials), np.ones(trials), rng, size)
    at = [0.1, 0.5, 0.9, 0.98]
    found, true = np.quantile(drawn.max(axis=1), at), np.quantile(errors.max(axis=0), at)
    assert np.allclose(found, true, atol=0.06)
    assert true[-1] > 4.4  # where 25 trials that were drawn blindly have 3.16 at most


def test_many_trials_are_repeated_less_often() -> None:
    alone = [Step(np.empty(0, dtype=np.int64), np.empty(0), 1.0, 0.0)] * 801
    drawn = replay(alone, np.zeros(801), np.zeros(801), np.ones(801), np.random.default_rng(2), 2000)
    assert drawn.shape == (FEWEST, 801)


def test_an_interval_of_a_climb_on_coin_flips_holds_where_that_of_a_fixed_set_does_not() -> None:
    rng = np.random.default_rng(3)
    held, fixed, wider = 0, 0, []
    for seed in range(40):
        scores = climbed(rng, 100, 40, 10)
        plain, searched = (rmx(scores, np.random.default_rng(seed), one) for one in (PLAIN, SEARCHED))
        held += searched.low <= 0.5 <= searched.high
        fixed += plain.low <= 0.5 <= plain.high
        wider.append((searched.high - searched.low) / (plain.high - plain.low))
        assert searched.high == plain.high
        assert searched.optimism == plain.optimism
        assert searched.effective_configurations > plain.effective_configurations
    assert fixed < 24
    assert held >= 37
    assert 1.2 < np.mean(wider) < 1.6


def test_a_search_that_found_a_clear_winner_pays_little() -> None:
    rng = np.random.default_rng(4)
    scores = climbed(rng, 400, 40, 40)
    scores[:, 20] = rng.random(400) < 0.95
    plain, searched = rmx(scores, rng, PLAIN), rmx(scores, rng, SEARCHED)
    assert searched.winner == 20
    assert searched.effective_configurations < 2.5
    assert math.isclose(searched.low, plain.low, abs_tol=0.005)


def test_losses_groups_any_rule_and_stopped_trials() -> None:
    rng = np.random.default_rng(5)
    scores = climbed(rng, 120, 30, 12)
    losses = 1.5 * scores - 2 + 0.1 * rng.standard_normal((120, 1))
    partly = scores[:, :4].copy()
    partly[60:] = np.nan
    for table in (scores, losses):
        for others in (None, partly):
            for groups in (None, np.arange(120) // 2):
                for any_rule in (False, True):
                    settings = PLAIN._replace(any_rule=any_rule)
                    found = [
                        rmx(table, np.random.default_rng(6), one, groups=groups, unfinished=others)
                        for one in (settings, settings._replace(searched=True))
                    ]
                    assert found[1].low < found[0].low
                    assert found[1].high >= found[0].high
    one = rmx(scores[:, :1], rng, SEARCHED)
    assert one[:2] == rmx(scores[:, :1], rng, PLAIN)[:2]


def test_a_metric_of_a_search_is_lower_too() -> None:
    rng = np.random.default_rng(7)
    scores = climbed(rng, 150, 40, 15)
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=600) / 150
    plain, searched = (
        rmx_metric(scores.mean(axis=0), weights @ scores, np.random.default_rng(8), settings, units=70)
        for settings in (PLAIN, SEARCHED)
    )
    assert searched.low < plain.low - 0.02
    assert searched.high == plain.high
    rows = rmx(scores, np.random.default_rng(8), SEARCHED)
    assert abs(searched.low - rows.low) < 0.03


def test_a_smooth_curve_that_was_looked_at_closely_counts_as_few() -> None:
    """Trials near to each other hand on differences of their errors, which are large where others take their places."""
    counts = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = np.concatenate([rng.random(12), rng.normal(0.6, 0.1, 14), rng.normal(0.6, 0.02, 14)])
        covariance = np.exp(-2 * np.subtract.outer(x, x) ** 2) + 1e-9 * np.eye(40)
        scores = rng.standard_normal((100, 40)) @ np.linalg.cholesky(covariance).T - (x - 0.6) ** 2
        errors = replay(
            steps(np.asarray(np.corrcoef(scores.T)), 100), (x - 0.6) ** 2, np.zeros(40), np.ones(40), rng, 500
        )
        assert np.abs(errors).max() < 6
        counts.append(rmx(scores, rng, SEARCHED._replace(inversion="jeffreys")).effective_configurations)
    assert max(counts) < 15
