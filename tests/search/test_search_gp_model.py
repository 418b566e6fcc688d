"""What the acquisition knows: constraints, seconds and repetitions, by whole searches."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search.base import Strategy
from holdfast.search.gp import GaussianProcess
from holdfast.search.history import History
from holdfast.space import Categorical, Float, Space
from holdfast.testing.rehearsal import Rehearsal, random_trials

WAVES = Space({"x": Float(0, 6), "y": Float(0, 6)})
Told = Callable[[Config], tuple[float, list[float], float]]


def run(strategy: Strategy, rehearsal: Rehearsal, tell: Told, *, trials: int, seed: int) -> History:
    """Search; ``tell`` gives the loss, the violations and the seconds of a configuration."""
    for _ in range(trials):
        for suggestion in strategy.ask(rehearsal.history(), 1, Streams(seed)):
            loss, violation, seconds = tell(suggestion.config)
            rehearsal.finish(rehearsal.take(suggestion), loss, seconds=seconds, violation=violation)
    return rehearsal.history()


def waves(config: Config) -> tuple[float, list[float], float]:
    """The first simulation of Gardner et al. (2014): the lowest feasible loss is -1.889."""
    x, y = float(str(config["x"])), float(str(config["y"]))
    return math.cos(2 * x) * math.cos(y) + math.sin(x), [1000 * (math.cos(x + y) + 0.5)], 1.0


def test_the_best_feasible_configuration_is_found() -> None:
    best = []
    for seed in range(2):
        history = run(GaussianProcess(), Rehearsal(WAVES, constraints=["c <= 0"]), waves, trials=35, seed=seed)
        feasible = history.told_violation[:, 0] <= 0
        assert feasible.mean() > 0.3
        best.append(history.told_loss[feasible, 0].min())
    assert min(best) < -1.85


def narrow(config: Config) -> tuple[float, list[float], float]:
    """One in a hundred configurations is feasible."""
    x, y = float(str(config["x"])), float(str(config["y"]))
    return x, [abs(x - 4.4) - 0.3, abs(y - 1.3) - 0.3], 1.0


def test_while_nothing_is_feasible_the_probability_of_it_leads() -> None:
    rehearsal = Rehearsal(WAVES, constraints=["a <= 0", "b <= 0"])
    history = run(GaussianProcess(), rehearsal, narrow, trials=25, seed=0)
    assert np.any(np.all(history.told_violation <= 0, axis=1))
    rehearsal = Rehearsal(WAVES, constraints=["a <= 0", "b <= 0"])
    for i in range(12):
        trial = rehearsal.start({"x": i / 4, "y": 5.0 - i / 10})
        rehearsal.finish(trial, 1.0 + i, violation=[3.0 - i / 10, math.nan if i == 3 else 1.0])
    (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(0))
    assert suggestion.reason.startswith("gp: no trial is feasible yet, and this is with probability")


def test_a_violation_that_is_unknown_is_no_incumbent() -> None:
    rehearsal = Rehearsal(WAVES, constraints=["c <= 0"])
    random_trials(rehearsal, [-9.0])
    for i in range(8):
        rehearsal.finish(rehearsal.start({"x": i / 2, "y": 1.0}), float(i), violation=[-1.0])
    (suggestion,) = GaussianProcess().ask(rehearsal.history(), 1, Streams(0))
    assert "over trial 0" not in suggestion.reason


def test_cold_asks_equal_warm_ones_with_constraints_failures_and_seconds() -> None:
    space = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"])})
    rehearsal, strategy = Rehearsal(space, constraints=["c <= 0"]), GaussianProcess(per="second")
    rehearsal.learn("before", [{"x": i / 9, "kind": "ab"[i % 2]} for i in range(10)], [(i - 6) ** 2 for i in range(10)])
    for i in range(14):
        (suggestion,) = strategy.ask(rehearsal.history(), 1, Streams(1))
        assert [suggestion] == GaussianProcess(per="second").ask(rehearsal.replayed(), 1, Streams(1))
        x, trial = float(str(suggestion.config["x"])), rehearsal.take(suggestion)
        loss = math.nan if i % 5 == 4 else (x - 0.6) ** 2
        rehearsal.finish(trial, loss, seconds=1 + x, violation=[0.5 - x])


def slow_to_the_right(config: Config) -> tuple[float, list[float], float]:
    """Two optima, of which the slightly better one takes a hundred times as long."""
    x, y = float(str(config["x"])), float(str(config["y"]))
    loss = min((x - 1) ** 2, (x - 5) ** 2 - 0.05) + (y - 3) ** 2
    return loss, [], 10.0 ** (x / 2.5)


@pytest.mark.long
def test_gain_per_second_spends_less_and_is_no_worse_in_the_end() -> None:
    by_second: list[tuple[float, float]] = []
    by_trial: list[tuple[float, float]] = []
    for seed in range(3):
        for per, found in (("second", by_second), ("trial", by_trial)):
            strategy = GaussianProcess(per=per)  # type: ignore[arg-type]
            history = run(strategy, Rehearsal(WAVES, budget=30), slow_to_the_right, trials=30, seed=seed)
            at = int(np.argmax(history.told_loss[:, 0] < 0.1))
            found.append((float(history.told_seconds[: at + 1].sum()), float(history.losses.min())))
    seconds = np.median([[a[0] for a in by_second], [a[0] for a in by_trial]], axis=1)
    assert seconds[0] < 0.8 * seconds[1]
    assert np.median([a[1] for a in by_second]) < 0.01


def test_per_takes_two_words() -> None:
    with pytest.raises(RequestError, match="gp has per = 'dollar'"):
        GaussianProcess(per="dollar")  # type: ignore[arg-type]


def test_a_study_that_replicates_repeats_where_noise_is_worth_it() -> None:
    space = Space({"x": Categorical([1, 2, 3], ordered=True)})
    noise = np.random.default_rng(0)
    rehearsal = Rehearsal(space, duplicates="replicate")
    tell: Told = lambda c: (float(str(c["x"])) + noise.standard_normal(), [], 1.0)  # noqa: E731
    history = run(GaussianProcess(), rehearsal, tell, trials=24, seed=0)
    counts = np.bincount([int(str(history.config(i)["x"])) for i in range(24)], minlength=4)[1:]
    assert counts.sum() == 24
    assert counts[0] == counts.max()
