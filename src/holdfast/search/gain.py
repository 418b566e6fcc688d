"""What further trials are expected to add to the best score: a number with its interval, to stop by.

Two views. A search that learns is judged by a Gaussian process of the scores at the very configurations that it would
try next; one that does not (random, Sobol, grid), or has too few scores for a model, by the gaps between its best ones.
With outcome constraints a gain is one over the best trial that meets them, by trials that meet them, too: each counts
with the probability that it does, as in the acquisition (see `gp.feasibility`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.records import Config, Score
from holdfast.rng import Streams
from holdfast.search.gp.aspects import Aspect, Told
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.feasibility import bilog
from holdfast.search.gp.fits import fit_size
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, fit, kernel_at, prior_mode
from holdfast.search.gp.targets import known_losses, subset, succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, STOPPED, History
from holdfast.search.memory import Memory

FEWEST_SCORES = 5
"""A gain is foretold from so many scores on."""
MODEL_POINTS = 100
"""At most so many trials are in the surrogate."""
PARTS, PART = 12, 0.7
"""The surrogate's hyperparameters are fitted to so many random parts of the trials, each with this share of them."""
_memory: Memory[tuple[object, int], tuple[Kernel, ...]] = Memory(16)


@dataclass(frozen=True, eq=False)
class Outlook:
    """A Gaussian process of the losses in their own unit, under several fits of its hyperparameters.

    Attributes:
        embed: where configurations lie.
        posteriors: one a fit; their targets are (loss - shift) / scale.
        shift, scale: of the losses.
        best: the lowest loss of the complete trials that meet the constraints; infinite where none does.
        told: how many trials it knows.
        limits: a surrogate of each outcome constraint, or the share of trials that met it where none can be fitted.
    """

    embed: Embedding
    posteriors: tuple[Posterior, ...]
    shift: float
    scale: float
    best: float
    told: int
    limits: tuple[Aspect | float, ...] = ()

    def predict(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of what a trial would score at points (m, d): losses of shape (fits, m) each."""
        features = self.embed(units)
        found = [posterior.predict(features) for posterior in self.posteriors]
        means = np.array([mean for mean, _ in found])
        variances = np.array(
            [variance + posterior.noise for (_, variance), posterior in zip(found, self.posteriors, strict=True)]
        )
        return self.shift + self.scale * means, self.scale * np.sqrt(variances)

    def feasibility(self, units: np.ndarray) -> np.ndarray:
        """(m,) the probability that a trial at points (m, d) meets all constraints, taken as independent."""
        from scipy.special import ndtr

        features, found = self.embed(units), np.ones(len(units))
        for limit in self.limits:
            if isinstance(limit, Aspect):
                mean, variance = limit.posterior.predict(features)
                found = found * ndtr((limit.target(0.0) - mean) / np.sqrt(variance + limit.posterior.noise))
            else:
                found = found * limit
        return found


def outlook(history: History, rng: Streams) -> Outlook | None:
    """The model of what trials score; None where too few have succeeded, or the better half scored the same."""
    assert history.space is not None
    done = succeeded(history.told_loss[:, 0], history.told_state)
    embed = embedding(history.space)
    losses = known_losses(history.told_loss[:, 0], history.told_state)
    found = _targets(losses) if int(done.sum()) >= FEWEST_SCORES and embed.groups > 0 else None
    if found is None:
        return None
    targets, shift, scale = found
    chosen = subset(losses, MODEL_POINTS)
    features = embed(history.units[history.told_trial[chosen]])
    with one_thread():
        kernels = _kernels(history, embed, rng)
        posteriors = tuple(condition(kernel, embed.group, features, targets[chosen]) for kernel in kernels)
        limits = tuple(_limits(history, embed, chosen))
    return Outlook(embed, posteriors, shift, scale, _best(history), len(losses), limits)


def feasible_losses(history: History) -> np.ndarray:
    """(k,) the losses of the complete trials that are known to meet every constraint, in the order told."""
    return _losses(history, history.told_state == COMPLETE)


def _losses(history: History, among: np.ndarray) -> np.ndarray:
    losses = history.told_loss[:, 0]
    found: np.ndarray = losses[among & np.isfinite(losses) & np.all(history.told_violation <= 0, axis=1)]
    return found


def _best(history: History) -> float:
    """The lowest loss that counts: of complete trials, or else of those that were stopped; infinite for none."""
    complete = feasible_losses(history)
    found = complete if len(complete) else _losses(history, history.told_state == STOPPED)
    return float(found.min(initial=np.inf))


def _limits(history: History, embed: Embedding, chosen: np.ndarray) -> Iterator[Aspect | float]:
    """What is known of each constraint by the trials at the ``chosen`` positions (k,)."""
    told = Told(history.token, embed.group, embed(history.units[history.told_trial]))
    done = succeeded(history.told_loss[:, 0], history.told_state)
    for column, name in enumerate(history.constraints):
        violation = history.told_violation[:, column]
        found = told.aspect(f"constraint {name}", violation, chosen, bilog)
        yield float((violation[done] <= 0).mean()) if found is None else found


def expected_gain(
    history: History, proposals: Sequence[Config], n: int, rng: Streams, *, learns: bool, level: float = 0.95
) -> Score | None:
    """What ``n`` more trials are expected to add to the best score, in the metric's own unit; None if nobody can say.

    That is so with fewer than `FEWEST_SCORES` scores, none that differ, or none that meets the constraints. The value
    is the mean over what is uncertain of the surrogate or of the tail, the interval its middle ``level``. It bounds the
    *expectation*: a single trial mostly gains nothing. Where scores are noisy, part of the gain is luck, as it is part
    of the naive score.

    Args:
        history: the study; the first objective counts.
        proposals: the configurations that the strategy would try next; may be empty if it does not learn.
        n: how many trials to look ahead.
        rng: the study's streams.
        learns: whether the strategy's proposals follow from earlier scores.
        level: of the interval.
    """
    view = outlook(history, rng) if learns and proposals else None
    if view is not None and not math.isfinite(view.best):
        return None
    if view is not None:
        assert history.space is not None
        gains = _gains_at(view, np.array([history.space.encode(config) for config in proposals]))
        method = f"expected improvement at the next proposal, over {len(gains)} fits of a Gaussian process"
        method += ", times the probability that the constraints are met" if view.limits else ""
        return _score(gains, np.ones(len(gains)), level, method, n, view.told)
    losses = np.sort(feasible_losses(history))
    if len(losses) < FEWEST_SCORES or losses[0] == losses[-1]:
        return None
    gains, weights = record_gains(losses, n, len(losses) / int(np.isfinite(history.losses).sum()))
    method = "record improvement of independent draws, by the gaps between the best scores"
    method += ", times the share of trials that meet the constraints" if history.constraints else ""
    return _score(gains, weights, level, method, n, len(losses))


def record_gains(losses: np.ndarray, n: int, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """By how much ``n`` more independent draws are expected to lower the least of sorted losses (m,), and weights.

    The draw m + 1 is the new least with probability 1 / (m + 1), and lowers it by the gap to the next one. The gaps D_i
    between the best order statistics are taken as exponential with means b i^-g (g = 1 is exact for exponential tails,
    Renyi, "On the theory of order statistics", 1953; g = 1 - 1 / a for a tail that ends like x^a), and b and g have a
    posterior: flat for g from 0 to 3/2, 1 / b for b. Each of the ``n`` counts with probability ``share``.
    """
    m = len(losses)
    k = min(m - 1, max(FEWEST_SCORES - 1, math.ceil(2 * math.sqrt(m))))
    unit = float(losses[k] - losses[0]) or 1.0
    gaps = np.diff(losses[: k + 1]) / unit
    ranks, shapes = np.arange(1, k + 1), np.linspace(0.0, 1.5, 31)
    sums = (gaps * ranks ** shapes[:, None]).sum(axis=1)
    if sums[0] <= 0:  # the best k + 1 scores are all the same
        return np.zeros(1), np.ones(1)
    log_weights = shapes * np.log(ranks).sum() - k * np.log(sums)
    weights = np.exp(log_weights - log_weights.max())
    from scipy.special import bdtrc, gammaincinv

    quantiles = (np.arange(40) + 0.5) / 40
    scales = sums[:, None] / gammaincinv(k, quantiles)
    counted = np.arange(1, n + 1)
    later, come = m + counted, bdtrc(counted - 1.0, n, share)  # the probability that so many of the n count
    steps = (come * (later / m) ** (shapes[:, None] - 1) / later).sum(axis=1)
    gains = unit * scales * steps[:, None]
    return gains.ravel(), np.repeat(weights, len(quantiles))


def _gains_at(view: Outlook, units: np.ndarray) -> np.ndarray:
    """(fits,) the expected improvement over the best score by trials at points (m, d), taken as independent.

    E = integral over g > 0 of 1 - prod_i (1 - P(i meets the constraints) P(loss_i <= best - g)).
    """
    from scipy.special import ndtr

    means, sds = view.predict(units)
    ahead = view.best - means
    top = np.maximum((ahead + 6 * sds).max(axis=1), 0.0)
    share = (np.arange(400) + 0.5) / 400
    gains = top[:, None] * share**2  # finer where most of the probability is
    width = top[:, None] * 2 * share / len(share)
    better = view.feasibility(units) * ndtr((ahead[:, None, :] - gains[:, :, None]) / sds[:, None, :])
    none_better = np.log1p(-np.minimum(better, 1 - 1e-16)).sum(axis=2)
    found: np.ndarray = (-np.expm1(none_better) * width).sum(axis=1)
    return found


def _score(gains: np.ndarray, weights: np.ndarray, level: float, method: str, n: int, told: int) -> Score:
    weights = weights / weights.sum()
    order = np.argsort(gains, kind="stable")
    below = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], below, gains[order])
    ahead = "the next trial is" if n == 1 else f"the next {n} trials are"
    estimand = f"what {ahead} expected to add to the best score"
    return Score(float(gains @ weights), float(low), float(high), level, method, estimand, told)


def _kernels(history: History, embed: Embedding, rng: Streams) -> tuple[Kernel, ...]:
    """Hyperparameters by several random parts of the first trials, up to the last fixed history size (see `fits`)."""
    size = fit_size(len(history.told_trial))
    return _memory.get((history.token, size), lambda: _fits(history, embed, size, rng.generator(size, "gain/parts")))


def _fits(history: History, embed: Embedding, size: int, rng: np.random.Generator) -> tuple[Kernel, ...]:
    losses = known_losses(history.told_loss[:size, 0], history.told_state[:size])
    found = _targets(losses)
    if found is None:
        return (kernel_at(prior_mode(embed.groups)),)
    chosen = subset(losses, MODEL_POINTS)
    features, targets = embed(history.units[history.told_trial[:size][chosen]]), found[0][chosen]
    parts = [np.sort(rng.permutation(len(chosen))[: max(2, round(PART * len(chosen)))]) for _ in range(PARTS)]
    return tuple(fit(embed.group, features[part], targets[part]) for part in parts)


def _targets(losses: np.ndarray) -> tuple[np.ndarray, float, float] | None:
    """Losses (m,) as targets of mean 0 and variance 1, with shift and scale; None where the better half is all alike.

    Losses worse than usual are cut off: how bad they are says nothing of how good others may be.
    """
    if np.isnan(losses).any():
        return None
    size = float(np.abs(losses).max()) or 1.0
    scaled = losses / size
    usual, best = float(np.median(scaled)), float(scaled.min())
    cut = np.minimum(scaled, usual + (usual - best))
    if usual == best:
        return None
    shift, scale = float(cut.mean()), float(cut.std())
    return (cut - shift) / scale, size * shift, size * scale
