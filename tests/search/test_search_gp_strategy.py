from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, TrialState
from holdfast.rng import Streams
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.failures import loss_kernels
from holdfast.search.gp.fits import FIT_POINTS, fit_size
from holdfast.search.gp.maximise import all_points, candidates, climb
from holdfast.search.gp.model import IMAGINED, model_of
from holdfast.search.history import History, HistoryBuilder
from holdfast.search.random import RandomSearch
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.testing.problems import PROBLEMS, Problem, problem, regrets
from holdfast.testing.rehearsal import Rehearsal, random_trials, search

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def told(space: Space, n: int, budget: int | None = None) -> Rehearsal:
    rehearsal = Rehearsal(space, budget=budget)
    random_trials(rehearsal, [math.sin(3 * i) for i in range(n)])
    return rehearsal


def by_text(config: Config) -> float:
    return float(sum(str(config).encode()))


def test_the_default_comes_first_then_a_space_filling_start_then_the_surrogate() -> None:
    space = Space({"x": Float(0, 1, default=0.2), "y": Float(0, 1)})
    rehearsal = Rehearsal(space)
    reasons = [s.reason for s in search(GaussianProcess(random_share=0), rehearsal, by_text, asks=7, seed=0)]
    assert rehearsal.history().config(0) == {"x": 0.2, "y": 0.5}
    assert reasons[0] == "gp: the default configuration"
    assert all("space-filling" in reason for reason in reasons[1:5])
    assert all("expected improvement" in reason and "over trial" in reason for reason in reasons[5:])


def test_the_default_is_not_tried_twice() -> None:
    rehearsal = Rehearsal(SQUARE)
    rehearsal.finish(rehearsal.start(SQUARE.default_config()), 1.0)
    (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(0))
    assert "space-filling" in suggestion.reason


@pytest.mark.parametrize(
    ("dimensions", "budget", "expected"), [(2, None, 5), (200, None, 5), (9, 30, 5), (9, 20, 4), (9, 5, 2)]
)
def test_number_of_initial_trials(dimensions: int, budget: int | None, expected: int) -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(dimensions)})
    assert GaussianProcess().initial_trials(Rehearsal(space, budget=budget).history()) == expected


def test_failures_alone_are_met_with_even_coverage_in_words() -> None:
    rehearsal = Rehearsal(SQUARE)
    random_trials(rehearsal, [math.nan] * 12)
    (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(0))
    assert "too few results" in suggestion.reason


def test_a_failure_that_came_with_a_number_is_a_failure() -> None:
    rehearsal = Rehearsal(SQUARE)
    for i in range(8):
        trial = rehearsal.start(SQUARE.sample(np.random.default_rng(i)))
        rehearsal.finish(trial, 0.5 * i, TrialState.FAILED)
    (suggestion,) = GaussianProcess(random_share=0).ask(rehearsal.history(), 1, Streams(0))
    assert "too few results" in suggestion.reason


def right_fails(config: Config) -> float:
    return math.nan if float(config["x"] or 0) > 0.4 else float(config["y"] or 0)


def test_failures_are_avoided() -> None:
    failed = []
    for seed in range(3):
        rehearsal = Rehearsal(SQUARE)
        strategy = GaussianProcess(random_share=0)
        search(strategy, rehearsal, right_fails, asks=30, seed=seed)
        states = rehearsal.history().told_state[15:]
        failed.append(int((states == list(TrialState).index(TrialState.FAILED)).sum()))
    assert np.mean(failed) <= 5  # nine would at random


@pytest.mark.parametrize(
    "settings",
    [
        {"n_initial": 0},
        {"n_initial": 1.5},
        {"n_initial": "five"},
        {"candidates": 3},
        {"candidates": "many"},
        {"random_share": 1.5},
        {"random_share": "half"},
        {"per": "hour"},
        {"per": ["second"]},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(RequestError, match=next(iter(settings))):
        GaussianProcess(**settings)  # type: ignore[arg-type]


def test_fit_sizes_are_fixed_and_grow_by_a_factor() -> None:
    sizes = sorted({fit_size(told) for told in range(2, 3000)})
    assert sizes[:19] == list(range(2, 21))
    assert all(fit_size(size) == size for size in sizes)
    assert len(sizes) < 80


def kernels_of(history: History) -> np.ndarray:
    """The parameters of each draw, found with no memory of another history."""
    assert history.space is not None
    embed = embedding(history.space)
    seen = Told(history.token, embed.group, embed(history.units[history.told_trial]))
    return np.array([kernel.parameters() for kernel in loss_kernels(history, seen, Streams(0))])


def test_hyperparameters_depend_on_the_prefix_alone() -> None:
    rehearsal = told(SQUARE, 50)
    early = kernels_of(rehearsal.history())
    size = fit_size(50)
    while fit_size(len(rehearsal.history())) == size:
        late = kernels_of(rehearsal.replayed())
        np.testing.assert_array_equal(early, late)
        random_trials(rehearsal, [-5.0])


def test_past_the_cap_the_reason_says_how_many_trials_are_used() -> None:
    rehearsal = told(SQUARE, 1299)
    random_trials(rehearsal, [-2.0])
    (suggestion,) = GaussianProcess(candidates=64, random_share=0).ask(rehearsal.history(), 1, Streams(0))
    assert suggestion.reason.endswith("(by 1200 of 1300 trials)")


def test_a_thousand_trials_are_all_used() -> None:
    rehearsal = told(SQUARE, 999)
    random_trials(rehearsal, [-2.0])
    (suggestion,) = GaussianProcess(candidates=64, random_share=0).ask(rehearsal.history(), 1, Streams(0))
    assert "expected improvement" in suggestion.reason
    assert "of 1000 trials" not in suggestion.reason
    assert FIT_POINTS < 1000


def test_every_second_trial_looks_further_while_nothing_gets_better() -> None:
    rehearsal = Rehearsal(SQUARE)
    random_trials(rehearsal, [0.0] + [1.0 + i for i in range(11)])
    reasons = [s.reason for s in GaussianProcess(random_share=0).ask(rehearsal.history(), 2, Streams(0))]
    assert reasons[0].startswith("gp: confidence bound over trial 0, since 11 results were no improvement")
    assert reasons[1].startswith("gp: expected improvement")
    random_trials(rehearsal, [-1.0, -2.0])
    reasons = [s.reason for s in GaussianProcess(random_share=0).ask(rehearsal.history(), 2, Streams(0))]
    assert all(reason.startswith("gp: expected improvement") for reason in reasons)


def test_eight_at_once_differ_and_are_those_of_eight_asks() -> None:
    rehearsal = told(SQUARE, 12)
    asked = GaussianProcess().ask(rehearsal.history(), 8, Streams(0))
    points = np.array([SQUARE.encode(s.config) for s in asked])
    apart = np.abs(points[:, None] - points).max(axis=2)[np.triu_indices(8, 1)]
    assert apart.min() > 0.001
    one_by_one = []
    for _ in range(8):
        (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(0))
        rehearsal.start(suggestion.config)
        one_by_one.append(SQUARE.encode(suggestion.config))
    np.testing.assert_allclose(one_by_one, points, atol=1e-3)


def test_what_pending_trials_may_bring_is_imagined_anew_with_every_result() -> None:
    rehearsal = told(SQUARE, 8)
    before = model_of(rehearsal.history(), Streams(0))
    rehearsal.start({"x": 0.9, "y": 0.1})
    history = rehearsal.history()
    model = model_of(history, Streams(0))
    means = np.array([belief.predict(model.pending)[0][:, 0] for belief in model.beliefs])
    plain, variance = np.array([belief.predict(model.pending) for belief in before.beliefs])[:, :, 0].T[:, :, None]
    noise = np.array([belief.kernel.noise for belief in before.beliefs])[:, None]
    normals = np.sort(((means - plain) * np.sqrt(variance + noise) / variance).ravel())
    assert means.shape == (len(before.beliefs), IMAGINED)
    np.testing.assert_array_equal(np.floor(ndtr(normals) * normals.size), np.arange(normals.size))
    np.testing.assert_allclose(np.array(model.bests), np.minimum(np.array(before.bests)[:, None], means))
    assert model.told_bests == before.bests
    other = model_of(history, Streams(1))
    assert not np.allclose(np.array(other.bests), np.array(model.bests))


@pytest.mark.long
def test_eight_at_once_need_less_than_twice_the_trials() -> None:
    hartmann = problem("hartmann6")
    together = []
    for seed in range(6):
        rehearsal = Rehearsal(hartmann.space, budget=64)
        search(GaussianProcess(), rehearsal, hartmann.loss, asks=8, seed=seed, at_once=8)
        together.append(np.nanmin(rehearsal.history().losses) - hartmann.best)
    alone = [regrets(GaussianProcess(), hartmann, trials=32, seed=seed)[-1] for seed in range(6)]
    assert np.median(together) <= np.median(alone) + 0.05  # random search has about 1.0


def test_two_hundred_dimensions() -> None:
    space = Space(
        {f"x{i}": Float(0, 1) for i in range(120)}
        | {f"n{i}": Int(1, 9) for i in range(40)}
        | {f"c{i}": Categorical(["a", "b", "c"]) for i in range(40)}
    )
    rehearsal = told(space, 30)
    suggestions = GaussianProcess(random_share=0).ask(rehearsal.history(), 2, Streams(0))
    assert len({space.key(space.validate(s.config)) for s in suggestions}) == 2


def test_a_space_found_as_it_is_used() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for trial in range(12):
        builder.asked({}, None)
        domains: dict[str, Domain] = {}
        config: Config = {}
        if trial % 3:
            domains["x"], config["x"] = Float(0, 1), trial / 12
        if trial % 2:
            domains["kind"], config["kind"] = Categorical(["a", "b"]), "ab"[trial // 2 % 2]
        if domains:
            builder.drew(trial, domains, config)
        builder.told(trial, TrialState.COMPLETE, [float(trial % 5)])
    history = builder.snapshot(40)
    (suggestion,) = GaussianProcess(random_share=0).ask(history, 1, Streams(0))
    assert set(suggestion.config) == {"x", "kind"}
    assert "over trial" in suggestion.reason


def test_trials_that_were_stopped_early_are_used() -> None:
    rehearsal = Rehearsal(SQUARE, fidelity=Fidelity("epoch", 1, 9))
    for i in range(12):
        trial = rehearsal.start(SQUARE.sample(np.random.default_rng(i)))
        rehearsal.finish(trial, float(i), TrialState.STOPPED if i % 2 else TrialState.COMPLETE)
    (suggestion,) = GaussianProcess(random_share=0).ask(rehearsal.history(), 1, Streams(0))
    assert "over trial" in suggestion.reason


def test_more_running_trials_than_the_surrogate_takes() -> None:
    rehearsal = told(SQUARE, 20)
    rng = np.random.default_rng(5)
    for _ in range(300):
        rehearsal.start(SQUARE.sample(rng))
    assert len(GaussianProcess(candidates=64).ask(rehearsal.history(), 2, Streams(0))) == 2


def test_small_finite_spaces_are_searched_in_full() -> None:
    space = problem("choices").space
    points = all_points(space)
    assert points is not None
    assert len({space.key(space.decode(point)) for point in points}) == space.count() == 240
    assert all_points(SQUARE) is None


def test_candidates_near_the_centres_and_everywhere() -> None:
    centres = np.array([[0.5, np.nan]])
    points = candidates(SQUARE, centres, 400, np.random.default_rng(0))
    assert points.shape == (400, 2)
    assert points.min() >= 0
    assert points.max() <= 1
    assert np.sum(np.abs(points[:, 0] - 0.5) < 0.02) > 40
    assert np.sum(points[:, 0] < 0.1) > 20


def test_climbing_finds_the_top_of_a_mixed_landscape() -> None:
    space = problem("mixed").space
    rng = np.random.default_rng(0)
    rehearsal = Rehearsal(space)
    search(RandomSearch(), rehearsal, problem("mixed").loss, asks=40, seed=0)
    landscape = model_of(rehearsal.history(), Streams(0)).landscape(space, None)
    starts = rng.random((4, len(space)))
    _, heights = climb(landscape, starts, landscape(starts), rng)
    assert heights.max() > landscape(rng.random((3000, len(space)))).max()


def trials_to_reach(found: np.ndarray, target: float) -> int:
    reached = np.flatnonzero(found <= target)
    return int(reached[0]) + 1 if len(reached) else len(found) + 1


def test_hartmann_takes_a_third_of_the_trials_of_random_search() -> None:
    hartmann = problem("hartmann6")
    needed = [
        trials_to_reach(
            regrets(GaussianProcess(), hartmann, trials=25, seed=seed),
            regrets(RandomSearch(), hartmann, trials=60, seed=seed)[-1],
        )
        for seed in range(5)
    ]
    assert np.median(needed) <= 20


def test_branin_is_solved_where_random_search_is_not() -> None:
    branin = problem("branin")
    pairs = [
        [regrets(strategy, branin, trials=25, seed=seed)[-1] for strategy in (GaussianProcess(), RandomSearch())]
        for seed in range(8)
    ]
    # a sign test: 8 of 8 by chance has a probability under 0.4 percent
    assert all(gp < random for gp, random in pairs)
    assert np.median([gp for gp, _ in pairs]) < 0.1


@pytest.mark.long
@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_sixty_trials_are_worth_more_than_random_ones(toy: Problem) -> None:
    seeds = range(10)
    gp = np.array([regrets(GaussianProcess(), toy, trials=60, seed=seed) for seed in seeds])
    random = np.array([regrets(RandomSearch(), toy, trials=60, seed=seed) for seed in seeds])
    # a sign test: 9 of 10 by chance has a probability of about 1 percent
    assert np.sum(gp[:, -1] <= random[:, -1]) >= 9
    needed = [trials_to_reach(a, b[-1]) for a, b in zip(gp, random, strict=True)]
    assert np.median(needed) <= 30
