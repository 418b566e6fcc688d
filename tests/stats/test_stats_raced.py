"""Races: leaving out who was stopped is optimistic, letting them count is not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from holdfast.errors import RequestError
from holdfast.stats import weighted
from holdfast.stats.bootstrap import bbc
from holdfast.stats.folds import seen_by
from holdfast.stats.raced import raced, raced_metric
from holdfast.stats.rmx import Settings, rmx

FEW = Settings(bootstraps=400)

Race = Callable[[np.ndarray], np.ndarray]


def halving(fold_scores: np.ndarray) -> np.ndarray:
    """The better half by the mean so far goes on to the next fold."""
    seen = fold_scores.copy()
    alive = np.arange(seen.shape[1])
    for k in range(1, len(seen)):
        order = np.argsort(-seen[:k, alive].mean(axis=0), kind="stable")
        kept = max(1, len(alive) // 2)
        seen[k:, alive[order[kept:]]] = np.nan
        alive = np.sort(alive[order[:kept]])
    return seen


RACES: dict[str, Race] = {
    "aggressive": lambda fold_scores: seen_by(fold_scores, "aggressive"),
    "forgiving": lambda fold_scores: seen_by(fold_scores, "forgiving"),
    "curtailed": lambda fold_scores: seen_by(fold_scores, "curtailed"),
    "halving": halving,
}


def simulated(race: Race, spread: float, repetitions: int, seed: int, count: int = 20) -> dict[str, float]:
    """Bias in standard errors, and coverage, of configurations on 100 rows in 5 folds; rows differ in difficulty.

    ``whole`` is the bias of the correction for whoever is the best where nothing is stopped.
    """
    rng = np.random.default_rng(seed)
    folds = np.arange(100) // 20
    found: dict[str, list[float]] = {"naive": [], "left out": [], "raced": [], "whole": [], "held": []}
    for _ in range(repetitions):
        truth = np.clip(0.75 + spread * rng.standard_normal(count), 0.05, 0.97)
        latent = math.sqrt(0.5) * (rng.standard_normal((100, 1)) + rng.standard_normal((100, count)))
        scores = (latent < ndtri(truth)).astype(float)
        found["whole"].append(bbc(scores, rng, 200).point - truth[scores.mean(axis=0).argmax()])
        seen = race(np.stack([scores[folds == k].mean(axis=0) for k in range(5)]))
        scores[np.isnan(seen[folds])] = np.nan
        result = raced(scores, rng, FEW)
        goal, complete = truth[result.winner], scores[:, np.isfinite(scores).all(axis=0)]
        naive = scores[:, result.winner].mean()
        rest = bbc(complete, rng, 200).point if complete.shape[1] > 1 else naive
        found["naive"].append(naive - goal)
        found["left out"].append(rest - goal)
        found["raced"].append(result.point - goal)
        found["held"].append(result.low <= goal <= result.high)
    error = math.sqrt(0.75 * 0.25 / 100)
    return {name: float(np.mean(values)) / (1 if name == "held" else error) for name, values in found.items()}


@pytest.mark.parametrize("spread", [0.0, 0.05])
@pytest.mark.parametrize("name", RACES)
def test_letting_the_stopped_count_is_not_optimistic(name: str, spread: float) -> None:
    found = simulated(RACES[name], spread, 150, seed=1)
    assert found["raced"] <= 0.15  # two standard errors of the simulation
    assert found["raced"] <= found["whole"] + 0.1  # where the two err together
    assert found["raced"] >= -0.6
    assert found["held"] >= 0.93
    assert found["naive"] > 0.4
    assert found["left out"] > found["raced"] + 0.25
    if spread == 0 and name != "forgiving":  # which stops few of them
        assert found["left out"] > 0.3


@pytest.mark.long
@pytest.mark.parametrize("spread", [0.0, 0.03])
@pytest.mark.parametrize("name", RACES)
def test_it_is_not_optimistic_among_many_equals_either(name: str, spread: float) -> None:
    found = simulated(RACES[name], spread, 400, seed=2, count=100)
    assert found["raced"] <= 0.1  # two standard errors of the simulation
    assert found["raced"] <= found["whole"] + 0.1
    assert found["raced"] >= -0.7
    assert found["held"] >= 0.93


def test_where_everybody_finishes_it_is_rmx() -> None:
    scores = np.random.default_rng(0).random((80, 6))
    result, plain = raced(scores, np.random.default_rng(1)), rmx(scores, np.random.default_rng(1))
    assert (result.low, result.high, result.winner) == pytest.approx((plain.low, plain.high, plain.winner))
    assert result.point == pytest.approx(scores.mean(axis=0).max() - plain.optimism)
    assert (result.finished, result.unfinished) == (6, 0)


def test_one_finished_and_nobody_else_is_the_textbook() -> None:
    scores = np.r_[np.ones(30), np.zeros(10)][:, None]
    result = raced(scores, np.random.default_rng(0))
    assert result.point == 0.75
    assert (result.low, result.high) == rmx(scores, np.random.default_rng(0))[:2]


def test_equals_that_were_stopped_at_once_count_in_full_and_hopeless_ones_do_not() -> None:
    rng = np.random.default_rng(2)
    winner = (rng.random((200, 1)) < 0.8).astype(float)
    alone = raced(winner, rng)
    equals, hopeless = np.full((200, 30), np.nan), np.full((200, 30), np.nan)
    equals[:40] = rng.random((40, 30)) < 0.8
    hopeless[:40] = rng.random((40, 30)) < 0.2
    equal = raced(np.hstack([winner, equals]), rng)
    worse = raced(np.hstack([winner, hopeless]), rng)
    assert equal.unfinished == worse.unfinished == 30
    assert equal.point < alone.point - 1.2 * math.sqrt(0.16 / 200)  # the mean of the largest of 31 is 2.06
    assert equal.low < alone.low
    assert worse.point > alone.point - 0.3 * math.sqrt(0.16 / 200)
    any_rule = raced(np.hstack([winner, hopeless]), rng, Settings(any_rule=True))
    assert winner.mean() - any_rule.point == pytest.approx(2.06 * math.sqrt(0.16 / 200), rel=0.15)


def test_groups_are_units_of_the_gaps_too() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 5)
    scores = np.repeat(rng.random((20, 5)), 5, axis=0)
    scores[50:, 2:] = np.nan
    once = raced(scores[::5], np.random.default_rng(0), groups=np.arange(20))
    copied = raced(scores, np.random.default_rng(0), groups=groups)
    assert (copied.low, copied.high, copied.point) == pytest.approx((once.low, once.high, once.point), abs=0.02)
    as_rows = raced(scores, np.random.default_rng(0))
    assert as_rows.high - as_rows.low < 0.7 * (once.high - once.low)


def ranked(rng: np.random.Generator, n: int, separation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions whose AUC is Phi(separation / sqrt 2); predictions share half of their noise."""
    y = rng.random(n) < 0.3
    noise = math.sqrt(0.5) * (rng.standard_normal((n, 1)) + rng.standard_normal((n, len(separation))))
    return y, separation * y[:, None] + noise


def test_where_everybody_finishes_a_mean_as_a_metric_is_near_rmx() -> None:
    scores = np.random.default_rng(4).normal(size=(300, 12))
    metric = raced_metric(
        lambda c, w: weighted.mean(scores[:, c], w), np.ones((300, 12), bool), np.random.default_rng(0)
    )
    plain = raced(scores, np.random.default_rng(0), Settings(shared=False))
    assert metric.winner == plain.winner
    assert (metric.point, metric.low, metric.high) == pytest.approx((plain.point, plain.low, plain.high), abs=0.02)


@pytest.mark.parametrize("separation", [1.0, 2.5])
def test_auc_of_the_best_is_covered_with_and_without_a_race(separation: float) -> None:
    rng = np.random.default_rng(5)
    folds = np.arange(150) // 30
    held, errors, naive = {"all": 0, "raced": 0}, [], []
    for _ in range(80):
        truths = separation + 0.1 * rng.standard_normal(15)
        y, predictions = ranked(rng, 150, truths)

        def performance(c: int, w: np.ndarray, y: np.ndarray = y, predictions: np.ndarray = predictions) -> np.ndarray:
            return weighted.auc(y, predictions[:, c], w)

        by_fold = np.array([[performance(c, (folds == k)[None, :] * 1.0)[0] for c in range(15)] for k in range(5)])
        stopped = np.isnan(seen_by(np.nan_to_num(by_fold, nan=0.5), "aggressive"))
        for name, seen in (("all", np.ones((150, 15), bool)), ("raced", ~stopped[folds])):
            found = raced_metric(performance, seen, rng, Settings(bootstraps=200))
            goal = ndtr(truths[found.winner] / math.sqrt(2))
            held[name] += found.low <= goal <= found.high
            if name == "raced":
                errors.append(found.point - goal)
                naive.append(performance(found.winner, np.ones((1, 150)))[0] - goal)
    assert min(held.values()) / 80 >= 0.92
    assert np.mean(errors) <= 2 * np.std(errors) / math.sqrt(80)
    assert np.mean(naive) > 0.01


def test_one_configuration_and_one_that_is_undefined() -> None:
    rng = np.random.default_rng(6)
    y, predictions = ranked(rng, 200, np.ones(2))
    alone = raced_metric(lambda c, w: weighted.auc(y, predictions[:, c], w), np.ones((200, 1), bool), rng)
    assert alone.point == pytest.approx(weighted.auc(y, predictions[:, 0], np.ones((1, 200)))[0])
    assert alone.low < alone.point < alone.high

    def half(c: int, w: np.ndarray) -> np.ndarray:
        return weighted.auc(y, predictions[:, 0], w) if c == 0 else np.full(len(w), np.nan)

    assert raced_metric(half, np.ones((200, 2), bool), rng).winner == 0
    with pytest.raises(RequestError, match="undefined"):
        raced_metric(lambda c, w: np.full(len(w), np.nan), np.ones((9, 2), bool), rng)
    with pytest.raises(RequestError, match="one is needed"):
        raced_metric(half, np.zeros((9, 2), bool), rng)


@pytest.mark.parametrize(
    ("scores", "winner", "words"),
    [
        (np.full((5, 2), np.nan), None, "no configuration"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), 1, "the winner, number 1"),
        (np.zeros(5), None, r"\(rows, configurations\)"),
    ],
)
def test_bad_requests_get_a_sentence(scores: np.ndarray, winner: int | None, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        raced(scores, np.random.default_rng(0), winner=winner)
