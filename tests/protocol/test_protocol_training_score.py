"""What is kept beside a trial to tell over- from underfitting: through real studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.analyse.curves import diagnose
from holdfast.evaluate.metrics import metric_named
from holdfast.execute.inline import Inline
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.learn import Prepared
from holdfast.protocol.training_score import reference_score, sample_sizes, train_score
from holdfast.protocol.tune import tune
from holdfast.records import Trial, TrialState
from holdfast.train.task import Task


def trials(tmp_path: Path, **tables: Any) -> tuple[Trial, ...]:
    wanted: dict[str, Any] = {
        "study": {"name": "scored"},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "knn"},
        "search": {"trials": 3, "strategy": "random"},
    }
    wanted |= tables
    tune(wanted, runs=tmp_path, executor=Inline())
    return tuple(open_book(find_run(tmp_path, "scored")).state.trials)


def test_the_training_score_is_the_metric_on_evenly_spaced_rows(tmp_path: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    train, held = 107, 36
    table = [{"config": {"n_neighbors": 9, "weights": "uniform", "p": 2}}]
    first, *_ = trials(tmp_path, search={"trials": 1, "strategy": "manual"}, trials=table)
    rows = pl.read_ipc(tmp_path / "scored" / "data" / "train.arrow")
    assert len(rows) == train
    columns = [name for name in rows.columns if name not in {"target", "__row__", "__fold__"}]
    X, y = StandardScaler().fit_transform(rows[columns].to_numpy()), rows["target"].to_numpy()
    at = np.linspace(0, train - 1, held).round().astype(int)
    assert first.extra["train"] == KNeighborsClassifier(9).fit(X, y).score(X[at], y[at])
    assert "curve" not in first.extra
    held_out = pl.read_ipc(tmp_path / "scored" / "data" / "validation.arrow")["target"].to_numpy()
    assert first.extra["reference"] == np.mean(held_out == np.bincount(y).argmax())


def test_a_tree_that_learns_by_heart_is_found_out(tmp_path: Path) -> None:
    data = {"source": "sklearn:diabetes", "split": {"folds": 3, "test": 0.2}}
    table = [{"config": {"max_depth": 32, "min_samples_leaf": 1, "min_samples_split": 2}}]
    search = {"trials": 1, "strategy": "manual"}
    (trial,) = trials(tmp_path, data=data, model={"family": "tree"}, search=search, trials=table)
    assert trial.extra["train"] == 0.0
    assert 70.0 < trial.extra["reference"] < 85.0
    found = diagnose(0.0, trial.metrics["rmse"], "minimize", reference=trial.extra["reference"])
    assert found.kind == "overfitting"


def test_networks_and_boosted_trees_keep_the_mean_curve_of_their_folds(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    data = {"source": "sklearn:wine", "split": {"folds": 3, "test": 0.2}}
    for family, step in [("mlp", "epoch"), ("gradient-boosting", "iteration")]:
        for trial in trials(tmp_path / family, data=data, model={"family": family}):
            curve = trial.extra["curve"]
            assert list(curve["steps"]) == sorted(set(curve["steps"]))
            assert (curve["metric"], curve["step"], curve["steps"][0]) == ("loss", step, 1)
            assert len(curve["steps"]) == len(curve["train"]) == len(curve["validation"]) <= 60
            assert curve["train"][-1] < curve["train"][0]
            assert 0.9 < trial.extra["train"] <= 1.0


def test_a_curve_grows_over_the_rungs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found = trials(
        tmp_path,
        model={"family": "mlp"},
        search={"strategy": "asha", "trials": 6, "fidelity": {"min": 2, "max": 18, "eta": 3}},
        space={"width": 16, "depth": 1, "batch_size": 8},
    )
    longest = [t.extra["curve"]["steps"] for t in found if t.state is TrialState.COMPLETE and t.until_step == 18]
    assert longest
    assert any(steps == list(range(1, 19)) for steps in longest)
    assert all(trial.extra["curve"]["steps"][-1] <= (trial.until_step or 60) for trial in found)


def test_a_clustering_has_no_training_score(tmp_path: Path) -> None:
    data = {"source": "sklearn:wine", "task": "clustering"}
    for trial in trials(tmp_path, data=data, model={"family": "kmeans"}):
        assert not {"train", "reference"} & set(trial.extra)


@pytest.mark.parametrize(
    ("name", "expected"), [("accuracy", 0.75), ("balanced_accuracy", 0.5), ("auc", 0.5), ("log_loss", None)]
)
def test_a_model_that_learned_nothing_predicts_by_shares(name: str, expected: float | None) -> None:
    y = np.array([0, 1, 1, 1])
    ready = Prepared(None, np.zeros((4, 1)), y, Task("binary", 4, 1, 2))
    truth, part = np.array([0, 1, 1, 1]), np.zeros(4, dtype=int)
    found = reference_score(metric_named(name, "binary", 2), [ready], truth, part, 2)["reference"]
    entropy = -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    assert found == pytest.approx(entropy if expected is None else expected)


def test_a_metric_that_raises_on_training_rows_fails_no_trial() -> None:
    from sklearn.dummy import DummyClassifier

    def moody(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        raise ValueError("no\nmood")

    X, y = np.zeros((20, 2)), np.arange(20) % 2
    ready = Prepared(None, X, y, Task("binary", 20, 2, 2))
    model = DummyClassifier().fit(X, y)
    found = train_score(metric_named("m:moody", "binary", 2, function=moody), [model], [ready], [9], 2)
    assert found == {"notes": ["The metric 'm:moody' cannot be computed on the training rows: ValueError: no mood"]}
    undefined = Prepared(None, X, np.zeros(20, dtype=int), ready.task)
    assert train_score(metric_named("auc", "binary", 2), [model], [undefined], [9], 2) == {}


def test_families_that_look_rows_up_are_asked_for_fewer() -> None:
    from holdfast.data.columns import infer_schema
    from holdfast.protocol.learn import Recipe

    schema = infer_schema(pl.DataFrame({"a": [0.0, 1.0, 2.0], "y": ["p", "q", "q"]}), "y")
    parts = [np.zeros((n, 1)) for n in (100, 1000, 50_000)]
    for family, sizes in [("tree", [100, 1000, 2000]), ("knn", [100, 250, 500]), ("mine:own", [100, 1000, 2000])]:
        assert sample_sizes(Recipe(family, None, schema, Path()), parts) == sizes
