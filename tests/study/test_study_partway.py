"""Trials that are to run to a step: what they have to report there, and what stands for a report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import ExhaustedError, RequestError, StudyHaltedError
from holdfast.execute.inline import Inline
from holdfast.records import Assignment, Outcome, Reporter, TrialState
from holdfast.search.asha import Asha
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.replay import replay
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.study import Study

FIDELITY = holdfast.Fidelity("epoch", 1, 9)
SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})
PAUSING = ("asha", "hyperband", "bohb", "priorband", "freeze-thaw", "pbt")


def study_of(strategy: object = "asha", **settings: object) -> Study:
    return Study(SPACE, strategy=strategy, **{"fidelity": FIDELITY, "seed": 1, **settings})  # type: ignore[arg-type]


def loss_at(x: float, step: int) -> float:
    return (x - 0.3) ** 2 + 1 / step


@pytest.mark.parametrize("by_number", [False, True])
@pytest.mark.parametrize("strategy", PAUSING)
def test_a_value_told_is_the_report_of_the_step_that_the_trial_was_to_run_to(strategy: str, by_number: bool) -> None:
    study = study_of(PopulationBasedTraining(population=4, interval=4) if strategy == "pbt" else strategy)
    for _ in range(30):
        try:
            trial = study.ask()
        except ExhaustedError:  # the population has been trained
            break
        assert trial.until_step is not None
        trial.save(b"weights", trial.until_step)
        told = study.tell(trial.number if by_number else trial, loss_at(trial["x"], trial.until_step))
        complete = trial.until_step == 9
        assert told.state.value == ("complete" if complete else "paused")
        assert told.reports[-1] == (trial.until_step, told.metrics)
    assert study.best_trial.state.value == "complete"
    assert all(trial.until_step == 9 for trial in study.trials if trial.state.value == "complete")
    events = list(study.book.log.read())
    assert replay(events, study._strategy).difference is None


def test_a_deterministic_study_takes_a_value_told_for_the_report() -> None:
    study = study_of("bohb", deterministic=True)
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, loss_at(trial["x"], trial.until_step or 9))
    assert {trial.state.value for trial in study.trials} >= {"paused"}
    assert replay(list(study.book.log.read()), study._strategy).difference is None


def test_a_trial_told_by_its_number_after_it_was_to_pause_is_paused() -> None:
    study = study_of()
    trial = study.ask()
    assert trial.report(0.5, 1) == "pause"
    assert study.tell(trial.number, 0.5).state.value == "paused"


@pytest.mark.parametrize(
    ("strategy", "reported", "ends"),
    [(Asha(type="stopping"), [1.0, 2.0, 3.0, 4.0, 5.0], "stopped"), ("asha", [math.nan], "stopped")],
)
def test_a_trial_told_by_its_number_ends_as_the_verdict_on_its_last_report_says(
    strategy: object, reported: list[float], ends: str, tmp_path: Path
) -> None:
    for by_number in (True, False):
        storage = f"sqlite:///{tmp_path}/{by_number}.db"
        study = study_of(strategy, storage=storage)
        for loss in reported:
            trial = study.ask()
            verdict = trial.report(loss, 1)
        assert verdict == "stop"
        told = study.tell(trial.number if by_number else trial, 0.5)
        assert told.state.value == ends
        assert [step for step, _ in told.reports] == [1]
        study.close()


def test_the_verdict_on_a_last_report_is_in_a_snapshot() -> None:
    study = study_of()
    study.ask().report(0.5, 1)
    state = study.book.state
    assert state.verdicts == {0: holdfast.Verdict.PAUSE}
    loaded = state_from_bytes(state_to_bytes(state, study.book.log.head()))
    assert loaded is not None
    assert loaded[0].verdicts == state.verdicts
    study.tell(0, 0.5)
    assert study.book.state.verdicts == {}


def test_a_trial_told_to_be_paused_has_reported_what_was_told() -> None:
    study = study_of()
    for x in range(3):
        told = study.tell(study.ask(), float(x), state="paused")
        assert told.reports == ((1, {"value": float(x)}),)
    assert study.ask().number == 0  # the best of them goes on


def test_one_that_diverged_or_gave_up_lacks_no_report() -> None:
    study = study_of("asha", direction={"a": "minimize", "b": "minimize"}, fidelity=holdfast.Fidelity("epoch", 3, 9))

    def objective(trial: holdfast.LiveTrial) -> None:
        if trial.report({"a": math.nan if trial.number == 0 else 1.0}, 1) is holdfast.Verdict.CONTINUE:
            raise holdfast.TrialPruned

    study.optimize(objective, n_trials=2)
    for by_number in (True, False):
        trial = study.ask()
        trial.report({"a": math.nan}, 1)
        study.tell(trial.number if by_number else trial)
    ends = [(trial.state.value, None if trial.cause is None else trial.cause.value) for trial in study.trials]
    assert ends == [("failed", "diverged"), ("stopped", None), ("failed", "diverged"), ("failed", "diverged")]


def test_it_is_said_of_a_trial_whose_next_report_is_the_last(caplog: pytest.LogCaptureFixture) -> None:
    study = study_of("asha", fidelity=holdfast.Fidelity("epoch", 1, 2, 2))

    def deaf(trial: holdfast.LiveTrial) -> float:
        for step in (1, 2):
            trial.report(1 / step, step)
        return 0.5

    study.optimize(deaf, n_trials=2)
    assert [trial.state.value for trial in study.trials] == ["complete"] * 2
    assert caplog.text.count("was told to pause at step 1 and went on to step 2") == 1


def test_what_a_person_says_of_a_trial_stands() -> None:
    study = study_of()
    assert study.tell(study.ask(), 0.5, state="complete").state.value == "complete"
    assert study.tell(study.ask(), error="it broke").state.value == "failed"
    assert all(trial.reports == () for trial in study.trials)


def test_nothing_is_reported_of_a_value_that_is_refused_and_one_that_diverged_fails() -> None:
    study = study_of()
    trial = study.ask()
    with pytest.raises(RequestError, match="it must be a number"):
        study.tell(trial, "much")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="rows = 3 was told"):
        study.tell(trial, 0.5, rows=3)  # type: ignore[arg-type]
    assert study.trials[0].reports == ()
    told = study.tell(trial, math.nan)
    assert (told.state.value, told.cause and told.cause.value) == ("failed", "diverged")


def test_without_pauses_a_value_told_is_the_end() -> None:
    study = study_of(Asha(type="stopping"))
    for _ in range(9):
        trial = study.ask()
        assert study.tell(trial, loss_at(trial["x"], 9)).state.value == "complete"
    study = study_of("random")
    assert study.tell(study.ask(), 0.5).reports == ()


def test_what_an_objective_returns_stands_for_a_report_that_it_did_not_come_to() -> None:
    study = study_of(fidelity=holdfast.Fidelity("epoch", 3, 9))

    def early(trial: holdfast.LiveTrial) -> float:
        trial.report(trial["x"] + 1, 1)
        return float(trial["x"])

    study.optimize(early, n_trials=10)
    states = [(trial.state.value, trial.until_step) for trial in study.trials]
    assert set(states) == {("paused", 3), ("complete", 9)}
    assert all(trial.reports[-1] == (3, trial.metrics) for trial in study.trials if trial.state.value == "paused")
    assert replay(list(study.book.log.read()), study._strategy).difference is None


def returning(trial: holdfast.LiveTrial) -> float:
    """Reports on the way, and leaves the last step to what it returns."""
    for step in range(trial.start_step + 1, trial.until_step or 9):
        trial.report(loss_at(trial["x"], step), step)
    trial.save(b"weights", trial.until_step or 9)
    return loss_at(trial["x"], trial.until_step or 9)


def reporting(trial: holdfast.LiveTrial) -> float:
    """Reports the last step as well."""
    loss = returning(trial)
    trial.report(loss, trial.until_step or 9)
    return loss


@dataclass(frozen=True)
class OwnJob:
    """A job that reports on the way, and leaves the last step to its outcome."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        trials = [holdfast.LiveTrial(item, report) for item in assignments]
        ends = [TrialState.COMPLETE if trial.until_step == 9 else TrialState.PAUSED for trial in trials]
        return [
            Outcome(trial.number, end, {"value": returning(trial)}) for trial, end in zip(trials, ends, strict=True)
        ]


@pytest.mark.parametrize("strategy", ["asha", Asha(type="stopping"), "hyperband", "bohb", "priorband"])
def test_what_is_returned_at_the_last_step_is_compared_as_what_is_reported_there(strategy: object) -> None:
    fidelity = holdfast.Fidelity("epoch", 3, 9)  # a trial has reported something before any rung
    studies = [study_of(strategy, fidelity=fidelity) for _ in range(5)]
    reported, returned, told, batch, own = studies
    reported.optimize(reporting, n_trials=20)
    returned.optimize(returning, n_trials=20)
    batch.optimize_batch(lambda trials: [returning(trial) for trial in trials], n_trials=20, batch=1)
    if not isinstance(strategy, Asha):
        own.run(OwnJob(), Inline(), n_trials=20)
    actions.set_budget(told.book, 20)
    while len(told.trials) < 20 or actions.suggested(told.book.state, told._strategy, 1):
        trial = told.ask()
        told.tell(trial, returning(trial))
    complete = [trial for trial in reported.trials if trial.state.value == "complete"]
    assert complete
    for study in (returned, told, batch, *([] if isinstance(strategy, Asha) else [own])):
        assert [trial.config for trial in study.trials] == [trial.config for trial in reported.trials]
        assert [trial.reports for trial in study.trials] == [trial.reports for trial in reported.trials]
        assert [trial.state for trial in study.trials] == [trial.state for trial in reported.trials]


def test_one_of_a_batch_that_ended_early_is_paused() -> None:
    study = study_of()

    def train_many(trials: list[holdfast.LiveTrial]) -> list[float]:
        for trial in trials:
            trial.report(trial["x"] + 2, 0)
        return [float(trial["x"]) for trial in trials]

    study.optimize_batch(train_many, n_trials=4, batch=2)
    assert {(trial.state.value, trial.until_step) for trial in study.trials} == {("paused", 1), ("complete", 9)}


@pytest.mark.parametrize("strategy", [*PAUSING, Asha(type="stopping")], ids=str)
def test_reports_that_lack_the_objective_are_refused_in_a_sentence(strategy: object) -> None:
    def objective(trial: holdfast.LiveTrial) -> float | None:
        for step in range(trial.start_step + 1, 10):
            if trial.report({"accuracy": 0.5}, step) != "continue":
                return None
        return float(trial["x"])

    study = study_of(strategy)
    until = 9 if isinstance(strategy, Asha) else 1
    sentence = f"trial 0 was to run to step {until} and reported only 'accuracy'; report 'value' too"
    with pytest.raises(StudyHaltedError, match="reported only 'accuracy'; report 'value' too"):
        study.optimize(objective, n_trials=9)
    assert study.trials[0].error == sentence
    trial = study.ask()
    trial.report({"accuracy": 0.5}, 1)
    for told in (trial, trial.number):
        with pytest.raises(RequestError, match="and reported only 'accuracy'; report 'value' too"):
            study.tell(told, 0.5)
    trial.report({"accuracy": 0.5, "value": 0.5}, 2)
    assert study.tell(trial, 0.5).metrics == {"value": 0.5}


SHORT: list[tuple[float | Mapping[str, float], str]] = [
    (0.5, "reported only 'a'; report 'b' too"),
    ({"b": 0.5, "c": 1}, "reported only 'b' and 'c'; report 'a' too"),
    ({"c": 1}, "reported only 'c'; report 'a' and 'b' too"),
]


@pytest.mark.parametrize("strategy", ["asha", "hyperband", "bohb", "priorband"])
@pytest.mark.parametrize(("said", "sentence"), SHORT)
def test_every_objective_is_reported(strategy: str, said: float | Mapping[str, float], sentence: str) -> None:
    def objective(trial: holdfast.LiveTrial) -> dict[str, float] | None:
        for step in range(trial.start_step + 1, 10):
            if trial.report(said, step) != "continue":
                return None
        return {"a": 1, "b": 2}

    study = study_of(strategy, direction={"a": "minimize", "b": "maximize"})
    with pytest.raises(StudyHaltedError, match=sentence):
        study.optimize(objective, n_trials=9)
    assert study.trials[0].error == f"trial 0 was to run to step 1 and {sentence}"


def test_other_metrics_may_be_reported_on_the_way_and_by_other_strategies() -> None:
    def objective(last: bool) -> Callable[[holdfast.LiveTrial], float]:
        def train(trial: holdfast.LiveTrial) -> float:
            for step in range(trial.start_step + 1, 10):
                whole = last and step == trial.until_step
                if trial.report({"seconds": 1.0, **({"value": trial["x"]} if whole else {})}, step) != "continue":
                    break
            return float(trial["x"])

        return train

    study = study_of()
    study.optimize(objective(last=True), n_trials=6)
    assert {trial.state.value for trial in study.trials} == {"paused", "complete"}
    study = study_of("random")
    study.optimize(objective(last=False), n_trials=3)
    assert {trial.state.value for trial in study.trials} == {"complete"}


@pytest.mark.parametrize("saves", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("strategy", PAUSING)
def test_a_trial_that_goes_on_to_the_end_is_complete_and_it_is_said_once(
    strategy: str, deterministic: bool, saves: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = []

    def deaf(trial: holdfast.LiveTrial) -> float:
        begun.append(trial.number)
        for step in range(1, 10):
            if trial.report(loss_at(trial["x"], step), step) != "continue" and saves:
                trial.save(b"weights")
        return loss_at(trial["x"], 9)

    storage = f"sqlite:///{tmp_path}/study.db"
    settings = {"storage": storage, "deterministic": deterministic}
    study = study_of(PopulationBasedTraining(population=8) if strategy == "pbt" else strategy, **settings)
    study.optimize(deaf, n_trials=8)
    assert begun == list(range(8))
    assert {(trial.state.value, trial.until_step) for trial in study.trials} == {("complete", 9)}
    assert study.best_value == min(trial.metrics["value"] for trial in study.trials)
    assert [piece.until for piece in study.schedule().pieces] == [9]
    (said,) = [text for text in caplog.messages if "was told to pause" in text]
    assert said == (
        "trial 0 was told to pause at step 1 and went on to step 2, and so may others; return as soon as "
        "trial.should_prune() says so, or nothing is spared"
    )
    assert replay(list(study.book.log.read()), study._strategy).difference is None
    cold = Book(study.book.log, from_log=True)
    assert list(cold.state.trials) == list(study.trials)


def test_an_objective_that_ends_a_little_later_than_told_is_paused(caplog: pytest.LogCaptureFixture) -> None:
    def slow(trial: holdfast.LiveTrial) -> float:
        for step in range(trial.start_step + 2, 10, 2):
            if trial.report(loss_at(trial["x"], step), step) != "continue":
                trial.save(b"weights")
                break
        return loss_at(trial["x"], step)

    study = study_of()
    study.optimize(slow, n_trials=4)
    assert {trial.until_step for trial in study.trials if trial.state.value == "paused"} == {1}
    assert not any("was told to pause" in text for text in caplog.messages)


def test_one_that_was_lost_after_its_last_step_is_complete(tmp_path: Path) -> None:
    study = study_of(storage=f"sqlite:///{tmp_path}/study.db")
    trial = study.ask()
    for step in range(1, 10):
        trial.report(loss_at(trial["x"], step), step)
    trial.save(b"weights")
    study.close()
    study = study_of(storage=f"sqlite:///{tmp_path}/study.db")
    study.optimize(lambda trial: 1.0, n_trials=0)
    assert [(trial.state.value, trial.until_step) for trial in study.trials] == [("complete", 9)]
