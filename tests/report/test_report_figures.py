"""The figures: one specification each, with a caption and an alternative, safe against any name, and readable."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.facts.blocks import Figure
from holdfast.facts.numbers import number
from holdfast.report import palette
from holdfast.report.axes import axes
from holdfast.report.charts import label, sized
from holdfast.report.content import document
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.history_figure import history_figure
from holdfast.report.hyperparameter_figures import file_names, hyperparameter_figures
from holdfast.report.parallel_figure import parallel_figure
from holdfast.report.ranked import scored, where_the_best_lie
from holdfast.report.scores_figure import scores_figure
from holdfast.stats.ranks import rank_correlation

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies

CSS = Path(palette.__file__).parent / "templates" / "report.css"


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return document(studies.metered_study().book).figures


def test_every_figure_is_valid_and_says_what_to_see(figures: list[Figure]) -> None:
    names = [figure.name for figure in figures]
    assert {"scores", "history", "parallel", "hyperparameter-layers", "training-validation", "cost"} <= set(names)
    assert any(name.startswith("curve-trial-") for name in names)
    assert len(set(names)) == len(names)
    for figure in figures:
        assert re.fullmatch(r"[a-z0-9_-]+", figure.name)
        assert figure.caption.endswith((".", ")"))
        assert len(figure.alternative) > 30
        alt.Chart.from_dict(sized(figure.spec, figure.width))  # raises where the schema of Vega-Lite is broken


def test_a_figure_is_the_same_picture_wherever_it_is_drawn(figures: list[Figure]) -> None:
    figure = next(figure for figure in figures if figure.name == "scores")
    svg = draw_svg(figure)
    assert svg == draw_svg(figure)
    assert ET.fromstring(svg).attrib["width"] == str(figure.width)
    assert draw_png(svg).startswith(b"\x89PNG")
    assert {**sized(figure.spec, "container"), "width": figure.width} == sized(figure.spec, figure.width)


def test_scores_are_drawn_only_where_there_are_two() -> None:
    study = studies.toy_study(6)
    assert scores_figure(study.book.state) is None
    studies.note_choice(study)
    studies.note_estimate(study, luck=0.01)
    figure = scores_figure(study.book.state)
    assert figure is not None
    assert "the luck taken off: 0.01." in figure.caption


NASTY = [
    "</script><script>alert(1)</script>",
    "a.b[0]['c']\\",
    "datum.x || 1",
    "\"quoted\" 'twice'",
    "{{ 7 * 7 }}",
    "\u202e\x00\x1b[31m",
    "😀" * 40,
    "x" * 3000,
    "__proto__",
    "image",
    "%(n)s $& <b>",
]


@pytest.mark.parametrize("name", NASTY, ids=[f"name{i}" for i in range(len(NASTY))])
def test_no_name_breaks_a_figure_or_is_a_field(name: str) -> None:
    space = holdfast.Space({name: holdfast.Categorical([name, f"{name}.", None, True]), "x": holdfast.Float(0, 1)})
    study = holdfast.Study(space, strategy="random", direction={f"m {name}": "maximize"}, seed=1)
    for i in range(12):
        trial = study.ask()
        study.tell(trial, i / 12) if i != 5 else study.tell(trial, state="failed", error=name)
    drawn = document(study.book).figures
    assert len(drawn) >= 4
    for figure in drawn:
        json.dumps(figure.spec, allow_nan=False)
        ET.fromstring(draw_svg(figure))
        assert not [field for field in fields(figure.spec) if not re.fullmatch(r"[a-zA-Z0-9]+", field)]


def fields(spec: Any) -> set[str]:
    """Every field that a specification reads."""
    if isinstance(spec, dict):
        own = {spec["field"]} if isinstance(spec.get("field"), str) else set()
        return own.union(*(fields(value) for key, value in spec.items() if key not in {"datasets", "data"}))
    return set().union(*map(fields, spec)) if isinstance(spec, list) else set()


@settings(max_examples=30)
@given(st.text(max_size=80), st.integers(2, 40))
def test_a_label_is_a_short_line_that_can_be_drawn(text: str, longest: int) -> None:
    assert 1 <= len(label(text, longest)) <= longest
    assert label(text, longest).isprintable()


def test_values_that_no_axis_can_hold_do_not_break_a_figure() -> None:
    space: dict[str, holdfast.Float | holdfast.Int | holdfast.Categorical] = {
        "x": holdfast.Float(-1e308, 1e308),
        "y": holdfast.Float(5e-324, 1e300, log=True),
        "n": holdfast.Int(1, 2**62),
    }
    study = holdfast.Study(holdfast.Space(space), strategy="random")
    for value in (1e300, -1e300, 0.0, float("nan"), 1e-300, 7.0):
        study.tell(study.ask(), value)
    for figure in document(study.book).figures:
        json.dumps(figure.spec, allow_nan=False)
        ET.fromstring(draw_svg(figure))


def test_a_choice_that_is_not_active_is_passed_at_the_side() -> None:
    state = studies.metered_study().book.state
    figure = parallel_figure(state)
    assert figure is not None
    assert "Where a hyperparameter is not active" in figure.caption
    (momentum,) = [each for each in hyperparameter_figures(state) if each.name == "hyperparameter-momentum"]
    active = sum("momentum" in trial.config for trial in scored(state))
    assert f"It was active in {active} of {len(scored(state))} trials" in momentum.caption


def test_what_the_captions_claim_is_in_the_data() -> None:
    state = studies.metered_study(60).book.state
    by_name = {axis.name: axis for axis in axes(state)}
    order = scored(state)
    values = [trial.metrics["accuracy"] for trial in order]
    assert values == sorted(values, reverse=True)
    best = [float(str(trial.config["learning_rate"])) for trial in order[:6]]
    text = where_the_best_lie(by_name["learning_rate"], order)
    low, high = (float(number) for number in re.findall(r"[\d.e-]+", text.partition("between")[2]))
    assert (low, high) == pytest.approx((min(best), max(best)), rel=1e-3)


def test_a_winner_at_an_end_that_nobody_can_pass_asks_for_no_wider_range() -> None:
    space: dict[str, Any] = {
        "dropout": holdfast.Float(0.0, 0.5),
        "warmup": holdfast.Int(0, 9),
        "width": holdfast.Int(8, 64),
    }
    study = holdfast.Study(space, strategy="random", seed=0, name="ends")
    study.enqueue({"dropout": 0.0, "warmup": 0, "width": 64})
    study.optimize(lambda trial: trial["dropout"] + trial["warmup"] - trial["width"], n_trials=12)
    captions = {figure.name: figure.caption for figure in hyperparameter_figures(study.book.state)}
    said = {name: "end of the range" in caption for name, caption in captions.items()}
    assert said == {
        "hyperparameter-dropout": False,
        "hyperparameter-warmup": False,
        "hyperparameter-width": True,
    }


def test_axes_have_the_numbers_of_tables() -> None:
    space: dict[str, Any] = {"rate": holdfast.Float(1e-12, 1.0, log=True), "units": holdfast.Int(10, 10**7, log=True)}
    study = holdfast.Study(space, direction={"mse": "minimize"}, strategy="random", seed=0, name="axes")
    study.optimize(lambda trial: {"mse": 1e-6 * (3 + math.log10(trial["rate"]) / 12)}, n_trials=12)
    for figure, ends in zip(hyperparameter_figures(study.book.state), ((1e-12, 1), (10, 10**7)), strict=True):
        texts = [node.text or "" for node in ET.fromstring(draw_svg(figure)).iter() if node.tag.endswith("text")]
        ticks = [text for text in texts if re.fullmatch(r"[\d.e+-]+", text)]
        assert len(ticks) > 5
        assert all(text == number(float(text)) for text in ticks)
        assert {number(end) for end in ends} & set(ticks)


def test_the_caption_says_that_finalists_were_scored_on_rows_of_their_own() -> None:
    study = studies.governed_study()
    figure = history_figure(study.book.state)
    assert figure is not None
    assert "select rows" not in figure.caption
    study.book.note("data.split", {"source": {}, "schema": {}, "roles": {"select": {"rows": 40}}})
    figure = history_figure(study.book.state)
    assert figure is not None
    assert "from the select rows, the points from the validation rows" in figure.caption


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    x, y = [3.0, 1.0, 1.0, 5.0, 4.0, 4.0], [2.0, 0.5, 1.0, 9.0, 9.0, 1.0]
    assert rank_correlation(x, y) == pytest.approx(float(spearmanr(x, y).statistic))
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0


def test_files_of_hyperparameters_have_plain_different_names() -> None:
    names = file_names(["a/b", "A B", "../../x", "é", "", "con\x00"])
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"hyperparameter-[a-z0-9_-]+", name) for name in names)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wikipedias_example() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert math.isclose(contrast("#777777", "#ffffff"), 4.48, abs_tol=0.01)


def test_text_stands_out_by_4_5_to_1_in_light_and_dark() -> None:
    light, dark, printed = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in roots())
    for colors in (light, {**light, **dark}, {**light, **printed}):
        for text in ("ink", "quiet", "link", "naive", "estimate", "test"):
            for ground in ("paper", "raised"):
                assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground, colors)
        assert contrast(colors["ink"], colors["alert"]) >= 4.5


def roots() -> list[str]:
    return re.findall(r":root \{(.*?)\}", CSS.read_text(encoding="utf-8"), re.DOTALL)


def test_marks_stand_out_by_3_to_1_in_light_and_dark() -> None:
    dark_paper = palette.DARK[palette.PAPER]
    assert f"--paper: {dark_paper}" in roots()[1]
    for light, dark in palette.DARK.items():
        if light != palette.PAPER:
            assert contrast(light, palette.PAPER) >= 3
            assert contrast(dark, dark_paper) >= 3
    words = (palette.VERMILION, palette.GREEN)  # the names of the scores beside the history
    assert all(contrast(color, palette.PAPER) >= 4.5 for color in words)
    assert all(contrast(palette.DARK[color], dark_paper) >= 4.5 for color in words)
