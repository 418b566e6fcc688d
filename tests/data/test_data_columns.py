"""Kinds, tasks and classes are found as documented; what a person has to decide is asked for in one sentence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.convert import parse_numbers
from holdfast.data.features import decode_target, encode_target, feature_names, has_target, to_features
from holdfast.data.values import parse_number
from holdfast.errors import DataError

N = 60


def kind_of(values: list[Any], **wishes: Any) -> str:
    """The kind inferred for a column called ``c``, repeated to `N` rows."""
    repeated = (values * N)[:N]
    frame = pl.DataFrame(
        {"c": pl.Series(repeated, strict=False), "x": np.sin(np.arange(N)), "y": ["a", "b"] * (N // 2)}
    )
    return infer_schema(frame, "y", **wishes).column("c").kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, None], "numeric"),
        ([1.5, 2.0], "numeric"),
        ([True, False, None], "boolean"),
        (["true", "FALSE", None], "boolean"),
        (["1", "-2.5e3", "+.5", None], "numeric"),
        (["01067", "20095"], "categorical"),
        (["0.5", "0"], "numeric"),
        (["2024-02-29", None, "1969-12-31"], "date"),
        (["2024-02-29", "2024-02-29T23:59"], "datetime"),
        (["2024-02-29 23:59:59.123456789Z", "2024-03-01"], "datetime"),
        (["2023-02-29", "2024-02-29"], "categorical"),
        (["red", "green", None], "categorical"),
        (["0", "1", "2", "3+"], "categorical"),
        (["١", "٢"], "categorical"),
        ([f"{i} words in a row" for i in range(5)], "categorical"),
    ],
)
def test_kinds(values: list[Any], kind: str) -> None:
    assert kind_of(values) == kind


def test_dates_keep_their_type() -> None:
    frame = pl.DataFrame({"when": ["2024-01-01", "2025-01-01"] * 20, "y": ["a", "b"] * 20})
    typed = frame.with_columns(pl.col("when").str.to_date())
    assert infer_schema(typed, "y").column("when").kind == "date"
    assert infer_schema(typed.cast({"when": pl.Datetime("us", "UTC")}), "y").column("when").kind == "datetime"


def test_overrides_and_drops() -> None:
    frame = pl.DataFrame(
        {"a": [1, 2] * 30, "b": [f"id{i}" for i in range(N)], "c": [0.5, 0.7] * 30, "y": ["u", "v"] * 30}
    )
    schema = infer_schema(frame, "y", overrides={"a": "categorical", "b": "text"}, drop=["c"])
    assert [(column.name, column.kind) for column in schema.columns] == [("a", "categorical"), ("b", "text")]
    with pytest.raises(DataError, match=r"column 'b' holds 60 different texts .* b = \"drop\" .* b = \"text\""):
        infer_schema(frame, "y")
    with pytest.raises(DataError, match="columns 'b', 'd e' hold many"):
        infer_schema(frame.with_columns(frame["b"].alias("d e")), "y")


def test_numbers_with_misfits_are_pointed_at() -> None:
    frame = pl.DataFrame({"charge": [f"{i}.5" for i in range(N - 1)] + ["none yet"], "y": ["u", "v"] * 30})
    with pytest.raises(DataError, match=r"numbers except in 1 rows .the first is row 60: 'none yet'"):
        infer_schema(frame, "y")


def test_empty_and_constant_columns_are_left_out_with_a_note() -> None:
    frame = pl.DataFrame({"x": [0.1, 0.2] * 30, "empty": [None] * N, "same": ["k"] * N, "y": ["u", "v"] * 30})
    schema = infer_schema(frame, "y")
    assert [column.name for column in schema.columns] == ["x"]
    assert ["'empty'" in schema.notes[0], "'same'" in schema.notes[1]] == [True, True]
    with pytest.raises(DataError, match="no column left"):
        infer_schema(frame.drop("x"), "y")


def test_group_time_and_marked_columns_are_kept_but_no_features() -> None:
    frame = pl.DataFrame(
        {
            "who": [f"p{i}" for i in range(N)],
            "when": list(range(N)),
            "sex": ["f", "m"] * 30,
            "x": [0.1, 0.2] * 30,
            "y": ["u", "v"] * 30,
        }
    )
    schema = infer_schema(frame, "y", group="who", time="when", sensitive=["sex"], slices=["sex"], drop=["sex"])
    assert [column.name for column in schema.features] == ["x"]
    assert [column.name for column in schema.columns] == ["who", "when", "sex", "x"]
    assert schema.column("sex").sensitive
    assert schema.column("sex").slice
    kept = infer_schema(frame, "y", time="when", overrides={"when": "numeric", "who": "drop"}, sensitive=["sex"])
    assert [column.name for column in kept.features] == ["when", "sex", "x"]
    assert any("also a feature" in note for note in kept.notes)
    with pytest.raises(DataError, match="the time column 'sex' holds 'f' in row 1, where every value must be"):
        infer_schema(frame, "y", time="sex", group="who")


@pytest.mark.parametrize(
    ("values", "task", "expected", "classes"),
    [
        (["no", "yes"], None, "binary", ("no", "yes")),
        (["c", "a", "b"], None, "multiclass", ("a", "b", "c")),
        ([True, False], None, "binary", (False, True)),
        (["True", "False"], None, "binary", (False, True)),
        (["2", "10", "1"], None, "multiclass", (1, 2, 10)),
        (["02", "01"], None, "binary", ("01", "02")),
        ([0.0, 1.0], None, "binary", (0, 1)),
        ([0.5, 1.0], None, "regression", None),
        ([0.5, 1.0], "classification", "binary", (0.5, 1)),
        ([3, 4, 5, None], None, "multiclass", (3, 4, 5)),
        ([3, 4, 5], "regression", "regression", None),
        (list(range(30)), None, "regression", None),
        (["-1", "1"], None, "binary", (-1, 1)),
        (["1.0", "2.0"], None, "binary", ("1.0", "2.0")),
    ],
)
def test_tasks(values: list[Any], task: str | None, expected: str, classes: Any) -> None:
    repeated = (values * N)[:N]
    frame = pl.DataFrame({"x": np.sin(np.arange(N)), "y": pl.Series(repeated, strict=False)})
    schema = infer_schema(frame, "y", task=task)
    assert (schema.task, schema.classes) == (expected, classes)
    assert [type(label) for label in schema.classes or ()] == [type(label) for label in classes or ()]
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    known = frame.filter(has_target(schema, frame))
    y = encode_target(schema, known)
    again = encode_target(schema, known.with_columns(pl.Series("y", decode_target(schema, y))))
    assert (again == y).all()
    if known.height < N:
        assert "15 rows without a value" in schema.notes[0]


@pytest.mark.parametrize(
    ("target", "task", "says"),
    [
        ("Y", None, "no target column 'Y'"),
        ("empty", None, "no value in any row"),
        ("same", None, "is 1 in every row"),
        ("names", None, "60 different values in 60 rows"),
        ("y", "regression", "'u' in row 1, where regression needs a number"),
        ("infinite", None, "infinite in row 2"),
        ("three", "binary", "has 3 classes"),
        ("y", "regresion", "did you mean 'regression'"),
        ("y", "clustering", "has no target"),
        (None, "binary", "needs a target"),
    ],
)
def test_targets_that_cannot_be_predicted(target: str | None, task: str | None, says: str) -> None:
    frame = pl.DataFrame(
        {
            "x": np.sin(np.arange(N)),
            "empty": [None] * N,
            "same": [1] * N,
            "names": [f"n{i}" for i in range(N)],
            "infinite": [1.5, float("inf")] * 30,
            "three": ["a", "b", "c"] * 20,
            "y": ["u", "v"] * 30,
        }
    )
    with pytest.raises(DataError, match=says):
        infer_schema(frame, target, task=task)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"overrides": {"xx": "numeric"}}, "no column 'xx', which .data.columns. names"),
        ({"overrides": {"x": "numbers"}}, "cannot be of kind 'numbers'"),
        ({"drop": ["z"]}, "no column 'z', which drop names"),
        ({"drop": ["y"]}, "'y' is the target"),
        ({"group": "z"}, "which group names"),
        ({"sensitive": ["z"]}, "which sensitive names"),
        ({"overrides": {"infinite": "numeric"}}, "column 'infinite' is infinite in row 2"),
        ({}, "column 'infinite' is infinite in row 2"),
    ],
)
def test_requests_about_columns_that_cannot_be_met(request_: dict[str, Any], says: str) -> None:
    frame = pl.DataFrame({"x": np.sin(np.arange(N)), "infinite": ["1.5", "-inf"] * 30, "y": ["u", "v"] * 30})
    with pytest.raises(DataError, match=says):
        infer_schema(frame, "y", **request_)


def test_numbers_with_commas_are_refused_unless_they_are_categories() -> None:
    frame = pl.DataFrame({"price": ["1,5", "20"] * 30, "y": ["u", "v"] * 30})
    with pytest.raises(DataError, match=r"numbers with commas .such as '1,5'.*decimal point"):
        infer_schema(frame, "y")
    assert infer_schema(frame, "y", overrides={"price": "categorical"}).column("price").kind == "categorical"


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a", "b"])])
def test_categories_with_a_type_are_categories(dtype: Any) -> None:
    frame = pl.DataFrame({"c": pl.Series(["a", "b", None] * 20, dtype=dtype), "y": ["u", "v"] * 30})
    assert infer_schema(frame, "y").column("c").kind == "categorical"
    assert infer_schema(frame, "c").classes == ("a", "b")


@settings(max_examples=200, deadline=None)
@given(
    text=st.from_regex(
        r"[+-]?[0-9]*[.]?[0-9]*([eE][+-]?[0-9]{1,3})?|inf|-Infinity|nan|1_000|٣|0x1f|ınf|İNF", fullmatch=True
    )
)
def test_numbers_are_read_as_python_reads_them(text: str) -> None:
    """Columns are read by polars, single values by Python; both agree to the bit."""
    assert parse_numbers(pl.Series([text])).to_list() == [parse_number(text)]


def test_a_type_without_meaning_is_refused() -> None:
    frame = pl.DataFrame({"x": [[1, 2], [3]] * 30, "y": ["u", "v"] * 30})
    with pytest.raises(DataError, match=r"of type List"):
        infer_schema(frame, "y")
    with pytest.raises(DataError, match=r"of type List"):
        infer_schema(frame, "x")


def test_clustering_needs_no_target() -> None:
    frame = pl.DataFrame({"x": np.sin(np.arange(N)), "c": ["u", "v"] * 30})
    schema = infer_schema(frame, None)
    assert (schema.task, schema.classes, schema.target) == ("clustering", None, None)
    assert has_target(schema, frame).all()


def example() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "n": ["1.5", None] * 20,
            "b": ["true", None] * 10 + ["False", "TRUE"] * 10,
            "c": ["red", None] * 20,
            "i": [1, 2] * 20,
            "d": ["1969-12-31", None] * 20,
            "m": ["1970-01-02T06:00:00+02:00", "2024-02-29"] * 20,
            "t": ["some words", " "] * 20,
            "y": ["u", "v"] * 20,
        }
    )


def test_features_of_every_kind() -> None:
    frame = example()
    schema = infer_schema(frame, "y", overrides={"i": "categorical", "t": "text", "b": "boolean"})
    features = to_features(schema, frame)
    assert features.columns == [name for column in schema.features for name in feature_names(column)]
    first, second = features.rows(named=True)[:2]
    assert (first["n"], first["b"], first["c"], first["i"], first["t"]) == (1.5, 1.0, "red", "1", "some words")
    assert (second["c"], second["i"], second["t"]) == ("(missing)", "2", "(missing)")
    assert np.isnan([second["n"], second["b"], second["d.days"], second["d.weekday"]]).all()
    assert [first[f"d.{p}"] for p in ("days", "year", "month", "weekday")] == [-1.0, 1969.0, 12.0, 3.0]
    assert [first[f"m.{p}"] for p in ("days", "year", "month", "weekday", "hour")] == [1.25, 1970.0, 1.0, 5.0, 6.0]
    assert [second[f"m.{p}"] for p in ("year", "month", "weekday", "hour")] == [2024.0, 2.0, 4.0, 0.0]


def test_features_do_not_depend_on_how_a_table_was_stored() -> None:
    """A schema from a CSV file serves a table with types, and the other way round."""
    frame = example()
    typed = frame.with_columns(
        frame["n"].cast(pl.Float64),
        (frame["b"].str.to_lowercase() == "true").alias("b"),
        frame["i"].cast(pl.Float64),
        frame["d"].str.to_date(),
        frame["c"].cast(pl.Categorical),
    )
    schema = infer_schema(frame, "y", overrides={"i": "categorical", "t": "text"})
    assert to_features(schema, typed).equals(to_features(schema, frame), null_equal=True)


def test_features_are_row_by_row() -> None:
    """Nothing is learned: the features of some rows are some rows of the features."""
    frame = example()
    schema = infer_schema(frame, "y")
    assert to_features(schema, frame[3:9]).equals(to_features(schema, frame)[3:9])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n": pl.lit("abc")}, "column 'n' holds 'abc' in row 1, which is not a number"),
        ({"n": pl.lit("inf")}, "column 'n' is infinite in row 1"),
        ({"b": pl.lit("2")}, "column 'b' holds '2' in row 1, which is not true or false"),
        ({"d": pl.lit("01.02.2024")}, "column 'd' holds '01.02.2024' in row 1, which is not a date as in 2026-01-31"),
        ({"y": pl.lit("w")}, "'w' in row 1, which is none of the classes u, v"),
        ({"y": pl.lit(None)}, "no value in row 1"),
    ],
)
def test_new_tables_that_do_not_fit(change: dict[str, pl.Expr], says: str) -> None:
    schema = infer_schema(example(), "y")
    new = example().with_columns(**change)
    convert = encode_target if "y" in change else to_features
    with pytest.raises(DataError, match=says):
        convert(schema, new)


def test_a_new_table_that_lacks_columns() -> None:
    schema = infer_schema(example(), "y")
    with pytest.raises(DataError, match="lacks columns 'n', 'b'"):
        to_features(schema, example().drop("n", "b"))
    with pytest.raises(DataError, match=r"lacks column 'n' .did you mean 'nn'"):
        to_features(schema, example().rename({"n": "nn"}))
    with pytest.raises(DataError, match="lacks the target column 'y'"):
        encode_target(schema, example().drop("y"))


CELLS = st.sampled_from(
    ["1", "0", "-2.5", "true", "False", "2024-01-01", "2024-01-01T10:00", "x", "inf", "1e999", None]
)


@settings(max_examples=150, deadline=None)
@given(columns=st.lists(st.lists(CELLS, min_size=30, max_size=30), min_size=1, max_size=3))
def test_any_table_gives_features_or_a_sentence(columns: list[list[str | None]]) -> None:
    frame = pl.DataFrame(
        {f"c{i}": column for i, column in enumerate(columns)}, schema={f"c{i}": pl.String for i in range(len(columns))}
    )
    sentence = ""
    try:
        schema = infer_schema(frame.with_columns(pl.Series("y", ["u", "v"] * 15)), "y")
    except DataError as error:
        sentence = str(error)
    else:
        features = to_features(schema, frame)
        assert features.height == 30
        assert features.null_count().sum_horizontal().item() == 0
    assert "\n" not in sentence
