"""How far a search is: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.cli.output import say
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import count, duration, number
from holdfast.protocol.folder import RunFolder, open_book
from holdfast.records import Trial, TrialState
from holdfast.study.actions import last_line
from holdfast.study.book import Book
from holdfast.study.state import StudyState

if TYPE_CHECKING:
    from rich.console import RenderableType

Progress = Callable[[Book, Trial], None]

LONGEST_SILENCE = 15.0
"""Where stderr is no terminal: seconds after which a line is due with the next trial that ends."""

SHORTEST_SILENCE = 1.0
"""Where stderr is no terminal: seconds between two lines at least."""

LINES = 10
"""Where stderr is no terminal: about so many lines for a whole search."""

ENOUGH_TO_GUESS = 3
"""Trials that must have ended before the time left is guessed; from the first one on, which had to start a worker."""


@dataclass
class Tally:
    """What is known while trials run.

    Args:
        done: trials on record that are not running.
        total: the budget, None where there is none.
        begun_with: ``done`` when this process began.
        started: `time.monotonic` seconds of that moment.
        best: the best value so far in words, empty before there is one.
        first_ended: when the first trial of this process ended, and how many were done then.
        failures: errors that have been told.
    """

    done: int
    total: int | None
    begun_with: int
    started: float
    best: str = ""
    first_ended: tuple[float, int] | None = None
    failures: set[str] = field(default_factory=set)

    def take(self, book: Book, trial: Trial) -> str | None:
        """Count one more trial; a sentence if it failed in a way not seen before."""
        self.done, self.total = count_done(book.state), book.state.history.trials_limit
        if self.first_ended is None:
            self.first_ended = (time.monotonic(), self.done)
        best = winner_of(book.state)
        if best is not None:
            metric = metric_of(book.state).name
            self.best = f"best {metric} {number(best.metrics[metric])} (naive)"
        error = last_line(trial.error)
        if trial.state is not TrialState.FAILED or error in self.failures:
            return None
        self.failures.add(error)
        return f"trial {trial.number} failed: {error}"

    @property
    def searching(self) -> bool:
        """Whether trials are still to come."""
        return self.total is None or self.done < self.total

    def left(self, now: float) -> float | None:
        """Seconds until the last trial ends, by the pace so far; None where that cannot be said."""
        if self.total is None or self.first_ended is None or self.done - self.begun_with < ENOUGH_TO_GUESS:
            return None
        since, done = self.first_ended
        return (now - since) / max(self.done - done, 1) * (self.total - self.done)

    def line(self, now: float) -> str:
        """Everything in one line."""
        parts = [count(self.done, "trial") if self.total is None else f"{self.done} of {count(self.total, 'trial')}"]
        parts += [self.best] if self.best else []
        parts.append(_rounded(now - self.started))
        left = self.left(now)
        if not self.searching:
            parts.append("choosing, estimating, testing")
        elif left is not None:
            parts.append(f"about {_roughly(left)} left")
        return ", ".join(parts)


@contextmanager
def watched(run: RunFolder, total: int | None, *, quiet: bool) -> Iterator[Progress]:
    """What to call after each trial, and something to look at meanwhile."""
    state = on_record(run)
    done = 0 if state is None else count_done(state)
    tally = Tally(done, total if state is None else state.history.trials_limit, done, time.monotonic())
    if quiet:
        yield lambda _book, _trial: None
    elif state is not None and "choice.made" in state.notes:
        say(f"study '{run.name}' has made its choice before; no further trial is run")
        yield lambda _book, _trial: None
    elif sys.stderr.isatty():
        with _live(tally) as progress:
            yield progress
    else:
        yield _plain(tally)
    ended = tally.done - tally.begun_with
    if not quiet and ended:
        say(f"{count(ended, 'trial')} and the report in {_rounded(time.monotonic() - tally.started)}")


def on_record(run: RunFolder) -> StudyState | None:
    """The study as it is on disk; None if it has not been begun."""
    from holdfast.log.open import exists

    if not exists(run.recorded_storage(), run.name):
        return None
    book = open_book(run)
    return book.state if book.exists else None


def count_done(state: StudyState) -> int:
    """Trials that have ended or paused."""
    return sum(trial.state is not TrialState.RUNNING for trial in state.trials)


@contextmanager
def _live(tally: Tally) -> Iterator[Progress]:
    """One line at the foot of the terminal, kept up to date by rich."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)

    def progress(book: Book, trial: Trial) -> None:
        said = tally.take(book, trial)
        if said is not None:
            console.print(said, markup=False, highlight=False, soft_wrap=True)

    with Live(get_renderable=lambda: _bar(tally), console=console, refresh_per_second=4, transient=True):
        yield progress


def _bar(tally: Tally) -> RenderableType:
    """A bar and the line beside it, cut where the terminal ends."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=20)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    text = Text(tally.line(time.monotonic()))
    grid.add_row(ProgressBar(total=tally.total, completed=tally.done, width=20), text)
    return grid


def _plain(tally: Tally) -> Progress:
    """A line each tenth of the way, and after a silence."""
    last_time, last_done = time.monotonic(), tally.begun_with

    def progress(book: Book, trial: Trial) -> None:
        nonlocal last_time, last_done
        said = tally.take(book, trial)
        if said is not None:
            say(said)
        now, step = time.monotonic(), max((tally.total or 0) // LINES, 1)
        silence = now - last_time
        due = silence >= LONGEST_SILENCE or (silence >= SHORTEST_SILENCE and tally.done - last_done >= step)
        if due or not tally.searching:
            say(tally.line(now))
            last_time, last_done = now, tally.done

    return progress


def _rounded(seconds: float) -> str:
    """A time without fractions of a second."""
    return duration(round(max(seconds, 0.0)))


def _roughly(seconds: float) -> str:
    """A time that was guessed: in steps of five seconds, then of minutes."""
    if seconds < 60:
        return f"{max(5 * round(seconds / 5), 5)} s"
    return f"{round(seconds / 60)} min" if seconds < 3600 else duration(seconds)
