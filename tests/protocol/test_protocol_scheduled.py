"""A plan whose search is a population: the winner's schedule, trained again, is the winner, and ships."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.execute.inline import Inline
from holdfast.log.verify import verify
from holdfast.protocol.bench import make_bench
from holdfast.protocol.choose import fit_again, fit_in_full
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.prepare import Ready, reopen_study
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.replay_schedule import replay_schedule
from holdfast.protocol.scheduled import fit_by_schedule, schedule_in
from holdfast.protocol.tables import parts_of
from holdfast.protocol.tune import Result, tune
from holdfast.records import TrialState
from holdfast.study.schedule import Schedule, schedule_of

RESHUFFLED = {"validation": 0.3, "test": 0.2, "reshuffle": True}


def plan(**search: Any) -> dict[str, Any]:
    return {
        "study": {"name": "population", "seed": 10},
        "data": {"source": "sklearn:wine", "split": {"validation": 0.3, "test": 0.2}},
        "model": {"family": "mlp"},
        "search": {
            "strategy": "pbt",
            "trials": 18,
            "fidelity": {"max": 6},
            "settings": {"population": 6, "interval": 2, "resample": 0.1},
            **search,
        },
        "metric": {"name": "log_loss"},
        "space": {"width": 16, "depth": 1, "dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    }


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return tune(plan(stack=6), runs=tmp_path_factory.mktemp("runs"), executor=Inline())


def reopened(result: Result) -> Ready:
    run = find_run(result.folder.parent, result.name)
    book = open_book(run)
    return reopen_study(recorded_plan(book), run, book)


def test_a_plan_trains_a_population_whose_winner_ships(result: Result) -> None:
    ready = reopened(result)
    state = ready.book.state
    clones = [trial for trial in state.trials if trial.parent is not None]
    assert len(clones) >= 2
    assert sum(trial.state is TrialState.COMPLETE for trial in state.trials) == 6
    shapes = {"depth", "width", "activation", "layer_norm", "optimizer", "epochs"}
    for trial in clones:
        assert trial.parent is not None
        before = state.trials[trial.parent].config
        assert {name: trial.config.get(name) for name in shapes} == {name: before.get(name) for name in shapes}
        assert trial.config != before
    fitted = state.notes["model.fitted"][-1]
    assert (fitted["reproduced"], fitted["epochs"]) == (True, 6)
    assert shapes <= set(state.settings.strategy_settings["keep"])
    assert verify(ready.book.log).ok
    assert "checkpoints.dropped" in [event.kind for event in ready.book.log.read()]
    assert all(trial.checkpoint is None for trial in state.trials)
    ready.close()


def test_every_clone_trained_again_by_its_schedule_scores_every_row_as_it_did(result: Result) -> None:
    """From the first epoch on, as one plain run, to the bit: and so does the model that is saved."""
    ready = reopened(result)
    bench = make_bench(ready.recipe, parts_of(ready.run.path, ready.recipe.schema, folds=False))
    checked = 0
    for trial in ready.book.state.trials:
        if trial.parent is None or trial.rows is None:
            continue
        checked += 1
        found = fit_again(ready, trial, bench.prepared[0])
        value, rows = bench.score([bench.predict(found.model, 0)])
        assert rows is not None
        assert np.array_equal(rows.values, ready.book.get_rows(trial.rows).values)
        assert value == trial.metrics["log_loss"]
        schedule = schedule_in(ready.book, trial)
        assert len(schedule.pieces) >= 2
        assert schedule.unit == "epochs"
    assert checked >= 2
    ready.close()


def test_a_refit_walks_the_schedule_for_the_epochs_that_were_found(result: Result) -> None:
    ready = reopened(result)
    bench = make_bench(ready.recipe, parts_of(ready.run.path, ready.recipe.schema, folds=False))
    heir = next(trial for trial in ready.book.state.trials if trial.parent is not None)
    prepared = bench.prepared[0]
    schedule = schedule_in(ready.book, heir)
    assert fit_in_full(ready, heir, prepared).epochs == heir.extra["epochs"]
    assert heir.extra["epochs"] == heir.until_step
    longer = fit_by_schedule(ready.recipe, schedule, prepared, epochs=9)
    assert longer.epochs == 9
    first = fit_by_schedule(ready.recipe, schedule, prepared, epochs=1)
    assert first.epochs == 1
    ready.close()


def test_a_member_is_judged_and_saved_as_it_is_at_the_step_that_it_has_reached(result: Result) -> None:
    ready = reopened(result)
    for trial in ready.book.state.trials:
        assert trial.extra["epochs"] == trial.until_step
        assert trial.reports[-1][0] == trial.until_step
    ready.close()


def test_every_piece_of_the_winners_schedule_trained_the_model_that_ships(result: Result) -> None:
    """With the hyperparameters of any one piece changed, the training again ends elsewhere."""
    schedule, runs = result.schedule, result.folder.parent
    assert schedule is not None
    assert [(piece.start, piece.until) for piece in schedule.pieces] == [(0, 2), (2, 4), (4, 6)]
    for place, piece in enumerate(schedule.pieces):
        config = {**piece.config, "learning_rate": 3 * float(piece.config["learning_rate"] or 0)}
        pieces = list(schedule.pieces)
        pieces[place] = dataclasses.replace(piece, config=config)
        again = replay_schedule(result.name, dataclasses.replace(schedule, pieces=tuple(pieces)), runs=runs)
        assert (again.reproduced, again.own) == (False, False)
        assert str(again) == (
            f"A network trained by another schedule than that of trial {schedule.trial} scored {again.value:.6g}, and "
            f"the trial {again.recorded:.6g}."
        )


def test_the_schedule_of_the_winner_is_a_file_that_can_be_trained_again(result: Result) -> None:
    ready = reopened(result)
    heir = next(trial for trial in ready.book.state.trials if trial.parent is not None)
    winner = ready.book.state.notes["choice.made"][-1]["trial"]
    ready.close()
    runs = result.folder.parent
    assert result.schedule is not None
    assert result.schedule.trial == winner
    assert Schedule.load(result.folder / "schedule.json") == result.schedule
    again = replay_schedule(result.name, result.folder / "schedule.json", runs=runs)
    assert (again.value, again.reproduced) == (again.recorded, True)
    assert again.value == pytest.approx(result.naive.value, rel=1e-14)
    assert str(again) == f"Trained again by its schedule, trial {winner} scored every row as it did: {again.value:.6g}."
    other = schedule_of(reopened(result).book.state.trials, heir.number, "epochs")
    assert replay_schedule(result.name, other, runs=runs).reproduced is True
    pieces = (*other.pieces[:-1], dataclasses.replace(other.pieces[-1], config=other.pieces[0].config))
    changed = replay_schedule(result.name, dataclasses.replace(other, pieces=pieces), runs=runs)
    assert changed.reproduced is False
    assert f"by another schedule than that of trial {heir.number} scored" in str(changed)
    beyond = (*other.pieces[:-1], dataclasses.replace(other.pieces[-1], until=9))
    with pytest.raises(RequestError, match="ends with epochs 9, and the trials of study 'population' end with 6"):
        replay_schedule(result.name, dataclasses.replace(other, pieces=beyond), runs=runs)
    with pytest.raises(
        RequestError, match="the schedule goes by bananas, and the trials of study 'population' go by ep"
    ):
        replay_schedule(result.name, dataclasses.replace(other, unit="bananas"), runs=runs)


def test_members_train_in_one_stack_as_they_do_one_by_one(tmp_path: Path, result: Result) -> None:
    alone = tune(plan(stack="off"), runs=tmp_path, executor=Inline())
    one, other = (reopened(found).book.state.trials for found in (result, alone))
    assert [trial.config for trial in one[:6]] == [trial.config for trial in other[:6]]
    assert [trial.reports[0] for trial in one[:6]] == [trial.reports[0] for trial in other[:6]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"model": {"family": "gradient-boosting"}, "space": {}, "search": {"strategy": "pbt", "trials": 18}},
            "trials of 'gradient-boosting' cannot, which are",
        ),
        (
            {"data": {"source": "sklearn:wine", "split": RESHUFFLED}},
            "pbt'.* with reshuffle = true every trial has rows",
        ),
        ({"search": {"strategy": "pbt", "trials": 5, "settings": {"population": 6}}}, "the budget is 5 trials"),
        (
            {"search": {"strategy": "pbt", "trials": 1}},
            "population of 2, and the budget is 1 trial; it needs 2 or more",
        ),
        (
            {"search": {"strategy": "pbt", "trials": 9, "settings": {"keep": ["lerning_rate"]}}},
            "keep = 'lerning_rate', which is no hyperparameter of the space .did you mean 'learning_rate'",
        ),
        (
            {"search": {"strategy": "pbt", "trials": 9, "portfolio": True}},
            "portfolio = true, which does not go with trials that are paused by epochs; leave it out",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        tune({**plan(), **changes}, runs=tmp_path)
    assert not (tmp_path / "population").exists()
