"""The tree-structured Parzen estimator: its densities, its split of the trials, and what it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search.history import HistoryBuilder
from holdfast.search.random import RandomSearch
from holdfast.search.tpe import TreeParzenEstimator
from holdfast.search.tpe.columns import columns
from holdfast.search.tpe.parzen import Parzen, parzen, widths
from holdfast.search.tpe.split import MAX_PENDING, MOST_GOOD, NEAREST, REST, rank_weights, split
from holdfast.space import Categorical, Domain, Float, Int, Normal, Space
from holdfast.testing.problems import PROBLEMS, Problem, problem, regrets
from holdfast.testing.rehearsal import Rehearsal, random_trials, search
from holdfast.testing.spaces import VAST

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
TREE = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "x": Float(0, 1),
        "k": Int(1, 20, log=True, when={"kind": "a"}),
        "y": Float(0, 1, when={"kind": ["a", "b"]}),
    }
)
LINES = {
    "float": Float(0, 1),
    "integer": Int(1, 5),
    "logarithmic integer": Int(1, 30, log=True),
    "many integers": Int(0, 200),
    "ordered": Categorical([1, 2, 4, 8], ordered=True),
    "choices": Categorical(list("abcde")),
    "many choices": Categorical(list(range(50))),
}


def estimator(space: Space, n: int, prior_weight: float = 1.0) -> Parzen:
    points = np.array([space.encode(space.sample(np.random.default_rng(i))) for i in range(n)])
    return parzen(columns(space), points, rank_weights(n), prior_weight)


def density(found: Parzen, units: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(found.log_density(units, found.columns.features(units), np.zeros(len(units)))))


def evenly(space: Space, n: int) -> np.ndarray:
    """Points of shape (n, d) spread evenly over the unit cube, snapped."""
    return space.snap(np.random.default_rng(3).random((n, len(space))))


@pytest.mark.parametrize("domain", LINES.values(), ids=LINES)
def test_a_density_over_one_hyperparameter_integrates_to_one(domain: Domain) -> None:
    space = Space({"x": domain})
    found = estimator(space, 4)
    units = space.snap(((np.arange(20000) + 0.5) / 20000)[:, None])
    assert density(found, units).mean() == pytest.approx(1, abs=0.02 if domain.cells in (30, 201) else 1e-3)


@pytest.mark.parametrize("toy", ["mixed", "conditional"])
def test_a_density_over_a_tree_integrates_to_one(toy: str) -> None:
    space = problem(toy).space
    values = density(estimator(space, 5, prior_weight=5), evenly(space, 200_000))
    assert values.mean() == pytest.approx(1, abs=5 * values.std() / math.sqrt(len(values)))
    assert values.std() < 30


def test_a_kernel_is_a_product_over_what_is_active_in_both() -> None:
    centre = TREE.encode({"kind": "b", "x": 0.3, "y": 0.6})
    found = parzen(columns(TREE), centre[None], np.ones(1), 1e-9)
    x, y = (math.exp(float(found.log_weights[0])) * normal(found, column) for column in (1, 3))
    kind = math.log(found.redraw[0] + 3 * (1 - found.redraw[0]))
    both = density(found, TREE.snap(np.array([[0.5, 0.3, 0.5, 0.6], [0.1, 0.3, 0.5, 0.6], [0.9, 0.3, 0.5, 0.6]])))
    assert np.log(both) == pytest.approx(
        [kind + math.log(x * y), math.log(found.redraw[0] * x * y), math.log(found.redraw[0] * x)], abs=1e-6
    )


def normal(found: Parzen, column: int) -> float:
    """The height of a truncated kernel at its own trial."""
    width = float(found.width[list(found.columns.numeric).index(column)])
    centre = float(found.points[0, column])
    below, above = (math.erf(end / width / math.sqrt(2)) / 2 for end in (centre, 1 - centre))
    return 1 / (width * math.sqrt(2 * math.pi) * (below + above))


def test_draws_follow_the_density() -> None:
    space = Space({"k": Int(1, 4), "c": Categorical(list("abc"))})
    found = estimator(space, 3, prior_weight=1e-9)
    drawn = space.snap(found.draw(40_000, np.random.default_rng(0)))
    for k in range(1, 5):
        for choice in "abc":
            unit = space.encode({"k": k, "c": choice})
            share = float((drawn == unit).all(axis=1).mean())
            assert share == pytest.approx(density(found, unit[None])[0] / 12, abs=0.01)


def test_what_a_trial_did_not_have_is_drawn_evenly() -> None:
    found = parzen(columns(TREE), TREE.encode({"kind": "c", "x": 0.5})[None], np.ones(1), 1.0)
    drawn = found.draw(4000, np.random.default_rng(0))
    assert np.quantile(drawn[:, 3], [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.03)
    assert np.quantile(drawn[:, 1], 0.9) < 0.8


def test_kernels_get_narrower_with_trials_and_where_these_are_close_together() -> None:
    layout = columns(SQUARE)
    few, many = (np.random.default_rng(0).random((n, 2)) for n in (4, 64))
    close = np.column_stack([0.3 + 0.05 * many[:, 0], many[:, 1]])
    assert (widths(layout, many, np.ones(64)) < widths(layout, few, np.ones(4))).all()
    narrow, wide = widths(layout, close, np.ones(64))
    assert narrow < wide / 1.5


def told(space: Space, values: list[float]) -> Rehearsal:
    rehearsal = Rehearsal(space)
    random_trials(rehearsal, values)
    return rehearsal


def test_the_good_trials_are_the_best_tenth_best_first() -> None:
    history = told(SQUARE, [float((7 * i) % 30) for i in range(30)]).history()
    found = split(history)
    order = np.argsort(history.losses)
    np.testing.assert_array_equal(found.good, history.units[order[:3]])
    assert found.good_weights.mean() == pytest.approx(1)
    assert (np.diff(found.good_weights) < 0).all()
    assert len(found.bad) == found.bad_trials == 27


def test_a_long_history_is_thinned_and_says_so() -> None:
    history = told(SQUARE, [math.sin(i) for i in range(2000)]).history()
    found = split(history)
    assert (len(found.good), len(found.bad), found.bad_trials) == (MOST_GOOD, NEAREST + REST, 1950)
    assert found.bad_weights.sum() == pytest.approx(1950)
    order = np.argsort(history.losses)
    np.testing.assert_array_equal(found.bad[:NEAREST], history.units[order[MOST_GOOD : MOST_GOOD + NEAREST]])
    (suggestion,) = TreeParzenEstimator().ask(history, 1, Streams(0))
    assert suggestion.reason.endswith("in 50 good and 1,950 bad trials, of which 160 stand for all")
    assert TreeParzenEstimator().explain(history) == "tpe: the ratio of the densities of good and bad trials"


def test_failed_stopped_and_running_trials_are_bad() -> None:
    rehearsal = told(SQUARE, [1.0, 2.0, math.nan])
    rehearsal.finish(rehearsal.start({"x": 0.1, "y": 0.1}), -9.0, TrialState.STOPPED)
    rehearsal.finish(rehearsal.start({"x": 0.2, "y": 0.2}), -8.0, TrialState.FAILED)
    rehearsal.start({"x": 0.3, "y": 0.3})
    history = rehearsal.history()
    found = split(history)
    np.testing.assert_array_equal(found.good, history.units[:1])
    assert sorted(found.bad[:, 0]) == sorted(history.units[1:, 0])
    for _ in range(2 * MAX_PENDING):
        rehearsal.start({"x": 0.4, "y": 0.4})
    assert len(split(rehearsal.history()).bad) == 4 + MAX_PENDING


def test_several_objectives_are_split_front_by_front() -> None:
    builder = HistoryBuilder(SQUARE, ["minimize", "maximize"])
    for i in range(40):
        builder.asked({"x": i / 40, "y": 0.5}, None)
        builder.told(i, TrialState.COMPLETE, [float(i), float(i if i < 4 else -i)])
    found = split(builder.snapshot(80))
    assert sorted(found.good[:, 0]) == [0, 1 / 40, 2 / 40, 3 / 40]
    assert len(found.bad) == 36


def test_the_best_trial_of_a_branch_without_a_good_one_stands_for_it() -> None:
    rehearsal = Rehearsal(TREE)
    configs: list[Config] = [
        {"kind": "a", "x": 0.5, "k": 3, "y": 0.5},
        {"kind": "b", "x": 0.5, "y": 0.5},
        {"kind": "c", "x": 0.5},
    ]
    for i in range(40):
        trial = rehearsal.start(configs[0] | {"x": i / 40} if i < 20 else configs[1 + i % 2] | {"x": i / 40})
        rehearsal.finish(trial, float(i))
    history = rehearsal.history()
    found = split(history)
    np.testing.assert_array_equal(found.good, history.units[[0, 1, 2, 3, 20, 21]])
    assert found.good_weights[4:] == pytest.approx([0.4, 0.4])
    assert len(found.bad) == found.bad_trials == 34
    assert not (found.bad[:, None, 1] == found.good[None, :, 1]).any()


def test_what_misses_an_outcome_constraint_is_bad() -> None:
    rehearsal = Rehearsal(SQUARE, constraints=("ms <= 5",))
    for i in range(30):
        rehearsal.finish(rehearsal.start({"x": i / 30, "y": 0.5}), float(i), violation=[20.0 - i if i < 12 else -1.0])
    history = rehearsal.history()
    np.testing.assert_array_equal(split(history).good, history.units[12:15])


def test_while_nothing_is_feasible_the_least_violation_is_good() -> None:
    rehearsal = Rehearsal(SQUARE, constraints=("ms <= 5",))
    for i in range(30):
        missed = [math.nan if i == 29 else 30.0 - i]
        rehearsal.finish(rehearsal.start({"x": i / 30, "y": 0.5}), float(i), violation=missed)
    history = rehearsal.history()
    np.testing.assert_array_equal(split(history).good, history.units[[28, 27, 26]])


def test_a_prior_leads_and_fades() -> None:
    believed = Space({"x": Float(0, 1, prior=Normal(0.2, 0.05)), "y": Float(0, 1)})
    rehearsal = Rehearsal(believed)
    search(TreeParzenEstimator(), rehearsal, lambda c: (float(c["x"] or 0) - 0.8) ** 2, asks=60, seed=0)
    x = rehearsal.history().units[:, 0]
    assert np.median(np.abs(x[:6] - 0.2)) < 0.1
    assert np.median(np.abs(x[40:] - 0.8)) < 0.1


def test_forbidden_combinations_are_never_proposed() -> None:
    space = Space({"x": Float(0, 1), "y": Float(0, 1)}, forbid=["x + y < 0.9"])
    rehearsal = Rehearsal(space)
    search(TreeParzenEstimator(), rehearsal, number, asks=40, seed=0)
    sums = rehearsal.history().units.sum(axis=1)
    assert (sums >= 0.9).all()
    assert sums.min() < 0.95


def test_the_default_comes_first_then_a_space_filling_start_then_the_estimator() -> None:
    space = Space({"x": Float(0, 1, default=0.2), "y": Float(0, 1)})
    rehearsal = Rehearsal(space)
    reasons = [s.reason for s in search(TreeParzenEstimator(n_initial=4), rehearsal, number, asks=6, seed=0)]
    assert rehearsal.history().config(0) == {"x": 0.2, "y": 0.5}
    assert reasons[0] == "tpe: the default configuration"
    assert all("space-filling" in reason for reason in reasons[1:4])
    assert all("times as dense in 1 good and" in reason for reason in reasons[4:])


def number(config: Config) -> float:
    return float(sum(value for value in config.values() if isinstance(value, int | float)))


@pytest.mark.parametrize(("budget", "expected"), [(None, 6), (100, 6), (20, 4), (3, 2)])
def test_number_of_results_before_the_estimator(budget: int | None, expected: int) -> None:
    assert TreeParzenEstimator().wanted_results(Rehearsal(SQUARE, budget=budget).history()) == expected


def test_trials_that_run_prolong_the_start_up_to_twice() -> None:
    rehearsal = told(SQUARE, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert "times as dense" in TreeParzenEstimator().ask(rehearsal.history(), 1, Streams(0))[0].reason
    reasons = [s.reason for s in TreeParzenEstimator().ask(rehearsal.history(), 4, Streams(0))]
    assert all("times as dense" in reason for reason in reasons[:2])
    assert reasons[2:] == [
        "tpe: the default configuration",
        "tpe: space-filling start, 7 of 9 results are there",
    ]
    for _ in range(50):
        rehearsal.start({"x": 0.5, "y": 0.1})
    assert TreeParzenEstimator().wanted_results(rehearsal.history()) == 12
    assert TreeParzenEstimator().explain(rehearsal.history()) == "tpe: the start, which fills the space evenly"


@pytest.mark.parametrize("settings", [{"n_initial": 0}, {"candidates": 0}, {"prior_weight": 0.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(RequestError, match=next(iter(settings))):
        TreeParzenEstimator(**settings)  # type: ignore[arg-type]


def nearest_distances(space: Space, configs: list[Config]) -> np.ndarray:
    """(n,) how far each configuration is from the one that is nearest to it."""
    units = np.array([space.encode(config) for config in configs])
    distances = np.linalg.norm(units[:, None] - units, axis=-1)
    np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.min(axis=0))


def test_asks_at_once_go_apart() -> None:
    rehearsal = Rehearsal(SQUARE)
    search(RandomSearch(), rehearsal, number, asks=40, seed=0)
    history = rehearsal.history()
    at_once = [s.config for s in TreeParzenEstimator().ask(history, 30, Streams(0))]
    alone = [TreeParzenEstimator().ask(history, 1, Streams(seed))[0].config for seed in range(30)]
    assert nearest_distances(SQUARE, at_once).mean() > 1.3 * nearest_distances(SQUARE, alone).mean()


def test_failures_are_avoided() -> None:
    rehearsal = Rehearsal(SQUARE)
    loss = lambda c: math.nan if float(c["x"] or 0) > 0.4 else float(c["y"] or 0)  # noqa: E731
    search(TreeParzenEstimator(), rehearsal, loss, asks=40, seed=0)
    assert int(np.isnan(rehearsal.history().losses[15:]).sum()) <= 6


def test_a_space_found_as_it_is_used() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for trial in range(12):
        builder.asked({}, None)
        domains: dict[str, Domain] = {"x": Float(0, 1)} if trial % 3 else {}
        if trial % 2:
            domains["kind"] = Categorical(["a", "b"])
        config: Config = {name: 0.5 if name == "x" else "a" for name in domains}
        if domains:
            builder.drew(trial, domains, config)
        builder.told(trial, TrialState.COMPLETE, [float(trial % 5)])
    (suggestion,) = TreeParzenEstimator().ask(builder.snapshot(40), 1, Streams(0))
    assert set(suggestion.config) == {"x", "kind"}
    assert "times as dense" in suggestion.reason


def test_large_spaces_are_no_obstacle() -> None:
    many = Categorical(list(range(10_000)))
    space = Space({**VAST["200 hyperparameters"].domains, "many": many})
    rehearsal = told(space, [math.sin(3 * i) for i in range(30)])
    suggestions = TreeParzenEstimator().ask(rehearsal.history(), 2, Streams(0))
    assert len({space.key(space.validate(s.config)) for s in suggestions}) == 2


@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_sixty_trials_are_worth_more_than_random_ones(toy: Problem) -> None:
    found = [
        [
            float(regrets(strategy, toy, trials=60, seed=seed)[-1])
            for strategy in (TreeParzenEstimator(), RandomSearch())
        ]
        for seed in range(10)
    ]
    # a sign test: 9 of 10 by chance has a probability of about 1 percent
    assert sum(tpe <= random for tpe, random in found) >= 9


@pytest.mark.long
def test_thinning_costs_little_when_trials_are_many() -> None:
    seeds = range(5)
    long = [regrets(TreeParzenEstimator(), problem("hartmann6"), trials=800, seed=seed)[-1] for seed in seeds]
    assert np.median(long) < 0.15
