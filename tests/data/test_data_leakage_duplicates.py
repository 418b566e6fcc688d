"""Copies of rows on two sides are found, exact ones and nearly exact ones; what chance makes alike is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.data.columns import infer_schema
from holdfast.data.features import encode_target
from holdfast.data.leakage.check import check_leakage, find_leakage
from holdfast.data.leakage.finding import Finding
from holdfast.data.roles import Roles

N = 600
ROLES = np.resize(["train", "train", "train", "validation", "test"], N)


def numbers(seed: int = 0, n: int = N, d: int = 5) -> dict[str, Any]:
    """Columns of correlated normal numbers, a category, and a target that they predict in part."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    columns: dict[str, Any] = {f"x{i}": x[:, i] for i in range(d)}
    columns["colour"] = rng.choice(["red", "green", "blue"], n)
    columns["y"] = np.where(x[:, 0] + rng.normal(size=n) > 0, "yes", "no")
    return columns


def copied(columns: dict[str, Any], to: list[int], of: list[int]) -> dict[str, Any]:
    """The table with some rows in the place of others."""
    taken = np.arange(len(columns["y"]))
    taken[to] = of
    return {name: np.asarray(values)[taken] for name, values in columns.items()}


def found(name: str, columns: dict[str, Any], roles: np.ndarray = ROLES) -> list[Finding]:
    return [each for each in check_leakage(columns, roles, "y") if each.name == name]


def test_a_copy_in_the_validation_rows_is_found_with_its_row() -> None:
    (finding,) = found("duplicates", copied(numbers(), to=[3, 4, 8], of=[0, 1, 2]))
    assert finding.severity == "warning"
    assert (finding.rows, finding.count) == ((4, 5, 9), 3)  # counted from 1
    assert "2 of 120 validation rows and 1 of 120 test rows" in finding.text
    assert "all of them in the target, too" in finding.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "split = { group = 'COLUMN' }"),
        ({"group": "g"}, "one value of the group 'g'"),
        ({"time": "g"}, "come back"),
    ],
)
def test_the_remedy_is_one_that_the_split_allows(asked: dict[str, str], said: str) -> None:
    columns = copied(numbers(), to=[3], of=[0]) | {"g": np.arange(N)}
    (finding,) = [each for each in check_leakage(columns, ROLES, "y", **asked) if each.name == "duplicates"]
    assert said in finding.remedy


def test_copies_within_the_train_rows_leak_nothing() -> None:
    assert found("duplicates", copied(numbers(), to=[5, 6, 7], of=[0, 1, 2])) == []


def test_copies_with_another_target_are_told_apart() -> None:
    columns = copied(numbers(), to=[3, 4], of=[0, 1])
    columns["y"][3] = "yes" if columns["y"][0] == "no" else "no"
    (finding,) = found("duplicates", columns)
    assert "1 of them in the target, too" in finding.text


def test_few_different_values_are_equal_by_chance() -> None:
    rng = np.random.default_rng(1)
    columns = {f"c{i}": rng.choice(list("abc"), N) for i in range(4)} | {"y": rng.choice(["yes", "no"], N)}
    (finding,) = found("duplicates", columns)
    assert finding.severity == "note"
    assert "by chance" in finding.text


def test_copies_among_few_different_values_are_no_chance() -> None:
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {f"c{i}": rng.choice(list("abc"), N) for i in range(12)}
    columns["y"] = rng.choice(["yes", "no"], N)
    assert [each.severity for each in found("duplicates", columns)] in ([], ["note"])
    (finding,) = found("duplicates", copied(columns, to=list(range(3, 153, 5)), of=list(range(0, 150, 5))))
    assert finding.severity == "warning"


def test_an_identifier_does_not_hide_copies() -> None:
    columns = copied(numbers(), to=[3], of=[0])
    assert found("duplicates", {"id": np.arange(N), **columns})[0].rows == (4,)


@pytest.mark.parametrize("ordered", [False, True])
def test_with_folds_another_fold_is_another_side(ordered: bool) -> None:
    frame = pl.DataFrame(copied(numbers(), to=[2, 3], of=[0, 1]))
    schema = infer_schema(frame, "y")
    fold = np.arange(N) % 2  # rows 1 and 3 of the copies are in fold 0, and so are those that they copy
    fold[[0, 2]] = [0, 1]
    fold[[1, 3]] = [0, 0]
    roles = Roles(np.full(N, "train"), fold, ordered)
    checked = find_leakage(schema, frame, encode_target(schema, frame), roles).found
    (finding,) = [each for each in checked if each.name == "duplicates"]
    assert finding.rows == ((3,) if ordered else (1, 3))
    assert "train rows (between folds)" in finding.text


def test_nearly_equal_rows_are_found() -> None:
    columns = copied(numbers(), to=[3, 4, 13], of=[0, 1, 2])
    rng = np.random.default_rng(2)
    for i in range(5):
        columns[f"x{i}"] = columns[f"x{i}"] + 1e-3 * rng.normal(size=N)
    (finding,) = found("near-duplicates", columns)
    assert (finding.severity, finding.rows) == ("warning", (4, 5, 14))
    assert found("duplicates", columns) == []


def test_nearly_equal_numbers_of_another_category_are_not() -> None:
    columns = copied(numbers(), to=[3], of=[0])
    columns["x0"][3] += 1e-4
    columns["x1"][3] += 1e-4
    columns["x2"][3] += 1e-4
    assert found("near-duplicates", columns)
    columns["colour"][3] = "red" if columns["colour"][0] != "red" else "blue"
    assert found("near-duplicates", columns) == []


@pytest.mark.parametrize("digits", [0, 1, 2, 8])
@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_numbers_of_any_precision_raise_no_alarm(digits: int, d: int) -> None:
    """Tables of independent rows, smooth or of few different values: nothing is nearly equal but by chance."""
    alarms = 0
    for seed in range(5):
        columns = numbers(seed, d=d)
        rounded = {name: np.round(v, digits) if name.startswith("x") else v for name, v in columns.items()}
        alarms += len(found("near-duplicates", rounded))
        alarms += sum(each.severity == "warning" for each in found("duplicates", rounded))
    assert alarms == 0


def test_heavy_tails_and_mixtures_raise_no_alarm() -> None:
    """Density that is anything but even: lognormal numbers, and clusters of quite different width."""
    rng = np.random.default_rng(3)
    tails = {f"x{i}": np.exp(2 * rng.normal(size=N)) for i in range(6)}
    width = rng.choice([0.001, 0.1, 10.0], N)
    centre = rng.choice([-5.0, 5.0], N)
    clusters = {f"x{i}": width * rng.normal(size=N) + centre for i in range(6)}
    y = rng.choice(["yes", "no"], N)
    assert found("near-duplicates", {**tails, "y": y}) == found("near-duplicates", {**clusters, "y": y}) == []


def test_texts_that_differ_in_case_and_signs_are_nearly_equal() -> None:
    texts = [f"message number {i} of a long list of words {i * i}" for i in range(100)]
    texts[3], texts[4] = texts[0].upper() + "!!", texts[1]
    frame = pl.DataFrame({"text": texts, "y": ["a", "b"] * 50})
    schema = infer_schema(frame, "y", overrides={"text": "text"})
    roles = Roles(np.resize(["train", "train", "train", "validation", "test"], 100), np.full(100, -1))
    checked = find_leakage(schema, frame, encode_target(schema, frame), roles).found
    rows = {each.name: each.rows for each in checked if "duplicates" in each.name}
    assert rows == {"duplicates": (5,), "near-duplicates": (4,)}


def test_large_tables_are_looked_at_in_part_and_it_says_so() -> None:
    frame = pl.DataFrame(numbers(n=12_000))
    schema = infer_schema(frame, "y")
    roles = Roles(np.resize(["train", "validation"], 12_000), np.full(12_000, -1))
    (limit,) = find_leakage(schema, frame, encode_target(schema, frame), roles).limits
    assert limit.startswith("near-duplicates: 2,000 of 6,000 judged rows beside 6,000 of 6,000")
