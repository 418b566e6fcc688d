"""The best trials side by side: who would win again, and what luck does to the first one."""

from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.records import Direction, RowScores
from holdfast.study.compared import Read, compared, corrected, mean_bootstraps, rivals
from holdfast.study.study import Study


def study_of(columns: np.ndarray, direction: Direction = "maximize", **rows: str) -> Study:
    """One trial for each column of row scores, (N, C)."""
    study = Study({"x": holdfast.Float(0, 1)}, direction=direction, strategy="random", seed=0)
    for column in columns.T:
        trial = study.ask()
        scores = RowScores(column, **rows)  # type: ignore[arg-type]
        study.tell(trial, float(column.mean()), rows=scores)
    return study


def test_the_best_stands_in_front_and_its_score_comes_back() -> None:
    columns = np.random.default_rng(0).random((50, 4)) + np.array([0.0, 0.3, 0.1, 0.2])
    found = compared(study_of(columns).book)
    assert found is not None
    assert [trial.number for trial in found.trials] == [1, 3, 2, 0]
    np.testing.assert_allclose(found.scores, columns[:, [1, 3, 2, 0]])
    down = compared(study_of(columns, "minimize").book)
    assert down is not None
    assert down.trials[0].number == 0
    assert down.scale.shown(float(down.scores[:, 0].mean())) == pytest.approx(columns[:, 0].mean())


def test_row_scores_are_read_once() -> None:
    book, kept = study_of(np.random.default_rng(0).random((20, 3))).book, Read()
    assert compared(book, kept=kept) is not None
    before = dict(kept)
    assert compared(book, kept=kept) is not None
    assert all(kept[number] is rows for number, rows in before.items())
    assert compared(book, kept=kept, most=2) is not None
    assert len(kept) == 2


def test_without_row_scores_that_add_up_there_is_nothing_to_compare() -> None:
    assert compared(study_of(np.random.default_rng(0).random((20, 3)), kind="prediction").book) is None
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    assert compared(study.book) is None
    study.tell(study.ask(), 1.0)
    assert compared(study.book) is None


def test_luck_is_taken_off_where_all_are_equally_good() -> None:
    """Thirty coins of 60% on 200 rows: the best shows some 0.67, and none is better than 0.6."""
    off = []
    for seed in range(20):
        columns = (np.random.default_rng(seed).random((200, 30)) < 0.6).astype(float)
        found = compared(study_of(columns).book)
        assert found is not None
        assert columns.mean(axis=0).max() > 0.63
        off.append(corrected(found, seed) - 0.6)
    assert abs(np.mean(off)) < 0.01


def test_ties_leave_no_luck_in() -> None:
    """Few rows and many equals: what is shown while trials run is what the estimate comes to in the end."""
    columns = (np.random.default_rng(5).random((60, 40)) < 0.9).astype(float)
    study = study_of(columns)
    found = compared(study.book)
    assert found is not None
    assert corrected(found, 0, 2000) == pytest.approx(study.estimate().value, abs=0.003)


def test_what_a_search_adds_to_the_luck_is_taken_off_a_look_as_off_the_estimate() -> None:
    """Each trial repeats most of the best one so far."""
    rng = np.random.default_rng(0)
    columns = [rng.random(100) < 0.6]
    for _ in range(29):
        best = max(columns, key=np.sum)
        columns.append(np.where(rng.random(100) < 0.2, rng.random(100) < 0.6, best))
    study = Study({"x": holdfast.Float(0, 1)}, direction="maximize", strategy="tpe", seed=0)
    for column in columns:
        study.tell(study.ask(), float(column.mean()), rows=RowScores(column.astype(float)))
    found = compared(study.book)
    assert found is not None
    blind = corrected(found, 0)
    searched = float(np.mean([corrected(found, seed, searched=True) for seed in range(5)]))
    assert searched == pytest.approx(study.estimate().value, abs=0.015)
    assert blind > searched + 0.02
    assert corrected(found, 0, omega2=0.35) < blind


def test_one_trial_had_no_luck() -> None:
    column = np.random.default_rng(0).random((50, 1))
    found = compared(study_of(column).book)
    assert found is not None
    assert corrected(found, 0) == pytest.approx(column.mean())


def test_a_rival_beyond_and_one_within_the_noise() -> None:
    """The same rows for all: a constant shift has no noise at all, a fresh draw has much."""
    rng = np.random.default_rng(1)
    first, noise = rng.random(400), rng.normal(0, 0.1, 400)
    columns = np.stack([first, first - 0.05, first - 0.001 + noise - noise.mean()], axis=1)
    found = compared(study_of(columns).book)
    assert found is not None
    standing = rivals(
        found.trials, found.scores.mean(axis=0), mean_bootstraps(found.scores, np.random.default_rng(0), 500)
    )
    assert [rival.trial.number for rival in standing] == [0, 2, 1]
    assert [rival.behind for rival in standing] == [0, pytest.approx(0.001), pytest.approx(0.05)]
    assert [rival.within_noise for rival in standing] == [True, True, False]
    assert standing[2].share == 0
    assert 0.3 < standing[1].share < 0.7
    assert sum(rival.share for rival in standing) == pytest.approx(1)


def test_the_error_of_a_difference_is_that_of_its_mean() -> None:
    columns = np.random.default_rng(2).random((300, 2))
    standing = rivals(
        study_of(columns).trials, columns.mean(axis=0), mean_bootstraps(columns, np.random.default_rng(0), 4000)
    )
    difference = columns[:, 0] - columns[:, 1]
    assert standing[1].error == pytest.approx(difference.std() / np.sqrt(300), rel=0.05)


def test_equals_share_what_they_win() -> None:
    columns = np.repeat(np.random.default_rng(3).random((40, 1)), 2, axis=1)
    standing = rivals(
        study_of(columns).trials, columns.mean(axis=0), mean_bootstraps(columns, np.random.default_rng(0), 50)
    )
    assert [rival.share for rival in standing] == [0.5, 0.5]
    assert standing[1].within_noise
