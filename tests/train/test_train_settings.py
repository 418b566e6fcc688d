from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import RequestError
from holdfast.train.schedules import SCHEDULES
from holdfast.train.settings import Settings


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"learning_rate": 0.0}, "'learning_rate' is 0.0; it is a number above 0"),
        ({"learning_rate": float("nan")}, "'learning_rate' is nan"),
        ({"learning_rate": "fast"}, "'learning_rate' is 'fast'"),
        ({"batch_size": 0}, "'batch_size' is 0; it is a whole number from 1"),
        ({"batch_size": 32.5}, "'batch_size' is 32.5; it is a whole number from 1"),
        ({"momentum": 1.0}, "'momentum' is 1.0; it is a number from 0 to below 1"),
        ({"clip": True}, "'clip' is True"),
        ({"optimizer": "adamv"}, "'optimizer' is 'adamv' .did you mean 'adam'"),
        ({"optimizer": "adamw", "decay": "coupled"}, "take adam"),
        ({"learning_rte": 0.1}, "'learning_rte' is no hyperparameter of the family 'mlp' .did you mean"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(config: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Settings.of(config)


def test_a_shape_is_left_to_its_architecture() -> None:
    assert Settings.of({"depth": 3, "momentum": 0.5}, {"depth"}).momentum == 0.5


def test_every_hyperparameter_and_schedule_is_on_its_page_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    for field in fields(Settings):
        value = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = f"{value:g}" if isinstance(value, float) else value
        assert f"| `{field.name}` | {shown} |" in page, field.name
    assert [schedule for schedule in SCHEDULES if f"| `{schedule}` |" not in page] == []
