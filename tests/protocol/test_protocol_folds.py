"""A plan that drops trials fold by fold: fewer fits, the same scores of what is left, an estimate that counts all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import holdfast
from holdfast.cli.standing import rows as standing_rows
from holdfast.errors import RequestError
from holdfast.execute.inline import Inline
from holdfast.facts.folds import folds_meaning, folds_sentence
from holdfast.protocol.drive import timed_trials
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.live import LiveEstimate
from holdfast.protocol.tune import Result, resume, tune
from holdfast.records import Trial, TrialState
from holdfast.report.status import status_dict
from holdfast.study.book import Book
from holdfast.study.folds import folds_made

SPLIT = {"folds": 5, "test": 0.2}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target of two classes that depends on one of four numbers; no pages are written."""
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({name: rng.normal(size=150) for name in "abcd"})
    frame = frame.with_columns(
        y=pl.Series(np.where(frame["a"] + 0.5 * rng.normal(size=150) > 0, "yes", "no")), day=np.arange(150)
    )
    path = tmp_path / "table.csv"
    frame.write_csv(path)
    return path


def run(table: Path, rule: str = "aggressive", split: dict[str, Any] = SPLIT, name: str = "s", **tables: Any) -> Result:
    plan: dict[str, Any] = {
        "study": {"name": name},
        "data": {"source": str(table), "target": "y", "split": split, "columns": {"day": "numeric"}},
        "model": {"family": "knn"},
        "search": {"trials": 10, "strategy": "random", "drop_folds": rule},
    }
    for key, value in tables.items():
        plan[key] = {**plan.get(key, {}), **value}
    return tune(plan, runs=table.parent / "runs", executor=Inline())


def book_of(result: Result) -> Book:
    return open_book(find_run(result.folder.parent, result.name))


def dropped_of(book: Book) -> list[Trial]:
    return [trial for trial in book.state.trials if trial.state is TrialState.STOPPED]


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_a_dropped_trial_is_the_first_folds_of_a_whole_one(table: Path, metric: str) -> None:
    whole, part = (book_of(run(table, rule, name=rule, metric={"name": metric})) for rule in ("never", "aggressive"))
    assert dropped_of(part)
    for trial in part.state.trials:
        other = whole.state.trials[trial.number]
        mine, theirs = part.get_rows(trial.rows or {}), whole.get_rows(other.rows or {})
        assert trial.config == other.config
        np.testing.assert_array_equal(mine.rows, theirs.rows)
        seen = np.isfinite(mine.values).reshape(len(mine.values), -1).all(axis=1)
        np.testing.assert_array_equal(mine.values[seen], theirs.values[seen])
        fits = trial.extra["fits"]
        assert seen.sum() == pytest.approx(len(seen) * fits / 5, abs=3)
        assert [step for step, _ in trial.reports] == list(range(1, fits + 1))
        if trial.state is TrialState.STOPPED:
            assert trial.metrics[metric] == pytest.approx(np.mean([said[metric] for _, said in trial.reports]))
        else:
            assert trial.metrics == other.metrics
    estimates = [book.state.notes["estimate.made"][-1] for book in (whole, part)]
    assert estimates[1]["n_configurations"] == 10
    assert any("lack finite scores of some rows" in text for text in estimates[1]["sentences"])
    widths = [event["score"]["high"] - event["score"]["low"] for event in estimates]
    assert widths[1] > 0.9 * widths[0]


def test_what_was_saved_is_said(table: Path) -> None:
    result = run(table)
    book = book_of(result)
    made = folds_made(book.state)
    assert made is not None
    assert made.made == sum(trial.extra["fits"] for trial in book.state.trials)
    said = f"{made.made} of 50 fits made, {50 - made.made} saved."
    assert folds_sentence(book.state) == (
        f"Dropped {len(dropped_of(book))} of 10 configurations early, by the rule aggressive: {said}"
    )
    assert "among those that could have won" in folds_meaning(book.state)
    standing = status_dict(book.state)
    assert standing["dropped"].endswith(said)
    assert ["folds", standing["dropped"]] in standing_rows(standing)
    best = book.state.trials[book.state.notes["choice.made"][-1]["trial"]]
    assert best.state is TrialState.COMPLETE
    looked = LiveEstimate(find_run(result.folder.parent, result.name)).of(book, best)
    assert looked is not None
    assert result.estimate is not None
    assert looked == pytest.approx(result.estimate.value, abs=0.03)  # it counts them, too
    whole, part = book.state.trials[0], dropped_of(book)[0]
    timed = timed_trials([whole, part])
    assert timed[0].seconds == whole.seconds
    assert timed[1].seconds == pytest.approx(part.seconds * 5 / part.extra["fits"])


@pytest.mark.parametrize(
    ("more", "metric"), [({"repeats": 2}, "accuracy"), ({"repeats": 2}, "roc_auc"), ({"time": "day"}, "accuracy")]
)
def test_every_scheme_with_several_fits_drops(table: Path, more: dict[str, Any], metric: str) -> None:
    result = run(table, split={**SPLIT, **more}, metric={"name": metric})
    book = book_of(result)
    assert dropped_of(book)
    assert result.estimate is not None
    assert result.estimate.low is not None
    lengths = {len(book.get_rows(trial.rows).values) for trial in book.state.trials if trial.rows is not None}
    assert len(lengths) == 1
    assert "repeats" not in more or max(trial.extra["fits"] for trial in book.state.trials) == 10


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_a_trial_dropped_in_a_later_repeat_is_not_taken_for_a_whole_one(table: Path, metric: str) -> None:
    book = book_of(run(table, "curtailed", {**SPLIT, "repeats": 2}, metric={"name": metric}, search={"trials": 30}))
    late = [trial for trial in dropped_of(book) if trial.extra["fits"] >= 5]
    assert late
    assert len({trial.extra["fits"] for trial in late}) > 1
    for trial in dropped_of(book):
        assert not np.isfinite(book.get_rows(trial.rows or {}).values).all()
    made = book.state.notes["estimate.made"][0]
    assert f"{len(dropped_of(book))} of 30 configurations lack finite scores" in " ".join(made["sentences"])
    assert not any("not the best" in sentence for sentence in made["sentences"])


def test_what_was_dropped_counts_whether_or_not_it_met_a_constraint(table: Path) -> None:
    result = run(table, metric={"constraints": {"recall": ">= 0.74"}})
    book = book_of(result)
    made = book.state.notes["estimate.made"][-1]
    complete = [t for t in book.state.trials if t.state is TrialState.COMPLETE and t.metrics["recall"] >= 0.74]
    assert made["n_configurations"] == len(complete) + len(dropped_of(book))
    assert all("recall" in trial.metrics for trial in dropped_of(book))


def test_a_run_that_was_cut_short_goes_on_to_the_same_end(table: Path) -> None:
    whole = book_of(run(table, name="whole"))

    class CutError(Exception):
        """What ends the first run."""

    def cut(book: Book, trial: Trial) -> None:
        if trial.number == 4:
            raise CutError

    plan: dict[str, Any] = {
        "study": {"name": "cut"},
        "data": {"source": str(table), "target": "y", "split": SPLIT, "columns": {"day": "numeric"}},
        "model": {"family": "knn"},
        "search": {"trials": 10, "strategy": "random", "drop_folds": "aggressive"},
    }
    with pytest.raises(CutError):
        tune(plan, runs=table.parent / "runs", executor=Inline(), progress=cut)
    again = book_of(resume("cut", runs=table.parent / "runs", executor=Inline()))
    assert [(t.state, t.metrics) for t in again.state.trials] == [(t.state, t.metrics) for t in whole.state.trials]


@pytest.mark.parametrize(
    ("split", "search", "said"),
    [
        ({"validation": 0.2, "test": 0.2}, {}, "every trial has one validation part, so that it is one fit"),
        ({"validation": 0.2, "test": 0.2, "reshuffle": True}, {}, "every trial has validation rows of its own"),
        (SPLIT, {"strategy": "asha"}, "trials that pause and resume"),
        (SPLIT, {"drop_folds": "curtaled"}, "it can be 'never', .*did you mean 'curtailed'"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: Path, split: dict[str, Any], search: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        run(table, split=split, search=search, model={"family": "mlp"})
    assert not (table.parent / "runs" / "s").exists()


def test_workers_drop_by_what_any_of_them_has_finished() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, direction="maximize", strategy="random", drop_folds="forgiving")

    def objective(trial: holdfast.LiveTrial) -> float | None:
        for fold in range(3):
            trial.report(trial["x"] + 0.01 * fold, step=fold)
            if trial.should_prune():
                return None
        return float(trial["x"] + 0.01)

    study.optimize(objective, n_trials=20, n_jobs=2)
    assert sum(trial.state is TrialState.STOPPED for trial in study.trials) > 5
    assert study.best_config["x"] == max(trial.config["x"] for trial in study.trials)  # type: ignore[type-var]
