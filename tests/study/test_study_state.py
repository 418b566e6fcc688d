"""What a person does once there are scores counts as a search by them; what was planned before does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.study.corrected import rows_of_all, went_by_scores
from holdfast.study.handle import LiveTrial
from holdfast.study.load import load_study
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.study import Study

SPACE = {"x": holdfast.Float(0, 1)}
FIXED = ["random", "sobol", "grid", "manual"]


def a_study(strategy: str = "manual", **ways: Any) -> Study:
    return Study(SPACE, strategy=strategy, direction="maximize", **ways)


def told(study: Study, trial: LiveTrial | None = None) -> None:
    """A trial ends with row scores that are coin flips."""
    trial = trial or study.ask()
    rows = holdfast.RowScores(np.random.default_rng(trial.number).integers(0, 2, 80))
    study.tell(trial, float(rows.values.mean()), rows=rows)


def by_scores(study: Study, **ways: Any) -> holdfast.Score:
    """The estimate of a search that went by scores, among all trials."""
    rows = [study.book.get_rows(trial.rows) for trial in study.trials if trial.rows is not None]
    return estimate(rows, direction="maximize", estimand="scored", adaptive=True, **ways).score


def test_the_interval_holds_where_a_person_climbs_by_hand_on_noise() -> None:
    """The truth of all is 0.5; who goes by the scores finds the luck that trials near the best have in common."""

    def climbed(seed: int) -> holdfast.Score:
        rng, study, best = np.random.default_rng(seed), a_study(seed=seed), (-1.0, np.zeros(100))
        for number in range(40):
            fresh = rng.normal(size=100)
            hidden = fresh if number < 8 else np.sqrt(0.8) * best[1] + np.sqrt(0.2) * fresh
            rows = holdfast.RowScores((hidden > 0).astype(np.uint8))
            value = float(rows.values.mean())
            study.enqueue({"x": float(rng.random())}, why="a small change of the best")
            study.tell(study.ask(), value, rows=rows)
            best = max(best, (value, hidden), key=lambda each: each[0])
        return study.estimate()

    found = [climbed(seed) for seed in range(6)]
    assert all(score.low is not None and score.low <= 0.5 for score in found)
    assert np.mean([score.value - 0.5 for score in found]) < 0.05


@pytest.mark.parametrize("strategy", FIXED)
def test_a_configuration_that_is_tried_after_a_look_at_scores_was_chosen_by_them(strategy: str, tmp_path: Path) -> None:
    study = a_study(strategy, storage=f"sqlite:///{tmp_path}/study.db")
    for x in (0.111, 0.222, 0.333):
        study.enqueue({"x": x})
    for _ in range(3):
        told(study)
    assert not went_by_scores(study.book.state)
    fixed = study.estimate()
    assert fixed != by_scores(study)
    study.enqueue({"x": 0.444}, why="near the best")
    assert not went_by_scores(study.book.state)  # it was not tried yet
    assert study.estimate() == fixed
    told(study)
    assert went_by_scores(study.book.state)
    assert study.estimate() == by_scores(study)
    if strategy != "manual":
        told(study)
    kept = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
    assert kept is not None
    assert went_by_scores(kept[0])
    score = study.estimate()
    study.close()
    again = load_study("study", f"sqlite:///{tmp_path}/study.db")
    assert went_by_scores(again.book.state)
    assert again.estimate() == score


def test_a_list_that_is_enqueued_before_the_first_score_is_a_fixed_design_whenever_it_is_tried() -> None:
    study = a_study()
    for x in (0.1, 0.2, 0.3, 0.4):
        study.enqueue({"x": x})
    told(study)
    first = study.book.state
    restored = state_from_bytes(state_to_bytes(first, study.book.head))
    assert restored is not None
    assert [request.by_scores for request in restored[0].queue.values()] == [False] * 3
    for _ in range(3):
        told(study)
    assert not went_by_scores(study.book.state)
    rows = [study.book.get_rows(trial.rows) for trial in study.trials if trial.rows is not None]
    assert study.estimate() == estimate(rows, direction="maximize", estimand="scored").score


def failed(study: Study) -> None:
    study.tell(study.ask(), error="no memory")


def reported(study: Study) -> None:
    study.ask().report(0.5, step=1)


def paused(study: Study) -> None:
    study.tell(study.ask(), 0.5, state="paused")


@pytest.mark.parametrize(
    ("event", "is_a_score"), [(failed, False), (Study.ask, False), (reported, True), (paused, True), (told, True)]
)
def test_whatever_says_a_metric_is_a_score(event: Callable[[Study], object], is_a_score: bool) -> None:
    study = a_study("random", fidelity=holdfast.Fidelity("epoch", 1, 9))
    event(study)
    study.enqueue({"x": 0.5})
    study.ask()
    assert went_by_scores(study.book.state) is is_a_score


def test_runs_of_the_best_again_are_chosen_by_its_score() -> None:
    study = a_study("random")
    for _ in range(4):
        told(study)
    again = study.replicate(top=1, runs=3)
    assert not went_by_scores(study.book.state)
    for _ in again:
        told(study)
    assert went_by_scores(study.book.state)
    assert study.estimate() == by_scores(study)


def test_a_space_that_is_amended_after_a_look_at_scores_is_chosen_by_them_and_one_before_is_not() -> None:
    study = a_study("random")
    study.enqueue({"x": 0.95})
    study.amend({"x": holdfast.Float(0, 0.9)}, why="more is not allowed")
    for _ in range(6):
        told(study)
    assert study.book.state.history.masked == {0}
    assert not went_by_scores(study.book.state)
    assert len(rows_of_all(study.book, study.best_trial)[0]) == 5  # nobody could have picked the one outside
    study.amend({"x": holdfast.Float(0, 0.8)}, why="the best lie below")
    assert went_by_scores(study.book.state)


def test_narrowing_the_space_to_the_best_trial_takes_no_other_one_from_the_estimate() -> None:
    study = a_study("random")
    for _ in range(20):
        told(study)
    best, before = study.best_trial, study.estimate()
    x = float(str(best.config["x"]))
    study.amend({"x": holdfast.Float(x - 1e-6, x + 1e-6)}, why="there it is best")
    assert study.best_trial == best
    assert len(study.best_trials) == 1
    assert study.estimate() == by_scores(study)
    assert study.estimate().value < study.best_value
    assert study.estimate().value <= before.value


def test_a_worse_trial_to_which_a_space_is_narrowed_was_picked_among_all() -> None:
    study = a_study("random")
    for _ in range(20):
        told(study)
    ranked = sorted(study.trials, key=lambda trial: -trial.metrics["value"])
    x = float(str(ranked[3].config["x"]))
    study.amend({"x": holdfast.Float(x - 1e-6, x + 1e-6)}, why="it is cheaper there")
    assert study.best_trial == ranked[3]
    score = study.estimate()
    assert score == by_scores(study, winner=ranked[3].number)
    assert "over all configurations" in score.method


def test_trials_that_were_stopped_count_after_an_amendment_by_their_scores_too() -> None:
    study = a_study("random")
    told(study)
    stopped = study.ask()
    study.tell(stopped, 0.5, state="stopped")
    x = float(str(study.best_config["x"]))
    study.amend({"x": holdfast.Float(x - 1e-6, x + 1e-6)}, why="there it is best")
    assert stopped.number in study.book.state.history.masked
    counted, _, _ = rows_of_all(study.book, study.best_trial)
    assert [trial.number for trial in counted] == [0, 1]


def test_a_ruled_out_trial_without_row_scores_leaves_no_estimate() -> None:
    study = a_study("random")
    told(study)
    study.tell(study.ask(), -1.0)
    x = float(str(study.best_config["x"]))
    study.amend({"x": holdfast.Float(x - 1e-6, x + 1e-6)}, why="there it is best")
    with pytest.raises(RequestError, match="because 1 of 2 complete trials came without row scores"):
        study.estimate()
