"""Ensembles that grow: more trees are added to a fitted one, and it is what one fit of that size would have been."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.train.estimators import fit_estimator

HYPERPARAMETERS = frozenset({"n_estimators", "max_iter"})
"""What says how many trees an ensemble has."""


def grows(model: Any, hyperparameter: str) -> bool:
    """Whether a fitted model can be made larger, to the bit what a fit of that size gives: scikit-learn's ensembles.

    A forest with balanced class weights is not, as it would learn them anew.
    """
    if not type(model).__module__.startswith("sklearn.ensemble") or hyperparameter not in HYPERPARAMETERS:
        return False
    known = model.get_params(deep=False)
    if hyperparameter not in known or "warm_start" not in known:
        return False
    return "HistGradient" in type(model).__name__ or not isinstance(known.get("class_weight"), str)


def grow(
    model: Any, hyperparameter: str, size: int, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> tuple[str, ...]:
    """Fit a model on, to so many trees; the remarks of its solver.

    Args:
        model: fitted on the same rows before.
        hyperparameter: what says how many trees it has.
        size: how many it is to have.
        X: features, shape (n, d).
        y: targets, shape (n,).
        weights: those that it was fitted with, shape (n,).
    """
    model.set_params(warm_start=True, **{hyperparameter: size})
    notes = fit_estimator(model, X, y, weights)
    model.set_params(warm_start=False)
    return notes


def to_bytes(model: Any) -> bytes:
    """A fitted model in skops' format."""
    import skops.io

    return bytes(skops.io.dumps(model))


def from_bytes(data: bytes) -> Any:
    """The model that `to_bytes` wrote; only types that a saved model may have are built.

    Raises:
        RequestError: if the bytes are no such model.
    """
    import zipfile

    import skops.io

    from holdfast.train.storage import ALLOWED_TYPES

    try:
        unknown = skops.io.get_untrusted_types(data=data)
        refused = [name for name in unknown if name not in ALLOWED_TYPES]
        if refused:
            raise RequestError(f"the checkpoint would build {', '.join(refused)}, which is not allowed")
        return skops.io.loads(data, trusted=unknown)
    except (zipfile.BadZipFile, ValueError, KeyError) as exc:
        raise RequestError(f"the checkpoint is no model in the format of skops ({exc})") from exc
