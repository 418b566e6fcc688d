"""The section on what mattered: its figures, its sentences, and what it says where there is nothing to say."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pytest

import holdfast
from holdfast.facts.blocks import Document, Figure, Paragraph, Section
from holdfast.report.charts import sized
from holdfast.report.content import document
from holdfast.report.figures import draw_svg, is_picture
from holdfast.report.hyperparameter_figures import hyperparameter_figures
from holdfast.report.importance_figure import importance_figure
from holdfast.report.understanding import dependences, understanding_section
from holdfast.study.study import Study

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies

NAMES = ["</script><b>", "a.b[0]['c']\\", "datum.x || 1", "\u202e\x00", "😀" * 40, "__proto__ × ×", "x" * 300]


def told(names: list[str], n: int = 80, choice: str = "<i>") -> Study:
    """The first two act together, the third is a choice that switches the fourth on."""
    domains: dict[str, Any] = {name: holdfast.Float(0, 1) for name in names}
    domains[names[2]] = holdfast.Categorical([choice, f"{choice}.", None])
    domains[names[3]] = holdfast.Float(0, 1, when={names[2]: choice})
    study = Study(holdfast.Space(domains), direction="maximize", strategy="random", seed=4, name="names")
    for _ in range(n):
        trial = study.ask()
        one, other = float(str(trial[names[0]])), float(str(trial[names[1]]))
        study.tell(trial, -((one - other) ** 2) - 0.3 * one + 0.1 * float(str(trial.config.get(names[3], 0.5))))
    return study


def section_of(page: Document) -> Section:
    (found,) = [section for section in page.sections if section.title == "What mattered"]
    return found


@pytest.fixture(scope="module")
def page() -> Document:
    return document(told(["rate", "size", "kind", "momentum", "e", "f", "g"]).book)


def test_every_figure_is_there_with_a_sentence(page: Document) -> None:
    figures = {figure.name: figure for figure in page.figures}
    assert {"importance", "interactions", "interaction-1", "ablation"} <= set(figures)
    for name in ("importance", "interactions", "interaction-1", "ablation"):
        figure = figures[name]
        alt.Chart.from_dict(sized(figure.spec, figure.width))  # raises where the schema of Vega-Lite is broken
        assert figure.caption.endswith(".")
        assert is_picture(f"{name}.svg")
    assert "of the expected gain of" in figures["ablation"].caption
    assert figures["interaction-1"].caption.startswith(("rate × size: together", "size × rate: together"))
    assert "momentum in 33% of the space" in figures["importance"].caption
    text = " ".join(block.text for block in section_of(page).blocks if isinstance(block, Paragraph))
    assert "The model expects" in text


def test_a_search_that_learns_is_said_to_share_what_matters_little() -> None:
    study = told(["rate", "size", "kind", "momentum", "e", "f", "g"], n=120)
    found = study.importance()
    assert any(each.pedanova is not None for each in found.hyperparameters)
    assert "A search that goes by scores" not in importance_figure(found).caption
    assert "A search that goes by scores" in importance_figure(found, adaptive=True).caption


def test_what_a_model_expects_is_drawn_over_the_trials() -> None:
    study = told(["rate", "size", "kind", "momentum", "e", "f", "g"])
    expected = dependences(study.book.state)
    assert set(expected) == {"rate", "size", "kind", "momentum", "e", "f", "g"}
    plain, drawn = hyperparameter_figures(study.book.state), hyperparameter_figures(study.book.state, expected)
    for before, after in zip(plain, drawn, strict=True):
        assert len(json.dumps(after.spec)) > len(json.dumps(before.spec))
        assert after.caption.startswith(before.caption)
    assert "Over all else the best is expected near" in drawn[0].caption


def test_what_counts_with_another_score_than_its_own_is_said_beside_the_pictures() -> None:
    study = Study(holdfast.Space({"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1)}), strategy="random", name="far")
    study.optimize(lambda trial: 1e9 if trial["x"] > 0.7 else trial["x"] + trial["y"], n_trials=60)
    note = study.importance().note
    page = document(study.book)
    assert re.fullmatch(r"\d+ trials with far worse scores count as [\d.]+\.", note)
    (importance,) = [figure for figure in page.figures if figure.name == "importance"]
    assert note in importance.caption
    (section,) = [each for each in page.sections if each.title == "Every hyperparameter against the score"]
    assert note in " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def test_no_name_breaks_a_figure_of_the_analysis() -> None:
    figures: list[Figure] = document(told(NAMES).book).figures
    assert {"importance", "interactions", "ablation"} <= {figure.name for figure in figures}
    for figure in figures:
        json.dumps(figure.spec, allow_nan=False)
        ET.fromstring(draw_svg(figure))


def test_extreme_values_do_not_break_the_analysis() -> None:
    domains: dict[str, Any] = {
        "x": holdfast.Float(-1e308, 1e308),
        "y": holdfast.Float(5e-324, 1e300, log=True),
        "n": holdfast.Int(1, 2**62),
        "one": holdfast.Categorical(["only"]),
    }
    study = Study(holdfast.Space(domains), strategy="random", seed=1, name="extreme")
    for number in range(40):
        trial = study.ask()
        study.tell(trial, math.nan if number == 7 else 1e90 * (float(str(trial["x"])) / 1e308) ** 2)
    for figure in document(study.book).figures:
        json.dumps(figure.spec, allow_nan=False)
        ET.fromstring(draw_svg(figure))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([], "needs at least 20 trials"),
        ([1.0] * 30, "Every trial has the same score"),
        (np.random.default_rng(0).normal(size=40).tolist(), "could be told from noise"),
    ],
    ids=["few", "same", "noise"],
)
def test_nothing_to_say_is_said(scores: list[float], said: str) -> None:
    study = Study(holdfast.Space({f"x{i}": holdfast.Float(0, 1) for i in range(4)}), strategy="random", name="quiet")
    for score in scores or [1.0, 2.0]:
        study.tell(study.ask(), score)
    section = understanding_section(study.book.state)
    (block,) = section.blocks
    assert isinstance(block, Paragraph)
    assert said in block.text
    assert dependences(study.book.state) == {}


def test_the_example_of_the_page_on_the_report_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(code, "docs/report.md", "exec"), {})
    assert "Of how much the score varies over the space, x for" in capsys.readouterr().out


def test_a_metered_study_of_few_trials_is_whole() -> None:
    page = document(studies.metered_study(12).book)
    (text,) = [block.text for block in section_of(page).blocks if isinstance(block, Paragraph)]
    assert re.fullmatch(
        r"An analysis of 4 hyperparameters needs at least 20 trials that ended with a score, and there are \d+\.", text
    )
