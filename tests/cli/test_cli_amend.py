"""`holdfast amend`: what it says, and what of it `status`, `replay` and the end of the study say afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import PLAN, Call

from holdfast.execute.inline import Inline
from holdfast.protocol.tune import tune
from holdfast.study.book import Book

WIDE = PLAN + "[space]\nC = { low = 0.01, high = 1e4 }\n"


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plan.toml, and runs/bc, a study that was stopped after two of three trials."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")

    def stop(book: Book, _: Any) -> None:
        if len(book.state.trials) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune("plan.toml", executor=Inline(), progress=stop)
    return tmp_path


def test_the_changed_plan_is_named_amended_and_gone_on_with(call: Call, stopped: Path) -> None:
    (stopped / "plan.toml").write_text(WIDE, encoding="utf-8")
    refused = call("tune", "plan.toml", "--quiet")
    assert refused.returncode == 2
    assert 'from here on: holdfast amend plan.toml --why "the reason"; otherwise restore it' in refused.stderr
    answer = call("amend", "plan.toml", "--why", "the best lie at the bound")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "study 'bc' searches another space from here on: the best lie at the bound"
    assert lines[2].split() == ["was", "is"]
    assert lines[3].split("  ")[1] == "C"
    assert lines[3].endswith("0.01 to 10000, logarithmic")
    assert lines[-2:] == ["of 2 earlier trials 2 fit into it", "go on with: holdfast resume bc"]
    status = call("status", "bc").stdout
    assert ": the best lie at the bound" in next(line for line in status.splitlines() if line.startswith("space"))
    assert call("resume", "bc", "--quiet").returncode == 0
    assert call("replay", "bc", "--verify").returncode == 0
    assert call("verify", "bc").returncode == 0
    over = call("amend", "plan.toml", "--why", "once more")
    assert over.returncode == 2
    assert "the search of study 'bc' is over" in over.stderr


def test_added_hyperparameters_and_hidden_trials_are_told(call: Call, stopped: Path) -> None:
    more = PLAN + '[space]\ntol = { type = "float", low = 1e-6, high = 1e-2 }\nC = 0.5\n'
    (stopped / "plan.toml").write_text(more, encoding="utf-8")
    answer = call("amend", "plan.toml", "--why", "it is what we ship", "--value", "tol=1e-3", "--json")
    told = json.loads(answer.stdout)
    assert (told["trials"], told["hidden"], told["why"]) == (2, 2, "it is what we ship")
    assert {change["name"]: change["now"] for change in told["changes"]}["C"] == "0.5"
    (stopped / "plan.toml").write_text(more.replace("C = 0.5\n", ""), encoding="utf-8")
    answer = call("amend", "plan.toml", "--why", "no")
    assert "of 2 earlier trials 2 fit into it" in answer.stdout
    (stopped / "plan.toml").write_text(more.replace("0.5", "{ low = 1e-3, high = 2e-3 }"), encoding="utf-8")
    answer = call("amend", "plan.toml", "--why", "yes")
    assert "of 2 earlier trials 0 fit into it\n2 are hidden: kept on record" in answer.stdout
    assert "2 trials do not lie in it any more, and cannot be the best" in call("status", "bc").stdout


def test_values_stand_as_they_were_typed(call: Call, stopped: Path) -> None:
    more = '[space]\ntol = { type = "float", low = 1e-6, high = 1e-2 }\n'
    more += 'solver = { type = "categorical", choices = ["lbfgs", "newton-cg"] }\n'
    (stopped / "plan.toml").write_text(PLAN + more, encoding="utf-8")
    for value, says in [
        ("tol", "--value 'tol' is not understood; write it as NAME=VALUE"),
        ("tol=low", "'tol' is 'low'"),
        ("tal=1", "'tal', which is no hyperparameter that the amended space adds (did you mean 'tol'?)"),
    ]:
        answer = call("amend", "plan.toml", "--why", "more", "--value", value)
        assert answer.returncode == 2
        assert says in answer.stderr
    answer = call("amend", "plan.toml", "--why", "more", "--value", "tol=1e-4", "--value", "solver=newton-cg")
    assert "in what was added earlier trials stand at tol = 0.0001 and solver = newton-cg" in answer.stdout


def test_a_name_in_the_place_of_the_plan_and_a_missing_reason(call: Call, stopped: Path) -> None:
    assert "the study of that name goes on with: holdfast resume bc" in call("amend", "bc", "--why", "x").stderr
    answer = call("amend", "plan.toml")
    assert answer.returncode == 2
    assert "an amendment needs a reason, which stands on every page: --why" in answer.stderr
    assert "nothing has changed" in call("amend", "plan.toml", "--why", "x").stderr
