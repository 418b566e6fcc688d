"""Rivals behind one interface; each imports its own packages when it is made.

``ask()`` gives a token and a configuration, ``tell(token, loss)`` takes the loss of its active hyperparameters;
lower is better. ``prefill(rows)`` tells configurations that somebody else proposed. Optuna, SMAC and DEHB know
conditions; FLAML, HEBO and Ax are given the flattened space, and hyperparameters that are not active do not count.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from benchmarks.search_parts.functions import Config, Spec
from benchmarks.search_parts.tasks import active, sample


class Rival(Protocol):
    """What all rivals have in common."""

    def ask(self) -> tuple[Any, Config]:
        """A token to tell with, and the next configuration."""
        ...

    def tell(self, token: Any, loss: float) -> None:
        """The loss of what was asked."""
        ...


class Random:
    """Uniform draws: what every regret is measured by."""

    def __init__(self, space: Spec, seed: int, _: int) -> None:
        self._space, self._rng = space, np.random.default_rng(seed)

    def ask(self) -> tuple[Any, Config]:
        """A draw."""
        return None, sample(self._space, self._rng)

    def tell(self, token: Any, loss: float) -> None:
        """Nothing is learned."""


class Optuna:
    """Optuna's samplers with their default settings, for one objective or several."""

    def __init__(self, space: Spec, seed: int, _: int, sampler: str, objectives: int = 1) -> None:
        optuna: Any = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._optuna = space, optuna
        made = getattr(optuna.samplers, sampler)(seed=seed)
        self._study = optuna.create_study(directions=["minimize"] * objectives, sampler=made)

    def ask(self) -> tuple[Any, Config]:
        """One hyperparameter after the other, as an objective of Optuna's would."""
        trial = self._study.ask()
        config: Config = {}
        for item in self._space:
            name = item["name"]
            if not active(item, config):
                continue
            if item["type"] == "cat":
                config[name] = trial.suggest_categorical(name, item["choices"])
            else:
                suggest = trial.suggest_int if item["type"] == "int" else trial.suggest_float
                config[name] = suggest(name, item["low"], item["high"], log=item["log"])
        return trial, config

    def tell(self, token: Any, loss: float | list[float]) -> None:
        """The loss of a trial, or its losses."""
        self._study.tell(token, loss)

    def prefill(self, rows: list[tuple[Config, float]]) -> None:
        """Complete trials of other origin."""
        kinds = self._optuna.distributions
        known = {item["name"]: self._distribution(kinds, item) for item in self._space}
        create = self._optuna.trial.create_trial
        self._study.add_trials(
            [create(params=c, distributions={name: known[name] for name in c}, value=v) for c, v in rows]
        )

    @staticmethod
    def _distribution(kinds: Any, item: dict[str, Any]) -> Any:
        if item["type"] == "cat":
            return kinds.CategoricalDistribution(item["choices"])
        kind = kinds.IntDistribution if item["type"] == "int" else kinds.FloatDistribution
        return kind(item["low"], item["high"], log=item["log"])


def config_space(space: Spec, seed: int) -> Any:
    """The space for SMAC and DEHB, with its conditions."""
    cs: Any = importlib.import_module("ConfigSpace")
    known: dict[str, Any] = {}
    for item in space:
        name = item["name"]
        if item["type"] == "cat":
            known[name] = cs.Categorical(name, item["choices"])
        else:
            kind = cs.Integer if item["type"] == "int" else cs.Float
            known[name] = kind(name, (item["low"], item["high"]), log=item["log"])
    found = cs.ConfigurationSpace(seed=seed)
    found.add(*known.values())
    conditions = [
        cs.InCondition(known[item["name"]], known[parent], values)
        for item in space
        for parent, values in (item["when"] or {}).items()
    ]
    if conditions:
        found.add(*conditions)
    return found


def plain(config: Any) -> Config:
    """Python's own values in place of numpy's."""
    return {name: (value.item() if hasattr(value, "item") else value) for name, value in dict(config).items()}


def _unused(config: Any, seed: int = 0) -> float:
    """SMAC wants a function, and is asked and told instead."""
    raise NotImplementedError


class Smac:
    """SMAC3's facade for hyperparameter optimisation."""

    def __init__(self, space: Spec, seed: int, n_trials: int) -> None:
        smac: Any = importlib.import_module("smac")
        self._records: Any = importlib.import_module("smac.runhistory.dataclasses")
        self._space = config_space(space, seed)
        scenario = smac.Scenario(
            self._space, deterministic=True, n_trials=n_trials, seed=seed, output_directory=tempfile.mkdtemp()
        )
        self._facade = smac.HyperparameterOptimizationFacade(scenario, _unused, overwrite=True, logging_level=50)

    def ask(self) -> tuple[Any, Config]:
        """What SMAC would run next."""
        info = self._facade.ask()
        return info, plain(info.config)

    def tell(self, token: Any, loss: float) -> None:
        """The cost of a run."""
        self._facade.tell(token, self._records.TrialValue(cost=loss))


class Dehb:
    """DEHB at one fidelity."""

    def __init__(self, space: Spec, seed: int, _: int) -> None:
        logger: Any = importlib.import_module("loguru").logger
        logger.remove()
        self._dehb = importlib.import_module("dehb").DEHB(
            cs=config_space(space, seed),
            min_fidelity=1,
            max_fidelity=1.0001,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=tempfile.mkdtemp(),
        )

    def ask(self) -> tuple[Any, Config]:
        """The next job."""
        job = self._dehb.ask()
        return job, plain(job["config"])

    def tell(self, token: Any, loss: float) -> None:
        """The fitness of a job."""
        self._dehb.tell(token, {"fitness": loss, "cost": 1.0})


CALLS = 100
"""FLAML's own loop gives up after so many calls in a row without a suggestion."""


class NothingLeftError(Exception):
    """A rival has nothing more to suggest."""


class Flaml:
    """FLAML's CFO, without a cheap configuration to start from."""

    def __init__(self, space: Spec, seed: int, n_trials: int) -> None:
        logging.getLogger("flaml").setLevel(50)
        flaml: Any = importlib.import_module("flaml")
        tune: Any = importlib.import_module("flaml.tune")
        known: dict[str, Any] = {}
        for item in space:
            if item["type"] == "cat":
                known[item["name"]] = tune.choice(item["choices"])
            elif item["type"] == "int":
                known[item["name"]] = (tune.lograndint if item["log"] else tune.randint)(item["low"], item["high"] + 1)
            else:
                known[item["name"]] = (tune.loguniform if item["log"] else tune.uniform)(item["low"], item["high"])
        self._search = flaml.CFO(metric="loss", mode="min", space=known, seed=seed)
        self._search.set_search_properties("loss", "min", known, setting={"num_samples": n_trials})
        self._count = 0

    def ask(self) -> tuple[Any, Config]:
        """The next point; it may refuse some calls before it has one, and in the end all."""
        for _ in range(CALLS):
            self._count += 1
            config = self._search.suggest(str(self._count))
            if config is not None:
                return (str(self._count), dict(config)), dict(config)
        raise NothingLeftError

    def tell(self, token: Any, loss: float) -> None:
        """The result of a point."""
        name, asked = token
        self._search.on_trial_complete(name, {"loss": loss, "config": asked, "time_total_s": 1.0})


class Hebo:
    """HEBO."""

    def __init__(self, space: Spec, seed: int, _: int) -> None:
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(1)
        np.random.seed(seed)  # noqa: NPY002 (HEBO draws from the global streams)
        torch.manual_seed(seed)
        kinds = {("float", False): "num", ("float", True): "pow", ("int", False): "int", ("int", True): "pow_int"}
        known: list[dict[str, Any]] = []
        for item in space:
            if item["type"] == "cat":
                known.append({"name": item["name"], "type": "cat", "categories": item["choices"]})
                continue
            base = {"base": 10} if item["log"] else {}
            kind = kinds[item["type"], item["log"]]
            known.append({"name": item["name"], "type": kind, "lb": item["low"], "ub": item["high"], **base})
        design: Any = importlib.import_module("hebo.design_space.design_space").DesignSpace().parse(known)
        self._hebo = importlib.import_module("hebo.optimizers.hebo").HEBO(design, scramble_seed=seed)

    def ask(self) -> tuple[Any, Config]:
        """The next row."""
        frame = self._hebo.suggest(n_suggestions=1)
        return frame, plain(frame.iloc[0].to_dict())

    def tell(self, token: Any, loss: float) -> None:
        """The loss of a row."""
        self._hebo.observe(token, np.array([[loss]]))


class Ax:
    """Ax through its client, as it comes."""

    def __init__(self, space: Spec, seed: int, _: int) -> None:
        importlib.import_module("torch").set_num_threads(1)
        configs: Any = importlib.import_module("ax.api.configs")
        logging.disable(logging.WARNING)
        self._client = importlib.import_module("ax.api.client").Client(random_seed=seed)
        self._choices = {item["name"]: {str(c): c for c in item["choices"]} for item in space if item["type"] == "cat"}
        known = [
            configs.ChoiceParameterConfig(
                name=item["name"], parameter_type="str", values=[str(c) for c in item["choices"]], is_ordered=False
            )
            if item["type"] == "cat"
            else configs.RangeParameterConfig(
                name=item["name"],
                parameter_type=item["type"],
                bounds=(item["low"], item["high"]),
                scaling="log" if item["log"] else "linear",
            )
            for item in space
        ]
        self._client.configure_experiment(parameters=known)
        self._client.configure_optimization(objective="-loss")

    def ask(self) -> tuple[Any, Config]:
        """The next trial."""
        ((token, asked),) = self._client.get_next_trials(max_trials=1).items()
        return token, {name: self._choices[name][v] if name in self._choices else v for name, v in asked.items()}

    def tell(self, token: Any, loss: float) -> None:
        """The loss of a trial."""
        self._client.complete_trial(trial_index=token, raw_data={"loss": loss})


RIVALS: dict[str, tuple[str, tuple[str, ...], Callable[[Spec, int, int], Rival]]] = {
    "random": ("", ("numpy",), Random),
    "optuna-random": ("optuna", ("optuna",), lambda space, seed, n: Optuna(space, seed, n, "RandomSampler")),
    "optuna-tpe": ("optuna", ("optuna",), lambda space, seed, n: Optuna(space, seed, n, "TPESampler")),
    "optuna-gp": ("optuna", ("optuna", "torch"), lambda space, seed, n: Optuna(space, seed, n, "GPSampler")),
    "optuna-cmaes": ("optuna", ("optuna", "cmaes"), lambda space, seed, n: Optuna(space, seed, n, "CmaEsSampler")),
    "smac-hpo": ("smac", ("smac", "ConfigSpace"), Smac),
    "dehb": ("smac", ("dehb", "ConfigSpace"), Dehb),
    "flaml-cfo": ("flaml", ("flaml", "optuna"), Flaml),
    "hebo": ("hebo", ("HEBO", "torch"), Hebo),
    "ax": ("ax", ("ax-platform", "torch"), Ax),
}
"""By name: the environment (none for this one's), the packages whose versions are kept, and how it is made."""


def make(name: str, space: Spec, seed: int, n_trials: int) -> Rival:
    """The rival of that name for a space, a seed and a number of trials."""
    warnings.filterwarnings("ignore")
    return RIVALS[name][2](space, seed, n_trials)
