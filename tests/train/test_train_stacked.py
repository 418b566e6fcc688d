"""Many runs as one program: each is what it would have been alone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from holdfast.train.failures import Diverged
from holdfast.train.own import factory_network
from holdfast.train.registry import family_named
from holdfast.train.stacked import native, passes, updates
from holdfast.train.stacked.buckets import stack_size, stacks_of
from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance, advance_together
from holdfast.train.task import Task
from holdfast.train.training import Training

KIND = family_named("mlp").network
ROWS, COLUMNS, CLASSES = 150, 7, 3


def a_run(seed: int, n: int = ROWS, *, regression: bool = False, family: str = "mlp", **config: Any) -> Training:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(ROWS, COLUMNS))
    score = X[:, :CLASSES] + draw.normal(size=(ROWS, CLASSES))
    y = score.sum(axis=1) if regression else score.argmax(axis=1)
    task = Task("regression", n, COLUMNS) if regression else Task("multiclass", n, COLUMNS, CLASSES)
    kind = family_named(family).network
    assert kind is not None
    config = {
        **({"width": 12} if family == "mlp" else {}),
        "batch_size": 16,
        "epochs": 4,
        "precision": "float64",
        **config,
    }
    return Training.start(kind, config, task, X[:n], y[:n], seed, judged=(X, y))


def differing(index: int) -> dict[str, Any]:
    """What may differ between the rows of a stack."""
    return {
        "learning_rate": 1e-3 * (1 + index),
        "dropout": 0.1 + 0.1 * index,
        "weight_decay": 0.01 * index,
        "label_smoothing": 0.05 * index,
        "clip": 0.5 * index,
        "warmup": 0.1 * index,
        "schedule": ["constant", "cosine", "onecycle"][index],
    }


def some_runs(**config: Any) -> list[Training]:
    """Three runs on folds of different sizes."""
    return [a_run(index, ROWS - 10 * index, **{**differing(index), **config}) for index in range(3)]


def together(runs: list[Training], until: int | None = None) -> list[Row]:
    rows = [Row(run, until) for run in runs]
    advance_together(rows)
    return rows


def numbers(run: Training) -> torch.Tensor:
    """Everything that a run has learned, in one vector."""
    learner = run.learner
    state = [learner.parameters.values, *learner.state.values(), *learner.network.buffers()]
    return torch.cat([tensor.flatten().double() for tensor in state])


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"activation": "gelu", "layer_norm": True, "optimizer": "adam", "ema": 0.9, "l1": 1e-4},
        {"activation": "tanh", "augmentation": "mixup", "optimizer": "sgd"},
        {"activation": "silu", "batch_norm": True, "residual": True, "depth": 3},
        {"activation": "sigmoid", "regression": True, "augmentation": "noise"},
        {"class_weights": "balanced", "layer_norm": True},
        {"beta1": 0.8, "beta2": 0.95, "patience": 1, "epochs": 12, "learning_rate": 0.05},
    ],
    ids=["defaults", "gelu and adam", "tanh and sgd", "batch norm", "regression", "class weights", "early stopping"],
)
def test_a_stacked_run_is_what_it_is_alone(config: dict[str, Any]) -> None:
    alone, stacked = some_runs(**config), some_runs(**config)
    for run in alone:
        run.advance()
    together(stacked)
    for one, other in zip(alone, stacked, strict=True):
        assert one.progress.epoch == other.progress.epoch
        assert one.epochs_used == other.epochs_used
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)
        assert one.curve is not None
        assert other.curve is not None
        np.testing.assert_allclose(other.curve["validation"], one.curve["validation"], rtol=1e-5)


@pytest.mark.parametrize(
    "config",
    [{"optimizer": "adam", "ema": 0.9, "l1": 1e-4}, {"optimizer": "sgd", "l1": 1e-3}, {"class_weights": "balanced"}],
    ids=["adam", "sgd", "class weights"],
)
def test_without_a_compiler_a_run_learns_the_same(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, by_torch = some_runs(**config), some_runs(**config)
    together(compiled, 2)
    monkeypatch.setattr(native, "native", lambda _: native.Native(None, "this machine has no C compiler"))
    together(by_torch, 2)
    for one, other in zip(compiled, by_torch, strict=True):
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)
        assert not torch.equal(numbers(other), numbers(one))


@pytest.mark.parametrize(("compiler", "why"), [("no-such-compiler", "could not be used"), ("false", "failed")])
def test_a_compiler_that_cannot_compile_is_told_of(compiler: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    found = native.native.__wrapped__(torch.float32)
    assert found.library is None
    assert why in found.missing
    assert compiler in found.missing


def test_a_network_that_is_not_written_out_is_what_it_is_alone() -> None:
    def runs() -> list[Training]:
        draw = np.random.default_rng(0)
        X, y = draw.normal(size=(60, 64)), np.arange(60) % 3
        kind = family_named("cnn").network
        assert kind is not None
        task = Task("multiclass", 60, 64, 3, image=(1, 8, 8))
        config: dict[str, Any] = {"channels": 2, "batch_size": 16, "epochs": 3, "precision": "float64", "dropout": 0.3}
        return [Training.start(kind, config, task, X, y, seed) for seed in range(2)]

    alone, others = runs(), runs()
    for run in alone:
        run.advance()
    together(others)
    for one, other in zip(alone, others, strict=True):
        assert one.epochs_used == other.epochs_used
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


def test_a_network_that_begins_with_a_norm_is_what_it_is_alone(tmp_path: Path) -> None:
    layers = "nn.LayerNorm(7), nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 3)"
    (tmp_path / "begins.py").write_text(f"from torch import nn\n\ndef build():\n    return nn.Sequential({layers})\n")
    kind = factory_network("begins:build", tmp_path, (), "scaled")

    def runs() -> list[Training]:
        draw = np.random.default_rng(0)
        X, y = draw.normal(size=(60, 7)), np.arange(60) % 3
        config: dict[str, Any] = {"batch_size": 16, "epochs": 3, "precision": "float64"}
        return [Training.start(kind, config, Task("multiclass", 60, 7, 3), X, y, seed) for seed in range(2)]

    alone, others = runs(), runs()
    for run in alone:
        run.advance()
    together(others)
    for one, other in zip(alone, others, strict=True):
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


def test_one_linear_layer_is_a_stack_of_its_own_kind() -> None:
    stacked = [a_run(index, family="softmax", label_smoothing=0.1 * index) for index in range(3)]
    rows = together(stacked)
    assert rows[0].choice is not None
    assert rows[0].choice.path == "written"
    for index, other in enumerate(stacked):
        one = a_run(index, family="softmax", label_smoothing=0.1 * index)
        one.advance()
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


@pytest.fixture
def kept_products(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gradients of all weights, however few, are kept as products."""
    if native.native(torch.float64).library is None:
        pytest.skip("this machine has no C compiler")
    pieces = Mock(wraps=updates.pieces_of)
    monkeypatch.setattr(native, "takes_products", lambda _: True)
    monkeypatch.setattr(passes, "LEAST_BYTES", 0)
    monkeypatch.setattr(updates, "pieces_of", pieces)
    yield
    assert any(products for (_, products), _ in pieces.call_args_list)


@pytest.mark.usefixtures("kept_products")
@pytest.mark.parametrize(
    "config",
    [
        {"width": 75, "batch_size": 15},
        {"optimizer": "adam", "ema": 0.9, "l1": 1e-4, "batch_norm": True, "residual": True, "width": 17},
        {"optimizer": "sgd", "regression": True, "layer_norm": True, "activation": "gelu", "width": 8},
    ],
    ids=["adamw", "adam", "sgd"],
)
def test_gradients_that_are_kept_as_products_train_the_same(config: dict[str, Any]) -> None:
    alone, stacked = some_runs(**config), some_runs(**config)
    for run in alone:
        run.advance(3)
    together(stacked, 3)
    for one, other in zip(alone, stacked, strict=True):
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


@pytest.mark.usefixtures("kept_products")
def test_with_products_too_one_that_diverges_leaves_the_others_as_they_are() -> None:
    runs, others = some_runs(precision="float32", width=50), some_runs(precision="float32", width=50)
    broken = a_run(7, precision="float32", dropout=0.2, width=50)
    with torch.no_grad():
        broken.learner.parameters.values[5] = torch.nan
    before = numbers(broken)
    rows = together([runs[0], broken, *runs[1:]])
    assert isinstance(rows[1].diverged, Diverged)
    assert torch.equal(numbers(broken).nan_to_num(), before.nan_to_num())
    together(others)
    assert all(torch.equal(numbers(one), numbers(other)) for one, other in zip(runs, others, strict=True))


def test_single_precision_is_close() -> None:
    alone, stacked = some_runs(precision="float32"), some_runs(precision="float32")
    for run in alone:
        run.advance(2)
    together(stacked, 2)
    for one, other in zip(alone, stacked, strict=True):
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-4)


def test_a_run_does_not_depend_on_its_neighbours() -> None:
    first, second = some_runs(precision="float32"), some_runs(precision="float32")
    together(first)
    for run in second:
        advance(run)
    assert all(torch.equal(numbers(one), numbers(other)) for one, other in zip(first, second, strict=True))


def test_one_that_diverges_leaves_the_others_as_they_are() -> None:
    runs, others = some_runs(precision="float32"), some_runs(precision="float32")
    broken = a_run(7, precision="float32", dropout=0.2)
    with torch.no_grad():
        broken.learner.parameters.values[5] = torch.nan
    rows = together([runs[0], broken, *runs[1:]])
    assert isinstance(rows[1].diverged, Diverged)
    assert (rows[1].diverged.epoch, rows[1].diverged.step) == (1, 1)
    together(others)
    assert all(torch.equal(numbers(one), numbers(other)) for one, other in zip(runs, others, strict=True))


def test_checkpoints_go_from_a_stack_to_a_run_alone_and_back() -> None:
    alone, stacked = some_runs(), some_runs()
    draw = np.random.default_rng(0)
    X = draw.normal(size=(ROWS, COLUMNS))
    y = (X[:, :CLASSES] + draw.normal(size=(ROWS, CLASSES))).argmax(axis=1)

    def again(run: Training) -> Training:
        n = len(run.rows.features) + len(run.rows.watched_features)
        assert KIND is not None
        return Training.resume(KIND, run.checkpoint(), X[:n], y[:n], (X, y))

    for run in alone:
        run.advance(3)
    together(stacked, 1)
    halfway = [again(run) for run in stacked]
    for run in halfway:
        run.advance(2)
    back = [again(run) for run in halfway]
    together(back, 3)
    for one, other in zip(alone, back, strict=True):
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


def test_time_is_shared_out_by_the_batches_of_each_run() -> None:
    rows = [Row(a_run(0), 3), Row(a_run(1), 1)]
    advance_together(rows)
    assert rows[0].seconds > rows[1].seconds > 0
    assert rows[0].cpu_seconds > 0


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"learning_rate": 0.1, "dropout": 0.3, "weight_decay": 0.0, "beta1": 0.5, "ema": 0.0, "patience": 3}, True),
        ({"dropout": 0.0}, False),
        ({"width": 13}, False),
        ({"batch_size": 8}, False),
        ({"optimizer": "sgd"}, False),
        ({"ema": 0.5}, False),
        ({"activation": "tanh"}, False),
        ({"class_weights": "balanced"}, False),
        ({"precision": "float32"}, False),
    ],
)
def test_only_runs_of_one_shape_are_stacked(other: dict[str, Any], same: bool) -> None:
    assert len(stacks_of([a_run(0), a_run(1, **other)])) == (1 if same else 2)


def test_runs_with_weights_of_their_own_share_a_stack() -> None:
    assert len(stacks_of([a_run(index, ROWS - index, class_weights="balanced") for index in range(3)])) == 1


def test_a_stack_is_as_large_as_a_cache_makes_use_of() -> None:
    build: Callable[[int], list[Training]] = lambda width: [a_run(i, width=width) for i in range(18)]  # noqa: E731
    assert [len(stack) for stack in stacks_of(build(12))] == [9, 9]
    assert [len(stack) for stack in stacks_of(build(12), largest=18)] == [18]
    assert [len(stack) for stack in stacks_of([a_run(i, width=1100) for i in range(2)])] == [1, 1]
    sizes = [stack_size(build(width)[0], compiled=True) for width in (12, 150, 500)]
    assert sizes == [16, 3, 1]
