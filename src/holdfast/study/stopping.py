"""The end that a search finds for itself: what is left to gain is less than the noise of the best score."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RequestError, shown
from holdfast.records import Entry, Score
from holdfast.rng import Streams
from holdfast.search.gp.embedding import embedding
from holdfast.search.left import first_told, gain_left
from holdfast.search.memory import Memory
from holdfast.study.book import Book, entry
from holdfast.study.noise import Noise, noise_of
from holdfast.study.state import StudyState

AUTO = "auto"

FEWEST, FEWEST_A_GROUP, FEWEST_BESIDE = 20, 2, 10
"""No search ends itself with fewer complete trials than 20, or than two for each length-scale and ten."""

OFTEN_UP_TO = 100
"""Results up to which readings are a tenth apart; a quarter after that."""

_memory: Memory[tuple[object, int], Reading | None] = Memory(64)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was left to gain when so many results had been ``told``, and the noise to hold it against, if any."""

    told: int
    trial: int
    gain: Score
    noise: Noise | None

    @property
    def is_under(self) -> bool:
        """Whether even the upper end of what is left to gain is less than the noise."""
        return self.noise is not None and self.gain.high is not None and self.gain.high < self.noise.value


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a search need not go on.

    Attributes:
        text: the reason, in a sentence or two.
        trials: how many there were.
        trial: the one that could be improved on, by number: the best by the surrogate, and not by luck.
        gain: what any configuration may still gain over it, in the metric's unit.
        noise: the standard error of its score, in the metric's unit.
        source: where that is from: ``"rows"``, ``"folds"``, ``"replicates"`` or, learned by the surrogate,
            ``"scores"``.
    """

    text: str
    trials: int
    trial: int
    gain: Score
    noise: float
    source: str

    def __str__(self) -> str:
        return self.text


def set_stop(book: Book, *, gain: float | None, rule: str | None) -> None:
    """Put on record what shall end the search before its budget: an expected gain, or the rule ``"auto"``.

    Raises:
        RequestError: for a gain that is no number of at least 0, a rule that does not exist, or several objectives.
    """
    if gain is not None and (isinstance(gain, bool) or not isinstance(gain, int | float) or not gain >= 0):
        raise RequestError(f"stop_gain = {gain!r}; it must be a number of at least 0, in the metric's unit")
    if rule is not None and rule != AUTO:
        raise RequestError(f"stop = {shown(rule)}; it must be 'auto', or None for no end but the budget's")
    asked = f"stop_gain = {gain!r}" if gain is not None else f"stop = {rule!r}"
    if (gain is not None or rule is not None) and len(book.state.settings.directions) > 1:
        raise RequestError(f"{asked}; a study of several objectives has no such end, so leave it out")
    if (gain is not None or rule is not None) and book.state.settings.workers is not None:
        raise RequestError(f"{asked}, which goes by the results that are there; a deterministic study has no such end")
    if (gain, rule) != (stop_set(book.state).get("gain"), stop_set(book.state).get("rule")):
        book.note("stop.set", {"gain": gain, "rule": rule})


def stop_set(state: StudyState) -> Mapping[str, Any]:
    """What shall end the search before its budget: ``gain`` and ``rule``, as far as they were set."""
    notes = state.notes.get("stop.set")
    return notes[-1] if notes else {}


def is_at_its_end(book: Book) -> bool:
    """Whether the search was told to end itself, and has."""
    return stop_set(book.state).get("rule") == AUTO and reason_to_stop(book) is not None


def warn_if_ended(book: Book) -> None:
    """Say that a search which ended itself runs nothing more under the same rule."""
    state = book.state
    ended = None if stop_set(state).get("rule") != AUTO or state.queue else _on_record(state)
    if ended is not None:
        warnings.warn(f"{ended.text} To go on all the same leave out stop = 'auto'.", stacklevel=3)


def reason_to_stop(book: Book) -> Stop | None:
    """See `Study.should_stop`.

    Raises:
        RequestError: for several objectives.
    """
    state = book.state
    if len(state.settings.directions) > 1:
        raise RequestError(
            f"study '{state.settings.name}' has several objectives, and what is left to gain is of one metric"
        )
    ended = _on_record(state)
    if ended is not None or state.queue:
        return ended if not state.queue else None
    told = len(state.history.snapshot(state.length).told_trial)
    last, before = looks(told)
    found = [None if size is None else _reading(book, size) for size in (last, before)]
    now, earlier = found
    if now is None or earlier is None or not (now.is_under and earlier.is_under):
        return None
    event = _event(state, now, earlier)
    book.commit(lambda later: ([event] if _on_record(later) is None else [], None))
    return _from_event(event.data)


def looks(told: int) -> tuple[int | None, int | None]:
    """The last two of the fixed numbers of results at which readings are taken, up to ``told``; None for none.

    >>> looks(19), looks(20), looks(25), looks(10_000)
    ((None, None), (20, None), (24, 22), (8831, 7065))
    """
    before, size = None, FEWEST
    if told < size:
        return None, None
    while True:
        following = size + size // (10 if size < OFTEN_UP_TO else 4)
        if following > told:
            return size, before
        before, size = size, following


def _reading(book: Book, size: int) -> Reading | None:
    """What was to be read when ``size`` results had been told; None where nobody could say."""
    token = book.state.history.snapshot(book.state.length).token
    return _memory.get((token, size), lambda: _read(book, size))


def _read(book: Book, size: int) -> Reading | None:
    state = book.state
    history = first_told(state.history.snapshot(state.length), size)
    if history.space is None:
        return None
    left = gain_left(history, Streams(state.settings.seed))
    fewest = max(FEWEST, FEWEST_A_GROUP * embedding(history.space).groups + FEWEST_BESIDE)
    if left is None or left.gain.n < fewest:
        return None
    return Reading(size, left.incumbent, left.gain, noise_of(book, left))


def _event(state: StudyState, now: Reading, earlier: Reading) -> Entry:
    assert now.noise is not None
    assert earlier.noise is not None
    trials, certainty = len(state.trials), f"with {(1 + now.gain.level) / 2:.0%} certainty"
    text = (
        f"The search was at its end after {trials:,} trials, by stop = 'auto': any other configuration would gain, "
        f"{certainty}, at most {now.gain.high:.2g} in {state.first_metric} over trial {now.trial} "
        f"({now.gain.value:.2g} expected), which is less than the noise of its score, {now.noise.value:.2g}: "
        f"{now.noise.text}. So it was {now.told - earlier.told} results earlier: {earlier.gain.high:.2g} against "
        f"{earlier.noise.value:.2g}."
    )
    data = {
        "trials": trials,
        "told": [earlier.told, now.told],
        "trial": now.trial,
        "gain": now.gain.to_json(),
        "noise": now.noise.value,
        "source": now.noise.source,
        "text": text,
    }
    return entry("noise.reached", data)


def _on_record(state: StudyState) -> Stop | None:
    """That the search had ended itself, if nothing was tried since."""
    seen = state.notes.get("noise.reached", [])
    return _from_event(seen[-1]) if seen and seen[-1]["trials"] == len(state.trials) else None


def _from_event(data: Mapping[str, Any]) -> Stop:
    gain = Score.from_json(data["gain"])
    return Stop(data["text"], data["trials"], data["trial"], gain, data["noise"], data["source"])
