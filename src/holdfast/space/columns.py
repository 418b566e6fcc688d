"""One hyperparameter at many points at once: its values, and what a person believes of them.

``low`` and ``high`` are bounds that differ from point to point, as columns; None for those of the domain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.space import priors
from holdfast.space.domains import Categorical, Domain, Float, Int

ABSENT = object()
"""What stands among values where a hyperparameter is not active."""


def column_of(domain: Domain, values: Sequence[Any]) -> np.ndarray:
    """Values (n,) as a column such as `values_at` makes, NaN or None where they are `ABSENT`."""
    floats = not isinstance(domain, Categorical) or choices_column(domain).dtype == float
    column = np.empty(len(values), dtype=float if floats else object)
    column[:] = [(math.nan if floats else None) if value is ABSENT else value for value in values]
    return column


def values_at(domain: Domain, units: np.ndarray, low: Any = None, high: Any = None) -> np.ndarray:
    """The values at ``units`` of shape (n,): floats, NaN where inactive; objects for choices that are no numbers."""
    if isinstance(domain, Categorical):
        cells = np.minimum(np.floor(np.nan_to_num(units) * domain.cells), domain.cells - 1).astype(np.int64)
        column: np.ndarray = choices_column(domain)[cells]
        column[np.isnan(units)] = np.nan if column.dtype == float else None
        return column
    values: np.ndarray
    if isinstance(domain, Int):
        if domain.log:
            a, b = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
            values = np.clip(np.round(np.exp(a * (1 - units) + b * units)), domain.low, domain.high)
        else:
            values = domain.low + np.minimum(np.floor(units * domain.cells), domain.cells - 1) * domain.step
        return values
    if domain.steps is not None:
        return domain.steps.all_at(np.minimum(np.floor(units * domain.steps.count), domain.steps.count - 1))
    low, high = (domain.low, domain.high) if low is None else (low, high)
    if domain.log:
        values = np.clip(np.exp(np.log(low) * (1 - units) + np.log(high) * units), low, high)
    else:
        values = np.clip(low * (1 - units) + high * units, low, high)
    return values


def choices_column(domain: Categorical) -> np.ndarray:
    """The choices as an array: floats if all are numbers, objects else."""
    numbers = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in domain.choices)
    column = np.empty(domain.cells, dtype=float if numbers else object)
    column[:] = domain.choices
    return column


def has_prior(domain: Domain) -> bool:
    """Whether a person said more of it than its bounds."""
    return (domain.weights if isinstance(domain, Categorical) else domain.prior) is not None


def by_prior(domain: Domain, uniform: np.ndarray, low: Any = None, high: Any = None) -> np.ndarray:
    """Positions of shape (n,) that follow the domain's prior where ``uniform`` is uniform in [0, 1)."""
    if isinstance(domain, Categorical):
        if domain.weights is None:
            return uniform
        edges = np.cumsum(domain.weights) / np.sum(domain.weights)
        cells = np.minimum(np.searchsorted(edges, uniform, side="right"), domain.cells - 1)
        return (cells + 0.5) / domain.cells
    if domain.prior is None:
        return uniform
    return priors.quantile(uniform, *on_the_unit(domain, low, high))


def log_prior(domain: Domain, units: np.ndarray, low: Any = None, high: Any = None) -> np.ndarray:
    """(n,) the logarithm of the prior density at ``units``, relative to the uniform one; 0 where inactive."""
    if not has_prior(domain):
        return np.zeros(len(units))
    known = np.where(np.isnan(units), 0.5, units)
    if isinstance(domain, Categorical):
        assert domain.weights is not None
        cells = np.minimum(np.floor(known * domain.cells), domain.cells - 1).astype(np.int64)
        found = np.log(np.array(domain.weights) / np.sum(domain.weights) * domain.cells)[cells]
    elif domain.cells is not None:
        lower, upper = cell_borders(domain, values_at(domain, known))
        mean, sd = on_the_unit(domain)
        found = priors.log_mass(lower, upper, mean, sd) - np.log(upper - lower)
    else:
        found = priors.log_density(known, *on_the_unit(domain, low, high))
    result: np.ndarray = np.where(np.isnan(units), 0.0, found)
    return result


def cell_borders(domain: Float | Int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of ``values`` begin and end in the unit interval, (n,) each."""
    assert domain.cells is not None
    assert domain.step is not None
    if domain.log:
        a, b = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
        return (np.log(values - 0.5) - a) / (b - a), (np.log(values + 0.5) - a) / (b - a)
    cells = (values - domain.low) / domain.step
    cells = cells if isinstance(domain, Int) else np.round(cells)
    return cells / domain.cells, (cells + 1) / domain.cells


def on_the_unit(domain: Float | Int, low: Any = None, high: Any = None) -> tuple[Any, Any]:
    """Mean and standard deviation of a normal prior in the unit interval."""
    assert domain.prior is not None
    mean, sd = domain.prior.mean, domain.prior.sd
    if domain.cells is not None and domain.step is not None:
        if domain.log:
            a, b = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
            return (math.log(mean) - a) / (b - a), sd * math.log(10) / (b - a)
        width = domain.step * domain.cells
        return (mean - domain.low + domain.step / 2) / width, sd / width
    low, high = (domain.low, domain.high) if low is None else (low, high)
    mean = np.clip(mean, low, high)
    if domain.log:
        width = np.maximum(np.log(high) - np.log(low), 1e-12)
        return (np.log(mean) - np.log(low)) / width, sd * math.log(10) / width
    width = np.maximum(np.subtract(high, low), 1e-300)
    return np.subtract(mean, low) / width, sd / width
