"""Verdicts on the trials of a study, from its log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.facts.learning import Learning, is_told, winners_diagnosis
from holdfast.records import TrialState
from holdfast.study.state import StudyState
from holdfast.testing.curves import Config, toy_rows, train_network


def study_of(space: dict[str, Any], tell: Any, n: int, rates: Sequence[float] = ()) -> StudyState:
    study = holdfast.Study(space, direction={"accuracy": "maximize"}, strategy="random", seed=0, name="learned")
    for rate in rates:
        study.enqueue({"learning_rate": rate})
    for _ in range(n):
        trial = study.ask()
        tell(study, trial)
    return study.book.state


def trained(study: holdfast.Study, trial: Any) -> None:
    """A small network on clusters, by Adam."""
    rows = toy_rows("blobs", 200, 200, 0)
    found = train_network(rows, Config(trial["learning_rate"], "adam", epochs=20), trial.number)
    if found.diverged is not None:
        study.tell(trial, math.nan)
        return
    assert found.accuracy is not None
    trial.set_user_attr("curve", found.loss)
    trial.set_user_attr("train", found.accuracy["train"][-1])
    study.tell(trial, found.accuracy["validation"][-1])


def test_each_trial_of_a_search_over_learning_rates_has_its_picture() -> None:
    rates = np.geomspace(1e-6, 100.0, 17).tolist()
    state = study_of({"learning_rate": holdfast.Float(1e-6, 100.0, log=True)}, trained, len(rates), rates=rates)
    learned = Learning(state)
    found = {rate: learned.of(trial) for rate, trial in zip(rates, state.trials, strict=True)}
    for rate, verdict in found.items():
        if rate < 1e-4:
            assert verdict.kind == "learning rate too low", (rate, verdict)
            assert f"raise learning_rate (now {rate:.4g})" in verdict.sentence
        elif rate > 5.0:
            assert verdict.kind in {"learning rate too high", "diverged"}, (rate, verdict)
            assert f"lower learning_rate (now {rate:.4g})" in verdict.sentence
        elif 3e-3 < rate < 3e-2:
            assert verdict.kind not in {"learning rate too low", "learning rate too high", "diverged"}, (rate, verdict)
    study = learned.study()
    assert study is not None
    assert sum(study.counts.values()) == len(found)
    assert "Trials without a fault of the learning rate have learning_rate from" in study.sentence


def test_an_accuracy_that_falls_on_new_rows_while_it_rises_on_its_own_is_overfitting_from_that_epoch() -> None:
    def tell(study: holdfast.Study, trial: Any) -> None:
        rows = toy_rows("blobs", 150, 600, trial.number, wrong=0.3)
        found = train_network(rows, Config(0.003, "adam", 16, trial["width"], 60), trial.number)
        assert found.accuracy is not None
        kept = dict(found.accuracy)
        del kept["direction"]  # the metric of the study says it, too
        trial.set_user_attr("curve", kept)
        study.tell(trial, kept["validation"][-1])

    state = study_of({"width": holdfast.Int(60, 64)}, tell, 3)
    for trial in state.trials:
        verdict = Learning(state).of(trial)
        assert verdict.kind == "overfitting"
        assert verdict.since is not None
        validation = np.array(trial.extra["curve"]["validation"])
        assert validation[int(verdict.since) - 1] > validation.max() - 0.03
        assert validation[-1] < validation.max() - 0.04
        assert verdict.short == f"overfitting from epoch {verdict.since:g}"
        assert "while the training accuracy went on rising" in verdict.sentence


def test_a_trial_that_diverged_says_so_in_its_own_words() -> None:
    def tell(study: holdfast.Study, trial: Any) -> None:
        study.tell(trial, math.nan)

    state = study_of({"learning_rate": holdfast.Float(0.1, 1.0)}, tell, 1)
    (trial,) = state.trials
    verdict = Learning(state).of(trial)
    assert (verdict.kind, verdict.gap) == ("diverged", None)
    assert "lower learning_rate" in verdict.sentence
    assert is_told(trial)


def test_the_verdict_on_a_study_is_by_the_trials_that_were_trained_in_full() -> None:
    """Those that wait at a rung had no time to learn."""

    def learn(trial: Any) -> float:
        steps = list(range(1, trial.until_step + 1))
        side = [1.0 / step for step in steps]
        trial.set_user_attr(
            "curve", {"metric": "loss", "step": "epoch", "steps": steps, "train": side, "validation": side}
        )
        trial.set_user_attr("train", 0.1 + 0.09 * trial.until_step)
        trial.set_user_attr("reference", 0.1)
        score = 0.1 + 0.09 * trial.until_step + 1e-6 * float(trial["width"])
        trial.report(score, trial.until_step)
        trial.save(b"weights")
        return float(score)

    study = holdfast.Study(
        {"width": holdfast.Int(1, 8), "epochs": holdfast.Categorical([9])},
        direction={"accuracy": "maximize"},
        strategy="asha",
        fidelity=holdfast.Fidelity("epochs", 1, 9, 3),
    )
    study.optimize(learn, n_trials=8)
    state = study.book.state
    learned = Learning(state)
    full = [trial for trial in state.trials if trial.state is TrialState.COMPLETE]
    paused = [trial for trial in state.trials if trial.state is TrialState.PAUSED]
    assert full
    assert {learned.of(trial).kind for trial in paused} == {"unknown"}
    assert "ended this trial before its time" in learned.of(paused[0]).sentence
    found = learned.study()
    assert found is not None
    assert sum(found.counts.values()) == len(full)
    assert found.sentence.endswith(f"{len(paused)} trials that the search ended before their time were not judged.")


def test_one_number_that_is_none_is_not_the_verdict_of_a_study() -> None:
    """Of most trials nothing is known but their score; some raised an error, and so were not trained in full."""

    def tell(study: holdfast.Study, trial: Any) -> None:
        if trial.number % 4 == 1:
            study.tell(trial, state="failed", error=ValueError("no such column"))
        else:
            study.tell(trial, math.nan if trial.number == 2 else 0.9)

    found = Learning(study_of({"x": holdfast.Float(0.0, 1.0)}, tell, 28)).study()
    assert found is not None
    assert found.kind == "unknown"
    assert found.sentence == "Of 21 trials 1 diverged, and nothing is known of the other 20."


def test_what_a_trial_kept_of_its_own_kind_is_no_curve_and_nothing_told_is_no_verdict() -> None:
    def tell(study: holdfast.Study, trial: Any) -> None:
        trial.set_user_attr("curve", [1, 2, 3])
        study.tell(trial, 0.5)

    state = study_of({"x": holdfast.Float(0.0, 1.0)}, tell, 2)
    assert not any(is_told(trial) for trial in state.trials)
    assert Learning(state).study() is None
    assert winners_diagnosis(state) is None


@pytest.mark.parametrize("family", ["mlp", "gradient-boosting"])
def test_of_a_plan_the_loss_of_learning_nothing_and_the_schedule_are_known(family: str) -> None:
    """Under the default cosine a loss that comes to rest high is a learning rate that is too low."""

    def tell(study: holdfast.Study, trial: Any) -> None:
        progress = np.linspace(0.0, 1.0, 61)[1:]
        done = 0.5 * progress + np.sin(np.pi * progress) / (2 * np.pi)
        side = (2.35 - 0.4 * done).tolist()
        steps = list(range(1, 61))
        kept = {"metric": "loss", "step": "epoch", "steps": steps, "train": side, "validation": side}
        trial.set_user_attr("curve", kept)
        trial.set_user_attr("train", 0.3)
        study.tell(trial, 0.3)

    study = holdfast.Study({"learning_rate": holdfast.Float(1e-5, 1e-4)}, direction={"accuracy": "maximize"})
    study.book.note("plan.resolved", {"plan": {"study": {}, "model": {"family": family}}})
    schema = {"task": "multiclass", "classes": list("abcdefghij")}
    study.book.note("data.split", {"schema": schema, "roles": {}, "source": {"description": "x"}})
    tell(study, study.ask())
    verdict = winners_diagnosis(study.book.state)
    assert verdict is not None
    assert (verdict.kind == "learning rate too low") == (family == "mlp")


def test_of_very_many_trials_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(study: holdfast.Study, trial: Any) -> None:
        trial.set_user_attr("train", 0.9)
        study.tell(trial, 0.89 if trial.number % 2 else 0.5)

    state = study_of({"x": holdfast.Float(0.0, 1.0)}, tell, 30)
    whole = Learning(state).study()
    monkeypatch.setattr("holdfast.facts.learning.MOST_JUDGED", 10)
    part = Learning(state).study()
    assert whole is not None
    assert part is not None
    assert sum(whole.counts.values()) == 30
    assert sum(part.counts.values()) == 10
    assert part.counts["balanced"] == part.counts["overfitting"] == 5
    assert part.sentence.startswith("Every so many-th of 30 trials was looked at")
