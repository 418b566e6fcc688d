"""What came out of a study: the three scores, the model that ships, the winner's hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Alert, Beside, Block, Paragraph, ScoreCard, ScoreCards, Section, Table
from holdfast.facts.constraints import winners_constraints
from holdfast.facts.learned import PREPROCESSING, costs_sentence
from holdfast.facts.log import latest, metric_of, three_scores, weighed, winner_of
from holdfast.facts.numbers import count, duration, interval, number, short_hash
from holdfast.facts.winner import agreement, luck_sentence, winner_table
from holdfast.records import Score
from holdfast.report.size_figure import size_figures
from holdfast.study.state import StudyState

MOST_ARRAYS = 16
"""Arrays of parameters that are named; the rest is summed up."""


def scores_section(state: StudyState) -> Section:
    """The naive score, the estimate and the test side by side, and what lies between them."""
    scores = three_scores(state)
    cards = [
        _card("Naive score", scores.naive, scores.missing.get("naive", "")),
        _card("Estimate", scores.estimate, scores.missing.get("estimate", "")),
        _card("Test", scores.test, scores.missing.get("test", "")),
    ]
    blocks: list[Block] = [ScoreCards(cards)]
    blocks.extend(Paragraph(text) for text in (_meaning(state), luck_sentence(state), agreement(scores)) if text)
    return Section("The three scores", blocks)


def winner_section(state: StudyState) -> Section:
    """The winner's hyperparameters, beside the parameters that they gave rise to."""
    title = "The winner: hyperparameters, and the parameters they gave rise to"
    winner, chosen, fitted = winner_of(state), latest(state, "choice.made"), latest(state, "model.fitted")
    if winner is None:
        return Section(title, [Paragraph(f"There is no winner: {three_scores(state).missing['naive']}.")])
    if chosen is None:
        said = f"Trial {winner.number} is the best so far; no choice is on record."
    else:
        said = f"Trial {winner.number} was chosen by this rule: {chosen['rule']}."
    said = " ".join(filter(None, [said, winners_constraints(state)]))
    tables, learned = [winner_table(state, winner)], None if fitted is None else fitted.get("parameters")
    if learned is not None:
        said += (
            f" The hyperparameters were chosen; the parameters are what the model learned with them. {learned['text']}"
        )
        if learned["arrays"]:
            tables.append(_parameters(learned))
    blocks: list[Block] = [Paragraph(said), Beside(tables)]
    if learned is not None:
        config = winner.config if chosen is None else chosen["config"]
        blocks.append(Paragraph(costs_sentence(learned, config)))
    return Section(title, [*[block for block in blocks if block != Paragraph("")], *size_figures(state)])


def _parameters(learned: Mapping[str, Any]) -> Table:
    """The arrays that hold what the model learned, those of its preprocessing together, and their sum."""
    before = [size for name, _, size in learned["arrays"] if str(name).startswith(PREPROCESSING)]
    arrays = [item for item in learned["arrays"] if not str(item[0]).startswith(PREPROCESSING)]
    if before:
        arrays.insert(0, ["preprocessing", [], sum(before)])
    rows = [[str(name), " × ".join(f"{n:,}" for n in shape) or "one", f"{size:,}"] for name, shape, size in arrays]
    if before:
        rows[0][1] = count(len(before), "array")
    if len(rows) > MOST_ARRAYS:
        left = sum(size for _, _, size in arrays[MOST_ARRAYS:])
        rows = [*rows[:MOST_ARRAYS], [f"{len(rows) - MOST_ARRAYS} more", "", f"{left:,}"]]
    if learned["count"] is not None:
        rows.append(["in all", "", f"{learned['count']:,}"])
    header = ["parameters", "shape", "numbers"]
    return Table(header, rows, "The parameters of the model", frozenset({2}), frozenset({0}))


def model_section(state: StudyState) -> Section:
    """Which model ships, what the test is of, and its files."""
    fitted = latest(state, "model.fitted")
    if fitted is None:
        return Section("The model that ships", [Paragraph("No model has been fitted for shipping.")])
    size = f"It was fitted on {count(fitted['rows'], 'row')}"
    if fitted["epochs"] is not None:
        size += f" for {count(fitted['epochs'], 'epoch')}"
    blocks: list[Block] = [Paragraph(f"{fitted['text']} {size}, in {duration(fitted['seconds'])}.")]
    if fitted["reproduced"] is False:
        blocks.append(Alert("Fitted again, the model did not reproduce the row scores that it was chosen by."))
    elif fitted["reproduced"]:
        blocks.append(Paragraph("Fitted again from its seed, it reproduced every row score that it was chosen by."))
    blocks.append(Paragraph(_what_the_test_is_of(state)))
    if fitted["files"]:
        rows = [[name, sha256] for name, sha256 in sorted(fitted["files"].items())]
        blocks.append(Table(["file", "sha256"], rows, "The files of the model", code=frozenset({1})))
    return Section("The model that ships", blocks)


def _card(title: str, score: Score | None, missing: str) -> ScoreCard:
    if score is None:
        return ScoreCard(title, "–", "–", "–", "–", "–", missing)
    bounds = interval(score)
    rows = f"{score.n:,}" if score.n else "not told"
    return ScoreCard(title, number(score.value), bounds, score.method, score.estimand, rows)


def _meaning(state: StudyState) -> str:
    """What tells the three scores apart; empty before there is a winner."""
    if winner_of(state) is None:
        return ""
    metric = metric_of(state)
    return (
        f"The scores are {metric.name}{weighed(state)}. The naive score is the winner's own, on the rows by which it "
        "was picked; the estimate corrects it for that; the test is from rows that took no part in any decision."
    )


def _what_the_test_is_of(state: StudyState) -> str:
    opened = latest(state, "test.opened")
    if opened is None or opened["score"] is None:
        return f"It has not been tested: {three_scores(state).missing['test']}."
    return (
        f"The test is of this model, on {count(opened['rows'], 'row')} "
        f"with the fingerprint {short_hash(opened['fingerprint'])}."
    )
