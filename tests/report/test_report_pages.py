"""The summary and the page: true, complete, and safe against whatever stands in the log."""

from __future__ import annotations

import hashlib
import html.parser
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.history_figure import history_spec
from holdfast.report.page import report_html
from holdfast.report.results import write_results
from holdfast.report.summary import summary_markdown

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


class Reader(html.parser.HTMLParser):
    """Collects the tags and the text of a page, and fails on tags that do not close."""

    void = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_summary_puts_the_three_scores_side_by_side_first() -> None:
    text = summary_markdown(studies.governed_study().book)
    assert text.index("## The three scores") < text.index("## The model that ships") < text.index("## The protocol")
    assert "Naive score | Estimate | Test" in text
    for sentence in ("that much luck was taken off", "Clopper-Pearson", "RMX", "holdfast verify digits --head"):
        assert sentence in text


def test_the_head_on_the_page_is_that_of_the_log() -> None:
    book = studies.governed_study().book
    assert book.head.hash in summary_markdown(book)
    assert book.head.hash in report_html(book)


def test_the_page_needs_nothing_from_outside() -> None:
    reader = read(report_html(studies.governed_study().book))
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    assert not [
        value for name, value in reader.attributes if name in {"src", "href"} and (value or "").startswith("http")
    ]
    assert ("role", "img") in reader.attributes
    labels = [value for name, value in reader.attributes if name == "aria-label"]
    assert any((label or "").startswith("Optimisation history of 12 trials") for label in labels)


def test_all_trials_and_failures_are_on_the_page() -> None:
    study = studies.governed_study()
    text = " ".join(read(report_html(study.book)).text)
    assert "the network exploded" in text
    assert text.count("random") >= len(study.trials)


@pytest.mark.parametrize("n_trials", [0, 1, 5])
def test_a_study_that_is_not_finished_says_what_is_not_there(n_trials: int) -> None:
    study = studies.toy_study(n_trials)
    text = summary_markdown(study.book)
    assert "the study has no plan, so that no test rows were sealed" in text
    read(report_html(study.book))
    studies.note_plan(study)
    studies.note_split(study)
    text = summary_markdown(study.book)
    assert "it has not been made yet" in text
    assert "Not there yet: choice, estimate, model and test opened." in text
    assert "the test rows have not been opened" in text


def test_a_second_opening_is_prominent_with_its_reason() -> None:
    study = studies.governed_study()
    studies.note_opening(study, 2, ["by study 'digits', 359 of these rows"], "a bug in the metric")
    for page in (summary_markdown(study.book), report_html(study.book)):
        assert page.index("opened for the second time") < page.index("hree scores")
        assert "a bug in the metric" in page


def test_a_halted_study_says_why_until_it_goes_on() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    with pytest.raises(holdfast.HoldfastError):
        study.optimize(lambda _: 1 / 0, n_trials=9)
    assert "The study ended itself: 5 trials in a row failed alike" in summary_markdown(study.book)
    study.optimize(lambda trial: trial["x"], n_trials=1)
    assert "and went on later" in summary_markdown(study.book)


NASTY = st.sampled_from(["<script>alert(1)</script>", "a&b", '"><img src=x onerror=alert(1)>', "|x|", "`x`", "\n# x"])


@settings(max_examples=15)
@given(NASTY, NASTY, NASTY)
def test_nothing_in_the_log_becomes_html(name: str, choice: str, error: str) -> None:
    space = holdfast.Space({name: holdfast.Categorical([choice, "plain"]), "x": holdfast.Float(0, 1)})
    study = holdfast.Study(space, strategy="random", direction={"loss": "minimize"}, name="digits")
    for i in range(3):
        trial = study.ask()
        study.tell(trial, {"loss": 0.5, name: 1.0}) if i else study.tell(trial, state="failed", error=error)
    studies.note_split(study, source={"description": name, "sha256": "ab" * 32}, notes=[error])
    reader = read(report_html(study.book))
    assert not {"script", "img"} & set(reader.tags)
    assert not [attribute for attribute, _ in reader.attributes if attribute.startswith("on")]
    assert "<script>" not in summary_markdown(study.book).replace("\\<script\\>", "")


def test_the_picture_is_one_specification_drawn_three_ways(tmp_path: Path) -> None:
    state = studies.governed_study().book.state
    for narrow in (False, True):
        spec = history_spec(state, narrow=narrow)
        root = ET.fromstring(draw_svg(spec))
        assert root.tag.endswith("svg")
        assert draw_svg(spec) == draw_svg(spec)
    png = draw_png(history_spec(state, background="white"))
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


def test_values_that_no_axis_can_hold_do_not_break_the_picture() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    for value in (1e300, -1e300, 0.0, float("nan"), 1e-300):
        study.tell(study.ask(), value)
    assert draw_svg(history_spec(study.book.state))


def test_results_are_files_with_their_hashes(tmp_path: Path) -> None:
    book = studies.governed_study().book
    files = write_results(book, tmp_path)
    assert set(files) == {"summary.md", "report.html", "trials.csv", "figures/history.png", "figures/history.svg"}
    for name, sha256 in files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256
    assert write_results(book, tmp_path) == files
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(files)
