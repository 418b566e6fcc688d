"""What one more trial is expected to gain, in words, from the log alone."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.facts.numbers import percent
from holdfast.records import Score
from holdfast.search.memory import Memory
from holdfast.study.advice import gain_of, recorded_strategy
from holdfast.study.state import StudyState

_memory: Memory[tuple[object, int], Gain] = Memory(8)


@dataclass(frozen=True, slots=True)
class Gain:
    """What one more trial is expected to add to the best score; None where nobody can say, and then why."""

    score: Score | None
    missing: str = ""


def gain_on_record(state: StudyState) -> Gain:
    """What one more trial is expected to gain, by the strategy and the trials on the log."""
    return _memory.get((state.history.snapshot(state.length).token, state.length), lambda: _find(state))


def _find(state: StudyState) -> Gain:
    try:
        return Gain(gain_of(state, recorded_strategy(state)))
    except HoldfastError as exc:  # a number that cannot be had is no reason to show nothing; the sentence says why
        return Gain(None, str(exc))


def gain_words(score: Score, metric: str) -> str:
    """The gain with its interval, in the metric's unit.

    >>> gain_words(Score(0.00123, 0.0003, 0.00412, 0.95, "", "", 20), "accuracy")
    '0.0012 in accuracy (0.0003 to 0.0041, 95%)'
    """
    bounds = "" if score.low is None or score.high is None else f"{score.low:.2g} to {score.high:.2g}, "
    return f"{score.value:.2g} in {metric} ({bounds}{percent(score.level)})"


def gain_sentence(state: StudyState) -> str:
    """What one more trial would be expected to gain, or why nobody can say; empty for several objectives."""
    if len(state.settings.directions) > 1:
        return ""
    found = gain_on_record(state)
    if found.score is None:
        return f"{found.missing[:1].upper()}{found.missing[1:]}."
    return (
        f"One more trial would be expected to gain {gain_words(found.score, state.first_metric)}: "
        f"{found.score.method}. Where scores are noisy, a part of that would be luck."
    )
