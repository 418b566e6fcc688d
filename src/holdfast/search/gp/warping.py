"""Numbers put on another scale where the results ask for it, as a rate that was declared without its logarithm.

Snoek, Swersky, Zemel and Adams, "Input warping for Bayesian optimization of non-stationary functions", ICML 2014. With
few results a warp that is always there is one more thing to be wrong about, and cost trials; so it has to explain them
better than the declared scale does, by some margin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import Embedding
from holdfast.search.gp.failures import loss_targets
from holdfast.search.gp.fits import FIT_POINTS, fit_size
from holdfast.search.gp.kumaraswamy import slopes_by_exponents, warp
from holdfast.search.gp.surrogate import fit, parameter_bounds, slopes
from holdfast.search.gp.targets import comparable, known_losses, subset
from holdfast.search.history import History
from holdfast.search.memory import Memory

FEWEST_RESULTS = 15
"""With fewer results no warp is looked for."""
EVIDENCE = 3.0
"""A warp's log posterior density has to be higher than the identity's by so much."""
LOG_EXPONENT_SD = 0.5
"""The prior of the logarithms of a and b is normal about 0 with this standard deviation."""
MOST_LOG_EXPONENT = 2.0
MAX_ITERATIONS = 40
_memory: Memory[tuple[object, int], tuple[np.ndarray | None]] = Memory(64)


def warped(embed: Embedding, history: History, told: Told) -> Embedding:
    """The embedding with the warp that the trials up to the last fixed history size ask for, if they ask for one.

    Earlier studies are compared on the declared scales, so with them there is none.
    """
    if history.earlier or len(embed.numeric) == 0:
        return embed
    size = fit_size(len(history.told_trial))
    (exponents,) = _memory.get((history.token, size), lambda: (_by_prefix(embed, history, told.first(size), size),))
    return embed if exponents is None else replace(embed, exponents=exponents)


def _by_prefix(embed: Embedding, history: History, told: Told, size: int) -> np.ndarray | None:
    losses, states = history.told_loss[:size, 0], history.told_state[:size]
    if int(comparable(losses, states).sum()) < FEWEST_RESULTS:
        return None
    chosen = subset(known_losses(losses, states), FIT_POINTS)
    chosen, targets = loss_targets(told, losses, states, chosen, None)
    return fit_warp(embed, told.features[chosen], targets)


def fit_warp(embed: Embedding, features: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """The exponents of highest posterior density, (2, k) for k numeric columns; None where the identity does as well.

    Args:
        embed: without a warp; its numeric columns come first.
        features: (n, D).
        targets: (n,) standardised losses.
    """
    from scipy.optimize import minimize

    k, groups = len(embed.numeric), embed.groups
    low, high = parameter_bounds(groups)

    def density(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, logs = parameters[: groups + 2], parameters[groups + 2 :]
        exponents, moved = np.exp(logs).reshape(2, k), features.copy()
        moved[:, :k] = warp(features[:, :k], exponents)
        value, by_kernel, by_feature = slopes(kernel, embed.group, moved, targets)
        by_exponent = np.einsum("nk,snk->sk", by_feature[:, :k], slopes_by_exponents(features[:, :k], exponents))
        away = logs / LOG_EXPONENT_SD
        return value + 0.5 * float(away @ away), np.concatenate(
            [by_kernel, by_exponent.ravel() + away / LOG_EXPONENT_SD]
        )

    start = np.concatenate([fit(embed.group, features, targets).parameters(), np.zeros(2 * k)])
    plain, _ = density(start)
    found = minimize(
        density,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[*zip(low, high, strict=True), *[(-MOST_LOG_EXPONENT, MOST_LOG_EXPONENT)] * (2 * k)],
        options={"maxiter": MAX_ITERATIONS, "ftol": 1e-6},
    )
    if plain - float(found.fun) < EVIDENCE:
        return None
    exponents: np.ndarray = np.exp(found.x[groups + 2 :]).reshape(2, k)
    return exponents
