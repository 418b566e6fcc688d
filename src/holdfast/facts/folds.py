"""What a rule that drops trials fold by fold has saved, in words."""

from __future__ import annotations

from holdfast.facts.numbers import count
from holdfast.study.folds import folds_made
from holdfast.study.state import StudyState


def folds_sentence(state: StudyState) -> str:
    """How many configurations were dropped and how many fits that saved; empty for a study without a rule."""
    found = folds_made(state)
    if found is None:
        return ""
    return (
        f"Dropped {found.dropped:,} of {count(found.ended, 'configuration')} early, by the rule {found.rule}: "
        f"{found.made:,} of {found.fits:,} fits made, {found.fits - found.made:,} saved."
    )


def folds_meaning(state: StudyState) -> str:
    """What that means for the ranking and the estimate; empty where nothing was dropped."""
    found = folds_made(state)
    if found is None or found.dropped == 0:
        return ""
    return (
        "No dropped configuration ranks as one with all folds or can be the winner; where row scores are kept, the "
        "estimate counts each among those that could have won, which makes it worse and its interval wider."
    )
