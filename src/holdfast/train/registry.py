"""Model families by name; what is planned but not built is refused by name."""

from __future__ import annotations

from holdfast.errors import RequestError, nearest
from holdfast.train.cnn import CNN
from holdfast.train.estimators import FAMILIES
from holdfast.train.families import Family
from holdfast.train.gradient import LINEAR_GD, SOFTMAX
from holdfast.train.mlp import MLP
from holdfast.train.transformer import TRANSFORMER

NETWORKS = (MLP, CNN, TRANSFORMER, SOFTMAX, LINEAR_GD)

PLANNED = ("gaussian-process", "xgboost", "lightgbm")
"""Families on the roadmap: refused by name, so that nobody takes them for a misspelling."""


def all_families() -> dict[str, Family]:
    """Every family by name."""
    return {family.name: family for family in (*FAMILIES, *NETWORKS)}


def family_named(name: str) -> Family:
    """The family that a plan calls ``name``.

    Raises:
        RequestError: if there is none, or it is not built yet.
    """
    families = all_families()
    if name in PLANNED:
        raise RequestError(f"the family '{name}' is planned but not built yet; choose one of {', '.join(families)}")
    if name not in families:
        hint = nearest(name, families) or f"; choose one of {', '.join(families)}, or write module:factory"
        raise RequestError(f"there is no model family '{name}'{hint}")
    return families[name]
