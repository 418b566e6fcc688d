"""Splits for an objective of one's own keep the rules of a plan's, and say in a sentence what cannot be divided."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.data.columns import infer_schema
from holdfast.data.features import encode_target
from holdfast.data.roles import SplitPlan, assign_roles
from holdfast.errors import DataError
from holdfast.stats.intervals import clopper_pearson

LABELS = np.array(["a", "b", "b"] * 40)


def assert_apart(splits: holdfast.Splits, n_rows: int) -> None:
    """No row has two uses in one pair, and test and select rows are in no pair."""
    apart = np.concatenate([splits.select, splits.test, splits.left_out])
    for train, validation in splits:
        together = np.concatenate([train, validation, apart])
        assert len(np.unique(together)) == len(together)
        assert min(len(train), len(validation)) > 0
    assert set(together.tolist()) <= set(range(n_rows))


@settings(max_examples=60, deadline=None)
@given(
    folds=st.sampled_from([None, 2, 5]),
    repeats=st.integers(1, 4),
    select=st.sampled_from([0.0, 0.1]),
    test=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 5),
)
def test_no_row_has_two_uses(folds: int | None, repeats: int, select: float, test: float, seed: int) -> None:
    scheme: dict[str, Any] = {} if folds is None else {"folds": folds, "repeats": repeats}
    splits = holdfast.split(LABELS, seed=seed, select=select, test=test, **scheme)
    assert_apart(splits, len(LABELS))
    assert len(splits) == (1 if folds is None else folds * repeats)
    for repeat in range(len(splits) // (folds or 1)):
        judged = np.concatenate([v for _, v in splits.pairs[repeat * (folds or 1) : (repeat + 1) * (folds or 1)]])
        assert len(np.unique(judged)) == len(judged)
        if folds is not None:
            assert sorted(judged.tolist()) == splits.train.tolist()
    for train, validation in splits:
        for rows in (train, validation):
            assert abs((LABELS[rows] == "b").mean() - 2 / 3) < 2 / len(rows)


def test_repeats_differ_and_leave_the_first_as_it_is() -> None:
    once, thrice = (holdfast.split(LABELS, folds=4, repeats=r) for r in (1, 3))
    assert all((a[1] == b[1]).all() for a, b in zip(once, thrice, strict=False))
    folds = {tuple(validation.tolist()) for _, validation in thrice}
    assert len(folds) == 12


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(3, 12), min_size=15, max_size=25), repeats=st.integers(1, 3), seed=st.integers(0, 9))
def test_groups_are_whole_in_every_repeat(sizes: list[int], repeats: int, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    splits = holdfast.split(len(groups), groups=groups, folds=3, repeats=repeats, seed=seed)
    assert_apart(splits, len(groups))
    for train, validation in splits:
        assert not set(groups[train].tolist()) & set(groups[validation].tolist())
        assert not set(groups[splits.test].tolist()) & set(groups[splits.train].tolist())
    assert splits.units is not None
    assert len(splits.units) == len(splits.judged)
    pairs = {frozenset(tuple(v) for _, v in splits.pairs[r * 3 : r * 3 + 3]) for r in range(repeats)}
    assert len(pairs) == repeats


def test_groups_of_different_sizes_are_stratified_too() -> None:
    groups = np.repeat(np.arange(60), 2)
    labels = np.where(np.arange(60) % 3 == 0, "a", "b")[groups]
    for _, validation in holdfast.split(labels, groups=groups, folds=4, repeats=2, test=0.2):
        assert abs((labels[validation] == "a").mean() - 1 / 3) < 0.15


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(st.integers(0, 300), min_size=60, max_size=120),
    folds=st.sampled_from([None, 2, 4]),
    gap=st.sampled_from([None, 1, 4]),
    window=st.sampled_from([None, 10, 25]),
)
def test_time_runs_forward_over_gaps(times: list[int], folds: int | None, gap: int | None, window: int | None) -> None:
    t = np.array(times)
    if len(np.unique(t)) < 50:
        return
    scheme: dict[str, Any] = {"gap": gap} if gap else {}
    if folds is not None:
        scheme |= {"folds": folds, **({"window": window} if window else {})}
    splits = holdfast.split(len(t), times=t, **scheme)
    assert_apart(splits, len(t))
    for train, validation in splits:
        assert t[train].max() < t[validation].min()
        between = (t > t[train].max()) & (t < t[validation].min())
        assert between.sum() >= (gap or 0)
        if folds is not None and window:
            assert (t[train] > t[train].min()).sum() < window
    learned = np.concatenate([np.concatenate(pair) for pair in splits])
    assert t[learned].max() < t[splits.test].min()
    assert ((t > t[learned].max()) & (t < t[splits.test].min())).sum() >= (gap or 0)
    if folds is not None:
        never = np.setdiff1d(splits.train, splits.judged)
        assert never.tolist() == splits.unjudged.tolist()
        assert t[never].max() < t[splits.judged].min()


def test_durations_need_dates() -> None:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=i) for i in range(100)]
    for times in (days, np.array(days, dtype="datetime64[ns]"), [str(day) for day in days]):
        splits = holdfast.split(100, times=times, folds=3, gap="1 week", window="20 days")
        for train, validation in splits:
            assert validation.min() - train.max() == 7
            assert len(train) <= 20
    with pytest.raises(DataError, match="holds numbers and no dates; give a whole number of rows"):
        holdfast.split(100, times=np.arange(100), gap="1 week")


def test_every_trial_has_a_validation_part_of_its_own_where_asked() -> None:
    groups = np.repeat(np.arange(30), 4)
    splits = holdfast.split(LABELS, groups=groups, reshuffle=True, select=0.1, seed=3)
    seen = set()
    for number in range(5):
        own = splits.of_trial(number)
        assert_apart(own, len(LABELS))
        ((train, validation),) = own
        assert not set(groups[train].tolist()) & set(groups[validation].tolist())
        assert own.test.tolist() == splits.test.tolist()
        assert own.select.tolist() == splits.select.tolist()
        assert len(train) + len(validation) == len(LABELS) - len(own.test) - len(own.select)
        seen.add(tuple(validation.tolist()))
    assert len(seen) == 5
    assert (splits.of_trial(2).pairs[0][1] == splits.of_trial(2).pairs[0][1]).all()
    fixed = holdfast.split(LABELS)
    assert fixed.of_trial(7) is fixed


def test_an_inner_split_stays_within_its_outer_fold() -> None:
    outer = holdfast.split(LABELS, folds=4, test=0)
    for train, held_out in outer:
        inner = outer.within(train, folds=3)
        judged = np.concatenate([validation for _, validation in inner])
        assert sorted(judged.tolist()) == sorted(train.tolist())
        for learn, validation in inner:
            assert not (set(learn.tolist()) | set(validation.tolist())) & set(held_out.tolist())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.arange(len(LABELS)), "24 of the rows to split, such as row .*, are test rows of the outer split"),
        (np.array([0, 0, 1]), "go from 0 to 1, where each of 0 to 119 may stand once"),
        (np.array([0, 120]), "go from 0 to 120, where each of 0 to 119 may stand once"),
        (np.array([-1, 5]), "go from -1 to 5"),
        (np.ones(len(LABELS), dtype=bool), "of the type bool"),
        (np.array([], dtype=int), "of the type int64 and shape"),
    ],
)
def test_an_inner_split_takes_no_test_rows_and_no_others_twice(rows: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        holdfast.split(LABELS, folds=4, test=0.2).within(rows, folds=3)


@pytest.mark.parametrize("seed", ["a", 1.5, True, None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(DataError, match=r"the seed of a split is .*; it has to be a whole number"):
        holdfast.split(LABELS, seed=seed)
    assert holdfast.split(LABELS, seed=np.int64(3)).test.tolist() == holdfast.split(LABELS, seed=3).test.tolist()  # type: ignore[arg-type]


def test_python_and_plan_divide_alike() -> None:
    frame = pl.DataFrame({"x": np.arange(120), "y": LABELS})
    schema = infer_schema(frame, "y")
    plan = SplitPlan.from_mapping({"folds": 5, "repeats": 2, "select": 0.1, "test": 0.2}, seed=4)
    roles = assign_roles(schema, frame, encode_target(schema, frame), plan)
    splits = holdfast.split(LABELS, folds=5, repeats=2, select=0.1, test=0.2, seed=4)
    assert roles.rows("test").tolist() == splits.test.tolist()
    for theirs, ours in zip(roles.pairs(), splits, strict=True):
        assert [rows.tolist() for rows in theirs] == [rows.tolist() for rows in ours]


def test_row_scores_are_averaged_over_repeats() -> None:
    splits = holdfast.split(30, folds=3, repeats=2, test=0)
    scores = [np.full(len(validation), k) for k, (_, validation) in enumerate(splits)]
    told = splits.row_scores(scores)
    assert told.rows is not None
    assert told.rows.tolist() == list(range(30))
    first, second = np.empty(30), np.empty(30)
    for k, (_, validation) in enumerate(splits):
        (first if k < 3 else second)[validation] = k
    assert told.values.tolist() == ((first + second) / 2).tolist()
    once = holdfast.split(30, folds=3, test=0)
    correct = [(validation % 2).astype(np.uint8) for _, validation in once]
    assert once.row_scores(correct).values.tolist() == [0, 1] * 15
    with pytest.raises(DataError, match="one array for each of the 3 pairs"):
        once.row_scores(correct[:2])
    for own in (splits, once):
        with pytest.raises(DataError, match=r"row scores of pair 0 must be numbers, .* but hold 'yes'"):
            own.row_scores([np.full(len(validation), "yes") for _, validation in own])


@pytest.mark.parametrize(
    ("y", "scheme", "says"),
    [
        (1, {}, "the table has 1 row, where a split into train, validation and test needs at least 3"),
        (0, {}, "a split of 0 rows"),
        (8, {"folds": 9}, "the table has 8 rows, where a split into 9 folds and test needs at least 10"),
        (LABELS, {"fold": 3}, r"no 'fold' \(did you mean 'folds'\?\)"),
        (LABELS, {"time": "day"}, "as an array, times"),
        (LABELS.reshape(2, -1), {}, "one a row"),
        (["a", "b", None] * 9, {}, "no value in row 2"),
        (["a", "b"] * 9, {"groups": [1, 2]}, "18 rows but groups of shape"),
        (12, {"groups": [0, 1, 2] * 4, "folds": 3}, "3 groups, where a split into 3 folds and test needs at least 4"),
        (12, {"groups": list(range(4)) * 3, "folds": 4, "repeats": 2, "test": 0}, "no division into 4 folds beside 1"),
        (40, {"times": list(range(40)), "folds": 4, "gap": 8}, "gap of 8 rows leaves fold 0 nothing to learn from"),
        (40, {"times": list(range(40)), "gap": 30}, "gap of 30 rows leaves no rows for train before validation begins"),
        (40, {"times": list(range(40)), "folds": 4, "repeats": 2}, "the same every time"),
        (40, {"gap": 3}, "gap = 3 without time"),
        (40, {"window": 3, "folds": 2}, "window = 3 without time"),
        (40, {"times": list(range(40)), "window": 9}, "window = 9 without folds"),
        (40, {"times": list(range(40)), "reshuffle": True}, "reshuffle = true and time"),
        (40, {"folds": 3, "reshuffle": True}, "reshuffle = true and folds = 3"),
        (40, {"repeats": 3}, "repeats = 3 without folds"),
        (40, {"folds": 3, "repeats": 0}, "repeats = 0"),
        (40, {"times": list(range(40)), "window": 0.4, "folds": 2}, "a whole number of rows, or a duration"),
    ],
)
def test_what_cannot_be_divided_is_refused_in_a_sentence(y: Any, scheme: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        holdfast.split(y, **scheme)


def test_the_score_of_a_procedure_allows_for_shared_rows() -> None:
    """The formula: mean -+ t sd sqrt(1/J + n2/n1)."""
    from scipy.stats import t

    splits = holdfast.split(100, folds=5, test=0)
    scores = [0.7, 0.8, 0.75, 0.9, 0.85]
    found = splits.score_of_procedure(scores)
    half = t.ppf(0.975, 4) * np.std(scores, ddof=1) * np.sqrt(1 / 5 + 20 / 80)
    assert found.value == pytest.approx(0.8)
    assert found.low == pytest.approx(0.8 - half)
    assert found.high == pytest.approx(0.8 + half)
    assert "procedure" in found.estimand
    for wrong in (scores[:4], []):
        with pytest.raises(DataError, match="one for each pair"):
            splits.score_of_procedure(wrong)


def test_a_procedure_that_scores_alike_in_every_pair_has_no_interval_without_width() -> None:
    splits = holdfast.split(100, folds=5, test=0)
    same = splits.score_of_procedure([0.9] * 5)
    assert (same.low, same.high) == (None, None)
    assert "equal" in same.method
    rows = [np.arange(20) < 18 for _ in splits]
    found = splits.score_of_procedure(rows)
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx(clopper_pearson(90, 100))
    grouped = holdfast.split(100, groups=np.arange(100) // 4, folds=5, test=0).score_of_procedure([np.ones(20)] * 5)
    assert (grouped.low, grouped.high) == pytest.approx(clopper_pearson(25, 25))
    ordered = holdfast.split(100, times=np.arange(100), folds=4, test=0)
    assert ordered.score_of_procedure([np.ones(len(validation)) for _, validation in ordered]).low is None


def test_the_interval_of_a_procedure_keeps_to_the_range_of_the_metric() -> None:
    splits = holdfast.split(100, folds=5, test=0)
    scores = [0.9, 0.95, 1, 1, 1]
    free, found = splits.score_of_procedure(scores), splits.score_of_procedure(scores, bounds=(0, 1))
    assert free.high is not None
    assert free.high > 1
    assert (found.low, found.high) == (free.low, 1)
    rows = [np.arange(20) < 20 * score for score in scores]
    assert splits.score_of_procedure(rows) == found
    with pytest.raises(DataError, match=r"from 0.9 to 1, beyond bounds = \(0, 0.95\)"):
        splits.score_of_procedure(scores, bounds=(0, 0.95))
    with pytest.raises(DataError, match="row scores have shapes"):
        splits.score_of_procedure([*rows[:4], np.ones(3)])
    with pytest.raises(DataError, match="score of pair 0 must be numbers"):
        splits.score_of_procedure(["good"] * 5)  # type: ignore[arg-type]


def test_groups_and_blocks_of_time_are_what_an_estimate_resamples() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(25), 8)
    # rows of a group share their luck, so that 160 of them say no more than 20 groups do
    luck = rng.normal(size=25)[groups] + rng.normal(size=200) / 4
    for splits in (
        holdfast.split(200, groups=groups, folds=4, test=0.2),
        holdfast.split(200, times=np.arange(200), folds=4, test=0.2),
    ):
        study = holdfast.Study({"x": holdfast.Float(0, 1)}, direction="minimize", strategy="random", seed=0)
        for _ in range(4):
            trial = study.ask()
            rows = splits.row_scores([(luck[validation] - trial["x"]) ** 2 for _, validation in splits])
            study.tell(trial, float(rows.values.mean()), rows=rows)
        alone, together = study.estimate(), study.estimate(groups=splits.units)
        assert None not in (alone.low, alone.high, together.low, together.high)
        assert (together.high - together.low) > 1.3 * (alone.high - alone.low)  # type: ignore[operator]
        with pytest.raises(holdfast.RequestError, match="validation rows but 3 group names"):
            study.estimate(groups=np.arange(3))
