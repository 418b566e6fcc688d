"""Rivals that stop or promote, behind the simulator's interface; each imports its own packages when it is made.

All of them run with the settings that they come with, from the first epoch to the last and a factor of 3 apart.
"""

from __future__ import annotations

import importlib
import logging
import math
import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks.fidelity_parts.curves import CurveTask
from benchmarks.fidelity_parts.simulator import Order, Searcher
from benchmarks.search_parts.adapters import config_space, plain
from benchmarks.search_parts.functions import Config, Spec

DIVERGED = 1e9
"""What a rival that takes no NaN is told of a configuration that diverged."""


class Optuna:
    """Optuna's TPE with a pruner; a pruned trial is not taken up again, so its workers go on from epoch to epoch."""

    def __init__(self, task: CurveTask, seed: int, pruner: str) -> None:
        optuna: Any = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna, self._task = optuna, task
        limits = {"max_resource": task.epochs} if pruner == "HyperbandPruner" else {}
        made = getattr(optuna.pruners, pruner)(min_resource=1, reduction_factor=3, **limits)
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=made)

    def ask(self) -> Order:
        """One hyperparameter after the other, as an objective of Optuna's would."""
        trial = self._study.ask()
        config: Config = {}
        for item in self._task.space:
            suggest = trial.suggest_int if item["type"] == "int" else trial.suggest_float
            config[item["name"]] = suggest(item["name"], item["low"], item["high"], log=item["log"])
        return Order(trial, config, 0, self._task.epochs)

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        """Whether the pruner lets it go on."""
        if math.isfinite(loss):
            token.report(loss, epoch)
        return not token.should_prune()

    def end(self, token: Any, epoch: int, loss: float) -> None:
        """Complete, pruned or failed."""
        states = self._optuna.trial.TrialState
        if not math.isfinite(loss):
            self._study.tell(token, state=states.FAIL)
        elif epoch == self._task.epochs:
            self._study.tell(token, loss)
        else:
            self._study.tell(token, state=states.PRUNED)


class Dehb:
    """DEHB; a configuration that it raises to a higher fidelity goes on from where it was."""

    def __init__(self, task: CurveTask, seed: int) -> None:
        self._dehb = importlib.import_module("dehb").DEHB(
            cs=config_space(task.space, seed),
            min_fidelity=1,
            max_fidelity=task.epochs,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=tempfile.mkdtemp(),
        )
        importlib.import_module("loguru").logger.remove()
        self._task = task
        self._trained: dict[str, tuple[int, float]] = {}

    def ask(self) -> Order:
        """The next job; one that needs no training, as its configuration is known that far, is answered at once."""
        while True:
            job = self._dehb.ask()
            config = _within(self._task.space, plain(job["config"]))
            until = min(max(round(float(job["fidelity"])), 1), self._task.epochs)
            start, loss = self._trained.get(repr(config), (0, math.inf))
            if start < until and (start == 0 or math.isfinite(loss)):
                return Order((job, repr(config)), config, start, until)
            self._tell(job, float(self._task.curve(config)[min(start, until) - 1]))

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        """It has no opinion before the end."""
        del token, epoch, loss
        return True

    def end(self, token: Any, epoch: int, loss: float) -> None:
        """The fitness of a job."""
        job, key = token
        self._trained[key] = (epoch, loss)
        self._tell(job, loss)

    def _tell(self, job: Any, loss: float) -> None:
        self._dehb.tell(job, {"fitness": loss if math.isfinite(loss) else DIVERGED, "cost": 1.0})


class SyneTune:
    """Syne Tune's schedulers, through their own calls."""

    def __init__(self, task: CurveTask, seed: int, scheduler: str) -> None:
        logging.disable(logging.WARNING)
        space: Any = importlib.import_module("syne_tune.config_space")
        self._trial: Any = importlib.import_module("syne_tune.backend.trial_status").Trial
        self._decision: Any = importlib.import_module("syne_tune.optimizer.scheduler").SchedulerDecision
        self._now: Any = importlib.import_module("datetime").datetime.now
        kinds = {
            ("int", True): space.lograndint,
            ("int", False): space.randint,
            ("float", True): space.loguniform,
            ("float", False): space.uniform,
        }
        known = {i["name"]: kinds[i["type"], i["log"]](i["low"], i["high"]) for i in task.space}
        made: Any = getattr(importlib.import_module("syne_tune.optimizer.baselines"), scheduler)
        self._scheduler = made(
            known,
            metric="loss",
            time_attr="epoch",
            max_t=task.epochs,
            grace_period=1,
            reduction_factor=3,
            random_seed=seed,
        )
        self._task, self._count = task, 0
        self._trials: dict[int, tuple[Any, int]] = {}

    def ask(self) -> Order | None:
        """What it suggests: a new trial, or one to be resumed."""
        found = self._scheduler.suggest()
        if found is None:
            return None
        if not found.spawn_new_trial_id:
            trial, epoch = self._trials[int(found.checkpoint_trial_id)]
            return Order(trial, trial.config, epoch, self._task.epochs)
        config = _within(self._task.space, plain(found.config))
        trial = self._trial(trial_id=self._count, config=dict(found.config), creation_time=self._now())
        self._scheduler.on_trial_add(trial)
        self._trials[self._count] = (trial, 0)
        self._count += 1
        return Order(trial, config, 0, self._task.epochs)

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        """Whether its decision is to go on."""
        self._trials[token.trial_id] = (token, epoch)
        if not math.isfinite(loss):
            return False
        if epoch == self._task.epochs:
            return True
        decided = self._scheduler.on_trial_result(token, {"loss": loss, "epoch": epoch})
        return bool(decided == self._decision.CONTINUE)

    def end(self, token: Any, epoch: int, loss: float) -> None:
        """The last result; what was stopped or paused is known already."""
        if not math.isfinite(loss):
            self._scheduler.on_trial_error(token)
        elif epoch == self._task.epochs:
            self._scheduler.on_trial_complete(token, {"loss": loss, "epoch": epoch})


def _within(space: Spec, config: Config) -> Config:
    """The values within their bounds in spite of rounding."""
    return {item["name"]: min(max(config[item["name"]], item["low"]), item["high"]) for item in space}


Make = Callable[[CurveTask, int], Searcher]
RIVALS: dict[str, tuple[str, str, Make]] = {
    "optuna-hyperband": ("optuna", "optuna", lambda task, seed: Optuna(task, seed, "HyperbandPruner")),
    "optuna-halving": ("optuna", "optuna", lambda task, seed: Optuna(task, seed, "SuccessiveHalvingPruner")),
    "dehb": ("dehb", "DEHB", Dehb),
    "syne-asha": ("syne", "syne-tune", lambda task, seed: SyneTune(task, seed, "ASHA")),
    "syne-bohb": ("syne", "syne-tune", lambda task, seed: SyneTune(task, seed, "BOHB")),
}
"""The interpreter and the package that each needs, and how it is made from a task and a seed."""
