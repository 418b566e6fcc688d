"""The end of a search that has nothing left to try, in words."""

from __future__ import annotations

from holdfast.errors import ExhaustedError, NothingYetError
from holdfast.records import Entry
from holdfast.search.base import Strategy
from holdfast.search.registry import traits_of
from holdfast.study.book import Book, entry
from holdfast.study.state import StudyState


def what_is_left(state: StudyState, strategy: Strategy) -> str:
    """Why a strategy has proposed nothing, as a sentence without its full stop."""
    if ended := traits_of(strategy).ended:
        return f"strategy '{strategy.name}' {ended}"
    space = state.history.snapshot(state.length).space
    count = None if space is None else space.count()
    if count is not None and len(state.trials) >= count and state.settings.duplicates == "avoid":
        return (
            f"strategy '{strategy.name}' has nothing left to try in this space: all {count:,} configurations have been "
            "tried, so widen it, or let them be tried again with duplicates = 'replicate'"
        )
    return f"strategy '{strategy.name}' has nothing left to try in this space"


def nothing_now(state: StudyState, strategy: Strategy) -> ExhaustedError:
    """That there is no trial to give out now, and what may change that."""
    why, running = what_is_left(state, strategy), len(state.trials.running)
    if not running:
        return ExhaustedError(why)
    return NothingYetError(f"{why}; {running} running trials may change that when they are told")


def note_exhausted(book: Book, strategy: Strategy) -> None:
    """Put on record that a search ended before its budget, once for so many trials."""
    if not traits_of(strategy).proposes:
        return  # it never has anything of its own to try

    def decide(state: StudyState) -> tuple[list[Entry], None]:
        seen = state.notes.get("space.exhausted", [])
        said = bool(seen) and seen[-1]["trials"] == len(state.trials)
        if state.budget_spent or not state.trials or said:
            return [], None
        text = f"The search ended after {len(state.trials):,} trials: {what_is_left(state, strategy)}."
        return [entry("space.exhausted", {"trials": len(state.trials), "text": text})], None

    book.commit(decide)
