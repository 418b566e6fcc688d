"""The weight column of a table: what is refused, what it leaves out, and that it is no feature."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.leakage.groups import groups
from holdfast.data.leakage.sizes import size
from holdfast.data.leakage.view import View
from holdfast.data.weights import check_weight, counting, relative, weights_of, with_weight
from holdfast.errors import DataError


def frame(weights: Any) -> pl.DataFrame:
    n = len(weights)
    return pl.DataFrame({"x": np.arange(n) % 7 / 7, "y": ["a", "b"] * (n // 2), "w": weights})


def schema_of(table: pl.DataFrame) -> Schema:
    return with_weight(infer_schema(table, "y", drop=["w"]), table, "w")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "has no value in row 2"),
        (float("nan"), "has no value in row 2"),
        (float("inf"), "holds inf in row 2"),
        (-0.5, "holds -0.5 in row 2"),
    ],
)
def test_a_value_that_is_no_weight_is_refused_by_its_row(value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        check_weight(frame([1.0, value, 2.0, 3.0]), "w", {}, {})
    assert caught.value.keys == ("weight",)


def test_a_column_that_is_something_else_is_refused() -> None:
    table = frame([1.0, 2.0])
    with pytest.raises(DataError, match=r"no column 'wt', which weight names \(did you mean 'w'\?\)"):
        check_weight(table.rename({"w": "w1"}).with_columns(w=1.0), "wt", {}, {})
    with pytest.raises(DataError, match="'w' is the target, and cannot stand under weight as well"):
        check_weight(table, "w", {"target": "w"}, {})
    with pytest.raises(DataError, match="no feature") as caught:
        check_weight(table, "w", {}, {"w": "numeric"})
    assert caught.value.keys == ("columns", "w")
    check_weight(table, "w", {"target": "y", "group of the split": None}, {"w": "drop"})


def test_weights_of_0_alone_and_ones_next_to_0_are_refused() -> None:
    with pytest.raises(DataError, match="0 in every row"):
        check_weight(frame([0, 0]), "w", {}, {})
    with pytest.raises(DataError, match="holds 1e-10 in row 1, less than a billionth of the largest, 1"):
        check_weight(frame([1e-10, 1.0]), "w", {}, {})


def test_numbers_in_texts_and_whole_numbers_are_weights() -> None:
    for weights in (["1", "2.5", "0", "1"], [1, 2, 0, 1], [True, True, False, True]):
        table = frame(weights)
        check_weight(table, "w", {}, {})
        schema = schema_of(table)
        assert counting(schema, table).tolist() == [True, True, False, True]


def test_the_weight_is_no_feature_and_stands_in_the_schema() -> None:
    table = frame([1.0, 0.0, 2.0, 3.0])
    schema = schema_of(table)
    assert [column.name for column in schema.features] == ["x"]
    assert not schema.column("w").feature
    assert schema.notes == ("1 row is left out, where the weight 'w' is 0",)
    assert Schema.from_json(schema.to_json()) == schema
    assert schema.to_json()["format"] == 2
    found = weights_of(schema, table)
    assert found is not None
    assert found.tolist() == [1.0, 0.0, 2.0, 3.0]


def test_a_schema_without_weights_is_written_as_ever() -> None:
    table = frame([1.0, 2.0, 3.0, 4.0])
    plain = infer_schema(table, "y", drop=["w"])
    assert plain.to_json()["format"] == 1
    assert "weight" not in plain.to_json()
    assert Schema.from_json(plain.to_json()) == plain
    assert weights_of(plain, table) is None
    assert counting(plain, table).all()


def test_weights_are_relative_to_their_mean_and_none_where_rows_count_alike() -> None:
    assert relative(None) is None
    assert relative(np.full(5, 3.0)) is None
    found = relative(np.array([1.0, 2.0, 3.0]) * 1e307)
    assert found is not None
    assert found.tolist() == pytest.approx([0.5, 1.0, 1.5])


def view(weights: np.ndarray, *, weighted: bool = True) -> View:
    n = len(weights)
    table = frame(weights).with_columns(x=np.random.default_rng(0).normal(size=n))
    schema = schema_of(table) if weighted else infer_schema(table, "y", drop=["w"])
    role = np.where(np.arange(n) < n // 2, "train", "validation")
    y = np.arange(n) % 2
    return View(schema, table, y, role, np.full(n, -1), ordered=False, numbers=np.arange(n), metric="accuracy")


def test_rows_that_weigh_unevenly_tell_finalists_apart_by_what_they_are_worth() -> None:
    even, heavy = np.ones(1200), np.where(np.arange(1200) % 20 == 0, 100.0, 1.0)
    assert size(view(even)) == size(view(heavy, weighted=False)) == []
    (found,) = size(view(heavy))
    assert found.count == 600
    least = 100 * 2.802 * np.sqrt(0.1 / (600 * 5.95**2 / (0.05 * 100**2 + 0.95)))
    assert f"only from about {least:.2g} points" in found.text


def test_the_weight_is_not_taken_for_a_key() -> None:
    weights = np.arange(400) // 4
    assert groups(view(weights), frozenset()) == []
