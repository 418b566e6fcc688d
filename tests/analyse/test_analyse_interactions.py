from __future__ import annotations

import numpy as np

import holdfast
from holdfast.analyse.fanova import fanova
from holdfast.analyse.interactions import Interaction, interactions
from holdfast.analyse.observed import Observed


def pairs_of(space: holdfast.Space, losses: np.ndarray, units: np.ndarray) -> dict[frozenset[str], Interaction]:
    trials = Observed(space, np.arange(len(units)), units, losses, 1.0, 0, 0)
    return {frozenset(pair.names): pair for pair in interactions(trials, fanova(trials))}


def test_a_pair_is_of_hyperparameters_that_vary_while_both_are_active() -> None:
    space = holdfast.Space(
        {
            "model": holdfast.Categorical(["svm", "tree", "forest"]),
            "kernel": holdfast.Categorical(["linear", "rbf"], when={"model": "svm"}),
            "depth": holdfast.Float(0, 1, when={"model": ["tree", "forest"]}),
        }
    )
    units = space.snap(np.random.default_rng(0).random((60, 3)))
    depth = np.where(units[:, 0] > 0.6, 1.0 - units[:, 2], units[:, 2])
    (pair,) = pairs_of(space, np.nan_to_num(units[:, 1]) + np.nan_to_num(depth), units).values()
    assert pair.names == ("model", "depth")
    assert " the best model is tree, with depth at least " in pair.sentence()


def test_places_are_where_both_are_active_and_hold_their_ends() -> None:
    space = holdfast.Space(
        {
            "rate": holdfast.Float(0, 1, when={"layers": [4, 5, 6, 7, 8, 9]}),
            "layers": holdfast.Int(1, 9),
        }
    )
    units = space.snap(np.random.default_rng(0).random((400, 2)))
    rate, layers = units[:, 0], units[:, 1] * 9 + 0.5
    losses = np.where(np.isnan(rate), 0.0, np.where(layers < 6.5, 2.0, -1.0) * (rate - 0.5))
    (pair,) = pairs_of(space, losses, units).values()
    assert pair.names == ("rate", "layers")
    low, high = pair.places
    assert (low.where, high.where) == ("up to 5", "at least 8")
    assert float(str(low.best)) < 0.2
    assert float(str(high.best)) > 0.8
