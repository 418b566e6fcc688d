"""What a report says, in the order in which it says it, drawn from the log alone."""

from __future__ import annotations

from holdfast.facts.blocks import Alert, Block, Document, Paragraph
from holdfast.facts.log import latest, metric_of
from holdfast.facts.numbers import better, count
from holdfast.facts.protocol import protocol_section
from holdfast.facts.record import log_section
from holdfast.facts.search import search_section
from holdfast.facts.standing import alerts, pending
from holdfast.report.conduct import environment_section, failures_section
from holdfast.report.outcome import hyperparameters_section, model_section, scores_section
from holdfast.study.book import Book
from holdfast.study.state import StudyState


def document(book: Book) -> Document:
    """The whole report of a study, without its pictures and the table of all trials."""
    state = book.state
    sections = [
        scores_section(state),
        model_section(state),
        hyperparameters_section(state),
        protocol_section(state),
        search_section(state),
        failures_section(state),
        environment_section(book),
        log_section(book),
    ]
    return Document(state.settings.name, headline(state), sections)


def headline(state: StudyState) -> list[Block]:
    """The study in a sentence, and what a reader must know before any number."""
    metric = metric_of(state)
    split = latest(state, "data.split")
    data = f", on {split['source']['description']}" if split is not None else ""
    trials = count(len(state.trials), "trial")
    blocks: list[Block] = [
        Paragraph(f"Judged by {metric.name} ({better(metric.direction)}){data}, in {trials}."),
        *[Alert(text) for text in alerts(state)],
    ]
    if to_come := pending(state):
        blocks.append(Paragraph(to_come))
    return blocks
