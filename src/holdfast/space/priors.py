"""What a person believes of a hyperparameter before any trial: a normal density on its scale, cut off at its bounds.

Positions are those in the unit interval; a density is relative to the uniform one there, whose logarithm is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest, shown


@dataclass(frozen=True)
class Normal:
    """A belief that good values lie around ``mean``.

    Args:
        mean: in the hyperparameter's own unit.
        sd: on the hyperparameter's scale: in its own unit, or in decades (powers of ten) where it is logarithmic.

    Raises:
        SpaceError: if one is no finite number, or ``sd`` is not above zero.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        for key, value in (("mean", self.mean), ("sd", self.sd)):
            number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
            if not number or not math.isfinite(value):
                raise SpaceError(f"Normal has {key} = {shown(value)}; mean and sd must be finite numbers")
            object.__setattr__(self, key, float(value))
        if self.sd <= 0:
            raise SpaceError(f"Normal has sd = {self.sd:g}; it must be above zero")

    def to_json(self) -> dict[str, float]:
        """``{"mean": ..., "sd": ...}``."""
        return {"mean": self.mean, "sd": self.sd}

    @staticmethod
    def from_json(data: Any) -> Normal:
        """The prior that `to_json`, or a plan, describes.

        Raises:
            SpaceError: for other keys.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"prior = {shown(data)}; it should be a table such as {{ mean = 0.1, sd = 0.5 }}")
        for key in data:
            if key not in {"mean", "sd"}:
                hint = nearest(str(key), ("mean", "sd")) or "; it takes mean and sd"
                raise SpaceError(f"prior has the unknown key '{key}'{hint}")
        for key in ("mean", "sd"):
            if key not in data:
                raise SpaceError(f"prior lacks '{key}'; write it as {{ mean = 0.1, sd = 0.5 }}")
        return Normal(**data)


def quantile(uniform: np.ndarray, mean: Any, sd: Any) -> np.ndarray:
    """Positions of shape (n,) that are normal within [0, 1] where ``uniform`` is uniform; ``mean`` lies in [0, 1]."""
    from scipy.special import ndtr, ndtri

    low, high = ndtr((0 - mean) / sd), ndtr((1 - mean) / sd)
    inside: np.ndarray = np.clip(mean + sd * ndtri(low + uniform * (high - low)), 0.0, 1.0)
    return inside


def log_density(units: np.ndarray, mean: Any, sd: Any) -> np.ndarray:
    """The logarithm of the normal density, cut off at 0 and 1, at ``units`` of shape (n,)."""
    from scipy.special import ndtr

    mass = ndtr((1 - mean) / sd) - ndtr((0 - mean) / sd)
    found: np.ndarray = -0.5 * ((units - mean) / sd) ** 2 - 0.5 * math.log(2 * math.pi) - np.log(sd * mass)
    return found


def log_mass(low: np.ndarray, high: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """The logarithm of the normal probability, cut off at 0 and 1, of each interval [low, high], shape (n,)."""
    from scipy.special import log_ndtr, ndtr

    a, b = (low - mean) / sd, (high - mean) / sd
    flip = a > 0  # from the tail that is small, so that far cells keep their digits
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    upper = log_ndtr(b)
    with np.errstate(divide="ignore"):
        inside = upper + np.log1p(-np.exp(np.minimum(log_ndtr(a) - upper, 0.0)))
    whole = ndtr((1 - mean) / sd) - ndtr((0 - mean) / sd)
    found: np.ndarray = inside - np.log(whole)
    return found
