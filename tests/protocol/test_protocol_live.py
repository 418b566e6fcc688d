"""The corrected score while trials run is about what the estimate comes to in the end, and never stands in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.sheet import sheet_of
from holdfast.execute.inline import Inline
from holdfast.facts.log import winner_of
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.live import LiveEstimate
from holdfast.protocol.tune import tune
from holdfast.records import Trial
from holdfast.study.book import Book
from holdfast.study.compared import corrected


def tuned(
    runs: Path, metric: str, split: dict[str, float], source: str = "breast_cancer"
) -> tuple[RunFolder, Book, Trial]:
    plan = {
        "study": {"name": metric, "unseal": "by-hand"},
        "data": {"source": f"sklearn:{source}", "split": split},
        "model": {"family": "knn"},
        "search": {"strategy": "random", "trials": 6},
        "metric": {"name": metric},
    }
    tune(plan, runs=runs, executor=Inline())
    run = find_run(runs, metric)
    book = open_book(run)
    winner = winner_of(book.state)
    assert winner is not None
    return run, book, winner


@pytest.mark.parametrize(
    ("metric", "split"),
    [
        ("accuracy", {"train": 0.6, "validation": 0.2, "test": 0.2}),
        ("roc_auc", {"folds": 3, "test": 0.2}),
        ("log_loss", {"folds": 3, "test": 0.2}),
        ("r2", {"folds": 3, "test": 0.2}),
    ],
)
def test_it_is_about_the_estimate(metric: str, split: dict[str, float], tmp_path: Path) -> None:
    source = "diabetes" if metric == "r2" else "breast_cancer"
    run, book, winner = tuned(tmp_path, metric, split, source)
    made = book.state.notes["estimate.made"][-1]
    found = LiveEstimate(run).of(book, winner)
    assert found is not None
    width = made["score"]["high"] - made["score"]["low"]
    assert found == pytest.approx(made["score"]["value"], abs=0.1 * width)
    without_run = LiveEstimate(None).of(book, winner)
    assert (without_run is None) == (metric in {"roc_auc", "r2"}), "only a metric of its own needs the rows"
    for file in run.path.rglob("*.arrow"):
        file.unlink()
    assert (LiveEstimate(run).of(book, winner) is None) == (metric in {"roc_auc", "r2"})


@pytest.mark.parametrize("split", [{"folds": 4}, {"folds": 4, "repeats": 2}, {"validation": 0.4}])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_rows_of_one_group_are_resampled_together(
    metric: str, split: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(1)
    sick = np.repeat(draw.integers(0, 2, 24), 12)
    columns = {f"x{k}": np.repeat(draw.normal(size=24), 12) + 0.2 * draw.normal(size=288) for k in range(4)}
    columns["x0"] += sick
    table = {"who": np.repeat(np.arange(24), 12), **columns, "sick": np.where(sick == 1, "yes", "no")}
    pl.DataFrame(table).write_csv(tmp_path / "visits.csv")
    plan = {
        "study": {"name": "visits", "unseal": "by-hand"},
        "data": {
            "source": str(tmp_path / "visits.csv"),
            "target": "sick",
            "split": {"group": "who", "test": 0.2, **split},
        },
        "model": {"family": "knn"},
        "search": {"strategy": "random", "trials": 8},
        "metric": {"name": metric},
    }
    tune(plan, runs=tmp_path, executor=Inline())
    run = find_run(tmp_path, "visits")
    book = open_book(run)
    winner = winner_of(book.state)
    assert winner is not None
    score = book.state.notes["estimate.made"][-1]["score"]
    looked = LiveEstimate(run)
    found = looked.of(book, winner)
    assert found == pytest.approx(score["value"], abs=0.1 * (score["high"] - score["low"]))
    assert looked.of(book, winner) == found
    assert LiveEstimate(None).of(book, winner) is None, "rows on their own would say another number"
    monkeypatch.setattr("holdfast.protocol.live._is_divided", lambda book: False)
    assert LiveEstimate(run).of(book, winner) != found


@pytest.mark.parametrize("by", ["who", "day"])
@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_its_units_are_those_of_the_estimate(
    metric: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(2)
    wave, order = np.sin(np.arange(240) / 6), draw.permutation(240)
    table = {
        "day": [f"2026-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(240)],
        "who": np.arange(240) // 5,
        "x": wave + draw.normal(size=240),
        "sick": np.where(wave + np.repeat(draw.normal(size=48), 5) > 0, "yes", "no"),
    }
    pl.DataFrame(table)[order].write_csv(tmp_path / "days.csv")
    split = {"folds": 4, "test": 0.2, "group" if by == "who" else "time": by}
    columns = {"day": "date", **({"who": "drop"} if by == "day" else {})}
    plan = {
        "study": {"name": "days", "unseal": "by-hand"},
        "data": {"source": str(tmp_path / "days.csv"), "target": "sick", "split": split, "columns": columns},
        "model": {"family": "knn"},
        "search": {"strategy": "random", "trials": 6},
        "metric": {"name": metric},
    }
    used: dict[str, list[np.ndarray]] = {"choose": [], "live": []}

    def kept(room: str, function: Any, place: int | str) -> Any:
        def listening(*given: Any, **named: Any) -> Any:
            used[room].append(named[place] if isinstance(place, str) else given[place])
            return function(*given, **named)

        return listening

    monkeypatch.setattr("holdfast.protocol.choose.estimate", kept("choose", estimate, "groups"))
    tune(plan, runs=tmp_path, executor=Inline())
    run = find_run(tmp_path, "days")
    book = open_book(run)
    winner = winner_of(book.state)
    assert winner is not None
    assert winner.rows is not None
    monkeypatch.setattr("holdfast.protocol.live.corrected", kept("live", corrected, "groups"))
    monkeypatch.setattr("holdfast.protocol.live.sheet_of", kept("live", sheet_of, 4))
    assert LiveEstimate(run).of(book, winner) is not None
    names = book.get_rows(winner.rows).rows
    assert names is not None
    expected, found = used["choose"][-1], used["live"][-1]
    assert 1 < len(np.unique(expected)) < len(expected)
    assert (np.diff(names) < 0).any(), "the rows of folds are not in their order"
    if metric == "accuracy":  # means are compared in the order of the names
        expected = expected[np.argsort(names)]
    assert np.array_equal(found, expected)


def test_a_slow_metric_is_left_to_the_end(tmp_path: Path) -> None:
    run, book, winner = tuned(tmp_path, "max_error", {"folds": 3, "test": 0.2}, "diabetes")
    looked = LiveEstimate(run)
    assert looked.of(book, winner) is None
    assert looked.of(book, winner) is None
