"""Workers that train in simulated time: an epoch takes one unit, and whoever has nothing to do waits.

What a search has paid after a time is that time multiplied by its workers, so that waiting costs what training does.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from benchmarks.fidelity_parts.curves import CurveTask
from benchmarks.search_parts.functions import Config

FAR = 0.5
"""What was trained at least so far, as a share of the furthest, is compared: one epoch says little of fifty."""


@dataclass(frozen=True)
class Order:
    """What a worker is to train: a configuration from the epoch behind ``start`` on to ``until``."""

    token: Any
    config: Config
    start: int
    until: int


class Searcher(Protocol):
    """What chooses; it learns of time only through the order of what it is told."""

    def ask(self) -> Order | None:
        """The next order; None for nothing until something else has been told."""
        ...

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        """The loss after an epoch; whether to go on, if the order has not been carried out."""
        ...

    def end(self, token: Any, epoch: int, loss: float) -> None:
        """A worker has stopped training an order at this epoch, with this loss."""
        ...


@dataclass(frozen=True, eq=False)
class Run:
    """What a search found by when.

    Attributes:
        paid: (m,) the epochs paid, where one of the two regrets changed; ascending.
        chosen: (m,) the regret, at the last epoch, of the configuration that looks best: the one whose loss was lowest
            when it was last seen, of those that were trained at least half as far as the one that was trained furthest.
        finished: (m,) the lowest regret of all configurations that were trained to the last epoch; infinite before.
        trials: how many configurations were trained.
    """

    paid: np.ndarray
    chosen: np.ndarray
    finished: np.ndarray
    trials: int


def simulate(searcher: Searcher, task: CurveTask, workers: int, budget: float, enough: float) -> Run:
    """Train until ``budget`` epochs are paid, both regrets are at most ``enough``, or nothing is left to do.

    Where a configuration diverges, its worker is free at once.
    """
    watch = _Watch(task, workers)
    running: dict[int, Order] = {}
    queue: list[tuple[int, int, int]] = []
    free, count, now = workers, 0, 0
    while True:
        while free and (order := searcher.ask()) is not None:
            if order.until <= order.start:
                raise ValueError(f"nothing is left to train of {order}")
            free -= 1
            running[count] = order
            heapq.heappush(queue, (now + 1, count, order.start + 1))
            count += 1
        if not queue or queue[0][0] * workers > budget:
            break
        now = queue[0][0]
        while queue and queue[0][0] == now:
            _, number, epoch = heapq.heappop(queue)
            order = running[number]
            loss = float(task.curve(order.config)[epoch - 1])
            watch.saw(order.config, epoch, loss)
            going = searcher.report(order.token, epoch, loss)
            if going and epoch < order.until and math.isfinite(loss):
                heapq.heappush(queue, (now + 1, number, epoch + 1))
                continue
            del running[number]
            searcher.end(order.token, epoch, loss)
            free += 1
        watch.note(now)
        if watch.reached(enough):
            break
    return watch.run()


class _Watch:
    """What looks best, and what was finished."""

    def __init__(self, task: CurveTask, workers: int) -> None:
        self._task, self._workers = task, workers
        self._place: dict[str, int] = {}
        self._configs: list[Config] = []
        self._epochs = np.zeros(4096, dtype=np.int64)
        self._losses = np.full(4096, np.inf)
        self._finished = math.inf
        self._rows: list[tuple[float, float, float]] = []

    def saw(self, config: Config, epoch: int, loss: float) -> None:
        """A configuration's loss after an epoch."""
        place = self._place.setdefault(repr(sorted(config.items())), len(self._configs))
        if place == len(self._configs):
            self._configs.append(config)
        self._epochs[place], self._losses[place] = epoch, loss if math.isfinite(loss) else math.inf
        if epoch == self._task.epochs:
            self._finished = min(self._finished, self._task.regret(config))

    def note(self, now: int) -> None:
        """All that was to be seen by this time has been."""
        n = len(self._configs)
        far = self._epochs[:n] >= FAR * self._epochs[:n].max()
        best = int(np.argmin(np.where(far, self._losses[:n], np.inf)))
        found = (self._task.regret(self._configs[best]), self._finished)
        if not self._rows or self._rows[-1][1:] != found:
            self._rows.append((now * self._workers, *found))

    def reached(self, enough: float) -> bool:
        """Whether both regrets are at most ``enough``."""
        return bool(self._rows) and max(self._rows[-1][1:]) <= enough

    def run(self) -> Run:
        """All of it."""
        paid, chosen, finished = np.array(self._rows, dtype=float).reshape(-1, 3).T
        return Run(paid, chosen, finished, len(self._configs))


def at_random(
    task: CurveTask, draw: Callable[[np.random.Generator], Config], seed: int, workers: int, most: int
) -> Run:
    """Random configurations, each trained in full: as `simulate` would, without simulating; ``most`` of them."""
    rng = np.random.default_rng(seed)
    losses: list[float] = []
    rows: list[tuple[float, float, float]] = []
    best = math.inf
    while len(losses) < most and best > 0:
        batch = [task.regret(draw(rng)) for _ in range(workers)]
        losses += batch
        if min(batch) < best:
            best = min(batch)
            rows.append((len(losses) * task.epochs, best, best))
    paid, chosen, finished = np.array(rows).T
    return Run(paid, chosen, finished, len(losses))
