"""All checks together: no alarm on tables in order, any table is answered, and what is accepted or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn.datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.columns import infer_schema
from holdfast.data.features import encode_target
from holdfast.data.leakage.check import check_accepted, check_leakage, find_leakage, refuse
from holdfast.data.leakage.finding import CHECKS, Finding, Findings
from holdfast.data.roles import Roles, SplitPlan, assign_roles
from holdfast.errors import DataError

NEAR = Finding("duplicates", "warning", "two rows are equal", "drop one", (), (3,), 2)
DATE = Finding("dates", "warning", "'day' is late", "divide by time", ("day",))
NOTE = Finding("groups", "note", "groups come back", "look", ("who",))


@pytest.mark.parametrize("split", [{}, {"folds": 5}])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_tables_in_order_raise_no_alarm(name: str, seed: int, split: dict[str, Any]) -> None:
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    frame = pl.DataFrame({f"x{i}": column for i, column in enumerate(bunch.data.T)} | {"y": bunch.target})
    schema = infer_schema(frame, "y")
    y = encode_target(schema, frame)
    roles = assign_roles(schema, frame, y, SplitPlan(**split, seed=seed))
    found = find_leakage(schema, frame, y, roles, seed=seed).found
    assert {each.name for each in found if each.severity == "warning"} <= {"size"}
    assert {each.name for each in found} <= {"size", "duplicates"}  # iris has two equal rows


def test_the_same_table_and_seed_give_the_same_findings() -> None:
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=300).round(1), "id": np.arange(300), "y": rng.choice(["a", "b"], 300)}
    roles = np.resize(["train", "validation", "test"], 300)
    assert check_leakage(table, roles.tolist(), "y") == check_leakage(table, roles.tolist(), "y") != ()


CELLS = {
    "numeric": st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan")), st.integers(-3, 3).map(float)),
    "constant": st.sampled_from([None, 0.0]),
    "boolean": st.sampled_from([True, False, None]),
    "categorical": st.sampled_from(["red", "green", "", "é", None]),
    "date": st.sampled_from(["2024-01-01", "2023-12-31", None]),
    "text": st.sampled_from(["", "...", "one two", None]),
}


@settings(max_examples=60)
@given(data=st.data())
def test_any_table_is_answered(data: st.DataObject) -> None:
    """Missing values, constants, few rows, roles without rows: no check breaks, and every row is one of the table."""
    n = data.draw(st.integers(8, 30))
    kinds = data.draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    columns = {
        f"{kind}{i}": pl.Series(data.draw(st.lists(CELLS[kind], min_size=n, max_size=n)), strict=False)
        for i, kind in enumerate(kinds)
    }
    columns["x"] = pl.Series(range(n))
    y: list[Any] = data.draw(st.sampled_from([["a", "b"], [0.5, 1.5, 2.25, 9.0], ["a", "b", None]]))
    columns["y"] = pl.Series([y[i % len(y)] for i in range(n)])
    roles = data.draw(st.lists(st.sampled_from(["train", "validation", "select", "test"]), min_size=n, max_size=n))
    overrides = {f"{kind}{i}": kind for i, kind in enumerate(kinds) if kind in {"text", "date", "boolean"}}
    frame = pl.DataFrame(columns)
    schema = infer_schema(frame, "y", overrides=overrides)
    kept = frame["y"].is_not_null().to_numpy()
    split = Roles(np.array(roles)[kept], np.full(int(kept.sum()), -1))
    part = frame.filter(kept)
    found = find_leakage(schema, part, encode_target(schema, part), split, numbers=np.flatnonzero(kept))
    for each in found.found:
        assert each.name in CHECKS
        assert all(1 <= row <= n and kept[row - 1] for row in each.rows)
        assert set(each.columns) <= set(frame.columns)
    assert Findings.from_json(found.to_json()) == found


def test_rows_are_counted_in_the_table_as_it_was_given() -> None:
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2, 50))
    x[30], z[30] = x[20], z[20]
    table = {"x": x, "z": z, "y": [None, "b", *["a", "b"] * 24]}
    roles = ["train"] * 25 + ["test"] * 25
    (finding,) = [each for each in check_leakage(table, roles, "y") if each.name == "duplicates"]
    assert finding.rows == (31,)


@pytest.mark.parametrize(
    ("table", "roles", "said"),
    [
        ({"x": [1.0, 2.0], "y": ["a", "b"]}, ["train"], "the table has 2 rows and there are 1 roles"),
        ({"x": [1.0, 2.0], "y": ["a", "b"]}, ["train", "tset"], "there is no role 'tset' (did you mean 'test'?)"),
        ({"x": [1.0, 2.0], "z": ["a", "b"]}, ["train", "test"], "the table has no target column 'y'"),
        ({}, [], "the table has no target column 'y'; it has no columns at all"),
        ([1, 2], ["train", "test"], "it may give a polars or pandas frame"),
    ],
)
def test_what_cannot_be_checked_is_refused(table: Any, roles: list[str], said: str) -> None:
    with pytest.raises(DataError) as caught:
        check_leakage(table, roles, "y")
    assert said in str(caught.value)


def test_a_pair_of_arrays_will_do() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(400, 3)), rng.normal(size=400)
    X[1] = X[0]
    found = check_leakage((X, y), ["train", "test"] * 200)
    assert [each.rows for each in found if each.name == "duplicates"] == [(2,)]


def test_what_is_accepted_is_no_warning_any_more() -> None:
    assert NEAR.is_accepted_by(["duplicates"])
    assert DATE.is_accepted_by(["dates:day"])
    assert not DATE.is_accepted_by(["dates:night", "groups"])
    assert not NEAR.is_accepted_by(["duplicates:x"])
    check_accepted(["dates", "dates:day"], ["day"])
    with pytest.raises(DataError, match=r"there is no check 'date' \(did you mean 'dates'\?\)"):
        check_accepted(["date"], ["day"])
    with pytest.raises(DataError, match="the table has no column 'dya', which accept names"):
        check_accepted(["dates:dya"], ["day"])


def test_warnings_are_refused_and_notes_are_not() -> None:
    refuse(Findings((NOTE,)))
    with pytest.raises(DataError, match="'duplicates' has found that two rows are equal; drop one") as caught:
        refuse(Findings((NEAR, DATE, NOTE)))
    assert "1 more: dates" in str(caught.value)
