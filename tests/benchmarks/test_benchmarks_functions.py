"""The functions of the search benchmark: known optima, spaces, and beliefs about them."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.search_parts.functions import FUNCTIONS, offsets
from benchmarks.search_parts.ours import space_of
from benchmarks.search_parts.priors import BEST, space_with
from benchmarks.search_parts.tasks import Task, active, load, sample


@pytest.mark.parametrize("name", list(BEST))
def test_the_known_optimum_scores_zero_and_nothing_scores_less(name: str) -> None:
    _, space, loss = FUNCTIONS[name]
    assert loss(BEST[name]) == pytest.approx(0, abs=1e-9)
    rng = np.random.default_rng(0)
    assert min(loss(sample(space, rng)) for _ in range(500)) > 0


def test_branin_is_zero_at_each_of_its_three_optima() -> None:
    loss = FUNCTIONS["branin"][2]
    for x, y in ((-np.pi, 12.275), (np.pi, 2.275), (9.42478, 2.475)):
        assert loss({"x0": x, "x1": y}) == pytest.approx(0, abs=1e-6)


def test_optima_are_moved_off_the_centre_by_different_shares() -> None:
    shares = offsets(10)
    assert len(set(np.round(shares, 6))) == 10
    assert np.abs(shares).max() <= 0.4
    assert FUNCTIONS["ackley10"][2]({f"x{i}": 0.0 for i in range(10)}) > 5


@pytest.mark.parametrize("task", load(None), ids=lambda task: task.name)
def test_both_kinds_of_space_agree_on_what_is_active(task: Task) -> None:
    space, rng = space_of(task.space), np.random.default_rng(1)
    for _ in range(50):
        config = sample(task.space, rng)
        assert space.validate(config) == config
        ours = space.sample(rng)
        assert {item["name"] for item in task.space if active(item, ours)} == set(ours)
        assert np.isfinite(task.loss(ours))


def test_a_right_belief_is_worth_more_than_a_wrong_one() -> None:
    for task in load(None):
        if task.name not in BEST:
            continue
        unit = space_of(task.space).encode(BEST[task.name])[None]
        right, wrong = (space_with(task, belief).log_prior(unit)[0] for belief in ("right", "wrong"))
        assert right > 0 > wrong
