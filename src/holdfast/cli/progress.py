"""How far a search is: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.cli.output import is_live, say
from holdfast.facts.log import latest, metric_of, winner_of
from holdfast.facts.numbers import count, duration, number
from holdfast.facts.spending import amount, spending
from holdfast.meter.price import SECONDS_PER_HOUR
from holdfast.protocol.folder import RunFolder, open_book
from holdfast.protocol.live import LiveEstimate
from holdfast.records import Cause, Trial, TrialState
from holdfast.study.book import Book
from holdfast.study.failures import error_line
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


QUIET_BETWEEN = 2.0
"""Seconds between two looks at what takes the longest to work out, the corrected score."""

SHARE = 0.05
"""The share of the time that looks may take."""

UNNOTICED = 0.001
"""Seconds: a look that took no longer is due again with the next trial."""

STAGES: dict[str, str] = {
    "model.fitted": "testing, drawing the pages",
    "choice.made": "fitting the model that ships",
    "limits.reached": "choosing, estimating, testing",
}
"""What follows an event of the protocol, the last one first."""

BARS = ((20, 9), (8, 2), (0, 0))
"""Widths of the bar, from the best one on, and which parts (0: the most important) have to fit beside it."""

Part = tuple[int, str]
"""How important a part of the line is, 0 for the most important ones, and what it says."""


@dataclass
class Tally:
    """What is known while trials run.

    Args:
        done: trials on record that are not running.
        total: the budget, None where there is none.
        begun_with: ``done`` when this process began.
        started: `time.monotonic` seconds of that moment.
        worked: seconds that earlier processes worked on the study.
        best: the best value so far in words, empty before there is one.
        spent: what was spent, as parts of the line.
        hours: the budget of time, None where there is none.
        first_ended: when the first trial of this process ended, and how many were done then.
        failures: errors that have been told.
        corrected: the trial that was the best one at the last look, and its score without luck, None where unknown.
        due: `time.monotonic` seconds of the next look at the whole study.
        corrected_due: the same of the next look at the corrected score, which takes longer.
        live: takes the luck off the best score.
        book: of the study, once a trial has ended.
        waiting: trials that paused, which may go on.
        stale: whether a trial has ended since the last look.
    """

    done: int
    total: int | None
    begun_with: int
    started: float
    worked: float = 0.0
    best: str = ""
    spent: tuple[Part, ...] = ()
    hours: float | None = None
    first_ended: tuple[float, int] | None = None
    failures: set[str] = field(default_factory=set)
    corrected: tuple[Trial | None, float | None] = (None, None)
    due: float = 0.0
    corrected_due: float = 0.0
    live: LiveEstimate = field(default_factory=lambda: LiveEstimate(None))
    book: Book | None = None
    waiting: int = 0
    stale: bool = False

    def take(self, book: Book, trial: Trial) -> str | None:
        """Count one more trial, however many there are by now; a sentence if it failed in a way not seen before."""
        self.book, self.stale = book, True
        self.done, self.total = count_done(book.state), book.state.history.trials_limit
        self.waiting = len(book.state.trials.paused)
        if self.first_ended is None:
            self.first_ended = (time.monotonic(), self.done)
        self.hours = (latest(book.state, "limits.set") or {}).get("hours")
        error = error_line(trial.error)
        if trial.state is not TrialState.FAILED or trial.cause is Cause.BUDGET or error in self.failures:
            return None
        self.failures.add(error)
        return f"trial {trial.number} failed: {error}"

    def look_if_due(self) -> None:
        """`look`, unless the last one was too short a while ago; for a line that is drawn all the time."""
        if time.monotonic() >= self.due or not self.searching:
            self.look()

    def look(self) -> None:
        """Work out what the trials that ended since the last look have come to: it takes time, with each trial more.

        The corrected score is worked out less often. Call it from the thread that the study changes in.
        """
        if self.book is None or not self.stale:
            return
        state, begun = self.book.state, time.monotonic()
        best = winner_of(state)
        self.spent, self.stale = spent_parts(state), False
        now = time.monotonic()
        self.due = now + (0.0 if now - begun <= UNNOTICED else (now - begun) / SHARE)
        if best is not None and (now >= self.corrected_due or not self.searching):
            self.corrected = (best, self.live.of(self.book, best))
            took = time.monotonic() - now
            self.corrected_due = now + took + max(QUIET_BETWEEN, took / SHARE)
        self.best = best_words(state, best, self.corrected)

    @property
    def searching(self) -> bool:
        """Whether trials are still to come, or may go on."""
        return self.total is None or self.done < self.total or self.waiting > 0

    def stage(self) -> str:
        """What is being done after the last trial began; empty while trials are to come."""
        notes = {} if self.book is None else self.book.state.notes
        ended = (self.total is not None and self.done >= self.total) or "limits.reached" in notes
        if ended and "plan.resolved" in notes and not {"choice.made", "procedure.estimated"} & set(notes):
            outer = notes["plan.resolved"][-1]["plan"]["data"]["split"].get("nested")
            if outer is not None:
                return f"searching in outer fold {len(notes.get('procedure.scored', [])) + 1} of {outer}"
        for kind, words in STAGES.items():
            if kind in notes:
                return words
        if ended and self.waiting and "limits.reached" not in notes:
            return f"training the best on, then {STAGES['limits.reached']}"
        return STAGES["limits.reached"] if ended else ""

    def left(self, now: float) -> float | None:
        """Seconds until the last trial ends, by the pace so far and the budget of time; None where nobody can say.

        That is so, too, where trials pause: how many of them will go on, and how far, is not known.
        """
        until = None if self.hours is None else max(self.hours * SECONDS_PER_HOUR - self._worked(now), 0.0)
        few = self.done - self.begun_with < ENOUGH_TO_GUESS
        if self.total is None or self.first_ended is None or few or self.waiting:
            return None
        since, done = self.first_ended
        pace = (now - since) / max(self.done - done, 1) * (self.total - self.done)
        return pace if until is None else min(pace, until)

    def _worked(self, now: float) -> float:
        return self.worked + now - self.started

    def parts(self, now: float) -> list[Part]:
        """Everything that there is to say, in order."""
        done = count(self.done, "trial") if self.total is None else f"{self.done} of {count(self.total, 'trial')}"
        parts = [(0, done)]
        if self.best:
            parts.append((1, self.best))
        time_limit = None if self.hours is None else amount("hours", self.hours)
        clock = _rounded(now - self.started) if time_limit is None else f"{_rounded(self._worked(now))} of {time_limit}"
        parts.append((5 if time_limit is None else 3, clock))
        left = self.left(now)
        stage = self.stage()
        if stage:
            parts.append((2, stage))
        elif left is not None:
            parts.append((2, f"about {_roughly(left)} left"))
        return [*parts, *self.spent]

    def line(self, now: float) -> str:
        """Everything in one line, however long."""
        return ", ".join(text for _, text in self.parts(now))

    def fitted(self, now: float, width: int) -> tuple[int, str]:
        """The width of the bar, and what fits beside it in so many columns: the least important parts go first."""
        parts = self.parts(now)
        for bar, needed in BARS:
            kept = _kept(parts, width - bar - 1 if bar else width)
            if bar == 0 or all(place in kept for place, (importance, _) in enumerate(parts) if importance <= needed):
                break
        return bar, ", ".join(text for place, (_, text) in enumerate(parts) if place in kept)


def _kept(parts: list[Part], width: int) -> set[int]:
    """The places of the parts that fit into so many columns, with commas between them; the first one always stays."""
    kept, used = {0}, len(parts[0][1])
    for place in sorted(range(1, len(parts)), key=lambda place: parts[place][0]):
        needed = len(parts[place][1]) + 2
        if used + needed <= width:
            kept.add(place)
            used += needed
    return kept


def best_words(state: StudyState, best: Trial | None, corrected: tuple[Trial | None, float | None]) -> str:
    """The best value so far, and that value without the luck of having been picked, where it is known of this value.

    A trial that was paused and went on since is the same trial, but has another value.
    """
    if best is None:
        return ""
    metric = metric_of(state).name
    looked_at, score = corrected
    same = looked_at is not None and (looked_at.number, looked_at.metrics) == (best.number, best.metrics)
    said = f", corrected {score:.3g}" if same and score is not None else " (naive)"
    return f"best {metric} {number(best.metrics[metric])}{said}"


def spent_parts(state: StudyState) -> tuple[Part, ...]:
    """Money, energy and carbon as far as they are known; what a budget limits is the more important."""
    items = [item for item in spending(state) if item.name != "hours" and item.spent.value is not None]
    return tuple((6 + (item.name == "kg_co2e") if item.allowed is None else 4, item.words()) for item in items)


@contextmanager
def watched(run: RunFolder, total: int | None, *, quiet: bool) -> Iterator[Progress]:
    """What to call after each trial, and something to look at meanwhile."""
    state = on_record(run)
    done = 0 if state is None else count_done(state)
    worked = 0.0 if state is None else state.elapsed
    total = total if state is None else state.history.trials_limit
    tally = Tally(done, total, done, time.monotonic(), worked, live=LiveEstimate(run))
    if quiet:
        yield lambda _book, _trial: None
    elif state is not None and "choice.made" in state.notes:
        yield lambda _book, _trial: None
        say(f"study '{run.name}' had made its choice before; no further trial was run")
    elif is_live(sys.stderr):
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
    return len(state.trials) - len(state.trials.running)


@contextmanager
def _live(tally: Tally) -> Iterator[Progress]:
    """One line at the foot of the terminal, kept up to date by rich."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)

    def progress(book: Book, trial: Trial) -> None:
        said = tally.take(book, trial)
        tally.look_if_due()
        if said is not None:
            console.print(said, markup=False, highlight=False, soft_wrap=True)

    with Live(get_renderable=lambda: _bar(tally, console.width), console=console, refresh_per_second=4, transient=True):
        yield progress


def _bar(tally: Tally, width: int) -> RenderableType:
    """A bar and the line beside it."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bar, text = tally.fitted(time.monotonic(), width)
    grid = Table.grid(padding=(0, 1))
    if bar:
        grid.add_column(width=bar)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row(*([ProgressBar(total=tally.total, completed=tally.done, width=bar)] if bar else []), Text(text))
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
            tally.look()
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
