"""The naive score beside the corrected one on the page: drawn where nothing else has both, and an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import holdfast
from holdfast.evaluate.estimate import estimate
from holdfast.facts.blocks import Alert, Document, Figure
from holdfast.facts.markdown import markdown
from holdfast.report.content import document
from holdfast.report.figures import draw_svg, is_picture
from holdfast.report.overtuning_figure import MOST, overtuning_figure, overtuning_on_page
from holdfast.study.study import Study

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


def lucky_study(n: int = 60, name: str = "lucky") -> Study:
    """Eleven trials that get better, without any luck, and then others that are as good as the last one of these."""
    columns = np.random.default_rng(0).normal(size=(200, n))
    columns[:, :11] -= columns[:, :11].mean(axis=0)
    columns += 0.3 * np.minimum(np.arange(n), 10)
    study = Study({"x": holdfast.Float(0, 1)}, direction={"accuracy": "maximize"}, strategy="random", name=name)
    for column in columns.T:
        study.tell(study.ask(), float(column.mean()), rows=holdfast.RowScores(column))
    return study


def search_blocks(page: Document) -> tuple[list[str], list[Figure]]:
    """The alarms and the pictures of the section on the search."""
    section = next(section for section in page.sections if section.title == "The search")
    figures = [block for block in section.blocks if isinstance(block, Figure)]
    return [block.text for block in section.blocks if isinstance(block, Alert)], figures


def test_the_picture_and_the_alarm_of_a_study_in_progress() -> None:
    study = lucky_study()
    alarms, figures = search_blocks(document(study.book))
    assert alarms == [study.overtuning().alarm]
    assert [figure.name for figure in figures] == ["history", "overtuning"]
    assert is_picture("overtuning.svg")
    drawn, found = figures[1], study.overtuning()
    assert f"last improved {found.since} complete trials ago, at the dashed line" in drawn.caption
    assert f"{found.naive[-1]:.4g} naively, {found.corrected[-1]:.4g} corrected" in drawn.alternative
    svg = draw_svg(drawn)
    assert ">naive<" in svg
    assert ">corrected<" in svg


def test_no_second_picture_where_the_first_has_the_estimate_along_the_way() -> None:
    study = lucky_study()
    studies.note_choice(study)
    rows = [study.book.get_rows(trial.rows) for trial in study.trials if trial.rows is not None]
    made = estimate(rows, direction="maximize", estimand="scored", seed=study.book.state.settings.seed)
    studies.note_estimate(study, score=made.score.to_json(), luck=made.luck, naive=made.naive)
    page = document(study.book)
    alarms, figures = search_blocks(page)
    assert len(alarms) == 1
    assert "On the select rows" not in markdown(page)
    finalists = [{"trial": 20, "value": 2.9}, {"trial": 10, "value": 3.1}]
    study.book.note("choice.made", {**study.book.state.notes["choice.made"][-1], "finalists": finalists})
    assert "would have lost up to 0.2." in markdown(document(study.book))
    assert [figure.name for figure in figures] == ["history"]


def test_no_picture_without_row_scores_a_best_trial_or_enough_trials() -> None:
    bare = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    bare.optimize(lambda trial: float(trial["x"]), n_trials=6)
    assert overtuning_figure(bare.book, overtuning_on_page(bare.book)) is None
    assert overtuning_on_page(lucky_study(3).book) is None
    two = Study({"x": holdfast.Float(0, 1)}, direction={"a": "minimize", "b": "minimize"}, strategy="random")
    two.optimize(lambda trial: (0.0, 1.0), n_trials=5)
    assert overtuning_on_page(two.book) is None


def test_a_long_search_is_drawn_by_few_points() -> None:
    study = lucky_study(700)
    figure = overtuning_figure(study.book, overtuning_on_page(study.book))
    assert figure is not None
    most = max(len(rows) for rows in figure.spec["datasets"].values())
    assert 200 < most <= MOST + 2
