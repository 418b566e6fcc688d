"""What cannot be meant is refused in a sentence that says what would be right, and NumPy's numbers are numbers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast import Categorical, Float, Int, Study
from holdfast.errors import RequestError
from holdfast.search.tpe import TreeParzenEstimator
from holdfast.study.handle import LiveTrial


def study_of_x(**settings: Any) -> Study:
    return Study({"x": Float(0, 1)}, **{"strategy": "random", **settings})


def x(trial: LiveTrial) -> float:
    return float(trial["x"])


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (lambda: study_of_x(strategy=None), "strategy = None; it takes a name, or an object"),
        (lambda: study_of_x(strategy=TreeParzenEstimator), "make one, as in TreeParzenEstimator"),
        (lambda: study_of_x(earlier=["digits"]), "'digits' is no study to learn from"),
        (lambda: study_of_x(earlier=study_of_x()), "it takes a list of studies"),
        (lambda: study_of_x().learn_from(3), "3 is no study to learn from; give one"),  # type: ignore[arg-type]
        (lambda: study_of_x().enqueue([1]), "a configuration is a dict of values by name"),  # type: ignore[arg-type]
        (lambda: study_of_x().tell("0", 1.0), "'0' is no trial; name what ask"),  # type: ignore[arg-type]
        (lambda: study_of_x().tell(0.0, 1.0), "0.0 is no trial"),  # type: ignore[arg-type]
        (lambda: study_of_x().optimize(3, n_trials=1), "objective = 3; it must be a function"),  # type: ignore[arg-type]
        (lambda: study_of_x().optimize_batch(3, n_trials=1), "train_many = 3; it must be"),  # type: ignore[arg-type]
        (lambda: study_of_x().optimize(x, n_trials=1.5), r"n_trials = 1\.5; it must be"),  # type: ignore[arg-type]
        (lambda: study_of_x().optimize(x, n_trials=True), "n_trials = True; it must be a whole number"),
        (lambda: study_of_x().optimize(x, n_trials=-1), "n_trials = -1; it must be a whole number"),
        (lambda: study_of_x().optimize(x, timeout="1h"), "timeout = '1h'; it must be"),  # type: ignore[arg-type]
        (lambda: study_of_x().optimize(x, timeout=math.nan), "timeout = nan; it must be a number of seconds"),
        (lambda: study_of_x().optimize(x, timeout=-1), "timeout = -1; it must be a number of seconds"),
        (lambda: study_of_x().optimize(x, timeout=math.inf), "it would never end"),
        (lambda: study_of_x().optimize(x, n_trials=1, halt_after=0), "halt_after = 0; it must be"),
        (lambda: study_of_x().optimize(x, n_trials=1, halt_after=None), "halt_after = None"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_meant_is_refused(request_: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as caught:
        request_()
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    space = {
        "n": Int(np.int64(1), np.int64(9), step=np.int64(2)),  # type: ignore[arg-type]
        "width": Categorical([np.int64(8), np.float32(0.5), np.str_("wide")]),  # type: ignore[list-item]
        "y": Float(np.float32(0), np.float64(1), when={"n": np.int64(3)}),  # type: ignore[arg-type]
    }
    study = Study(space, strategy="random", seed=np.int64(3))  # type: ignore[arg-type]
    study.optimize(lambda trial: np.float32(trial["n"]), n_trials=np.int64(20))  # type: ignore[arg-type, return-value]
    assert {type(trial.config["n"]) for trial in study.trials} == {int}
    assert {type(trial.config["width"]) for trial in study.trials} == {int, float, str}
    assert all(("y" in trial.config) == (trial.config["n"] == 3) for trial in study.trials)


class Tensor:
    """As much of a tensor as a result needs, on a device from which NumPy cannot copy it."""

    dtype = type("dtype", (), {})()

    def __init__(self, *values: float) -> None:
        self.values = values

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __float__(self) -> float:
        if len(self.values) > 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]


def test_a_tensor_is_a_number_wherever_it_lies() -> None:
    study = study_of_x()
    study.optimize(lambda trial: Tensor(trial["x"]), n_trials=2)  # type: ignore[arg-type, return-value]
    trial = study.ask()
    trial.report(Tensor(0.5), step=1)  # type: ignore[arg-type]
    assert study.tell(trial, Tensor(0.25)).metrics == {"value": 0.25}  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="it must be a number"):
        study.tell(study.ask(), Tensor(1.0, 2.0))  # type: ignore[arg-type]
    assert [len(each.metrics) for each in study.trials] == [1, 1, 1, 0]


def test_bounds_of_numpy_are_taken_where_the_space_is_found() -> None:
    study = Study(seed=0)
    study.optimize(lambda trial: trial.suggest_int("n", np.int64(0), np.int64(5)), n_trials=2)  # type: ignore[arg-type]
    assert len(study.trials) == 2


def test_failures_are_told_of_as_they_come(caplog: pytest.LogCaptureFixture) -> None:
    def objective(trial: LiveTrial) -> float:
        if trial.number in {1, 3}:
            raise ValueError(f"no luck with {trial.number}")
        return float(trial["x"])

    with caplog.at_level(logging.WARNING, logger="holdfast"):
        study_of_x().optimize(objective, n_trials=4)
    assert caplog.messages == [
        "trial 1 failed: ValueError: no luck with 1",
        "2 of 4 trials failed; study.trials has their errors",
    ]


def test_a_trial_that_is_resumed_is_counted_once_among_those_that_ended(caplog: pytest.LogCaptureFixture) -> None:
    def objective(trial: LiveTrial) -> float:
        for step in range(trial.start_step + 1, 10):
            if trial.number in {1, 3}:
                raise ValueError("no luck")
            if trial.report(trial["x"], step) != "continue":
                trial.save(b"weights")
                break
        return float(trial["x"])

    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=holdfast.Fidelity("epoch", 1, 9), seed=0)
    with caplog.at_level(logging.WARNING, logger="holdfast"):
        study.optimize(objective, n_trials=9)
    assert any(trial.until_step == 9 for trial in study.trials)
    assert caplog.messages[-1] == "2 of 9 trials failed; study.trials has their errors"


def test_a_study_of_failures_says_how_many_and_why() -> None:
    study = study_of_x()
    study.optimize(lambda trial: trial["y"], n_trials=4)
    with pytest.raises(
        RequestError, match="no trial with a value yet: of 4 trials 4 failed, the last one with trial 3 has"
    ):
        _ = study.best_value


def test_an_earlier_study_has_to_have_something_to_say() -> None:
    earlier = study_of_x(name="earlier")
    earlier.optimize(x, n_trials=2)
    study_of_x(earlier=[earlier], direction="maximize")  # of another metric, for all that is known
    study_of_x(earlier=[earlier], direction={"accuracy": "maximize"})
    named = study_of_x(name="named", direction={"ms": "minimize"})
    named.optimize(x, n_trials=2)
    with pytest.raises(RequestError, match="wants to minimize 'ms' and this one to maximize it"):
        study_of_x(earlier=[named], direction={"ms": "maximize"})
    with pytest.raises(RequestError, match="has none of the hyperparameters of this one"):
        Study({"y": Float(0, 1)}, earlier=[earlier])


@pytest.mark.parametrize("strategy", ["asha", "hyperband", "bohb", "priorband", "gp"])
def test_what_comes_next_is_known_though_the_budget_is_spent(strategy: str) -> None:
    from holdfast import Fidelity

    study = study_of_x(strategy=strategy, fidelity=Fidelity("epoch", 1, 9))

    def objective(trial: LiveTrial) -> float:
        for step in range(trial.start_step + 1, 10):
            trial.save(b"weights", step)
            if trial.report(trial["x"] + 1 / step, step) != "continue":
                break
        return float(trial["x"])

    study.optimize(objective, n_trials=8)
    assert 0 <= float(study.suggest_next().config["x"] or 0) <= 1
