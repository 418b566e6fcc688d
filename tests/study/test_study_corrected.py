"""The estimate of a study: corrected where row scores were told, refused in words where they are missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.records import TrialState
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

SPACE = holdfast.Space({"layers": holdfast.Int(1, 6), "rate": holdfast.Float(0, 1)})


def random_study(**settings: Any) -> Study:
    return Study(SPACE, strategy="random", **settings)


def _rows(trial: LiveTrial) -> holdfast.RowScores:
    rng = np.random.default_rng(trial.number)
    return holdfast.RowScores((rng.random(200) < 0.6 + 0.05 * trial["layers"]).astype(float))


def test_estimate_corrects_where_rows_were_told() -> None:
    study = random_study(direction="maximize")
    for _ in range(12):
        trial = study.ask()
        rows = _rows(trial)
        study.tell(trial, float(rows.values.mean()), rows=rows)
    score = study.estimate()
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high
    assert score.value < study.best_value
    assert score.n == 200
    assert score.method
    assert score.estimand
    again = study.estimate(level=0.5)
    assert again.high is not None
    assert again.low is not None
    assert again.high - again.low < score.high - score.low


def test_rows_travel_from_worker_processes() -> None:
    def train(trial: LiveTrial) -> float:
        rng = np.random.default_rng(trial.number)
        scores = (rng.random(100) < 0.8).astype(float)
        trial.rows = holdfast.RowScores(scores)
        return float(scores.mean())

    study = random_study(direction="maximize")
    study.optimize(train, n_trials=4, n_jobs=2)
    rows = study.trials[2].rows
    assert rows is not None
    expected = (np.random.default_rng(2).random(100) < 0.8).astype(float)
    assert np.array_equal(study.book.get_rows(rows).values, expected)
    assert study.estimate().value <= study.best_value


def test_estimate_says_what_is_missing_and_gives_no_number() -> None:
    study = random_study(name="bare", direction="maximize")
    with pytest.raises(RequestError, match="no trial with a value yet"):
        study.estimate()
    study.optimize(lambda trial: float(trial["rate"]), n_trials=2)
    trial = study.ask()
    study.tell(trial, float(_rows(trial).values.mean()), rows=_rows(trial))
    with pytest.raises(RequestError, match="study 'bare' has no estimate, because 2 of 3 complete trials came without"):
        study.estimate()


def test_a_study_of_a_plan_has_the_estimate_on_its_record() -> None:
    """The plan knew groups and the model that ships; the row scores alone do not."""
    study = random_study(name="plain", direction="maximize")
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, float(_rows(trial).values.mean()), rows=_rows(trial))
    study.book.note("data.split", {"roles": {}})
    with pytest.raises(RequestError, match=r"'plain' has no estimate yet: its plan makes .* result\.estimate"):
        study.estimate()
    on_record = holdfast.Score(0.6, 0.5, 0.7, 0.95, "RMX", "the model refitted on more rows", 200)
    study.book.note("estimate.made", {"score": on_record.to_json(), "missing": None})
    assert study.estimate() == on_record
    for asked in ({"level": 0.9}, {"groups": np.arange(200)}):
        with pytest.raises(RequestError, match=r"which made its estimate once, with its own groups and level 0\.95"):
            study.estimate(**asked)
    study.book.note("estimate.made", {"score": None, "missing": "the metric is no sum over rows"})
    with pytest.raises(RequestError, match="study 'plain' has no estimate, because the metric is no sum over rows"):
        study.estimate()


def test_rows_that_do_not_make_up_the_value_are_refused_when_they_are_told() -> None:
    study, rows = random_study(direction="maximize"), holdfast.RowScores(np.arange(10) < 6)
    trial = study.ask()
    said = (
        r"the mean of the row scores is 0\.6, and 'value' is 0\.954; tell scores that make up the value.*'prediction'"
    )
    with pytest.raises(RequestError, match=said):
        study.tell(trial, 0.954, rows=rows)
    squares = holdfast.RowScores(np.array([1.0, 4.0, 4.0]), aggregate="root_mean")
    with pytest.raises(RequestError, match=r"the root of the mean of the row scores is 1\.73205, and 'value' is 3"):
        study.tell(trial, 3.0, rows=squares)
    assert study.tell(trial, math.sqrt(3.0), rows=squares).state is TrialState.COMPLETE
    study.tell(study.ask(), float(np.float32(0.6)), rows=rows)
    study.tell(study.ask(), 0.954, rows=holdfast.RowScores(np.arange(10), kind="prediction"))
    study.tell(study.ask(), 0.954, rows=rows, state="stopped")
    study.tell(study.ask(), 0.954, rows=holdfast.RowScores(np.array([0.5, np.nan])))

    def objective(trial: LiveTrial) -> float:
        trial.rows = rows
        return 0.954

    study.optimize(objective, n_trials=1)
    assert study.trials[-1].state is TrialState.FAILED
    assert "the mean of the row scores is 0.6" in str(study.trials[-1].error)


def test_texts_are_no_row_scores() -> None:
    with pytest.raises(RequestError, match="row scores are of the type <U1; numbers are needed"):
        holdfast.RowScores(np.array(["a", "b"]))
    assert holdfast.RowScores(np.array(["a", "b"]), kind="prediction").values.tolist() == ["a", "b"]


def test_predictions_without_targets_are_refused_with_the_way_out() -> None:
    study = random_study(name="auc", direction="maximize")
    study.tell(study.ask(), 0.8, rows=holdfast.RowScores(np.linspace(0, 1, 50), kind="prediction"))
    with pytest.raises(RequestError, match=r"holdfast\.evaluate\.estimate\.estimate\(rows, metric=\.\.\., y=\.\.\.\)"):
        study.estimate()


def _raced_study(
    stopped: Callable[[np.ndarray, np.ndarray], holdfast.RowScores | None] | None, state: str = "stopped"
) -> Study:
    """Ten equals, all but the first three stopped after 40 of 120 rows; the stopped are not told if None."""
    study = random_study(direction="maximize")
    names = np.arange(120) * 2
    for c in range(10):
        scores = (np.random.default_rng(c).random(120) < 0.8).astype(float)
        if c < 3:
            study.tell(study.ask(), float(scores.mean()), rows=holdfast.RowScores(scores, names))
        elif stopped is not None:
            value = None if state == "failed" else float(scores[:40].mean())
            study.tell(study.ask(), value, rows=stopped(scores, names), state=state)
    return study


def test_stopped_trials_count_whether_rows_are_missing_by_nan_by_name_or_all() -> None:
    left_out = _raced_study(None).estimate()
    seen = np.arange(120) < 40
    by_nan = _raced_study(lambda s, names: holdfast.RowScores(np.where(seen, s, np.nan), names)).estimate()
    by_name = _raced_study(lambda s, names: holdfast.RowScores(s[seen][::-1], names[seen][::-1])).estimate()
    nothing = _raced_study(lambda s, names: None).estimate()
    assert by_nan == by_name
    assert by_nan.value < left_out.value
    assert nothing.value < left_out.value
    assert "all that were begun" in by_nan.method
    with pytest.raises(RequestError, match="rows that the best trial was not"):
        _raced_study(lambda s, names: holdfast.RowScores(s[seen], names[seen] + 1)).estimate()


def test_what_failed_after_some_rows_were_scored_counts_and_what_failed_before_does_not() -> None:
    seen = np.arange(120) < 40
    stopped = _raced_study(lambda s, names: holdfast.RowScores(s[seen], names[seen])).estimate()
    failed = _raced_study(lambda s, names: holdfast.RowScores(s[seen], names[seen]), "failed").estimate()
    assert failed == stopped
    assert _raced_study(lambda s, names: None, "failed").estimate() == _raced_study(None).estimate()


def test_a_search_is_repeated_in_the_order_of_its_trials_whatever_became_of_them() -> None:
    """Each trial repeats most of the one before; most were stopped with a score of every row."""
    rng = np.random.default_rng(0)
    study = Study(SPACE, strategy="tpe", direction="maximize", seed=0)
    rows, right = [], rng.random(150) < 0.6
    for c in range(24):
        right = np.where(rng.random(150) < 0.2, rng.random(150) < 0.6, right)
        rows.append(holdfast.RowScores(right.astype(float)))
        study.tell(study.ask(), float(right.mean()), rows=rows[-1], state="complete" if c % 4 == 3 else "stopped")
    said = study.estimate()
    of_all: dict[str, Any] = {"direction": "maximize", "estimand": "scored", "adaptive": True, "seed": 0}
    winner = study.best_trial.number
    assert said == estimate(rows, winner=winner, **of_all).score
    complete_first = sorted(range(24), key=lambda c: c % 4 != 3)
    other = estimate([rows[c] for c in complete_first], winner=complete_first.index(winner), **of_all).score
    assert said != other
