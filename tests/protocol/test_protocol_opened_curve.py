"""The curve of the test: of the very training that ships, made in the opening, and choosing nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.execute.inline import Inline
from holdfast.facts.learning import opened_curve
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import tune
from holdfast.report.curve_figures import opened_figure
from holdfast.study.state import StudyState


def tuned(tmp_path: Path, **tables: Any) -> StudyState:
    wanted: dict[str, Any] = {
        "study": {"name": "opened"},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "mlp"},
        "space": {"width": 16, "depth": 1, "batch_size": 16},
        "search": {"trials": 2, "strategy": "random"},
    }
    tune(wanted | tables, runs=tmp_path, executor=Inline())
    return open_book(find_run(tmp_path, "opened")).state


FOLDS = {"source": "sklearn:wine", "split": {"folds": 2, "test": 0.2}}
RUNGS = {"strategy": "asha", "trials": 3, "fidelity": {"min": 2, "max": 6, "eta": 3}}


@pytest.mark.parametrize("tables", [{}, {"data": FOLDS}, {"search": RUNGS}], ids=["scored", "refitted", "by rungs"])
def test_a_network_is_watched_on_the_test_rows_and_is_the_one_that_ships(tmp_path: Path, tables: Any) -> None:
    pytest.importorskip("torch")
    state = tuned(tmp_path, **tables)
    curve = opened_curve(state)
    assert curve is not None
    assert curve["same"] is True
    assert len(curve["steps"]) == len(curve["train"]) == len(curve["test"]) > 2
    (winner,) = [trial for trial in state.trials if trial.number == state.notes["choice.made"][0]["trial"]]
    if not tables:
        assert curve["train"][-1] < curve["train"][0]
        assert curve["kept"] == winner.extra["curve"]["kept"]
        assert curve["test"] != winner.extra["curve"]["validation"]
    figure = opened_figure(state)
    assert figure is not None
    assert "while the test rows were open" in figure.caption
    assert "it chose nothing" in figure.caption
    assert {"training", "validation", "test"} == {
        row["side"] for rows in figure.spec["datasets"].values() for row in rows if "side" in row
    }


def test_boosted_trees_have_their_steps_in_them_and_others_have_none(tmp_path: Path) -> None:
    state = tuned(tmp_path / "trees", model={"family": "gradient-boosting"}, space={"max_iter": 20})
    curve = opened_curve(state)
    assert curve is not None
    assert (curve["step"], curve["steps"][-1], curve["same"]) == ("iteration", 20, True)
    none = tuned(tmp_path / "none", model={"family": "knn"}, space={})
    assert none.notes["test.opened"][0]["curve"] is None
    assert opened_figure(none) is None
