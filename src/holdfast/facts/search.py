"""How configurations were searched for: the strategy in its own words, the trials by state, the selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Block, Bullets, Paragraph, Section, Table
from holdfast.facts.constraints import feasible_trials, wish_of
from holdfast.facts.folds import folds_meaning, folds_sentence
from holdfast.facts.gain import gain_sentence
from holdfast.facts.log import latest, search_end, trials_by_state
from holdfast.facts.numbers import count, duration, listed, moment, number, shortened
from holdfast.records import Score
from holdfast.study.ranking import scored_trials
from holdfast.study.state import StudyState


def own_words(strategy: str, says: str) -> str:
    """What a strategy says of what it does, without its name and a full stop; empty if it says no more than its name.

    >>> own_words("tpe", "tpe: the ratio of two densities."), own_words("grid", "grid")
    ('the ratio of two densities', '')
    """
    said = says.removesuffix(".").removeprefix(f"{strategy}: ")
    return "" if said == strategy else said


def search_section(state: StudyState) -> Section:
    """The strategy in its own words, the trials by state, and what the estimate says of the selection."""
    settings = state.settings
    says = own_words(settings.strategy, state.strategy_says)
    head = f"Strategy {settings.strategy}, seed {settings.seed}."
    blocks: list[Block] = [Paragraph(f"{head} In its own words: {says}." if says else head)]
    if not state.trials:
        return Section("The search", [*blocks, Paragraph("No trial has been asked yet.")])
    counts = [[each.value, str(n)] for each, n in trials_by_state(state).items() if n]
    blocks.append(Table(["state", "trials"], counts, "Trials by state", frozenset({1})))
    blocks.append(Paragraph(_effort(state)))
    if dropped := folds_sentence(state):
        blocks.append(Paragraph(f"{dropped} {folds_meaning(state)}".strip()))
    if gain := gain_sentence(state):
        blocks.append(Paragraph(gain))
    if said := _rules_and_changes(state):
        blocks.append(Bullets(said))
    made = latest(state, "estimate.made")
    if made is not None:
        effective = made["effective_configurations"]
        if effective is not None and not made["sentences"]:
            compared = count(made["n_configurations"], "configuration")
            blocks.append(Paragraph(f"{compared} count as {number(effective)} independent ones."))
        if made["sentences"]:
            blocks.append(Paragraph("On the estimate:"))
            blocks.append(Bullets(made["sentences"]))
    if (procedure := latest(state, "procedure.estimated")) is not None:
        blocks += _procedure(procedure)
    return Section("The search", blocks)


def _procedure(event: Mapping[str, Any]) -> list[Block]:
    """What the procedure scored in outer folds."""
    if event["score"] is None:
        return [Paragraph(f"The procedure has no score: {event['missing']}.")]
    score = Score.from_json(event["score"])
    interval = "" if score.low is None or score.high is None else f" [{number(score.low)}, {number(score.high)}]"
    text = f"The procedure scores {number(score.value)}{interval}, by {score.method}, on {score.n:,} rows."
    return [Paragraph(text), Bullets(event["sentences"])]


def _rules_and_changes(state: StudyState) -> list[str]:
    """What the search had to keep to, what it was given, how its space changed, and what ended it early."""
    settings, notes, scored = state.settings, state.notes, scored_trials(state)
    said = []
    if settings.constraints:
        met = feasible_trials(state)
        said.append(
            f"Only a trial that meets {wish_of(state)} can be the best; of {count(len(scored), 'trial')} with a score "
            f"{met:,} {'is' if met == 1 else 'are'} known to."
        )
    if settings.space is not None and settings.space.forbid:
        said.append(f"Never proposed: {listed([shortened(rule.name, 120) for rule in settings.space.forbid])}.")
    if settings.duplicates == "replicate":
        said.append("A configuration may be tried more than once.")
    said += [
        f"It could learn from study {note['name']}, {count(len(note['trials']), 'trial')}."
        for note in notes.get("study.learned", [])
    ]
    said += [f"The space was {each}" for each in amendments(state)]
    if outside := sum(trial.number in state.history.masked for trial in scored):
        lie = "trial with a score does" if outside == 1 else "trials with a score do"
        counts = "; the estimate counts what was compared before" if state.amended_by_scores else ""
        said.append(f"{outside:,} {lie} not lie in the space as it stands now, and cannot be the best{counts}.")
    if state.steered:
        said.append(_steered(state))
    said += [note["text"] for kind in ("start.skipped", "stack.chosen") for note in notes.get(kind, [])]
    return [*said, *filter(None, [search_end(state)])]


def amendments(state: StudyState) -> list[str]:
    """When the space was amended, and why, in the order of time."""
    return [f"amended on {moment(note['time'])}: {note['why']}" for note in state.notes.get("space.amended", [])]


def _steered(state: StudyState) -> str:
    """What a person did who could know scores."""
    wished, amended = "configurations were enqueued", "the space was amended"
    done = listed([wished] * state.enqueued_by_scores + [amended] * state.amended_by_scores)
    return f"There were scores when {done}, so that the search counts as one that goes by scores."


def _effort(state: StudyState) -> str:
    """Limits, restarts and time spent."""
    limit = state.history.trials_limit
    parts = [f"The limit was {count(limit, 'trial')}." if limit is not None else "There was no limit on trials."]
    restarts = sum(trial.restarts for trial in state.trials) - len(state.notes.get("trial.restarted", []))
    if restarts:
        parts.append(f"Trials were started again {count(restarts, 'time')} after their process was gone.")
    enqueued = sum(trial.reason.startswith("enqueued") for trial in state.trials)
    starts = sum(trial.reason.startswith("enqueued: portfolio: ") for trial in state.trials)
    if starts:
        parts.append(f"{count(starts, 'configuration')} came from the portfolio of the family.")
    if by_hand := enqueued - starts:
        parts.append(f"{count(by_hand, 'configuration')} came from a person.")
    seconds = sum(trial.seconds for trial in state.trials)
    processor = sum(trial.cpu_seconds for trial in state.trials)
    spent = f"The trials themselves took {duration(seconds)}"
    spent += f" and {duration(processor)} of processor time" if processor else ""
    around = any(trial.usage for trial in state.trials)
    parts.append(f"{spent}{'; the costs count what their workers did for them, too' if around else ''}.")
    return " ".join(parts)
