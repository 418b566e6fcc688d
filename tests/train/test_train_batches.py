from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.batches import (
    GradientNoise,
    at_batch,
    gradient_noise,
    noise_of_gradients,
    noise_of_squares,
    rate_factor,
)
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.networks import start_training
from holdfast.train.settings import Settings
from holdfast.train.task import Task

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]


def test_batch_rules_are_one_at_the_base() -> None:
    assert [rate_factor(rule, 32, 32) for rule in ("none", "linear", "sqrt")] == [1.0, 1.0, 1.0]
    assert [rate_factor(rule, 128, 32) for rule in ("none", "linear", "sqrt")] == [1.0, 4.0, 2.0]
    assert at_batch(Settings(learning_rate=0.1, batch_rule="sqrt"), 8).learning_rate == pytest.approx(0.05)


def test_a_rule_counts_the_rows_that_a_batch_has(make_table: MakeTable, make_task: MakeTask) -> None:
    """Batches of 256 of 108 fitted rows are the full set."""
    X, y = make_table("binary")
    config: Config = {"batch_size": 256, "batch_rule": "linear", "base_batch": 27, "learning_rate": 0.01}
    run = start_training(MLP_NETWORK, config, make_task("binary"), X, y, seed=0)
    assert run.batches == (108, 1)
    assert run.settings.learning_rate == pytest.approx(0.04)


def test_the_noise_scale_of_linear_regression_is_the_one_that_follows() -> None:
    """Rows x ~ N(0, I) of k features, y = x'w + e with a deviation of s, weights that are off by d.

    The gradient of (x'd - e)^2 has the mean 2 d and the mean square 4 ((k + 2) |d|^2 + s^2 k).
    """
    draw = np.random.default_rng(0)
    k, s, off = 5, 0.7, np.array([0.3, -0.2, 0.1, 0.0, 0.4])
    signal = 4.0 * off @ off
    noise = 4.0 * ((k + 2) * off @ off + s**2 * k) - signal
    found = []
    for _ in range(1500):
        X = draw.normal(size=(8, 16, k))
        slopes = 2.0 * (X @ off - s * draw.normal(size=(8, 16)))[..., None] * X
        found.append(noise_of_gradients(list(slopes.mean(axis=1)), rows=16))
    mean = GradientNoise.mean(found)
    assert mean.signal == pytest.approx(signal, rel=0.04)
    assert mean.noise == pytest.approx(noise, rel=0.05)
    assert mean.batch == pytest.approx(noise / signal, rel=0.06)


def test_half_of_the_progress_is_made_at_the_noise_scale() -> None:
    noise = GradientNoise(signal=2.0, noise=100.0)
    assert noise.batch == 50.0
    assert noise.progress(50) == 0.5
    assert GradientNoise(-0.1, 3.0).batch == math.inf
    assert GradientNoise(-0.1, 3.0).progress(64) == 0.0
    assert noise_of_squares(2.0 + 100.0 / 4, 2.0 + 100.0 / 64, 4, 64) == noise


def test_the_noise_of_a_run_is_that_of_its_rows(make_table: MakeTable, make_task: MakeTask) -> None:
    """Against the gradients of all single rows; the run goes on as if it had not been asked."""
    X, y = make_table("multiclass", n=600)
    runs = [start_training(MLP_NETWORK, {"width": 16}, make_task("multiclass"), X, y, seed=0) for _ in range(2)]
    for run in runs:
        run.advance(2)
    n = len(runs[0].rows.features)
    exact = noise_of_gradients(runs[0].gradients_of_batches(n, 1), rows=1)
    found = gradient_noise(runs[0], batches=30)
    assert found.batch == pytest.approx(exact.batch, rel=0.5)
    for run in runs:
        run.advance(4)
    assert runs[0].checkpoint() == runs[1].checkpoint()
    with pytest.raises(RequestError, match="two batches or more, not from 1"):
        gradient_noise(runs[0], batches=1)


def test_the_example_on_the_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    exec(code, {})
    assert f"# {capsys.readouterr().out.strip()}\n" in code
