"""The portfolio: valid in every family's space, clipped to a plan's, enqueued with its reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.execute.inline import Inline
from holdfast.facts.log import search_end
from holdfast.protocol.overrides import overridden
from holdfast.protocol.starts import portfolio
from holdfast.protocol.tune import resume, tune
from holdfast.records import Score
from holdfast.report.status import status_dict
from holdfast.study import stopping
from holdfast.study.load import load_study
from holdfast.study.noise import Noise
from holdfast.study.stopping import Reading
from holdfast.train.families import Family
from holdfast.train.registry import all_families
from holdfast.train.starts import BOOSTING
from holdfast.train.task import Task

FAMILIES = all_families()


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_start_of_a_family_is_in_its_space(family: Family) -> None:
    for kind in sorted(family.tasks):
        task = Task(kind, 500, 16, 3 if kind == "multiclass" else 2)
        space = family.space(task)
        found, left_out = portfolio(space, family.starts, trials=100)
        assert left_out == []
        assert len(found) == 1 + len(family.starts)
        assert found[0] == (space.default_config(), "portfolio: the default configuration")
        assert all(space.validate(config) == config for config, _ in found)


def test_starts_are_clipped_to_the_plan_s_space_or_left_out_with_a_sentence() -> None:
    space = FAMILIES["gradient-boosting"].space(Task("binary", 500, 20, 2))
    narrow = overridden(space, {"max_iter": {"low": 60, "high": 150}, "learning_rate": 0.1})
    found, left_out = portfolio(narrow, BOOSTING, trials=100)
    assert left_out == []
    assert {config["learning_rate"] for config, _ in found} == {0.1}
    assert {config["max_iter"] for config, _ in found} == {found[0][0]["max_iter"], 80, 150}
    svm = FAMILIES["svm"]
    smooth = overridden(svm.space(Task("binary", 500, 20, 2)), {"kernel": ["rbf", "poly"]})
    found, (text,) = portfolio(smooth, svm.starts, trials=100)
    assert len(found) == 2
    assert text.startswith("The start 'a linear kernel, for many columns' was left out, because 'kernel' is 'linear'")


@pytest.mark.parametrize(("trials", "expected"), [(1, 1), (5, 1), (10, 2), (20, 4), (100, 4)])
def test_a_fifth_of_the_trials_is_for_the_portfolio(trials: int, expected: int) -> None:
    family = FAMILIES["gradient-boosting"]
    assert len(portfolio(family.space(Task("binary", 500, 20, 2)), family.starts, trials)[0]) == expected


def plan(**search: Any) -> dict[str, Any]:
    return {
        "study": {"name": "wine"},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "logistic"},
        "search": {"strategy": "random", "trials": 15, **search},
    }


def test_tune_tries_the_portfolio_first_and_ends_by_its_gain(tmp_path: Path) -> None:
    tune(plan(portfolio=True, stop_gain=10.0), runs=tmp_path, executor=Inline())
    study = load_study("wine", f"sqlite:///{tmp_path}/wine/study.db")
    assert [trial.reason for trial in study.trials[:3]] == [
        "enqueued: portfolio: the default configuration",
        "enqueued: portfolio: a strong penalty, for few rows or many columns",
        "enqueued: portfolio: a weak penalty, for clean data",
    ]
    assert study.trials[3].reason == "random"
    assert 10 <= len(study.trials) < 15
    assert "gain.reached" in study.book.state.notes
    study.close()
    assert resume("wine", runs=tmp_path, executor=Inline()).best_config


def test_tune_ends_by_itself_and_every_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to gain is under the noise at the second reading, as the test has it."""
    noise = Noise(0.2, "rows", "as the test has it")
    reading = Reading(22, 0, Score(0.05, 0, 0.1, 0.9, "", "", 22), noise)
    monkeypatch.setattr(stopping, "_read", lambda *_: reading)
    result = tune(plan(trials=60, stop="auto"), runs=tmp_path, executor=Inline())
    study = load_study("wine", f"sqlite:///{tmp_path}/wine/study.db")
    state = study.book.state
    assert len(study.trials) == 22
    assert search_end(state).startswith("The search was at its end after 22 trials, by stop = 'auto': any other")
    assert status_dict(state)["limit_reached"] == search_end(state)
    for page in ("report.html", "MODEL_CARD.md"):
        assert "The search was at its end after 22 trials" in (result.folder / page).read_text(encoding="utf-8")
    study.close()
