"""Was the learning rate too low or too high? By the shape of a run's losses, and by what other runs reached.

A run with a learning rate that is too low goes down a nearly straight line and does not get far; one with a rate that
is too high jumps, or comes to rest early at a loss that others leave behind. Equal amounts of learning, not equal
numbers of epochs, are what a line is straight in: under a schedule the steps are weighed by their learning rates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from holdfast.analyse.points import Points
from holdfast.analyse.trends import FEWEST_POINTS, Rises, fall, jitter, joint_rises, smoothed

RATES = ("learning_rate", "learning_rate_init", "lr", "eta", "eta0", "alpha_init", "base_lr", "max_lr", "step_size")
"""What a learning rate is called, the usual names first."""

OPTIMISERS = ("optimizer", "optimiser", "solver", "algorithm")
"""What an optimiser is called; the learning rates of different ones are not compared."""

STRAIGHT = 0.7
"""A curve that has done less than this part of its fall by the middle of the time goes down a line: `Fall.early`."""

LITTLE = 0.5
"""Less than this part of the way from learning nothing to a loss of nought is little."""

BEHIND = 0.3
"""A run that has left more than this part of the way that others went is far behind."""

HALTED = 0.12
"""A run that has come to rest with more than this part of the way before it halted too early."""

ARRIVED = 0.06
"""A run with less than this part of the way before it has got where the others did, however it went there."""

LATE, WHOLE = 0.5, 1.2
"""Jumps that add up to more than these parts of the whole fall, in the second half or in all, are no way to learn."""

WORSE = 3.0
"""A loss of more than so many times that of learning nothing is no start, but the work of steps that were too long."""

APART = 1.5
"""Learning rates of which one is so many times the other are different ones."""

HARDLY = 0.1
"""A run that has less than this part of the way from learning nothing to a loss of nought behind it hardly moved."""

FEWEST = 4
"""With fewer other runs nothing is said of what others reached."""

Fault = Literal["learning rate too low", "learning rate too high"]


@dataclass(frozen=True)
class RateVerdict:
    """A fault of the learning rate, and what it was seen by."""

    fault: Fault
    seen: str


@dataclass(frozen=True, eq=False)
class Run:
    """One run among others.

    Args:
        points: its curve; None where there is none, as of a run that diverged.
        rate: its learning rate, None where nobody knows.
        optimiser: its optimiser's name, empty where nobody knows.
        diverged: whether it ended in no number.
    """

    points: Points | None
    rate: float | None
    optimiser: str = ""
    diverged: bool = False

    @staticmethod
    def of(points: Points | None, config: Mapping[str, Any], *, diverged: bool = False) -> Run:
        """The run of a configuration."""
        return Run(points, rate_of(config)[1], optimiser_of(config), diverged)


def rate_of(config: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """The name and the value of the learning rate, None for a configuration without one.

    >>> rate_of({"net__lr": 0.1, "width": 8})
    ('net__lr', 0.1)
    """
    plain = {name.rpartition("__")[2]: name for name in config}
    for rate in RATES:
        value = config.get(plain.get(rate, ""))
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return plain[rate], float(value)
    return None, None


def optimiser_of(config: Mapping[str, Any]) -> str:
    """The name of the optimiser, empty for a configuration without one."""
    plain = {name.rpartition("__")[2]: value for name, value in config.items()}
    return next((str(plain[name]) for name in OPTIMISERS if name in plain), "")


@dataclass(frozen=True, eq=False)
class Peers:
    """What the runs of a study reached, shape (n,) or (n, d): learning rates, optimisers, lowest losses by some step.

    ``reached[i, j]`` is the lowest smoothed training loss of run i up to step ``at[j]``, infinite where it diverged;
    ``start`` is the median of their losses at the first step.
    """

    rates: np.ndarray
    optimisers: np.ndarray
    at: np.ndarray
    reached: np.ndarray
    start: float

    @staticmethod
    def of(runs: Sequence[Run]) -> Peers | None:
        """The runs with a curve and those that diverged; None where fewer than `FEWEST` have a curve of one kind.

        Curves of another metric or in other steps than those of the first one are left out.
        """
        kinds = [run.points for run in runs if run.points is not None]
        if not kinds:
            return None
        metric, step = kinds[0].metric, kinds[0].step
        curved = [run for run in runs if run.points and (run.points.metric, run.points.step) == (metric, step)]
        if len(curved) < FEWEST:
            return None
        lost = [run for run in runs if run.points is None and run.diverged and run.rate is not None]
        at = np.unique([run.points.steps[-1] for run in curved if run.points is not None])
        table = np.full((len(curved) + len(lost), len(at)), np.inf)
        for row, run in enumerate(curved):
            assert run.points is not None
            table[row] = _lowest(run.points, at)
        rates = np.array([math.nan if run.rate is None else run.rate for run in [*curved, *lost]])
        names = np.array([run.optimiser for run in [*curved, *lost]])
        start = float(np.median([run.points.train[0] for run in curved if run.points is not None]))
        return Peers(rates, names, at, table, start)

    def standing(self, run: Run, top: float) -> Standing | None:
        """Where a run stands among the others at its last step; None where too few of them got as far.

        Args:
            run: one of those that the peers are of.
            top: the loss of a model that learned nothing.
        """
        assert run.points is not None
        column = int(np.searchsorted(self.at, run.points.steps[-1]))
        if column == len(self.at):
            return None
        losses = self.reached[:, column]
        known = ~np.isnan(losses)
        if np.isfinite(losses[known]).sum() < FEWEST:
            return None
        floor = float(losses[known].min())
        if top <= floor:
            return None
        left = np.minimum((losses - floor) / (top - floor), 2.0)
        mine = (run.points.end - floor) / (top - floor)
        alike = known & (self.optimisers == run.optimiser) & np.isfinite(self.rates)
        last = slice(-max(FEWEST_POINTS, len(run.points.steps) // 3), None)
        error = 3.0 * jitter(run.points.steps[last], run.points.train[last]) / (top - floor)
        return Standing(mine, error, floor, left[alike], self.rates[alike])


def _lowest(points: Points, at: np.ndarray) -> np.ndarray:
    """The lowest smoothed training loss up to each of some steps; NaN before the first point."""
    lowest = np.minimum.accumulate(smoothed(points.train))
    place = np.searchsorted(points.steps, at, side="right") - 1
    return np.where(place >= 0, lowest[place], math.nan)


@dataclass(frozen=True, eq=False)
class Standing:
    """How much of the way to the lowest loss a run has before it, beside others of its optimiser with their rates.

    ``floor`` is the lowest loss that any run of the study had reached by then, whatever its optimiser; ``error`` is
    what the noise of the run's own curve may add to ``left``, and the luck of the lowest of noisy losses.
    """

    left: float
    error: float
    floor: float
    others: np.ndarray
    rates: np.ndarray

    def is_behind(self, share: float) -> bool:
        """Whether the run has more than this part of the way before it, and not by its own noise."""
        return self.left - self.error > share

    @property
    def best(self) -> np.ndarray:
        """The learning rates of the best third of those that got far; of the best two at least."""
        good = np.flatnonzero(self.others < min(self.left / 2.0, 0.3))
        order = good[np.argsort(self.others[good], kind="stable")]
        return self.rates[order[: max(2, len(self.rates) // 3)]]

    def better_above(self, rate: float) -> bool:
        """Whether those that got far had higher learning rates."""
        return len(self.best) > 0 and float(self.best.min()) >= APART * rate

    def better_below(self, rate: float) -> bool:
        """Whether those that got far had lower learning rates."""
        return len(self.best) > 0 and float(self.best.max()) <= rate / APART

    def poor_above(self, rate: float) -> bool:
        """Whether runs with such a learning rate or a higher one came to rest too early for the most part."""
        return _poor(self.others[self.rates >= rate / APART], HALTED)

    def poor_below(self, rate: float) -> bool:
        """Whether runs with such a learning rate or a lower one stayed far behind for the most part."""
        return _poor(self.others[self.rates <= rate * APART], BEHIND)


def _poor(left: np.ndarray, share: float) -> bool:
    """Whether several runs have more than this part of the way before them, for the most part."""
    return len(left) >= 3 and float(np.median(left)) > share


def rate_verdict(
    run: Run, time: np.ndarray | None, chance: float | None, peers: Peers | None, *, cut: bool = False
) -> RateVerdict | None:
    """What is wrong with the learning rate of a run with a curve; None where nothing is seen.

    Args:
        run: the run, one of those that ``peers`` are of.
        time: the learning that was done by each of the curve's steps, shape (n,): the sum of the learning rates. None
            for a constant learning rate.
        chance: the loss of a model that learned nothing; where it is not known the usual start takes its place.
        peers: the runs of the study.
        cut: whether the search ended the run before its time, so that its shape says little.
    """
    points = run.points
    assert points is not None
    top = chance or (float(points.train[0]) if peers is None else peers.start)
    standing = None if peers is None else peers.standing(run, top)
    limit = WORSE * top if (chance is not None or peers is not None) and top > 0.0 else math.inf
    seen = _too_high(points, top, limit, run.rate, standing)
    if seen is not None:
        return RateVerdict("learning rate too high", seen)
    seen = _too_low(points, points.steps if time is None else time, top, run.rate, standing, cut=cut)
    return None if seen is None else RateVerdict("learning rate too low", seen)


def _too_high(points: Points, top: float, limit: float, rate: float | None, standing: Standing | None) -> str | None:
    """Jumps that add up, a loss beyond a limit that is not made up for, or a rest where others went on."""
    rises = joint_rises(points.train, points.validation)
    way = max(top - float(smoothed(points.train).min()), 0.0)
    if rises.sure and _jumps(rises, way, top, rate, standing):
        return (
            f"Both sides jump at the same {points.step}s: what they lost again adds up to {rises.whole:.3g}, where the "
            f"best {points.step} is {way:.3g} better than a model that learned nothing"
        )
    highest = float(points.train.max())
    if points.mirror is None and highest > limit and points.end > (1.0 - LITTLE) * top:
        return (
            f"The training {points.metric} went up to {highest:.3g} and ended at {points.end:.3g}, where a model that "
            f"learned nothing has {top:.3g}"
        )
    if standing is None or rate is None or not standing.is_behind(HALTED) or not standing.better_below(rate):
        return None
    wild = points.train_ends == "rising" or points.train[0] > 1.2 * top or rises.whole > WHOLE / 2 * way
    if not wild and (points.train_ends == "falling" or not standing.poor_above(rate)):
        return None
    return (
        f"The training {points.metric} ended at {points.original(points.end):.3g}, where trials with lower learning "
        f"rates (up to {standing.best.max():.2g}) reached {points.original(standing.floor):.3g} by then"
    )


def _jumps(rises: Rises, way: float, top: float, rate: float | None, standing: Standing | None) -> bool:
    """Whether jumps add up to so much that nobody would train on; less is too much for a run that stayed behind."""
    behind = False
    if standing is not None:
        if standing.left < ARRIVED or (rate is not None and standing.better_above(rate)):
            return False
        behind = standing.is_behind(HALTED) and rate is not None and standing.better_below(rate)
    late, whole = (LATE / 2, WHOLE / 2) if behind else (LATE, WHOLE)
    return rises.late > late * way or (rises.whole > whole * way and way < LITTLE * top)


def _too_low(
    points: Points, time: np.ndarray, top: float, rate: float | None, standing: Standing | None, *, cut: bool
) -> str | None:
    """A nearly straight fall that does not get far, on both sides, or hardly any fall at all."""
    falls, there = fall(time, points.train), fall(time, points.validation)
    moves = falls.size > 3.0 * falls.size_error and there.size > 0.25 * falls.size
    straight = moves and falls.early + falls.early_error < STRAIGHT + 0.1 and falls.early < STRAIGHT
    rests = points.end > (1.0 - HARDLY) * top and points.train_ends != "rising"
    ends = f"from {points.original(float(points.train[0])):.3g} to {points.original(points.end):.3g}"
    line = f"The training {points.metric} is {points.better} slowly and nearly along a line, {ends}"
    if standing is not None and rate is not None and standing.is_behind(BEHIND):
        if not (standing.better_above(rate) and (straight or rests or standing.poor_below(rate))):
            return None
        seen = f"The training {points.metric} {'hardly moved' if rests else 'went'}, {ends}"
        seen = line if straight else seen.replace("went,", "went")
        return (
            f"{seen}, where trials with higher learning rates (from {standing.best.min():.2g}) reached "
            f"{points.original(standing.floor):.3g} by then"
        )
    reached = standing is not None and standing.left <= BEHIND
    return line if straight and not cut and not reached and top - points.end < LITTLE * top else None
