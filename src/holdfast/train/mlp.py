"""The family ``mlp``: a multilayer perceptron for tables, on torch.

Training stops early on a tenth of the training rows, which are not the rows that rank the trials; a refit trains all
rows for the number of epochs that early stopping chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.optional import need
from holdfast.records import Config, Fidelity
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.train import starts
from holdfast.train.families import SUPERVISED, Family
from holdfast.train.schedules import SCHEDULES
from holdfast.train.settings import ACTIVATIONS, AUGMENTATIONS, MAX_EPOCHS, OPTIMIZERS, Settings
from holdfast.train.task import Task

if TYPE_CHECKING:
    from holdfast.train.curves import Curve, JudgedRows
    from holdfast.train.trained import TrainedNetwork
    from holdfast.train.training import Training

MANY_ROWS = 20_000
"""From this many training rows on, larger batches are searched too."""


def mlp_space(task: Task) -> Space:
    """The default search space for a task: every hyperparameter of `Settings` but the patience."""
    normal = Settings()
    largest = min(1024 if task.n_rows >= MANY_ROWS else 256, max(task.n_rows, 2))
    smallest = min(16, largest - 1)
    domains: dict[str, Domain] = {
        "learning_rate": Float(1e-4, 1e-1, log=True, default=normal.learning_rate),
        "batch_size": Int(smallest, largest, log=True, default=min(normal.batch_size, largest)),
        "depth": Int(1, 4, default=normal.depth),
        "width": Int(32, 512, log=True, default=normal.width),
        "activation": Categorical(list(ACTIVATIONS), default=normal.activation),
        "dropout": Float(0.0, 0.5, default=normal.dropout),
        "layer_norm": Categorical([False, True], default=normal.layer_norm),
        "weight_decay": Float(1e-6, 1e-1, log=True, default=normal.weight_decay),
        "optimizer": Categorical(list(OPTIMIZERS), default=normal.optimizer),
        "momentum": Float(0.5, 0.99, default=normal.momentum, when={"optimizer": ["sgd"]}),
        "schedule": Categorical(list(SCHEDULES), default=normal.schedule),
        "warmup": Float(0.0, 0.2, default=normal.warmup, when={"schedule": ["constant", "cosine"]}),
        "augmentation": Categorical(list(AUGMENTATIONS), default=normal.augmentation),
        "noise_scale": Float(0.05, 1.0, log=True, default=normal.noise_scale, when={"augmentation": ["noise"]}),
        "mixup_alpha": Float(0.1, 2.0, log=True, default=normal.mixup_alpha, when={"augmentation": ["mixup"]}),
    }
    if task.is_classification:
        domains["label_smoothing"] = Float(0.0, 0.2, default=normal.label_smoothing)
    return Space(domains)


def start_training(
    config: Config,
    task: Task,
    X: np.ndarray,
    y: np.ndarray,
    seed: int,
    *,
    epochs: int | None = None,
    judged: JudgedRows | None = None,
) -> Training:
    """`Training.start`, or one sentence that names the extra where torch is missing."""
    need("torch", "torch", "the mlp family")
    from holdfast.train.training import Training

    return Training.start(config, task, X, y, seed, epochs=epochs, judged=judged)


def resume_training(checkpoint: bytes, X: np.ndarray, y: np.ndarray, judged: JudgedRows | None = None) -> Training:
    """`Training.resume`, or one sentence that names the extra where torch is missing."""
    need("torch", "torch", "the mlp family")
    from holdfast.train.training import Training

    return Training.resume(checkpoint, X, y, judged)


class MLPEstimator:
    """A multilayer perceptron with scikit-learn's methods.

    Args:
        config: hyperparameters of the family; those left out keep their defaults.
        task: what is learned.
        seed: every random draw follows from it.
        epochs: train for exactly this many without early stopping; None for early stopping within 60.

    Raises:
        RequestError: if the config has an unknown key, or epochs is not positive.
    """

    def __init__(self, config: Mapping[str, Any], task: Task, seed: int = 0, epochs: int | None = None) -> None:
        Settings.of(config)
        if epochs is not None and epochs < 1:
            raise RequestError(f"a network cannot be trained for {epochs} epochs; it needs one or more")
        self.config = dict(config)
        self.task = task
        self.seed = seed
        self.epochs = epochs
        self._trained: TrainedNetwork | None = None
        self._epochs_used = 0
        self._judged: JudgedRows | None = None
        self._curve: Curve | None = None

    @staticmethod
    def of(training: Training) -> MLPEstimator:
        """The fitted estimator of a run that was advanced by hand, as far as it got."""
        plan = training.plan
        model = MLPEstimator(plan.config, plan.task, plan.seed, plan.epochs)
        model._keep(training)
        return model

    def judged_on(self, judged: JudgedRows) -> None:
        """Keep the curve of the losses in the next fit, on a sample of its rows and of these; they teach it nothing."""
        self._judged = judged

    def fit(self, X: np.ndarray, y: np.ndarray) -> MLPEstimator:
        """Train on features (n, d) and targets (n,).

        Raises:
            Diverged: if the loss becomes NaN or infinite.
            DataError: if the rows cannot be learned from.
        """
        training = start_training(self.config, self.task, X, y, self.seed, epochs=self.epochs, judged=self._judged)
        training.advance()
        self._keep(training)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """A class or value for each row, shape (n,)."""
        return self.trained.predict(X)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """The probability of each class in ``classes_``, shape (n, k)."""
        return self.trained.predict_proba(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """The arguments of the constructor."""
        return {"config": self.config, "task": self.task, "seed": self.seed, "epochs": self.epochs}

    @property
    def trained(self) -> TrainedNetwork:
        """The network after `fit`.

        Raises:
            RequestError: before it.
        """
        if self._trained is None:
            raise RequestError("the network has not been fitted; call fit first")
        return self._trained

    @property
    def classes_(self) -> np.ndarray | None:
        """The classes in the order of `predict_proba`, None for regression."""
        return self.trained.targets.classes

    @property
    def epochs_used(self) -> int:
        """The epochs behind the weights that predict: what a refit on more rows should train for."""
        return self._epochs_used

    @property
    def curve(self) -> Curve | None:
        """The losses epoch by epoch, None unless `judged_on` was called before the fit."""
        return self._curve

    def _keep(self, training: Training) -> None:
        """Take over what a run has learned."""
        self._trained = training.trained()
        self._epochs_used = training.epochs_used
        self._curve = training.curve


def _make(config: Config, task: Task, seed: int, epochs: int | None) -> MLPEstimator:
    need("torch", "torch", "the mlp family")
    return MLPEstimator(config, task, seed, epochs)


MLP = Family(
    name="mlp",
    tasks=SUPERVISED,
    preprocessing="scaled",
    space=mlp_space,
    make=_make,
    docs="A multilayer perceptron; stops early on a tenth of the training rows, not on the rows that rank the trials.",
    fidelity=Fidelity(name="epochs", min=2, max=MAX_EPOCHS, eta=3),
    starts=starts.MLP,
)
