"""The corrected score while trials run is about what the estimate comes to in the end, and never stands in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.execute.inline import Inline
from holdfast.facts.log import winner_of
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.live import LiveEstimate
from holdfast.protocol.tune import tune
from holdfast.records import Trial
from holdfast.study.book import Book


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
    live = LiveEstimate(run)
    found = live.of(book, winner)
    assert found == pytest.approx(score["value"], abs=0.1 * (score["high"] - score["low"]))
    assert live.of(book, winner) == found
    assert LiveEstimate(None).of(book, winner) is None, "rows on their own would say another number"
    monkeypatch.setattr("holdfast.protocol.live._has_groups", lambda book: False)
    assert LiveEstimate(run).of(book, winner) != found


def test_a_slow_metric_is_left_to_the_end(tmp_path: Path) -> None:
    run, book, winner = tuned(tmp_path, "max_error", {"folds": 3, "test": 0.2}, "diabetes")
    live = LiveEstimate(run)
    assert live.of(book, winner) is None
    assert live.of(book, winner) is None
