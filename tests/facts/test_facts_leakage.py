"""What a page says of the checks before the first fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from holdfast.data.leakage.finding import CHECKS, Finding, Findings
from holdfast.facts.blocks import Bullets, Paragraph, Table
from holdfast.facts.leakage import counted, leakage_alert, leakage_section
from holdfast.facts.standing import alerts
from holdfast.space import Float
from holdfast.study.state import StudyState
from holdfast.study.study import Study

COPIES = Finding("duplicates", "warning", "two rows are equal", "drop one", (), (3, 8), 12)
KEY = Finding("groups", "warning", "'who' looks like a key", "split by it", ("who",), (1,), 1)
SMALL = Finding("size", "warning", "the validation rows are few", "take more")
NOTE = Finding("groups", "note", "groups come back", "look", ("who",))


def checked(found: Sequence[Finding], limits: Sequence[str] = ()) -> StudyState:
    study = Study({"x": Float(0, 1)})
    study.book.note("leakage.checked", {**Findings(tuple(found), tuple(limits)).to_json(), "strict": False})
    return study.book.state


def test_every_finding_stands_in_the_table_with_its_columns_and_rows() -> None:
    said, table, limits = leakage_section(checked([COPIES, KEY], ["half of it"])).blocks
    assert isinstance(table, Table)
    assert isinstance(said, Paragraph)
    assert isinstance(limits, Bullets)
    assert table.rows == [
        ["duplicates", "warning", "Two rows are equal.", "rows 3, 8 and 10 more", "Drop one."],
        ["groups", "warning", "'who' looks like a key.", "who; rows 1", "Split by it."],
    ]
    assert "9 checks looked at the divided table: 2 warnings." in said.text
    assert f"identifiers ({CHECKS['identifiers']})" in said.text
    assert "duplicates (" not in said.text.replace("near-duplicates (", "")
    assert list(limits.items) == ["In part only: half of it."]


def test_a_table_in_order_gets_a_sentence() -> None:
    (said,) = leakage_section(checked([])).blocks
    assert isinstance(said, Paragraph)
    assert "looked at the divided table: nothing found." in said.text


def test_a_log_from_before_the_checks_says_nothing_of_them() -> None:
    state = Study({"x": Float(0, 1)}).book.state
    assert leakage_section(state).blocks == []
    assert not leakage_alert(state)


def test_what_may_make_a_score_too_good_stands_at_the_head_the_gravest_first() -> None:
    state = checked([COPIES, KEY, SMALL])
    assert leakage_alert(state) == (
        "The scores may be too good, as the check 'groups' warns: 'who' looks like a key. So does 1 more finding "
        "(duplicates)."
    )
    assert alerts(state) == [leakage_alert(state)]


def test_notes_small_roles_and_what_was_accepted_do_not() -> None:
    assert not leakage_alert(checked([SMALL, NOTE, replace(COPIES, accepted=True)]))


def test_findings_are_counted() -> None:
    assert counted(Findings((COPIES, KEY, NOTE, replace(SMALL, accepted=True)))) == (
        "2 warnings, 1 accepted by the plan and 1 note"
    )
