"""Roles without a class, features that are constant where a model learns, and too few rows to tell two models apart."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.data.columns import infer_schema
from holdfast.data.features import encode_target
from holdfast.data.leakage.check import check_leakage, find_leakage
from holdfast.data.leakage.finding import Finding
from holdfast.data.roles import Roles


def found(name: str, columns: dict[str, Any], roles: np.ndarray, **asked: Any) -> list[Finding]:
    return [each for each in check_leakage(columns, roles, "y", **asked) if each.name == name]


def table(n: int, *, classes: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], n) if classes else rng.normal(size=n)
    return {"x": rng.normal(size=n), "z": rng.normal(size=n), "y": y}


def test_a_class_without_a_row_to_judge_is_named() -> None:
    columns, roles = table(300), np.resize(["train", "validation"], 300)
    roles[columns["y"] == "b"] = "train"
    (finding,) = found("classes", columns, roles)
    assert "the validation rows hold no row of class 'b'" in finding.text
    assert finding.severity == "warning"


def test_a_feature_that_no_model_learns_from_is_named() -> None:
    roles = np.repeat(["train", "validation"], [200, 100])
    columns = {**table(300), "flag": np.where(roles == "train", 0.0, np.arange(300) % 2)}
    (finding,) = found("classes", columns, roles)
    assert finding.columns == ("flag",)


def test_a_rare_value_that_fell_on_the_other_side_is_chance() -> None:
    roles = np.repeat(["train", "validation"], [200, 100])
    flag = np.zeros(300)
    flag[[250, 260]] = 1.0
    assert found("classes", {**table(300), "flag": flag}, roles) == []


def least(finding: Finding) -> float:
    """The smallest difference that the finding says would be seen, as a share."""
    match = re.search(r"only from about ([\d.]+)", finding.text)
    assert match is not None
    return float(match[1]) / 100


@pytest.mark.parametrize("n", [50, 150])
def test_the_difference_that_a_role_shows_is_found_in_four_of_five_cases(n: int) -> None:
    """Two classifiers that disagree on a tenth of the rows, one better by that much: a sign test says so."""
    (finding,) = found("size", table(5 * n), np.resize(["train", "train", "train", "validation", "test"], 5 * n))
    rng, difference = np.random.default_rng(1), least(finding)
    wins = rng.multinomial(n, [0.05 + difference / 2, max(0.05 - difference / 2, 0.0), 0.9 - 1e-9], size=20_000)
    gain = (wins[:, 0] - wins[:, 1]) / n
    error = np.sqrt(np.maximum((wins[:, 0] + wins[:, 1]) / n - gain**2, 1e-12) / n)
    power = float(np.mean(gain / error > 1.96))
    assert 0.7 < power < 0.97


def test_as_many_rows_as_it_says_are_enough() -> None:
    (finding,) = found("size", table(500, classes=False), np.resize(["train", "validation"], 500))
    enough = int(finding.remedy.split()[0].replace(",", ""))
    roles = np.repeat(["train", "validation"], [100, enough])
    assert found("size", table(100 + enough, classes=False), roles) == []
    assert found("size", table(60 + enough, classes=False), roles[:-40]) != []


def test_rows_of_one_group_count_once() -> None:
    roles = np.repeat(["train", "validation"], [500, 500])
    assert found("size", table(1000), roles) == []
    grouped = {**table(1000), "who": np.arange(1000) // 10}
    (finding,) = found("size", grouped, roles, group="who")
    assert "the validation rows (50 groups)" in finding.text


def test_folds_are_judged_together() -> None:
    frame = pl.DataFrame(table(200))
    schema = infer_schema(frame, "y")
    roles = Roles(np.full(200, "train"), np.arange(200) % 5)
    (checked,) = find_leakage(schema, frame, encode_target(schema, frame), roles).found
    assert checked.text.startswith("the folds of the train rows (200 rows) show")
    assert checked.remedy.endswith("folds are taken already, so read the winner as one of several equals")


def test_folds_are_a_remedy_for_validation_rows_only() -> None:
    roles = np.repeat(["train", "validation", "select"], [400, 100, 100])
    validation, select = found("size", table(600), roles)
    assert "take a larger share, or folds, and read" in validation.remedy
    assert "take a larger share, and read" in select.remedy


def by_metric(metric: str | None, n: int = 114, share: float = 0.25, *, classes: bool = True) -> Finding:
    rng = np.random.default_rng(0)
    y = np.where(np.arange(2 * n) % round(1 / share) == 0, "b", "a") if classes else rng.normal(size=2 * n)
    frame = pl.DataFrame({"x": rng.normal(size=2 * n), "y": y})
    schema = infer_schema(frame, "y")
    roles = Roles(np.repeat(["train", "validation"], [n, n]), np.full(2 * n, -1))
    checked = find_leakage(schema, frame, encode_target(schema, frame), roles, metric=metric).found
    (finding,) = [each for each in checked if each.name == "size"]
    return finding


def test_for_a_recall_the_rows_of_the_positive_class_count() -> None:
    whole, recall = by_metric("accuracy", 112), by_metric("recall", 112)
    assert whole.text.startswith("the validation rows (112 rows) show")
    assert whole.text.endswith(" points of accuracy on")
    assert recall.text.startswith("the validation rows (28 rows of class 'b') show")
    assert recall.text.endswith(" points of recall on")
    assert least(recall) == pytest.approx(2 * least(whole), rel=0.05)
    assert recall.remedy.startswith("320 rows of class 'b' would show 5 and ")
    assert recall.count == 28


def test_for_a_mean_over_classes_the_rare_one_counts_as_much() -> None:
    balanced = by_metric("balanced_accuracy", 112)
    assert balanced.text.endswith(" points of balanced_accuracy on")
    assert least(balanced) == pytest.approx(2.802 * (0.1 * (1 / 28 + 1 / 84) / 4) ** 0.5, rel=0.05)
    even = by_metric("balanced_accuracy", 112, share=0.5)
    assert least(even) == least(by_metric("accuracy", 112))


def test_what_the_rule_says_nothing_of_is_said() -> None:
    assert by_metric("f1").text.endswith(" points of accuracy on (what that is in f1 is not known)")
    assert by_metric("mae", classes=False).text.endswith("% of the rmse on (what that is in mae is not known)")
    for metric in (None, "rmse", "r2"):
        assert by_metric(metric, classes=False).text.endswith("% of the rmse on")


def test_a_column_without_any_value_is_a_note() -> None:
    columns, roles = table(300), np.resize(["train", "validation"], 300)
    assert found("classes", columns, roles) == []
    columns |= {"nan": np.full(300, np.nan), "none": [None] * 300, "known": [None] * 300, "once": [1.0] + [None] * 299}
    (finding,) = found("classes", columns, roles, drop=["known"])
    assert (finding.severity, finding.columns) == ("note", ("nan", "none"))
    assert finding.text == "'nan' and 'none' have no value in any row"
