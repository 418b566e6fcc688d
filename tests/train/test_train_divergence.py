from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from holdfast.records import Config
from holdfast.train.divergence import Guard
from holdfast.train.failures import Diverged
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.networks import resume_training, start_training
from holdfast.train.task import Task


def after(losses: Iterable[float], guard: Guard | None = None) -> Guard:
    guard = guard or Guard()
    for step, loss in enumerate(losses, start=1):
        guard = guard.after(loss, 1.0, 1, step)
    return guard


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.inf), (2.0, math.nan)])
def test_what_is_no_number_ends_a_run_at_once(loss: float, norm: float) -> None:
    with pytest.raises(Diverged, match="NaN or infinite in epoch 3, at step 7"):
        Guard(first=1.0).after(loss, norm, 3, 7)


def test_a_loss_that_stays_far_above_its_start_ends_a_run_at_the_third_batch() -> None:
    with pytest.raises(Diverged, match=r"rose to 5e\+05, from 2.3 at the start, in epoch 1, at step 4") as caught:
        after([2.3, 1e5, 3e5, 5e5, 7e5])
    assert caught.value.step == 4


@pytest.mark.parametrize(
    "losses",
    [
        [2.3, 1e5, 1e6, 2.0, 1e5, 1e6, 2.0],  # single outliers that the next batches mend
        [2.3, *[2e4] * 20],  # far too high, and a number all the same
        [1e-3, *[5e3] * 20],  # a start near zero sets no low bound
        [1e6, *[1e9] * 20],  # targets on a large scale begin with a large loss
    ],
)
def test_other_runs_go_on(losses: list[float]) -> None:
    after(losses)


def test_the_guard_goes_on_where_a_paused_run_does(
    make_table: Callable[..., tuple[np.ndarray, np.ndarray]], make_task: Callable[..., Task]
) -> None:
    X, y = make_table("binary")
    run = start_training(MLP_NETWORK, {}, make_task("binary"), X, y, seed=0)
    run.advance(1)
    assert run.guard.first is not None
    assert resume_training(MLP_NETWORK, run.checkpoint(), X, y).guard == run.guard


def test_an_exploding_run_is_found_within_some_steps(
    make_table: Callable[..., tuple[np.ndarray, np.ndarray]], make_task: Callable[..., Task]
) -> None:
    """Without clipping, SGD at a rate far too high doubles its weights until they are no numbers any more."""
    X, y = make_table("regression")
    config: Config = {"learning_rate": 3.0, "optimizer": "sgd", "clip": 0.0, "schedule": "constant", "warmup": 0.0}
    run = start_training(MLP_NETWORK, config, make_task("regression"), X, y, seed=0)
    with pytest.raises(Diverged) as caught:
        run.advance()
    assert caught.value.epoch <= 2
