"""MODEL_CARD.md: filled from the log, with room for what only a person can say; their words survive a rebuild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import RequestError
from holdfast.facts.blocks import Alert, Block, Document, Paragraph, Section
from holdfast.facts.files import write_atomically
from holdfast.facts.log import is_governed, latest, metric_of, three_scores, weighed
from holdfast.facts.markdown import markdown, section_markdown
from holdfast.facts.numbers import better, count, interval, number
from holdfast.facts.protocol import protocol_section
from holdfast.facts.record import log_section
from holdfast.facts.standing import alerts, pending
from holdfast.govern.metadata import TASKS, family_of, joined, metadata, source_url_of, task_of, to_yaml
from holdfast.govern.parts import Part, Written, is_blank, read_card, sealed
from holdfast.govern.provenance import environment_section, reproduction_section
from holdfast.govern.sections import (
    choice_section,
    columns_table,
    cost_section,
    hyperparameters_section,
    limits_section,
    model_section,
    scores_section,
)
from holdfast.study.book import Book
from holdfast.study.state import StudyState

CARD = "MODEL_CARD.md"

MODEL = Part(
    "model",
    "Description",
    "What kind of model is this, who made it, on which data was it trained, and where are its files?",
)
INTENDED_USE = Part(
    "intended-use", "Intended use", "What is the model for: which decision does it support, and who acts on it?"
)
INTENDED_USERS = Part(
    "intended-users", "Intended users", "Who is meant to use it, and what do they have to know to use it well?"
)
OUT_OF_SCOPE = Part("out-of-scope", "Out-of-scope use", "For what, for whom and on which data must it not be used?")
ORIGIN = Part(
    "data-origin",
    "Origin of the data",
    "Who collected the data, when, from whom and under which terms; who or what is missing from it?",
)
LIMITATIONS = Part(
    "limitations",
    "Limitations known to the field",
    "Where does the model fail, or is it expected to: which people, places, times or values does the data not cover?",
)
ETHICS = Part(
    "ethics",
    "Risks and harms",
    "Whom can a wrong prediction harm, how badly, and what is done about it; do columns stand in for sensitive ones?",
)
CONTACT = Part("contact", "Contact", "Who answers for the model, answers questions and takes reports of faults?")

PARTS = (INTENDED_USE, INTENDED_USERS, OUT_OF_SCOPE, MODEL, ORIGIN, LIMITATIONS, ETHICS, CONTACT)
"""Everything that a person writes, in the order of the card."""

LICENCE = Part("license", "Licence", "Under which licence may the model be used? Write it as `license:` at the top.")


@dataclass(frozen=True, slots=True)
class Left:
    """Something that a person still has to write, and the line where it goes."""

    part: Part
    line: int


def write_card(book: Book, folder: Path) -> Path:
    """Write the model card of a study into ``folder``; what a person wrote on it stays.

    A card that cannot be rebuilt without the risk of losing a person's words is left alone, and the new one is written
    beside it.

    Returns:
        Where the card is.

    Raises:
        RequestError: if that is so with both, or the folder cannot be written to.
    """
    path = folder / CARD
    try:
        text = card_text(book, read_if_there(path))
    except RequestError:
        path = folder / f"{path.stem}.new{path.suffix}"
        text = card_text(book, read_if_there(path))
    write_atomically(path, text.encode())
    return path


def rebuild_card(book: Book, path: Path, source_url: str | None = None) -> str:
    """Write the card to ``path`` anew, keeping a person's words; returns its text.

    Raises:
        RequestError: if a person's words might be lost, or the file cannot be written; nothing is changed then.
    """
    if source_url is not None and not source_url.startswith(("https://", "http://")):
        raise RequestError(f"the source '{source_url}' is no address of a web page; it begins with https://")
    text = card_text(book, read_if_there(path), source_url)
    write_atomically(path, text.encode())
    return text


def read_if_there(path: Path) -> Written | None:
    """What a person wrote on the card at ``path``; None where there is none.

    Raises:
        RequestError: if the card was changed in a way that could lose words.
    """
    text = text_of(path)
    return None if text is None else read_card(text, str(path))


def text_of(path: Path) -> str | None:
    """The text of a file, None where there is none.

    Raises:
        RequestError: if it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as exc:
        raise RequestError(f"{path} is not text in UTF-8; save it as UTF-8, or move it away") from exc
    except OSError as exc:
        raise RequestError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def card_text(book: Book, written: Written | None = None, source_url: str | None = None) -> str:
    """The whole card: front matter and body from the log, and a person's words in their parts.

    Args:
        book: the study.
        written: what a person wrote on an earlier card of it.
        source_url: where the test score can be looked up; by default what the earlier card says.

    Raises:
        RequestError: if there are words for a part that this card does not have.
    """
    old: Mapping[str, Any] = {} if written is None else written.front
    words = {} if written is None else written.words
    front = to_yaml(joined(metadata(book, source_url or source_url_of(old)), old))
    items = _items(book)
    lost = [key for key, text in words.items() if key not in {p.key for p in _parts(items)} and not is_blank(text)]
    if lost:
        raise RequestError(
            f"the card has words for the part '{lost[0]}', which a card of this study does not have; move them to "
            "another part, or move the file away and make a new card"
        )
    return sealed(front, _body(book.state, items, words))


def is_current(book: Book, text: str, where: str) -> bool:
    """Whether a card says what the log says now.

    Raises:
        RequestError: if the card was changed outside of the parts for a person.
    """
    return card_text(book, read_card(text, where)).split() == text.split()


def left_to_write(text: str, where: str) -> list[Left]:
    """What a person still has to write on a card, in its order.

    Raises:
        RequestError: if the card was changed outside of the parts for a person.
    """
    written = read_card(text, where)
    known = {part.key: part for part in PARTS}
    blank = [
        Left(known.get(key, Part(key, key, "")), written.lines[key])
        for key, words in written.words.items()
        if is_blank(words)
    ]
    return blank if written.front.get("license") else [Left(LICENCE, 2), *blank]


def _items(book: Book) -> Sequence[Section | Part]:
    """The card's sections in order; a part stands under the section before it."""
    state = book.state
    data = protocol_section(state)
    governed = is_governed(state)
    return [
        Section("Use", []),
        INTENDED_USE,
        INTENDED_USERS,
        OUT_OF_SCOPE,
        model_section(state),
        *([] if family_of(state) is not None else [MODEL]),
        scores_section(state),
        Section("Data", [*data.blocks, *columns_table(state)]),
        *([ORIGIN] if governed else []),
        choice_section(state),
        hyperparameters_section(state),
        limits_section(state),
        LIMITATIONS,
        Section("Ethical considerations", []),
        ETHICS,
        cost_section(state),
        environment_section(book),
        reproduction_section(state),
        log_section(book, "card"),
        Section("Contact", []),
        CONTACT,
    ]


def _parts(items: Sequence[Section | Part]) -> list[Part]:
    return [item for item in items if isinstance(item, Part)]


def _body(state: StudyState, items: Sequence[Section | Part], words: Mapping[str, str]) -> str:
    texts = [markdown(Document(state.settings.name, _top(state), [])).rstrip()]
    for item in items:
        if isinstance(item, Section):
            texts.append(section_markdown(item))
        else:
            heading = [] if item is CONTACT else [f"### {item.title}"]
            texts += [*heading, item.text(words.get(item.key))]
    return "\n\n".join(texts)


def _top(state: StudyState) -> list[Block]:
    """The model in two sentences, and what a reader must know before any number."""
    to_come = pending(state)
    return [
        Paragraph(_summary(state)),
        *[Alert(text) for text in alerts(state)],
        *([Alert(to_come)] if to_come else []),
        Paragraph(
            "holdfast filled this card from the study's log, all but the parts that only a person can write: use, "
            "origin, limitations, risks, contact. Those that nobody has written yet are marked so."
        ),
    ]


def _summary(state: StudyState) -> str:
    family, task, split = family_of(state), task_of(state), latest(state, "data.split")
    trials = count(len(state.trials), "trial") if state.trials else "no trial yet"
    if family is None:
        what = f"A configuration of a function, tuned in {trials}."
    else:
        kind = TASKS.get(task or "", "a task that is not on record")
        target = "" if split is None or split["schema"].get("target") is None else f" of {split['schema']['target']}"
        on = "" if split is None else f", on {split['source']['description']}"
        what = f"A model of the family {family} for {kind}{target}{on}, tuned in {trials}."
    return f"{what} {_headline(state)}".rstrip()


def _headline(state: StudyState) -> str:
    """The firmest score there is, in a sentence; empty without one."""
    metric, scores = metric_of(state), three_scores(state)
    direction = f"{better(metric.direction)}{weighed(state)}"
    if scores.test is not None:
        value, bounds = number(scores.test.value), interval(scores.test)
        rows = count(scores.test.n, "sealed test row")
        return f"Its {metric.name} ({direction}) is {value} on {rows}; interval {bounds}."
    if scores.estimate is not None:
        value, bounds = number(scores.estimate.value), interval(scores.estimate)
        return f"Its {metric.name} ({direction}) is estimated at {value}, corrected for selection; interval {bounds}."
    if scores.naive is not None:
        value = number(scores.naive.value)
        return f"Its {metric.name} ({direction}) was {value} when it was picked by it, with nothing corrected."
    return ""
