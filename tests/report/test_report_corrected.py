"""The estimate along the way: the one on record at its end, and nothing where it cannot be told from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdfast.evaluate.estimate import estimate
from holdfast.records import TrialState
from holdfast.report.corrected import corrected_path
from holdfast.report.history_figure import history_figure
from holdfast.study.study import Study

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


def estimated_study(n_trials: int, strategy: str = "random") -> Study:
    """A study whose estimate on record is the one that its row scores, and how they were found, give."""
    study = studies.toy_study(n_trials, strategy=strategy)
    studies.note_choice(study)
    rows = [study.book.get_rows(trial.rows) for trial in study.trials if trial.rows is not None]
    searched, seed = strategy != "random", study.book.state.settings.seed
    made = estimate(rows, direction="maximize", estimand="scored", seed=seed, adaptive=searched)
    studies.note_estimate(study, score=made.score.to_json(), luck=made.luck, naive=made.naive)
    return study


def test_the_path_ends_at_the_estimate_on_record_and_uses_only_what_was_there() -> None:
    long, short = estimated_study(40), estimated_study(12)
    path = corrected_path(long.book)
    assert path[-1]["trial"] == max(trial.number for trial in long.trials if trial.state is TrialState.COMPLETE)
    assert path[-1]["value"] == pytest.approx(long.book.state.notes["estimate.made"][-1]["score"]["value"], rel=1e-5)
    assert [step["trial"] for step in path] == sorted({step["trial"] for step in path})
    early = corrected_path(short.book)
    assert early[:3] == path[:3]  # what came later changes nothing
    figure = history_figure(long.book.state, path)
    assert figure is not None
    assert "had the search ended there" in figure.caption


def test_the_path_of_a_search_counts_what_it_adds_to_the_luck() -> None:
    study = estimated_study(40, "tpe")
    path = corrected_path(study.book)
    assert path[-1]["value"] == pytest.approx(study.book.state.notes["estimate.made"][-1]["score"]["value"], rel=1e-5)
    assert len(path) > 3


def test_there_is_no_path_to_an_estimate_that_was_made_otherwise() -> None:
    study = studies.governed_study(12)  # its estimate is made up
    assert corrected_path(study.book) == []
    assert corrected_path(studies.toy_study(12).book) == []
    assert corrected_path(studies.toy_study(0).book) == []
