"""A run whose learning rate rises with every update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.train.conftest import build_table, build_task

from holdfast.train.rate_range import geometric, read_sweeps
from holdfast.train.rate_sweep import sweep
from holdfast.train.registry import family_named
from holdfast.train.training import Training

RATES = geometric(1e-5, 100.0, 120)


def run(seed: int = 0, **config: Any) -> Training:
    X, y = build_table("multiclass", n=200)
    network = family_named("mlp").network
    assert network is not None
    return Training.start(network, {"width": 16, **config}, build_task("multiclass", 200), X, y, seed)


def test_falls_and_explodes() -> None:
    found = sweep(run(optimizer="sgd"), RATES)
    assert len(found.losses) < len(RATES)
    assert np.isfinite(found.losses).all()
    read = read_sweeps([found])
    assert read.edge is not None
    assert 1e-3 < read.edge < 10.0


def test_the_same_seed_gives_the_same_losses() -> None:
    first, second, other = sweep(run(), RATES), sweep(run(), RATES), sweep(run(seed=1), RATES)
    assert np.array_equal(first.losses, second.losses)
    assert not np.array_equal(first.losses[:10], other.losses[:10])


def test_the_first_loss_is_that_of_the_untrained_network() -> None:
    found = sweep(run(label_smoothing=0.0, dropout=0.0), RATES)
    assert found.losses[0] == pytest.approx(np.log(3), rel=0.6)


def test_the_rate_is_the_hyperparameter_whatever_the_batch_rule_makes_of_it() -> None:
    plain = sweep(run(batch_size=64, optimizer="sgd"), RATES)
    ruled = sweep(run(batch_size=64, optimizer="sgd", batch_rule="linear", base_batch=16), RATES / 4)
    assert np.allclose(plain.losses[:60], ruled.losses[:60], rtol=1e-4)
