"""Runs of networks of any family, and the estimator around them. No torch before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.optional import need
from holdfast.records import Config
from holdfast.train.kinds import NetworkKind
from holdfast.train.settings import check_task
from holdfast.train.task import Task

if TYPE_CHECKING:
    from holdfast.train.curves import Curve, JudgedRows
    from holdfast.train.trained import TrainedNetwork
    from holdfast.train.training import Training


def start_training(
    network: NetworkKind,
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
    need("torch", "torch", f"the {network.name} family")
    from holdfast.train.training import Training

    return Training.start(network, config, task, X, y, seed, epochs=epochs, judged=judged)


def resume_training(
    network: NetworkKind,
    checkpoint: bytes,
    X: np.ndarray,
    y: np.ndarray,
    judged: JudgedRows | None = None,
    *,
    config: Config | None = None,
) -> Training:
    """`Training.resume`, for a clone with a ``config`` of its own; names the extra where torch is missing."""
    need("torch", "torch", f"the {network.name} family")
    from holdfast.train.training import Training

    run = Training.resume(network, checkpoint, X, y, judged)
    return run if config is None else run.changed(config)


class NetworkEstimator:
    """A network of any family with scikit-learn's methods.

    Args:
        network: the kind of network.
        config: hyperparameters of the family; those left out keep their defaults.
        task: what is learned.
        seed: every random draw follows from it.
        epochs: train for exactly this many without early stopping; None for early stopping within the config's epochs.

    Raises:
        RequestError: if the config has an unknown key or a value that cannot be, or epochs is not positive.
    """

    def __init__(
        self, network: NetworkKind, config: Mapping[str, Any], task: Task, seed: int = 0, epochs: int | None = None
    ) -> None:
        settings = network.settings(config)
        check_task(settings, classification=task.is_classification)
        if settings.device == "cuda" or settings.precision == "amp":
            from holdfast.train.devices import need_cuda

            need_cuda(settings)
        if epochs is not None and epochs < 1:
            raise RequestError(f"a network cannot be trained for {epochs} epochs; it needs one or more")
        self.network = network
        self.config = dict(config)
        self.task = task
        self.seed = seed
        self.epochs = epochs
        self._trained: TrainedNetwork | None = None
        self._epochs_used = 0
        self._judged: JudgedRows | None = None
        self._curve: Curve | None = None
        self.notes: tuple[str, ...] = ()

    @staticmethod
    def of(training: Training) -> NetworkEstimator:
        """The fitted estimator of a run that was advanced by hand, as far as it got."""
        plan = training.plan
        model = NetworkEstimator(training.kind, plan.config, plan.task, plan.seed, plan.epochs)
        model._keep(training)
        return model

    def judged_on(self, judged: JudgedRows) -> None:
        """Keep the curve of the losses in the next fit, on a sample of its rows and of these; they teach it nothing."""
        self._judged = judged

    def fit(self, X: np.ndarray, y: np.ndarray) -> NetworkEstimator:
        """Train on features (n, d) and targets (n,).

        Raises:
            Diverged: if the loss becomes NaN or infinite, or explodes.
            DataError: if the rows cannot be learned from.
        """
        from holdfast.train.stacked.together import advance

        training = start_training(
            self.network, self.config, self.task, X, y, self.seed, epochs=self.epochs, judged=self._judged
        )
        advance(training)
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
        names = ("network", "config", "task", "seed", "epochs")
        return {name: getattr(self, name) for name in names}

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
        self.notes = training.notes
