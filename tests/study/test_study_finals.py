"""What trials that run or wait are expected to end at, as a study says it."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.analyse.finals import Ahead
from holdfast.errors import RequestError
from holdfast.records import Direction, Fidelity, Score
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.space import Float
from holdfast.study.finals import ahead, final_of, finals_of
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study


def curve(x: float, epoch: int) -> float:
    return 0.9 - (x - 0.3) ** 2 - 0.5 / epoch


EPOCHS = Fidelity("epoch", 1, 9)


def learning(direction: Direction = "maximize", fidelity: Fidelity | None = EPOCHS) -> Study:
    """A study of six trials that are complete, and one that has reached epoch 3."""
    sign = 1.0 if direction == "maximize" else -1.0
    study = Study({"x": Float(0, 1)}, direction=direction, strategy="random", seed=0, fidelity=fidelity, name="curves")

    def train(epochs: int) -> LiveTrial:
        trial = study.ask()
        for epoch in range(1, epochs + 1):
            trial.report(sign * curve(float(str(trial["x"])), epoch), step=epoch)
        return trial

    for _ in range(6):
        trial = train(9)
        study.tell(trial, sign * curve(float(str(trial["x"])), 9))
    train(3)
    return study


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("fidelity", [EPOCHS, None])
def test_the_end_of_a_running_trial(direction: Direction, fidelity: Fidelity | None) -> None:
    study = learning(direction, fidelity)
    found = study.predict_final(6)
    truth = curve(float(str(study.trials[6].config["x"])), 9) * (1.0 if direction == "maximize" else -1.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.low <= truth <= found.high
    assert abs(found.value - truth) < 0.3 * abs(study.trials[6].reports[-1][1]["value"] - truth)
    assert found.estimand == f"the value that trial 6 reports at {'step' if fidelity is None else 'epoch'} 9"
    assert found == study.predict_final(study.trials[6])


def test_a_higher_level_is_wider() -> None:
    def width(score: Score) -> float:
        assert score.low is not None
        assert score.high is not None
        return score.high - score.low

    study = learning()
    assert width(study.predict_final(6, level=0.99)) > width(study.predict_final(6)) > 0


def test_the_best_is_first_and_a_fan_begins_where_the_curve_is() -> None:
    study = learning()
    other = study.ask()
    other.report(0.05, step=1)
    finals = finals_of(study.book.state)
    assert {final.trial for final in finals} == {6, 7}
    assert [final.score.value for final in finals] == sorted((final.score.value for final in finals), reverse=True)
    found = ahead(study.book.state)
    assert isinstance(found, Ahead)
    fan = found.fan(6, 0.95)
    assert (fan.steps[0], fan.steps[-1]) == (3, 9)
    assert fan.values[0] == pytest.approx(study.trials[6].reports[-1][1]["value"], abs=0.02)
    assert fan.highs[-1] - fan.lows[-1] > fan.highs[0] - fan.lows[0]


def test_what_a_plans_metric_cannot_be_is_cut_off() -> None:
    study = Study({"x": Float(0, 1)}, direction={"accuracy": "maximize"}, strategy="random", seed=0, fidelity=EPOCHS)
    for start in (0.9, 0.5, 0.99, 0.7, 0.2, 0.95):
        trial = study.ask()
        for epoch in range(1, 10):
            trial.report(start + (1 - start) * epoch / 10, step=epoch)
        study.tell(trial, start + (1 - start) * 0.9)
    study.ask().report(0.995, step=1)
    free = study.predict_final(6)
    assert free.high is not None
    assert free.high > 1
    study.book.note("plan.resolved", {"plan": {"metric": {"name": "accuracy"}}})
    cut = study.predict_final(6)
    assert (cut.value, cut.low, cut.high) == (min(free.value, 1.0), free.low, 1.0)
    found = ahead(study.book.state)
    assert found is not None
    assert found.fan(6, 0.95).highs.max() <= 1
    study.book.note("plan.resolved", {"plan": {"metric": {"name": None}}})  # the usual one of the task
    assert study.predict_final(6) == cut
    study.book.note("plan.resolved", {"plan": {"metric": {"name": "own:accuracy"}}})
    assert study.predict_final(6) == free


def test_trials_that_will_not_go_on_are_not_predicted() -> None:
    """Members that a clone has replaced, and after the choice of a plan all that were paused."""
    strategy = PopulationBasedTraining(population=4, interval=3)
    study = Study({"x": Float(0, 1)}, direction="maximize", strategy=strategy, seed=0, fidelity=EPOCHS)
    while not any(trial.replaces is not None for trial in study.trials):
        trial = study.ask()
        until = study.trials[trial.number].until_step or 9
        for epoch in range(trial.start_step + 1, until + 1):
            trial.report(curve(float(str(trial["x"])), epoch), step=epoch)
        trial.save(b"weights", step=until)
        study.tell(trial, curve(float(str(trial["x"])), until), state="paused" if until < 9 else None)
    (gone,) = {trial.replaces for trial in study.trials if trial.replaces is not None}
    state = study.book.state
    assert gone is not None
    assert gone not in {final.trial for final in finals_of(state)}
    with pytest.raises(RequestError, match=f"trial {gone} will not go on, as a clone has taken its place"):
        study.predict_final(gone)
    study = learning()
    assert finals_of(study.book.state)
    study.book.note("choice.made", {"trial": 0})
    assert finals_of(study.book.state) == ()
    with pytest.raises(RequestError, match="trial 6 will not go on, as the study has made its choice"):
        study.predict_final(6)


def test_a_trial_in_hand_is_as_good_as_its_number() -> None:
    study = learning()
    trial = study.ask()
    if trial.start_step == 0:
        trial.report(curve(float(str(trial["x"])), 1), step=1)
    assert study.predict_final(trial) == study.predict_final(trial.number)


@pytest.mark.parametrize(
    ("trial", "level", "why"),
    [
        ("a", 0.9, "trial = 'a'; it must be a trial or its number"),
        (True, 0.9, "trial = True; it must be"),
        (0, "a", "the level is 'a'; it needs a number between 0 and 1"),
        (0, True, "the level is True; it needs"),
    ],
)
def test_what_is_no_trial_or_no_level_is_refused(trial: Any, level: Any, why: str) -> None:
    study = Study({"x": Float(0, 1)}, strategy="random")
    study.ask()
    with pytest.raises(RequestError, match=f"^{why}"):
        study.predict_final(trial, level)


def test_what_cannot_be_predicted_says_why() -> None:
    study = learning()
    late = study.ask()
    for number, why in ((9, "has no trial 9"), (0, "trial 0 is complete"), (late.number, "has reported nothing")):
        with pytest.raises(RequestError, match=why):
            study.predict_final(number)
    with pytest.raises(RequestError, match="needs a number between 0 and 1"):
        study.predict_final(6, level=95)
    empty = Study({"x": Float(0, 1)}, direction="minimize", strategy="random", name="empty")
    trial = empty.ask()
    trial.report(0.5, step=1)
    with pytest.raises(RequestError, match="too few, or all the same"):
        final_of(empty.book.state, 0)
    assert finals_of(empty.book.state) == ()


@pytest.mark.parametrize("gain", [0.02, -0.02])
def test_a_trial_is_expected_to_end_worse_than_it_stands_only_where_most_did(gain: float) -> None:
    """It stands far above the others; the model alone would have it come back to them a little."""
    study = Study({"x": Float(0, 1)}, direction="maximize", strategy="random", seed=0, fidelity=EPOCHS, name="curves")

    def score(start: int, epoch: int) -> float:
        return start / 100 + gain * epoch / 9 + 0.01 * ((7 * epoch + start) % 5)

    for start in (50, 20, 49, 31, 40):
        trial = study.ask()
        for epoch in range(1, 10):
            trial.report(score(start, epoch), step=epoch)
        study.tell(trial, score(start, 9))
    trial = study.ask()
    for epoch in (1, 2):
        trial.report(score(90, epoch), step=epoch)
    found = study.predict_final(5)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert (found.value >= score(90, 2)) == (gain > 0)
