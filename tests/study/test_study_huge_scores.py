"""A score of a size that leaves no room for others beside it: what is expected of more trials, and where that ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

import holdfast
from holdfast.cli import main
from holdfast.errors import RequestError
from holdfast.study.study import Study

LARGEST = sys.float_info.max
HUGE = (1e200, LARGEST)
STRATEGIES = ("gp", "tpe", "random")
SPACE = holdfast.Space({"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1)})
Direction = Literal["minimize", "maximize"]


def score(trial: Any) -> float:
    return float((trial["x"] - 0.3) ** 2 + trial["y"])


def searched(huge: float, strategy: str = "gp", direction: Direction = "minimize", **settings: Any) -> Study:
    """A study of twelve trials, of which the sixth scored ``huge``."""
    study = Study(SPACE, strategy=strategy, direction=direction, seed=0, **settings)
    for number in range(12):
        trial = study.ask()
        study.tell(trial, huge if number == 5 else score(trial))
    return study


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("huge", HUGE)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_huge_bad_score_leaves_the_others_as_they_are(huge: float, strategy: str, direction: Direction) -> None:
    worst = huge if direction == "minimize" else -huge
    study = searched(worst, strategy, direction)
    gain, advice = study.expected_gain(), study.suggest_next()
    assert gain.high is not None
    assert 0 < gain.value <= gain.high < 1
    assert advice.mean is not None
    assert advice.sd is not None
    assert abs(advice.mean) + advice.sd < 10


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_huge_good_score_is_reckoned_with_as_far_as_numbers_go(strategy: str, direction: Direction) -> None:
    study = searched(-1e200 if direction == "minimize" else 1e200, strategy, direction)
    gain, advice = study.expected_gain(), study.suggest_next()
    assert gain.high is not None
    assert 1e190 < gain.value <= gain.high < 1e200
    assert advice.mean is not None
    assert advice.sd is not None
    assert 0 < advice.sd < 1e201
    study = searched(-LARGEST if direction == "minimize" else LARGEST, strategy, direction)
    said = r"a score of 1\.8e\+308 leaves no room for a better one"
    with pytest.raises(RequestError, match=f"has no expected gain: {said}"):
        study.expected_gain()
    assert f"What it may score nobody can say: {said}".replace("\\", "") in study.suggest_next().text


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("huge", [*HUGE, -1e200, -LARGEST])
def test_a_search_ends_by_its_gain_all_the_same(huge: float, strategy: str) -> None:
    study = searched(huge, strategy)
    study.optimize(score, n_trials=4, stop_gain=10.0)
    assert len(study.trials) == (12 if huge > 0 else 16)


@pytest.mark.parametrize("huge", [*HUGE, -1e200, -LARGEST])
def test_status_shows_it(huge: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    searched(huge, name="huge", storage=storage).close()
    assert main(["status", "huge", "--storage", storage]) == 0
    assert "12 complete" in capfd.readouterr().out
    assert main(["status", "huge", "--storage", storage, "--next", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["expected_gain"] is None) == (huge == -LARGEST)
