"""Failed trials in the surrogate of the loss: as bad as the worst, as far as others around them failed as well.

A failure by its surroundings (a rate that diverges) says that the loss is bad there; one by accident says nothing, and
is left out: whatever it were put down as, the place would count as known. A surrogate of success and failure tells
which it was, by all other trials. A loss that is set apart from all others is a failure, too (see
`targets.comparable`). With the optimum at the border of a region that fails this took fewer trials, on some functions,
than counting every failure as the worst.
"""

from __future__ import annotations

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.aspects import Aspect, Told
from holdfast.search.gp.bowl import Bowl
from holdfast.search.gp.feasibility import by_surroundings, chance_by_others
from holdfast.search.gp.fits import FIT_POINTS, MIN_TOLD
from holdfast.search.gp.surrogate import Kernel, condition, fit, kernel_at, prior_mode
from holdfast.search.gp.targets import comparable, known_losses, standardise, subset
from holdfast.search.history import History

LIKELY = 0.3
"""A failure says something of its place from this probability on that it failed because of it."""


def failure(told: Told, done: np.ndarray, chosen: np.ndarray) -> Aspect | None:
    """The surrogate of failure, 1 against 0, at the ``chosen`` positions (k,); ``done`` (m,) says what succeeded."""
    return told.aspect("failure", (~done).astype(float), chosen)


def loss_targets(
    told: Told, losses: np.ndarray, states: np.ndarray, chosen: np.ndarray, failing: Aspect | None
) -> tuple[np.ndarray, np.ndarray]:
    """The ``chosen`` positions (j,) that say something of the loss, and its standardised values there (j,).

    Args:
        told: the features of at least m trials.
        losses, states: (m,) as told, see `History`.
        chosen: (k,) among the first m.
        failing: the surrogate of failure at these positions.
    """
    done = comparable(losses, states)
    counted = known_losses(losses, states)
    if done.all():
        return chosen, standardise(counted)[chosen]
    targets = np.full(len(losses), np.nan)
    targets[done] = standardise(counted[done])
    good, bad = chosen[done[chosen]], chosen[~done[chosen]]
    if len(good) < MIN_TOLD or len(bad) == 0:
        return chosen, np.nan_to_num(targets[chosen])
    (kernel,) = told.kernels("successes", lambda size: (_fit_successes(told, losses[:size], states[:size]),))
    expected, _ = condition(kernel, told.group, told.features[good], targets[good]).predict(told.features[bad])
    fail_alike = np.zeros(len(bad))
    if failing is not None:
        fail_alike = by_surroundings(failing) * chance_by_others(failing)[~done[chosen]]
    worst = (1 - fail_alike) * expected + fail_alike * targets[good].max()
    targets[bad] = np.where(fail_alike >= LIKELY, worst, np.nan)
    told_of = chosen[np.isfinite(targets[chosen])]
    spread, centred = float(targets[told_of].std()), targets[told_of] - targets[told_of].mean()
    return told_of, centred / spread if spread > 0 else centred


def loss_kernels(history: History, told: Told, rng: Streams, bowl: Bowl | None = None) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters of the surrogate of the loss, by the trials up to the last fixed history size.

    They have the ``bowl`` where one is given; it must be the one of the study's priors.
    """
    losses, states = history.told_loss[:, 0], history.told_state
    name = f"loss {rng.seed}" if bowl is None else f"loss with a bowl {rng.seed}"
    return told.kernels(name, lambda size: _draws(told.first(size), losses[:size], states[:size], rng, bowl))


def _draws(told: Told, losses: np.ndarray, states: np.ndarray, rng: Streams, bowl: Bowl | None) -> tuple[Kernel, ...]:
    done = comparable(losses, states)
    if not done.any():
        return (kernel_at(prior_mode(told.groups)),)
    chosen = subset(known_losses(losses, states), FIT_POINTS)
    return told.draws(*loss_targets(told, losses, states, chosen, failure(told, done, chosen)), rng, bowl)


def _fit_successes(told: Told, losses: np.ndarray, states: np.ndarray) -> Kernel:
    done = np.flatnonzero(comparable(losses, states))
    if told.groups == 0 or len(done) < MIN_TOLD:
        return kernel_at(prior_mode(told.groups))
    counted = known_losses(losses, states)[done]
    chosen = subset(counted, FIT_POINTS)
    return fit(told.group, told.features[done[chosen]], standardise(counted)[chosen])
