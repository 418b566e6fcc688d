"""A job of one's own: what it reports and returns is taken as an objective's is, or refused in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.execute.inline import Inline
from holdfast.execute.processes import Processes
from holdfast.records import Assignment, Cause, Outcome, Report, Reporter, TrialState
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})
FIDELITY = holdfast.Fidelity("epoch", 1, 9)
BAD = 1
"""The trial that a job says something wrong of."""

Does = Callable[[Assignment, Reporter], Any]


@dataclass(frozen=True)
class OwnJob:
    """Trains one trial after the other as it should, but for one of them."""

    bad: Does

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        return [self.bad(item, report) if item.trial == BAD else trained(item, report) for item in assignments]


def trained(item: Assignment, report: Reporter) -> Outcome:
    loss, until = float(item.config["x"]), item.until_step or 9  # type: ignore[arg-type]
    for step in range(item.start_step + 1, until + 1):
        if report(Report(item.trial, step, {"value": loss})) == "pause":
            report(Report(item.trial, step, checkpoint=b"weights"))
            return Outcome(item.trial, TrialState.PAUSED, {"value": loss})
    return done(item, {"value": loss})


def done(item: Assignment, metrics: Any = None, state: Any = TrialState.COMPLETE, **others: Any) -> Outcome:
    return Outcome(item.trial, state, {"value": 0.5} if metrics is None else metrics, **others)


def said(*reports: Any) -> Does:
    """Reports these, then trains as it should."""

    def does(item: Assignment, report: Reporter) -> Outcome:
        for each in reports:
            report(each)
        return trained(item, report)

    return does


def returned(*args: Any, **others: Any) -> Does:
    """Returns this once it has trained to the end."""

    def does(item: Assignment, report: Reporter) -> Outcome:
        for step in range(item.start_step + 1, 10):
            report(Report(item.trial, step, {"value": 0.5}))
        return done(item, *args, **others)

    return does


def ran(bad: Does, executor: Any = None, **settings: Any) -> Study:
    study = Study(SPACE, **{"strategy": "asha", "fidelity": FIDELITY, "seed": 0, **settings})
    study.run(OwnJob(bad), Inline() if executor is None else executor, n_trials=6)
    return study


def at(step: Any, metrics: Any = None, **others: Any) -> Report:
    return Report(BAD, step, {"value": 0.5} if metrics is None else metrics, **others)


STEP = "a step is a whole number from 0 up to"

REPORTS: list[tuple[Does, str]] = [
    (said(at(1, {"value": "low"})), "the report for 'value' is 'low'; it must be a number"),
    (said(at(1, {"value": None})), "the report for 'value' is None; it must be a number"),
    (said(at(1, 0.5)), "trial 1 reported metrics = 0.5; report named numbers"),
    (said(at(-1)), f"trial 1 reported at step -1; {STEP}"),
    (said(at(1.5)), f"trial 1 reported at step 1.5; {STEP}"),
    (said(at("one")), f"trial 1 reported at step 'one'; {STEP}"),
    (said(at(2**60)), f"trial 1 reported at step 1152921504606846976; {STEP}"),
    (said(at(2), at(2)), "trial 1 reported at step 2 after step 2; steps go up"),
    (said(at(2), at(1)), "trial 1 reported at step 1 after step 2; steps go up"),
    (said(at(10)), "trial 1 reported at step 10, and the study's fidelity ends at 9"),
    (said(Report(0, 1, {"value": 0.5})), "the job reported for trial 0; it was given 1"),
    (said(Report(99, 1, {"value": 0.5})), "the job reported for trial 99; it was given 1"),
    (said(Report("a", 1, {"value": 0.5})), "the job reported for trial 'a'; it was given 1"),  # type: ignore[arg-type]
    (said("loss 0.5"), "the job reported 'loss 0.5', which is no Report"),
    (said(at(1, {}, checkpoint="text")), "trial 1 saved 'text', which is no bytes"),
    (said(at(10, {}, checkpoint=b"")), "trial 1 saved a checkpoint of step 10, and the study's fidelity ends at 9"),
    (said(at(-1, {}, checkpoint=b"")), f"trial 1 saved a checkpoint of step -1; {STEP}"),
    (said(at(1, {}, drawn={"x": (SPACE["x"].to_json(), 0.5)})), "the space of the study was declared"),
    (lambda item, report: done(item), "trial 1 was to run to step 1 and reported none"),
    (lambda item, report: done(item, state=TrialState.PAUSED), "was to run to step 1 and reported none"),
    (
        lambda item, report: (report(at(1, {"loss": 0.5})), done(item))[1],
        "trial 1 was to run to step 1 and reported only 'loss'; report 'value' too",
    ),
    (
        lambda item, report: (report(at(1)), done(item))[1],
        "has state = complete, and it was told to pause at step 1; it is paused there",
    ),
    (
        lambda item, report: (report(at(1, {"value": math.nan})), done(item))[1],
        "has state = complete, and it was told to stop at step 1; it is stopped there",
    ),
]

OUTCOMES: list[tuple[Does, str]] = [
    (returned({"loss": 1.0}), "the result has no value for 'value', only 'loss'"),
    (returned({}), "the result has no value for 'value', only nothing"),
    (returned({"value": "low"}), "the result for 'value' is 'low'; it must be a number"),
    (returned(0.5), "the outcome of trial 1 has metrics = 0.5; name the numbers"),
    (
        returned(state="done"),
        "the outcome of trial 1 has state = 'done'; it can be paused, complete, stopped or failed",
    ),
    (returned(state=TrialState.RUNNING), "the outcome of trial 1 has state = 'running'; it can be paused, complete"),
    (returned(state="failed", cause="bug"), "the outcome of trial 1 has cause = 'bug'; it can be error, diverged"),
    (returned(seconds="long"), "the outcome of trial 1 for 'seconds' is 'long'; it must be a number"),
    (returned(cpu_seconds=math.nan), "the outcome of trial 1 has cpu_seconds = nan; it takes 0 or more"),
    (returned(seconds=-1.0), "the outcome of trial 1 has seconds = -1.0; it takes 0 or more"),
    (returned(extra={"model": object()}), "the outcome of trial 1 has an extra that is no JSON value"),
    (returned(extra=[1]), "the outcome of trial 1 has an extra that is no JSON value"),
    (returned(rows=[1.0, 0.0]), "the outcome of trial 1 has rows = [1.0, 0.0]; it takes a holdfast.RowScores"),
    (returned(rows=holdfast.RowScores(np.zeros(3))), "the mean of the row scores is 0, and 'value' is 0.5"),
]


@pytest.mark.parametrize(("bad", "sentence"), [*REPORTS, *OUTCOMES])
def test_what_cannot_be_meant_fails_its_trial_with_a_sentence_and_the_study_goes_on(bad: Does, sentence: str) -> None:
    study = ran(bad)
    failed = study.trials[BAD]
    assert (failed.state.value, failed.cause) == ("failed", Cause.ERROR)
    assert failed.error is not None
    assert sentence in failed.error.splitlines()[-1]
    others = [trial for trial in study.trials if trial.number != BAD]
    assert len(others) == 5
    assert {trial.state.value for trial in others} == {"paused", "complete"}
    assert all(step >= 1 and type(step) is int for trial in study.trials for step, _ in trial.reports)
    study.book.reload()  # the log can be read again
    assert str(study.trials[BAD]) == str(failed)


@pytest.mark.parametrize("bad", [REPORTS[0][0], OUTCOMES[0][0], OUTCOMES[4][0]])
def test_it_is_refused_in_worker_processes_as_it_is_here(bad: Does) -> None:
    here, there = ran(bad), ran(bad, Processes(1))
    last = [(study.trials[BAD].error or "").splitlines()[-1] for study in (here, there)]
    assert last[0] == last[1] != ""
    assert [trial.state for trial in here.trials] == [trial.state for trial in there.trials]


def test_a_report_that_is_refused_is_not_logged_and_may_be_made_anew() -> None:
    def corrects(item: Assignment, report: Reporter) -> Outcome:
        with pytest.raises(RequestError, match="must be a number"):
            report(at(1, {"value": "low"}))
        return trained(item, report)

    study = ran(corrects)
    assert study.trials[BAD].reports[0][0] == 1
    assert study.trials[BAD].state.value in {"paused", "complete"}


def test_what_can_be_meant_is_taken_in_whatever_kind_of_number_it_comes() -> None:
    def numpy(item: Assignment, report: Reporter) -> Outcome:
        number, loss = np.int64(item.trial), {"value": np.float32(0.5)}
        report(Report(number, np.int64(1), loss, bytearray(b"weights")))  # type: ignore[arg-type]
        return Outcome(number, "paused", loss, seconds=np.float32(0.25))  # type: ignore[arg-type]

    trial = ran(numpy).trials[BAD]
    assert (trial.state, trial.metrics, trial.reports) == (TrialState.PAUSED, {"value": 0.5}, ((1, {"value": 0.5}),))
    assert trial.seconds == 0.25
    assert trial.checkpoint is not None


@pytest.mark.parametrize(
    ("outcome", "state", "cause", "error"),
    [
        (returned({"value": math.nan}), "failed", "diverged", "its objective returned nan for 'value'"),
        (returned({"value": math.inf}, state=TrialState.STOPPED), "failed", "diverged", "reported inf for 'value'"),
        (returned({}, state=TrialState.STOPPED), "stopped", None, ""),
        (returned({}, state=TrialState.FAILED), "failed", "error", "the objective failed"),
        (returned({}, state="failed", cause="memory", error="too large"), "failed", "memory", "too large"),
        (returned({}, state="failed", error=ValueError("no")), "failed", "error", "ValueError: no"),
    ],
)
def test_an_outcome_ends_its_trial_as_an_objective_would(
    outcome: Does, state: str, cause: str | None, error: str
) -> None:
    for strategy, fidelity in (("asha", FIDELITY), ("random", None)):
        trial = ran(outcome, strategy=strategy, fidelity=fidelity).trials[BAD]
        assert (trial.state.value, trial.cause) == (state, cause)
        assert error in (trial.error or "")


@pytest.mark.parametrize(
    ("returns", "sentence"),
    [
        (None, "the job returned None; a list of outcomes is due, one for each trial"),
        (3, "the job returned 3; a list of outcomes is due, one for each trial"),
        ([3], "the job returned a int where an Outcome was due"),
        ([], "the job returned outcomes for the trials []; due were [0], in this order"),
    ],
)
def test_what_is_no_list_of_outcomes_fails_the_trials_with_a_sentence(returns: Any, sentence: str) -> None:
    class Returning:
        def run(self, assignments: Sequence[Assignment], report: Reporter) -> Any:
            return returns

    study = Study(SPACE, strategy="random")
    study.run(Returning(), Inline(), n_trials=1)
    assert study.trials[0].error == sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"job": 3}, "job = 3; it takes an object with run(assignments, report)"),
        ({"job": OwnJob}, "it takes an object with run(assignments, report); make one, as in OwnJob(...)"),
        ({"executor": "processes"}, "executor = 'processes'; it takes an object with run(job, driver)"),
        ({"n_trials": 2.5}, "n_trials = 2.5; it must be a whole number of at least 0"),
        ({"timeout": "1 h"}, "timeout = '1 h'; it must be a number of seconds, 0 or more"),
        ({"batch": 0}, "batch = 0; it must be a whole number of at least 1"),
        ({"halt_after": 0}, "halt_after = 0; it must be a whole number of at least 1"),
    ],
)
def test_a_run_of_what_cannot_run_is_refused_before_anything_is_asked(changes: dict[str, Any], sentence: str) -> None:
    study = Study(SPACE, strategy="random")
    settings = {"job": OwnJob(trained), "executor": Inline(), "n_trials": 1, **changes}
    with pytest.raises(RequestError) as refused:
        study.run(settings.pop("job"), settings.pop("executor"), **settings)
    assert sentence in str(refused.value)
    assert len(study.trials) == 0


def test_a_job_draws_values_of_a_space_that_is_found_as_it_is_used() -> None:
    table = holdfast.Float(0, 1).to_json()

    @dataclass(frozen=True)
    class Drawing:
        drawn: Any

        def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
            for item in assignments:
                report(Report(item.trial, 0, drawn=self.drawn))
            return [done(item) for item in assignments]

    study = Study(None, strategy="random", seed=0)
    for drawn in ({"x": (table, 0.5)}, {"x": (table, 2.0)}, {"x": 0.5}, 3):
        study.run(Drawing(drawn), Inline(), n_trials=1)
    assert study.trials[0].config == {"x": 0.5}
    assert all("trial" in (trial.error or "") and " drew " in (trial.error or "") for trial in study.trials[1:])
