"""Stacks as an accelerator trains them, here on the CPU: each run is what it would have been alone."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from holdfast.train.failures import Diverged
from holdfast.train.models.counting import counted_bits
from holdfast.train.registry import family_named
from holdfast.train.stacked import accelerator, pooled, together
from holdfast.train.stacked.products import is_product, with_products
from holdfast.train.stacked.queued import Queued
from holdfast.train.stacked.stack import Path, Row
from holdfast.train.stacked.written import Written, prepare
from holdfast.train.task import Task
from holdfast.train.training import Training

ROWS, COLUMNS, CLASSES = 130, 16, 3
WRITTEN = Path("written", Written, prepare)


def a_run(seed: int, n: int = ROWS, family: str = "mlp", **config: Any) -> Training:
    """A run whose masks are counted, as on an accelerator: its device is not the one that has generators."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(ROWS, COLUMNS))
    y = (X[:, :CLASSES] + draw.normal(size=(ROWS, CLASSES))).argmax(axis=1)
    task = Task("multiclass", n, COLUMNS, CLASSES, image=(1, 4, 4) if family == "cnn" else ())
    kind = family_named(family).network
    assert kind is not None
    shape = {"mlp": {"width": 12, "depth": 2}, "cnn": {"channels": 2, "blocks": 1}}[family]
    settings = {**shape, "batch_size": 16, "epochs": 4, "precision": "float64", **config}
    run = Training.start(kind, settings, task, X[:n], y[:n], seed, judged=(X, y))
    if run.device.type == "cpu":
        run.device = torch.device("cpu:0")
    return run


def some_runs(family: str = "mlp", **config: Any) -> list[Training]:
    """Three runs on folds of different sizes."""
    own = [
        {
            "learning_rate": 1e-3 * (1 + i),
            "dropout": 0.1 + 0.1 * i,
            "weight_decay": 0.02 * i,
            "label_smoothing": 0.05 * i,
        }
        for i in range(3)
    ]
    return [a_run(i, ROWS - 20 * i, family, **{**own[i], **config}) for i in range(3)]


def numbers(run: Training) -> np.ndarray:
    learner = run.learner
    state = [learner.parameters.values, *learner.state.values(), *learner.network.buffers(), run.best.values]
    return torch.cat([tensor.flatten().double() for tensor in state]).cpu().numpy()


CASES = pytest.mark.parametrize(
    ("family", "config"),
    [
        ("mlp", {"clip": 0.5, "l1": 1e-4, "ema": 0.9}),
        ("mlp", {"optimizer": "sgd", "nesterov": True, "class_weights": "balanced", "batch_norm": True}),
        ("mlp", {"optimizer": "adam", "augmentation": "noise"}),
        ("cnn", {}),
    ],
)


def check_queued(family: str, config: dict[str, Any], apart: float = 1e-10) -> None:
    """Each of some runs is what it is alone."""
    config = {"augmentation": "none", **config}
    runs, alone = some_runs(family, **config), some_runs(family, **config)
    path = accelerator._paths_of(runs[0])[-1]
    assert path.name == {"mlp": "written", "cnn": "vmap of products"}[family]
    Queued([Row(run) for run in runs], path).advance()
    for one, other in zip(alone, runs, strict=True):
        one.advance()
        assert one.progress.epoch == other.progress.epoch
        assert apart > 1e-10 or (one.epochs_used == other.epochs_used and one.curve == other.curve)
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=apart)


@CASES
def test_a_queued_run_is_what_it_is_alone(family: str, config: dict[str, Any]) -> None:
    check_queued(family, config)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
@CASES
def test_on_cuda_too(family: str, config: dict[str, Any]) -> None:
    config = {"device": "cuda", "batch_size": 8, **config}  # fifteen steps and more, so that they are recorded
    check_queued(family, config)
    check_queued(family, {**config, "precision": "float32"}, 1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
def test_mixed_precision_in_a_stack_is_that_of_a_run_alone() -> None:
    config: dict[str, Any] = {"device": "cuda", "batch_size": 8, "precision": "amp", "augmentation": "none"}
    runs, alone = some_runs(**config), some_runs(**config)
    rows = [Row(run) for run in runs]
    together.advance_together(rows)
    assert rows[0].choice is not None
    assert rows[0].choice.failure is None
    for one, other in zip(alone, runs, strict=True):
        one.advance()
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=0.1)


@pytest.mark.parametrize(("kernel", "stride", "padding", "bias"), [(3, 1, 1, False), ((1, 3), 2, (0, 1), True)])
def test_a_product_is_the_convolution(kernel: Any, stride: int, padding: Any, bias: bool) -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, kernel, stride, padding, bias=bias)).double()
    x = torch.randn(4, 3, 7, 6, dtype=torch.float64)
    expected = network(x)
    np.testing.assert_allclose(with_products(network)(x).detach(), expected.detach(), atol=1e-12)
    assert not is_product(nn.Conv2d(4, 4, 3, groups=2))


def test_a_run_that_diverges_ends_alone_and_in_long_epochs_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.train.stacked.queued.LOOK_AFTER", 2)
    wild: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1e9, "clip": 0.0, "augmentation": "none"}
    calm: dict[str, Any] = {"optimizer": "sgd", "clip": 0.0, "augmentation": "none"}
    rows = [Row(a_run(0, **wild)), Row(a_run(1, **calm)), Row(a_run(2, **wild))]
    Queued(rows, WRITTEN).advance()
    for seed in (0, 2):
        with pytest.raises(Diverged) as alone:
            a_run(seed, **wild).advance()
        assert str(rows[seed].diverged) == str(alone.value)
    one = a_run(1, **calm)
    one.advance()
    assert rows[1].diverged is None
    np.testing.assert_allclose(numbers(rows[1].run), numbers(one), rtol=0, atol=1e-10)


def test_runs_that_end_early_are_left_as_they_were_while_others_go_on() -> None:
    def made() -> list[Training]:
        return [a_run(i, epochs=2 + 3 * (i % 4), patience=2, augmentation="none") for i in range(6)]

    runs, alone = made(), made()
    Queued([Row(run) for run in runs], WRITTEN).advance()
    for one, other in zip(alone, runs, strict=True):
        one.advance()
        assert (one.progress.epoch, one.progress.best_epoch) == (other.progress.epoch, other.progress.best_epoch)
        np.testing.assert_allclose(numbers(other), numbers(one), rtol=0, atol=1e-10)


def test_a_rung_at_a_time_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled, "LAID_OUT_BYTES", 1)
    runs, whole = some_runs(augmentation="mixup"), some_runs(augmentation="mixup")
    for until in (1, 3, None):
        Queued([Row(run, until) for run in runs], WRITTEN).advance()
    Queued([Row(run) for run in whole], WRITTEN).advance()
    for one, other in zip(whole, runs, strict=True):
        assert one.checkpoint() == other.checkpoint()


def test_the_choice_tells_why_and_what_cannot_be_stacked_is_trained_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(run) for run in some_runs(augmentation="none")]
    accelerator.train("a bucket", rows, deterministic=False)
    assert rows[0].choice is not None
    assert rows[0].choice.path in {"written", "plain"}
    assert rows[0].choice.probe["plain"] > 0.0

    def refuse(*_: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr(Written, "step", refuse)
    rows = [Row(run) for run in some_runs(augmentation="none")]
    accelerator.train("another", rows, deterministic=False)
    assert rows[0].choice is not None
    assert "torch cannot stack them: RuntimeError: no such operation" in rows[0].choice.text
    assert all(row.run.finished for row in rows)
    alone = [Row(a_run(0, augmentation="none"))]
    accelerator.train("another", alone, deterministic=False)
    assert alone[0].choice is not None
    assert "there is one at a time, of few steps" in alone[0].choice.text


def test_short_memory_halves_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Short(Queued):
        def __init__(self, rows: list[Row], path: Path) -> None:
            made.append(len(rows))
            if len(rows) > 2:
                raise torch.cuda.OutOfMemoryError
            super().__init__(rows, path)

    monkeypatch.setattr(accelerator, "Queued", Short)
    rows = [Row(run) for run in [*some_runs(augmentation="none"), *some_runs(augmentation="none")]]
    assert accelerator._in_stacks(rows, WRITTEN, 6) == 1
    assert made == [6, 3, 1, 1, 1, 1, 1, 1]
    assert all(row.run.finished for row in rows)


def test_counted_bits_are_the_same_in_any_parts_and_look_like_coins() -> None:
    seeds = torch.tensor([[0], [1], [-5]])
    whole = counted_bits(seeds, 0, 4000)
    parts = [counted_bits(seeds, 0, 1500), counted_bits(seeds, torch.tensor([1500]), 2500)]
    assert torch.equal(whole, torch.cat(parts, dim=1))
    bits = torch.stack([(whole >> place) & 1 for place in range(64)]).double()
    assert abs(float(bits.mean()) - 0.5) < 0.002
    assert float((bits.mean(dim=(1, 2)) - 0.5).abs().max()) < 0.02
    correlation = torch.corrcoef(whole.view(torch.int16).double().view(3, -1))
    assert float((correlation - torch.eye(3)).abs().max()) < 0.03
