from __future__ import annotations

import numpy as np
import pytest

from holdfast.rng import Streams
from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.landscape import Improvement, Landscape
from holdfast.search.gp.model import model_of
from holdfast.search.gp.targets import standardise
from holdfast.search.gp.warping import FEWEST_RESULTS, fit_warp
from holdfast.space import Categorical, Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"rate": Float(0, 1), "other": Float(0, 1), "kind": Categorical(["a", "b"])})


def wavy(units: np.ndarray, power: float) -> np.ndarray:
    """As smooth everywhere in ``rate`` to that power."""
    return np.sin(9 * units[:, 0] ** power) + 0.5 * units[:, 1] + 0.2 * (units[:, 2] > 0.5)


@pytest.mark.parametrize(("power", "bent"), [(4.0, True), (1.0, False)])
def test_a_warp_is_found_where_the_scale_is_wrong_and_only_there(power: float, bent: bool) -> None:
    units = SPACE.sample_units(np.random.default_rng(3), 60)
    embed = embedding(SPACE)
    exponents = fit_warp(embed, embed(units), standardise(wavy(units, power)))
    assert (exponents is not None) == bent
    if exponents is not None:
        assert exponents[0, 0] > 1.5, "the far end is stretched"


def told(n: int) -> Rehearsal:
    rehearsal = Rehearsal(SPACE)
    units = SPACE.sample_units(np.random.default_rng(0), n)
    for unit, loss in zip(units, wavy(units, 4.0), strict=True):
        rehearsal.finish(rehearsal.start(SPACE.decode(unit)), float(loss))
    return rehearsal


def test_the_model_warps_once_there_are_enough_results() -> None:
    assert model_of(told(FEWEST_RESULTS - 1).history(), Streams(0)).embed.exponents is None
    assert model_of(told(60).history(), Streams(0)).embed.exponents is not None


def test_earlier_studies_are_compared_on_the_declared_scales() -> None:
    rehearsal = told(60)
    units = SPACE.sample_units(np.random.default_rng(1), 20)
    rehearsal.learn("before", [SPACE.decode(unit) for unit in units], wavy(units, 4.0).tolist())
    assert model_of(rehearsal.history(), Streams(0)).embed.exponents is None


def test_gradients_of_a_warped_landscape_against_finite_differences() -> None:
    model = model_of(told(60).history(), Streams(0))
    landscape = Landscape(SPACE, model.embed, (Improvement(model.beliefs, model.bests),))
    smooth, step = np.array([0, 1]), 1e-6
    units = SPACE.sample_units(np.random.default_rng(2), 12)
    units[:, :2] = units[:, :2].clip(0.05, 0.95)
    _, gradient = landscape.with_gradient(units, smooth)
    for position, column in enumerate(smooth):
        up, down = units.copy(), units.copy()
        up[:, column] += step
        down[:, column] -= step
        numeric = (landscape(up) - landscape(down)) / (2 * step)
        np.testing.assert_allclose(gradient[:, position], numeric, rtol=1e-3, atol=1e-4)
