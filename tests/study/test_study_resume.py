"""Nothing lost: a study that is closed, or killed at any moment, goes on as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.execute.base import Nothing
from holdfast.execute.inline import Inline
from holdfast.log.sqlite import SqliteLog
from holdfast.log.verify import verify
from holdfast.records import Entry, Event, Outcome, Report, Trial, TrialState
from holdfast.search.asha import Asha
from holdfast.search.manual import Manual
from holdfast.study import actions, lock
from holdfast.study.book import entry
from holdfast.study.driver import StudyDriver
from holdfast.study.jobs import ObjectiveJob
from holdfast.study.load import load_study
from holdfast.study.state import StudyState
from holdfast.study.study import Study

if TYPE_CHECKING:  # the checker knows the module by its path, pytest by its name
    from tests.study.study_objectives import drive, drive_and_die, make_study, objective_of
else:
    from study_objectives import drive, drive_and_die, make_study, objective_of

STRATEGIES = ["random", "sobol", "grid", "asha", "pbt", "discovered"]
N_TRIALS = 10
PAUSE = 0.03


def start(target: Any, *arguments: Any) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["holdfast.study.study", "holdfast.execute.inline", "scipy.stats", "study_objectives"]
    )
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def outline(trials: tuple[Trial, ...]) -> list[Any]:
    """All of a trial that the clock and the accidents of a run do not touch."""
    kept = [(t.number, t.config, t.state, t.seed, t.metrics, t.reports, t.until_step, t.error) for t in trials]
    return [*kept, [(t.parent, t.parent_step, t.replaces) for t in trials]]


def undisturbed(strategy: str, n_trials: int = N_TRIALS) -> list[Any]:
    study = make_study(strategy, None)
    study.optimize(objective_of(strategy), n_trials=n_trials)
    return outline(study.trials)


@pytest.mark.parametrize("strategy", [strategy for strategy in STRATEGIES if strategy != "pbt"])
def test_a_study_closed_and_loaded_goes_on_as_undisturbed(tmp_path: Path, strategy: str) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = make_study(strategy, storage)
    study.optimize(objective_of(strategy), n_trials=4)
    while (begun := len(study.trials)) < N_TRIALS:
        study.close()
        study = load_study("study", storage)
        assert len(study.trials) == begun
        # one by one, so that asha has to go by the log alone; it finishes its best trial when the budget ends
        study.optimize(objective_of(strategy), n_trials=1)
    if strategy != "asha":
        assert outline(study.trials) == undisturbed(strategy)
    assert [t.config for t in study.trials] == [config for _, config, *_ in undisturbed(strategy)[:-1]]


def kill_until_done(strategy: str, tmp_path: Path, n_trials: int, kills: int, seed: int) -> Study:
    """Run the study in child processes, killing so many of them at random moments; checks the log in between."""
    storage, diary = f"sqlite:///{tmp_path}/s.db", tmp_path / "diary"
    diary.touch()
    chance = random.Random(seed)
    begun: dict[int, Any] = {}
    for attempt in range(kills + 1):
        child = start(drive, strategy, storage, n_trials, diary, PAUSE)
        if attempt < kills:
            wait_for_lines(child, diary, lines(diary) + chance.randrange(4))
            child.join(chance.uniform(0, 2 * PAUSE))
            child.kill()
        child.join(60)
        assert child.exitcode in {0, -signal.SIGKILL}, f"the study failed by itself, exit code {child.exitcode}"
        if (tmp_path / "s.db").exists():
            check_log(tmp_path / "s.db", diary, begun)
    assert child.exitcode == 0
    return load_study("study", storage)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def wait_for_lines(child: BaseProcess, diary: Path, wanted: int) -> None:
    """Until the diary has so many lines, or the child is done."""
    while lines(diary) < wanted and child.is_alive():
        child.join(0.002)


def check_log(path: Path, diary: Path, begun: dict[int, Any]) -> None:
    """What was told is in the log once, trials keep number and configuration, and the hashes hold."""
    log = SqliteLog(path, "study")
    assert verify(log).ok
    events = list(log.read())
    log.close()
    told = {e.data["trial"]: e.data for e in events if e.kind == "trial.told"}
    assert Counter(e.data["trial"] for e in events if e.kind == "trial.told").total() == len(told)
    for event in events:
        if event.kind == "trial.asked":
            plan = {key: event.data.get(key) for key in ("config", "proposal", "seed")}
            assert begun.setdefault(event.data["trial"], plan) == plan
    asked = [e.data["trial"] for e in events if e.kind == "trial.asked"]
    assert asked == list(range(len(asked)))
    for line in diary.read_text().splitlines():
        number, state, value = line.split(" ")
        if state != "paused":
            assert told[int(number)]["metrics"]["value"] == float(value)
    check_trained(events, diary.with_name("trained"))
    print(f"after {len(asked)} trials, {len(told)} told, {len(events)} events")


def check_trained(events: list[Event], trained: Path) -> None:
    """No epoch is trained again but after a restart, and none from before the checkpoint it went on from."""
    restarted = [event.data for event in events if event.kind == "trial.restarted"]
    times = Counter(trained.read_text().splitlines() if trained.exists() else [])
    for line, count in times.items():
        trial, epoch = map(int, line.split())
        again = [data for data in restarted if data["trial"] == trial and data["start_step"] < epoch]
        assert count <= 1 + len(again), f"epoch {epoch} of trial {trial} was trained {count} times"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_kill_9_changes_nothing(tmp_path: Path, strategy: str) -> None:
    study = kill_until_done(strategy, tmp_path, N_TRIALS, kills=2, seed=len(strategy))
    assert outline(study.trials) == undisturbed(strategy)


@pytest.mark.parametrize("strategy", ["asha", "pbt"])
def test_kill_9_in_every_rung_in_a_clone_and_in_a_pause(tmp_path: Path, strategy: str) -> None:
    """Nothing is trained twice but what came after the last checkpoint, and the lineage is as without any kill."""
    storage, marks, trained = f"sqlite:///{tmp_path}/s.db", tmp_path / "marks", tmp_path / "trained"
    marks.mkdir()
    for _ in range(40):
        child = start(drive_and_die, strategy, storage, N_TRIALS, marks, trained)
        child.join(60)
        assert child.exitcode in {0, -signal.SIGKILL}, f"the study failed by itself, exit code {child.exitcode}"
        if child.exitcode == 0:
            break
    died = {mark.name for mark in marks.iterdir()}
    assert {f"in epoch {epoch}" for epoch in range(1, 10)} <= died
    assert {"a report that is answered with pause", "a checkpoint before its pause"} <= died
    of_clones = {"a clone begins", "a clone in epoch 3", "a checkpoint of a clone before its pause"}
    assert strategy == "asha" or of_clones <= died
    log = SqliteLog(tmp_path / "s.db", "study")
    assert verify(log).ok
    check_trained(list(log.read()), trained)
    log.close()
    study = load_study("study", storage)
    assert outline(study.trials) == undisturbed(strategy)
    assert any(trial.parent is not None for trial in study.trials) == (strategy == "pbt")


def test_a_study_keeps_its_strategy(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage).close()
    with pytest.raises(
        RequestError, match=r"strategy = 'random', not 'manual'; a study keeps its strategy: .* without one"
    ):
        load_study("study", storage, strategy=Manual())
    load_study("study", storage).close()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_many_kills_change_nothing(tmp_path: Path, strategy: str, seed: int) -> None:
    study = kill_until_done(strategy, tmp_path, 30, kills=12, seed=seed)
    assert outline(study.trials) == undisturbed(strategy, 30)


def test_lost_trials_keep_number_and_config_and_say_that_they_were_restarted(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    before = make_study("random", storage)
    asked = [before.ask() for _ in range(3)]
    before.tell(asked[1], 0.5)
    before.close()  # as if its process were gone
    study = load_study("study", storage)
    study.optimize(objective_of("random"), n_trials=1)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 4
    assert [t.restarts for t in study.trials] == [1, 0, 1, 0]
    assert [t.config for t in study.trials[:3]] == [t.config for t in asked]
    assert [t.seed for t in study.trials[:3]] == [t.seed for t in asked]


def test_trials_in_the_hands_of_another_process_are_not_lost(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    other = make_study("random", storage)
    held = other.ask()
    study = make_study("random", storage)
    study.optimize(objective_of("random"), n_trials=2)
    assert [t.state.value for t in study.trials] == ["running", "complete", "complete"]
    assert study.trials[0].restarts == 0
    assert other.tell(held, 0.5).metrics == {"value": 0.5}


def test_a_trial_that_another_process_told_is_in_hand_no_more(tmp_path: Path) -> None:
    """Otherwise the one who asked for it would keep trials that are lost from ever being found."""
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    one = Study({"x": holdfast.Float(0, 1)}, storage=storage, strategy="random")
    trial = one.ask()
    other = load_study("study", storage)
    other.tell(trial.number, 0.5)
    with pytest.raises(RequestError, match="is not running: it is complete already"):
        one.tell(trial, 0.4)
    held = lock.DriverLock(tmp_path / "study.db", "study")
    held.take()
    assert held.alone
    held.close()


def test_an_interrupted_trial_runs_again_though_others_are_at_work(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    other, study = make_study("random", storage), make_study("random", storage)
    held = other.ask()

    def objective(trial: Any) -> float:
        if study.trials[trial.number].restarts == 0 and trial.number == 1:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=0)
    assert [t.state.value for t in study.trials] == ["running", "complete"]
    other.tell(held, 1.0)


def test_a_driver_that_waits_sees_what_others_add(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study, other = (Study({"x": holdfast.Float(0, 1)}, strategy="manual", storage=storage) for _ in range(2))
    study.enqueue({"x": 0.25})
    driver = StudyDriver(study.book, Manual())
    assert isinstance(driver.next(), list)
    assert driver.next() is Nothing.WAIT
    other.enqueue({"x": 0.75}, why="while it waits")
    given = driver.next()
    assert isinstance(given, list)
    assert given[0].config == {"x": 0.75}


def test_a_driver_that_has_just_told_looks_again_before_it_ends(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study, other = (Study({"x": holdfast.Float(0, 1)}, strategy="manual", storage=storage) for _ in range(2))
    study.enqueue({"x": 0.25})
    driver = StudyDriver(study.book, Manual())
    given = driver.next()
    assert isinstance(given, list)
    driver.finish(Outcome(given[0].trial, TrialState.COMPLETE, {"value": 1.0}))
    other.enqueue({"x": 0.75}, why="between telling and asking")
    again = driver.next()
    assert isinstance(again, list)
    assert again[0].config == {"x": 0.75}


def test_whoever_was_second_reads_before_it_decides_the_next_time(tmp_path: Path) -> None:
    first, second = (
        holdfast.Study({"x": holdfast.Float(0, 1)}, storage=f"sqlite:///{tmp_path}/s.db") for _ in range(2)
    )
    seen: list[int] = []

    def decide(state: StudyState) -> tuple[list[Entry], None]:
        seen.append(state.length)
        return [entry("start.skipped", {"text": "by the second"})], None

    for _ in range(3):
        first.book.note("start.skipped", {"text": "by the first"})
        second.book.commit(decide)
    assert seen == [1, 2, 4, 6]  # in vain only once


@pytest.mark.parametrize("workers", [None, 1])
def test_a_trial_lost_between_its_last_checkpoint_and_its_pause_has_arrived(workers: int | None) -> None:
    """From the checkpoint at its rung it would have nothing to train, and so nothing to report."""
    deterministic: dict[str, Any] = {} if workers is None else {"deterministic": True, "workers": workers}
    fidelity = holdfast.Fidelity("epoch", 1, 9)
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=fidelity, **deterministic)
    trial = study.ask()
    trial.report(0.5, 1)
    trial.save(b"at the rung")
    assert actions.restart(study.book, study.trials[0], "gone") is None
    lost = study.trials[0]
    assert (lost.state, lost.metrics, lost.reports) == (TrialState.PAUSED, {"value": 0.5}, ((1, {"value": 0.5}),))
    assert (lost.checkpoint is not None, lost.restarts) == (True, 0)
    with pytest.raises(RequestError, match="trial 0 is not running: it is paused already"):
        study.tell(trial)


@pytest.mark.parametrize(("rows", "state"), [(False, "complete"), (True, "running")])
def test_a_trial_lost_behind_its_last_epoch_is_complete_unless_its_row_scores_are_lost(rows: bool, state: str) -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", fidelity=holdfast.Fidelity("epoch", 1, 3))
    first, second = study.ask(), study.ask()
    study.tell(first, 0.25, rows=holdfast.RowScores(np.full(4, 0.25)) if rows else None)
    for epoch in (1, 2, 3):
        second.report(1 / epoch, epoch)
        second.save(b"weights")
    restarted = actions.restart(study.book, study.trials[1], "gone")
    assert (restarted is not None) == rows
    assert study.trials[1].state.value == state


def test_the_reports_of_earlier_rungs_stand_until_they_come_again() -> None:
    """A job may report once a leg, though it begins anew; another one reports every step of that again."""
    book = make_study("asha", None).book
    asha = Asha()
    (first,) = actions.ask(book, asha)
    for step in (1, 2, 3):
        actions.report(book, asha, Report(first.trial, step, {"value": 0.5}))
    actions.restart(book, book.state.trials[0], "gone")
    assert [step for step, _ in book.state.trials[0].reports] == [1, 2, 3]
    actions.report(book, asha, Report(first.trial, 2, {"value": 0.25}))
    actions.report(book, asha, Report(first.trial, 4, {"value": 0.125}))
    assert book.state.trials[0].reports == ((1, {"value": 0.5}), (2, {"value": 0.25}), (4, {"value": 0.125}))


def test_two_that_see_the_same_lost_trial_restart_it_once(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    make_study("random", storage).ask()
    one, two = make_study("random", storage), make_study("random", storage)
    seen_by_one, seen_by_two = one.trials[0], two.trials[0]
    assert actions.restart(one.book, seen_by_one, "gone") is not None
    assert actions.restart(two.book, seen_by_two, "gone") is None
    assert two.trials[0].restarts == 1


class GenerousOverseer:
    """Never has enough."""

    def given(self, trials: Sequence[int]) -> None:
        pass

    def ended(self, outcome: Outcome) -> Outcome:
        return outcome

    def enough(self) -> bool:
        return False

    def at_once(self, trials: int) -> int:
        return trials

    def overdue(self) -> str | None:
        return None


def test_a_driver_that_is_alone_keeps_others_out(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study, other = make_study("random", storage), make_study("random", storage)

    def objective(_: Any) -> float:
        for attempt in (other.ask, lambda: other.optimize(objective_of("random"), n_trials=1)):
            with pytest.raises(RequestError, match="study 'study' is being driven by another process") as refused:
                attempt()
            assert refused.value.retry
        return 1.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "PATIENCE", 0.05)
        study.run(ObjectiveJob(objective, ("value",)), Inline(), n_trials=1, overseer=GenerousOverseer())
    other.tell(other.ask(), 1.0)
    held = other.ask()
    with pytest.raises(RequestError, match="is being driven by another process"):
        study.run(ObjectiveJob(objective, ("value",)), Inline(), n_trials=1, overseer=GenerousOverseer())
    other.tell(held, 1.0)
    assert [t.state for t in other.trials] == [TrialState.COMPLETE] * 3


# two processes at once


def ask_and_tell(storage: str, n: int, offset: float) -> None:
    study = make_study("random", storage)
    for _ in range(n):
        trial = study.ask()
        trial.report(0.5, step=1)
        study.tell(trial, offset + trial.number)


def test_two_processes_ask_and_tell_at_once(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    children = [start(ask_and_tell, storage, 30, offset) for offset in (0.0, 1000.0)]
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    study = make_study("random", storage)
    assert [t.number for t in study.trials] == list(range(60))
    assert all(t.state is TrialState.COMPLETE and len(t.reports) == 1 for t in study.trials)
    ours = [t.metrics["value"] >= 1000 for t in study.trials]
    assert sum(ours) == 30
    assert all(t.metrics["value"] in {t.number, 1000.0 + t.number} for t in study.trials)
    assert len({str(t.config) for t in study.trials}) == 60


def optimize_more(storage: str, n_trials: int) -> None:
    make_study("random", storage).optimize(objective_of("random", 0.02), n_trials=n_trials)


def test_two_processes_optimize_at_once(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    make_study("random", storage)
    children = [start(optimize_more, storage, 12) for _ in range(2)]
    deadline = time.monotonic() + 60
    for child in children:
        child.join(deadline - time.monotonic())
        assert child.exitcode == 0
    study = make_study("random", storage)
    assert all(t.state is TrialState.COMPLETE and t.restarts == 0 for t in study.trials)
    assert len(study.trials) == 24


@pytest.mark.parametrize("saves", [True, False])
def test_an_objective_that_saves_nothing_is_told_once_that_its_trials_begin_anew(
    saves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def learn(trial: holdfast.LiveTrial) -> float:
        for step in range(trial.start_step + 1, (trial.until_step or 9) + 1):
            if trial.report(trial["x"], step) is not holdfast.Verdict.CONTINUE:
                if saves:
                    trial.save(b"all of it")
                break
        return float(trial["x"])

    fidelity = holdfast.Fidelity("step", 1, 9, 3)
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=fidelity)
    study.optimize(learn, n_trials=12)
    resumed = sum(event.kind == "trial.resumed" for event in study.book.log.read())
    assert resumed > 2
    for trial in study.trials:  # what a trial reports again stands in its reports once
        assert [step for step, _ in trial.reports] == list(range(1, trial.reports[-1][0] + 1))
    said = [record.getMessage() for record in caplog.records if "as it had saved nothing" in record.getMessage()]
    assert len(said) == (0 if saves else 1)
    if said:
        assert "goes on from step 0" in said[0]
        assert "call trial.save(bytes) when trial.should_prune() says so" in said[0]


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_a_trial_that_begins_anew_at_each_rung_keeps_what_it_reported_at_earlier_ones(
    tmp_path: Path, storage: str | None
) -> None:
    """As trials that learn from more rows do: each rung has one report, and nothing is saved."""

    def fit(trial: holdfast.LiveTrial) -> float:
        loss = float(trial["x"]) + 1 / (trial.until_step or 9)
        trial.report(loss, trial.until_step or 9)
        return loss

    address = storage and f"sqlite:///{tmp_path}/s.db"
    fidelity = holdfast.Fidelity("rows", 1, 9, 3)
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=fidelity, storage=address, name="study")
    study.optimize(fit, n_trials=12)
    best = study.best_trial
    assert [step for step, _ in best.reports] == [1, 3, 9]
    x = float(best.config["x"] or 0.0)
    assert [metrics["value"] for _, metrics in best.reports] == [x + 1 / step for step in (1, 3, 9)]
    study.close()
    if address is not None:
        again = load_study("study", address)
        assert again.best_trial == best
        again.close()
