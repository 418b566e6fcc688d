"""Every example plan, run as a person runs it, and the story that each tells."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.datasets import load_wine

from holdfast.cli import main
from holdfast.protocol.read import read_plan

EXAMPLES = Path(__file__).parents[2] / "examples"
PLANS = sorted(path.name for path in EXAMPLES.glob("*.toml"))

Tune = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the examples for one test: what another test has opened or looked at is not in its runs."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


@pytest.fixture
def tune(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Tune:
    """Tune a plan, and check what must hold of any of them; gives the result as JSON."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(plan: str) -> dict[str, Any]:
        capfd.readouterr()
        code = main(["tune", plan, "--json", "--quiet"])
        said = capfd.readouterr()
        assert code == 0, said.err
        assert said.err == ""
        result: dict[str, Any] = json.loads(said.out)
        assert main(["verify", result["name"], "--head", result["head"]["hash"]]) == 0
        capfd.readouterr()
        for name in ("summary", "report", "trials", "model"):
            assert Path(result["files"][name]).exists()
        return result

    return run


def test_every_example_is_run_by_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert PLANS
    assert [plan for plan in PLANS if f'("{plan}"' not in source] == []


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_is_short_and_says_what_it_is_for(plan: str) -> None:
    text = (EXAMPLES / plan).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) <= 36
    assert read_plan(EXAMPLES / plan).plan.study.name == plan.removesuffix(".toml").replace("_", "-")


@pytest.mark.long
def test_breast_cancer(tune: Tune) -> None:
    result = tune("breast_cancer.toml")
    assert result["metric"] == "roc_auc"
    assert result["naive"]["n"] == 455
    assert result["estimate"]["low"] > 0.95
    assert result["test"]["value"] > 0.9


def test_wine_kmeans_finds_the_three_kinds(tune: Tune) -> None:
    result = tune("wine_kmeans.toml")
    assert result["config"]["n_clusters"] in {2, 3, 4}
    assert result["test"]["value"] > 0.2


def test_factory(tune: Tune) -> None:
    result = tune("factory.toml")
    assert 1 <= result["config"]["components__n_components"] <= 4
    assert result["test"]["value"] > 0.8


def test_priced_grid_stops_where_the_money_ends(tune: Tune, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = tune("priced_grid.toml")
    assert result["test"]["value"] > 0.9
    summary = Path(result["files"]["summary"]).read_text(encoding="utf-8")
    assert "ended the search after 12 of 50 trials: 12,000 USD were spent" in summary
    capfd.readouterr()
    assert main(["plan", "priced_grid.toml", "--no-timing"]) == 0
    assert "27,000 USD" in capfd.readouterr().out


def test_customers(tune: Tune, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = tune("customers.toml")
    assert result["test"]["value"] > 0.6
    assert main(["predict", "customers", "customers.csv", "--proba"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "prediction,probability.no,probability.yes"
    assert len(lines) == 401
    assert {line.split(",")[0] for line in lines[1:]} <= {"yes", "no"}  # what ranks best may never say yes
    assert len({line.split(",")[2] for line in lines[1:]}) > 50


def test_customers_csv_is_what_its_script_makes() -> None:
    made = runpy.run_path(str(EXAMPLES / "make_customers.py"))["make_customers"]()
    assert (EXAMPLES / "customers.csv").read_text(encoding="utf-8") == made


@pytest.mark.long
def test_only_the_better_of_two_rivals_is_tested(tune: Tune, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ridge, forest = tune("diabetes_ridge.toml"), tune("diabetes_forest.toml")
    for result in (ridge, forest):
        assert result["test"] is None
        name = result["name"]
        how = f'holdfast unseal {name} (in Python: holdfast.unseal("{name}"))'
        assert result["missing"]["test"] == f"the test rows are sealed until: {how}"
    better, other = sorted((ridge, forest), key=lambda result: float(result["estimate"]["value"]))
    assert better["name"] == "diabetes-ridge", "the plan's comment unseals this one"
    assert main(["unseal", better["name"]]) == 0
    assert "test" in capfd.readouterr().out
    assert main(["unseal", other["name"]]) == 1
    said = capfd.readouterr().err
    assert said.startswith(f"holdfast: the test rows of study '{other['name']}' have been opened once before")
    assert "--again --why" in said


def test_digits_with_fewer_trials(tune: Tune, folder: Path) -> None:
    pytest.importorskip("torch")
    short = (folder / "digits.toml").read_text(encoding="utf-8").replace("trials = 60", "trials = 3")
    (folder / "short.toml").write_text(short.replace('name = "digits"', 'name = "short"'), encoding="utf-8")
    result = tune("short.toml")
    assert result["test"]["value"] > 0.9


def test_a_network_of_ones_own_is_called_for_predictions_only_if_trusted(
    tune: Tune, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    result = tune("own_network.toml")
    assert result["test"]["value"] > 0.8
    rows = pl.DataFrame({name: [1.0, 2.0] for name in load_wine().feature_names})
    rows.write_csv(folder / "wine.csv")
    predict = ["predict", "own-network", "wine.csv"]
    assert main(predict) == 2
    assert "my_networks:two_branches makes, which is not called without being named" in capfd.readouterr().err
    assert main([*predict, "--trust", "my_networks:two_branches"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 3


@pytest.mark.long
def test_digits_as_images(tune: Tune) -> None:
    pytest.importorskip("torch")
    result = tune("digits_cnn.toml")
    assert result["test"]["value"] > 0.9


@pytest.mark.long
def test_digits(tune: Tune) -> None:
    pytest.importorskip("torch")
    result = tune("digits.toml")
    assert result["test"]["value"] > 0.95
    assert result["estimate"]["low"] > 0.9
