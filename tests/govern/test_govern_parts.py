"""A person's words: kept whatever they are, and never lost to a damaged card."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.govern.parts import BLANK, Part, is_blank, read_card, sealed

USE, RISK = Part("intended-use", "Intended use", "For what?"), Part("ethics", "Risks", "Whom can it harm?")
FRONT = "holdfast:\n  study: mine\n"


def card(use: str | None = None, risk: str | None = None, front: str = FRONT) -> str:
    body = f"# mine\n\nFirst words.\n\n## Use\n\n{USE.text(use)}\n\n## Risks\n\nThe log says 3.\n\n{RISK.text(risk)}"
    return sealed(front, body)


def edited(use: str, risk: str) -> str:
    """The blank card with these words in place of its two questions, as a person edits it."""
    begin, middle, end = re.split(rf"> {re.escape(BLANK)} .*", card())
    return f"{begin}{use}{middle}{risk}{end}"


def test_a_new_card_is_blank_and_what_is_written_is_read() -> None:
    written = read_card(card(), "x")
    assert all(map(is_blank, written.words.values()))
    text = card().replace(f"> {BLANK} For what?", "For triage.\n\n## My own heading\n\n- `a`")
    written = read_card(text, "x")
    assert written.words["intended-use"] == "For triage.\n\n## My own heading\n\n- `a`"
    assert not is_blank(written.words["intended-use"])
    assert is_blank(written.words["ethics"])
    assert text.split("\n")[written.lines["ethics"] - 1] == "<!-- person: ethics -->"


def test_a_part_with_the_mark_still_in_it_is_not_done() -> None:
    assert is_blank(f"Some words.\n\n> {BLANK} For what?")
    assert is_blank(" \n ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<!-- person: ethics -->", "<!-- person: ethics ->", "line 26 ends a part that was not begun"),
        ("<!-- person: ethics -->", "<!-- person: intended-use -->", "begins the part 'intended-use' for the second"),
        ("<!-- /person -->\n\n## Risks", "## Risks", "begins a part before the part 'intended-use' has ended"),
        ("The log says 3.", "The log says 4.", r"its section 'Risks' was changed"),
        ("First words.", "Last words.", r"its top was changed"),
        ("study: mine", "study: yours", r"its front matter was changed"),
        ("## Risks", "## Risks\n\n## More", r"it has 3 sections, not the 2 that were written"),
        ("---\nholdfast", "holdfast", "does not begin with front matter"),
        ("<!-- filled", "<!-- fi", "its last line, with the hashes"),
    ],
)
def test_a_damaged_card_is_refused_with_the_place(old: str, new: str, said: str) -> None:
    assert old in card()
    with pytest.raises(RequestError, match=said) as caught:
        read_card(card().replace(old, new), "MODEL_CARD.md")
    assert str(caught.value).startswith("MODEL_CARD.md is left as it is, because ")


def test_words_after_the_end_and_a_part_without_end_are_refused() -> None:
    with pytest.raises(RequestError, match="there is text below line"):
        read_card(card() + "\nPS: one more thing\n", "x")
    last = card().rpartition("<!-- /person -->")
    with pytest.raises(RequestError, match="the part 'ethics', begun in line 22, has no end"):
        read_card(last[0] + last[2], "x")


def test_editors_may_change_line_ends_and_white_space_and_people_may_add_keys() -> None:
    text = card(use="One.\n\nTwo.").replace("First words.", "First words.  ").replace("\n", "\r\n")
    written = read_card("\ufeff" + text.replace("---\r\nhold", "---\r\nlicense: mit\r\ntags: [mine]\r\nhold"), "x")
    assert written.words["intended-use"] == "One.\n\nTwo."
    assert written.front["license"] == "mit"


WORDS = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), min_size=1)


@given(WORDS, WORDS)
def test_whatever_was_written_survives_or_is_refused(use: str, risk: str) -> None:
    text = edited(use, risk)
    try:
        written = read_card(text, "x")
    except RequestError:
        assert re.search(r"<!-- (person|/person|filled)", use + risk)
        return
    for key, words in (("intended-use", use), ("ethics", risk)):
        if words.strip():
            assert written.words[key] == words.strip("\n")
    again = card(written.words["intended-use"], written.words["ethics"])
    kept = read_card(again, "x").words
    assert all(kept[key] == words or is_blank(words) for key, words in written.words.items())


MARKS = st.lists(
    st.sampled_from(["<!-- /person -->", "<!-- person: ethics -->", "<!-- filled by holdfast: ab -->", "words", ""])
)


@given(MARKS, MARKS)
def test_markers_among_the_words_never_lose_any(use: list[str], risk: list[str]) -> None:
    text = edited("\n".join(use), "\n".join(risk))
    try:
        written = read_card(text, "x")
    except RequestError:
        return
    kept = "\n".join([*written.words.values()])
    assert kept.count("words") == [*use, *risk].count("words")
