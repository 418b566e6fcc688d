"""Columns that say too much: keys of groups, stand-ins of the target, identifiers, dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.data.leakage.check import check_leakage
from holdfast.data.leakage.finding import Finding
from holdfast.data.leakage.identifiers import words_of
from holdfast.errors import DataError

N = 900
ROLES = np.resize(["train", "train", "train", "validation", "test"], N)


def visits(seed: int = 0, each: int = 3) -> dict[str, Any]:
    """Several rows for each patient, who are much alike from one to the next, in random order."""
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(N // each), each))
    of_patient = {"age": rng.integers(20, 90, N), "height": rng.normal(170, 10, N), "pressure": rng.normal(120, 15, N)}
    columns = {name: values[patient] + 0.0 for name, values in of_patient.items()}
    columns["pressure"] = columns["pressure"] + rng.normal(0, 2, N)
    columns["x"] = rng.normal(size=N)
    columns["y"] = np.where(columns["x"] + rng.normal(size=N) > 0, "yes", "no")
    return {"who": rng.permutation(10_000)[patient], **columns}


def found(name: str, columns: dict[str, Any], **asked: Any) -> list[Finding]:
    return [each for each in check_leakage(columns, ROLES, "y", **asked) if each.name == name]


def test_a_key_is_known_by_its_rows_whatever_it_is_called() -> None:
    (finding,) = found("groups", visits())
    assert (finding.severity, finding.columns) == ("warning", ("who",))
    assert "'who', which looks like the key of groups (300 values)" in finding.text
    assert "split = { group = 'who' }" in finding.remedy


def test_a_key_of_texts_is_known_and_one_that_is_dropped() -> None:
    columns = visits()
    columns["who"] = [f"P{number:05}" for number in columns["who"]]
    assert [each.columns for each in found("groups", columns, drop=["who"])] == [("who",)]


def test_a_key_of_texts_of_which_nothing_is_said_is_looked_at() -> None:
    columns = visits()
    columns["y"] = np.where(columns["who"] % 2 == 0, "yes", "no")  # of a patient, so that the key gives it away
    columns["who"] = [f"P{number:05}" for number in columns["who"]]
    copied = np.r_[np.arange(N - 30), np.arange(1, 31)]
    columns = {name: np.asarray(values)[copied] for name, values in columns.items()}
    columns["hash"] = [f"{i:08x}" for i in np.random.default_rng(0).permutation(N)]
    findings = {each.name: each for each in check_leakage(columns, ROLES, "y") if each.name != "size"}
    assert set(findings) == {"duplicates", "groups", "identifiers"}
    assert findings["groups"].columns == ("who",)
    assert findings["identifiers"].columns == ("hash",)


def test_texts_of_several_words_are_features() -> None:
    words = np.random.default_rng(0).choice(list("abcdefghijklmnop"), (N, 8))
    texts = [" ".join(row) for row in words[np.r_[np.arange(N - 30), np.arange(1, 31)]]]
    (finding,) = found("duplicates", {"text": texts, "y": visits()["y"]})
    assert finding.count > 10


@pytest.mark.parametrize("values", [[f"{i % 28 + 1:02}.01.{1000 + i}" for i in range(N)], [f"p{i}" for i in range(N)]])
def test_texts_that_cannot_be_read_are_not_refused(values: list[str]) -> None:
    assert found("duplicates", {**visits(), "when": values}) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["n. a. 7", *map(str, range(1, N))], r"holds numbers except in 1 rows \(the first is row 1: 'n. a. 7'\)"),
        ([f"{i},5" for i in range(N)], r"holds numbers with commas \(such as '0,5'\)"),
        ([[i] for i in range(N)], r"is of type List\(Int64\), which no feature can be made of"),
    ],
)
def test_what_is_refused_is_said_as_python_would_have_it(values: list[Any], says: str) -> None:
    with pytest.raises(DataError, match=rf"^column 'odd' {says}; correct that, .* with drop=\['odd'\]$"):
        found("size", {**visits(), "odd": values})
    assert found("size", {**visits(), "odd": values}, drop=["odd"]) != []


def test_a_key_whose_rows_lie_on_one_side_is_none() -> None:
    columns = visits(each=5)
    order = np.argsort(columns["who"], kind="stable")
    sides = np.empty(N, dtype="<U10")
    sides[order] = np.repeat(np.resize(["train", "train", "train", "validation", "test"], N // 5), 5)
    checked = check_leakage(columns, sides, "y")
    assert [each for each in checked if each.name == "groups"] == []
    assert found("groups", columns)


def test_a_number_of_many_values_is_no_key() -> None:
    """Rows of one value are alike since the number says much; but those of the next value are as much so."""
    rng = np.random.default_rng(4)
    rooms = rng.poisson(200, N)
    columns = {"rooms": rooms, "area": rooms * 20 + rng.normal(0, 30, N), "households": np.round(rooms / 3)}
    assert found("groups", {**columns, "y": rng.choice(["yes", "no"], N)}) == []


def test_a_key_is_known_by_its_name() -> None:
    rng = np.random.default_rng(5)
    columns = {"x": rng.normal(size=N), "y": rng.choice(["yes", "no"], N)}
    twelve = rng.integers(0, 12, N)
    assert found("groups", {"patientID": twelve, **columns})
    assert found("groups", {"shop": twelve, **columns}) == []
    assert found("groups", {"subject": rng.integers(0, 3, N), **columns}) == []  # three treatments, say


def test_with_a_split_by_time_groups_may_come_back() -> None:
    columns = visits() | {"day": np.arange(N)}
    roles = np.repeat(["train", "validation", "test"], N // 3)
    (finding,) = [each for each in check_leakage(columns, roles, "y", time="day") if each.name == "groups"]
    assert finding.severity == "note"


def test_a_stand_in_of_the_target_is_found() -> None:
    columns = visits()
    columns["code"] = np.where(columns["y"] == "yes", "B7", "B1")
    columns["code"][:5] = "B1"  # not quite all
    (finding,) = found("target", columns)
    assert finding.columns == ("code",)
    assert "where all others together explain" in finding.text


def test_values_that_are_missing_with_one_class_are_found() -> None:
    columns = visits()
    columns["days_to_death"] = [None if y == "no" else float(i % 97) for i, y in enumerate(columns["y"])]
    assert [each.columns for each in found("target", columns)] == [("days_to_death",)]


def test_two_stand_ins_do_not_excuse_each_other() -> None:
    columns = visits()
    columns["a"] = np.where(columns["y"] == "yes", 1.0, 0.0) + np.random.default_rng(6).normal(0, 0.01, N)
    columns["b"] = -2 * columns["a"]
    assert [each.columns for each in found("target", columns)] == [("a",), ("b",)]


def test_another_unit_of_a_number_is_found() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=N)
    y = x + rng.normal(size=N)
    euros = np.round(np.exp(y), 2)
    assert [each.columns for each in found("target", {"x": x, "euros": euros, "y": y})] == [("euros",)]


SKEWED = np.exp(2 * np.random.default_rng(7).normal(size=N))


@pytest.mark.parametrize(
    ("y", "leak"),
    [
        (SKEWED, np.log(SKEWED)),
        (SKEWED, 1 / SKEWED),
        (SKEWED, np.argsort(np.argsort(SKEWED)) / N),
        (SKEWED, np.where(np.arange(N) == 3, np.nan, SKEWED)),
        (SKEWED, np.where(np.arange(N) % 7 == 3, np.nan, SKEWED)),
        (np.where(SKEWED < 3, 0, SKEWED), np.log1p(np.where(SKEWED < 3, 0, SKEWED))),
    ],
)
def test_functions_and_parts_of_a_skewed_target_are_found(y: np.ndarray, leak: np.ndarray) -> None:
    noise = np.random.default_rng(8).normal(size=(N, 3))
    columns = {"near": np.log(SKEWED) + noise[:, 0], "b": noise[:, 1], "c": noise[:, 2], "leak": leak, "y": y}
    (finding,) = found("target", columns)
    assert finding.columns == ("leak",)
    assert ("of the rows where it has a value" in finding.text) == (np.isnan(leak).mean() > 0.01)


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_features_that_predict_a_skewed_target_well_are_no_stand_ins(power: float) -> None:
    noise = np.random.default_rng(8).normal(size=(N, 3))
    columns = {f"x{i}": np.log(SKEWED) + [0.4, 0.5, 2][i] * noise[:, i] for i in range(3)}
    assert found("target", {**columns, "y": SKEWED**power}) == []


@pytest.mark.parametrize("rare", [6, 12, 40])
@pytest.mark.parametrize("leak", ["number", "text", "date", "noisy"])
def test_a_copy_of_a_rare_class_is_found(rare: int, leak: str) -> None:
    rng = np.random.default_rng(9)
    is_rare = rng.permutation(N) < rare
    x = rng.normal(size=N) + 2 * is_rare
    values = {
        "number": is_rare * 1,
        "text": np.where(is_rare, "closed", "open"),
        "date": [
            dt.date(2026, 1, 1) + dt.timedelta(days=int(i)) if i_rare else None for i, i_rare in enumerate(is_rare)
        ],
        "noisy": is_rare + 0.01 * rng.normal(size=N),
    }[leak]
    columns = {"x": x, "leak": values, "y": np.where(is_rare, "yes", "no")}
    assert [each.columns for each in found("target", columns)] == [("leak",)]


def test_what_parts_three_rows_by_chance_is_no_stand_in() -> None:
    rng = np.random.default_rng(9)
    y = np.repeat(["yes", "no"], [2, N - 2])
    columns = {f"x{i}": rng.normal(size=N) for i in range(5)}
    columns["largest"] = np.r_[5.0, 6.0, rng.uniform(size=N - 2)]
    assert found("target", {**columns, "y": y}) == []


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_a_feature_that_predicts_well_is_no_stand_in(noise: float) -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(N, 3))
    y = x[:, 0] + noise * rng.normal(size=N)
    columns = {f"x{i}": x[:, i] for i in range(3)}
    assert found("target", {**columns, "y": y}) == []
    assert found("target", {**columns, "y": np.where(y > 0, "yes", "no")}) == []


@pytest.mark.parametrize("rare", [20, 40])
def test_a_rare_class_is_not_overlooked_and_not_feared(rare: int) -> None:
    rng = np.random.default_rng(9)
    y = np.repeat(["no", "yes"], [N - rare, rare])
    columns = {"x": rng.normal(size=N) + 2 * (y == "yes"), "y": y}
    assert found("target", columns) == []


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("id", np.arange(N) + 7, "counts the rows one by one"),
        ("anything", np.array([str(i) for i in range(N)]), "counts the rows one by one"),
        ("anything", np.arange(N)[::-1], "counts the rows one by one"),
        ("anything", np.cumsum(np.random.default_rng(0).integers(1, 9, N)), "grows from row to row"),
        ("anything", np.random.default_rng(0).permutation(N), "fill their range, each once"),
        ("customerId", np.random.default_rng(0).choice(10**9, N, replace=False), "as its name says"),
    ],
)
def test_identifiers(name: str, values: np.ndarray, said: str) -> None:
    (finding,) = found("identifiers", {name: values, **visits()})
    assert finding.columns == (name,)
    assert said in finding.text


def test_a_table_sorted_by_a_number_is_no_alarm() -> None:
    values = np.sort(np.random.default_rng(0).choice(10**7, N, replace=False))
    for column in (values, values[::-1]):
        (finding,) = found("identifiers", {"population": column, **visits()})
        assert finding.severity == "note"
        assert "the table may be sorted by it" in finding.text
    (finding,) = found("identifiers", {"ticket_no": values, **visits()})
    assert finding.severity == "warning"
    target = {**visits(), "y": values + 0.5}
    assert ("population",) in [each.columns for each in found("target", {**target, "population": values})]


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=N),
        np.random.default_rng(0).choice(10**9, N, replace=False),  # amounts, say
        np.sort(np.random.default_rng(0).normal(size=N)),
        np.random.default_rng(0).integers(0, 500, N),
        np.arange(N) // 2,
    ],
)
def test_what_is_measured_is_no_identifier(values: np.ndarray) -> None:
    assert found("identifiers", {"measured": values, **visits()}) == []


def test_names_are_split_into_words() -> None:
    assert [words_of(name) for name in ("customerID", "Row Number", "valid")] == ["customer_id", "row_number", "valid"]


def dated() -> dict[str, Any]:
    days = np.datetime64("2024-01-01") + np.arange(N).astype("timedelta64[D]")
    return {**visits(), "seen": pl.Series(days), "due": pl.Series(days + np.timedelta64(30, "D"))}


def test_dates_without_a_split_by_time_are_found() -> None:
    findings = found("dates", dated())
    assert [each.columns for each in findings] == [("seen",), ("due",)]
    assert "the train rows are later in 'seen' than the first row to judge" in findings[0].text
    assert found("dates", visits()) == []


@pytest.mark.parametrize("spelt", [False, True])
def test_dates_that_are_dropped_are_looked_at(spelt: bool) -> None:
    columns = dated()
    del columns["due"]
    columns["seen"] = columns["seen"].cast(pl.String) if spelt else columns["seen"]
    columns["plain"] = [f"no date {i}" for i in range(N)]
    (finding,) = found("dates", columns, drop=["seen", "plain"])
    assert finding.columns == ("seen",)
    assert "the train rows are later in 'seen' than the first row to judge" in finding.text
    in_order = np.repeat(["train", "validation", "test"], N // 3)
    assert "dates" not in {each.name for each in check_leakage(columns, in_order, "y", drop=["seen", "plain"])}


def test_a_split_by_time_answers_for_its_column_and_asks_for_later_ones() -> None:
    roles = np.repeat(["train", "validation", "test"], N // 3)
    (finding,) = [each for each in check_leakage(dated(), roles, "y", time="seen") if each.name == "dates"]
    assert finding.columns == ("due",)
    assert "later than its row's 'seen' in 100% of the rows" in finding.text


def test_a_split_by_group_cannot_go_by_time_as_well() -> None:
    assert {each.severity for each in found("dates", dated(), group="who")} == {"note"}


@pytest.mark.parametrize("name", ["birthday", "DateOfBirth", "dob", "born"])
def test_dates_of_birth_are_no_time_of_record(name: str) -> None:
    born = np.datetime64("1980-01-01") - np.random.default_rng(0).integers(0, 15_000, N).astype("timedelta64[D]")
    with_record = {**dated(), name: pl.Series(born)}
    assert [each.columns for each in found("dates", with_record)] == [("seen",), ("due",)]
    (alone,) = found("dates", {**visits(), name: pl.Series(born)})
    assert (alone.severity, alone.columns) == ("note", (name,))
    assert "unless rows were recorded at birth" in alone.remedy


def test_an_early_date_by_another_name_is_one() -> None:
    early = {**dated(), "joined": pl.Series(np.datetime64("1980-01-01") + np.arange(N)[::-1].astype("timedelta64[D]"))}
    assert ("joined",) in [each.columns for each in found("dates", early)]


def test_rows_that_happen_to_be_in_order_are_no_finding() -> None:
    roles = np.repeat(["train", "validation", "test"], N // 3)
    assert [each for each in check_leakage(dated(), roles, "y") if each.name == "dates"] == []
