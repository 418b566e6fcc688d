"""A family of models: what it can learn, how its columns are prepared, its search space, and its models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from holdfast.errors import RequestError
from holdfast.optional import need, need_installed
from holdfast.records import Config, Fidelity
from holdfast.space import Space
from holdfast.train.kinds import NetworkKind
from holdfast.train.networks import NetworkEstimator
from holdfast.train.settings import MAX_EPOCHS
from holdfast.train.starts import Start
from holdfast.train.task import Task, TaskKind

Preprocessing = Literal["scaled", "onehot", "ordinal", "pixels", "tokens"]
"""Numeric columns standardised and categories one-hot; categories one-hot only; categories as ordinal codes; all
columns together on one scale; ids of tokens as codes."""

BY_EPOCHS = Fidelity(name="epochs", min=2, max=MAX_EPOCHS, eta=3)
"""How the training of any network can be cut into steps."""

CLASSIFICATION: frozenset[TaskKind] = frozenset({"binary", "multiclass"})
SUPERVISED: frozenset[TaskKind] = CLASSIFICATION | {"regression"}


class Estimator(Protocol):
    """What a family builds: scikit-learn's two methods (and ``predict_proba`` where the model has probabilities)."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        """Learn from features (n, d) and targets (n,)."""
        ...

    def predict(self, X: np.ndarray) -> np.ndarray:
        """A class or value for each row, shape (n,)."""
        ...


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Args:
        name: what a plan calls it.
        tasks: the kinds of task it can learn.
        preprocessing: how its columns are prepared.
        space: the default search space for a task.
        make: a model for (config, task, seed, epochs).
        docs: one sentence.
        fidelity: how much training a trial may have, None where a fit is all or nothing.
        instead: for tasks it cannot learn, the family to name in the refusal.
        starts: configurations to try first beside the default, which differ from it and from each other.
        network: how its configs are read, where its models are networks that `Training` trains.
        looks_up: whether a prediction is compared with stored rows, so that many of them cost as much as the fit.
        weighs: whether a fit takes weights of rows, as ``sample_weight``.
    """

    name: str
    tasks: frozenset[TaskKind]
    preprocessing: Preprocessing
    space: Callable[[Task], Space]
    make: Callable[[Config, Task, int, int | None], Estimator]
    docs: str
    fidelity: Fidelity | None = None
    instead: str | None = None
    looks_up: bool = False
    starts: tuple[Start, ...] = ()
    network: NetworkKind | None = None
    weighs: bool = False

    def build(self, config: Config, task: Task, seed: int, *, epochs: int | None = None) -> Estimator:
        """A model before its fit; the same arguments and rows give the same fit.

        Args:
            config: hyperparameters; those left out keep the defaults of the family.
            task: what is learned.
            seed: every random draw of the model follows from it.
            epochs: train for exactly this many, without early stopping (a refit on more rows); None otherwise.

        Raises:
            RequestError: if the family cannot learn the task, the config has an unknown key, or it has no epochs.
        """
        self.check(task)
        if epochs is not None and self.network is None:
            raise RequestError(f"the family '{self.name}' has no epochs, so it cannot be built for {epochs} of them")
        return self.make(dict(config), task, seed, epochs)

    def check(self, task: Task) -> None:
        """Raise `RequestError` if the family cannot learn ``task``, or lacks the package that it is made of."""
        if self.network is not None:
            need_installed("torch", "torch", f"the {self.name} family")
        if task.kind not in self.tasks:
            hint = f"; use '{self.instead}'" if self.instead else f"; it serves {', '.join(sorted(self.tasks))}"
            raise RequestError(f"the family '{self.name}' cannot learn a {task.kind} task{hint}")


def network_family(
    network: NetworkKind,
    space: Callable[[Task], Space],
    docs: str,
    *,
    tasks: frozenset[TaskKind] = SUPERVISED,
    preprocessing: Preprocessing = "scaled",
    starts: tuple[Start, ...] = (),
) -> Family:
    """The family of a kind of network, trained by epochs.

    Args:
        network: how its configs are read.
        space: the default search space for a task.
        docs: one sentence.
        tasks: the kinds of task it can learn.
        preprocessing: how its columns are prepared.
        starts: configurations to try first beside the default.
    """

    def make(config: Config, task: Task, seed: int, epochs: int | None) -> NetworkEstimator:
        need("torch", "torch", f"the {network.name} family")
        network.architecture(config, task)  # refuses a shape that cannot be before anything is fitted
        return NetworkEstimator(network, config, task, seed, epochs)

    return Family(network.name, tasks, preprocessing, space, make, docs, BY_EPOCHS, starts=starts, network=network)
