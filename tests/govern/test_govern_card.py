"""The card as a whole: filled from the log, safe against whatever stands there, and a person's words stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import RequestError
from holdfast.govern.card import (
    CARD,
    PARTS,
    card_text,
    is_current,
    left_to_write,
    read_if_there,
    rebuild_card,
    write_card,
)
from holdfast.govern.metadata import metadata, problems_of, split_front
from holdfast.govern.parts import BLANK, read_card

if TYPE_CHECKING:
    from tests.govern import logs
else:
    import logs


def written(text: str) -> str:
    """The card as if a person had answered every question, and chosen a licence."""
    text = re.sub(r"^# license:.*$", "license: mit", text, count=1, flags=re.MULTILINE)
    return re.sub(rf"^> {re.escape(BLANK)} .*$", "A person's answer.", text, flags=re.MULTILINE)


def test_everything_that_the_log_knows_is_on_the_card() -> None:
    study = logs.governed_study()
    text = card_text(study.book)
    for said in (
        "A model of the family svm for multiclass classification of digit",
        "0.9 on 40 sealed test rows; interval 0.8 to 0.95 (95%)",
        "650 parameters in 2 arrays",
        "3: cat, dog, eel",
        "the model takes 2 columns",
        "Sensitive, as the plan marks it: age; the model takes it.",
        "that much luck was taken off",
        "The winner of 3 configurations was selected.",
        "The test rows were opened once, after the choice.",
        "| complete | 3 |",
        "0 to 1",
        "electricity | unknown | unknown",
        "sha256 of the diff " + "ef" * 32,
        "holdfast tune plan.toml",
        "ab" * 32,
        f"holdfast verify mine --head {study.book.head.hash}",
    ):
        assert said in text, said
    assert text.count(BLANK) == 7
    assert problems_of(text) == []


def test_prices_budget_and_how_the_winner_learned_are_said() -> None:
    study = logs.bare_study(n_trials=2)
    study.book.note("price.set", {"usd_per_hour": 2.0, "kg_co2e_per_kwh": 0.4, "carbon_source": "given"})
    study.book.note("limits.set", {"trials": 9, "hours": 1.5, "usd": 5.0, "kwh": None})
    study.book.note("limits.reached", {"limit": "usd", "allowed": 5.0, "spent": 5.0, "text": "5 USD were spent."})
    text = card_text(study.book)
    assert "Given were 2 USD an hour. A kWh counts as 0.4 kg CO2e (given)." in text
    assert "The budget allowed 1 h 30 min and 5 USD." in text
    assert "5 USD were spent." in text
    assert "How the winner learned" not in text


def test_nothing_of_the_machine_or_of_secrets_is_given_away() -> None:
    study = logs.bare_study()
    logs.note_plan(study, path="/srv/alice/project/plan.toml")
    text = card_text(study.book)
    for secret in ("alice", "/somewhere/private", "secret"):
        assert secret not in text


def test_a_card_without_a_test_says_so_and_quotes_the_estimate() -> None:
    text = card_text(logs.governed_study(test=None).book)
    assert "is estimated at 0.93, corrected for selection; interval 0.88 to 0.97 (95%)" in text
    assert "No test score: this study has not opened the test rows." in text
    assert "model-index" not in text


def test_studies_without_a_plan_unfinished_and_empty_have_cards_too() -> None:
    bare = card_text(logs.bare_study().book)
    assert "holdfast saw neither the model nor its data" in bare
    assert "<!-- person: model -->" in bare
    assert "the best so far" in bare
    empty = card_text(logs.bare_study(n_trials=0).book)
    assert "tuned in no trial yet." in empty
    assert "There is no winner: no trial has a value yet." in empty
    unfinished = logs.bare_study()
    logs.note_plan(unfinished)
    logs.note_split(unfinished)
    text = card_text(unfinished.book)
    assert "Not there yet: choice, estimate, model and test opened." in text
    assert "No model has been fitted for shipping yet." in text
    for card in (bare, empty, text):
        assert problems_of(card) == []


SHARE = holdfast.Float(0.2, 0.8, step=0.2)


def test_a_winner_at_the_end_of_its_range_is_a_limit() -> None:
    study = logs.bare_study(n_trials=0, depth=holdfast.Int(1, 20), rate=holdfast.Float(0.1, 1.0), share=SHARE)
    study.enqueue({"depth": 20, "rate": 0.5, "share": 0.8}, why="an end")
    study.tell(study.ask(), 1.0)
    limits = card_text(study.book).partition("## Limits")[2].partition("\n## ")[0]
    assert "depth = 20 (1 to 20)" in limits
    assert "share = 0.8 (0.2 to 0.8, in steps of 0.2)" in limits
    assert "rate" not in limits
    least = logs.bare_study(n_trials=0, depth=holdfast.Int(1, 20), rate=holdfast.Float(0.0, 1.0))
    least.enqueue({"depth": 1, "rate": 0.0}, why="ends that nobody can go beyond")
    least.tell(least.ask(), 1.0)
    assert "At the end of what was searched" not in card_text(least.book)


def test_words_and_keys_of_a_person_survive_while_the_log_goes_on(tmp_path: Path) -> None:
    study = logs.governed_study(test=None)
    path = write_card(study.book, tmp_path)
    path.write_text(written(path.read_text()).replace("license: mit", "license: mit\nlanguage: en"))
    assert left_to_write(path.read_text(), "x") == []
    assert is_current(study.book, path.read_text(), "x")
    logs.note_end(study)
    assert not is_current(study.book, path.read_text(), "x")
    assert write_card(study.book, tmp_path) == path
    text = path.read_text()
    assert "on 40 sealed test rows" in text
    assert text.count("A person's answer.") == 7
    assert yaml.safe_load(split_front(text)[0])["language"] == "en"  # type: ignore[index]
    assert left_to_write(text, "x") == []
    assert problems_of(text) == []


def test_the_list_of_what_is_left_has_every_part_and_the_licence() -> None:
    left = left_to_write(card_text(logs.governed_study().book), "x")
    assert [item.part.key for item in left] == ["license", *(part.key for part in PARTS if part.key != "model")]


def test_a_damaged_card_is_left_alone_and_the_new_one_written_beside_it(tmp_path: Path) -> None:
    study = logs.governed_study()
    path = write_card(study.book, tmp_path)
    damaged = path.read_text().replace("## Scores", "## My scores")
    path.write_text(damaged)
    with pytest.raises(RequestError, match="its section 'My scores' was changed"):
        rebuild_card(study.book, path)
    beside = write_card(study.book, tmp_path)
    assert beside.name == "MODEL_CARD.new.md"
    assert path.read_text() == damaged
    beside.write_text(damaged)
    with pytest.raises(RequestError, match=r"MODEL_CARD\.new\.md is left as it is"):
        write_card(study.book, tmp_path)


def test_words_for_a_part_that_the_card_does_not_have_are_not_dropped() -> None:
    bare, governed = logs.bare_study(), logs.governed_study()
    words = read_card(written(card_text(bare.book)), "x")
    with pytest.raises(RequestError, match="words for the part 'model'"):
        card_text(governed.book, words)


def test_what_is_no_text_or_no_address_is_answered_by_a_sentence(tmp_path: Path) -> None:
    (tmp_path / CARD).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match="not text in UTF-8"):
        read_if_there(tmp_path / CARD)
    with pytest.raises(RequestError, match="no address of a web page"):
        rebuild_card(logs.bare_study().book, tmp_path / "x.md", "report.html")


NAMES = st.one_of(
    st.sampled_from(
        [
            "<script>x</script>",
            "a|b",
            "`x`",
            "[a](javascript:b)",
            "*b*",
            "\n# x",
            "--- ",
            "<!-- /person -->",
            "a: b",
            "x\n---\ny",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip),
)


@settings(max_examples=40)
@given(NAMES, NAMES, NAMES, NAMES)
def test_whatever_things_are_called_the_card_holds_together(name: str, choice: str, label: str, source: str) -> None:
    space = {name: holdfast.Categorical([choice, choice + "2"])}
    study = holdfast.Study(space, strategy="random", direction={"loss": "minimize"}, name="mine")
    study.tell(study.ask(), 1.0)
    logs.note_plan(study, family=label, source=source)
    logs.note_split(study, classes=[label, choice], target=name)
    logs.note_end(study, metric=label)
    text = card_text(study.book)
    parts = split_front(text)
    assert parts is not None
    assert yaml.safe_load(parts[0]) == metadata(study.book)
    assert problems_of(text) == []
    assert markup_in(parts[1]) == []
    assert card_text(study.book, read_card(text, "x")) == text


OWN_LINES = re.compile(r"#{1,3} |<!-- (person: |/person -->|filled by holdfast)|> \*\*|\| --- |```|- |\| ---")
PLAIN = re.compile(r"\\[\\`*<>|\[\]~&$!_#+\-=:.)]|(`+)(?: .*? |[^`]|[^`].*?[^`])\1(?!`)")


def markup_in(body: str) -> list[str]:
    """What in the lines of a body is markup and not ours, after escapes and code spans are taken out."""
    found = []
    columns = 0
    for line in body.split("\n"):
        bare = PLAIN.sub("", OWN_LINES.sub("", line) if not line.startswith("|") else line)
        if re.search(r"[<>`*\[\]]", re.sub(r"-->", "", bare)) and not OWN_LINES.match(line):
            found.append(line)
        bars = PLAIN.sub("", line).count("|") if line.startswith("|") else 0
        if bars and columns and bars != columns:
            found.append(line)
        columns = bars
    return found
