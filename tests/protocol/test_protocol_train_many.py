"""The networks of a batch of trials trained as one program, from Python."""

import numpy as np
import pytest

import holdfast
from holdfast.errors import DataError, RequestError
from holdfast.records import Cause, Fidelity, TrialState
from holdfast.search.pbt import PopulationBasedTraining

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(240, 5))
Y = np.array(["a", "b", "c"])[(X[:, :3] + 0.3 * DRAW.normal(size=(240, 3))).argmax(axis=1)]
TRAIN, VALIDATION = (X[:160], Y[:160]), (X[160:], Y[160:])
FIXED = {"width": 8, "depth": 1, "epochs": 4}


def a_study(**settings: object) -> holdfast.Study:
    space = holdfast.Space({"learning_rate": holdfast.Float(1e-3, 1e-1, log=True)})
    return holdfast.Study(space, direction="maximize", strategy="random", **settings)  # type: ignore[arg-type]


def test_a_batch_of_trials_is_trained_and_judged() -> None:
    study = a_study()
    study.optimize_batch(holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=FIXED), n_trials=6, batch=6)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 6
    assert study.best_value is not None
    assert study.best_value > 0.5
    assert study.estimate().n == 80
    assert study.trials[0].extra["epochs"] <= 4


def test_the_time_of_a_batch_is_divided_by_what_each_trial_took() -> None:
    study = holdfast.Study({"epochs": holdfast.Categorical([1, 100])}, direction="maximize", strategy="manual")
    for epochs in (1, 100):
        study.enqueue({"epochs": epochs})
    fixed = {"width": 8, "depth": 1, "patience": 100}
    study.optimize_batch(holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=fixed), n_trials=2, batch=2)
    short, long = study.trials
    assert long.seconds > 5 * short.seconds > 0
    assert short.extra["stack"]["path"] == "written"


def test_the_size_of_a_batch_changes_nothing() -> None:
    def values(batch: int) -> list[float]:
        study = a_study()
        job = holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=FIXED, metric="log_loss")
        study.optimize_batch(job, n_trials=4, batch=batch)
        return [trial.metrics["value"] for trial in study.trials]

    assert values(1) == values(4)


def test_trials_pause_at_their_rung_and_resume_in_a_new_stack() -> None:
    study = holdfast.Study(
        holdfast.Space({"learning_rate": holdfast.Float(1e-3, 1e-1, log=True)}),
        direction="maximize",
        strategy="asha",
        fidelity=Fidelity("epochs", 1, 4, 2),
    )
    study.optimize_batch(holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=FIXED), n_trials=8, batch=8)
    states = [trial.state for trial in study.trials]
    assert TrialState.COMPLETE in states
    assert TrialState.PAUSED in states


def test_one_that_diverges_is_told_as_such_and_the_others_are_not() -> None:
    study = holdfast.Study(
        holdfast.Space({"learning_rate": holdfast.Float(1e-3, 1e30, log=True)}), direction="maximize", strategy="manual"
    )
    study.enqueue({"learning_rate": 1e30})
    study.enqueue({"learning_rate": 1e-2})
    fixed = {**FIXED, "optimizer": "sgd", "clip": 0.0}
    study.optimize_batch(holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=fixed), n_trials=2, batch=2)
    assert [trial.cause for trial in study.trials] == [Cause.DIVERGED, None]
    assert "in epoch 1" in study.trials[0].extra["diverged"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(RequestError, match="the models of 'knn' are no networks"):
        holdfast.train_many("knn", TRAIN, validation=VALIDATION)
    with pytest.raises(DataError, match="the validation rows have the class 'c', which no training row has"):
        holdfast.train_many("mlp", (X[Y != "c"], Y[Y != "c"]), validation=VALIDATION)
    with pytest.raises(DataError, match=r"features of shape \(160, 5\) and targets of shape \(80,\)"):
        holdfast.train_many("mlp", (X[:160], Y[160:]), validation=VALIDATION)


@pytest.mark.parametrize("batch", [1, 6])
def test_a_population_in_one_stack_is_replayed_to_the_bit(batch: int) -> None:
    study = holdfast.Study(
        {"learning_rate": holdfast.Float(1e-3, 1.0, log=True), "dropout": holdfast.Float(0.0, 0.5)},
        strategy=PopulationBasedTraining(population=6, interval=1),
        fidelity=Fidelity("epochs", 1, 4),
        seed=2,
    )
    job = holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=FIXED, metric="log_loss")
    study.optimize_batch(job, n_trials=14, batch=batch)
    clones = [trial for trial in study.trials if trial.parent is not None and trial.metrics]
    assert len(clones) >= 3
    for trial in clones:
        schedule = study.schedule(trial.number)
        assert study.replay_schedule(lambda live: job([live])[0], schedule) == trial.metrics


def test_a_clone_of_another_shape_is_refused_with_the_reason() -> None:
    study = holdfast.Study(
        {"width": holdfast.Int(4, 64)},
        strategy=PopulationBasedTraining(population=4, interval=1),
        fidelity=Fidelity("epochs", 1, 4),
    )
    fixed = {"depth": 1, "epochs": 4}
    job = holdfast.train_many("mlp", TRAIN, validation=VALIDATION, fixed=fixed, metric="log_loss")
    study.optimize_batch(job, n_trials=8, batch=1)
    failed = [trial for trial in study.trials if trial.state is TrialState.FAILED]
    assert failed
    for trial in failed:
        assert f"a clone has 'width' = {trial.config['width']} where its parent has" in str(trial.error)
