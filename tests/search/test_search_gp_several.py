"""Several objectives by the gp strategy: surrogates of each, and the volume that they expect."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search.base import Strategy
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.embedding import smooth_columns
from holdfast.search.gp.several import MAX_POINTS, objective, several_of
from holdfast.search.history import History, HistoryBuilder
from holdfast.search.pareto import hypervolume, non_dominated
from holdfast.search.random import RandomSearch
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.rehearsal import Rehearsal

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})
MIXED = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "rate": Float(1e-4, 1, log=True),
        "layers": Int(1, 4),
        "width": Float(0, 1, when={"layers": [2, 3, 4]}),
    }
)
Losses = Callable[[Config], tuple[float, ...]]


def convex(config: Config) -> tuple[float, ...]:
    """The front is where y is 0; the ends of it lie at x = 0 and x = 1."""
    x, y = float(str(config["x"])), float(str(config["y"]))
    g = 1 + 9 * y
    return x, g * (1 - math.sqrt(x / g))


def mixed(config: Config) -> tuple[float, ...]:
    """Error against size: more layers are better and larger, and one kind is best."""
    layers, width = int(str(config["layers"])), float(str(config.get("width", 0)))
    rate = (math.log10(float(str(config["rate"]))) + 2) ** 2
    error = 1 / (layers + width) + 0.2 * rate + (0.0 if config["kind"] == "b" else 0.3)
    return error, layers + layers * width


def run(strategy: Strategy, space: Space, losses: Losses, *, trials: int, seed: int, at_once: int = 1) -> History:
    builder = HistoryBuilder(space, ["minimize", "minimize"])
    builder.trials_limit = trials
    while len(builder) < trials:
        first = len(builder)
        for suggestion in strategy.ask(builder.snapshot(len(builder)), at_once, Streams(seed)):
            builder.asked(suggestion.config, None)
        for trial in range(first, len(builder)):
            builder.told(trial, TrialState.COMPLETE, losses(builder.snapshot(0).config(trial)))
    return builder.snapshot(len(builder))


def test_the_front_is_found_in_a_quarter_of_random_s_trials() -> None:
    reference = np.array([1.5, 5.0])
    for seed in range(2):
        gp = run(GaussianProcess(candidates=256), SQUARE, convex, trials=25, seed=seed)
        random = run(RandomSearch(), SQUARE, convex, trials=100, seed=seed)
        assert hypervolume(gp.told_loss, reference) > hypervolume(random.told_loss, reference)
        best = 5.0 * 1.5 - 1 / 3  # the corner below the front 1 - sqrt(x) has an area of 1/3
        assert hypervolume(gp.told_loss, reference) > best - 0.15


@pytest.mark.long
def test_mixed_and_conditional_spaces_against_random_search() -> None:
    reference = np.array([2.0, 9.0])
    won = 0
    for seed in range(10):
        pair = [run(s, MIXED, mixed, trials=40, seed=seed) for s in (GaussianProcess(), RandomSearch())]
        gp, random = (hypervolume(history.told_loss, reference) for history in pair)
        won += gp > random
    assert won >= 9  # a sign test: 9 of 10 by chance has a probability of about 1 percent


def test_the_ends_of_the_front_are_found() -> None:
    history = run(GaussianProcess(candidates=256), SQUARE, convex, trials=25, seed=0)
    front = history.told_loss[non_dominated(history.told_loss)]
    assert front[:, 0].min() < 0.02
    assert front[:, 0].max() > 0.9
    assert np.diff(np.sort(front[:, 0])).max() < 0.35


def test_asked_at_once_they_lie_apart_and_know_what_is_pending() -> None:
    history = run(GaussianProcess(random_share=0), SQUARE, convex, trials=12, seed=0)
    together = GaussianProcess(random_share=0).ask(history, 4, Streams(0))
    losses = np.array([convex(suggestion.config) for suggestion in together])
    distances = np.abs(losses[:, None] - losses).max(axis=2)[np.triu_indices(4, 1)]
    assert distances.min() > 0.01
    assert all("expected hypervolume improvement" in suggestion.reason for suggestion in together)


def test_maximised_objectives_and_failures() -> None:
    builder = HistoryBuilder(SQUARE, ["maximize", "minimize"])
    rng = np.random.default_rng(0)
    for trial in range(20):
        config = SQUARE.sample(rng)
        builder.asked(config, None)
        one, other = convex(config)
        failed = trial % 4 == 0
        state = TrialState.FAILED if failed else TrialState.COMPLETE
        builder.told(trial, state, [math.nan if failed else -one, other])
    history = builder.snapshot(20)
    suggestions = GaussianProcess(random_share=0).ask(history, 3, Streams(0))
    assert np.mean([float(str(s.config["y"])) for s in suggestions]) < 0.4
    assert "hypervolume" in suggestions[0].reason


def test_failures_alone_are_met_with_even_coverage_in_words() -> None:
    builder = HistoryBuilder(SQUARE, ["minimize", "minimize"])
    for trial in range(12):
        builder.asked({"x": trial / 12, "y": 0.5}, None)
        builder.told(trial, TrialState.FAILED, [math.nan, math.nan])
    (suggestion,) = GaussianProcess().ask(builder.snapshot(12), 1, Streams(0))
    assert "too few results" in suggestion.reason


def test_an_objective_that_does_not_change_is_no_obstacle() -> None:
    history = run(GaussianProcess(), SQUARE, lambda c: (convex(c)[0], 1.0), trials=12, seed=0)
    assert len(GaussianProcess(random_share=0).ask(history, 2, Streams(0))) == 2


def test_each_objective_has_a_history_of_its_own() -> None:
    history = run(RandomSearch(), SQUARE, convex, trials=10, seed=0)
    view = objective(history, 1)
    np.testing.assert_array_equal(view.losses, history.told_loss[:, 1])
    assert view.token == objective(history, 1).token != objective(history, 0).token


def test_gradients_of_the_landscape_against_finite_differences() -> None:
    history = run(RandomSearch(), MIXED, mixed, trials=25, seed=0)
    landscape = several_of(history, Streams(0)).landscape(MIXED, np.random.default_rng(0))
    smooth = smooth_columns(MIXED)
    units = np.random.default_rng(1).random((6, len(MIXED))) * 0.9 + 0.05
    value, gradient = landscape.with_gradient(units, smooth)
    np.testing.assert_allclose(value, landscape(units), rtol=1e-6, atol=1e-8)
    for at, column in enumerate(smooth):
        step = np.zeros(len(MIXED))
        step[column] = 1e-5
        slope = (landscape(units + step) - landscape(units - step)) / 2e-5
        np.testing.assert_allclose(gradient[:, at], slope, rtol=1e-3, atol=1e-4)


def test_past_the_cap_the_reason_says_how_many_trials_are_used() -> None:
    history = run(RandomSearch(), SQUARE, convex, trials=MAX_POINTS + 50, seed=0)
    (suggestion,) = GaussianProcess(candidates=64, random_share=0).ask(history, 1, Streams(0))
    assert f"of {MAX_POINTS + 50} trials)" in suggestion.reason


def test_outcome_constraints_are_kept() -> None:
    """What is feasible lies at x > 0.5, of which the search knows nothing at first."""
    rehearsal = Rehearsal(SQUARE, directions=("minimize", "minimize"), constraints=("ms <= 1",))
    found = []
    for _ in range(30):
        (suggestion,) = GaussianProcess(candidates=128).ask(rehearsal.history(), 1, Streams(0))
        trial = rehearsal.take(suggestion)
        rehearsal.finish(trial, convex(suggestion.config), violation=[0.5 - float(str(suggestion.config["x"]))])
        found.append(float(str(suggestion.config["x"])))
    assert np.mean(np.array(found[12:]) >= 0.5) >= 0.7
    losses = rehearsal.history().told_loss[np.array(found) >= 0.5]
    assert hypervolume(losses, np.array([1.5, 5.0])) > 4.9  # of 5.07: the front from x = 0.5 on


def test_forbidden_configurations_are_never_proposed() -> None:
    space = Space(dict(SQUARE.domains), forbid=["x + y < 0.5"])
    history = run(GaussianProcess(), space, convex, trials=16, seed=0)
    assert all(space.allows(history.config(trial)) for trial in range(16))


def test_priors_are_followed() -> None:
    space = Space({"x": Float(0, 1), "y": Float(0, 1, prior=Normal(0.0, 0.05))})
    near = [run(GaussianProcess(), s, convex, trials=10, seed=0).units[1:, 1].mean() for s in (space, SQUARE)]
    assert near[0] < 0.5 * near[1]


def test_the_start_is_that_of_one_objective() -> None:
    tree = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            "x": Float(0, 1, when={"kind": "a"}),
            "y": Float(0, 1, when={"kind": "b"}),
            "z": Float(0, 1, when={"kind": "c"}),
        }
    )
    for seed in range(5):
        taken: list[Config] = []
        rehearsal = Rehearsal(tree, directions=("minimize", "minimize"))
        for _ in range(4):
            (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(seed))
            rehearsal.finish(rehearsal.take(suggestion), 0.5)
            taken.append(suggestion.config)
        assert {config["kind"] for config in taken} == {"a", "b", "c"}


def test_a_configuration_is_repeated_where_duplicates_are_replicates() -> None:
    space = Space({"kind": Categorical(["a", "b", "c"])})
    rehearsal = Rehearsal(space, directions=("minimize", "minimize"), duplicates="replicate")
    for kind, losses in (("a", (0.0, 1.0)), ("b", (1.0, 0.0)), ("c", (2.0, 2.0))):
        rehearsal.finish(rehearsal.start({"kind": kind}), losses)
    (suggestion,) = GaussianProcess(n_initial=1).ask(rehearsal.history(), 1, Streams(0))
    assert "hypervolume" in suggestion.reason
