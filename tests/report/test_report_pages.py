"""The summary and the page: true, complete, and safe against whatever stands in the log."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.report import figures
from holdfast.report.content import document, with_trials
from holdfast.report.figures import picture
from holdfast.report.page import page_html
from holdfast.report.results import write_results
from holdfast.report.summary import summary_markdown
from holdfast.study.book import Book

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


def report_html(book: Book) -> str:
    return page_html(with_trials(document(book), book.state), book.head)


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
    order = ["The three scores", "The protocol", "The search", "What it cost", "The winner", "The model", "Failures"]
    assert [text.index(f"## {title}") for title in order] == sorted(text.index(f"## {title}") for title in order)
    assert "Naive score | Estimate | Test" in text
    for sentence in ("that much luck was taken off", "Clopper-Pearson", "RMX", "holdfast verify digits --head"):
        assert sentence in text


def test_the_head_on_the_page_is_that_of_the_log() -> None:
    book = studies.governed_study().book
    assert book.head.hash in summary_markdown(book)
    assert book.head.hash in report_html(book)


def test_the_page_needs_nothing_from_outside() -> None:
    reader = read(report_html(studies.governed_study().book))
    assert not {"link", "img", "iframe", "object"} & set(reader.tags)
    links = [value or "" for name, value in reader.attributes if name in {"src", "href"}]
    assert [link for link in links if not link.startswith("#")] == []
    labels = [value or "" for name, value in reader.attributes if name == "aria-label"]
    assert any(label.startswith("Optimisation history of 12 trials") for label in labels)


def test_only_the_scripts_of_the_page_may_run() -> None:
    page = report_html(studies.governed_study().book)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    policy = html.unescape(policy)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(scripts) == 2
    for text in (*scripts, *styles):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_headings_are_in_order_and_links_lead_to_them() -> None:
    page = report_html(studies.metered_study(12).book)
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert set(re.findall(r'<a href="#([^"]*)"', page)) == set(re.findall(r'<section id="([^"]*)"', page))


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
    assert "this study has not opened the test rows" in text


def test_a_second_opening_is_prominent_with_its_reason() -> None:
    study = studies.governed_study()
    studies.note_opening(study, 2, ["by study 'digits', 359 of these rows"], "a bug in the metric")
    for page in (summary_markdown(study.book), report_html(study.book)):
        assert page.index("opened for the second time") < page.index(
            ">The three scores</h2>" if "<h2" in page else "##"
        )
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
    assert "img" not in reader.tags
    assert reader.tags.count("script") == 2 + len(document(study.book).figures)
    assert not [attribute for attribute, _ in reader.attributes if attribute.startswith("on")]
    assert "<script>" not in summary_markdown(study.book).replace("\\<script\\>", "")


def test_results_are_files_with_their_hashes(tmp_path: Path) -> None:
    book = studies.governed_study().book
    files = write_results(book, tmp_path)
    pictures = {f"figures/{figure.name}.{ending}" for figure in document(book).figures for ending in ("png", "svg")}
    assert set(files) == {"summary.md", "report.html", "trials.csv", *pictures}
    assert {"figures/scores.png", "figures/history.svg", "figures/hyperparameter-learning_rate.png"} <= pictures
    for name, sha256 in files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256
    assert write_results(book, tmp_path) == files
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(files)


def test_pictures_of_an_earlier_state_go(tmp_path: Path) -> None:
    study, folder = studies.toy_study(3), tmp_path / "figures"
    left = [
        "hyperparameter-old.png",
        "predicted-trial-7.png",
        "population.svg",
        "schedule-0.svg",
        "max_parameters.png",
        "curve-trial-99.svg",
    ]
    foreign = ["of-my-own.png", "my-scores.png", "scores.pdf", "schedule-of-ours.png"]
    folder.mkdir()
    for name in [*left, *foreign]:
        (folder / name).write_bytes(b"")
    write_results(study.book, tmp_path)
    assert [name for name in left if (folder / name).exists()] == []
    assert all((folder / name).exists() for name in foreign)
    assert (folder / "history.png").exists()


def test_every_picture_of_the_summary_is_a_file(tmp_path: Path) -> None:
    files = write_results(studies.metered_study(12).book, tmp_path)
    named = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (tmp_path / "summary.md").read_text(encoding="utf-8"))
    assert len(named) > 8
    assert set(named) <= set(files)


def test_a_picture_that_a_later_report_would_not_know_for_ours_is_refused() -> None:
    assert picture("predicted-trial-7", {}, "", "").name == "predicted-trial-7"
    with pytest.raises(ValueError, match=r"'weather', which holdfast\.report\.figures\.NAMES does not have"):
        picture("weather", {}, "", "")


def test_every_picture_of_a_report_is_made_where_its_name_is_checked() -> None:
    modules = Path(figures.__file__).parent.glob("*.py")
    makers = {path.name for path in modules if re.search(r"\bFigure\(", path.read_text(encoding="utf-8"))}
    assert makers == {"figures.py", "rate_figure.py"}  # that of a learning rate is in no report
