from __future__ import annotations

import importlib.abc
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.data.places import IN_PLACE
from holdfast.errors import MissingExtraError, RequestError
from holdfast.train.estimators import fit_estimator
from holdfast.train.families import Family
from holdfast.train.registry import PLANNED, all_families, family_named
from holdfast.train.task import Task, TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

TABLES = [family for family in all_families().values() if family.preprocessing not in IN_PLACE]
PAIRS = [(family, kind) for family in TABLES for kind in sorted(family.tasks)]
IDS = [f"{family.name}-{kind}" for family, kind in PAIRS]


def family_task(family: Family, kind: TaskKind, make_task: MakeTask) -> Task:
    return make_task(kind, categorical=(5,) if family.preprocessing == "ordinal" else ())


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_every_family_learns_with_default_and_sampled_configs(
    family: Family, kind: TaskKind, make_table: MakeTable, make_task: MakeTask
) -> None:
    X, y = make_table(kind)
    task = family_task(family, kind, make_task)
    space = family.space(task)
    draw = np.random.default_rng(1)
    configs = [space.default_config(), *(space.sample(draw) for _ in range(3))]
    predictions = []
    for config in [*configs, configs[-1]]:
        space.validate(config)
        model = family.build(config, task, seed=7)
        fit_estimator(model, X, y)
        predictions.append(model.predict(X))
    assert np.shape(predictions) == (5, len(X))
    assert np.isfinite(predictions).all()
    np.testing.assert_array_equal(predictions[-2], predictions[-1])


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_default_configs_beat_a_constant(
    family: Family, kind: TaskKind, make_table: MakeTable, make_task: MakeTask
) -> None:
    if kind == "clustering":
        pytest.skip("clusters have no right answer here")
    X, y = make_table(kind, n=400)
    model = family.build(
        family.space(make_task(kind, n=200)).default_config(), family_task(family, kind, make_task), seed=0
    )
    fit_estimator(model, X[:200], y[:200])
    prediction = model.predict(X[200:])
    if kind == "regression":
        assert np.mean((prediction - y[200:]) ** 2) < 0.9 * np.var(y[200:])
    else:
        assert np.mean(prediction == y[200:]) > np.bincount(y[200:]).max() / 200 + 0.05


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_an_empty_config_means_the_defaults_and_an_unknown_key_is_refused(
    family: Family, kind: TaskKind, make_task: MakeTask
) -> None:
    task = family_task(family, kind, make_task)
    family.build({}, task, seed=0)
    with pytest.raises(RequestError, match=f"'flavour' is no hyperparameter of the family '{family.name}'"):
        family.build({"flavour": 1}, task, seed=0)


@pytest.mark.parametrize("rows", [3, 10, 100, 50_000])
@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_spaces_exist_for_small_and_large_tables(family: Family, kind: TaskKind, rows: int) -> None:
    space = family.space(Task(kind, rows, 300, {"binary": 2, "multiclass": 3}.get(kind, 0)))
    space.validate(space.default_config())


def test_families_are_listed_without_torch() -> None:
    code = (
        "import sys; from holdfast.train.registry import all_families; all_families(); "
        "from holdfast.train import storage; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_torch_names_the_extra(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r"holdfast\[torch\]"):
        family_named("mlp").build({}, make_task("binary"), seed=0)


def test_gradient_boosting_treats_codes_as_categories() -> None:
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 40, size=400)
    high = draw.permutation(40) < 20
    model = family_named("gradient-boosting").build({}, Task("binary", 400, 1, 2, categorical=(0,)), seed=0)
    model.fit(codes[:, None].astype(float), high[codes])
    assert list(getattr(model, "is_categorical_")) == [True]  # noqa: B009 - not part of the protocol


def test_non_convergence_is_a_note_and_not_a_warning(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary")
    model = family_named("logistic").build({"max_iter": 1}, make_task("binary"), seed=0)
    notes = fit_estimator(model, X, y)
    assert len(notes) == 1
    assert "converge" in notes[0]


@pytest.mark.parametrize("name", ["linear", "ridge", "lasso"])
def test_a_regression_family_points_to_logistic(name: str, make_task: MakeTask) -> None:
    with pytest.raises(RequestError, match=f"'{name}' cannot learn a binary task; use 'logistic'"):
        family_named(name).build({}, make_task("binary"), seed=0)


def test_names_are_found_or_refused_with_the_nearest() -> None:
    assert family_named("random-forest").name == "random-forest"
    with pytest.raises(RequestError, match="did you mean 'random-forest'"):
        family_named("random_forest")
    for name in PLANNED:
        with pytest.raises(RequestError, match="not built yet"):
            family_named(name)


def test_only_families_with_epochs_are_built_for_a_number_of_them(make_task: MakeTask) -> None:
    with pytest.raises(RequestError, match="has no epochs"):
        family_named("ridge").build({}, make_task("regression"), seed=0, epochs=3)


def test_a_task_needs_classes_and_a_known_kind() -> None:
    with pytest.raises(RequestError, match="has 1 classes"):
        Task("binary", 10, 2, 1)
    with pytest.raises(RequestError, match="is unknown"):
        Task("ranking", 10, 2)  # type: ignore[arg-type]
