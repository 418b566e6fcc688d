"""The front matter: what the Hub reads, true to the log, and never another score for the test."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MissingExtraError, RequestError
from holdfast.govern.card import card_text
from holdfast.govern.metadata import FILLED, from_yaml, joined, metadata, problems_of, source_name, to_yaml

if TYPE_CHECKING:
    from tests.govern import logs
else:
    import logs


def test_the_index_holds_the_test_score_and_the_hub_reads_it() -> None:
    front = metadata(logs.governed_study().book, "https://example.org/report.html")
    assert front["pipeline_tag"] == "tabular-classification"
    assert front["library_name"] == "holdfast"
    assert {"skops", "sklearn", "svm"} <= set(front["tags"])
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["task"]["type"] == "tabular-classification"
    assert result["dataset"] == {
        "name": "sklearn:digits (1797 rows × 65 columns)",
        "type": "sklearn:digits",
        "split": "test",
        "revision": "12" * 32,
    }
    assert result["metrics"] == [{"type": "accuracy", "value": 0.9, "name": "accuracy on 40 sealed test rows"}]
    assert result["source"]["url"] == "https://example.org/report.html"
    assert front["holdfast"]["test"]["low"] == 0.8


def test_without_a_test_score_no_other_score_stands_for_it() -> None:
    front = metadata(logs.governed_study(test=None).book)
    assert "model-index" not in front
    assert "test" not in front["holdfast"]
    assert "0.95" not in to_yaml(front)
    assert "model-index" not in metadata(logs.governed_study(test=math.nan).book)


def test_a_second_opening_shows_in_the_name_of_the_metric() -> None:
    study = logs.governed_study()
    logs.note_end(study, opening=2)
    (metric,) = metadata(study.book)["model-index"][0]["results"][0]["metrics"]
    assert metric["name"].endswith("opened for the second time")


@pytest.mark.parametrize(
    ("task", "metric", "pipeline", "kind"),
    [
        ("regression", "rmse", "tabular-regression", "rmse"),
        ("regression", "r2", "tabular-regression", "r_squared"),
        ("multiclass", "f1_macro", "tabular-classification", "f1"),
        ("clustering", "silhouette", None, "silhouette"),
    ],
)
def test_tasks_and_metrics_are_named_as_the_hub_names_them(
    task: str, metric: str, pipeline: str | None, kind: str
) -> None:
    study = logs.governed_study(task, metric)
    front = metadata(study.book)
    assert front.get("pipeline_tag") == pipeline
    result = front["model-index"][0]["results"][0]
    assert result["task"]["type"] == (pipeline or task)
    assert result["metrics"][0]["type"] == kind
    assert problems_of(card_text(study.book)) == []


def test_carbon_is_in_grams_where_it_is_known_and_left_out_where_it_is_not() -> None:
    study = logs.governed_study()
    assert "co2_eq_emissions" not in metadata(study.book)
    study.book.note("price.set", {"kg_co2e_per_kwh": 0.4, "carbon_uncertainty": 0.1, "machine": "2 cores"})
    usage = {"wall_seconds": [3.0, "counter", 1.0, 0.0], "kwh": [0.5, "TDP estimate", 1.0, 0.3]}
    study.book.note("phase.metered", {"phase": "fit", "usage": usage})
    emissions = metadata(study.book)["co2_eq_emissions"]
    assert emissions["emissions"] == pytest.approx(200.0)
    assert "TDP estimate" in emissions["source"]
    assert emissions["hardware_used"] == "2 cores"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("sklearn:wine", "sklearn:wine"),
        ("/data/private/customers.csv", "customers.csv"),
        ("..\\tables\\customers.parquet", "customers.parquet"),
        ("C:\\tables\\customers.csv", "customers.csv"),
        ("my_tables:load", "my_tables:load"),
    ],
)
def test_a_file_is_named_without_its_folder(source: str, name: str) -> None:
    study = logs.bare_study()
    logs.note_plan(study, source=source)
    assert source_name(study.book.state) == name


def test_a_persons_keys_and_tags_stay_and_the_logs_keys_win() -> None:
    ours = metadata(logs.governed_study().book)
    front = joined(ours, {"license": "mit", "tags": ["medical", "svm"], "metrics": ["made up"], "language": "en"})
    assert front["license"] == "mit"
    assert front["language"] == "en"
    assert front["tags"] == [*ours["tags"], "medical"]
    assert front["metrics"] == ["accuracy"]
    assert "# license" in to_yaml(ours)
    assert "# license" not in to_yaml(front)


def test_front_matter_that_is_no_table_is_answered_by_a_sentence() -> None:
    with pytest.raises(RequestError, match=r"front matter of x, line 3 is not YAML"):
        from_yaml("a: 1\n\tb: 2\n", "x")
    with pytest.raises(RequestError, match="no 'key: value' lines"):
        from_yaml("just words\n", "x")


def test_without_the_extra_the_check_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_text(logs.governed_study().book)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"holdfast\[card\]"):
        problems_of(card)


def test_the_hubs_reader_finds_a_broken_index() -> None:
    card = card_text(logs.governed_study().book)
    assert problems_of(card) == []
    assert problems_of(card.replace("      type: sklearn:digits\n", "")) != []


KEYS = st.dictionaries(st.text(min_size=1), st.text() | st.floats(allow_nan=False) | st.lists(st.text()), max_size=4)


@given(KEYS)
def test_whatever_a_person_adds_is_read_back_as_it_was(added: dict[str, Any]) -> None:
    theirs = {key: value for key, value in added.items() if key not in {*FILLED, "tags"}}
    front = joined({"tags": ["a"]}, theirs)
    assert yaml.safe_load(to_yaml(front)) == front
    assert "\n---\n" not in to_yaml(front)
