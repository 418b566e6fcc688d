"""The surrogate of all rungs: what it is told, and what it makes of rungs that mislead."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.records import Fidelity, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.rungs.surrogate import ENOUGH, RungModel, rung_model, seen
from holdfast.space import Float, Space
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1)})
FIDELITY = Fidelity("epoch", 1, 9, 3)


def train(rehearsal: Rehearsal, x: float, losses: dict[int, float | list[float]]) -> int:
    trial = rehearsal.start({"x": x}, max(losses))
    for step, loss in losses.items():
        rehearsal.report(trial, step, loss)
    rehearsal.pause(trial)
    return trial


def test_a_report_counts_at_the_highest_rung_that_it_passes() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    train(rehearsal, 0.1, {1: 5.0, 2: 4.0, 3: 3.0})
    train(rehearsal, 0.2, {4: 2.0})
    failed = rehearsal.start({"x": 0.3}, 1)
    rehearsal.finish(failed, math.nan, TrialState.FAILED)
    found = seen(rehearsal.history(), FIDELITY)
    assert found.trial.tolist() == [0, 0, 1, 2]
    assert found.rung.tolist() == [0, 1, 1, 0]
    assert found.losses[:, 0].tolist()[:3] == [5.0, 3.0, 2.0]
    assert found.known == 3
    assert found.latest.tolist() == [1, 2, 3]


def test_losses_of_low_rungs_are_moved_by_what_others_gained() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for i in range(5):
        train(rehearsal, i / 10, {1: 10.0 + i, 3: 5.0 + i, 9: 1.0 + i})
    train(rehearsal, 0.9, {1: 12.0})
    targets = seen(rehearsal.history(), FIDELITY).targets(np.ones(1))
    assert targets[-1] == pytest.approx(targets[6]) == pytest.approx(targets[8])


def test_a_trial_that_diverged_counts_as_the_worst() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for i, loss in enumerate([1.0, 2.0, 3.0, math.nan]):
        train(rehearsal, i / 10, {1: loss})
    targets = seen(rehearsal.history(), FIDELITY).targets(np.ones(1))
    assert targets[3] == targets[2] > targets[1]


def test_what_diverges_between_rungs_is_no_longer_believed_for_its_loss_at_the_one_before() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    told: list[dict[int, float | list[float]]] = [{1: 3.5}, {1: 4.0, 2: math.nan}, {1: 3.0, 3: 2.0}, {4: math.nan}]
    for i, losses in enumerate(told):
        train(rehearsal, i / 10, losses)
    found = seen(rehearsal.history(), FIDELITY)
    assert found.trial.tolist() == [0, 1, 1, 2, 2, 3]
    assert found.rung.tolist() == [0, 0, 2, 0, 1, 1]
    assert np.isnan(found.losses[:, 0]).tolist() == [False, False, True, False, False, True]
    latest = found.targets(np.ones(1))[found.latest]
    assert latest[1] == latest.max() > latest[0]


def failing(rehearsal: Rehearsal, x: float, losses: dict[int, float | list[float]]) -> None:
    """A trial that reports these losses, then fails, and says no more."""
    trial = rehearsal.start({"x": x}, 9)
    for step, loss in losses.items():
        rehearsal.report(trial, step, loss)
    rehearsal.finish(trial, [math.nan] * len(rehearsal.directions), TrialState.FAILED)


def test_what_fails_without_a_word_is_no_longer_believed_for_its_last_loss() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    train(rehearsal, 0.1, {1: 3.0, 3: 2.0})
    told: list[dict[int, float | list[float]]] = [{1: 1.0}, {1: 1.0, 3: 1.0}, {1: 1.0, 3: 1.0, 9: 1.0}, {}]
    for losses in told:
        failing(rehearsal, 0.5, losses)
    found = seen(rehearsal.history(), FIDELITY)
    lost = np.isnan(found.losses[:, 0])
    assert (found.trial[lost].tolist(), found.rung[lost].tolist()) == ([1, 2, 3, 4], [2, 2, 2, 0])
    targets = found.targets(np.ones(1))[found.latest]
    assert found.trial[found.latest].tolist() == [0, 1, 2, 3, 4]
    assert (targets[1:] == targets.max()).all()


def test_an_objective_that_is_left_unsaid_between_rungs_is_no_divergence() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, ("minimize", "minimize"))
    train(rehearsal, 0.1, {1: [3.0, 1.0], 2: [2.0, math.nan]})
    train(rehearsal, 0.2, {1: [3.0, 1.0], 2: [math.nan, math.nan]})
    train(rehearsal, 0.3, {1: [3.0, 1.0], 2: [2.0, math.inf]})
    failing(rehearsal, 0.4, {1: [3.0, 1.0], 2: [2.0, math.nan]})
    found = seen(rehearsal.history(), FIDELITY)
    assert found.trial[found.rung == 2].tolist() == [1, 2, 3]


def test_what_failed_has_not_gone_on() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for i in range(4):
        train(rehearsal, i / 10, {1: 1.0 + i, 3: 2.0 + i})
        train(rehearsal, 0.5 + i / 10, {1: 1.0 + i, 2: math.nan})
        failing(rehearsal, 0.9 + i / 100, {1: 1.0 + i, 3: 2.0})
    model = rung_model(rehearsal.history(), FIDELITY, Streams(0))
    assert model is not None
    assert model.gone_on.tolist() == [8, 0]


def test_the_model_is_the_same_in_a_process_that_begins_after_some_have_failed() -> None:
    rehearsal, rng = Rehearsal(SPACE, FIDELITY), np.random.default_rng(0)
    for i in range(40):
        x = float(rng.random())
        if i % 4 == 3:
            failing(rehearsal, x, {1: x} if i % 8 == 3 else {})
        else:
            train(rehearsal, x, {1: x + rng.random(), 3: x})
        warm = rung_model(rehearsal.history(), FIDELITY, Streams(0))
        if i % 3 == 0 and warm is not None:
            cold = rung_model(rehearsal.replayed(), FIDELITY, Streams(0))
            assert cold is not None
            at = np.linspace(0, 1, 5)[:, None]
            for one, other in zip(warm.beliefs, cold.beliefs, strict=True):
                assert one.predict(warm.embed(at))[0].tobytes() == other.predict(cold.embed(at))[0].tobytes()


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize(("fidelity", "ends"), [(Fidelity("epoch", 3, 50, 3), 1), (Fidelity("epoch", 1, 27, 3), 5)])
def test_bohb_learns_where_training_diverges_before_and_between_rungs(
    fidelity: Fidelity, ends: int, raises: bool
) -> None:
    space = Space({"rate": Float(1e-3, 1, log=True), "idle": Float(0, 1)})
    study = Study(space, strategy="bohb", fidelity=fidelity, seed=0)

    def train(trial: LiveTrial) -> float:
        weight = 3.0 if trial.checkpoint is None else float(trial.checkpoint)
        for step in range(trial.start_step + 1, fidelity.max + 1):
            weight -= trial["rate"] * 0.6 * weight
            lost = trial["rate"] > 0.1 and step >= ends
            if lost and raises:
                raise OverflowError("letter " + "abcdefg"[trial.number % 7])  # no two in a row alike
            if trial.report(math.nan if lost else weight * weight, step) is not Verdict.CONTINUE:
                trial.save(repr(weight).encode())
                break
        return weight * weight

    study.optimize(train, n_trials=30)
    last = [space["rate"].to_unit(trial.config["rate"]) > 2 / 3 for trial in study.trials[15:]]  # beyond 0.1
    assert sum(last) <= 3  # a third of what is drawn at random would be


def of_a_first_rung_that_misleads(trials: int) -> RungModel:
    """The first rung wants x = 0, the others x = 1, and only a third of the trials went on."""
    rehearsal, rng = Rehearsal(SPACE, FIDELITY), np.random.default_rng(0)
    for i in range(trials):
        x = float(rng.random())
        train(rehearsal, x, {1: x} if i % 3 else {1: x, 3: 1 - x, 9: 1 - x})
    model = rung_model(rehearsal.history(), FIDELITY, Streams(0))
    assert model is not None
    return model


def test_a_rung_that_misleads_is_not_followed() -> None:
    model = of_a_first_rung_that_misleads(45)
    means, _ = model.beliefs[0].predict(np.array([[0.05], [0.95]]))
    assert means[1] < means[0] - 1
    assert model.agreement(0) < 0.2
    assert model.agreement(1) > 0.5
    assert model.agreement(2) == 1


def test_a_rung_is_trusted_until_enough_trials_went_on_from_it() -> None:
    few = of_a_first_rung_that_misleads(3 * (ENOUGH - 1))
    assert few.gone_on.tolist() == [ENOUGH - 1, ENOUGH - 1]
    assert few.agreement(0) == 1
    assert of_a_first_rung_that_misleads(3 * ENOUGH).agreement(0) < 1


def test_too_little_is_known() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    assert rung_model(rehearsal.history(), FIDELITY, Streams(0)) is None
    train(rehearsal, 0.5, {1: 1.0})
    train(rehearsal, 0.6, {1: math.nan})
    assert rung_model(rehearsal.history(), FIDELITY, Streams(0)) is None


def test_several_objectives_are_mixed() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, ("minimize", "maximize"))
    for x in np.linspace(0, 1, 12):
        train(rehearsal, float(x), {1: [float(x), float(x)]})
    history = rehearsal.history()
    found = seen(history, FIDELITY)
    first, second = found.targets(np.array([0.95, 0.05])), found.targets(np.array([0.05, 0.95]))
    assert np.argmin(first) == 0
    assert np.argmin(second) == 11
