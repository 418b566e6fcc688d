"""What the acquisition knows at one point of the history: beliefs of the loss and of all else, and the incumbent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.bowl import Bowl, bowl_of
from holdfast.search.gp.cost import Cheap
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.failures import failure, loss_kernels, loss_targets
from holdfast.search.gp.feasibility import requirements
from holdfast.search.gp.flat import OutsideFlats, outside_flats
from holdfast.search.gp.landscape import Bound, Improvement, Landscape, Term
from holdfast.search.gp.maximise import CENTRES
from holdfast.search.gp.preference import Preference, preference, trust
from holdfast.search.gp.surrogate import Posterior, condition
from holdfast.search.gp.targets import comparable, known_losses, subset
from holdfast.search.gp.transfer import Shifted, transferred
from holdfast.search.gp.warping import warped
from holdfast.search.history import History
from holdfast.search.pareto import total_violation
from holdfast.space import Space

MAX_POINTS = 1200
"""At most so many trials are in the surrogate."""
MAX_PENDING = 256
"""At most so many running trials, the latest, are in the surrogate."""
IMAGINED = 16
"""So many times each belief draws the results of what runs."""


@dataclass(frozen=True, eq=False)
class Model:
    """What the acquisition needs of a history.

    Attributes:
        embed: the embedding of the space.
        beliefs: of the loss, in standardised targets, one for each draw of the hyperparameters.
        told_bests: the lowest mean at a feasible trial by each belief; empty while no trial is feasible.
        bests: the same with pending trials as they are imagined, (r,) for r draws of them.
        best_trial: the incumbent's number.
        since_best: how many results have come since the best one.
        centres: (c, d) the best points so far, NaN where inactive.
        note: what the reader should know of the surrogate; may be empty.
        flats: where another trial would be told what is known.
        limits: the log probabilities that a trial does not fail and keeps to each constraint.
        terms: what else is added to the acquisition.
        preference: the user's priors, if there are any.
        rng: where what is imagined of pending trials comes from.
        told: how many results there are.
        pending: (p, D) features of pending trials.
    """

    embed: Embedding
    beliefs: tuple[Posterior | Shifted, ...]
    told_bests: tuple[float, ...]
    bests: tuple[float | np.ndarray, ...]
    best_trial: int
    since_best: int
    centres: np.ndarray
    note: str
    flats: OutsideFlats | None
    limits: tuple[Term, ...]
    terms: tuple[Term, ...]
    preference: Preference | None
    rng: Streams
    told: int
    pending: np.ndarray

    def with_pending(self, units: np.ndarray) -> Model:
        """The same with the points of shape (p, d) as pending: each belief imagines what they will turn out to be.

        So the acquisition is averaged over what the pending trials may bring, improvements among it: Snoek, Larochelle
        and Adams, "Practical Bayesian optimization of machine learning algorithms", NeurIPS 2012, section 3.2.
        """
        features, before = np.concatenate([self.pending, self.embed(units)]), len(self.pending)
        normals, chances = _imagined(self.rng, self.told, len(self.beliefs), len(features))
        pairs = zip(self.beliefs, normals, strict=True)
        beliefs = tuple(belief.with_pending(features[before:], normal[:, before:]) for belief, normal in pairs)
        limits = np.array([limit.value(features) for limit in self.limits]).reshape(-1, len(features))
        kept = chances < np.exp(limits.sum(axis=0))
        bests = tuple(
            np.where(feasible, belief.predict(features)[0], np.inf).min(axis=1, initial=best)
            for belief, best, feasible in zip(beliefs, self.told_bests, kept, strict=False)
        )
        return replace(self, beliefs=beliefs, bests=bests, pending=features)

    def landscape(self, space: Space, width: float | None) -> Landscape:
        """The acquisition; by the confidence bound where it has a ``width``."""
        worth: list[Term] = []
        if self.bests:
            worth = [Improvement(self.beliefs, self.bests) if width is None else Bound(self.beliefs, width)]
            worth += [] if self.flats is None else [self.flats]
        return Landscape(space, self.embed, (*worth, *self.limits, *self.terms), self.preference)

    def reason(self, space: Space, unit: np.ndarray, *, by_bound: bool) -> str:
        """Why the point of shape (d,) is proposed, by the confidence bound or by the improvement that is expected."""
        features = self.embed(space.snap(unit[None]))
        if not self.bests:
            chance = math.exp(sum(float(limit.value(features)[0]) for limit in self.limits))
            return f"gp: no trial is feasible yet, and this is with probability {chance:.2g}{self.note}"
        over = f"over trial {self.best_trial}{self.note}"
        if by_bound:
            return f"gp: confidence bound {over}, since {self.since_best} results were no improvement"
        value = Improvement(self.beliefs, self.bests).value(features)[0]
        return f"gp: expected improvement {math.exp(value):.2g} sd {over}"


def model_of(history: History, rng: Streams, *, per_second: bool = False) -> Model:
    """Condition on told and pending trials; the incumbent is the best posterior mean at a feasible trial.

    Args:
        history: at least two of its trials have succeeded.
        rng: where draws of the hyperparameters come from.
        per_second: whether what a trial costs counts.
    """
    assert history.space is not None
    declared, units = embedding(history.space), history.units[history.told_trial]
    told = Told(history.token, declared.group, declared(units))
    embed = warped(declared, history, told)
    told = replace(told, features=embed(units))
    counted = known_losses(history.told_loss[:, 0], history.told_state)
    considered = subset(counted, MAX_POINTS)
    done = comparable(history.told_loss[:, 0], history.told_state)
    failing = failure(told, done, considered)
    chosen, targets = loss_targets(told, history.told_loss[:, 0], history.told_state, considered, failing)
    beliefs, means = _beliefs(history, told, chosen, targets, rng)
    trusted = trust(history.space, embed, beliefs)
    bowl = bowl_of(history.space, embed) if trusted > 0 and transferred(history, told, rng) is None else None
    if bowl is not None:  # with earlier studies there is none
        beliefs, means = _beliefs(history, told, chosen, targets, rng, bowl)
    feasible = done & np.all(history.told_violation <= 0, axis=1)
    merit = np.where(feasible, counted, np.inf)
    order = np.argsort(np.where(feasible[chosen], means.mean(axis=0), np.inf), kind="stable")
    if not feasible[chosen].any():
        merit = np.where(done, total_violation(history.told_violation), np.inf)
        order = np.argsort(merit[chosen], kind="stable")
    trials = history.told_trial[chosen[order]]
    bests = tuple(means[:, feasible[chosen]].min(axis=1).tolist()) if feasible[chosen].any() else ()
    model = Model(
        embed=embed,
        beliefs=beliefs,
        told_bests=bests,
        bests=bests,
        best_trial=int(trials[0]),
        since_best=len(counted) - 1 - int(np.argmin(merit)),
        centres=history.units[trials[:CENTRES]],
        note="" if len(considered) == len(counted) else f" (by {len(considered)} of {len(counted)} trials)",
        flats=outside_flats(
            [belief.kernel for belief in beliefs], told.group, told.features[chosen], history.told_loss[chosen, 0]
        ),
        limits=tuple(requirements(history, told, considered, failing)),
        terms=tuple(_costs(history, told, considered)) if per_second else (),
        preference=preference(history.space, trusted, len(counted)),
        rng=rng,
        told=len(counted),
        pending=np.zeros((0, len(told.group))),
    )
    pending = history.pending[-MAX_PENDING:]
    return model.with_pending(history.units[pending]) if len(pending) else model


def _imagined(rng: Streams, told: int, beliefs: int, pending: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal and uniform numbers, (beliefs, `IMAGINED`, pending) each, which change with every result.

    They are a Latin hypercube sample: McKay, Beckman and Conover, Technometrics 21 (1979). Those of one pending trial
    do not depend on how many come after it.
    """
    from scipy.special import ndtri

    size = beliefs * IMAGINED
    drawn = [rng.generator(told, f"gp/pending/{number}") for number in range(pending)]
    uniform = np.array([[(each.permutation(size) + each.random(size)) / size for _ in range(2)] for each in drawn])
    normals, chances = uniform.reshape(pending, 2, beliefs, IMAGINED).transpose(1, 2, 3, 0)
    return ndtri(normals), chances


def _beliefs(
    history: History,
    told: Told,
    chosen: np.ndarray,
    targets: np.ndarray,
    rng: Streams,
    bowl: Bowl | None = None,
) -> tuple[tuple[Posterior | Shifted, ...], np.ndarray]:
    """The p beliefs given targets (k,) of the trials at the ``chosen`` positions, and their means there (p, k)."""
    features = told.features[chosen]
    found = transferred(history, told, rng)
    if found is None:
        own = [condition(kernel, told.group, features, targets) for kernel in loss_kernels(history, told, rng, bowl)]
        return tuple(own), np.array([posterior.means_at_points(targets) for posterior in own])
    shift = found.shift(features)
    rests = [condition(kernel, told.group, features, targets - shift) for kernel in found.kernels]
    means = [shift + rest.means_at_points(targets - shift) for rest in rests]
    return tuple(Shifted(rest, found) for rest in rests), np.array(means)


def _costs(history: History, told: Told, chosen: np.ndarray) -> Iterator[Term]:
    """Minus the log of a trial's cost, once something is known of it."""
    seconds = np.where(history.told_seconds > 0, history.told_seconds, np.nan)
    found = told.aspect("log seconds", seconds, chosen, np.log)
    if found is not None:
        left = history.trials_left
        yield Cheap(found, 1.0 if left is None else left / max(left + len(history), 1))
