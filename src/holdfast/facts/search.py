"""How configurations were searched for: the strategy in its own words, the trials by state, the selection."""

from __future__ import annotations

from holdfast.facts.blocks import Block, Bullets, Paragraph, Section, Table
from holdfast.facts.log import latest, trials_by_state
from holdfast.facts.numbers import count, duration, number
from holdfast.study.state import StudyState


def search_section(state: StudyState) -> Section:
    """The strategy in its own words, the trials by state, and what the estimate says of the selection."""
    settings = state.settings
    says = (
        ""
        if state.strategy_says in {"", settings.strategy}
        else f" In its own words: {state.strategy_says.removesuffix('.')}."
    )
    blocks: list[Block] = [Paragraph(f"Strategy {settings.strategy}, seed {settings.seed}.{says}")]
    if not state.trials:
        return Section("The search", [*blocks, Paragraph("No trial has been asked yet.")])
    counts = [[each.value, str(n)] for each, n in trials_by_state(state).items() if n]
    blocks.append(Table(["state", "trials"], counts, "Trials by state", frozenset({1})))
    blocks.append(Paragraph(_effort(state)))
    made = latest(state, "estimate.made")
    if made is not None:
        effective = made["effective_configurations"]
        if effective is not None and not made["sentences"]:
            compared = count(made["n_configurations"], "configuration")
            blocks.append(Paragraph(f"{compared} count as {number(effective)} independent ones."))
        if made["sentences"]:
            blocks.append(Paragraph("On the estimate:"))
            blocks.append(Bullets(made["sentences"]))
    return Section("The search", blocks)


def _effort(state: StudyState) -> str:
    """Limits, restarts and time spent."""
    limit = state.history.trials_limit
    parts = [f"The limit was {count(limit, 'trial')}." if limit is not None else "There was no limit on trials."]
    restarts = sum(trial.restarts for trial in state.trials)
    if restarts:
        parts.append(f"Trials were started again {count(restarts, 'time')} after their process was gone.")
    by_hand = sum(trial.reason.startswith("enqueued") for trial in state.trials)
    if by_hand:
        parts.append(f"{count(by_hand, 'configuration')} came from a person.")
    seconds = sum(trial.seconds for trial in state.trials)
    processor = sum(trial.cpu_seconds for trial in state.trials)
    spent = f"The trials themselves took {duration(seconds)}"
    spent += f" and {duration(processor)} of processor time" if processor else ""
    around = any(trial.usage for trial in state.trials)
    parts.append(f"{spent}{'; the costs count what their workers did for them, too' if around else ''}.")
    return " ".join(parts)
