"""The three pictures of the learning rate, by training a small network at many rates, and by formula with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.analyse.points import read
from holdfast.analyse.rates import Peers, Run, optimiser_of, rate_of, rate_verdict
from holdfast.testing.curves import Config, Rows, Trained, curve, toy_rows, train_network, with_noise

STEPS = np.arange(1, 41)
LOW, HIGH = "learning rate too low", "learning rate too high"


def run_of(trained: Trained, config: Config) -> Run:
    points = read(trained.loss) if trained.diverged is None else None
    return Run(points, config.learning_rate, config.optimizer, trained.diverged is not None)


def verdict(run: Run, config: Config, chance: float | None, peers: Peers | None) -> str | None:
    assert run.points is not None
    found = rate_verdict(run, config.learning_done(run.points.steps), chance, peers)
    return None if found is None else found.fault


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_three_pictures_are_told_apart_among_the_trials_of_a_study(schedule: str, noise: float) -> None:
    """Adam on clusters: up to 1e-4 it hardly learns, from 3e-3 to 3e-2 it learns, at 1 and above it jumps."""
    rows = toy_rows("blobs", 300, 300, 0)
    configs = [Config(10.0**power, "adam", schedule=schedule) for power in np.arange(-5.0, 1.0, 0.5)]
    runs = []
    for seed, config in enumerate(configs):
        trained = train_network(rows, config, seed)
        trained = Trained(with_noise(trained.loss, noise * rows.chance, seed), None, trained.diverged)
        runs.append(run_of(trained, config))
    peers = Peers.of(runs)
    found = [verdict(run, config, rows.chance, peers) for run, config in zip(runs, configs, strict=True)]
    assert found[:3] == [LOW] * 3  # 1e-5 to 1e-4
    assert found[5:8] == [None] * 3  # 3e-3 to 3e-2
    assert found[-1] == HIGH  # 3
    assert LOW not in found[5:]
    assert HIGH not in found[:8]


@pytest.mark.parametrize(("rate", "fault"), [(1e-4, LOW), (1e-2, None), (3.0, HIGH)])
def test_the_three_pictures_are_told_apart_by_their_shape_alone(rate: float, fault: str | None) -> None:
    hits = 0
    for seed in range(6):
        rows, config = toy_rows("blobs", 300, 300, seed), Config(rate, "adam")
        run = run_of(train_network(rows, config, seed), config)
        hits += verdict(run, config, rows.chance, None) == fault
    assert hits >= 5


def formula(train: np.ndarray, noise: float, seed: int) -> Run:
    clean = curve("loss", STEPS.tolist(), train.tolist(), (train + 0.03).tolist())
    return Run(read(with_noise(clean, noise, seed)), 0.01)


SLOW = 2.3 - 0.012 * STEPS
RIGHT = 0.2 + 2.1 * np.exp(-STEPS / 5.0)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_curves_by_formula_are_told_apart_whatever_their_noise(noise: float) -> None:
    found: dict[str, list[str | None]] = {"slow": [], "right": [], "jumping": [], "noisy": []}
    for seed in range(50):
        draw = np.random.default_rng(seed)
        shared = 0.9 + np.abs(draw.normal(0.0, 0.5, len(STEPS)))
        for name, run in (
            ("slow", formula(SLOW, noise, seed)),
            ("right", formula(RIGHT, noise, seed)),
            ("jumping", formula(shared, noise, seed)),
            ("noisy", formula(RIGHT, 0.3, seed)),  # each side by itself: nothing jumps but the measure
        ):
            fault = rate_verdict(run, None, 2.3, None)
            found[name].append(None if fault is None else fault.fault)
    wrong = {name: np.mean([each is not None for each in found[name]]) for name in ("right", "noisy")}
    assert max(wrong.values()) <= 0.06, wrong
    assert np.mean([each == LOW for each in found["slow"]]) > 0.9
    assert np.mean([each == HIGH for each in found["jumping"]]) > 0.9


def test_a_rest_is_called_too_high_only_where_lower_rates_went_on_and_as_high_ones_did_not() -> None:
    def resting(at: float, rate: float) -> Run:
        values = at + (2.3 - at) * np.exp(-STEPS / 3.0)
        return Run(read(curve("loss", STEPS.tolist(), values.tolist(), values.tolist())), rate)

    low = [resting(0.1, rate) for rate in (0.001, 0.002, 0.004)]
    high = [resting(1.0, rate) for rate in (0.1, 0.2, 0.4, 0.8)]
    found = rate_verdict(high[1], None, 2.3, Peers.of(low + high))
    assert found is not None
    assert found.fault == HIGH
    assert "trials with lower learning rates (up to 0.002) reached 0.1 by then" in found.seen
    assert rate_verdict(high[1], None, 2.3, None) is None
    assert rate_verdict(high[1], None, 2.3, Peers.of([*low, high[1], resting(0.1, 0.3), resting(0.1, 0.1)])) is None
    other = [Run(run.points, run.rate, "sgd") for run in low]
    assert rate_verdict(high[1], None, 2.3, Peers.of(other + high)) is None  # the rates of another optimiser


def test_what_others_reached_is_compared_at_the_same_step() -> None:
    rows = toy_rows("blobs", 300, 300, 1)
    configs = [Config(rate, "adam") for rate in (1e-3, 2e-3, 4e-3, 8e-3, 8e-3)]
    trained = [train_network(rows, config, seed) for seed, config in enumerate(configs)]
    short = {**trained[-1].loss, **{key: trained[-1].loss[key][:6] for key in ("steps", "train", "validation")}}
    runs = [run_of(each, config) for each, config in zip(trained[:-1], configs[:-1], strict=True)]
    stopped = Run(read(short), 8e-3, "adam")
    peers = Peers.of([*runs, stopped])
    assert rate_verdict(stopped, None, rows.chance, peers, cut=True) is None
    assert peers is not None
    standing = peers.standing(stopped, rows.chance)
    assert standing is not None
    assert standing.left < 0.3


def test_under_a_schedule_a_line_is_straight_in_the_learning_that_was_done() -> None:
    """A rate that is too low under a cosine comes to rest, as the schedule does; in epochs that looks like a rest."""
    rows, config = toy_rows("blobs", 300, 300, 2), Config(2e-4, "adam", schedule="cosine")
    run = run_of(train_network(rows, config, 0), config)
    assert verdict(run, config, rows.chance, None) == LOW
    assert run.points is not None
    assert rate_verdict(run, None, rows.chance, None) is None


def test_few_runs_say_nothing_of_each_other() -> None:
    one = formula(RIGHT, 0.0, 0)
    assert Peers.of([]) is None
    assert Peers.of([one] * 3) is None
    accuracy = Run(read(curve("accuracy", STEPS.tolist(), RIGHT.tolist(), RIGHT.tolist())), 0.1)
    assert Peers.of([one, one, one, accuracy]) is None
    gone = Run(None, 10.0, diverged=True)
    peers = Peers.of([one] * 4 + [gone])
    assert peers is not None
    assert np.isinf(peers.reached[-1]).all()


@pytest.mark.parametrize(
    ("config", "rate", "optimiser"),
    [
        ({"learning_rate": 0.1, "optimizer": "sgd"}, ("learning_rate", 0.1), "sgd"),
        ({"mlp__learning_rate_init": 1e-3, "mlp__solver": "adam"}, ("mlp__learning_rate_init", 1e-3), "adam"),
        ({"learning_rate": "adaptive", "eta0": 0.5}, ("eta0", 0.5), ""),
        ({"C": 1.0, "lr": True}, (None, None), ""),
    ],
)
def test_the_learning_rate_goes_by_many_names(config: dict[str, Any], rate: tuple[Any, Any], optimiser: str) -> None:
    assert rate_of(config) == rate
    assert optimiser_of(config) == optimiser


def test_the_small_network_learns_as_it_should() -> None:
    rows = toy_rows("rings", 400, 400, 0)
    good = train_network(rows, Config(0.05, batch_size=16), 0)
    assert good.final < 0.5 * rows.chance
    assert isinstance(rows, Rows)
    wild = train_network(toy_rows("wave", 200, 200, 0), Config(30.0, clip=0.0), 0)
    assert wild.diverged is not None
    assert len(wild.loss["steps"]) == wild.diverged - 1
