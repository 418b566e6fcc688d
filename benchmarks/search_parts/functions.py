"""Functions with a known optimum of 0 that stand for what is tuned: smooth, conditional and mixed.

A space is a list of dicts with ``name``, ``type`` (``float``, ``int`` or ``cat``), ``low``, ``high`` and ``log`` or
``choices``, and ``when``: the values of other hyperparameters with which it is active, or None. Only numpy is imported,
because rivals run these functions in interpreters of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Config = dict[str, Any]
Spec = list[dict[str, Any]]
When = Mapping[str, list[Any]] | None

HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
HARTMANN_BEST = -3.3223680114155147
BRANIN_BEST = 0.39788735772973816


def number(name: str, low: float, high: float, *, log: bool = False, when: When = None) -> dict[str, Any]:
    """A real hyperparameter."""
    return {"name": name, "type": "float", "low": low, "high": high, "log": log, "when": when}


def whole(name: str, low: int, high: int, *, log: bool = False, when: When = None) -> dict[str, Any]:
    """A whole-numbered hyperparameter, both ends included."""
    return {"name": name, "type": "int", "low": low, "high": high, "log": log, "when": when}


def choice(name: str, choices: list[Any], when: When = None) -> dict[str, Any]:
    """A categorical hyperparameter."""
    return {"name": name, "type": "cat", "choices": choices, "when": when}


def cube(n: int, low: float, high: float) -> Spec:
    """Real hyperparameters x0, x1, ... with the same bounds."""
    return [number(f"x{i}", low, high) for i in range(n)]


def offsets(n: int) -> np.ndarray:
    """(n,) fixed shares of half the range, in ±0.4 and all different, by which an optimum is moved off the centre."""
    shares: np.ndarray = np.modf(0.6180339887 * np.arange(1, n + 1))[0]
    return 0.8 * (shares - 0.5)


def _vector(config: Config) -> np.ndarray:
    return np.array([config[f"x{i}"] for i in range(len(config))], dtype=float)


def branin(config: Config) -> float:
    """Branin's function with three optima, less its lowest value."""
    x, y = _vector(config)
    bowl = y - 5.1 * x**2 / (4 * np.pi**2) + 5 * x / np.pi - 6
    return float(bowl**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10 - BRANIN_BEST)


def hartmann6(config: Config) -> float:
    """Hartmann's function of six variables, less its lowest value."""
    near = (HARTMANN_A * (_vector(config) - HARTMANN_P) ** 2).sum(axis=1)
    return float(-(np.array([1, 1.2, 3, 3.2]) * np.exp(-near)).sum() - HARTMANN_BEST)


def ackley(config: Config) -> float:
    """Ackley's function on ±32.768, its optimum moved by `offsets`."""
    x = _vector(config)
    x = x - 32.768 * offsets(len(x))
    return float(20 + np.e - 20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()))


def levy(config: Config) -> float:
    """Levy's function on ±10, its optimum moved by `offsets`."""
    x = _vector(config)
    w = 1 + (x - 10 * offsets(len(x))) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return float(np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2))


def rosenbrock(config: Config) -> float:
    """Rosenbrock's valley on -5 to 10, with its optimum at ones."""
    x = _vector(config)
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


TREE: Spec = [
    choice("model", ["linear", "network", "trees"]),
    number("penalty", 1e-6, 1e2, log=True, when={"model": ["linear"]}),
    choice("solver", ["exact", "stochastic"], when={"model": ["linear"]}),
    whole("passes", 5, 500, log=True, when={"solver": ["stochastic"]}),
    whole("layers", 1, 6, when={"model": ["network"]}),
    whole("width", 16, 1024, log=True, when={"model": ["network"]}),
    number("learning_rate", 1e-5, 1.0, log=True, when={"model": ["network"]}),
    choice("optimizer", ["sgd", "adam", "rmsprop"], when={"model": ["network"]}),
    number("momentum", 0.0, 0.99, when={"optimizer": ["sgd"]}),
    number("beta2", 0.9, 0.9999, when={"optimizer": ["adam"]}),
    choice("schedule", ["constant", "cosine"], when={"model": ["network"]}),
    number("warmup", 0.0, 0.5, when={"schedule": ["cosine"]}),
    whole("depth", 1, 14, when={"model": ["trees"]}),
    number("shrinkage", 1e-3, 1.0, log=True, when={"model": ["trees"]}),
    whole("rounds", 10, 2000, log=True, when={"model": ["trees"]}),
]
TREE_BEST: Config = {
    "model": "network",
    "layers": 4,
    "width": 192,
    "learning_rate": 0.05,
    "optimizer": "sgd",
    "momentum": 0.9,
    "schedule": "cosine",
    "warmup": 0.1,
}


def tree(config: Config) -> float:
    """A choice among models, each with hyperparameters of its own, three levels deep; `TREE_BEST` scores 0."""
    if config["model"] == "linear":
        miss = 0.05 * (np.log10(config["penalty"]) + 1.5) ** 2
        if config["solver"] == "stochastic":
            miss += 0.1 * (np.log10(500 / config["passes"])) ** 2
        return float(0.30 + 0.4 * (1 - np.exp(-miss)))
    if config["model"] == "trees":
        shrink = np.log10(config["shrinkage"]) + np.log10(config["rounds"]) - 1.5
        miss = 0.25 * shrink**2 + 0.02 * (config["depth"] - 6) ** 2 + 0.05 * np.log10(config["rounds"] / 400) ** 2
        return float(0.12 + 0.5 * (1 - np.exp(-miss)))
    miss = 0.03 * (config["layers"] - 4) ** 2 + 0.06 * np.log2(config["width"] / 192) ** 2
    rate = np.log10(config["learning_rate"])
    if config["optimizer"] == "sgd":
        lag = np.log10(1 - config["momentum"]) + 1
        miss += 0.5 * (rate - np.log10(0.05) - 0.8 * lag) ** 2 + 0.15 * lag**2
    elif config["optimizer"] == "adam":
        miss += 0.05 + 0.5 * (rate + 3) ** 2 + 0.05 * (np.log10(1 - config["beta2"]) + 3) ** 2
    else:
        miss += 0.10 + 0.5 * (rate + 3.2) ** 2
    miss += 6 * (config["warmup"] - 0.1) ** 2 if config["schedule"] == "cosine" else 0.04
    return float(0.8 * (1 - np.exp(-miss)))


MIXED: Spec = [
    choice("augmentation", ["none", "flip", "crop", "mix", "erase"]),
    choice("activation", ["relu", "gelu", "tanh"]),
    choice("norm", ["batch", "layer", "none"]),
    whole("depth", 1, 12),
    whole("batch_size", 8, 512, log=True),
    whole("epochs", 5, 200, log=True),
    number("learning_rate", 1e-5, 1.0, log=True),
    number("weight_decay", 1e-7, 1e-1, log=True),
    number("dropout", 0.0, 0.8),
    number("label_smoothing", 0.0, 0.3, when={"augmentation": ["mix", "erase", "crop"]}),
]
MIXED_BEST: Config = {
    "augmentation": "mix",
    "activation": "gelu",
    "norm": "layer",
    "depth": 8,
    "batch_size": 64,
    "epochs": 120,
    "learning_rate": 0.002,
    "weight_decay": 1e-4,
    "dropout": 0.15,
    "label_smoothing": 0.1,
}


def mixed(config: Config) -> float:
    """Categoricals, whole and real hyperparameters that depend on each other; `MIXED_BEST` scores 0."""
    kind = config["augmentation"]
    miss = {"none": 0.30, "flip": 0.14, "crop": 0.06, "erase": 0.08, "mix": 0.0}[kind]
    miss += {"relu": 0.03, "gelu": 0.0, "tanh": 0.12}[config["activation"]]
    miss += {"batch": 0.02, "layer": 0.0, "none": 0.10}[config["norm"]]
    deepest = 8 if config["norm"] != "none" else 4
    miss += 0.012 * (config["depth"] - deepest) ** 2
    scale = np.log10(config["learning_rate"] / 0.002) - 0.5 * np.log10(config["batch_size"] / 64)
    miss += 0.35 * scale**2 + 0.05 * np.log2(config["batch_size"] / 64) ** 2 / 4
    longest = 120 if kind in ("mix", "erase") else 60
    miss += 0.15 * np.log10(config["epochs"] / longest) ** 2
    regular = np.log10(config["weight_decay"]) + 4 + 2 * (config["dropout"] - 0.15)
    miss += 0.05 * regular**2 + 1.0 * (config["dropout"] - 0.15) ** 2
    if kind in ("mix", "erase", "crop"):
        miss += 4 * (config["label_smoothing"] - 0.1) ** 2
    return float(1 - np.exp(-miss))


FUNCTIONS: dict[str, tuple[str, Spec, Callable[[Config], float]]] = {
    "branin": ("smooth", [number("x0", -5, 10), number("x1", 0, 15)], branin),
    "hartmann6": ("smooth", cube(6, 0, 1), hartmann6),
    "ackley10": ("smooth", cube(10, -32.768, 32.768), ackley),
    "levy10": ("smooth", cube(10, -10, 10), levy),
    "rosenbrock8": ("smooth", cube(8, -5, 10), rosenbrock),
    "tree": ("conditional", TREE, tree),
    "mixed": ("conditional", MIXED, mixed),
}
"""By name: family, space and function."""
