"""Live estimators: scikit-learn's and those that keep its conventions, with what comes before them in a pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.count import boosted
from holdfast.count.choices import of_estimator, of_network
from holdfast.count.learned import Learned, learned, weights_of
from holdfast.count.records import Inspection, Work
from holdfast.count.shapes.dense import linear_formula, mlp_part
from holdfast.count.shapes.networks import network_work
from holdfast.count.shapes.parts import COUNTED
from holdfast.errors import RequestError

PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, type(None))
"""What is no model, whatever numbers it holds."""


def inspect_estimator(model: Any) -> Inspection:
    """A fitted estimator.

    Raises:
        RequestError: for an object that shows nothing learned: a class, a plain value, an estimator before its fit.
    """
    if isinstance(model, type):
        raise RequestError(f"{model.__name__} is a class, which has learned nothing; give a fitted model of it")
    name = type(model).__name__
    if boosted.is_boosted(model):
        chosen = of_estimator(model)
        held = boosted.inspected(model)
        return replace(held, kind=_kind(model), hyperparameters=chosen or held.hyperparameters)
    found = Learned(()) if isinstance(model, PLAIN) else learned(model)
    if not found.layers:
        raise RequestError(
            f"{name} shows nothing that was learned; inspect takes a fitted scikit-learn, xgboost or lightgbm model, a "
            "torch module, the name of an architecture, or a file"
        )
    return Inspection(
        name,
        _kind(model),
        found.layers,
        of_estimator(model) if weights_of(model) is None else of_network(model),
        found.buffers,
        found.trees,
        work_of(model),
        formula_of(model),
        "not recorded in this object",
    )


def formula_of(model: Any) -> str:
    """A linear model written out; empty for any other, and for one that is part of a pipeline."""
    coefficients = getattr(model, "coef_", None) if "coef_" in getattr(model, "__dict__", {}) else None
    shape = getattr(coefficients, "shape", None)
    if shape is None or not 1 <= len(shape) <= 2 or "support_vectors_" in vars(model):
        return ""
    outputs, inputs = (1, shape[0]) if len(shape) == 1 else shape
    return linear_formula(int(inputs), int(outputs), intercept=getattr(model, "fit_intercept", True) is not False)


def work_of(model: Any) -> Work | None:
    """What a row costs in a linear model, a perceptron of scikit-learn or a network; None for what is no product."""
    own = getattr(model, "__dict__", {})
    if weights_of(model) is not None:
        return network_work((own.get("_trained") or model).architecture)
    if isinstance(own.get("coefs_"), list):
        weights = own["coefs_"]
        part = mlp_part([int(weights[0].shape[0]), *(int(each.shape[1]) for each in weights)])
    elif formula_of(model):
        shape = own["coef_"].shape
        part = mlp_part([int(shape[-1]), int(shape[0]) if len(shape) == 2 else 1])
    else:
        return None
    return Work("row", part.flops, part.activations, COUNTED, by_steps="coefs_" in own)


def _kind(model: Any) -> str:
    package = type(model).__module__.partition(".")[0]
    known = {"sklearn": "scikit-learn", "holdfast": "holdfast"}.get(package, package)
    return f"{known} estimator" if known != "holdfast" else "holdfast model"
