"""Live models of xgboost and lightgbm: written to memory in their own format, and read as a file would be."""

from __future__ import annotations

from typing import Any

from holdfast.count.files import lightgbm, xgboost
from holdfast.count.records import Inspection


def is_boosted(value: Any) -> bool:
    """Whether a value is a fitted model of xgboost or lightgbm, by itself or in the form of an estimator."""
    package = type(value).__module__.partition(".")[0]
    if package == "xgboost":
        return hasattr(value, "save_raw") or (hasattr(value, "get_booster") and value.__sklearn_is_fitted__())
    return package == "lightgbm" and (hasattr(value, "model_to_string") or hasattr(value, "booster_"))


def inspected(model: Any) -> Inspection:
    """What a fitted model of xgboost or lightgbm holds."""
    name = type(model).__name__
    if type(model).__module__.partition(".")[0] == "xgboost":
        booster = model if hasattr(model, "save_raw") else model.get_booster()
        return xgboost.read_json(bytes(booster.save_raw("ubj")), name)
    booster = model if hasattr(model, "model_to_string") else model.booster_
    return lightgbm.read_text(booster.model_to_string(), name)
