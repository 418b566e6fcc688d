"""Strategies of a person's own: what is on record of them, and that their names are taken for no other ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.errors import ExhaustedError, RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.search.registry import NAMES, Traits, traits_named
from holdfast.study.advice import recorded_strategy
from holdfast.study.load import load_study
from holdfast.study.settings import Settings
from holdfast.study.study import Study


@dataclass(frozen=True)
class Borrowed:
    """A strategy of one's own by the name of a built-in one."""

    name: str

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        return [Suggestion({"a": 9 - len(history)}, "down", history.index)] if len(history) < 9 else []


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_of_one_s_own_is_taken_for_no_other_one_by_its_name(name: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study({"a": holdfast.Int(1, 20)}, strategy=Borrowed(name), storage=storage, direction="maximize")
    assert study.book.state.settings.traits == Traits()
    with pytest.raises(RequestError, match="needs n_trials or a timeout"):
        study.optimize(lambda trial: float(trial["a"]))
    for _ in range(9):
        trial = study.ask()
        rows = holdfast.RowScores(np.random.default_rng(trial.number).integers(0, 2, 60))
        study.tell(trial, float(rows.values.mean()), rows=rows)
    with pytest.raises(ExhaustedError, match=f"^strategy '{name}' has nothing left to try in this space$"):
        study.ask()
    rows_told = [study.book.get_rows(trial.rows) for trial in study.trials if trial.rows is not None]
    expected = estimate(rows_told, direction="maximize", estimand="scored", adaptive=True)
    assert study.estimate() == expected.score
    with pytest.raises(RequestError, match="code of its own, which no log holds"):
        recorded_strategy(study.book.state)
    study.close()
    with pytest.raises(RequestError, match=f"a strategy of its own, '{name}'; give it again"):
        load_study("study", storage)
    fidelity = holdfast.Fidelity("epoch", 1, 9) if traits_named(name).pauses else None
    with pytest.raises(RequestError, match=f"'{name}', one of your own, and is asked for holdfast's of that name"):
        Study({"a": holdfast.Int(1, 20)}, strategy=name, storage=storage, direction="maximize", fidelity=fidelity)
    assert load_study("study", storage, strategy=Borrowed(name)).book.state.settings.traits == Traits()


def test_a_built_in_strategy_is_not_gone_on_with_by_one_of_one_s_own(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study({"a": holdfast.Int(1, 9)}, strategy="random", storage=storage)
    assert not study.book.state.settings.traits.adaptive
    assert "own_strategy" not in next(iter(study.book.log.read())).data
    with pytest.raises(RequestError, match="'random', holdfast's, and is asked for one of your own of that name; a"):
        load_study("study", storage, strategy=Borrowed("random"))


def test_logs_that_do_not_say_whose_strategy_it_is_have_a_built_in_one_where_one_has_that_name() -> None:
    for name, own in (("random", False), ("countdown", True)):
        data = Study({"a": holdfast.Int(1, 9)}, strategy="random").book.state.settings.to_json()
        assert Settings.from_json({**data, "strategy": name}).own_strategy is own
        assert Settings.from_json({**data, "strategy": name, "own_strategy": True}).own_strategy
