"""A Gaussian process of losses at all rungs, and what it expects of configurations at the last one.

Each rung above the first adds a column that says whether a loss was reported there or higher. Its length-scale says
how far the ranking of the rungs below is to be trusted: a rung that says nothing of later ones is told apart by a short
one, and one that does by a long one. Losses at a lower rung are first moved by how much trials that went on have gained
since (the median over them), so that the model is of differences between configurations, not of progress.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from holdfast.records import Fidelity
from holdfast.rng import Streams
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.fits import FIT_POINTS, fit_size
from holdfast.search.gp.flat import OutsideFlats, outside_flats
from holdfast.search.gp.landscape import Improvement, Landscape, Term
from holdfast.search.gp.maximise import CENTRES
from holdfast.search.gp.preference import Preference, preference, trust
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, matern
from holdfast.search.gp.targets import standardise, subset
from holdfast.search.history import FAILED, History
from holdfast.search.rungs.halving import diverging_reports
from holdfast.space import Space

MAX_POINTS = 300
"""At most so many trials are in the surrogate."""
MAX_PENDING = 64
"""At most so many running trials, the latest, are in the surrogate."""
ENOUGH = 8
"""How far a rung is to be trusted is known from so many trials that went on from it; until then it is trusted."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Losses at rungs, in the order in which they were reported, and after them failures in the order told.

    Attributes:
        trial, rung: (m,) which trial, and at which of the K rungs, from 0.
        losses: (m, k) of each objective, lower is better; NaN where the trial diverged there.
        rungs: K.
        reported: how many of them were reported; the others are failures that no report shows.
    """

    trial: np.ndarray
    rung: np.ndarray
    losses: np.ndarray
    rungs: int
    reported: int

    def take(self, chosen: np.ndarray) -> Seen:
        """Those at some positions, ascending."""
        reported = int(np.count_nonzero(chosen < self.reported))
        return Seen(self.trial[chosen], self.rung[chosen], self.losses[chosen], self.rungs, reported)

    @cached_property
    def first_losses(self) -> np.ndarray:
        """By trial number, a number that is equal for trials that were first seen at one rung with one loss."""
        order = np.lexsort((self.rung, self.trial))
        first = order[np.insert(np.diff(self.trial[order]) > 0, 0, True)]
        _, same = np.unique(np.column_stack([self.rung, self.losses])[first], axis=0, return_inverse=True)
        found = np.full(int(self.trial.max()) + 1, np.nan)
        found[self.trial[first]] = same.ravel()
        return found

    @property
    def known(self) -> int:
        """How many of them are finite."""
        return int(np.isfinite(self.losses).all(axis=1).sum())

    def targets(self, weights: np.ndarray) -> np.ndarray:
        """(m,) standardised losses as if at the last rung; needs one that is known.

        Several objectives are standardised each, and made one by ``weights`` (k,), which sum to 1: the largest
        weighted loss, with a twentieth of their sum. Knowles, "ParEGO: a hybrid algorithm with on-line landscape
        approximation for expensive multiobjective optimization problems" (2006), equation 2.
        """
        each = np.stack([standardise(self._moved(column)) for column in self.losses.T], axis=1)
        if each.shape[1] == 1:
            return np.asarray(each[:, 0])
        weighted = weights * each
        return standardise(weighted.max(axis=1) + 0.05 * weighted.sum(axis=1))

    def _moved(self, loss: np.ndarray) -> np.ndarray:
        """(m,) losses of one objective as if at the last rung; what diverged is at the worst."""
        table = np.full((int(self.trial.max(initial=-1)) + 1, self.rungs), np.nan)
        table[self.trial, self.rung] = loss
        gains = np.zeros(self.rungs)
        for k in range(self.rungs - 1):
            both = table[:, k + 1] - table[:, k]
            both = both[np.isfinite(both)]
            gains[k] = np.median(both) if len(both) else 0.0
        moved: np.ndarray = loss + np.cumsum(gains[::-1])[::-1][self.rung]
        known = np.isfinite(moved)
        moved[~known] = moved[known].max()
        return moved

    @cached_property
    def reached(self) -> np.ndarray:
        """(n,) by trial number, the highest rung at which each has a loss; 0 for none."""
        known = np.isfinite(self.losses).all(axis=1)
        reached = np.zeros(int(self.trial.max(initial=-1)) + 1, dtype=np.int64)
        np.maximum.at(reached, self.trial[known], self.rung[known])
        return reached

    @cached_property
    def columns(self) -> np.ndarray:
        """(m, K - 1) whether each loss was seen at rung 1, 2, ... or higher."""
        return (self.rung[:, None] > np.arange(self.rungs - 1)).astype(float)

    @cached_property
    def latest(self) -> np.ndarray:
        """Positions (n,) of each trial's loss at its highest rung."""
        order = np.lexsort((self.rung, self.trial))
        last = np.append(np.diff(self.trial[order]) > 0, True)
        return np.sort(order[last])


def seen(history: History, fidelity: Fidelity) -> Seen:
    """What was reported at the rungs; a report that passes several is at the highest.

    A trial that failed without a report is taken to have diverged at the first rung. One that diverged between rungs,
    or before the first, or failed after a report, has no loss at any from there on, and stands at the last one, so that
    a good loss at a lower rung says nothing for its kind.
    """
    levels = fidelity.rungs()
    rung = np.full(len(history.report_trial), -1)
    for k, level in enumerate(levels):
        rung[history.first_reports(level)] = k
    diverging = diverging_reports(history)
    rung[diverging & (rung < 0)] = len(levels) - 1
    at = np.flatnonzero(rung >= 0)
    failed = history.told_trial[history.told_state == FAILED]
    failed = failed[~np.isin(failed, history.report_trial[diverging])]
    ends = np.where(np.isin(failed, history.report_trial), len(levels) - 1, 0)
    return Seen(
        trial=np.concatenate([history.report_trial[at], failed]),
        rung=np.concatenate([rung[at], ends]),
        losses=np.concatenate([history.report_losses[at], np.full((len(failed), len(history.directions)), np.nan)]),
        rungs=len(levels),
        reported=len(at),
    )


@dataclass(frozen=True, eq=False)
class AtTheEnd:
    """What a Gaussian process of all rungs believes of the last one, by the features of configurations alone."""

    posterior: Posterior
    columns: int

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, at features of shape (m, D)."""
        return self.posterior.predict(self.ended(features))

    def predict_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, and their gradients by the features, (m, D) each."""
        width = features.shape[1]
        mean, variance, *slopes = self.posterior.predict_with_gradient(self.ended(features))
        return mean, variance, slopes[0][:, :width], slopes[1][:, :width]

    def weighted_sum(self, features: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        """Mean and variance of the sum of the losses at features (m, D) times weights (m,)."""
        return self.posterior.weighted_sum(self.ended(features), weights)

    def with_pending(self, features: np.ndarray) -> AtTheEnd:
        """The same with trials that run, at features of shape (p, D), as if they were trained to the end."""
        return AtTheEnd(self.posterior.with_pending(self.ended(features)), self.columns)

    def ended(self, features: np.ndarray) -> np.ndarray:
        """Features (m, D) with those of the last rung beside them."""
        return np.concatenate([features, np.ones((len(features), self.columns))], axis=1)


@dataclass(frozen=True, eq=False)
class RungModel:
    """What a proposal needs of a history.

    Attributes:
        embed: the embedding of the space.
        beliefs: of the loss at the last rung, one for each draw of the hyperparameters.
        bests: the lowest mean of each belief at a trial.
        best_trial: the trial of the lowest mean, by number.
        flats: where another trial would be told what is known.
        centres: (c, d) the best trials, encoded.
        preference: the user's priors, if there are any.
        gone_on: (K - 1,) how many trials have a loss at a higher rung than each but the last.
    """

    embed: Embedding
    beliefs: tuple[AtTheEnd, ...]
    bests: tuple[float, ...]
    best_trial: int
    flats: OutsideFlats | None
    centres: np.ndarray
    preference: Preference | None
    gone_on: np.ndarray

    @property
    def size(self) -> int:
        """Trials times draws."""
        return len(self.beliefs) * len(self.beliefs[0].posterior.points)

    def landscape(self, space: Space) -> Landscape:
        """The log of the improvement that is expected at the last rung."""
        terms: list[Term] = [Improvement(self.beliefs, self.bests)]
        terms += [] if self.flats is None else [self.flats]
        return Landscape(space, self.embed, tuple(terms), self.preference)

    def agreement(self, rung: int) -> float:
        """The correlation of losses at a rung, from 0, with those of the same configuration at the last one.

        Steps that fewer than `ENOUGH` trials have made are taken to change no ranking: what is believed of them is the
        prior's, by which nothing would be trusted before some trial had been trained to the end.
        """
        columns = self.beliefs[0].columns
        known = np.flatnonzero((np.arange(columns) >= rung) & (self.gone_on >= ENOUGH))
        of_rungs = [belief.posterior.kernel.lengths for belief in self.beliefs]
        steps = [lengths[len(lengths) - columns :][known] for lengths in of_rungs]
        return float(np.mean([matern(np.sum(np.power(each, -2.0), keepdims=True)) for each in steps]))

    def with_pending(self, units: np.ndarray) -> RungModel:
        """The same with points (p, d) that run, as if they were trained to the end."""
        features = self.embed(units)
        return replace(self, beliefs=tuple(belief.with_pending(features) for belief in self.beliefs))


def rung_model(history: History, fidelity: Fidelity, rng: Streams, mixture: int = 0) -> RungModel | None:
    """Condition on each trial's loss at its highest rung; None while fewer than two losses are known.

    Args:
        history: the study.
        fidelity: its fidelity.
        rng: the study's streams.
        mixture: which weights make several objectives one.
    """
    assert history.space is not None
    found = seen(history, fidelity)
    if found.known < 2:
        return None
    embed = embedding(history.space)
    weights = rng.generator(mixture, "rungs/weights").dirichlet(np.ones(len(history.directions)))
    kernels = _kernels(history, found, embed, weights, mixture, rng)
    targets = found.targets(weights)
    chosen = found.latest[subset(targets[found.latest], MAX_POINTS)]
    units = history.units[found.trial[chosen]]
    features = embed(units)
    rows = np.concatenate([features, found.columns[chosen]], axis=1)
    group = _group(embed, found.rungs)
    beliefs = tuple(AtTheEnd(condition(kernel, group, rows, targets[chosen]), found.rungs - 1) for kernel in kernels)
    means = np.array([belief.predict(features)[0] for belief in beliefs])
    order = np.argsort(means.mean(axis=0), kind="stable")
    model = RungModel(
        embed=embed,
        beliefs=beliefs,
        bests=tuple(means.min(axis=1).tolist()),
        best_trial=int(found.trial[chosen[order[0]]]),
        flats=_flats(embed, kernels, features, found.first_losses[found.trial[chosen]]),
        centres=units[order[:CENTRES]],
        preference=preference(history.space, trust(history.space, embed, beliefs), len(found.latest)),
        gone_on=(found.reached[:, None] > np.arange(found.rungs - 1)).sum(axis=0),
    )
    pending = history.pending[-MAX_PENDING:]
    return model.with_pending(history.units[pending]) if len(pending) else model


def _flats(
    embed: Embedding, kernels: tuple[Kernel, ...], features: np.ndarray, losses: np.ndarray
) -> OutsideFlats | None:
    of_configs = [replace(kernel, lengths=kernel.lengths[: embed.groups]) for kernel in kernels]
    return outside_flats(of_configs, embed.group, features, losses)


def _kernels(
    history: History, found: Seen, embed: Embedding, weights: np.ndarray, mixture: int, rng: Streams
) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters by the losses up to the last fixed number of them; by all while few are known.

    The failures that no report shows are up to a fixed number of their own, as nobody knows between which reports they
    came.
    """
    features = np.concatenate([embed(history.units[found.trial]), found.columns], axis=1)
    token, group = (history.token, "rungs", mixture), _group(embed, found.rungs)
    silent = len(found.trial) - found.reported
    silent = min(fit_size(silent), silent)

    def among(places: np.ndarray) -> tuple[Kernel, ...]:
        part = found.take(places)
        chosen = np.arange(len(places)) if len(places) <= FIT_POINTS else _for_fit(part)
        return Told(token, group, features[places]).draws(chosen, part.targets(weights)[chosen], rng)

    def first(size: int) -> tuple[Kernel, ...]:
        return among(np.concatenate([np.arange(size), found.reported + np.arange(silent)]))

    if found.take(np.arange(min(fit_size(found.reported), found.reported))).known < 2:
        return among(np.arange(len(found.trial)))
    name = f"rungs {rng.seed}" + (f", {silent} failed" if silent else "")
    return Told(token, group, features[: found.reported]).kernels(name, first)


def _for_fit(found: Seen) -> np.ndarray:
    """Positions of losses that say most of how rungs agree: those of the trials that went furthest, in full."""
    order = np.lexsort((np.arange(len(found.trial)), -found.reached[found.trial]))
    half = order[: FIT_POINTS // 2]
    rest = np.sort(order[FIT_POINTS // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, FIT_POINTS - len(half)).astype(np.int64)]
    return np.sort(np.concatenate([half, spread]))


def _group(embed: Embedding, rungs: int) -> np.ndarray:
    return np.concatenate([embed.group, embed.groups + np.arange(rungs - 1)])
