"""Toy problems whose optimum is known: smooth, mixed, conditional and categorical ones, in microseconds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from holdfast.records import Config, Fidelity, Verdict
from holdfast.search.base import Strategy
from holdfast.space import Categorical, Float, Int, Space
from holdfast.study.handle import LiveTrial
from holdfast.testing.rehearsal import Loss, Rehearsal, search


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss over a space, and the lowest loss there is."""

    name: str
    space: Space
    loss: Loss
    best: float


def regrets(strategy: Strategy, problem: Problem, *, trials: int, seed: int) -> np.ndarray:
    """(trials,) how far the best so far is above the optimum; the last repeats once a space is exhausted."""
    rehearsal = Rehearsal(problem.space, budget=trials)
    search(strategy, rehearsal, problem.loss, asks=trials, seed=seed)
    found = np.minimum.accumulate(rehearsal.history().losses - problem.best)
    return np.concatenate([found, np.full(trials - len(found), found[-1])])


def branin(config: Config) -> float:
    """Branin and Hoo (1972): two numbers, three equal optima of 0.397887."""
    x, y = _number(config, "x"), _number(config, "y")
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_HARTMANN_WEIGHT = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN_SCALE = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_HARTMANN_CENTRE = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(config: Config) -> float:
    """Hartmann (1973): six numbers, six local optima; the lowest is -3.32237."""
    x = np.array([_number(config, f"x{i}") for i in range(6)])
    return -float(_HARTMANN_WEIGHT @ np.exp(-(_HARTMANN_SCALE * (x - _HARTMANN_CENTRE) ** 2).sum(axis=1)))


def mixed(config: Config) -> float:
    """Numbers on logarithms, integers and categoricals that interact; the optimum is 0."""
    centre, penalty = {"sgd": (-1.0, 0.3), "adam": (-3.0, 0.0), "lion": (-3.7, 0.1)}[str(config["optimizer"])]
    return (
        penalty
        + {"relu": 0.1, "tanh": 0.6, "gelu": 0.0, "elu": 0.3}[str(config["activation"])]
        + 0.5 * (math.log10(_number(config, "learning_rate")) - centre) ** 2
        + 0.1 * (math.log10(_number(config, "weight_decay")) + 3.3) ** 2
        + 0.05 * (_number(config, "layers") - 5) ** 2
        + 0.08 * math.log2(_number(config, "width") / 90) ** 2
    )


def conditional(config: Config) -> float:
    """Branches of different hyperparameters and depths; the optimum is 0, in the branch of sgd and three layers."""
    branch = str(config["optimizer"])
    loss, centre = {"sgd": (0.0, -1.0), "adam": (0.2, -3.0), "rmsprop": (0.5, -4.0)}[branch]
    loss += 0.3 * (math.log10(_number(config, "learning_rate")) - centre) ** 2
    if branch == "sgd":
        loss += 4 * (_number(config, "momentum") - 0.85) ** 2 + (0.0 if config["nesterov"] else 0.2)
    if branch == "adam":
        loss += 2 * (_number(config, "beta1") - 0.9) ** 2 + 3 * (_number(config, "beta2") - 0.95) ** 2
    loss += 0.2 * (_number(config, "layers") - 3) ** 2
    for name, best in (("dropout2", 0.3), ("dropout3", 0.6)):
        if name in config:
            loss += (_number(config, name) - best) ** 2
    return loss


def choices(config: Config) -> float:
    """Four categoricals, 240 configurations; the optimum is 0."""
    return (
        0.3 * (config["a"] != "c")
        + 0.2 * (config["b"] != "v")
        + 0.1 * abs(_number(config, "c") - 3)
        + 0.25 * ((config["a"] == "c") != bool(config["d"]))
    )


PROBLEMS: tuple[Problem, ...] = (
    Problem("branin", Space({"x": Float(-5, 10), "y": Float(0, 15)}), branin, 0.39788735772973816),
    Problem("hartmann6", Space({f"x{i}": Float(0, 1) for i in range(6)}), hartmann6, -3.322368011415511),
    Problem(
        "mixed",
        Space(
            {
                "learning_rate": Float(1e-5, 1, log=True),
                "weight_decay": Float(1e-6, 1e-1, log=True),
                "layers": Int(1, 8),
                "width": Int(8, 512, log=True),
                "activation": Categorical(["relu", "tanh", "gelu", "elu"]),
                "optimizer": Categorical(["sgd", "adam", "lion"]),
            }
        ),
        mixed,
        0.0,
    ),
    Problem(
        "conditional",
        Space(
            {
                "optimizer": Categorical(["sgd", "adam", "rmsprop"]),
                "learning_rate": Float(1e-5, 1, log=True),
                "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
                "nesterov": Categorical([True, False], when={"optimizer": "sgd"}),
                "beta1": Float(0.5, 0.999, when={"optimizer": "adam"}),
                "beta2": Float(0.8, 0.9999, when={"optimizer": "adam"}),
                "layers": Int(1, 4),
                "dropout2": Float(0, 1, when={"layers": [2, 3, 4]}),
                "dropout3": Float(0, 1, when={"layers": [3, 4]}),
            }
        ),
        conditional,
        0.0,
    ),
    Problem(
        "choices",
        Space(
            {
                "a": Categorical(["a", "b", "c", "d"]),
                "b": Categorical(["u", "v", "w", "x", "y"]),
                "c": Categorical([1, 2, 3, 4, 5, 6], ordered=True),
                "d": Categorical([True, False]),
            }
        ),
        choices,
        0.0,
    ),
)


TURNS = Space({"along": Categorical(["first", "second"])})
"""What `take_turns` searches: which of two coordinates a step descends along."""

TURNS_STEPS = Fidelity("step", 10, 100)
"""How long `take_turns` is trained."""


def take_turns(trial: LiveTrial) -> float | None:
    """A training that no fixed configuration solves: 1.2 - x^2 - y^2, to be made large from x = y = 0.9.

    The toy problem of Jaderberg et al., "Population based training of neural networks", 2017, section 4 and figure 2,
    with a step that follows the gradient of one coordinate only: whoever keeps to one ends at 0.39. The optimum, 1.2,
    takes a schedule.
    """
    place: list[float] = [0.9, 0.9] if trial.checkpoint is None else json.loads(trial.checkpoint)
    value = 1.2 - place[0] ** 2 - place[1] ** 2
    for step in range(trial.start_step + 1, TURNS_STEPS.max + 1):
        place[0 if trial["along"] == "first" else 1] *= 0.9
        value = 1.2 - place[0] ** 2 - place[1] ** 2
        if trial.report(value, step) is not Verdict.CONTINUE:
            trial.save(json.dumps(place).encode())
            return None
    return value


def problem(name: str) -> Problem:
    """The problem of that name."""
    return next(item for item in PROBLEMS if item.name == name)


def _number(config: Config, name: str) -> float:
    value = config[name]
    assert isinstance(value, int | float)
    return float(value)
