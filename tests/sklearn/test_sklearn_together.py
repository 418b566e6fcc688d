"""Rows that go together: known from fit, from the pairs of a split, or from folds that learn from earlier rows."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, ShuffleSplit, TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.data.pairs import Pair
from holdfast.errors import RequestError
from holdfast.records import Score
from holdfast.sklearn import HoldfastSearchCV
from holdfast.sklearn.together import APART, rows_together

TREE = DecisionTreeClassifier(random_state=0)
WHO = np.array([f"patient {k:02}" for k in np.repeat(np.arange(20), 6)])


def _grouped(seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 2, 20)
    centre = draw.normal(size=(20, 4)) + y[:, None] * np.array([1, 0.5, 0, 0])
    return np.repeat(centre, 6, axis=0) + 0.3 * draw.normal(size=(120, 4)), np.repeat(y, 6)


def _estimate(cv: Any, X: np.ndarray, y: np.ndarray, **params: Any) -> Score:
    search = HoldfastSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 5, 15]}, strategy="grid", cv=cv, random_state=0
    )
    score: Score = clone(search).fit(X, y, **params).estimate_
    return score


@pytest.mark.parametrize("repeats", [1, 2])
def test_groups_of_a_split_are_those_of_the_estimate(repeats: int) -> None:
    X, y = _grouped(0)
    splits = holdfast.split(y, groups=WHO, folds=5, repeats=repeats, test=0)
    told = _estimate([(train, test) for train, test in splits], X, y, groups=WHO)
    assert _estimate(splits, X, y) == told
    assert _estimate(list(splits), X, y) == told
    assert _estimate(iter(list(splits)), X, y) == told
    plain = _estimate([(train, test) for train, test in splits], X, y)
    assert told.high - told.low > 1.3 * (plain.high - plain.low)  # type: ignore[operator]


def test_a_row_without_a_group_is_said_and_the_search_goes_on() -> None:
    X, y = _grouped(0)
    for none in (None, np.nan):
        who = np.array([none, *WHO[1:]], dtype=object)
        pairs = list(KFold(3).split(X))
        search = HoldfastSearchCV(TREE, {"max_depth": [1, 2]}, cv=pairs, random_state=0).fit(X, y, groups=who)
        assert search.best_score_ > 0
        with pytest.raises(AttributeError, match=r"because groups has no value in row 0 \(counted from 0\); every row"):
            _ = search.estimate_


def test_groups_that_fit_is_given_decide() -> None:
    X, y = _grouped(1)
    splits = holdfast.split(y, groups=WHO, folds=5, test=0)
    larger = np.arange(120) // 12
    told = _estimate([(train, test) for train, test in splits], X, y, groups=larger)
    assert _estimate(splits, X, y, groups=larger) == told
    assert told != _estimate(splits, X, y)


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2"])
@pytest.mark.parametrize("dated", [False, True])
def test_rows_in_time_are_so_in_whatever_order_they_stand(scoring: str, dated: bool) -> None:
    draw = np.random.default_rng(2)
    X, noise = draw.normal(size=(240, 2)), np.zeros(240)
    for at in range(1, 240):
        noise[at] = 0.9 * noise[at - 1] + draw.normal()
    y, moments = X[:, 0] + noise, np.arange(240)
    days = np.datetime64("2020-01-01") + moments if dated else moments
    mixed = draw.permutation(240)
    ways: dict[str, Any] = {"strategy": "grid", "scoring": scoring, "random_state": 0}
    found = []
    for order in (moments, mixed):
        splits = holdfast.split(y[order], times=days[order], folds=4, test=0)
        for cv in (splits, list(splits)):
            search = HoldfastSearchCV(Ridge(), {"alpha": [0.01, 1.0, 100.0]}, cv=cv, **ways)
            found.append(search.fit(X[order], y[order]).estimate_)
        bare = HoldfastSearchCV(Ridge(), {"alpha": [0.01, 1.0, 100.0]}, cv=[tuple(pair) for pair in splits], **ways)
        found.append(bare.fit(X[order], y[order]).estimate_)
    widths = [score.high - score.low for score in found]
    assert found[1:3] == found[:1] * 2, "rows that stand in order of time need no word"
    assert found[4] == found[3]
    assert widths[3] == pytest.approx(widths[0], rel=0.1)
    assert widths[3] > 1.3 * widths[5]


def test_groups_widen_the_interval() -> None:
    groups = np.arange(150) // 10
    X, y = load_iris(return_X_y=True)
    X = X[:, :2]
    ways: dict[str, Any] = {"n_trials": 4, "random_state": 0, "strategy": "random"}
    space = {"max_depth": holdfast.Int(1, 8)}
    grouped = HoldfastSearchCV(TREE, space, cv=GroupKFold(5), **ways).fit(X, y, groups=groups)
    alone = HoldfastSearchCV(TREE, space, cv=list(GroupKFold(5).split(X, y, groups)), **ways).fit(X, y)
    assert grouped.best_score_ == alone.best_score_
    assert grouped.estimate_ != alone.estimate_


def test_rows_in_order_of_time_are_resampled_in_blocks() -> None:
    draw = np.random.default_rng(0)
    state = np.repeat(draw.integers(0, 2, 30), 10)  # whether the features say anything comes in runs of ten rows
    y = draw.integers(0, 2, 300)
    rows = np.stack([np.where(state == 1, y, 1 - y) + draw.normal(0, 0.1, 300), draw.normal(size=300)], axis=1)
    ways: dict[str, Any] = {"n_trials": 1, "refit": False}
    timed = HoldfastSearchCV(TREE, {"max_depth": [2]}, cv=TimeSeriesSplit(4), **ways).fit(rows, y)
    splits = list(TimeSeriesSplit(4).split(rows))
    mixed = [(np.append(train, 299), test) for train, test in splits[:-1]] + splits[-1:]  # nearly in time
    alone = HoldfastSearchCV(TREE, {"max_depth": [2]}, cv=mixed, **ways).fit(rows, y)
    assert timed.best_score_ == pytest.approx(alone.best_score_, abs=0.05)
    wide, narrow = (item.estimate_.high - item.estimate_.low for item in (timed, alone))
    assert wide > 1.5 * narrow


def test_predictions_in_order_of_time_are_resampled_by_their_dependence() -> None:
    draw = np.random.default_rng(0)
    noise = np.zeros(400)
    for at in range(1, 400):
        noise[at] = 0.95 * noise[at - 1] + draw.normal()
    X = draw.normal(size=(400, 2))
    ways: dict[str, Any] = {"strategy": "grid", "cv": TimeSeriesSplit(5), "random_state": 0}
    squared, rooted = (
        HoldfastSearchCV(Ridge(), {"alpha": [0.1, 10.0, 100.0]}, scoring=f"neg_{name}", **ways)
        .fit(X, X[:, 0] + noise)
        .estimate_
        for name in ("mean_squared_error", "root_mean_squared_error")
    )
    implied = np.sqrt(-squared.low) - np.sqrt(-squared.high)
    assert 0.6 < (rooted.high - rooted.low) / implied < 1.4


def test_one_split_in_time_is_resampled_in_blocks_as_several_are() -> None:
    draw = np.random.default_rng(0)
    noise = np.repeat(draw.normal(size=20), 20)
    X = draw.normal(size=(400, 2))
    ways: dict[str, Any] = {"strategy": "grid", "scoring": "neg_mean_squared_error"}
    one, two = (
        HoldfastSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv, **ways).fit(X, X[:, 0] + noise).estimate_
        for cv in (
            [(np.arange(200), np.arange(200, 400))],
            [(np.arange(200), np.arange(200, 300)), (np.arange(200), np.arange(300, 400))],
        )
    )
    assert (one.low, one.high) == pytest.approx((two.low, two.high), rel=0.05)


def test_folds_that_learn_from_earlier_rows_only_are_in_time() -> None:
    for cv, in_time in (
        (TimeSeriesSplit(3), True),
        (PredefinedSplit([-1] * 30 + [0] * 30), True),
        (PredefinedSplit([0] * 30 + [-1] * 30), False),
        (KFold(3), False),
        (ShuffleSplit(1, random_state=0), False),
    ):
        found = rows_together(None, (), list(cv.split(np.zeros(60))), 60)
        assert (found.times is not None) is in_time
        assert found.groups is None


def test_a_split_without_groups_or_times_leaves_rows_on_their_own() -> None:
    splits = holdfast.split(60, folds=3, test=0)
    assert rows_together(None, list(splits), list(splits), 60) == APART


def test_pairs_that_do_not_fit_together_or_to_the_rows_give_no_estimate() -> None:
    X, y = _grouped(3)
    splits = holdfast.split(y[:60], groups=WHO[:60], folds=3, test=0)
    space = {"n_neighbors": [1, 5]}
    short = HoldfastSearchCV(KNeighborsClassifier(), space, strategy="grid", cv=splits).fit(X, y)
    with pytest.raises(AttributeError, match=r"cv divides 60 rows and there are 120; split the rows that fit gets"):
        _ = short.estimate_
    other = holdfast.split(y[:60], groups=np.arange(60) // 5, folds=3, test=0)
    with pytest.raises(RequestError, match="different groups or times"):
        rows_together(None, [*splits, *other], [*splits, *other], 60)
    with pytest.raises(RequestError, match="different groups or times"):
        rows_together(None, [*splits, *holdfast.split(y[:60], folds=3)], list(splits), 60)
    again = holdfast.split(y[:60], groups=WHO[:60], folds=3, test=0, seed=1)
    assert rows_together(None, [*splits, *again], list(splits), 60).groups is not None


def test_a_pair_is_two_arrays_and_stays_one_as_a_copy() -> None:
    splits = holdfast.split(60, groups=WHO[:60], folds=3, test=0)
    train, validation = splits.pairs[0]
    assert len(train) + len(validation) == 60
    copied = copy.deepcopy(splits.pairs[0])
    assert isinstance(copied, Pair)
    assert copied.n_rows == 60
    assert copied.times is None
    np.testing.assert_array_equal(copied.groups, np.repeat(np.arange(10), 6))
