"""What a page says of the data: the columns that the model takes, and those that are sensitive."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.facts.protocol import columns_sentence, sensitive_sentence


def columns(**sensitive_and_taken: tuple[bool, bool]) -> dict[str, Any]:
    found = [
        {"name": name, "sensitive": sensitive, "feature": taken}
        for name, (sensitive, taken) in sensitive_and_taken.items()
    ]
    return {"columns": found, "target": "y"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (columns(age=(True, True), x=(False, True)), "it: age; the model takes it."),
        (columns(age=(True, False), x=(False, True)), "it: age; the model does not take it."),
        (columns(age=(True, True), sex=(True, False)), "it: age and sex; of them the model takes age."),
        (columns(age=(True, True), sex=(True, True)), "it: age and sex; the model takes each of them."),
        (columns(age=(True, False), sex=(True, False)), "it: age and sex; the model takes none of them."),
        (columns(x=(False, True)), "No column was marked as sensitive"),
    ],
)
def test_the_page_says_which_sensitive_columns_the_model_takes(schema: dict[str, Any], said: str) -> None:
    assert said in sensitive_sentence(schema)
    assert ("No score here is broken down by that." in sensitive_sentence(schema)) == ("it: " in said)


def test_a_schema_without_columns_says_nothing_of_sensitive_ones() -> None:
    assert not sensitive_sentence({})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (columns(x=(False, True), z=(False, True)), "Beside the target 'y' the model takes 2 columns."),
        (
            columns(y=(False, False), x=(False, True), site=(True, False)),
            "Beside the target 'y' the model takes 1 column; 1 more is kept for slices, groups or dates.",
        ),
        ({**columns(x=(False, True)), "target": None}, "The model takes 1 column."),
    ],
)
def test_the_page_counts_the_columns_that_the_model_takes(schema: dict[str, Any], said: str) -> None:
    assert columns_sentence(schema) == said
