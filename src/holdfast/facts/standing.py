"""Where a study stands, in sentences: what a reader must know first, and what is still to come."""

from __future__ import annotations

from holdfast.facts.constraints import missed_on_test, none_feasible
from holdfast.facts.leakage import leakage_alert
from holdfast.facts.log import STAGES, is_governed, is_reopened, latest, openings, stages_done, withheld
from holdfast.facts.looks import looked_before
from holdfast.facts.numbers import count, listed
from holdfast.records import TrialState
from holdfast.study.state import StudyState

MOST_NAMED = 10
"""How many trials a sentence names."""


def alerts(state: StudyState) -> list[str]:
    """What a reader must know before any number: reopened test rows, scores too good, losses, an early end."""
    texts = [*looked_at_again(state), *filter(None, [leakage_alert(state)])]
    texts += [*filter(None, [none_feasible(state)]), *missed_on_test(state)]
    texts += [*filter(None, [begun_anew(state)])]
    halted = latest(state, "study.halted")
    if halted is not None:
        went_on = any(trial.asked_at > halted["time"] for trial in state.trials)
        texts.append(f"The study ended itself{', and went on later' if went_on else ''}: {halted['why']}")
    return texts


def begun_anew(state: StudyState) -> str:
    """That trials lost what they had learned, as their checkpoints were of no use, and why; empty if none did."""
    notes = state.notes.get("trial.restarted", [])
    if not notes:
        return ""
    numbers = list(dict.fromkeys(note["trial"] for note in notes))
    which = count(len(numbers), "trial")
    if len(numbers) > 1:
        others = ", and others" if len(numbers) > MOST_NAMED else ""
        which += f" ({listed([str(n) for n in numbers[:MOST_NAMED]])}{others})"
    whose = "it" if len(numbers) == 1 else "they"
    why = f"what {whose} had saved was missing or was not what it had been"
    return f"{which} began anew, because {why}. Of trial {numbers[0]} the log says: {notes[0]['why']}."


def looked_at_again(state: StudyState) -> list[str]:
    """Sentences on select rows that had been looked at before, and on test rows that had been read.

    Before, that is by this study or another one of the store. Of the test rows each opening, or that there is none.
    """
    texts = [*filter(None, [looked_before(state)])]
    if before := withheld(state):
        texts.append(f"{before[0].upper()}{before[1:]}.")
    for opening in (each for each in openings(state) if is_reopened(each)):
        before = f" They were read before: {listed(opening['earlier'])}." if opening["earlier"] else ""
        why = opening["why"] or "no reason was given"
        texts.append(
            f"The test rows were opened for the {ordinal(opening['opening'])} time. The reason given: {why}.{before} "
            "A test set that was looked at before is no longer untouched, so its interval is wider."
        )
    return texts


def pending(state: StudyState) -> str:
    """What is still to come, in a sentence; empty if nothing is."""
    running = sum(trial.state is TrialState.RUNNING for trial in state.trials)
    paused = sum(trial.state is TrialState.PAUSED for trial in state.trials)
    parts = []
    if running:
        parts.append(f"{count(running, 'trial')} had not ended when this page was made.")
    if paused and "choice.made" not in state.notes:
        parts.append(f"{count(paused, 'trial')} {'is' if paused == 1 else 'are'} paused and can go on.")
    if is_governed(state):
        split = latest(state, "data.split")
        without_test = (split is not None and not split["roles"].get("test")) or bool(withheld(state))
        left = [
            STAGES[kind]
            for kind, done in stages_done(state).items()
            if not done and not (kind == "test.opened" and without_test)
        ]
        if left:
            parts.append(f"Not there yet: {listed(left)}.")
    return " ".join(parts)


def ordinal(n: int) -> str:
    """A rank in words or figures.

    >>> ordinal(2), ordinal(11), ordinal(23)
    ('second', '11th', '23rd')
    """
    words = {1: "first", 2: "second", 3: "third"}
    if n in words:
        return words[n]
    ending = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
