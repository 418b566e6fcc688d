"""The price of a plan, before anything of it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

GRID = """
[study]
name = "grid"
[data]
source = "sklearn:iris"
[model]
family = "grid_model:make"
[space]
learning_rate = { type = "categorical", choices = [0.001, 0.01, 0.1] }
batch_size = { type = "categorical", choices = [16, 32, 64] }
depth = { type = "categorical", choices = [1, 2, 3] }
[search]
strategy = "grid"
[price]
usd_per_run = 1000.0
"""

MODEL = """
from sklearn.tree import DecisionTreeClassifier

def make(config):
    return DecisionTreeClassifier(max_depth=config["depth"])
"""


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plan of a grid, and its model, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid_model.py").write_text(MODEL, encoding="utf-8")
    plan = tmp_path / "grid.toml"
    plan.write_text(GRID, encoding="utf-8")
    return plan


def rows(text: str) -> dict[str, str]:
    """The lines of the table by their first word."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line.startswith("  ")}


def test_a_full_grid_is_multiplied_out_and_priced(call: Call, grid: Path) -> None:
    answer = call("plan", grid, "--no-timing")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = rows(answer.stdout)
    assert found["trials"] == "27 a full grid: learning_rate 3 × batch_size 3 × depth 3"
    assert found["fits"].startswith("27 27 trials × 1 full training")
    assert found["money"] == "27,000 USD [price]: 27 × 1,000 USD a run"
    assert found["time"].startswith("unknown")
    assert found["energy"].startswith("unknown")


def test_nothing_is_left_behind(call: Call, grid: Path) -> None:
    before = sorted(path.name for path in grid.parent.iterdir())
    assert call("plan", grid, "--no-timing").returncode == 0
    assert sorted(path.name for path in grid.parent.iterdir() if path.name != "__pycache__") == before


def test_two_trials_are_timed_and_everything_is_priced(call: Call, grid: Path) -> None:
    price = 'usd_per_hour = 2.0\nwatts = 100.0\ncountry = "DE"\n'
    budget = "[budget]\nusd = 5000.0\nhours = 100.0\ntrials = 20\n"
    grid.write_text(f"{GRID}{price}{budget}", encoding="utf-8")
    answer = call("plan", grid, "--json")
    assert answer.returncode == 0
    found = json.loads(answer.stdout)
    assert len(found["timed"]) == 2
    assert found["trials"] == 20
    assert found["hours"]["value"] > 0
    assert found["kwh"]["value"] == pytest.approx(0.1 * found["hours"]["value"])
    assert found["usd"]["value"] == pytest.approx(20_000.0, abs=1.0)
    assert found["kg_co2e"]["value"] < found["kwh"]["value"]
    assert int(found["affordable_trials"]["usd"]) == 4
    assert found["affordable_trials"]["hours"] > 1000
    assert found["grid"] == {"learning_rate": 3, "batch_size": 3, "depth": 3}
    assert found["price"]["carbon_source"].startswith("Germany")


def test_what_the_budget_buys_is_said_in_words(call: Call, grid: Path) -> None:
    grid.write_text(f"{GRID}[budget]\nusd = 10000.0\n", encoding="utf-8")
    answer = call("plan", grid, "--no-timing")
    assert "money   10,000 USD   10 trials, the search ends before its 27" in answer.stdout
    assert "for 10 trials of 3 hyperparameters" in answer.stdout


def test_a_budget_that_is_met_to_the_cent_buys_all_that_it_pays_for(call: Call, grid: Path) -> None:
    grid.write_text(
        f"{GRID}[budget]\nusd = 0.3\n".replace("usd_per_run = 1000.0", "usd_per_run = 0.1"), encoding="utf-8"
    )
    assert "money   0.3 USD   3 trials" in call("plan", grid, "--no-timing").stdout


def test_disk_buys_some_trials_where_it_does_not_pay_for_all(call: Call, grid: Path) -> None:
    text = GRID.replace('strategy = "grid"', 'strategy = "random"\ntrials = 5000')
    text = text.replace('{ type = "categorical", choices = [1, 2, 3] }', '{ type = "int", low = 1, high = 9999 }')
    grid.write_text(f'{text}[budget]\ndisk = "5 MB"\n', encoding="utf-8")
    answer = call("plan", grid, "--no-timing", "--json")
    assert answer.returncode == 0, answer.stderr
    assert 100 < json.loads(answer.stdout)["affordable_trials"]["disk_bytes"] < 1000


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (
            "[budget]\nusd = 500.0\n",
            "line 17: [budget] has usd = 500, which is too little for one trial: it costs 1,000",
        ),
        ("[budget]\nusd = -1.0\n", "line 17: [budget] has usd = -1.0; it should be more than 0"),
        ("[budget]\nhours = 0\n", "line 17: [budget] has hours = 0; it should be more than 0"),
        ('[budget]\ndisk = "5 apples"\n', "line 17: [budget] has disk = '5 apples', which is no size"),
        ('country = "DUE"\n', "line 16: there is no carbon intensity for the country 'DUE' (did you mean 'DEU'?)"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(call: Call, grid: Path, tables: str, sentence: str) -> None:
    grid.write_text(f"{GRID}{tables}", encoding="utf-8")
    answer = call("plan", grid, "--no-timing")
    assert answer.returncode == 2
    assert sentence in answer.stderr


@pytest.mark.parametrize(
    ("fidelity", "sentence"),
    [("name = 'depth', min = 9, max = 3", "min"), ("name = 'epoch'", "[search.fidelity] has name = 'epoch'")],
)
def test_a_fidelity_that_cannot_be_meant_is_refused_before_anything_is_timed(
    call: Call, grid: Path, fidelity: str, sentence: str
) -> None:
    text = GRID.replace('strategy = "grid"', f'strategy = "asha"\nfidelity = {{ {fidelity} }}')
    grid.write_text(text.replace('depth = { type = "categorical", choices = [1, 2, 3] }', ""), encoding="utf-8")
    answer = call("plan", grid)
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert "timing" not in answer.stderr


def test_a_budget_too_small_for_one_trial_says_what_one_costs(call: Call, grid: Path) -> None:
    grid.write_text(f"{GRID}[budget]\nhours = 1e-7\n", encoding="utf-8")
    answer = call("plan", grid)
    assert answer.returncode == 2
    assert "[budget] has hours = 1e-07, which is too small for one trial: a trial costs" in answer.stderr
    assert "with what comes before and after it" in answer.stderr


def test_what_may_end_early_is_a_most(call: Call, grid: Path) -> None:
    text = grid.read_text().replace('"sklearn:iris"', '"sklearn:iris"\nsplit = { folds = 3, test = 0.2 }')
    assert "at most" not in call("plan", grid, "--no-timing").stdout
    grid.write_text(text.replace("[search]", '[search]\nstop = "auto"\ndrop_folds = "curtailed"'))
    shown = call("plan", grid, "--no-timing").stdout
    assert "; at most, as stop = 'auto' may save some" in shown
    assert "; at most, as drop_folds = 'curtailed' may save some" in shown


@pytest.mark.parametrize(
    ("below", "warned"),
    [("", True), ("cost.greater_is_better = False", False), ("cost.__doc__ = 'Higher is better.'", False)],
)
def test_a_metric_that_does_not_say_which_way_is_better(call: Call, grid: Path, below: str, warned: bool) -> None:
    module = f"costs_{len(below)}"
    (grid.parent / f"{module}.py").write_text(f"def cost(y, p):\n    return float((y != p).mean())\n\n{below}\n")
    grid.write_text(f'{GRID}[metric]\nname = "{module}:cost"\n', encoding="utf-8")
    priced = call("plan", grid, "--no-timing")
    assert priced.returncode == 0
    assert ("cost.greater_is_better = False below the function" in priced.stdout) == warned


PAUSING = """
[study]
name = "pausing"
[data]
source = "sklearn:iris"
[model]
family = "mlp"
[search]
trials = 40
fidelity = { min = 1, max = 27 }
"""


@pytest.mark.parametrize(
    ("strategy", "fits", "advice"),
    [
        ("asha", "40 trials × 4 rungs, to each of which one in 3 goes on;", "asha trains poor trials partly"),
        (
            "hyperband",
            "40 trials × 4 rungs, at which 27, 12, 1 and 0 begin, and from each of which one in 3 goes on;",
            "hyperband trains poor trials partly",
        ),
        (
            "freeze-thaw",
            "40 trials × a little training at a time, for those of which a model of the learning curves expects",
            "freeze-thaw trains poor trials partly",
        ),
        (
            "pbt",
            "40 trials at most, in a population of 13 × 9 intervals of training for each member;",
            "pbt trains a population to the end",
        ),
    ],
)
def test_a_strategy_that_pauses_is_priced_and_described_by_its_own_way(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, fits: str, advice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "pausing.toml"
    plan.write_text(PAUSING.replace("[search]", f'[search]\nstrategy = "{strategy}"'), encoding="utf-8")
    answer = call("plan", plan, "--no-timing")
    assert answer.returncode == 0
    said = " ".join(answer.stdout.split())
    assert fits in said
    assert advice in said
    assert "sound baseline" not in said
