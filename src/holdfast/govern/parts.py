"""What only a person can write on a model card, and how those words survive when the rest is written anew.

A part stands between two markers, each alone on its line. The last line of the card holds a hash of every section as
holdfast filled it. While the hashes fit, nothing but the parts was changed, so that everything else can be replaced;
otherwise the card is left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from holdfast.errors import RequestError
from holdfast.facts.numbers import listed
from holdfast.govern.metadata import FILLED, from_yaml, split_front

BLANK = "**To be written by a person:**"
"""What a part is marked by until somebody has written it."""

END = "<!-- /person -->"
_BEGIN = re.compile(r"<!-- person: ([a-z-]+) -->")
_SEAL = re.compile(r"<!-- filled by holdfast: ([0-9a-f ]+) -->")
_DIGITS = 16

FRONT, TOP = "front matter", "top"


@dataclass(frozen=True, slots=True)
class Part:
    """Something for a person to write: the key in its markers, its heading, and what to answer."""

    key: str
    title: str
    question: str

    def text(self, words: str | None = None) -> str:
        """The part with its markers, as Markdown; blank without words."""
        inside = f"> {BLANK} {self.question}" if words is None or not words.strip() else words.strip("\n")
        return f"<!-- person: {self.key} -->\n\n{inside}\n\n{END}"


@dataclass(frozen=True, slots=True)
class Written:
    """What a card that is there holds: its front matter, a person's words by part, and the line of each part."""

    front: Mapping[str, Any]
    words: Mapping[str, str]
    lines: Mapping[str, int]


def sealed(front_yaml: str, body: str) -> str:
    """A whole card: its front matter, its body, and in the last line what was filled."""
    names_and_texts = _sections(from_yaml(front_yaml, "the card"), _skeleton(body.split("\n"))[0])
    hashes = " ".join(_digest(text) for _, text in names_and_texts)
    return f"---\n{front_yaml}---\n\n{body.rstrip()}\n\n<!-- filled by holdfast: {hashes} -->\n"


def read_card(text: str, where: str) -> Written:
    """What a person has written on a card.

    Raises:
        RequestError: if words of a person might be lost by writing the card anew: a marker is damaged, or something
            was changed outside of the parts.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    parts = split_front(text)
    if parts is None:
        raise _refusal(where, "it does not begin with front matter between two lines '---'")
    front, body = parts
    data = from_yaml(front, where)
    lines = body.split("\n")
    before = text.count("\n") + 1 - len(lines)
    seals = [number for number, line in enumerate(lines) if _SEAL.fullmatch(line.strip())]
    if not seals:
        raise _refusal(where, "its last line, with the hashes of what holdfast filled, is missing")
    if any(line.strip() for line in lines[seals[-1] + 1 :]):
        raise _refusal(where, f"there is text below line {before + seals[-1] + 1}, where it ended")
    skeleton, words, places = _skeleton(lines[: seals[-1]], where, before)
    found = _SEAL.fullmatch(lines[seals[-1]].strip())
    assert found is not None
    hashes = found[1].split()
    sections = _sections(data, skeleton)
    if len(hashes) != len(sections):
        raise _refusal(where, f"it has {len(sections) - 2} sections, not the {len(hashes) - 2} that were written")
    changed = [name for (name, body), known in zip(sections, hashes, strict=True) if _digest(body) != known]
    if changed:
        names = listed([name if name in {FRONT, TOP} else f"section '{name}'" for name in changed])
        raise _refusal(
            where, f"its {names} {'was' if len(changed) == 1 else 'were'} changed outside of the parts for a person"
        )
    return Written(data, words, places)


def is_blank(words: str) -> bool:
    """Whether a part is still to be written."""
    return not words.strip() or BLANK in words


def _refusal(where: str, what: str) -> RequestError:
    return RequestError(
        f"{where} is left as it is, because {what}; put that back, or move the file away and make a new card"
    )


def _skeleton(
    lines: list[str], where: str = "the card", before: int = 0
) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """The lines outside of all parts, with the markers; the words in each part; the line where each begins.

    ``before`` is the number of lines of the file before the first of these.
    """
    outside: list[str] = []
    words: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    inside: str | None = None
    for number, line in enumerate(lines, start=before + 1):
        begins = _BEGIN.fullmatch(line.strip())
        ends = line.strip() == END
        if inside is not None and not begins and not ends:
            words[inside].append(line)
            continue
        if begins and inside is not None:
            raise _refusal(where, f"line {number} begins a part before the part '{inside}' has ended")
        if begins and begins[1] in words:
            raise _refusal(where, f"line {number} begins the part '{begins[1]}' for the second time")
        if ends and inside is None:
            raise _refusal(where, f"line {number} ends a part that was not begun")
        outside.append(line)
        if begins:
            inside = begins[1]
            words[inside], places[inside] = [], number
        elif ends:
            inside = None
    if inside is not None:
        raise _refusal(where, f"the part '{inside}', begun in line {places[inside]}, has no end '{END}'")
    return outside, {key: "\n".join(text).strip("\n") for key, text in words.items()}, places


def _sections(front: Mapping[str, Any], skeleton: list[str]) -> list[tuple[str, str]]:
    """What holdfast filled, section by section: the front matter, the top, and what stands under each heading."""
    filled = {key: front[key] for key in FILLED if key in front}
    sections = [(FRONT, yaml.safe_dump(_without_source(filled), sort_keys=True)), (TOP, "")]
    for line in skeleton:
        if line.startswith("## "):
            sections.append((line[3:].strip(), ""))
        name, text = sections[-1]
        sections[-1] = (name, f"{text}\n{line}")
    return sections


def _without_source(value: Any) -> Any:
    """The same without the key ``source`` of a result, which a person may set."""
    if isinstance(value, dict):
        return {key: _without_source(item) for key, item in value.items() if key != "source"}
    return [_without_source(item) for item in value] if isinstance(value, list) else value


def _digest(text: str) -> str:
    """A short hash of a text, whatever its white space."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:_DIGITS]
