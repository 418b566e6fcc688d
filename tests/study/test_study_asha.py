"""Successive halving in a study: pausing, resuming from a checkpoint, promoting, and finishing the best."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import holdfast
from holdfast.execute.base import Nothing
from holdfast.records import Cause, Event, Outcome, RowScores, TrialState
from holdfast.search.asha import Asha
from holdfast.study import actions
from holdfast.study.driver import StudyDriver
from holdfast.study.handle import LiveTrial
from holdfast.study.ranking import ranking
from holdfast.study.study import Study

if TYPE_CHECKING:  # the checker knows the module by its path, pytest by its name
    from tests.study.study_objectives import FIDELITY, Spent, loss_at, make_study, train_in_epochs
else:
    from study_objectives import FIDELITY, Spent, loss_at, make_study, train_in_epochs


def run(n_trials: int, n_jobs: int = 1, seed: int = 3) -> Study:
    study = make_study("asha", None, seed)
    study.optimize(train_in_epochs, n_trials=n_trials, n_jobs=n_jobs)
    return study


def events(study: Study, *kinds: str) -> Iterator[Event]:
    return (event for event in study.book.log.read() if event.kind in kinds)


def test_a_resumed_trial_gets_its_own_checkpoint_and_step() -> None:
    given: list[tuple[int, int, int | None, bytes | None]] = []

    def objective(trial: LiveTrial) -> float | None:
        given.append((trial.number, trial.start_step, trial.until_step, trial.checkpoint))
        return train_in_epochs(trial)

    study = make_study("asha", None)
    study.optimize(objective, n_trials=9)
    legs: dict[int, list[tuple[int, int | None, bytes | None]]] = {}
    for number, start, until, checkpoint in given:
        legs.setdefault(number, []).append((start, until, checkpoint))
    assert max(len(of_one) for of_one in legs.values()) == 3
    for of_one in legs.values():
        assert of_one[0] == (0, 1, None)
        for (_, until, _), (start, _, checkpoint) in itertools.pairwise(of_one):
            assert start == until
            assert checkpoint is not None
            assert json.loads(checkpoint) == list(range(1, start + 1))
    finished = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert all([step for step, _ in t.reports] == list(range(1, 10)) for t in finished)
    assert all(t.metrics["value"] == loss_at(t.config, 9) for t in finished)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_promotions_follow_the_rule(n_jobs: int) -> None:
    """Every promoted trial was among the best third of those that had reported at its rung by then."""
    study = run(18, n_jobs)
    at_rung: dict[int, dict[int, float]] = {level: {} for level in FIDELITY.rungs()}
    paused_at: dict[int, int] = {}
    promoted = 0
    finishing = 0
    for event in events(study, "trial.reported", "trial.paused", "trial.resumed"):
        data = event.data
        if event.kind == "trial.reported" and data["step"] in at_rung:
            at_rung[data["step"]][data["trial"]] = data["metrics"]["value"]
        elif event.kind == "trial.paused":
            paused_at[data["trial"]] = data["until_step"]
        elif event.kind == "trial.resumed":
            level = paused_at.pop(data["trial"])
            ranked = sorted(at_rung[level], key=lambda trial: (at_rung[level][trial], trial))
            if "nothing else to do" in data["reason"]:
                finishing += 1
                assert ranked[0] == data["trial"]
                continue
            promoted += 1
            assert ranked.index(data["trial"]) < len(ranked) // FIDELITY.eta
            assert data["until_step"] == level * FIDELITY.eta
    assert promoted >= 6
    assert finishing <= 1


def test_the_best_is_trained_to_the_end_however_few_there_are() -> None:
    for n_trials in (1, 2, 4):
        study = run(n_trials)
        complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
        assert len(complete) == 1
        assert study.best_trial == complete[0]
        assert complete[0].metrics["value"] == min(loss_at(t.config, 9) for t in study.trials)


def test_one_worker_and_one_seed_give_one_trajectory() -> None:
    def trajectory(study: Study) -> list[Any]:
        kept = events(study, "trial.asked", "trial.resumed", "trial.reported", "trial.paused", "trial.told")
        return [(e.kind, {k: v for k, v in e.data.items() if "seconds" not in k and k != "usage"}) for e in kept]

    first = trajectory(run(9))
    assert first == trajectory(run(9))
    assert first != trajectory(run(9, seed=4))


def test_two_workers_lose_and_double_nothing() -> None:
    study = run(18, n_jobs=2)
    assert [t.number for t in study.trials] == list(range(18))
    assert {t.state for t in study.trials} <= {TrialState.PAUSED, TrialState.COMPLETE}
    assert [t.config for t in study.trials] == [t.config for t in run(18).trials]
    told = [event.data["trial"] for event in events(study, "trial.told")]
    assert len(told) == len(set(told)) > 0
    for trial in study.trials:  # every epoch trained once, in order, whichever worker did it
        steps = [step for step, _ in trial.reports]
        assert steps == list(range(1, len(steps) + 1))
        assert all(values["value"] == loss_at(trial.config, step) for step, values in trial.reports)


def test_a_trial_that_diverges_at_a_rung_is_not_promoted() -> None:
    def objective(trial: LiveTrial) -> float | None:
        if trial.number % 2:
            trial.report(math.nan, step=1)
            return None
        return train_in_epochs(trial)

    study = make_study("asha", None)
    study.optimize(objective, n_trials=9)
    assert all((t.state, t.cause) == (TrialState.FAILED, Cause.DIVERGED) for t in study.trials[1::2])
    assert all(event.data["trial"] % 2 == 0 for event in events(study, "trial.resumed"))
    assert study.best_trial.state is TrialState.COMPLETE


def test_row_scores_of_a_rung_are_kept_until_the_next() -> None:
    study = make_study("asha", None)
    trial = study.ask()
    trial.report(0.5, 1)
    study.tell(trial, 0.5, rows=holdfast.RowScores(np.array([0.25, 0.75])))
    rows = study.trials[0].rows
    assert rows is not None
    assert study.book.get_rows(rows).values.tolist() == [0.25, 0.75]


def promoted() -> Study:
    """A study whose one trial is on its way from the first rung, where it scored 1.0 on every row, to the second."""
    study = make_study("asha", None)
    trial = study.ask()
    trial.report(1.0, 1)
    trial.save(b"state")
    study.tell(trial, 1.0, rows=RowScores(np.ones(3)))
    again = {"trial": 0, "until_step": 3, "start_step": 1, "reason": "", "seen": 0}
    study.book.note("trial.resumed", again)
    return study


def test_what_a_trial_scored_at_its_last_rung_outlasts_the_budget() -> None:
    study = promoted()
    before = study.trials[0]
    actions.tell(study.book, Outcome(0, TrialState.FAILED, error="spent", cause=Cause.BUDGET, seconds=2.0))
    trial = study.trials[0]
    assert (trial.state, trial.until_step, trial.cause) == (TrialState.PAUSED, 1, None)
    assert (trial.metrics, trial.rows) == ({"value": 1.0}, before.rows)
    assert trial.seconds == before.seconds + 2.0
    study.book.reload()
    assert study.trials[0] == trial
    assert ranking(study.book.state) == [trial]


def test_a_trial_that_was_lost_is_ended_when_the_budget_is_spent() -> None:
    study = promoted()
    fresh = study.ask()
    actions.interrupt(study.book, [0, fresh.number])
    driver = StudyDriver(study.book, Asha(), lost=list(study.trials), overseer=Spent())
    assert driver.next() is Nothing.DONE
    paused, failed = study.trials
    assert (paused.state, paused.metrics) == (TrialState.PAUSED, {"value": 1.0})
    assert (failed.state, failed.cause) == (TrialState.FAILED, Cause.BUDGET)


def test_when_the_best_diverges_in_the_end_the_next_is_finished() -> None:
    def objective(trial: LiveTrial) -> float | None:
        if trial.until_step == FIDELITY.max and not failed:
            failed.append(trial.number)
            return math.nan
        return train_in_epochs(trial)

    failed: list[int] = []
    study = make_study("asha", None)
    study.optimize(objective, n_trials=2)
    assert {t.state for t in study.trials} == {TrialState.FAILED, TrialState.COMPLETE}


def test_reports_that_miss_the_rungs_are_promoted_all_the_same() -> None:
    """Counting from 0, and reporting every other epoch only."""

    def every_other(trial: LiveTrial) -> float | None:
        for step in range(trial.start_step + 2 if trial.start_step else 0, 10, 2):
            trial.report(loss_at(trial.config, step), step)
            if trial.should_prune():
                trial.save(b"")
                return None
        return loss_at(trial.config, 9)

    study = make_study("asha", None)
    study.optimize(every_other, n_trials=9)
    complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert complete
    assert study.best_value == min(loss_at(t.config, 9) for t in study.trials)
    assert len({t.reports[-1][0] for t in study.trials}) == 3


def test_objectives_that_save_nothing_start_again() -> None:
    starts: list[int] = []

    def objective(trial: LiveTrial) -> float | None:
        starts.append(trial.start_step)
        for epoch in range(1, 10):
            if trial.report(loss_at(trial.config, epoch), epoch) is not holdfast.Verdict.CONTINUE:
                return None
        return loss_at(trial.config, 9)

    study = make_study("asha", None)
    study.optimize(objective, n_trials=9)
    assert set(starts) == {0}
    complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert complete
    assert all([step for step, _ in t.reports] == list(range(1, 10)) for t in complete)


def test_ask_and_tell_can_pause_and_resume() -> None:
    study = make_study("asha", None)
    for number in range(3):
        trial = study.ask()
        assert (trial.number, trial.until_step) == (number, 1)
        assert trial.report(loss_at(trial.config, 1), 1) is holdfast.Verdict.PAUSE
        trial.save(f"weights of {number}".encode())
        assert study.tell(trial).state is TrialState.PAUSED
    best = min(study.trials, key=lambda t: t.metrics["value"]).number
    resumed = study.ask()
    assert (resumed.number, resumed.start_step, resumed.until_step) == (best, 1, 3)
    assert resumed.checkpoint == f"weights of {best}".encode()
