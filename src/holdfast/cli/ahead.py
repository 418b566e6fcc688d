"""What a study would try next and why, what trials may gain or end at, how they learned. The log is only read."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from holdfast.cli.output import aligned, columns, say, show, show_json

if TYPE_CHECKING:
    from holdfast.study.advice import Advice
    from holdfast.study.book import Book
    from holdfast.study.state import StudyState


def gain_json(state: StudyState) -> dict[str, Any]:
    """``expected_gain``, a Score as JSON or None, and ``expected_gain_missing``, the reason in words or None."""
    from holdfast.facts.gain import gain_on_record

    found = gain_on_record(state)
    score = None if found.score is None else found.score.to_json()
    return {"expected_gain": score, "expected_gain_missing": found.missing or None}


def overtuning_json(book: Book) -> dict[str, Any]:
    """``overtuning``: the alarm where only the naive score still rises, as a sentence; else None."""
    from holdfast.errors import RequestError
    from holdfast.study.overtuned import overtuning_of

    try:
        return {"overtuning": overtuning_of(book).alarm or None}
    except RequestError:  # no trial is the best
        return {"overtuning": None}


def predicted_json(state: StudyState) -> dict[str, Any]:
    """``predicted``: for each trial that runs or waits its step and the Score that it is expected to end at."""
    from holdfast.study.finals import finals_of

    found = [{"trial": final.trial, "step": final.step, **final.score.to_json()} for final in finals_of(state)]
    return {"predicted": found}


def learning_json(state: StudyState) -> dict[str, Any]:
    """``learning``: the verdict on how the trials learned (``kind``, ``sentence``, ``counts``), or None."""
    from holdfast.facts.learning import Learning

    found = Learning(state).study()
    if found is None:
        return {"learning": None}
    return {"learning": {"kind": found.kind, "sentence": found.sentence, "counts": dict(found.counts)}}


def show_next(book: Book, as_json: bool) -> int:
    """Print what the strategy would try next."""
    from holdfast.study.advice import next_advice, recorded_strategy

    state = book.state
    advice = next_advice(state, recorded_strategy(state))
    if as_json:
        show_json({**dataclasses.asdict(advice), **gain_json(state)})
        return 0
    width = columns(sys.stdout)
    for text in (advice.text, _gain(state)):
        if text:
            show(f"{aligned([[text]], indent='', width=width)}\n")
    show(aligned(_table(state, advice), width=width))
    if "choice.made" in state.notes:
        say("the study has made its choice; this is what it would have tried")
    return 0


def _gain(state: StudyState) -> str:
    """What one more trial is expected to gain, as a sentence; empty for several objectives."""
    from holdfast.facts.gain import gain_on_record, gain_words

    found = gain_on_record(state)
    if found.score is None or len(state.settings.directions) > 1:
        return ""
    return f"One more trial is expected to gain {gain_words(found.score, state.first_metric)}."


def _table(state: StudyState, advice: Advice) -> list[list[str]]:
    """The configuration, beside that of the best trial so far."""
    from holdfast.facts.numbers import shown
    from holdfast.study.ranking import ranking

    best = None if len(state.settings.directions) > 1 else next(iter(ranking(state)), None)
    rows = [["hyperparameter", "next", *([] if best is None else [f"trial {best.number}, the best"])]]
    for name, value in advice.config.items():
        there = [] if best is None else [shown(best.config[name]) if name in best.config else "-"]
        rows.append([name, shown(value), *there])
    return rows
