"""Random search: trial k from the stream of trial k."""

from __future__ import annotations

import numpy as np

from holdfast.rng import Streams
from holdfast.search.random import RandomSearch
from holdfast.space import Categorical, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal, search

SPACE = Space({"x": Float(0, 1), "rate": Float(1e-4, 1, log=True), "n": Int(1, 4)})


def test_draws_are_uniform_on_each_scale() -> None:
    asked = RandomSearch().ask(Rehearsal(SPACE).history(), 2000, Streams(0))
    units = np.array([SPACE.encode(s.config) for s in asked])
    for column, cells in ((units[:, 0], 10), (units[:, 1], 10), (units[:, 2], 4)):
        counts = np.histogram(column, bins=cells, range=(0, 1))[0]
        expected = len(units) / cells
        assert ((counts - expected) ** 2 / expected).sum() < 35  # chi-square, 9 degrees of freedom: p = 6e-5
    assert np.abs(np.corrcoef(units.T) - np.eye(3)).max() < 0.1


def test_only_the_trial_s_number_matters() -> None:
    """Neither how many are asked for at once, nor what came before."""
    together = [s.config for s in RandomSearch().ask(Rehearsal(SPACE).history(), 6, Streams(1))]
    rehearsal = Rehearsal(SPACE)
    one_by_one = [s.config for s in search(RandomSearch(), rehearsal, lambda c: float(c["x"]), asks=6, seed=1)]  # type: ignore[arg-type]
    assert one_by_one == together
    other = Rehearsal(SPACE)
    for _ in range(3):
        other.start(SPACE.default_config())
    assert [s.config for s in RandomSearch().ask(other.history(), 3, Streams(1))] == together[3:]
    assert [s.config for s in RandomSearch().ask(Rehearsal(SPACE).history(), 6, Streams(2))] != together


def test_a_finite_space_is_used_up_without_repetition() -> None:
    space = Space({"a": Categorical(list(range(7))), "b": Int(1, 3)})
    rehearsal = Rehearsal(space)
    asked = search(RandomSearch(), rehearsal, lambda _: 1.0, asks=30, seed=0, at_once=2)
    assert len({space.key(s.config) for s in asked}) == len(asked) == 21
