"""Of several processes with one study, each answers from what all of them have told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast import Float, RowScores, Study
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.search.registry import make_strategy
from holdfast.study.load import load_study

ANSWERS: dict[str, Callable[[Study], Any]] = {
    "history": lambda study: len(study.history),
    "trials": lambda study: [trial.metrics for trial in study.trials],
    "best_trial": lambda study: study.best_trial,
    "best_trials": lambda study: study.best_trials,
    "best_config": lambda study: study.best_config,
    "best_value": lambda study: study.best_value,
    "estimate": lambda study: study.estimate(),
    "analysis": lambda study: len(study.analysis().trials.trials),
    "recommended": lambda study: study.recommended(),
    "expected_gain": lambda study: study.expected_gain(),
    "suggest_next": lambda study: study.suggest_next(),
}
"""What may be asked of a study, whatever its trials."""


def tell(study: Study, n: int) -> None:
    """So many trials, each better than those before, with row scores."""
    for _ in range(n):
        trial = study.ask()
        column = trial["x"] - trial.number + np.random.default_rng(trial.number).normal(size=40)
        study.tell(trial, column.mean(), rows=RowScores(column))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('study')}/study.db"


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_knows_what_another_process_has_told(name: str, storage: str) -> None:
    mine = Study({"x": Float(0, 1)}, strategy="random", storage=storage, name=name)
    tell(mine, 20)
    before = ANSWERS[name](mine)
    other = load_study(name, storage)
    tell(other, 4)
    assert ANSWERS[name](mine) == ANSWERS[name](other) != before


@pytest.mark.parametrize("name", ["history", "trials", "best_trial", "best_config", "best_value", "analysis"])
def test_a_closed_study_answers_from_what_it_knew(name: str, tmp_path: Path) -> None:
    study = Study({"x": Float(0, 1)}, strategy="random", storage=f"sqlite:///{tmp_path}/study.db")
    tell(study, 20)
    before = ANSWERS[name](study)
    study.close()
    assert ANSWERS[name](study) == before


def test_a_strategy_that_looks_at_its_study_decides_on_the_state_as_it_is(tmp_path: Path) -> None:
    """What another process tells while a strategy is asked is read before the next decision, not within this one."""
    storage = f"sqlite:///{tmp_path}/study.db"
    study = Study({"x": Float(0, 1)}, strategy="random", storage=storage)
    other = load_study("study", storage)
    seen: list[tuple[int, int]] = []

    class Looking:
        name = "random"

        def ask(self, history: History, n: int, rng: Streams) -> list[Any]:
            if not seen:
                tell(other, 2)
            seen.append((len(history), len(study.trials)))
            return make_strategy("random").ask(history, n, rng)

    study._strategy = Looking()
    assert study.ask().number == 2, "decided anew, behind the trials of the other one"
    assert seen == [(0, 0), (2, 2)]
    assert [trial.number for trial in load_study("study", storage).trials] == [0, 1, 2]


def test_a_strategy_that_enqueues_while_it_is_asked_gets_its_turn_behind_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    asked: list[int] = []

    class Enqueues:
        """It enqueues something in the middle of a decision, once."""

        name = "enqueues"

        def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
            asked.append(len(history))
            if len(asked) == 1:
                mine.enqueue({"x": 0.5})
            return [Suggestion({"x": 0.25}, "as ever", history.index)]

    strategy, tries = Enqueues(), 0
    mine = Study({"x": Float(0, 1)}, strategy=strategy, storage=storage)
    other = load_study("study", storage, strategy=strategy)
    append = mine.book.log.append

    def behind(*arguments: Any, **ways: Any) -> Any:
        nonlocal tries
        tries += 1
        assert tries < 20, "it never gets its turn"
        if tries <= 2:
            other.enqueue({"x": 0.75})  # somebody else is first
        return append(*arguments, **ways)

    monkeypatch.setattr(mine.book.log, "append", behind)
    taken = [float(str(mine.ask().config["x"])) for _ in range(4)]
    assert sorted(taken) == [0.25, 0.5, 0.75, 0.75]
