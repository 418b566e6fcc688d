"""The expected gain of further trials: right on average, in the metric's unit, and silent where nobody can say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.records import Config, Score
from holdfast.rng import Streams
from holdfast.search.gain import _gains_at, _score, expected_gain, record_gains
from holdfast.search.gp import GaussianProcess
from holdfast.search.outlook import FEWEST_SCORES, Limit, feasible_losses, outlook
from holdfast.search.registry import make_strategy
from holdfast.search.sobol import sobol_points
from holdfast.space import Categorical, Float, Space
from holdfast.study.study import Study
from holdfast.testing.problems import problem
from holdfast.testing.rehearsal import Rehearsal, random_trials

LINE = Space({"x": Float(0, 1)})

Draw = Callable[[np.random.Generator, int], np.ndarray]


def bowl(d: int, power: float = 2.0) -> Draw:
    """The loss of a random search for a minimum inside of d dimensions, or at a cusp."""
    return lambda rng, n: (np.abs(rng.random((n, d)) - 0.4) ** power).sum(axis=1)


TAILS: dict[str, Draw] = {
    "bowl 2": bowl(2),
    "bowl 3": bowl(3),
    "bowl 6": bowl(6),
    "cone 2": bowl(2, 1.0),
    "corner 2": lambda rng, n: (rng.random((n, 2)) ** 2).sum(axis=1),
    "noisy bowl": lambda rng, n: bowl(3)(rng, n) + 0.1 * rng.standard_normal(n),
    "normal": lambda rng, n: rng.standard_normal(n),
    "exponential": lambda rng, n: -rng.standard_exponential(n),
    "skewed": lambda rng, n: np.exp(rng.standard_normal(n)),
}


def told(values: list[float], space: Space = LINE) -> Rehearsal:
    rehearsal = Rehearsal(space)
    random_trials(rehearsal, values)
    return rehearsal


def by_tail(losses: np.ndarray, n: int = 1, left: int | None = None) -> Score:
    value, gains, weights = record_gains(np.sort(losses), n, 1.0, left)
    return _score(value, gains, weights, 0.95, "", "", len(losses))


def truth(population: np.ndarray, best: float, n: int) -> float:
    """What n draws from a sorted population gain over ``best`` on average: the integral of 1 - (1 - F)^n below it."""
    better = population[population < best]
    if len(better) == 0:
        return 0.0
    part = np.arange(1, len(better) + 1) / len(population)
    return float((np.diff(np.append(better, best)) * (1 - (1 - part) ** n)).sum())


def truth_on_average(population: np.ndarray, m: int, n: int) -> float:
    """The mean of `truth` over what the best of m draws may be: E X_(1:m) - E X_(1:m+n)."""
    above = 1 - np.arange(1, len(population)) / len(population)
    return float((np.diff(population) * (above**m - above ** (m + n))).sum())


@pytest.mark.parametrize("n", [1, 10])
@pytest.mark.parametrize("size", [12, 60])
def test_the_gain_of_independent_draws_is_right_on_average(size: int, n: int) -> None:
    """Over all tails together within 1.5 times, for each within 2; the intervals hold nine times in ten for each."""
    rng, ratios = np.random.default_rng(1), {}
    for tail, draw in TAILS.items():
        population = np.sort(draw(rng, 100_000))
        studies = [draw(rng, size) for _ in range(100)]
        found = [by_tail(losses, n) for losses in studies]
        real = [truth(population, losses.min(), n) for losses in studies]
        held = [gain.low <= each <= gain.high for gain, each in zip(found, real, strict=True)]  # type: ignore[operator]
        assert np.mean(held) >= 0.88, tail  # 0.95 less more than two standard errors
        ratios[tail] = float(np.mean([gain.value for gain in found])) / truth_on_average(population, size, n)
    assert max(*ratios.values(), 1 / min(ratios.values())) < 2, ratios
    assert 1 / 1.5 < np.exp(np.mean(np.log(list(ratios.values())))) < 1.5, ratios


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_gain_of_points_that_fill_a_space_evenly_is_right_on_average(d: int) -> None:
    """By 24 points of a Sobol sequence, of eight more; taken for independent draws they would gain much more."""
    rng = np.random.default_rng(4)
    even, independent, real = [], [], []
    for seed in range(1500):
        scale, least = rng.lognormal(0, 0.7, d), 0.1 + 0.8 * rng.random(d)
        points = sobol_points(32, d, seed)
        losses = (scale * (points - least) ** 2).sum(axis=1)
        first = np.sort(losses[:24])
        if seed < 150:
            even.append(record_gains(first, 8, even=True)[0])
            independent.append(record_gains(first, 8)[0])
        real.append(max(first[0] - losses[24:].min(), 0.0))
    assert 0.5 < np.mean(even) / np.mean(real) < 1.5
    assert np.mean(independent) > 1.3 * np.mean(even)


def test_a_study_knows_which_points_fill_its_space_evenly() -> None:
    line, plane = {"x": Float(0, 1)}, {"x": Float(0, 1), "y": Float(0, 1)}
    for space, strategy, even in [
        (line, "sobol", True),
        (line, "grid", True),
        (plane, "grid", False),
        (line, "random", False),
    ]:
        study = Study(space, strategy=make_strategy(strategy, {"resolution": 9} if strategy == "grid" else {}))
        for number in range(5):
            study.tell(study.ask(), math.sin(number))
        assert ("fill the space evenly" in study.expected_gain().method) == even


def test_the_interval_is_not_uselessly_wide() -> None:
    """Of a smooth bowl in three dimensions its upper end is no more than thirty times the value."""
    rng = np.random.default_rng(2)
    found = [by_tail(bowl(3)(rng, 60)) for _ in range(20)]
    assert np.median([gain.high / gain.value for gain in found]) < 30  # type: ignore[operator]


def test_more_trials_gain_more_but_less_each() -> None:
    losses = np.random.default_rng(0).standard_normal(30)
    gains = [by_tail(losses, n).value for n in (1, 2, 10, 100)]
    assert np.all(np.diff(gains) > 0)
    assert gains[1] < 2 * gains[0]
    assert gains[3] < 100 * gains[0]


@pytest.mark.parametrize("left", [5, 40, 400])
def test_of_the_last_draws_none_may_gain_anything(left: int) -> None:
    """The best of all is among those that came already with the probability of their share; the mean stays."""
    rng, none = np.random.default_rng(4), []
    for draw in list(TAILS.values()) * 4:
        losses = np.sort(draw(rng, 40))
        value, gains, weights = record_gains(losses, 5, 1.0, left)
        endless, all_gains, all_weights = record_gains(losses, 5)
        assert value == endless
        assert gains @ weights == pytest.approx(all_gains @ all_weights)
        assert (weights.sum(), all_weights.sum()) == (pytest.approx(1), pytest.approx(1))
        none.append(float(weights[gains == 0].sum()))
        assert by_tail(losses, 5, left).low == 0 or none[-1] < 0.05
        assert by_tail(losses, 5).low > 0  # type: ignore[operator]
    assert np.mean(none) == pytest.approx(40 / (40 + left), rel=0.2)


def test_no_more_trials_are_counted_than_are_left() -> None:
    history = told([math.sin(i) for i in range(14)]).history()
    three, all_three, ten = (
        expected_gain(history, [], n, Streams(0), learns=False, left=left) for n, left in ((3, None), (3, 3), (10, 3))
    )
    assert three is not None
    assert all_three is not None
    assert ten is not None
    assert ten == all_three
    assert (three.value, three.estimand) == (ten.value, ten.estimand.replace("last", "next"))
    assert ten.estimand == "what the last 3 trials are expected to add to the best score"
    assert (ten.low, three.low == 0) == (0, False)


def test_trials_that_fail_are_trials_that_gain_nothing() -> None:
    """Half of the trials fail: the next one gains half as much as if none had, and ten gain less than ten times."""
    values = [math.sin(i) for i in range(12)]
    whole, half = (
        expected_gain(told(each).history(), [], 1, Streams(0), learns=False)
        for each in (values, [*values, *[math.nan] * 12])
    )
    assert whole is not None
    assert half is not None
    assert half.value == pytest.approx(whole.value / 2)
    assert half.method == f"{whole.method}, times the share of trials that count"


def test_gains_by_the_model_are_those_of_a_normal_distribution() -> None:
    """One proposal under one fit: the closed form of expected improvement; two at the same place: more than one."""
    rehearsal = told([float(i) for i in range(12)])
    history = rehearsal.history()
    view = outlook(history, Streams(0))
    assert view is not None
    config: Config = {"x": 0.31}
    one = expected_gain(history, [config], 1, Streams(0), learns=True)
    two = expected_gain(history, [config, config], 2, Streams(0), learns=True)
    assert one is not None
    assert two is not None
    means, sds = (found[:, 0] for found in view.predict(history.space.encode(config)[None]))  # type: ignore[union-attr]
    z = (view.best - means) / sds
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    closed = sds * density + (view.best - means) * np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
    assert one.value == pytest.approx(closed.mean(), rel=1e-2)
    assert one.low is not None
    assert one.high is not None
    assert 0 <= one.low <= one.value <= one.high
    assert one.value < two.value < 2 * one.value
    assert (one.n, one.level) == (12, 0.95)
    assert "Gaussian process" in one.method


@pytest.mark.parametrize("factor", [1e-290, 1e-6, 1.0, 1e6, 1e300])
@pytest.mark.parametrize("learns", [True, False])
def test_a_gain_has_the_metric_s_unit(factor: float, learns: bool) -> None:
    def gain(scale: float) -> Score:
        found = expected_gain(
            told([scale * math.sin(i) for i in range(14)]).history(), [{"x": 0.4}], 1, Streams(0), learns=learns
        )
        assert found is not None
        return found

    assert gain(factor).value == pytest.approx(factor * gain(1.0).value, rel=0.02)


def test_nobody_can_say_before_there_are_scores_that_differ() -> None:
    for values in ([], [1.0] * 9, [0.1, 0.2, 0.3, math.nan, math.nan, math.nan]):
        for learns in (True, False):
            assert expected_gain(told(values).history(), [{"x": 0.4}], 1, Streams(0), learns=learns) is None
    assert FEWEST_SCORES == 5


def test_without_a_model_the_best_scores_decide() -> None:
    constant = Space({"only": Categorical(["a"])})
    found = expected_gain(told([5.0, 4, 3, 2, 1], constant).history(), [{"only": "a"}], 1, Streams(0), learns=True)
    assert found is not None
    assert "independent draws" in found.method
    same = expected_gain(told([1.0] * 9 + [2.0]).history(), [], 1, Streams(0), learns=True)
    assert same is not None
    assert same.value == 0


def limited(n: int, bound: float = 0.0) -> Rehearsal:
    """Trials whose loss is x, of which those from ``bound`` on meet the constraint."""
    rehearsal = Rehearsal(LINE, constraints=["c"])
    for x in np.random.default_rng(2).random(n).tolist():
        rehearsal.finish(rehearsal.start({"x": x}), x, violation=[bound - x])
    return rehearsal


def test_only_trials_that_meet_the_constraints_gain() -> None:
    """Without the constraint the gain is at the lower end of x; with it the best is the first feasible x."""
    history = limited(20, 0.5).history()
    view = outlook(history, Streams(0))
    assert view is not None
    feasible = feasible_losses(history)
    assert view.best == feasible.min() > 0.5
    chances = view.feasibility(np.array([[0.05], [0.4], [0.6], [0.9]]))
    assert chances.max() <= 1
    assert (chances > 0.5).tolist() == [False, False, True, True]
    low, near = (expected_gain(history, [{"x": x}], 1, Streams(0), learns=True) for x in (0.02, 0.51))
    free, third = (
        _gains_at(dataclasses.replace(view, limits=known), np.array([[0.02]])) for known in ((), (Limit(0.3),))
    )
    assert low is not None
    assert near is not None
    np.testing.assert_allclose(third, 0.3 * free, rtol=1e-9)
    assert low.value < 1e-3 < float(free.mean())
    assert near.value > low.value
    assert "times the probability that the constraints are met" in near.method


def test_without_a_feasible_trial_there_is_nothing_to_gain_over() -> None:
    for learns in (True, False):
        assert expected_gain(limited(12, 2.0).history(), [{"x": 0.4}], 1, Streams(0), learns=learns) is None
    assert expected_gain(limited(12).history(), [{"x": 0.4}], 1, Streams(0), learns=True) is not None


def test_draws_that_miss_the_constraints_gain_nothing() -> None:
    """The gain of n draws of which a share counts, against simulated ones; of a single one it is the share itself."""
    rng, share, n = np.random.default_rng(3), 0.4, 6
    foretold, real = [], []
    for _ in range(150):
        losses = np.sort(rng.random(20))
        foretold.append(record_gains(losses, n, share)[0])
        for _ in range(40):
            drawn = rng.random(n)[rng.random(n) < share]
            real.append(max(float(losses[0] - drawn.min(initial=np.inf)), 0.0))
    assert 0.5 < np.mean(foretold) / np.mean(real) < 2.5
    whole, part = (record_gains(losses, 1, s)[1] for s in (1.0, share))
    np.testing.assert_allclose(part, share * whole)


def test_the_same_history_gives_the_same_gain_cold_and_warm() -> None:
    rehearsal = told([math.sin(i) for i in range(23)])
    found = [
        expected_gain(history, [{"x": 0.4}], 1, Streams(3), learns=True)
        for history in (rehearsal.history(), rehearsal.history(), rehearsal.replayed())
    ]
    assert found[0] == found[1] == found[2]


@pytest.mark.long
@pytest.mark.parametrize("name", ["hartmann6", "mixed", "conditional"])
def test_the_gain_of_a_search_that_learns_is_right_on_average(name: str) -> None:
    """Over trials 8 to 40 of ten searches the average realised gain lies in the interval, give or take its error."""
    toy = problem(name)
    foretold, real = [], []
    for seed in range(10):
        rehearsal = Rehearsal(toy.space, budget=40)
        strategy = GaussianProcess(candidates=256)
        for number in range(40):
            history = rehearsal.history()
            (suggestion,) = strategy.ask(history, 1, Streams(seed))
            loss = toy.loss(suggestion.config)
            if number >= 8 and number % 3 == 0:
                found = expected_gain(history, [suggestion.config], 1, Streams(seed), learns=True)
                assert found is not None
                assert found.low is not None
                assert found.high is not None
                foretold.append((found.value, found.low, found.high))
                real.append(max(float(np.nanmin(history.losses)) - loss, 0.0))
            rehearsal.finish(rehearsal.take(suggestion), loss)
    value, low, high = np.mean(foretold, axis=0)
    by_search = np.reshape(real, (10, -1)).mean(axis=1)
    error = 2 * float(by_search.std(ddof=1)) / math.sqrt(len(by_search))
    assert low - error < by_search.mean() < high + error
    assert 1 / 3 < value / np.mean(real) < 3
