"""The benchmark of trees: both spaces hold the same losses, and the best leaf is what the benchmark says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import nested
from holdfast.records import Config

TREES = list(nested.TREES)


@pytest.mark.parametrize("name", TREES)
def test_both_spaces_hold_the_same_losses(name: str) -> None:
    task = nested.task_of(name, 0)
    tree, flat = task.space("nested"), task.space("flat")
    for unit in tree.sample_units(np.random.default_rng(0), 50):
        config = tree.decode(unit)
        same: Config = {key: value for key, value in config.items() if key in flat}
        same["leaf"] = task.word(config)
        assert task.loss(flat.validate(same)) == task.loss(config)


@pytest.mark.parametrize("name", TREES)
def test_only_the_best_leaf_has_losses_under_the_floor_of_the_others(name: str) -> None:
    task = nested.task_of(name, 1)
    best = int(np.argmin(task.floors))
    lowest: Config = dict(task.optima[best])
    lowest["leaf"] = task.leaves[best].word
    assert task.loss(lowest) == pytest.approx(0.0)
    space = task.space("flat")
    under = (space.decode(unit) for unit in space.sample_units(np.random.default_rng(0), 2000))
    assert {config["leaf"] for config in under if task.loss(config) < nested.LEAST_FLOOR} <= {lowest["leaf"]}


def test_a_run_is_in_the_table() -> None:
    line = nested.run("chain", "nested", "random", seed=0, trials=20)
    assert len(line["regret"]) == 20
    assert sum(line["visits"].values()) == 20
    assert "| random | nested | 2 |" in nested.table([line, line])
