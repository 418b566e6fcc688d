"""What a report says, in the order in which it says it, drawn from the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from holdfast.facts.blocks import Alert, Block, Bullets, Document, Gallery, Paragraph, Section
from holdfast.facts.cost import account_of
from holdfast.facts.leakage import leakage_section
from holdfast.facts.learning import winners_diagnosis
from holdfast.facts.log import is_reopened, latest, metric_of, openings, three_scores, weighed, winner_of
from holdfast.facts.looks import compared_words
from holdfast.facts.numbers import better, count, duration, number, percent
from holdfast.facts.protocol import protocol_section
from holdfast.facts.record import log_section
from holdfast.facts.search import search_section
from holdfast.facts.spending import amount
from holdfast.facts.standing import alerts, pending
from holdfast.facts.winner import luck_sentence
from holdfast.records import Score, TrialState
from holdfast.report.conduct import environment_section, failures_section
from holdfast.report.corrected import corrected_path
from holdfast.report.cost import cost_section
from holdfast.report.history_figure import history_figure
from holdfast.report.hyperparameter_figures import hyperparameter_figures, signs
from holdfast.report.learning import learning_section
from holdfast.report.outcome import model_section, scores_section, winner_section
from holdfast.report.overtuning_figure import overtuning_figure, overtuning_on_page
from holdfast.report.parallel_figure import parallel_figure
from holdfast.report.population import population_section
from holdfast.report.scores_figure import scores_figure
from holdfast.report.trials_section import trials_section
from holdfast.report.understanding import dependences, understanding_section
from holdfast.study.book import Book
from holdfast.study.overtuned import on_select_rows
from holdfast.study.state import StudyState

OBSERVED = (
    "These are the trials as they came, not an experiment: a search tries more where it found good scores, and other "
    "hyperparameters varied at the same time."
)

EXPECTED = (
    "In green is what a model of the trials expects over all else, evenly over the space, with its interval: the "
    "effect of the one hyperparameter alone."
)


def document(book: Book) -> Document:
    """The whole report of a study with its pictures, without the table of all trials."""
    state = book.state
    path, scores = corrected_path(book), scores_figure(state)
    sections = [
        _followed(scores_section(state), *([] if scores is None else [scores])),
        protocol_section(state),
        leakage_section(state),
        _followed(search_section(state), *_search_figures(book, path)),
        _configurations(state),
        understanding_section(state),
        learning_section(state),
        population_section(state),
        cost_section(state),
        winner_section(state),
        model_section(state),
        failures_section(state),
        environment_section(book),
        log_section(book),
    ]
    return Document(state.settings.name, headline(state), [each for each in sections if each.blocks])


def with_trials(page: Document, state: StudyState) -> Document:
    """The document with the table of all trials after the failures."""
    place = 1 + [section.title for section in page.sections].index("Failures")
    return replace(page, sections=[*page.sections[:place], trials_section(state), *page.sections[place:]])


def headline(state: StudyState) -> list[Block]:
    """The study in a few sentences, and what a reader must know before any number."""
    metric = metric_of(state)
    split = latest(state, "data.split")
    data = f", on {split['source']['description']}" if split is not None else ""
    trials = count(len(state.trials), "trial")
    blocks: list[Block] = [
        Paragraph(f"Judged by {metric.name} ({better(metric.direction)}){weighed(state)}{data}, in {trials}."),
        *[Alert(text) for text in alerts(state)],
    ]
    if points := _in_short(state):
        blocks.append(Bullets(points))
    if to_come := pending(state):
        blocks.append(Paragraph(to_come))
    return blocks


def _in_short(state: StudyState) -> list[str]:
    """The report in a few points; before there is a winner, only whether every trial failed."""
    failed = sum(trial.state is TrialState.FAILED for trial in state.trials)
    winner = winner_of(state)
    if winner is None:
        every = 0 < failed == len(state.trials)
        return [f"No trial has a score: {failed:,} of {count(failed, 'trial')} failed."] if every else []
    scores, metric = three_scores(state), metric_of(state)
    points = []
    if scores.test is not None:
        reopened = any(is_reopened(opening) for opening in openings(state))
        rows = "test rows that had been opened before" if reopened else "the sealed test rows"
        points.append(f"On {rows}, the model that ships reaches {metric.name} {_quoted(scores.test)}.")
    elif scores.estimate is not None:
        points.append(f"There is no test score: {scores.missing['test']}.")
    elif scores.naive is not None:
        best = "the winner" if "choice.made" in state.notes else "the best so far"
        said = f"Trial {winner.number} is {best}, with a naive score of {number(scores.naive.value)}"
        points.append(f"{said}. There is no estimate: {scores.missing['estimate']}.")
    if text := _luck(state):
        points.append(text)
    verdict = winners_diagnosis(state)
    if verdict is not None and verdict.kind not in {"unknown", "too noisy to tell"}:
        points.append(f"How the winner learned: {verdict.short}.")
    points.append(_spent(state))
    points.append(f"{failed:,} of {count(len(state.trials), 'trial')} failed." if failed else "No trial failed.")
    return points


def _luck(state: StudyState) -> str:
    """The naive score and what the correction made of it; empty without an estimate."""
    scores, made = three_scores(state), latest(state, "estimate.made")
    if scores.naive is None or scores.estimate is None or made is None or made["luck"] is None or made["luck"] <= 0:
        return luck_sentence(state)
    among, luck = compared_words(state, made), number(made["luck"])
    return (
        f"The naive score is {number(scores.naive.value)}; being picked among {among} flattered it by {luck}, which "
        f"leaves an estimate of {_quoted(scores.estimate)}."
    )


def _quoted(score: Score) -> str:
    if score.low is None or score.high is None:
        return number(score.value)
    return f"{number(score.value)} ({percent(score.level)} interval {number(score.low)} to {number(score.high)})"


def _spent(state: StudyState) -> str:
    total = account_of(state).total
    time = "an unknown time" if total.machine_seconds.value is None else duration(total.machine_seconds.value)
    parts = [
        f"{name} unknown" if figure.value is None else amount(key, figure.value)
        for name, key, figure in (
            ("money", "usd", total.usd),
            ("electricity", "kwh", total.usage.kwh),
            ("carbon", "kg_co2e", total.kg_co2e),
        )
    ]
    return f"It took {time} of the machine: {', '.join(parts)}."


def _configurations(state: StudyState) -> Section:
    """All configurations in one picture, and every hyperparameter against the score."""
    expected = dependences(state)
    whole, single = parallel_figure(state), hyperparameter_figures(state, expected)
    blocks: list[Block] = [] if whole is None else [whole]
    if single:
        model = [EXPECTED, next(iter(expected.values())).note] if expected else []
        blocks += [Paragraph(" ".join(filter(None, [OBSERVED, signs(state), *model]))), Gallery(single)]
    return Section("Every hyperparameter against the score", blocks)


def _search_figures(book: Book, path: Sequence[Mapping[str, Any]]) -> list[Block]:
    """The trials in their order; the best so far and its correction, unless that picture has both; and words."""
    found, history = overtuning_on_page(book), history_figure(book.state, path)
    beside = None if path else overtuning_figure(book, found)
    said: list[Block] = [Alert(found.alarm)] if found is not None and found.alarm else []
    if selected := on_select_rows(book.state):
        said.append(Paragraph(selected))
    return [*said, *(figure for figure in (history, beside) if figure is not None)]


def _followed(section: Section, *blocks: Block) -> Section:
    return replace(section, blocks=[*section.blocks, *blocks])
