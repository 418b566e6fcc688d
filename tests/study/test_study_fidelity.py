"""Fidelities that cannot be, and objectives that do not keep to theirs, in one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.search.registry import NAMES, traits_named

SPACE = {"x": holdfast.Float(0, 1)}
FIDELITY = holdfast.Fidelity("epoch", 1, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 3), "fidelity 'epoch' runs from 9 to 3; it needs 1 <= min <= max"),
        ((0, 3), "runs from 0 to 3"),
        ((1, 9, 1), "has eta = 1; it needs an integer of at least 2"),
        ((1, 9, 2.5), "has eta = 2.5; it needs a whole number"),
        ((1.0, 9), "has min = 1.0; it needs a whole number"),
        ((1, "9"), "has max = '9'; it needs a whole number"),
        ((True, 9), "has min = True; it needs a whole number"),
    ],
)
def test_what_is_no_fidelity_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        holdfast.Fidelity("epoch", *arguments)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_fidelity_has_a_name(name: Any) -> None:
    with pytest.raises(RequestError, match=f"^a fidelity has name = {name!r}; it needs a word for what is counted"):
        holdfast.Fidelity(name, 1, 9)


@pytest.mark.parametrize("fidelity", [{"name": "epoch", "min": 1, "max": 9}, ("epoch", 1, 9), "epoch"])
def test_what_a_study_is_paused_by_is_a_fidelity(fidelity: Any) -> None:
    with pytest.raises(RequestError, match=r"it must be a Fidelity, such as holdfast\.Fidelity"):
        holdfast.Study(SPACE, strategy="asha", fidelity=fidelity)


@pytest.mark.parametrize("strategy", [name for name in NAMES if traits_named(name).pauses])
def test_a_strategy_that_pauses_needs_rungs_when_the_study_is_made(strategy: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    with pytest.raises(RequestError, match=f"^strategy '{strategy}' needs a fidelity, such as Study"):
        holdfast.Study(SPACE, strategy=strategy, storage=storage)
    with pytest.raises(RequestError, match=f"^strategy '{strategy}' pauses trials, .* leaves no rung to pause at; it"):
        holdfast.Study(SPACE, strategy=strategy, storage=storage, fidelity=holdfast.Fidelity("epoch", 5, 5))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fidelity", [None, holdfast.Fidelity("epoch", 5, 5)])
@pytest.mark.parametrize("strategy", ["auto", "random"])
def test_other_strategies_may_do_without(strategy: str, fidelity: holdfast.Fidelity | None) -> None:
    assert holdfast.Study(SPACE, strategy=strategy, fidelity=fidelity).trials == ()


@pytest.mark.parametrize(
    ("arguments", "rungs"),
    [
        ((1, 81), (1, 3, 9, 27, 81)),
        ((1, 52), (2, 6, 17, 52)),  # 52 is no power of 3: the steps count from it, and each is worth a factor of 3
        ((1, 100), (1, 4, 11, 33, 100)),
        ((5, 81), (9, 27, 81)),
        ((2, 5), (2, 5)),
        ((7, 7), (7,)),
        ((1, 16, 2), (1, 2, 4, 8, 16)),
        ((10**399, 10**400, 10), (10**399, 10**400)),
    ],
)
def test_rungs_count_from_a_full_training_down(arguments: tuple[int, ...], rungs: tuple[int, ...]) -> None:
    assert holdfast.Fidelity("epoch", *arguments).rungs() == rungs


def test_numbers_of_numpy_are_whole_numbers() -> None:
    fidelity = holdfast.Fidelity("epoch", np.int64(1), np.int64(9))  # type: ignore[arg-type]
    assert (type(fidelity.min), fidelity.rungs()) == (int, (1, 3, 9))


def error_of(objective: Any, strategy: str = "hyperband") -> str:
    study = holdfast.Study(SPACE, strategy=strategy, fidelity=FIDELITY, seed=0)
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state.value == "failed"
    return str(trial.error)


def test_an_objective_that_never_reports_fails_with_what_to_do() -> None:
    assert error_of(lambda trial: trial["x"]) == (
        "trial 0 was to run to step 1 and reported none; call trial.report(value, step) after each, and return where "
        "it says not to go on"
    )


@pytest.mark.parametrize("steps", [(2, 1), (1, 1)])
def test_steps_go_up_and_are_reported_once(steps: tuple[int, int]) -> None:
    def objective(trial: holdfast.LiveTrial) -> float:
        for step in steps:
            trial.report(trial["x"], step)
        return float(trial["x"])

    error = error_of(objective)
    assert f"trial 0 reported at step {steps[1]} after step {steps[0]}; steps go up, and each is reported once" in error


@pytest.mark.parametrize(
    ("saves", "first", "error"),
    [
        (True, 1, None),
        (True, 0, "trial 0 reported at step 1 after step 1; steps go up, and each is reported once"),
        (True, -1, "trial 0 reported at step 0 after step 1; steps go up, and each is reported once"),
        (False, 0, None),
    ],
)
def test_a_trial_that_goes_on_from_its_checkpoint_reports_what_comes_after_it(
    saves: bool, first: int, error: str | None
) -> None:
    """One that never saves trains and reports from the start each time."""

    def objective(trial: holdfast.LiveTrial) -> float | None:
        resumed = trial.start_step > 0
        for epoch in range(trial.start_step + (first if resumed else 1), 10):
            if trial.report(1 / epoch if epoch else 1.0, epoch) is not holdfast.Verdict.CONTINUE:
                if saves:
                    trial.save(b"weights")
                return None
        return 1 / 9

    study = holdfast.Study(SPACE, strategy="asha", fidelity=FIDELITY)
    study.optimize(objective, n_trials=1)
    trial = study.trials[0]
    assert trial.state.value == ("complete" if error is None else "failed")
    assert error is None or error in str(trial.error)


def test_nothing_is_reported_beyond_the_fidelity() -> None:
    def deaf(trial: holdfast.LiveTrial) -> float:
        for epoch in range(1, 60):
            trial.report(1 / epoch, epoch)
        return 0.0

    error = error_of(deaf)
    assert error.strip().endswith(
        "trial 0 reported at step 10, and the study's fidelity ends at 9; return where the verdict is not to continue, "
        "or declare a fidelity with a higher max"
    )


@pytest.mark.parametrize("data", ["text", 7, [1, 2], None])
def test_a_checkpoint_is_bytes(data: Any) -> None:
    trial = holdfast.Study(SPACE, strategy="asha", fidelity=FIDELITY).ask()
    with pytest.raises(RequestError, match=r"trial 0 saved .*, which is no bytes; pack it first, as pickle.dumps"):
        trial.save(data)
    trial.save(bytearray(b"weights"))
    trial.save(memoryview(b"weights"), 9)


def test_a_checkpoint_is_of_no_step_beyond_the_fidelity() -> None:
    trial = holdfast.Study(SPACE, strategy="asha", fidelity=FIDELITY).ask()
    with pytest.raises(RequestError, match="saved a checkpoint of step 40, and the study's fidelity ends at 9; name"):
        trial.save(b"weights", 40)


@pytest.mark.parametrize("strategy", ["hyperband", "bohb", "priorband"])
def test_a_study_prunes_and_what_diverges_ends_at_once(strategy: str) -> None:
    paid = []

    def objective(trial: holdfast.LiveTrial) -> float | None:
        for epoch in range(trial.start_step + 1, 10):
            paid.append(trial.number)
            loss = float("nan") if trial.number % 5 == 2 else trial["x"] + 1 / epoch
            if trial.report(loss, epoch) is not holdfast.Verdict.CONTINUE:
                trial.save(b"", epoch)
                return None
        return float(trial["x"] + 1 / 9)

    study = holdfast.Study(SPACE, strategy=strategy, fidelity=FIDELITY, seed=0)
    study.optimize(objective, n_trials=20)
    states = [trial.state.value for trial in study.trials]
    assert all((state == "failed") == (number % 5 == 2) for number, state in enumerate(states))
    assert all(paid.count(number) == 1 for number in range(2, 20, 5))
    assert states.count("complete") >= 2
    assert len(paid) < 0.6 * 20 * 9


def test_whole_numbers_of_any_kind_are_taken_everywhere_and_nothing_else_is() -> None:
    least, most, eta, refused = (np.int64(1), np.int32(9), np.uint8(3), (np.array([1]), np.float64(1), np.bool_(True)))
    given: list[Any] = [least, most, eta]
    seed: Any = np.int64(3)
    study = holdfast.Study(
        {"x": holdfast.Float(0, 1)}, strategy="asha", seed=seed, fidelity=holdfast.Fidelity("epoch", *given)
    )
    trial = study.ask()
    trial.report(0.5, given[0])
    assert study.tell(given[0] - 1, 0.5).number == 0
    assert study.book.state.settings.fidelity == holdfast.Fidelity("epoch", 1, 9, 3)
    other = study.ask()
    step: Any
    for step in refused:
        with pytest.raises(RequestError, match="a step is a whole number from 0 up to"):
            other.report(0.5, step)
        with pytest.raises(RequestError, match="is no trial; name what ask"):
            study.tell(step, 0.5)
        with pytest.raises(RequestError, match="it needs a whole number"):
            holdfast.Fidelity("epoch", 1, step)
