from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.analyse.forest import grow, marginals
from holdfast.analyse.measure import INACTIVE, MOST_BRANCHES, measure, places, thresholds_between
from holdfast.space import Domain

NESTED = holdfast.Space(
    {
        "momentum": holdfast.Float(0, 1, when={"optimizer": ["sgd", "rmsprop"]}),
        "optimizer": holdfast.Categorical(["sgd", "adam", "rmsprop", "lbfgs"]),
        "layers": holdfast.Int(1, 8, log=True),
        "dropout": holdfast.Float(0, 1, when={"layers": [3, 4, 5, 6, 7, 8]}),
        "nesterov": holdfast.Categorical([True, False], when={"optimizer": "sgd"}),
        "width": holdfast.Int(1, 1000),
        "share": holdfast.Float(0, 1, step=0.2),
        "of share": holdfast.Float(0, 1, step=0.01, when={"share": [0.2, 0.8, 1]}),
    }
)


def drawn(space: holdfast.Space, n: int, seed: int = 0) -> np.ndarray:
    return space.snap(np.random.default_rng(seed).random((n, len(space))))


def test_hyperparameters_are_as_often_active_as_in_random_configurations() -> None:
    units = drawn(NESTED, 40_000)
    space = measure(NESTED)
    assert space.probability.sum() == pytest.approx(1)
    shown = (~np.isnan(units)).mean(axis=0)
    assert [space.active(i) for i in range(8)] == pytest.approx(shown, abs=0.01)
    assert space.active(0) == pytest.approx(0.5)
    points = space.points(4096, seed=1)
    assert (points != INACTIVE).mean(axis=0) == pytest.approx(shown, abs=0.01)


def test_the_bins_of_a_whole_number_on_a_log_scale_are_its_values() -> None:
    edges = measure(NESTED).edges[2]
    assert len(edges) == 9
    values = [NESTED["layers"].from_unit(float(middle)) for middle in (edges[1:] + edges[:-1]) / 2]
    assert values == list(range(1, 9))


@pytest.mark.parametrize(
    "domain",
    [
        holdfast.Categorical(["a", "b", "c"]),
        holdfast.Int(2, 9),
        holdfast.Int(1, 9, log=True),
        holdfast.Float(0, 1, step=0.1),
    ],
)
def test_a_threshold_between_two_values_is_moved_to_where_their_cells_meet(domain: Domain) -> None:
    space = holdfast.Space({"n": domain})
    edges = measure(space).edges[0]
    middles = np.array([domain.to_unit(value) for value in domain.grid(99)])
    for part in (0.0, 0.01, 0.5, 0.99):
        between = (1 - part) * middles[:-1] + part * middles[1:]
        assert thresholds_between(domain, between) == pytest.approx(edges[1:-1])
        single = between.astype(np.float32).astype(float)
        assert thresholds_between(domain, single) == pytest.approx(edges[1:-1])
    assert thresholds_between(domain, np.array([-np.inf, -0.5, np.inf])) == pytest.approx([0, 0, 1])
    points = measure(space).points(256, seed=0)[:, 0]
    assert np.unique(points) == pytest.approx(middles)


def test_many_switches_do_not_make_too_many_branches() -> None:
    domains: dict[str, Domain] = {f"use_{i}": holdfast.Categorical([True, False]) for i in range(12)}
    domains |= {f"x_{i}": holdfast.Float(0, 1, when={f"use_{i}": True}) for i in range(12)}
    space = holdfast.Space(domains)
    found = measure(space)
    assert len(found.probability) == MOST_BRANCHES
    assert [found.active(12 + i) for i in range(12)] == pytest.approx([0.5] * 12, abs=0.15)


def test_marginals_over_boxes_are_means_over_the_space() -> None:
    units = drawn(NESTED, 300)
    at = places(units)
    losses = at[:, 5] + np.where(at[:, 0] >= 0, at[:, 0] * at[:, 5], 0.5) + 0.2 * (at[:, 1] > 0.5)
    forest = grow(at, losses, seed=0)
    space = measure(NESTED)
    found = marginals(forest, space, [0, 5])
    dense = places(drawn(NESTED, 200_000, seed=1))
    said = forest.predict(dense)
    assert found.mean == pytest.approx(said.mean(), abs=0.003)
    for i in (0, 1, 5):
        edges = space.edges[i]
        bins = np.digitize(dense[:, i], edges[1:-1])
        for b in (0, len(edges) - 2):
            here = (bins == b) & (dense[:, i] >= 0)
            assert found.single[i][b] == pytest.approx(said[here].mean(), abs=0.02)
    here = (dense[:, 0] >= 0) & (dense[:, 0] < space.edges[0][1]) & (dense[:, 5] < space.edges[5][1])
    assert found.together[0, 5][0, 0] == pytest.approx(said[here].mean(), abs=0.02)
    assert (found.pair[0, 5] * space.pair_mass(0, 5)).sum(axis=0) == pytest.approx(0, abs=1e-12)
    assert (found.pair[0, 5] * space.pair_mass(0, 5)).sum(axis=1) == pytest.approx(0, abs=1e-12)
