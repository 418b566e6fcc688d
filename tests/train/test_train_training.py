from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from holdfast.errors import DataError, RequestError
from holdfast.records import Config
from holdfast.train.failures import Diverged
from holdfast.train.mlp import MLP, MLP_NETWORK
from holdfast.train.networks import NetworkEstimator, resume_training, start_training
from holdfast.train.rows import as_matrix, fingerprint
from holdfast.train.settings import MAX_EPOCHS
from holdfast.train.task import Task
from holdfast.train.training import Training

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

CONFIGS: dict[str, Config] = {
    "adamw with mixup": {"augmentation": "mixup", "dropout": 0.3, "width": 32, "label_smoothing": 0.1},
    "sgd with noise": {"optimizer": "sgd", "augmentation": "noise", "learning_rate": 0.01, "layer_norm": True},
    "constant": {"schedule": "constant", "depth": 1, "activation": "tanh", "batch_size": 17},
}


def weights(training: Training) -> dict[str, torch.Tensor]:
    return dict(training.trained().weights)


def assert_same_weights(a: Training, b: Training) -> None:
    for name, tensor in weights(a).items():
        assert torch.equal(tensor, weights(b)[name]), name


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_paused_run_equals_one_that_never_paused(
    config: Config, kind: str, make_table: MakeTable, make_task: MakeTask
) -> None:
    X, y = make_table(kind)
    task = make_task(kind)
    straight = start_training(MLP_NETWORK, config, task, X, y, seed=3)
    metrics = straight.advance(9)
    paused = start_training(MLP_NETWORK, config, task, X, y, seed=3)
    first = paused.advance(4)
    torch.manual_seed(999)
    resumed = resume_training(MLP_NETWORK, paused.checkpoint(), X, y)
    second = resumed.advance(9)
    assert metrics == first + second
    assert_same_weights(straight, resumed)
    assert straight.checkpoint() == resumed.checkpoint()


def test_a_run_resumed_in_another_process_equals_one_that_never_paused(
    tmp_path: Path, make_table: MakeTable, make_task: MakeTask
) -> None:
    X, y = make_table("binary")
    config = CONFIGS["adamw with mixup"]
    straight = start_training(MLP_NETWORK, config, make_task("binary"), X, y, seed=3)
    straight.advance(8)
    paused = start_training(MLP_NETWORK, config, make_task("binary"), X, y, seed=3)
    paused.advance(5)
    (tmp_path / "paused").write_bytes(paused.checkpoint())
    np.savez(tmp_path / "table.npz", X=X, y=y)
    code = """
import sys, numpy as np
from pathlib import Path
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.networks import resume_training
folder = Path(sys.argv[1])
table = np.load(folder / "table.npz")
training = resume_training(MLP_NETWORK, (folder / "paused").read_bytes(), table["X"], table["y"])
training.advance(8)
(folder / "resumed").write_bytes(training.checkpoint())
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (tmp_path / "resumed").read_bytes() == straight.checkpoint()


def test_pausing_after_early_stopping_changes_nothing(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=200)
    config: Config = {"patience": 3, "learning_rate": 0.02}
    straight = start_training(MLP_NETWORK, config, make_task("binary"), X, y, seed=0)
    straight.advance()
    assert straight.finished
    assert straight.progress.epoch == straight.epochs_used + 3 < MAX_EPOCHS
    resumed = resume_training(MLP_NETWORK, straight.checkpoint(), X, y)
    assert resumed.advance() == []
    assert_same_weights(straight, resumed)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_same_seed_gives_the_same_bits_whatever_torch_is_seeded_with(
    config: Config, make_table: MakeTable, make_task: MakeTask
) -> None:
    X, y = make_table("multiclass")
    runs = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        run = start_training(MLP_NETWORK, config, make_task("multiclass"), X, y, seed=11)
        run.advance(3)
        runs.append(run)
    assert_same_weights(*runs)
    other = start_training(MLP_NETWORK, config, make_task("multiclass"), X, y, seed=12)
    other.advance(3)
    assert not torch.equal(weights(runs[0])["1.weight"], weights(other)["1.weight"])


def test_training_leaves_the_state_of_torch_as_it_was(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary")
    before, state = torch.get_num_threads(), torch.get_rng_state()
    start_training(MLP_NETWORK, {"dropout": 0.2}, make_task("binary"), X, y, seed=0).advance(2)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), state)


def test_divergence_is_found_at_once(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("regression")
    run = start_training(
        MLP_NETWORK, {"learning_rate": 1e30, "optimizer": "sgd"}, make_task("regression"), X, y, seed=0
    )
    with pytest.raises(Diverged, match="in epoch 1, at step 2;") as caught:
        run.advance()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.epoch, again.step, str(again)) == (1, 2, str(caught.value))


def test_best_weights_are_those_of_the_best_epoch(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=200)
    run = start_training(MLP_NETWORK, {"learning_rate": 0.02}, make_task("binary"), X, y, seed=0)
    metrics = run.advance()
    losses = [epoch.validation_loss for epoch in metrics]
    assert losses[run.epochs_used - 1] == min(loss for loss in losses if loss is not None)
    again = start_training(MLP_NETWORK, {"learning_rate": 0.02}, make_task("binary"), X, y, seed=0)
    again.advance(run.epochs_used)
    assert_same_weights(run, again)


def test_a_refit_trains_all_rows_for_exactly_its_epochs(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=200)
    run = start_training(MLP_NETWORK, {"patience": 1}, make_task("binary"), X, y, seed=0, epochs=12)
    metrics = run.advance()
    assert [epoch.epoch for epoch in metrics] == list(range(1, 13))
    assert all(epoch.validation_loss is None for epoch in metrics)
    assert run.epochs_used == 12


def test_a_run_advanced_by_hand_becomes_an_estimator(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=200)
    run = start_training(MLP_NETWORK, {}, make_task("binary"), X, y, seed=0)
    run.advance(4)
    model = NetworkEstimator.of(run)
    assert model.epochs_used == run.epochs_used
    np.testing.assert_array_equal(model.predict_proba(X), run.trained().predict_proba(X))


def test_few_rows_are_all_fitted(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=20)
    run = start_training(MLP_NETWORK, {"batch_size": 256}, make_task("binary", n=20), X, y, seed=0)
    assert all(epoch.validation_loss is None for epoch in run.advance(2))
    (note,) = run.notes
    assert note.startswith("with 20 training rows, fewer than 40, none are watched, so the run does not stop early")


def test_a_checkpoint_is_resumed_on_its_own_rows_only(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary")
    run = start_training(MLP_NETWORK, {}, make_task("binary"), X, y, seed=0)
    with pytest.raises(RequestError, match="other training rows"):
        resume_training(MLP_NETWORK, run.checkpoint(), X + 1.0, y)
    with pytest.raises(RequestError, match="cannot be read"):
        resume_training(MLP_NETWORK, b"not a checkpoint at all", X, y)


@pytest.mark.parametrize("n", [20, 120])
def test_a_fingerprint_is_of_all_rows_as_they_were_given(n: int, make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=n)
    run = start_training(MLP_NETWORK, {}, make_task("binary", n=n), X, y, seed=0)
    given = fingerprint(as_matrix(X), run.targets.encode(y))
    X += 1.0
    assert run.fingerprint == given


def test_rows_that_cannot_be_learned_from_are_refused(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary")
    hole = X.copy()
    hole[3, 2] = np.nan
    with pytest.raises(DataError, match="column 2 "):
        start_training(MLP_NETWORK, {}, make_task("binary"), hole, y, seed=0)
    with pytest.raises(DataError, match="1 class"):
        start_training(MLP_NETWORK, {}, make_task("binary"), X, np.zeros_like(y), seed=0)


def test_batch_norm_of_one_row_is_refused_before_the_first_step(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary")
    with pytest.raises(RequestError, match="batches of two rows or more"):
        start_training(MLP_NETWORK, {"batch_norm": True, "batch_size": 1}, make_task("binary"), X, y, seed=0)


def test_labels_may_be_texts(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=200)
    model = NetworkEstimator(MLP_NETWORK, {}, make_task("binary"), seed=0).fit(X, np.array(["no", "yes"])[y])
    assert set(model.predict(X)) == {"no", "yes"}
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_regression_is_in_the_units_of_the_target(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("regression", n=400)
    model = NetworkEstimator(MLP_NETWORK, {}, make_task("regression"), seed=0).fit(X, 1e4 * y + 1e6)
    error = model.predict(X) - (1e4 * y + 1e6)
    assert np.sqrt(np.mean(error**2)) < 0.4 * np.std(1e4 * y)


def test_an_unfitted_network_and_a_regression_say_so(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("regression")
    model = NetworkEstimator(MLP_NETWORK, {}, make_task("regression"), seed=0, epochs=1)
    with pytest.raises(RequestError, match="call fit first"):
        model.predict(X)
    with pytest.raises(RequestError, match="no class probabilities"):
        model.fit(X, y).predict_proba(X)
    with pytest.raises(RequestError, match="0 epochs"):
        NetworkEstimator(MLP_NETWORK, {}, make_task("regression"), epochs=0)


def test_the_default_reads_digits(digits: Table) -> None:
    X, y = digits
    model = MLP.build({}, Task("multiclass", 1078, 64, 10), seed=0).fit(X[:1078], y[:1078])
    assert np.mean(model.predict(X[1078:]) == y[1078:]) > 0.93


@pytest.mark.long
def test_digits_above_97_percent_on_average(digits: Table) -> None:
    from sklearn.model_selection import StratifiedShuffleSplit

    X, y = digits
    scores = []
    for seed, (fit, held) in enumerate(StratifiedShuffleSplit(10, train_size=0.6, random_state=0).split(X, y)):
        model = MLP.build({}, Task("multiclass", len(fit), 64, 10), seed=seed)
        scores.append(np.mean(model.fit(X[fit], y[fit]).predict(X[held]) == y[held]))
    assert np.mean(scores) > 0.97
