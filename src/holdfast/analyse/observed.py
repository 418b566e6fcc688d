"""The trials of a history as an analysis sees them, and the random halves of them that its intervals are made of.

A failed trial counts as the worst score, and one that was stopped early no better than the median of the complete ones.
Scores far out on the bad side are drawn in to where most of the bad ones end, since a few that diverged would otherwise
be all that there is to explain; so are numbers of another size than all others, however many, as an objective returns
them where it fails. Ordinary bad scores, such as those of learning nothing, are results like all others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.scale import LARGEST
from holdfast.records import loss_sign
from holdfast.rng import Streams
from holdfast.search.gp.targets import known_losses, succeeded
from holdfast.search.history import FAILED, PAUSED, History
from holdfast.space import Space

STRETCH = 2.0
"""How far beyond the span from the best to the 90th-percentile loss the bad side may reach."""

ANOTHER_SIZE = 1000.0
"""A loss so many times as large as all better ones is no result but a number for a failure."""

FEWEST_BELOW = 8
"""So many losses, and half of all, are lower than such numbers; where these are all the same, there may be more."""

SMALLEST = 1e-100
"""Scores that differ by less cannot be squared."""

FEWEST = 20
"""With fewer trials than this, or than two a hyperparameter, nothing is said."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Trials that ended, m of them, in a space of d hyperparameters.

    Attributes:
        space: the search space.
        trials: (m,) their numbers.
        units: (m, d) encoded configurations, NaN where a hyperparameter is not active.
        losses: (m,) the metric turned so that lower is better; failures at the worst, far-out values drawn in.
        sign: what turns a loss into the metric: 1 or -1.
        failed: how many of them failed.
        seed: of every random draw of an analysis.
        drawn: how many that ended with a score were drawn in.
        limit: the loss that these count with.
    """

    space: Space = field(repr=False)
    trials: np.ndarray = field(repr=False)
    units: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    sign: float
    failed: int
    seed: int
    drawn: int = 0
    limit: float = np.inf

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def note(self) -> str:
        """How many trials count with another score than their own, in a sentence; empty if none does."""
        if not self.drawn:
            return ""
        trials, count = ("One trial", "counts") if self.drawn == 1 else (f"{self.drawn} trials", "count")
        return f"{trials} with far worse scores {count} as {self.sign * self.limit:.3g}."


def observed(history: History, *, objective: int = 0, leave_out: Collection[int] = (), seed: int = 0) -> Observed:
    """The trials that ended, in the order in which they did.

    Args:
        history: of the study.
        objective: the position of the metric to look at.
        leave_out: numbers of trials whose failure says nothing of their configuration.
        seed: of every random draw of an analysis.

    Raises:
        RequestError: if there are too few of them, all have the same score, or no hyperparameter varies.
    """
    if history.space is None:
        raise RequestError("there is nothing to analyse yet: no trial has drawn a hyperparameter")
    keep = ~np.isin(history.told_trial, np.array(sorted(leave_out), dtype=np.int64))
    trials, states = history.told_trial[keep], history.told_state[keep]
    units, told = history.units[trials], history.told_loss[keep, objective]
    varied = len(varying(history.space))
    if varied == 0:
        raise RequestError("no hyperparameter has more than one value, so there is nothing to analyse")
    needed = max(FEWEST, 2 * varied)
    scored = succeeded(told, states)
    known = int(scored.sum())
    if known < needed:
        waiting = int((history.states == PAUSED).sum())
        but = f"; {waiting} paused one{'s do' if waiting > 1 else ' does'} not count" if waiting else ""
        raise RequestError(
            f"an analysis of {varied} hyperparameter{'s' if varied > 1 else ''} needs at least {needed} trials "
            f"that ended with a score, and there {'is' if known == 1 else 'are'} {known}{but}"
        )
    usual = of_usual_size(told[scored])
    size = float(np.abs(usual).max())
    if size > LARGEST:
        raise RequestError(f"scores as large as {size:.3g} cannot be analysed; {LARGEST:.0e} is the most")
    limit = limit_of(usual)
    losses = known_losses(np.minimum(told, limit), states, scored)
    if np.ptp(losses) <= max(SMALLEST, 1e-12 * size):
        raise RequestError("every trial has the same score, so there is nothing to explain")
    sign = loss_sign(history.directions[objective])
    failed, drawn = int((states == FAILED).sum()), int((told[scored] > limit).sum())
    return Observed(history.space, trials, units, losses, sign, failed, seed, drawn, limit)


def varying(space: Space) -> list[int]:
    """The positions of the hyperparameters that have more than one value."""
    return [i for i, domain in enumerate(space.domains.values()) if domain.cells != 1]


def of_usual_size(losses: np.ndarray) -> np.ndarray:
    """The finite losses (m,) in order, less those at the end that are of another size (`ANOTHER_SIZE`)."""
    ordered = np.sort(losses)
    largest, following = np.maximum(np.abs(ordered[0]), np.abs(ordered[:-1])), ordered[1:]
    below = np.arange(1, len(ordered))
    most = (below >= FEWEST_BELOW) & ((2 * below >= len(ordered)) | (following == ordered[-1]))
    differ = ordered[:-1] > ordered[0]
    cuts = np.flatnonzero(most & differ & (following / ANOTHER_SIZE > largest))
    return ordered[: cuts[0] + 1] if len(cuts) else ordered


def limit_of(losses: np.ndarray) -> float:
    """The limit of finite losses (m,): q + STRETCH * (q - best); q is what 90% of them are under.

    Where these are all the same, the highest loss.
    """
    best, far = float(losses.min()), float(np.quantile(losses, 0.9, method="higher"))
    return far + STRETCH * (far - best) if far > best else float(losses.max())


def halves(n: int, splits: int, streams: Streams, purpose: str) -> np.ndarray:
    """(2 * splits, n) booleans: random halves of n trials, each followed by the trials that are not in it.

    What differs between two halves is what another set of as many trials would change: the difference of a statistic
    on both, divided by 2, has about the standard deviation of that statistic on all trials. This is the half-sample
    bootstrap (McCarthy, "Pseudo-replication: half samples", 1969); what is of chance in the one is not in the other, so
    that products of both are free of it.
    """
    rng = streams.generator(0, purpose)
    rows = []
    for _ in range(splits):
        half = np.zeros(n, dtype=bool)
        half[rng.permutation(n)[: n // 2]] = True
        rows += [half, ~half]
    return np.array(rows)
