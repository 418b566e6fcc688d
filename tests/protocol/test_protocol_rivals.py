"""The winner against the next best trials, for a metric of means and for one of all predictions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.execute.inline import Inline
from holdfast.facts.log import winner_of
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.rivals import rivals_of
from holdfast.protocol.tune import tune
from holdfast.records import Trial
from holdfast.study.book import Book


def tuned(runs: Path, metric: str, source: str, family: str) -> tuple[RunFolder, Book, Trial]:
    plan = {
        "study": {"name": metric, "unseal": "by-hand"},
        "data": {"source": source},
        "model": {"family": family},
        "search": {"strategy": "random", "trials": 3},
        "metric": {"name": metric},
    }
    tune(plan, runs=runs, executor=Inline())
    run = find_run(runs, metric)
    book = open_book(run)
    winner = winner_of(book.state)
    assert winner is not None
    return run, book, winner


@pytest.mark.parametrize(
    ("metric", "source", "family", "sign"),
    [
        ("accuracy", "sklearn:breast_cancer", "knn", 1),
        ("roc_auc", "sklearn:breast_cancer", "knn", 1),
        ("rmse", "sklearn:diabetes", "ridge", -1),
    ],
)
def test_differences_are_in_the_metric(metric: str, source: str, family: str, sign: int, tmp_path: Path) -> None:
    run, book, winner = tuned(tmp_path, metric, source, family)
    found = rivals_of(run, book, winner)
    assert found is not None
    assert found[0].trial.number == winner.number
    for rival in found:
        worse = sign * (winner.metrics[metric] - rival.trial.metrics[metric])
        assert rival.behind == pytest.approx(worse, abs=1e-9)
        assert rival.behind >= 0
    assert sum(rival.share for rival in found) == pytest.approx(1)
    assert 0 < found[1].error < abs(winner.metrics[metric])
    for file in run.path.rglob("*.arrow"):
        file.unlink()
    assert (rivals_of(run, book, winner) is None) == (metric == "roc_auc"), "only a metric of its own needs the rows"
