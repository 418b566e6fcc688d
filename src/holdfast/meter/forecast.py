"""What a study will take, from one or two trials that were timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.meter.price import SECONDS_PER_HOUR, Price
from holdfast.usage import UNKNOWN, Figure, Method, both

LEAST_UNCERTAINTY = 0.5
"""Two trials are a small sample of a search: the mean of all may well be half as much again."""

REFIT = 1.25
"""A refit learns from the validation rows too: so much longer than a fit on the train rows, for the usual shares."""

LAST_SECONDS = 0.5
"""Comparing, correcting and opening the test rows, beside the final fit and what it has to load."""

TRIAL_BYTES = 6.0e3
"""The events and the table row of a trial, without its row scores."""


def pages_bytes(hyperparameters: int) -> float:
    """The size of the pages: the script that draws them, and pictures, one of them for each hyperparameter."""
    return 1.6e6 + 0.15e6 * hyperparameters


@dataclass(frozen=True, slots=True)
class Shape:
    """How much work a plan asks for.

    Args:
        trials: how many there will be at most.
        parts: fits for each trial: 1, or the number of folds in all repeats.
        rungs: levels of fidelity; (1,) where every trial is trained in full.
        eta: one in ``eta`` trials goes on from each rung to the next.
        starts: how many trials begin at each rung; () where all begin at the first.
        by_curves: whether no rung decides who goes on, but a model of the learning curves; the rungs are a guess then.
        members: of a population, which train side by side to the end; 0 for any other search.
        intervals: into how many their training is cut.
        finalists: fits on the train rows to compare finalists by; 0 without select rows.
        refits: whether the winner is fitted again on more rows.
        trains_again: whether the final fit is repeated for the curve of the test.
        workers: trials side by side.
        seconds_per_ask: what the strategy itself takes for a proposal.
        data_bytes: the size of the files of the rows.
        row_bytes: the size of one trial's row scores.
        hyperparameters: how many are searched.
        folds: how many there are in each repeat; 0 without.
        searches: how many there are, those in outer folds included; one after the other.
    """

    trials: int
    parts: int = 1
    rungs: tuple[int, ...] = (1,)
    eta: int = 3
    finalists: int = 0
    refits: bool = False
    trains_again: bool = False
    workers: int = 1
    seconds_per_ask: float = 0.0
    data_bytes: float = 0.0
    row_bytes: float = 0.0
    hyperparameters: int = 0
    folds: int = 0
    searches: int = 1
    starts: tuple[int, ...] = ()
    by_curves: bool = False
    members: int = 0
    intervals: int = 1

    @property
    def fits(self) -> int:
        """Fits, legs from rung to rung counted one by one: trials, times parts, less those that do not go on."""
        legs = self.members * self.intervals or sum(
            max(n // self.eta ** (level - first), 1)
            for first, n in self._begun
            for level in range(first, len(self.rungs))
        )
        return legs * self.parts * self.searches

    @property
    def full_trials(self) -> float:
        """The trials in units of a full training: where poor ones stop early, they count for what they got.

        One of them is always trained in full, and so are the members of a population, whoever takes their places.
        """
        if self.members:
            return float(self.members)
        full = 0.0
        for first, n in self._begun:
            before = 0
            for level, rung in enumerate(self.rungs[first:]):
                full += n * (rung - before) / self.rungs[-1] / self.eta**level
                before = rung
        return max(full, min(self.trials, 1))

    @property
    def _begun(self) -> list[tuple[int, int]]:
        """The rungs at which trials begin, and how many do."""
        return [(rung, n) for rung, n in enumerate(self.starts or (self.trials,)) if n]


@dataclass(frozen=True, slots=True)
class Timed:
    """A trial that was run to see what one takes: its seconds for a full training, and the power of the machine.

    The power is that of all that its worker did for it: ``kwh`` in ``watched`` seconds, those of the trial where none
    are given.
    """

    seconds: float
    kwh: Figure = UNKNOWN
    watched: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a study will take. ``timed`` are the seconds of the trials that it rests on; () where none was timed."""

    timed: tuple[float, ...]
    trials: int
    fits: int
    hours: Figure
    usd: Figure
    kwh: Figure
    kg_co2e: Figure
    disk_bytes: Figure

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` undoes it."""
        figures = {name: getattr(self, name).to_json() for name in FIGURES}
        return {"timed": list(self.timed), "trials": self.trials, "fits": self.fits, **figures}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Forecast:
        """The forecast that `to_json` wrote."""
        figures = {name: Figure.from_json(data[name]) for name in FIGURES}
        return Forecast(tuple(data["timed"]), data["trials"], data["fits"], **figures)


FIGURES = ("hours", "usd", "kwh", "kg_co2e", "disk_bytes")


def forecast(shape: Shape, price: Price, timed: Sequence[Timed] = (), *, start_seconds: float = 0.0) -> Forecast:
    """What a plan will take in all.

    Args:
        shape: how much work it asks for.
        price: what work costs.
        timed: trials of this very plan that were run; without any, time and what follows from it is unknown.
        start_seconds: what it took until the first trial began: workers, imports.
    """
    hours = _hours(shape, timed, start_seconds)
    seconds = hours.times(SECONDS_PER_HOUR)
    kwh = _kwh(shape, price, timed, seconds)
    size = shape.data_bytes + pages_bytes(shape.hyperparameters) + shape.trials * (shape.row_bytes + TRIAL_BYTES)
    size = size if shape.searches == 1 else size * shape.searches
    return Forecast(
        timed=tuple(each.seconds for each in timed),
        trials=shape.trials,
        fits=shape.fits,
        hours=hours,
        usd=price.usd(seconds, shape.trials * shape.searches),
        kwh=kwh,
        kg_co2e=price.kg_co2e(kwh),
        disk_bytes=Figure(size, Method.SAMPLED, 1.0, 1.0),
    )


def seconds_of_trial(timed: Sequence[Timed]) -> float:
    """The mean of the trials that were timed."""
    return sum(each.seconds for each in timed) / len(timed)


def _hours(shape: Shape, timed: Sequence[Timed], start_seconds: float) -> Figure:
    if not timed:
        return UNKNOWN
    mean = seconds_of_trial(timed)
    fit = mean / shape.parts
    last = fit * (REFIT if shape.refits else 1.0) * (1 + shape.trains_again) + fit * shape.finalists
    search = mean * shape.full_trials / min(shape.workers, shape.trials) + shape.seconds_per_ask * shape.trials
    spread = (max(each.seconds for each in timed) - min(each.seconds for each in timed)) / (2 * mean) if mean else 0.0
    loading = (1 + shape.searches) * start_seconds  # workers load libraries in each search, this process for the fit
    seconds = loading + (search + last) * shape.searches + LAST_SECONDS
    return Figure(seconds / SECONDS_PER_HOUR, Method.SAMPLED, 1.0, max(spread, LEAST_UNCERTAINTY))


def _kwh(shape: Shape, price: Price, timed: Sequence[Timed], seconds: Figure) -> Figure:
    """Electricity at the power that the timed trials drew; that of the whole machine where it was given."""
    if seconds.value is None:
        return UNKNOWN
    if price.watts is not None:
        given = price.kwh(seconds.value)
        return Figure(given.value, Method.SAMPLED, 1.0, seconds.uncertainty)
    known = [(each.watched or each.seconds, each.kwh) for each in timed if each.kwh.value is not None]
    watched = sum(span * figure.coverage for span, figure in known)
    if not watched:
        return UNKNOWN
    of_one = sum(figure.value for _, figure in known if figure.value is not None) / watched
    weakest = known[0][1]
    drawn = of_one * min(shape.workers, shape.trials) * seconds.value
    return Figure(drawn, weakest.method, 1.0, both(seconds.uncertainty, weakest.uncertainty))
