"""What a study says of its next trial: in words, in numbers, and without asking or logging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import ExhaustedError, RequestError
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.gp import GaussianProcess
from holdfast.search.history import History
from holdfast.search.random import RandomSearch
from holdfast.study.advice import FEWEST_TO_STOP, _apart, recorded_strategy
from holdfast.study.settings import Settings
from holdfast.testing.problems import problem

SPACE = holdfast.Space(
    {"x": holdfast.Float(-5, 5), "y": holdfast.Float(-5, 5), "kind": holdfast.Categorical(["a", "b"])}
)


def loss(config: Any) -> float:
    return float((config["x"] - 1) ** 2 + (config["y"] + 2) ** 2 + (config["kind"] == "b"))


def too_large(config: Any) -> bool:
    return bool(config["x"] > 0.5)


@dataclass(frozen=True)
class OwnSearch:
    """A strategy of the user's own."""

    name: str = "own"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        return RandomSearch().ask(history, n, rng)


def study_of(n: int, strategy: str = "gp", **settings: Any) -> holdfast.Study:
    study = holdfast.Study(SPACE, strategy=strategy, seed=0, **settings)
    rng = np.random.default_rng(0)
    sign = -1 if settings.get("direction") == "maximize" else 1
    for _ in range(n):
        if strategy == "manual":
            study.enqueue(SPACE.sample(rng))
        trial = study.ask()
        study.tell(trial, sign * loss(trial.config))
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_next_trial_is_what_would_be_asked_and_nothing_is_logged(direction: str) -> None:
    study = study_of(14, direction=direction)
    before = study.book.head
    advice = study.suggest_next()
    assert study.book.head == before
    assert advice.mean is not None
    assert advice.sd is not None
    sign = -1 if direction == "maximize" else 1
    best = study.best_trial
    assert (sign * advice.mean <= sign * study.best_value) == (advice.mode == "exploiting")
    assert all(advice.changes[name] == (best.config[name], advice.config[name]) for name in advice.changes)
    assert {name for name in SPACE.names if advice.config[name] != best.config[name]} == set(advice.changes)
    trial = study.ask()
    assert trial.config == advice.config
    assert abs(sign * loss(trial.config) - advice.mean) < 5 * advice.sd


def test_the_words_name_changes_expectation_and_mode() -> None:
    study = study_of(14)
    text = str(study.suggest_next())
    best = study.best_trial
    assert text.startswith("Try ")
    assert f"trial {best.number}, the best so far, has" in text
    assert "Expected there: value" in text
    assert "by a Gaussian process; the best so far is" in text
    assert ("That exploits" in text) != ("That explores" in text)


def test_what_differs_reads_differently() -> None:
    assert _apart(1.00000002, 1.0) == ("1.00000002", "1")
    assert _apart(0.123446, 0.123444) == ("0.12345", "0.12344")
    assert _apart(0.5, 0.25) == ("0.5", "0.25")
    assert _apart("a", 2) == ("a", "2")
    assert _apart(1.0, 1.0) == ("1", "1")
    study = holdfast.Study({"x": holdfast.Float(0.0, 2.0)}, strategy="manual", seed=0)
    for k in range(12):
        study.enqueue({"x": 1.0 + k / 20})
    study.optimize(lambda trial: trial["x"], n_trials=12)
    study.enqueue({"x": 1.0 + 1e-9}, why="near")
    assert str(study.suggest_next()).startswith("Try x = 1.000000001 (trial 0, the best so far, has 1).")


def test_before_there_are_results_it_says_so() -> None:
    advice = study_of(0).suggest_next()
    assert (advice.mean, advice.sd, advice.mode) == (None, None, None)
    assert advice.changes == {}
    assert "nobody can say" in advice.text


def test_a_person_who_decides_is_advised() -> None:
    study = study_of(12, "manual")
    advice = study.suggest_next()
    assert advice.mean is not None
    assert study.book.state.queue == {}
    study.enqueue({"x": 0.5, "y": 0.5, "kind": "a"}, why="a hunch")
    assert study.suggest_next().config == {"x": 0.5, "y": 0.5, "kind": "a"}
    assert "enqueued: a hunch" in study.suggest_next().text


def test_an_exhausted_space_has_no_next_trial() -> None:
    study = holdfast.Study({"a": holdfast.Categorical(["u", "v"])}, strategy="grid")
    for value in (1.0, 2.0):
        study.tell(study.ask(), value)
    with pytest.raises(ExhaustedError, match="nothing left to try"):
        study.suggest_next()
    with pytest.raises(ExhaustedError, match="no expected gain: strategy 'grid' has nothing left to try"):
        study.expected_gain()


@pytest.mark.parametrize("strategy", ["gp", "random"])
def test_a_gain_is_a_score_with_an_interval(strategy: str) -> None:
    study = study_of(15, strategy)
    before = study.book.head
    one, ten = study.expected_gain(), study.expected_gain(10, level=0.5)
    assert study.book.head == before
    for gain in (one, ten):
        assert gain.low is not None
        assert gain.high is not None
        assert 0 <= gain.low <= gain.high
    assert one.value < ten.value
    assert (ten.level, ten.n) == (0.5, 15)
    assert "next 10 trials" in ten.estimand


@pytest.mark.parametrize("strategy", ["grid", "random"])
def test_a_search_gains_no_more_than_from_what_is_left(strategy: str) -> None:
    space = holdfast.Space({"x": holdfast.Categorical(list(range(9)), ordered=True), "y": holdfast.Int(1, 2)})
    study = holdfast.Study(space, strategy=strategy, seed=0)
    for number in range(14):
        study.tell(study.ask(), float(number * 5 % 14))
    few, many = study.expected_gain(3), study.expected_gain(50)
    assert few.estimand == "what the next 3 trials are expected to add to the best score"
    assert many.estimand == "what the last 4 trials are expected to add to the best score"
    assert few.low == many.low == 0
    assert few.value < many.value
    again = holdfast.Study(space, strategy="random", seed=0, duplicates="replicate")
    for number in range(14):
        again.tell(again.ask(), float(number * 5 % 14))
    assert again.expected_gain(50).estimand == "what the next 50 trials are expected to add to the best score"


def test_what_has_no_gain_is_refused_in_a_sentence() -> None:
    with pytest.raises(RequestError, match="needs 5 complete trials whose scores differ"):
        study_of(3).expected_gain()
    for n in (0, 101, 1.5, True):
        with pytest.raises(RequestError, match="whole number from 1 to 100"):
            study_of(0).expected_gain(n)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="level = 1; it must be between 0 and 1"):
        study_of(0).expected_gain(level=1)
    several = holdfast.Study(SPACE, direction={"a": "minimize", "b": "minimize"})
    with pytest.raises(RequestError, match="several objectives"):
        several.expected_gain()
    with pytest.raises(RequestError, match="several objectives"):
        several.optimize(lambda _: {"a": 1.0, "b": 1.0}, n_trials=1, stop_gain=0.1)


def test_constraints_are_part_of_the_advice_and_of_the_gain() -> None:
    """What is good is forbidden: x at most -1, while the best x is 1."""
    study = holdfast.Study(SPACE, strategy="gp", seed=0, constraints={"x": "<= -1"})
    with pytest.raises(RequestError, match=r"it needs 5 complete trials that meet x <= -1 and whose scores differ"):
        study.expected_gain()
    for x in (3.0, 2.0, 1.0, 0.0, 0.5, 4.0):
        study.enqueue({"x": x, "y": 0.0, "kind": "a"})
    for _ in range(6):
        trial = study.ask()
        study.tell(trial, {"value": loss(trial.config), "x": trial["x"]})
    with pytest.raises(RequestError, match=r"it needs a complete trial that meets x <= -1"):
        study.expected_gain()
    advice = study.suggest_next()
    assert (advice.mode, advice.changes) == (None, {})
    assert advice.feasible is not None
    assert advice.text.endswith("that it meets x <= -1; no trial so far meets that.")
    study.enqueue({"x": -2.0, "y": 0.0, "kind": "a"})
    trial = study.ask()
    study.tell(trial, {"value": loss(trial.config), "x": -2.0})
    advice = study.suggest_next()
    assert advice.feasible is not None
    assert 0 < advice.feasible <= 1
    assert "that it meets x <= -1; the best so far is 13." in advice.text
    gain = study.expected_gain()
    assert 0 < gain.value < 13
    assert "times the probability that the constraints are met" in gain.method


def test_what_the_log_does_not_hold_is_said() -> None:
    study = study_of(0)
    assert recorded_strategy(study.book.state) == GaussianProcess()
    forbids = holdfast.Study(holdfast.Space({"x": holdfast.Float(0, 1)}, forbid=[too_large]), strategy="random")
    assert recorded_strategy(forbids.book.state).name == "random"
    forbids.book.state.settings = Settings.from_json(forbids.book.state.settings.to_json())
    with pytest.raises(RequestError, match="has the function 'too_large', which forbids: code of its own"):
        recorded_strategy(forbids.book.state)
    own = holdfast.Study(SPACE, strategy=OwnSearch())
    with pytest.raises(RequestError, match="has the strategy 'own': code of its own, which no log holds"):
        recorded_strategy(own.book.state)


def test_a_search_ends_when_more_trials_would_gain_too_little() -> None:
    study = holdfast.Study(SPACE, strategy="gp", seed=0)
    study.optimize(lambda trial: loss(trial.config), n_trials=60, stop_gain=0.5)
    assert FEWEST_TO_STOP <= len(study.trials) < 60
    (said,) = study.book.state.notes["gain.reached"]
    assert said["text"].startswith(f"The search ended after {len(study.trials)} trials, because even 4 more")
    assert said["gain"]["high"] < 0.5
    length = len(study.trials)
    study.optimize(lambda trial: loss(trial.config), n_trials=5, stop_gain=0.5)
    assert len(study.trials) == length
    assert len(study.book.state.notes["gain.reached"]) == 1
    study.optimize(lambda trial: loss(trial.config), n_trials=2)
    assert len(study.trials) == length + 2


def test_a_gain_of_nothing_never_ends_a_search_and_enqueued_trials_run_all_the_same() -> None:
    study = holdfast.Study(SPACE, strategy="random", seed=0)
    study.optimize(lambda trial: loss(trial.config), n_trials=14, stop_gain=0.0)
    assert len(study.trials) == 14
    study.enqueue({"x": 1.0, "y": -2.0, "kind": "a"}, why="the best there is")
    study.optimize(lambda trial: loss(trial.config), n_trials=5, stop_gain=1e9)
    assert len(study.trials) == 15
    assert study.best_value == 0
    with pytest.raises(RequestError, match="stop_gain = -1; it must be a number of at least 0"):
        study.optimize(lambda trial: 0.0, n_trials=1, stop_gain=-1)


def test_asha_s_next_step_may_be_more_training() -> None:
    toy = problem("mixed")
    study = holdfast.Study(toy.space, strategy="asha", fidelity=holdfast.Fidelity("epoch", 1, 9), seed=0)
    for _ in range(40):
        advice = study.suggest_next()
        trial = study.ask()
        assert trial.config == advice.config
        assert advice.resumes is None or (advice.resumes == trial.number and "Train trial" in advice.text)
        if advice.resumes is not None:
            return
        trial.report(toy.loss(trial.config), step=trial.until_step or 9)
        study.tell(trial, toy.loss(trial.config), state="paused")
    raise AssertionError("no trial was promoted")
