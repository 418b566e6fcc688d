from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.own import raised
from holdfast.records import Config
from holdfast.train.factory import build_from_factory

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into a folder; the import path and the module table are put back afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where tracebacks are kept

    def write_module(name: str, text: str) -> Path:
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text(text)
        return tmp_path

    return write_module


PIPELINE = """
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def plain():
    return make_pipeline(StandardScaler(), RandomForestClassifier())

def configured(config):
    return RandomForestClassifier(n_estimators=config["trees"], random_state=5)

forest = RandomForestClassifier

def nothing():
    return 3

def a_class():
    return RandomForestClassifier

def broken():
    raise ValueError("no such luck")
"""


def test_a_factory_without_arguments_is_configured_and_seeded(write: Write) -> None:
    base = write("factory_models", PIPELINE)
    config: Config = {"randomforestclassifier__n_estimators": 7}
    model = build_from_factory("factory_models:plain", config, seed=42, base=base)
    assert model[-1].n_estimators == 7
    assert model[-1].random_state == 42


def test_a_factory_may_take_the_config_and_its_own_seed_stays(write: Write) -> None:
    base = write("factory_models", PIPELINE)
    model = build_from_factory("factory_models:configured", {"trees": 3}, seed=42, base=base)
    assert (model.n_estimators, model.random_state) == (3, 5)


def test_an_estimator_class_is_a_factory(write: Write) -> None:
    base = write("factory_models", PIPELINE)
    model = build_from_factory("factory_models:forest", {"max_depth": 2}, seed=1, base=base)
    assert (model.max_depth, model.random_state) == (2, 1)


@pytest.mark.parametrize(
    ("reference", "config", "sentence"),
    [
        ("factory_models", {}, "write module:function"),
        ("factory_modles:plain", {}, "there is no module 'factory_modles'"),
        ("factory_models:plian", {}, "did you mean 'plain'"),
        ("factory_models:nothing", {}, "returned int, which has no fit"),
        ("factory_models:a_class", {}, "returned a class"),
        ("factory_models:broken", {}, "raised ValueError: no such luck"),
        ("factory_models:configured", {}, "raised KeyError: 'trees'"),
        ("factory_models:forest", {"max_dpeth": 2}, "no hyperparameter 'max_dpeth' \\(did you mean 'max_depth'"),
    ],
)
def test_every_mistake_is_one_sentence(write: Write, reference: str, config: dict[str, int], sentence: str) -> None:
    base = write("factory_models", PIPELINE)
    with pytest.raises(RequestError, match=sentence):
        build_from_factory(reference, dict(config), seed=0, base=base)


def test_a_module_that_fails_says_how(write: Write) -> None:
    base = write("factory_failing", "raise RuntimeError('half\\ndone')")
    with pytest.raises(RequestError, match="cannot be imported: RuntimeError: half done"):
        build_from_factory("factory_failing:f", {}, seed=0, base=base)
    base = write("factory_lacking", "import a_package_that_is_not_there")
    with pytest.raises(RequestError, match="needs 'a_package_that_is_not_there', which is not installed"):
        build_from_factory("factory_lacking:f", {}, seed=0, base=base)


def test_failures_that_are_alike_are_told_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One sentence and one file with the traceback, so that a study can see that they repeat."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def said(message: str) -> str:
        return raised(ValueError(message), tmp_path)

    assert said("too large") == said("too large") != said("too small")
    assert len(list(tmp_path.glob("holdfast-traceback-*.txt"))) == 2
