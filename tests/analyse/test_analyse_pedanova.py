from __future__ import annotations

import numpy as np

import holdfast
from holdfast.analyse.measure import measure
from holdfast.analyse.observed import Observed
from holdfast.analyse.pedanova import pedanova

SPACE = holdfast.Space(
    {
        "optimizer": holdfast.Categorical(["sgd", "adam"]),
        "momentum": holdfast.Float(0, 1, when={"optimizer": "sgd"}),
        "x": holdfast.Float(1e-4, 1, log=True),
        "layers": holdfast.Int(1, 5),
        "nothing": holdfast.Float(0, 1),
    }
)


def trials_of(losses: np.ndarray | None = None, n: int = 300, seed: int = 0) -> Observed:
    draw = np.random.default_rng(seed)
    units = SPACE.snap(draw.random((n, 5)))
    if losses is None:
        losses = (units[:, 2] - 0.3) ** 2 + 0.3 * np.nan_to_num(units[:, 1], nan=1.0) + 0.1 * units[:, 3]
    return Observed(SPACE, np.arange(n), units, losses, 1.0, 0, seed)


def test_what_the_best_have_in_common_is_found_without_a_model() -> None:
    trials = trials_of()
    shares = dict(zip(SPACE.names, pedanova(trials, measure(SPACE)), strict=True))
    values = {name: share.value for name, share in shares.items() if share is not None}
    assert values["optimizer"] + values["momentum"] > 0.5
    assert shares["x"] is not None
    assert shares["x"].sure
    assert shares["nothing"] is not None
    assert shares["nothing"].low == 0
    assert values["nothing"] < 0.05


def test_noise_is_not_taken_for_a_cause() -> None:
    sure = 0
    for seed in range(20):
        trials = trials_of(np.random.default_rng(seed).normal(size=100), n=100, seed=seed)
        sure += sum(share is not None for share in pedanova(trials, measure(SPACE)))
    assert sure <= 5
