"""What the log says on a model card, section by section."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from holdfast.analyse.ends import can_go_beyond
from holdfast.facts.blocks import Alert, Block, Bullets, Command, Paragraph, Section, Table
from holdfast.facts.cost import account_of, lines_table, prices_sentences, totals_table
from holdfast.facts.learning import winners_diagnosis
from holdfast.facts.log import CAUSES, ThreeScores, latest, metric_of, three_scores, weighed, winner_of
from holdfast.facts.numbers import better, count, duration, interval, listed, moment, number, shortened, shown
from holdfast.facts.search import search_section
from holdfast.facts.spending import WHAT, amount
from holdfast.facts.winner import agreement, course_sentence, describe, exact, luck_sentence, winner_table
from holdfast.govern.metadata import TASKS, family_of, source_name, task_of
from holdfast.records import Score, TrialState, Value
from holdfast.space import Categorical, Domain, Space
from holdfast.study.state import StudyState

MOST_NAMES = 60
"""The most columns or classes that are listed by name."""


def model_section(state: StudyState) -> Section:
    """What the model is, what it was fitted on, and how to use it."""
    title = "The model"
    family, fitted = family_of(state), latest(state, "model.fitted")
    if family is None:
        text = (
            "The study tuned a function of a configuration, without a plan: holdfast saw neither the model nor its "
            "data, so that this card holds what was tuned, and a person says what the model is."
        )
        return Section(title, [Paragraph(text)])
    blocks: list[Block] = [Table(["what", "which"], _model_rows(state, family, fitted), "The model")]
    if fitted is None:
        return Section(title, [*blocks, Alert("No model has been fitted for shipping yet.")])
    blocks.append(Paragraph(fitted["text"]))
    if fitted["reproduced"] is False:
        blocks.append(Alert("Fitted again, the model did not reproduce the row scores that it was chosen by."))
    elif fitted["reproduced"]:
        blocks.append(Paragraph("Fitted again from its seed, it reproduced every row score that it was chosen by."))
    if fitted["files"]:
        files = [[name, sha256] for name, sha256 in sorted(fitted["files"].items())]
        blocks.append(Table(["file", "sha256"], files, "The files of the model", code=frozenset({1})))
        blocks.append(Paragraph("New rows are predicted with this command, which runs no code from these files:"))
        blocks.append(Command(f"holdfast predict {shlex.quote(state.settings.name)} new.csv --out predictions.csv"))
    return Section(title, blocks)


def scores_section(state: StudyState) -> Section:
    """The three scores with intervals, methods and estimands, and what lies between them."""
    scores, metric = three_scores(state), metric_of(state)
    header = ["score", metric.name, "interval", "rows", "estimand", "method"]
    rows = [_score_row(name, score) for name, score in _named(scores).items() if score is not None]
    meaning = (
        f"Scores are {metric.name}{weighed(state)}; {better(metric.direction)}. The naive score is the winner's own, "
        "on the rows by which it was picked, and flattered by that; the estimate corrects it; the test is from rows "
        "that took no part in any decision. Quote the test, and without one the estimate."
    )
    blocks: list[Block] = [Paragraph(meaning)] if rows else []
    blocks += [Table(header, rows, "The three scores", frozenset({1, 3}))] if rows else []
    blocks.extend(Paragraph(text) for text in (luck_sentence(state), agreement(scores)) if text)
    missing = [f"No {name} score: {why}." for name, why in scores.missing.items() if name != "estimate"]
    if "estimate" in scores.missing:
        missing.append(f"No estimate: {scores.missing['estimate']}.")
    return Section("Scores", [*blocks, *([Bullets(missing)] if missing else [])])


def columns_table(state: StudyState) -> list[Block]:
    """The columns by what they are for and their kind."""
    split = latest(state, "data.split")
    schema = {} if split is None else split["schema"]
    columns = schema.get("columns") or []
    if not columns:
        return []
    groups: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        groups.setdefault((_use(column, schema), column["kind"]), []).append(shortened(column["name"], 60))
    if schema.get("target") is not None and schema["target"] not in {column["name"] for column in columns}:
        groups["target", TASKS.get(schema["task"], schema["task"])] = [shortened(str(schema["target"]), 60)]
    rows = [[use, kind, f"{len(names):,}", _some(names)] for (use, kind), names in groups.items()]
    table = Table(["what for", "kind", "columns", "names"], rows, "The columns", frozenset({2}))
    return [table]


def choice_section(state: StudyState) -> Section:
    """The search, the rule of the choice, failures by cause, and the space."""
    blocks: list[Block] = []
    winner, chosen = winner_of(state), latest(state, "choice.made")
    if chosen is not None:
        blocks.append(Paragraph(f"Trial {chosen['trial']} was chosen by this rule: {chosen['rule']}."))
    elif winner is not None:
        blocks.append(Paragraph(f"No choice is on record; trial {winner.number} is the best so far."))
    blocks.extend(search_section(state).blocks)
    causes = Counter(
        CAUSES[trial.cause] if trial.cause else "unknown" for trial in state.trials if trial.state is TrialState.FAILED
    )
    if causes:
        blocks.append(Paragraph(f"Causes of failure: {listed([f'{cause} ({n})' for cause, n in causes.items()])}."))
    reached = latest(state, "limits.reached")
    if reached is not None:
        blocks.append(Paragraph(reached["text"]))
    return Section("How it was chosen", blocks)


def hyperparameters_section(state: StudyState) -> Section:
    """The winner's hyperparameters, and the whole space that was searched."""
    winner = winner_of(state)
    space = state.settings.space or state.history.space
    if winner is None:
        why = three_scores(state).missing.get("naive", "none was chosen")
        blocks: list[Block] = [Paragraph(f"There is no winner: {why}.")]
    else:
        blocks = [Paragraph("Those of the winner:"), winner_table(state, winner)]
        if course := course_sentence(state, winner):
            blocks.insert(0, Paragraph(course))
    if space is not None:
        found = "" if state.settings.space is not None else ", as it was found while it was used"
        blocks += [Paragraph(f"The space that was searched{found}:"), _space_table(space)]
    return Section("Hyperparameters", blocks)


def limits_section(state: StudyState) -> Section:
    """The limits that the log itself shows."""
    found = [*_limits_of_scores(state), *_limits_of_search(state)]
    blocks: list[Block] = [Bullets(found)] if found else [Paragraph("The log shows none beyond the intervals above.")]
    return Section("Limits", [Paragraph("What the log itself shows:"), *blocks] if found else blocks)


def cost_section(state: StudyState) -> Section:
    """What the study has cost, and where it went."""
    if not state.trials:
        return Section("What it cost", [Paragraph("No trial has been asked yet.")])
    whole = account_of(state)
    words = f"{prices_sentences(state)} {_budget(state)}What nobody measured is unknown, which is not nought."
    return Section("What it cost", [totals_table(whole), lines_table(whole), Paragraph(words)])


def _model_rows(state: StudyState, family: str, fitted: Mapping[str, Any] | None) -> list[list[str]]:
    split, task = latest(state, "data.split"), task_of(state)
    schema = {} if split is None else split["schema"]
    rows = [["family", family], ["task", TASKS.get(task or "", task or "unknown")]]
    if schema.get("target") is not None:
        rows.append(["target", str(schema["target"])])
    if schema.get("classes"):
        labels = [shortened(str(label), 40) for label in schema["classes"]]
        positive = f"; {labels[1]} is the positive one" if task == "binary" and len(labels) == 2 else ""
        rows.append(["classes", f"{len(labels)}: {_some(labels)}{positive}"])
    rows.append(["data", source_name(state)])
    if fitted is not None:
        rows.append(["fitted on", count(fitted["rows"], "row") + _epochs(fitted)])
        rows.append(["fitted at", f"{moment(fitted['time'])} UTC, in {duration(fitted['seconds'])}"])
        rows.append(["parameters", _parameters(fitted)])
    return rows


def _epochs(fitted: Mapping[str, Any]) -> str:
    return "" if fitted["epochs"] is None else f", for {count(fitted['epochs'], 'epoch')}"


def _parameters(fitted: Mapping[str, Any]) -> str:
    """How many numbers the model learned, in words."""
    known = fitted.get("parameters")
    if known is None:
        return "not on the log"
    return str(known["text"] or ("unknown" if known["count"] is None else f"{known['count']:,}"))


def _some(names: list[str]) -> str:
    """Names in a row, of very many the first."""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"


def _named(scores: ThreeScores) -> dict[str, Score | None]:
    return {"naive": scores.naive, "estimate": scores.estimate, "test": scores.test}


def _score_row(name: str, score: Score) -> list[str]:
    rows = f"{score.n:,}" if score.n else "not told"
    return [name, number(score.value), interval(score), rows, score.estimand, score.method]


def _use(column: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a column is for, in words; ``feature`` for one that is nothing else."""
    name = column["name"]
    uses = ["target"] if name == schema.get("target") else []
    uses += ["feature"] if column.get("feature") else []
    uses += ["rows of one value stay together"] if name == schema.get("group") else []
    uses += ["order in time"] if name == schema.get("time") else []
    uses += ["how much a row counts"] if name == schema.get("weight") else []
    uses += ["sensitive"] if column.get("sensitive") else []
    uses += ["slices"] if column.get("slice") else []
    return ", ".join(uses) or "kept, and not used by the model"


def _space_table(space: Space) -> Table:
    rows = [
        [name, describe(space[name]), "" if space[name].default is None else exact(space[name].default)]
        for name in space.names
    ]
    return Table(["hyperparameter", "searched within", "default"], rows, "The space", code=frozenset({2}))


def _limits_of_scores(state: StudyState) -> list[str]:
    scores, split = three_scores(state), latest(state, "data.split")
    found = []
    if scores.test is None:
        found.append(f"There is no test score: {scores.missing['test']}.")
    elif split is not None and split["roles"].get("test"):
        found.append(
            f"The test score is from {count(scores.test.n, 'row')} of the same source as the train rows. It says "
            "nothing of rows from another source, place or time."
        )
    if split is not None and split["schema"].get("time") is None and split["schema"].get("group") is None:
        found.append(
            "Roles were drawn row by row. If several rows belong to one person, place or day, scores are too good."
        )
    return found


def _limits_of_search(state: StudyState) -> list[str]:
    found = []
    verdict = winners_diagnosis(state)
    if verdict is not None:
        found.append(f"How the winner learned: {verdict.kind}. {verdict.sentence}")
    failed = sum(trial.state is TrialState.FAILED for trial in state.trials)
    if failed:
        found.append(
            f"{failed} of {count(len(state.trials), 'trial')} failed, so that their configurations were not judged."
        )
    at_the_end = _at_the_end(state)
    if at_the_end:
        found.append(f"At the end of what was searched, so that a better value may lie beyond: {listed(at_the_end)}.")
    code = latest(state, "code.recorded")
    if code is not None and (code.get("git") or {}).get("dirty"):
        found.append("The code had changes that no commit holds; the log has their hash.")
    halted = latest(state, "study.halted")
    if halted is not None:
        found.append(f"The study ended itself: {halted['why']}.".replace("..", "."))
    return found


def _at_the_end(state: StudyState) -> list[str]:
    """The winner's numbers at an end of their range that can be passed (real ones within a hundredth of it)."""
    winner, space = winner_of(state), state.settings.space or state.history.space
    if winner is None or space is None:
        return []
    found = []
    for name, value in winner.config.items():
        domain = space.domains.get(name)
        if domain is not None and _is_at_the_end(domain, value):
            found.append(f"{name} = {shown(value)} ({describe(domain)})")
    return found


def _is_at_the_end(domain: Domain, value: Value) -> bool:
    if isinstance(domain, Categorical) or not isinstance(value, int | float):
        return False
    place = domain.to_unit(value)
    near = not 0.01 < place < 0.99 if domain.cells is None else value in {domain.low, domain.high}
    return near and can_go_beyond(domain, high=place >= 0.5)


def _budget(state: StudyState) -> str:
    """The limits of the budget beside trials, in a sentence; empty without any."""
    limits = latest(state, "limits.set") or {}
    known = [amount(name, limits[name]) for name in WHAT if limits.get(name) is not None]
    return f"The budget allowed {listed(known)}. " if known else ""
