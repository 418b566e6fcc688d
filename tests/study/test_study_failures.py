"""Failures are values: what is kept, what stops a trial, and what halts a study."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError, StudyHaltedError
from holdfast.records import Cause, Entry, Report, TrialState, Verdict
from holdfast.search.asha import Asha
from holdfast.study import actions, book
from holdfast.study.failures import error_line
from holdfast.study.handle import LiveTrial
from holdfast.study.load import load_study
from holdfast.study.replay import replay
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.state import fold
from holdfast.study.study import Study


def study_of_x(**settings: Any) -> Study:
    return Study({"x": holdfast.Float(0, 1)}, strategy="random", **settings)


def fail_at(numbers: set[int], message: Callable[[int], str]) -> Callable[[LiveTrial], float]:
    def objective(trial: LiveTrial) -> float:
        if trial.number in numbers:
            raise ValueError(message(trial.number))
        return float(trial["x"])

    return objective


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_exception_is_kept_with_its_traceback(n_jobs: int) -> None:
    study = study_of_x()
    study.optimize(fail_at({1}, lambda _: "the matrix is singular"), n_trials=3, n_jobs=n_jobs)
    told = [event.data for event in study.book.log.read() if event.kind == "trial.told" and event.data["trial"] == 1]
    assert len(told) == 1
    assert told[0]["state"] == "failed"
    assert told[0]["cause"] == "error"
    assert "raise ValueError(message(trial.number))" in told[0]["error"]
    assert told[0]["error"].endswith("ValueError: the matrix is singular\n")
    assert [t.state for t in study.trials].count(TrialState.COMPLETE) == 2
    assert math.isnan(study.history.losses[1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_result_that_is_not_finite_is_a_diverged_trial(value: float) -> None:
    study = study_of_x(direction="maximize")
    study.optimize(lambda trial: value if trial.number < 8 else 1.0, n_trials=9, halt_after=2)
    assert all((t.state, t.cause) == (TrialState.FAILED, Cause.DIVERGED) for t in study.trials[:8])
    assert study.trials[0].error == f"the trial diverged: its objective returned {value} for 'value'"
    assert study.best_trial.number == 8
    assert study.trials[0].metrics["value"] == value or math.isnan(value)


def test_a_report_that_is_not_finite_is_answered_with_stop() -> None:
    verdicts: list[Verdict] = []

    def objective(trial: LiveTrial) -> float | None:
        verdicts.append(trial.report(0.5, step=1))
        verdicts.append(trial.report(math.nan, step=2))
        assert trial.should_prune()
        return None

    study = study_of_x()
    study.optimize(objective, n_trials=1)
    assert verdicts == [Verdict.CONTINUE, Verdict.STOP]
    assert (study.trials[0].state, study.trials[0].cause) == (TrialState.FAILED, Cause.DIVERGED)
    assert study.trials[0].error == "the trial diverged: its objective reported nan for 'value'"
    kinds = [event.kind for event in study.book.log.read()]
    assert "trial.judged" in kinds


def test_ask_and_tell_ends_a_diverged_trial_the_same_way() -> None:
    study = study_of_x()
    trial = study.ask()
    assert trial.report(math.inf, step=1) is Verdict.STOP
    assert study.tell(trial).cause is Cause.DIVERGED
    trial = study.ask()
    trial.report(math.nan, step=1)
    trial.report(0.5, step=2)  # it recovered
    assert study.tell(trial, 0.4).state is TrialState.COMPLETE


def test_under_a_fidelity_what_diverged_stays_stopped_whatever_it_reports_later() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=holdfast.Fidelity("epoch", 1, 9))
    for by_number in (False, True):
        trial = study.ask()
        said = [trial.report(value, step) for step, value in ((1, math.nan), (2, 1.0), (9, 1.0))]
        assert said == [Verdict.STOP] * 3
        restored = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
        assert restored is not None
        assert restored[0].diverged == study.book.state.diverged == {trial.number}
        assert study.tell(trial.number if by_number else trial, 1.0).state is TrialState.STOPPED
    assert study.book.state.diverged == set()
    assert study.ask().number == 2
    assert replay(study.book.log.read(), study._strategy).difference is None


def test_what_is_trained_again_after_it_diverged_may_go_on() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=holdfast.Fidelity("epoch", 3, 9))
    trial = study.ask()
    assert trial.report(math.nan, 1) is Verdict.STOP
    assert actions.restart(study.book, study.trials[0], "its process is gone") is not None
    assert actions.report(study.book, Asha(), Report(0, 1, {"value": 1.0})) is Verdict.CONTINUE


def test_only_objectives_make_a_trial_diverge() -> None:
    study = study_of_x(direction={"loss": "minimize"})
    trial = study.ask()
    assert trial.report({"loss": 0.5, "gradient": math.inf}, step=1) is Verdict.CONTINUE
    assert trial.report({"gradient": math.nan}, step=2) is Verdict.CONTINUE
    assert study.tell(trial, {"loss": 0.4, "gradient": math.nan}).state is TrialState.COMPLETE
    assert study.history.report_step.tolist() == [1]


def test_alike_failures_halt_the_study_with_the_real_error() -> None:
    study = study_of_x(name="broken")
    everyone = fail_at(set(range(100)), lambda _: "no such file: data.csv")
    with pytest.raises(
        StudyHaltedError, match="study 'broken' was halted, because 4 trials in a row failed alike: ValueError: no such"
    ):
        study.optimize(everyone, n_trials=50, halt_after=4)
    assert [t.number for t in study.trials] == [0, 1, 2, 3]
    halted = [event.data["why"] for event in study.book.log.read() if event.kind == "study.halted"]
    assert halted == ["4 trials in a row failed alike: ValueError: no such file: data.csv"]
    study.optimize(lambda trial: float(trial["x"]), n_trials=3)
    assert [t.state for t in study.trials[4:]] == [TrialState.COMPLETE] * 3


def test_different_errors_do_not_halt() -> None:
    study = study_of_x()
    study.optimize(fail_at(set(range(12)), lambda number: f"bad {'abc'[number % 3]}"), n_trials=12, halt_after=3)
    assert len(study.trials) == 12


@pytest.mark.parametrize(
    "said", ["bad x {x}", "bad x = {x:e}, y={x:.2f}.", "row {number:,} is {x:+.1f}", "<Model at {address:#x}>: {odd}"]
)
def test_errors_that_differ_in_numbers_only_are_alike(said: str) -> None:
    def objective(trial: LiveTrial) -> float:
        x = (trial["x"] - 0.5) * 10**trial.number
        odd = (-math.inf, math.nan, 7)[trial.number % 3]
        raise ValueError(said.format(x=x, number=trial.number * 700, address=0x7F3A + trial.number, odd=odd))

    study = study_of_x()
    with pytest.raises(StudyHaltedError, match="because 3 trials in a row failed alike: ValueError: "):
        study.optimize(objective, n_trials=9, halt_after=3)


@pytest.mark.parametrize("steps", [(), (1, 1)])
def test_a_fidelity_that_is_not_reported_as_it_should_be_halts(steps: tuple[int, ...]) -> None:
    def objective(trial: LiveTrial) -> float:
        for step in steps:
            trial.report(0.5, step)
        return 0.5

    fidelity = holdfast.Fidelity("epoch", 2, 18)
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=fidelity)
    with pytest.raises(StudyHaltedError, match=r"call trial\.report|each is reported once"):
        study.optimize(objective, n_trials=20)
    assert len(study.trials) == 5


def test_a_halted_study_says_how_to_go_on() -> None:
    study = study_of_x(name="broken")
    message = (
        "study 'broken' was halted, because a trial failed: ValueError: no luck; mend that and go on, or where trials "
        "fail by accident, go on with a halt_after above 1"
    )
    with pytest.raises(StudyHaltedError, match=f"^{message}$"):
        study.optimize(fail_at({0}, lambda _: "no luck"), n_trials=9, halt_after=1)


def test_a_success_in_between_starts_the_count_anew_and_a_divergence_does_not() -> None:
    study = study_of_x()
    study.optimize(fail_at({0, 1, 3, 4}, lambda _: "same"), n_trials=6, halt_after=3)
    assert len(study.trials) == 6

    def mixed(trial: LiveTrial) -> float:
        if trial.number == 1:
            return math.nan
        raise ValueError("same")

    study = study_of_x()
    with pytest.raises(StudyHaltedError):
        study.optimize(mixed, n_trials=9, halt_after=3)
    assert len(study.trials) == 4


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "the result for 'value' is None; it must be a number"),
        ("0.3", "the result for 'value' is '0.3'; it must be a number"),
        ({"loss": 0.3}, "the result has no value for 'value', only 'loss'"),
        ((0.3, 0.4), "the result is (0.3, 0.4), 2 values for one objective"),
        (1j, "the result for 'value' is 1j; it must be a number"),
        ({"value": [1]}, "the result for 'value' is [1]; it must be a number"),
        (10**400, "the result for 'value' is 1"),
        (np.complex64(1 + 1j), "the result for 'value' is "),
    ],
)
def test_wrong_results_fail_the_trial_in_one_sentence(result: Any, message: str) -> None:
    study = study_of_x()
    study.optimize(lambda _: result, n_trials=1)
    assert (study.trials[0].state, study.trials[0].cause) == (TrialState.FAILED, Cause.ERROR)
    assert (study.trials[0].error or "").startswith(message)


@pytest.mark.parametrize("value", [None, "0.5", [1], 10**400, 1j, {}])
def test_a_report_that_is_no_number_is_refused(value: Any) -> None:
    trial = study_of_x().ask()
    with pytest.raises(
        RequestError, match=r"^(the report for 'value' is .*; it must be a number|trial 0 reported noth)"
    ):
        trial.report(value, step=1)


@pytest.mark.parametrize("step", [-1, 2**53 + 1, 10**30, True, 1.5])
def test_a_step_that_no_log_can_hold_is_refused_before_it_is_logged(step: Any, tmp_path: Path) -> None:
    study = study_of_x(storage=f"sqlite:///{tmp_path / 'study.db'}")
    trial = study.ask()
    with pytest.raises(RequestError, match="a step is a whole number from 0 up to 9,007,199,254,740,992"):
        trial.report(0.5, step=step)
    with pytest.raises(RequestError, match="trial 0 saved a checkpoint of step"):
        trial.save(b"weights", step=step)
    trial.report(0.5, step=2**53)
    study.tell(trial, 0.5)
    study.close()
    assert load_study("study", f"sqlite:///{tmp_path / 'study.db'}").best_value == 0.5


def test_a_step_of_an_early_log_that_is_too_large_leaves_the_study_readable() -> None:
    study = study_of_x()
    trial = study.ask()
    study.book.note("trial.reported", {"trial": 0, "step": 10**30, "metrics": {"value": 0.5}})
    study.tell(trial, 0.25)
    assert study.trials[0].reports == ((2**53, {"value": 0.5}),)
    assert study.history.report_step.tolist() == [2**53]


def test_row_scores_that_are_none_are_refused() -> None:
    study = study_of_x()
    with pytest.raises(RequestError, match=r"rows = \[1, 0\] was told; it takes holdfast\.RowScores\(values\)"):
        study.tell(study.ask(), 0.5, rows=[1, 0])  # type: ignore[arg-type]


def test_enqueued_values_that_nobody_asks_for_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    study = Study(seed=0)
    study.enqueue({"learnng_rate": 1e-3}, why="last year's winner")
    study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-5, 1.0, log=True), n_trials=1)
    said = "trial 0 was enqueued with a value for 'learnng_rate', which its objective has not asked for"
    assert caplog.messages == [f"{said} (did you mean 'learning_rate'?)"]
    study.enqueue({"learning_rate": 1e-3})
    study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-5, 1.0, log=True), n_trials=2)
    assert len(caplog.messages) == 1
    study.enqueue({"learnng_rate": 1e-3})
    study.optimize_batch(lambda trials: [trial.suggest_float("learning_rate", 1e-5, 1.0) for trial in trials], 1)
    study.enqueue({"learnng_rate": 1e-3})
    broken = study.ask()
    broken.suggest_float("learning_rate", 1e-5, 1.0, log=True)
    study.tell(broken, error="it broke before it could ask")
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("CUDA error: assert\nCompile with TORCH_USE_CUDA_DSA"), "RuntimeError: CUDA error: assert"),
        (
            ExceptionGroup("two things", [ValueError("a"), KeyError("b")]),
            "ExceptionGroup: two things (2 sub-exceptions)",
        ),
        (ValueError("\n  indented"), "ValueError"),
        (RequestError("no such thing"), "no such thing"),
        ("told by hand\nthe last line", "the last line"),
    ],
)
def test_what_an_error_says_is_the_first_line_of_its_message(error: BaseException | str, line: str) -> None:
    study = study_of_x()
    if isinstance(error, BaseException):
        error.add_note("a note of somebody's")
        with pytest.raises(type(error)):
            raise error from ValueError("before it")
    assert error_line(study.tell(study.ask(), error=error).error) == line


def test_a_batch_that_raises_or_miscounts_fails_whole() -> None:
    def train_many(trials: list[LiveTrial]) -> list[float]:
        if trials[0].number == 0:
            raise MemoryError("too many at once")
        return [1.0]

    study = study_of_x()
    study.optimize_batch(train_many, n_trials=4, batch=2, halt_after=3)
    assert [t.state for t in study.trials] == [TrialState.FAILED] * 4
    assert "MemoryError: too many at once" in (study.trials[1].error or "")
    assert study.trials[3].error == "train_many returned 1 results for 2 trials"


def test_a_worker_that_dies_costs_one_more_try() -> None:
    def objective(trial: LiveTrial) -> float:
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(trial["x"])

    study = study_of_x()
    study.optimize(objective, n_trials=4, n_jobs=2)
    assert [t.state for t in study.trials].count(TrialState.COMPLETE) == 3
    lost = study.trials[1]
    assert (lost.state, lost.cause, lost.restarts) == (TrialState.FAILED, Cause.LOST, 1)
    assert "signal 9" in (lost.error or "")


@pytest.mark.parametrize("storage", [None, "file"])
def test_an_interrupt_marks_what_runs_and_it_runs_again(tmp_path: Any, storage: str | None) -> None:
    address = None if storage is None else f"sqlite:///{tmp_path}/s.db"
    study = study_of_x(storage=address)

    def objective(trial: LiveTrial) -> float:
        trial.report(0.9, step=1)
        if trial.number == 2 and study.trials[2].restarts == 0:
            raise KeyboardInterrupt
        return float(trial["x"])

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=5)
    interrupted = study.trials[2]
    assert (interrupted.state, interrupted.cause) == (TrialState.RUNNING, Cause.INTERRUPTED)
    study.optimize(objective, n_trials=2)
    assert len(study.trials) == 5
    again = study.trials[2]
    assert (again.state, again.cause, again.restarts) == (TrialState.COMPLETE, None, 1)
    assert again.config == interrupted.config
    assert again.reports == ((1, {"value": 0.9}),)
    undisturbed = study_of_x()
    undisturbed.optimize(lambda trial: float(trial["x"]), n_trials=5)
    assert [t.config for t in study.trials] == [t.config for t in undisturbed.trials]


def test_an_interrupted_trial_runs_again_with_no_new_ones() -> None:
    study = study_of_x()

    def objective(trial: LiveTrial) -> float:
        if study.trials[trial.number].restarts == 0:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=0)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]


def test_an_interrupt_in_the_middle_of_a_fold_leaves_the_study_as_its_log_is(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of_x()

    def torn(state: Any, item: Entry, index: int) -> Any:
        if item.kind == "trial.told" and item.data["trial"] == 2:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return fold(state, item, index)

    monkeypatch.setattr(book, "fold", torn)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: float(trial["x"]), n_trials=5)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 3  # told, as the log has it
    assert study.book.state.length == study.book.log.head().length
    study.optimize(lambda trial: float(trial["x"]), n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 5


def test_what_a_callback_raises_passes_on() -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("seen enough")

    study = study_of_x()
    with pytest.raises(RuntimeError, match="seen enough"):
        study.optimize(lambda _: 1.0, n_trials=3, on_finish=refuse)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]
