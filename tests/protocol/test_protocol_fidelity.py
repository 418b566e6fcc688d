"""Trials that are paused by rows, by folds, or by the size of what grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.execute import Inline
from holdfast.protocol.fidelity import nested_rows
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, tune
from holdfast.records import Trial, TrialState
from holdfast.study.book import Book

HOLDOUT = {"train": 0.6, "validation": 0.2, "test": 0.2}
FOLDS = {"folds": 5, "test": 0.2}


def plan(family: str, split: Mapping[str, Any], fidelity: Mapping[str, Any] | None, **search: Any) -> dict[str, Any]:
    found = {"strategy": "asha", "trials": 9, **search}
    if fidelity is not None:
        found["fidelity"] = dict(fidelity)
    return {
        "study": {"name": "steps", "seed": 1},
        "data": {"source": "sklearn:wine", "target": "target", "split": dict(split)},
        "model": {"family": family},
        "search": found,
    }


def run(folder: Path, wanted: Mapping[str, Any]) -> tuple[Result, Book]:
    result = tune(wanted, runs=folder / "runs", executor=Inline())
    return result, open_book(find_run(folder / "runs", "steps"))


def states(book: Book) -> list[TrialState]:
    return [trial.state for trial in book.state.trials]


def full(book: Book) -> Trial:
    return next(trial for trial in book.state.trials if trial.state is TrialState.COMPLETE)


def test_rows_are_added_in_proportion_and_every_step_holds_the_last() -> None:
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    order = nested_rows(classes, 100, seed=3)
    assert sorted(order.tolist()) == list(range(100))
    for size in (10, 37, 50):
        counts = np.bincount(classes[order[:size]], minlength=3)
        assert np.all(np.abs(counts - size * np.array([0.6, 0.3, 0.1])) <= 1.0)
    assert not np.array_equal(order, nested_rows(classes, 100, seed=4))


@pytest.mark.parametrize("split", [HOLDOUT, FOLDS])
def test_a_family_without_steps_is_paused_by_rows(tmp_path: Path, split: dict[str, Any]) -> None:
    result, book = run(tmp_path, plan("logistic", split, None))
    fidelity = book.state.settings.fidelity
    assert fidelity is not None
    assert fidelity.name == "rows"
    assert fidelity.min == 20
    assert states(book).count(TrialState.COMPLETE) >= 1
    assert states(book).count(TrialState.PAUSED) >= 3
    assert {step for trial in book.state.trials for step, _ in trial.reports} <= set(fidelity.rungs())
    assert result.estimate is not None
    assert result.best_config.keys() <= {"C", "penalty", "l1_ratio", "class_weight"}
    if split is HOLDOUT:
        assert book.state.notes["model.fitted"][0]["reproduced"] is True


@pytest.mark.parametrize(("family", "name"), [("gradient-boosting", "max_iter"), ("random-forest", "n_estimators")])
def test_ensembles_grow_to_the_bit_as_if_they_had_never_paused(tmp_path: Path, family: str, name: str) -> None:
    wanted = plan(family, HOLDOUT, {"min": 2, "max": 18, "eta": 3})
    wanted["space"] = {"max_features": 0.5, "class_weight": "none"}
    _, book = run(tmp_path, wanted)
    trial = full(book)
    assert [step for step, _ in trial.reports] == [2, 6, 18]
    assert trial.config[name] == 18
    assert book.state.notes["model.fitted"][0]["reproduced"] is True  # fitted in one go, from its seed


def test_folds_are_fitted_one_rung_after_the_other(tmp_path: Path) -> None:
    result, book = run(tmp_path, plan("knn", FOLDS, {"name": "folds"}))
    fidelity = book.state.settings.fidelity
    assert fidelity is not None
    assert fidelity.rungs() == (1, 2, 5)
    paused = [trial for trial in book.state.trials if trial.state is TrialState.PAUSED]
    assert {trial.extra["fits"] for trial in paused} <= {1, 2}
    assert full(book).extra["fits"] == 5
    rows = book.get_rows(full(book).rows)  # type: ignore[arg-type]
    assert not np.isnan(rows.values).any()
    assert rows.values.mean() == pytest.approx(full(book).metrics["accuracy"])
    assert result.estimate is not None


def test_a_hyperparameter_that_trials_are_paused_by_may_have_its_most_as_the_one_choice(tmp_path: Path) -> None:
    wanted = plan("random-forest", HOLDOUT, {"min": 3, "max": 27}, trials=1)
    wanted["space"] = {"n_estimators": {"type": "categorical", "choices": [27]}}
    _, book = run(tmp_path, wanted)
    assert full(book).config["n_estimators"] == 27


def test_epochs_may_be_more_than_a_config_usually_has(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    wanted = plan("mlp", HOLDOUT, {"name": "epochs", "min": 1, "max": 81, "eta": 9}, trials=5)
    wanted["space"] = {"width": 8, "depth": 1, "batch_size": 64, "patience": 81}
    _, book = run(tmp_path, wanted)
    assert full(book).config["epochs"] == 81
    assert full(book).reports[-1][0] == 81


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (plan("knn", HOLDOUT, {"name": "folds"}), "ask for folds"),
        (plan("knn", HOLDOUT, {"name": "rows", "max": 5000}), "a trial has 107 rows"),
        (plan("knn", FOLDS, {"name": "folds", "max": 6}), "a trial has 5 folds"),
        (
            plan("knn", FOLDS, {"name": "folds"}) | {"metric": {"constraints": {"recall_macro": ">= 0.5"}}},
            "known after all folds only",
        ),
        (
            plan("knn", HOLDOUT, {"min": 50, "max": 50}),
            "paused by rows, from 50 to 50, which leaves no rung to pause at",
        ),
        (plan("gradient-boosting", HOLDOUT, {"name": "leaves"}), "has name = 'leaves' and no max"),
        (
            plan("gradient-boosting", HOLDOUT, {"name": "leaves", "max": 9}),
            "has name = 'leaves', and trials of 'gradient-boosting' are paused by max_iter, rows or folds",
        ),
        (plan("svm", HOLDOUT, {"name": "epochs", "max": 9}), "trials of 'svm' are paused by rows or folds"),
        (
            plan("mlp", HOLDOUT, {"name": "epochs", "min": 80}),
            "has min = 80 and no max, and a full training has 60 epochs, by default of 'mlp'; give a max",
        ),
        (
            plan("mlp", HOLDOUT, {"name": "epochs", "min": 9}) | {"space": {"epochs": 8}},
            "a full training has 8 epochs, as [space] says",
        ),
        (
            plan("knn", HOLDOUT, {"name": "rows", "min": 500}),
            "a full training has 107 rows, which is all that there are",
        ),
        (plan("mlp", HOLDOUT, {"name": "width", "max": 64}), "by epochs, rows or folds"),
        (
            plan("random-forest", HOLDOUT, {"max": 64}) | {"space": {"n_estimators": 80}},
            "[search.fidelity] takes n_estimators to 64, and [space] has n_estimators = 80",
        ),
        (
            plan("mlp", HOLDOUT, {"name": "epochs", "max": 27})
            | {"space": {"epochs": {"type": "int", "low": 3, "high": 12}}},
            "[space] has epochs = a table, and trials are paused by epochs, so that a full training of any",
        ),
        (plan("mlp", HOLDOUT, None) | {"space": {"epochs": [9, 27]}}, "configuration has 60; leave it out of [space]"),
        (
            plan("random-forest", HOLDOUT, {"max": 27}) | {"space": {"n_estimators": {"high": 12}}},
            "[space] has n_estimators = a table, and trials are paused by n_estimators",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(tmp_path: Path, wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence.replace("[", r"\[").replace("]", r"\]")):
        run(tmp_path, wanted)
    assert not (tmp_path / "runs" / "steps").exists()
