"""Every row has one role; shares, classes, groups and times are respected; what cannot be divided is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.allocate import allocate_counts, allocate_groups, cut_in_order
from holdfast.data.columns import Schema, infer_schema
from holdfast.data.features import encode_target
from holdfast.data.roles import Roles, SplitPlan, assign_roles, fold_pairs
from holdfast.errors import DataError

ROLE_NAMES = {"train", "validation", "select", "test"}


def table(labels: list[str], **columns: Any) -> tuple[Schema, pl.DataFrame, np.ndarray]:
    """A table with a target ``y`` and a feature, its schema and its encoded target."""
    frame = pl.DataFrame({"x": np.sin(np.arange(len(labels))), **columns, "y": labels})
    schema = infer_schema(frame, "y", group="g" if "g" in columns else None, time="t" if "t" in columns else None)
    return schema, frame, encode_target(schema, frame)


def assert_complete(roles: Roles, plan: SplitPlan, rows: int) -> None:
    """Every row has exactly one role of the plan, every role has rows, and folds cover train."""
    assert roles.role.shape == roles.fold.shape == (rows,)
    assert set(roles.role.tolist()) == set(plan.roles)
    train = roles.fold[roles.role == "train"]
    assert (roles.fold[roles.role != "train"] == -1).all()
    if plan.folds is None:
        assert (train == -1).all()
    else:
        assert set(train.tolist()) == set(range(-1 if plan.time else 0, plan.folds))


@st.composite
def plans(draw: st.DrawFn) -> SplitPlan:
    test = draw(st.sampled_from([0.0, 0.1, 0.2, 0.25]))
    select = draw(st.sampled_from([0.0, 0.1, 0.15]))
    folds = draw(st.sampled_from([None, 2, 3, 5]))
    validation = draw(st.sampled_from([None, 0.2, 0.3])) if folds is None else None
    return SplitPlan(test=test, select=select, folds=folds, validation=validation, seed=draw(st.integers(0, 5)))


@settings(max_examples=100, deadline=None)
@given(plan=plans(), counts=st.lists(st.integers(12, 80), min_size=2, max_size=6), shuffle=st.integers(0, 99))
def test_stratified_roles_are_within_one_row_of_exact(plan: SplitPlan, counts: list[int], shuffle: int) -> None:
    labels = np.random.default_rng(shuffle).permutation(np.repeat([f"c{i}" for i in range(len(counts))], counts))
    schema, frame, y = table(labels.tolist())
    roles = assign_roles(schema, frame, y, plan)
    assert_complete(roles, plan, len(labels))
    for code, count in enumerate(counts):
        in_class = roles.role[y == code]
        for role in plan.roles:
            assert abs((in_class == role).sum() - count * plan.shares[role]) < 1 + 1e-9
        folds = roles.fold[(y == code) & (roles.role == "train")]
        if plan.folds is not None:
            sizes = np.bincount(folds, minlength=plan.folds)
            assert sizes.max() - sizes.min() <= 1
    for role in plan.roles:
        assert abs((roles.role == role).sum() - len(labels) * plan.shares[role]) <= len(plan.roles)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(0, 200), min_size=1, max_size=40),
    shares=st.lists(st.floats(0.02, 1), min_size=2, max_size=6),
)
def test_allocation_is_exact_in_rows_and_nearly_in_columns(counts: list[int], shares: list[float]) -> None:
    allocated = allocate_counts(np.array(counts), np.array(shares))
    exact = np.outer(counts, np.array(shares) / np.sum(shares))
    assert (allocated.sum(axis=1) == counts).all()
    assert (np.abs(allocated - exact) < 1 + 1e-6).all()
    assert (np.abs(allocated.sum(axis=0) - exact.sum(axis=0)) <= len(shares)).all()


def test_rounding_is_carried_from_class_to_class() -> None:
    """A hundred classes of two rows: taken alone, each would leave the smallest role empty."""
    allocated = allocate_counts(np.full(100, 2), np.array([0.6, 0.2, 0.2]))
    assert np.abs(allocated.sum(axis=0) - [120, 40, 40]).max() <= 1


@settings(max_examples=100, deadline=None)
@given(plan=plans(), sizes=st.lists(st.integers(1, 30), min_size=12, max_size=40), shuffle=st.integers(0, 99))
def test_a_group_is_never_on_two_sides(plan: SplitPlan, sizes: list[int], shuffle: int) -> None:
    groups = np.random.default_rng(shuffle).permutation(np.repeat(np.arange(len(sizes)), sizes))
    frame = pl.DataFrame({"x": np.sin(np.arange(len(groups))), "g": groups, "y": np.cos(np.arange(len(groups)) * 1.1)})
    schema = infer_schema(frame, "y", group="g")
    plan = SplitPlan(
        test=plan.test, select=plan.select, folds=plan.folds, validation=plan.validation, seed=plan.seed, group="g"
    )
    roles = assign_roles(schema, frame, encode_target(schema, frame), plan)
    assert_complete(roles, plan, len(groups))
    for group in range(len(sizes)):
        assert len(set(roles.role[groups == group].tolist())) == 1
        assert len(set(roles.fold[groups == group].tolist())) == 1


def test_groups_are_balanced_by_size_and_class() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), rng.integers(1, 20, 200))
    strata = rng.integers(0, 2, 200)[groups]
    part = allocate_groups(groups, strata, np.array([0.6, 0.2, 0.2]), np.array([1, 1, 1]), rng)
    for stratum in (0, 1):
        shares = np.bincount(part[strata == stratum]) / (strata == stratum).sum()
        assert np.abs(shares - [0.6, 0.2, 0.2]).max() < 0.03


def test_three_equal_groups_fill_three_roles() -> None:
    schema, frame, y = table(["a", "b"] * 15, g=[1] * 10 + [2] * 10 + [3] * 10)
    roles = assign_roles(schema, frame, y, SplitPlan(group="g"))
    assert set(roles.role.tolist()) == {"train", "validation", "test"}


@settings(max_examples=60, deadline=None)
@given(plan=plans(), times=st.lists(st.integers(0, 60), min_size=40, max_size=120))
def test_time_only_runs_forward(plan: SplitPlan, times: list[int]) -> None:
    plan = SplitPlan(test=plan.test, select=plan.select, folds=plan.folds, validation=plan.validation, time="t")
    frame = pl.DataFrame({"x": np.sin(np.arange(len(times))), "t": times, "y": np.cos(np.arange(len(times)) * 1.1)})
    schema = infer_schema(frame, "y", time="t")
    if len(set(times)) < len(plan.roles) + (plan.folds or 0) + 20:
        return
    roles = assign_roles(schema, frame, encode_target(schema, frame), plan)
    assert_complete(roles, plan, len(times))
    t = np.array(times)
    for earlier, later in zip(plan.roles, plan.roles[1:], strict=False):
        assert t[roles.role == earlier].max() < t[roles.role == later].min()
    train = roles.rows("train")
    for learn, judge in fold_pairs(roles.fold[train], ordered=roles.ordered):
        assert t[train[learn]].max() < t[train[judge]].min()


def test_dates_and_texts_of_dates_give_an_order() -> None:
    days = [f"2024-0{1 + i // 28}-{1 + i % 28:02d}T12:00" for i in range(100)]
    schema, frame, y = table(["a", "b"] * 50, t=days)
    assert [column.feature for column in schema.columns] == [True, False]
    roles = assign_roles(schema, frame, y, SplitPlan(time="t"))
    assert roles.role.tolist() == ["train"] * 60 + ["validation"] * 20 + ["test"] * 20


def test_the_cut_never_divides_equal_values() -> None:
    part = cut_in_order(np.array([1, 1, 1, 1, 1, 1, 2, 3, 3, 3.0]), np.array([0.5, 0.5]))
    assert part.tolist() == [0] * 6 + [1] * 4


def test_folds_of_a_random_split_take_turns() -> None:
    pairs = fold_pairs(np.array([0, 1, 0, 2, 1]), ordered=False)
    assert [judge.tolist() for _, judge in pairs] == [[0, 2], [1, 4], [3]]
    assert [learn.tolist() for learn, _ in pairs] == [[1, 3, 4], [0, 2, 3], [0, 1, 2, 4]]


def test_the_seed_decides() -> None:
    schema, frame, y = table(["a", "b", "c"] * 40)
    first, again, other = (assign_roles(schema, frame, y, SplitPlan(seed=s)).role.tolist() for s in (1, 1, 2))
    assert first == again != other


def test_roles_of_a_given_seed_stay_as_they_are() -> None:
    """A change here would give every existing study another test set."""
    schema, frame, y = table(["a", "b"] * 10)
    roles = assign_roles(schema, frame, y, SplitPlan(seed=0))
    assert roles.rows("test").tolist() == PINNED


PINNED = [2, 5, 7, 16]


def test_a_plan_is_read_from_a_mapping() -> None:
    assert SplitPlan.from_mapping({"folds": 5, "test": 0.2}, seed=3) == SplitPlan(folds=5, test=0.2, seed=3)
    plan = SplitPlan.from_mapping({"train": 0.6, "validation": 0.1, "select": 0.1, "test": 0.2})
    assert plan.roles == ("train", "validation", "select", "test")


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({"train": 0.6, "validation": 0.2, "test": 0.1}, "add up to 0.9"),
        ({"train": 0.9, "validation": 0.2, "test": 0.1}, "add up to 1.2"),
        ({"test": -0.1}, "test = -0.1"),
        ({"test": 20}, "test = 20"),
        ({"test": float("nan")}, "test = nan"),
        ({"validation": 0.5, "test": 0.5}, "no rows to train on"),
        ({"validation": 0.0}, "none to validate on"),
        ({"train": 0.7, "test": 0.3}, "none to validate on"),
        ({"train": 0.9, "test": 0.3}, "add up to 1.2"),
        ({"folds": 1}, "folds = 1"),
        ({"folds": 5, "validation": 0.2}, "take turns"),
        ({"folds": 5, "train": 0.5, "test": 0.2}, "add up to 0.7"),
        ({"group": "a", "time": "b"}, "group = 'a' and time = 'b'"),
        ({"time": "b", "stratify": True}, "cannot be stratified"),
        ({"tset": 0.2}, "did you mean 'test'"),
        ({"test": "0.2"}, "it should be a number"),
        ({"folds": True}, "folds = true"),
        ({"group": 3}, "name of a column"),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused(split: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        SplitPlan.from_mapping(split)


@pytest.mark.parametrize(
    ("labels", "columns", "split", "says"),
    [
        (["a", "b"], {}, {}, "2 rows, where a split into train, validation and test needs at least 3"),
        (["a"] * 20 + ["b"] * 2, {}, {}, "class 'b' .* has 2 rows"),
        (["a"] * 20 + ["b"] * 5, {}, {"folds": 5}, "5 folds and test needs at least 6"),
        (["a", "b"] * 10, {"g": [1, 2] * 10}, {"group": "g"}, "2 groups"),
        (["a", "b"] * 10, {"g": [1, None] * 10}, {"group": "g"}, "no value in row 2"),
        (["a", "b"] * 10, {"t": [1.0, float("nan")] * 10}, {"time": "t"}, "no value in row 2"),
        (["a", "b"] * 10, {"t": [1, 2] * 10}, {"time": "t"}, "2 different times"),
        (
            ["a"] * 10 + ["b"] * 10,
            {"t": list(range(20))},
            {"time": "t", "test": 0.5},
            "class 'b' .* has no row in train",
        ),
        (["a", "b"] * 10, {}, {"group": "h"}, "no column 'h'"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    labels: list[str], columns: dict[str, Any], split: dict[str, Any], says: str
) -> None:
    schema, frame, y = table(labels, **columns)
    with pytest.raises(DataError, match=says):
        assign_roles(schema, frame, y, SplitPlan.from_mapping(split))


def test_groups_of_a_type_that_cannot_be_compared_are_refused() -> None:
    schema, frame, y = table(["a", "b"] * 10)
    with pytest.raises(DataError, match="of type List"):
        assign_roles(schema, frame.with_columns(g=pl.Series([[1], [2]] * 10)), y, SplitPlan(group="g"))


def test_stratify_needs_classes() -> None:
    frame = pl.DataFrame({"x": np.sin(np.arange(50)), "y": np.cos(np.arange(50))})
    schema = infer_schema(frame, "y")
    with pytest.raises(DataError, match="no classes"):
        assign_roles(schema, frame, encode_target(schema, frame), SplitPlan(stratify=True))
