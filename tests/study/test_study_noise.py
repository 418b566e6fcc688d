"""The noise of the best score: from rows, or folds, or replicates, or the scores alone, in this order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.records import Score
from holdfast.search.left import Left
from holdfast.study.noise import FOLD_SCORES, Noise, noise_of
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})


def left(incumbent: int, noises: float = 0.05, spread: float = 1.0) -> Left:
    return Left(Score(0.1, 0, 0.2, 0.9, "", "", 20), incumbent, np.full(32, noises), spread)


def noise(study: Study, incumbent: int = 0) -> Noise:
    found = noise_of(study.book, left(incumbent))
    assert found is not None
    return found


def told(columns: np.ndarray, aggregate: Any = "mean", direction: Any = "minimize") -> Study:
    study = Study(SPACE, direction=direction, strategy="random", seed=0)
    for column in columns.T:
        value = float(column.mean()) if aggregate == "mean" else math.sqrt(float(column.mean()))
        study.tell(study.ask(), value, rows=holdfast.RowScores(column, aggregate=aggregate))
    return study


def test_rows_give_the_error_of_the_paired_difference_with_what_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    common, own = rng.normal(0, 1.0, 400), rng.normal(0, 0.1, (400, 3))
    columns = common[:, None] + own + np.array([0.0, 0.002, 0.9])
    ahead = columns[:, 0] - columns[:, 1]
    error = float(ahead.std(ddof=1)) / 20
    study = told(columns)
    best = study.best_trial.number
    found = noise(study, best)
    assert found.source == "rows"
    assert found.value == pytest.approx(error)
    assert found.value < 0.2 * float(columns[:, 0].std()) / 20  # what all trials share is no noise
    assert found.text == "the standard error of its difference from the trial nearest to it, on the same 400 rows"
    far = told(columns[:, [0, 2]])
    apart = float((columns[:, 0] - columns[:, 2]).std(ddof=1)) / 20
    assert noise(far).value == pytest.approx(apart)


def test_of_a_root_it_is_in_the_unit_of_the_root() -> None:
    rng = np.random.default_rng(1)
    squares = rng.chisquare(1, (500, 1)) * 4 + rng.normal(0, 0.5, (500, 2))
    found = noise(told(squares, "root_mean"))
    error = float((squares[:, 0] - squares[:, 1]).std(ddof=1)) / math.sqrt(500)
    assert found.value == pytest.approx(error / (2 * math.sqrt(squares[:, 0].mean())), rel=0.05)


def test_folds_give_the_corrected_error_of_their_mean() -> None:
    study = Study(SPACE, strategy="random", seed=0)
    trial = study.ask()
    scores = [0.1, 0.2, 0.3, 0.2]
    trial.set_user_attr(FOLD_SCORES, scores)
    study.tell(trial, 0.2)
    found = noise(study)
    assert found.source == "folds"
    assert found.value == pytest.approx(math.sqrt(1 / 4 + 1 / 3) * np.std(scores, ddof=1))
    assert "over 4 folds" in found.text


@pytest.mark.parametrize("wrong", [[0.5], "0.1 0.2", [0.1, "0.2"], [0.2, 0.2]])
def test_what_is_no_fold_score_is_passed_over(wrong: Any) -> None:
    study = Study(SPACE, strategy="random", seed=0)
    trial = study.ask()
    trial.set_user_attr(FOLD_SCORES, wrong)
    study.tell(trial, 0.2)
    assert noise(study).source == "scores"


def test_replicates_give_their_spread_by_the_runs_of_the_incumbent() -> None:
    study = Study(SPACE, strategy="random", seed=0, duplicates="replicate")
    scores = {0.3: [1.0, 1.2, 1.1, 0.9], 0.7: [2.0, 2.4], 0.9: [3.0]}
    for x, values in scores.items():
        for value in values:
            study.enqueue({"x": x})
            study.tell(study.ask(), value)
    squares = sum(float(np.sum((np.array(v) - np.mean(v)) ** 2)) for v in scores.values())
    found = noise(study)
    assert found.source == "replicates"
    assert found.value == pytest.approx(math.sqrt(squares / 4) / 2)
    assert noise(study, incumbent=6).value == pytest.approx(math.sqrt(squares / 4))


def test_without_all_that_it_is_what_the_scores_are_sure_of_or_none() -> None:
    study = Study(SPACE, strategy="random", seed=0)
    study.tell(study.ask(), 0.2)
    assert noise(study) == Noise(0.05, "scores", "the least that a Gaussian process of all scores is sure of")
    assert noise_of(study.book, left(0, noises=0.01, spread=1.0)) is None


def test_folds_that_are_reported_one_by_one_count_too() -> None:
    study = Study(SPACE, strategy="random", seed=0, drop_folds="curtailed")
    trial = study.ask()
    for fold, score in enumerate([0.1, 0.2, 0.3], start=1):
        trial.report(score, step=fold)
    study.tell(trial, 0.2)
    found = noise(study)
    assert found.source == "folds"
    assert found.value == pytest.approx(math.sqrt(1 / 3 + 1 / 2) * 0.1)
