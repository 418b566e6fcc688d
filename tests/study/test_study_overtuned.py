"""The naive curve beside the corrected one, the alarm where only the first rises, and what was lost by going on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})


def study_of(columns: np.ndarray, tests: Sequence[float] = (), **settings: str) -> Study:
    """Scores of rows, one column a trial, and perhaps a test score of each."""
    direction = settings.pop("direction", "maximize")
    study = Study(SPACE, direction={"score": direction}, strategy="random", seed=0, **settings)  # type: ignore[dict-item,arg-type]
    for place, column in enumerate(columns.T):
        told = {"score": float(column.mean()), **({"test": tests[place]} if tests else {})}
        study.tell(study.ask(), told, rows=holdfast.RowScores(column))
    return study


def equals(n: int = 60) -> np.ndarray:
    """Eleven trials that get better, without any luck, and then others that are as good as the last one of these."""
    columns = np.random.default_rng(0).normal(size=(200, n))
    columns[:, :11] -= columns[:, :11].mean(axis=0)
    return columns + 0.3 * np.minimum(np.arange(n), 10)


def test_the_alarm_is_raised_where_only_luck_grows() -> None:
    found = study_of(equals()).overtuning()
    assert found.since is not None
    assert 45 <= found.since <= 49
    assert found.alarm.startswith(f"For the last {found.since} trials the corrected score has not improved on the 3")
    assert str(found).startswith(found.alarm)
    assert found.trials == tuple(range(60))
    assert found.incumbents[:11] == tuple(range(11))
    assert found.naive[-1] > 3.1
    assert found.corrected[-1] == pytest.approx(3, abs=0.05)
    assert all(c <= n + 1e-12 for n, c in zip(found.naive, found.corrected, strict=True))
    assert study_of(equals()).overtuning(patience=60).alarm == ""
    assert found.lost is None
    assert "can be named as test" in found.loss


def test_losses_are_the_mirror_of_scores() -> None:
    up, down = study_of(equals(30)).overtuning(), study_of(-equals(30), direction="minimize").overtuning()
    np.testing.assert_allclose(up.naive, -np.array(down.naive))
    np.testing.assert_allclose(up.corrected, -np.array(down.corrected))
    assert bool(up.alarm) == bool(down.alarm)


def test_no_alarm_where_trials_really_get_better() -> None:
    found = study_of(np.random.default_rng(1).normal(size=(200, 60)) + 0.1 * np.arange(60)).overtuning()
    assert found.alarm == ""
    assert found.since is not None
    assert found.since < 5
    assert "corrected" in str(found)


def test_what_came_later_changes_no_earlier_naive_value_and_the_first_had_no_luck() -> None:
    found = study_of(equals(12)).overtuning()
    assert found.corrected[0] == pytest.approx(found.naive[0])
    assert found.naive[:5] == study_of(equals(12)[:, :5]).overtuning().naive


def test_the_share_that_was_lost_is_that_of_the_paper() -> None:
    columns = np.array([0.60, 0.70, 0.65, 0.80, 0.90]) + np.zeros((20, 5))
    found = study_of(columns, [0.70, 0.80, 0.95, 0.78, 0.74]).overtuning(test="test")
    assert found.lost == pytest.approx(0.6)
    assert "trial 1, with 0.8, was better than the best by validation, 0.74: 60% of what" in found.loss
    assert study_of(columns, [0.1, 0.2, 0.3, 0.4, 0.5]).overtuning(test="test").lost == 0
    gained_nothing = study_of(columns, [0.5, 0.4, 0.4, 0.4, 0.4]).overtuning(test="test")
    assert gained_nothing.lost is None
    assert "at no time gained anything" in gained_nothing.loss


def test_without_rows_there_is_the_naive_curve_and_a_reason() -> None:
    study = Study(SPACE, strategy="random", seed=0, name="bare")
    with pytest.raises(RequestError, match="no trial with a value yet"):
        study.overtuning()
    study.optimize(lambda trial: float(trial["x"]), n_trials=4)
    found = study.overtuning()
    assert found.naive[-1] == study.best_value
    assert found.corrected == ()
    assert found.since is None
    assert "4 of 4 complete trials came without row scores" in found.missing
    assert str(found) == found.missing


def test_without_what_was_dropped_there_is_no_curve() -> None:
    """What is left was selected on the same rows, so that its luck alone says too little."""
    columns = np.random.default_rng(2).normal(size=(60, 6))
    study = study_of(columns, drop_folds="aggressive")
    assert study.overtuning().corrected
    dropped = study.ask()
    study.tell(dropped, None, rows=holdfast.RowScores(columns[:30, 0], np.arange(30)), state="stopped")
    found = study.overtuning()
    assert found.corrected == ()
    assert "1 trial was ended before all rows were scored, and without it a curve would be too good" in str(found)
    study.tell(study.ask(), None, state="stopped")
    assert "2 trials were ended before all rows were scored" in study.overtuning().missing


def test_stopped_trials_with_scores_of_all_rows_are_part_of_the_luck() -> None:
    columns = np.random.default_rng(3).normal(size=(60, 48))
    columns = columns[:, np.argsort(-columns.mean(axis=0))]
    study = study_of(columns[:, :4])
    alone = study.overtuning()
    for column in columns[:, 4:].T:
        study.tell(study.ask(), float(column.mean()), rows=holdfast.RowScores(column), state="stopped")
    study.tell(study.ask(), -9.0, rows=holdfast.RowScores(np.full(60, -9.0)))
    found = study.overtuning()
    assert found.naive[-1] == alone.naive[-1]
    assert found.corrected[-1] < alone.corrected[-1] - 0.02


def test_what_cannot_be_meant_is_refused() -> None:
    study = study_of(equals(4), [0.1, 0.2, 0.3, math.nan])
    with pytest.raises(RequestError, match="patience = 0; it must be a whole number of at least 1"):
        study.overtuning(patience=0)
    with pytest.raises(RequestError, match="test = 'score', which the study chooses by"):
        study.overtuning(test="score")
    with pytest.raises(RequestError, match="no complete trial was told with; there is test"):
        study.overtuning(test="tset")
    with pytest.raises(RequestError, match="trial 3 was the best by validation and has no test score"):
        study.overtuning(test="test")


def test_what_the_select_rows_say_of_the_best_by_validation() -> None:
    study = study_of(equals(4))
    choice = {"trial": 1, "metric": "score", "direction": "maximize", "rule": "", "config": {}, "naive": {}}
    study.book.note("choice.made", {**choice, "finalists": [{"trial": 3, "value": 0.81}, {"trial": 1, "value": 0.83}]})
    loss = study.overtuning().loss
    assert loss.startswith(
        "On the select rows trial 3, the best by validation, scores 0.81, and trial 1 of 2 finalists"
    )
    assert loss.endswith("would have lost up to 0.02.")
    study.book.note("choice.made", {**choice, "finalists": [{"trial": 3, "value": 0.85}, {"trial": 1, "value": 0.83}]})
    assert study.overtuning().loss.endswith("is the best of 2 finalists, too.")


def test_scores_beyond_all_size_are_said_to_be() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", seed=0)
    for k in range(12):
        study.tell(study.ask(), (1.7e308, -1.7e308, 0.0)[k % 3])
    said = r"scores from -1\.7e\+308 to 1\.7e\+308 are too far apart to be compared"
    with pytest.raises(RequestError, match=said):
        study.overtuning()
    with pytest.raises(RequestError, match=said):
        study.expected_gain(3)
    assert re.search(f"nobody can say: {said}", str(study.suggest_next()))
    losses = np.full((60, 3), 1e150) * np.random.default_rng(0).random((60, 3))
    assert "beyond 1e+100" in study_of(losses, direction="minimize").overtuning().missing
    losses[:, 1:] /= 1e150
    assert "of a best trial are beyond 1e+100" in study_of(losses, direction="minimize").overtuning().missing
    found = study_of(losses[:, [1, 2, 0]], direction="minimize").overtuning()
    assert not found.missing
    assert all(0 < each < 1 for each in found.corrected)
