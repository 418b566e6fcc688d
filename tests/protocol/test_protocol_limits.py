"""Limits of a plan on the size of its models: kept by every trial, held by the log, shown in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import RequestError
from holdfast.execute.inline import Inline
from holdfast.facts.search import search_section
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import resume, tune
from holdfast.report.size_figure import size_figures
from holdfast.study.limits import limits_of


def plan(family: str = "kmeans", trials: int = 5, **model: Any) -> dict[str, Any]:
    return {
        "study": {"name": "sized"},
        "data": {"source": "sklearn:iris"} | ({"target": "target"} if family != "kmeans" else {}),
        "model": {"family": family, **model},
        "search": {"trials": trials, "strategy": "random"},
    }


def test_no_trial_is_larger_and_the_log_says_why(tmp_path: Path) -> None:
    tune(plan(max_parameters=20), runs=tmp_path, executor=Inline())
    book = open_book(find_run(tmp_path, "sized"))
    (limit,) = limits_of(book.state.settings.space)
    clusters = [int(str(trial.config["n_clusters"])) for trial in book.state.trials]
    assert [limit.size(trial.config) for trial in book.state.trials] == [4 * count for count in clusters]
    assert max(clusters) <= 5
    assert "more than 20 parameters" in str(search_section(book.state))
    (figure,) = size_figures(book.state)
    assert "nothing to the right of it was proposed" in figure.caption


def test_a_study_goes_on_under_its_limit(tmp_path: Path) -> None:
    tune(plan(max_parameters=20, trials=3), runs=tmp_path, executor=Inline())
    result = resume("sized", runs=tmp_path)
    assert int(str(result.best_config["n_clusters"])) <= 5


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (plan("svm", max_parameters=1000), "is known after its fit only"),
        (plan("gradient-boosting", max_flops=1000), "compare more than they multiply"),
        (plan("logistic", max_parameters=3), "the default one has 15 parameters"),
        (plan("logistic", max_memory=0.5), "greater than or equal to 1|at least 1|1 or more"),
        (
            {**plan(max_parameters=20), "trials": [{"config": {"n_clusters": 8}}]},
            r"\[\[trials\]\] number 1 has 32 parameters, and \[model\] allows 20",
        ),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_in_a_sentence(wanted: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=said):
        tune(wanted, runs=tmp_path, executor=Inline())
    assert not (tmp_path / "sized").exists()


def test_starts_from_practice_that_are_too_large_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    wanted = plan(max_parameters=20)
    tune({**wanted, "search": {**wanted["search"], "portfolio": True}}, runs=tmp_path, executor=Inline())
    skipped = open_book(find_run(tmp_path, "sized")).state.notes["start.skipped"]
    text = "The start 'the default configuration' was left out, because the space forbids it."
    assert text in [note["text"] for note in skipped]
