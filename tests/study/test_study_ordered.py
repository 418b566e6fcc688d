"""Deterministic studies: no timing, executor or crash changes a suggestion, a verdict or a promotion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.log.memory import MemoryLog
from holdfast.log.open import open_log
from holdfast.records import Assignment, Outcome, Report, TrialState, Verdict
from holdfast.search.registry import make_strategy
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.replay import replay

SPACE: dict[str, Any] = {"x": holdfast.Float(0, 1), "kind": holdfast.Categorical(["a", "b"])}
WORKERS = 8


def loss(config: dict[str, Any], step: int) -> float:
    return float((config["x"] - 0.3) ** 2 + 0.2 * (config["kind"] == "b") + 1.0 / step)


def run(strategy: str, schedule: int, trials: int, fidelity: holdfast.Fidelity | None, *, kills: bool = True) -> Book:
    """Eight workers that end in any order, and are killed at random; the driver dies and comes back, too."""
    log, rng = MemoryLog(), np.random.default_rng(schedule)
    more: dict[str, Any] = {"strategy": strategy, "seed": 5, "storage": log, "fidelity": fidelity}
    study = holdfast.Study(SPACE, deterministic=True, workers=WORKERS, **more)
    chooser, book = make_strategy(strategy), study.book
    actions.set_budget(book, trials)
    running: list[Assignment] = []
    while True:
        slots = WORKERS if rng.random() < 0.7 else int(rng.integers(1, WORKERS + 1))
        running += actions.ask(book, chooser, max(slots - len(running), 0))
        if not running:
            return book
        place = int(rng.integers(len(running)))
        if kills and rng.random() < 0.2:
            book = Book(log)  # all that was not in the log is gone
            running = [_again(book, each.trial) for each in running]
            continue
        _finish(book, chooser, running.pop(place), None if fidelity is None else fidelity.max, rng)


def _again(book: Book, trial: int) -> Assignment:
    found = actions.restart(book, book.state.trials[trial], "killed")
    assert found is not None
    return found


def _finish(book: Book, chooser: Any, given: Assignment, full: int | None, rng: np.random.Generator) -> None:
    state, last = TrialState.COMPLETE, given.until_step or full
    for step in range(given.start_step + 1, (last or 0) + 1):
        verdict = actions.report(book, chooser, Report(given.trial, step, {"value": loss(given.config, step)}))
        if verdict is Verdict.PAUSE:
            actions.report(book, chooser, Report(given.trial, step, checkpoint=b"%d" % step))
            state = TrialState.PAUSED
            break
    metrics = {"value": loss(given.config, last or 1)}
    actions.tell(book, Outcome(given.trial, state, metrics, seconds=float(rng.random())))


def trajectory(book: Book) -> list[Any]:
    """What was decided, in its order; when and where the trials ran is no part of it."""
    kinds = {"trial.asked", "trial.resumed", "strategy.chosen"}
    hidden = {"checkpoint", "of"}
    found = [
        (e.kind, {k: v for k, v in e.data.items() if k not in hidden}) for e in book.log.read(0) if e.kind in kinds
    ]
    verdicts = sorted((e.data["trial"], e.data["verdict"]) for e in book.log.read(0) if e.kind == "trial.judged")
    return [*found, *dict.fromkeys(verdicts)]


@pytest.mark.parametrize(
    ("strategy", "fidelity"),
    [("asha", holdfast.Fidelity("step", 1, 9, 3)), ("tpe", None), ("random", None)],
)
def test_no_schedule_changes_the_trajectory(strategy: str, fidelity: holdfast.Fidelity | None) -> None:
    first = trajectory(run(strategy, 0, 20, fidelity, kills=False))
    assert len(first) >= 20
    for schedule in range(1, 7):
        assert trajectory(run(strategy, schedule, 20, fidelity)) == first


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["asha", "hyperband", "gp"])
def test_fifty_schedules_of_eight_workers_have_one_trajectory(strategy: str) -> None:
    fidelity = None if strategy == "gp" else holdfast.Fidelity("step", 1, 9, 3)
    first = trajectory(run(strategy, 0, 24, fidelity, kills=False))
    for schedule in range(1, 51):
        assert trajectory(run(strategy, schedule, 24, fidelity)) == first


def test_without_the_rule_the_schedule_matters() -> None:
    """So the test above can fail."""
    found = set()
    for schedule in range(3):
        rng, study = np.random.default_rng(schedule), holdfast.Study(SPACE, strategy="tpe", seed=5)
        trials = [study.ask() for _ in range(WORKERS)]
        for _ in range(12):
            done = trials.pop(int(rng.integers(len(trials))))
            study.tell(done, loss(done.config, 1))
            trials.append(study.ask())
        found.add(str([trial.config for trial in study.trials]))
    assert len(found) > 1


def test_every_decision_of_it_comes_out_the_same_again() -> None:
    book = run("asha", 3, 20, holdfast.Fidelity("step", 1, 9, 3))
    found = replay(book.log.read(0), make_strategy("asha"))
    assert found.difference is None
    assert found.suggestions > 20


def test_a_study_goes_on_from_its_log(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    how: dict[str, Any] = {"strategy": "tpe", "seed": 2, "deterministic": True, "workers": 2}
    objective: Callable[[holdfast.LiveTrial], float] = lambda trial: loss(trial.config, 1)  # noqa: E731
    for _ in range(2):
        study = holdfast.Study(SPACE, storage=url, name="one", **how)
        study.optimize(objective, n_trials=5)
        study.close()
    whole = holdfast.Study(SPACE, **how)
    whole.optimize(objective, n_trials=10)
    loaded = holdfast.load_study("one", url)
    assert [trial.config for trial in loaded.trials] == [trial.config for trial in whole.trials]
    loaded.close()
    assert open_log(url, "one", read_only=True).load_snapshot() is None


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"deterministic": 3}, "deterministic = 3; it must be True or False"),
        ({"deterministic": True, "workers": 0}, "workers = 0; it must be"),
        ({"workers": 4}, "workers = 4 says how many trials of a deterministic study run at once"),
    ],
)
def test_workers_are_a_number(how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        holdfast.Study(SPACE, **how)


def test_another_number_of_workers_is_another_study() -> None:
    log = MemoryLog()
    holdfast.Study(SPACE, storage=log, deterministic=True, workers=2)
    with pytest.raises(RequestError, match="deterministic for 2 workers, and is asked for without"):
        holdfast.Study(SPACE, storage=log)


def test_more_at_once_than_there_are_workers_is_refused() -> None:
    study = holdfast.Study(SPACE, deterministic=True, workers=2)
    with pytest.raises(RequestError, match="deterministic for 2 workers, and 3 trials are to run at once"):
        study.optimize_batch(lambda trials: [0.0 for _ in trials], n_trials=3, batch=3)
    with pytest.raises(RequestError, match="a deterministic study has no such end"):
        study.optimize(lambda trial: 0.0, n_trials=3, stop="auto")
