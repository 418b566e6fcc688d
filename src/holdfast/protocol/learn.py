"""Fitting one model of a family: preprocessing learned from its training rows, the fit, and what it predicts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.places import known_tokens
from holdfast.data.preprocess import categorical_positions, fit_preprocessor
from holdfast.data.weights import relative
from holdfast.errors import RequestError, concerning
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.protocol.tables import Rows
from holdfast.records import Config, Fidelity
from holdfast.space import Space
from holdfast.train.curves import JudgedRows
from holdfast.train.estimators import fit_estimator
from holdfast.train.factory import build_from_factory, load_factory
from holdfast.train.families import BY_EPOCHS, Family, Preprocessing
from holdfast.train.kinds import NetworkKind
from holdfast.train.networks import NetworkEstimator, start_training
from holdfast.train.own import factory_network
from holdfast.train.registry import family_named
from holdfast.train.settings import Settings
from holdfast.train.staged import curve_of
from holdfast.train.task import Task

FIXED = frozenset({"batch_size", "optimizer", "decay", "nesterov", "precision"})
"""Hyperparameters of training that networks have to share to be trained as one program, beside their shape."""

DEFAULT_METRICS = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse", "clustering": "silhouette"}


@dataclass(frozen=True)
class Recipe:
    """What every fit of a study has in common.

    Args:
        family: its name, or ``module:factory``.
        metric: its name as the plan gives it, or None for the task's default.
        schema: the columns.
        base: the folder that ``module:...`` is imported from.
        limited: what the plan's constraints are on, by the names that it has there.
        image: colours, height and width of the images that rows are, where the plan says it.
        preprocessing: how a factory wants its columns prepared, where the plan says it.
        own: the hyperparameters of a factory that makes networks; None for any other family.
    """

    family: str
    metric: str | None
    schema: Schema
    base: Path
    limited: tuple[str, ...] = ()
    image: tuple[int, ...] = ()
    preprocessing: Preprocessing | None = None
    own: tuple[str, ...] | None = None

    @property
    def style(self) -> Preprocessing:
        """How the family wants its columns prepared."""
        return self.preprocessing or preprocessing_of(self.family)

    @property
    def fidelity(self) -> Fidelity | None:
        """How the family's training can be cut into steps, if it can."""
        if self.own is not None:
            return BY_EPOCHS
        found = self.find_family()
        return None if found is None else found.fidelity

    @property
    def is_network(self) -> bool:
        """Whether the models are networks that are trained by epochs."""
        return self.network_shape is not None

    @property
    def network_shape(self) -> frozenset[str] | None:
        """The hyperparameters on which the program of a network depends; None where the models are no networks."""
        if self.own is not None:
            return frozenset(self.own) | FIXED
        found = self.find_family()
        return None if found is None or found.network is None else found.network.shape | FIXED

    @property
    def network(self) -> NetworkKind:
        """How the configs of the family's networks are read.

        Raises:
            RequestError: if its models are no networks.
        """
        if self.own is not None:
            return factory_network(self.family, self.base, self.own, self.style)
        found = self.find_family()
        if found is None or found.network is None:
            raise RequestError(f"the models of '{self.family}' are no networks, so they are not trained step by step")
        return found.network

    @property
    def known(self) -> frozenset[str]:
        """Hyperparameters that a plan may fix although the family does not search them by itself."""
        found = self.find_family()
        if found is None:
            return frozenset(Settings.__dataclass_fields__)
        return frozenset() if found.network is None else found.network.shape | set(Settings.__dataclass_fields__)

    def find_family(self) -> Family | None:
        """The family; None for a factory of the user's own."""
        return None if ":" in self.family else family_named(self.family)

    def make_metric(self) -> Metric:
        """The metric that ranks trials.

        Raises:
            RequestError: if there is no such metric, or it does not fit the task.
        """
        return self.metric_by(self.metric or DEFAULT_METRICS[self.schema.task])

    def metric_by(self, name: str) -> Metric:
        """Any metric by its name, for this task; raises as `make_metric` does."""
        classes = None if self.schema.classes is None else len(self.schema.classes)
        function = load_factory(name, self.base) if ":" in name else None
        return metric_named(name, self.schema.task, classes, function=function)

    def default_space(self, task: Task) -> Space | None:
        """The family's own space for a task; None for a factory.

        Raises:
            RequestError: if the family cannot learn the task.
        """
        found = self.find_family()
        if found is None:
            load_factory(self.family, self.base)
            return None
        found.check(task)
        return found.space(task)

    def check_space(self, space: Space, task: Task) -> None:
        """Make a model for every value of the default configuration, and one for all, without a fit.

        Raises:
            RequestError: if one cannot be made; its ``keys`` lead to what is wrong in the plan.
        """
        family, config = family_named(self.family), space.default_config()
        for name, value in config.items():
            with concerning("space", name):
                family.build({name: value}, task, 0)
        with concerning("space"):
            family.build(config, task, 0)


def import_models(recipe: Recipe, task: Task) -> None:
    """Import what the models of a study are made of, so that the time of no trial includes it."""
    found = recipe.find_family()
    if found is None:
        load_factory(recipe.family, recipe.base)
    else:
        found.build(found.space(task).validate({}, fill=True), task, 0)
    if recipe.is_network:
        import holdfast.train.training  # noqa: F401 - torch takes seconds


def is_clustering(family: str) -> bool:
    """Whether a family only clusters, so that it needs no target."""
    return ":" not in family and family_named(family).tasks == {"clustering"}


def preprocessing_of(family: str) -> Preprocessing:
    """How a family wants its columns prepared; a factory's models have them scaled."""
    return "scaled" if ":" in family else family_named(family).preprocessing


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows as a matrix (N, D), with the preprocessor fitted on them.

    ``weights``, shape (N,), are in parts of their mean, so that a penalty means the same in any unit of weights; None
    where all rows count alike.
    """

    preprocessor: Any
    X: np.ndarray
    y: np.ndarray | None
    task: Task
    weights: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model, the epochs it took (None: there are none), its solver's remarks, its curve, wall seconds."""

    model: Any
    epochs: int | None
    notes: tuple[str, ...]
    curve: Mapping[str, Any] | None = None
    seconds: float = 0.0


def prepare(recipe: Recipe, learn: Rows) -> Prepared:
    """Fit the preprocessing on the rows to learn from, and on no others; weights say nothing there."""
    transformer, X = fit_preprocessor(recipe.schema, recipe.style, learn.features)
    task = task_of(recipe, len(learn), X.shape[1], known_tokens(transformer))
    return Prepared(transformer, X, learn.y, task, relative(learn.weights))


def task_of(recipe: Recipe, n_rows: int, n_features: int, tokens: int = 0) -> Task:
    """The task as a family sees it."""
    categorical = tuple(categorical_positions(recipe.schema)) if recipe.style == "ordinal" else ()
    classes = 0 if recipe.schema.classes is None else len(recipe.schema.classes)
    return Task(recipe.schema.task, n_rows, n_features, classes, categorical, recipe.image, tokens)


def fit(
    recipe: Recipe,
    config: Config,
    seed: int,
    prepared: Prepared,
    *,
    epochs: int | None = None,
    until_step: int | None = None,
    judged: JudgedRows | None = None,
    judged_weights: np.ndarray | None = None,
) -> Fitted:
    """Fit a model; the same arguments give the same model, with or without ``judged``.

    Args:
        recipe: the family and the columns.
        config: hyperparameters.
        seed: of every random draw.
        prepared: the rows.
        epochs: exactly so many, without early stopping: a refit on other rows.
        until_step: stop there, as a trial of a stepwise study did.
        judged: the rows that the model is judged on, for the curve of its losses where it has one.
        judged_weights: how much each of them counts, where they count unevenly.
    """
    target = np.zeros(len(prepared.X)) if prepared.y is None else prepared.y
    if until_step is not None:
        from holdfast.train.stacked.together import advance

        run = start_training(recipe.network, config, prepared.task, prepared.X, target, seed, judged=judged)
        advance(run, until_step)
        return Fitted(NetworkEstimator.of(run), run.epochs_used, (), run.curve)
    found = recipe.find_family()
    if recipe.own is not None:
        model: Any = NetworkEstimator(recipe.network, config, prepared.task, seed, epochs)
    elif found is None:
        model = build_from_factory(recipe.family, config, seed, recipe.base)
    else:
        model = found.build(config, prepared.task, seed, epochs=epochs)
    if judged is not None and isinstance(model, NetworkEstimator):
        model.judged_on(judged)
    began = time.perf_counter()
    notes = fit_estimator(model, prepared.X, target, prepared.weights)
    seconds = time.perf_counter() - began
    weights = prepared.weights, judged_weights
    curve = None if judged is None else curve_of(model, prepared.X, target, judged, weights)
    return Fitted(model, getattr(model, "epochs_used", None), notes, curve, seconds)


def predict(model: Any, metric: Metric, X: np.ndarray, n_classes: int) -> np.ndarray:
    """What the metric needs of the model for rows X (N, D).

    Raises:
        RequestError: if the model cannot give it.
    """
    if metric.needs == "predict":
        return np.asarray(model.predict(X))
    if hasattr(model, "predict_proba"):
        return _by_class(np.asarray(model.predict_proba(X)), model, n_classes)
    if metric.needs == "score" and hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X))
    raise RequestError(
        f"the metric '{metric.name}' needs class probabilities, which {type(model).__name__} does not give; "
        "choose another family or metric"
    )


def _by_class(probabilities: np.ndarray, model: Any, n_classes: int) -> np.ndarray:
    """Probabilities (N, K) with a column for every class, also those that a fold had no row of."""
    classes = np.asarray(model.classes_, dtype=int)
    if len(classes) == n_classes:
        return probabilities
    full = np.zeros((len(probabilities), n_classes))
    full[:, classes] = probabilities
    return full
