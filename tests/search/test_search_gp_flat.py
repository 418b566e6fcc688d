from __future__ import annotations

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.flat import outside_flats
from holdfast.search.gp.model import model_of
from holdfast.search.gp.surrogate import Kernel
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

KERNELS = [Kernel(np.array([0.5]), 1e-3, 1.0), Kernel(np.array([2.0]), 1e-3, 1.0)]  # a length-scale of 1 on average
GROUP = np.array([0])


def at(*places: float) -> np.ndarray:
    return np.array(places)[:, None]


def test_a_place_is_as_wide_as_its_equals_are_nearer_than_any_other() -> None:
    found = outside_flats(KERNELS, GROUP, at(0.1, 0.2, 0.37, 0.5, 0.9), np.array([3.0, 3.0, 3.0, 2.0, 3.0]))
    assert found is not None
    np.testing.assert_allclose(found.centres[:, 0], [0.1, 0.2])  # 0.37 and 0.9 have 0.5 nearest
    np.testing.assert_allclose(np.sqrt(found.squared_radii), [0.27, 0.17])


def test_without_ties_nothing_is_flat() -> None:
    assert outside_flats(KERNELS, GROUP, at(0.1, 0.2, 0.3), np.array([3.0, 2.0, 1.0])) is None
    assert outside_flats(KERNELS, GROUP, at(0.1, 0.2, 0.3), np.array([np.nan, np.nan, 1.0])) is None
    assert outside_flats(KERNELS, GROUP, at(0.2, 0.2), np.array([1.0, 1.0])) is None  # one place, tried twice


def test_what_is_left_of_the_acquisition_by_hand() -> None:
    found = outside_flats(KERNELS, GROUP, at(0.0, 0.1), np.array([1.0, 1.0]))
    assert found is not None
    np.testing.assert_allclose(
        found.value(at(0.2)), np.log(1 - np.exp(-0.5 * 4)) + np.log(1 - np.exp(-0.5 * 1)), rtol=1e-12
    )
    assert found.value(at(5.0)) == 0.0
    assert found.value(at(0.1))[0] < -15


def test_gradient_against_finite_differences() -> None:
    rng = np.random.default_rng(0)
    group = np.array([0, 1, 1])
    kernel = Kernel(np.array([0.4, 1.3]), 1e-3, 1.0)
    found = outside_flats([kernel], group, rng.random((12, 3)), np.repeat([1.0, 2.0], 6))
    assert found is not None
    features, step = rng.random((8, 3)), 1e-6
    _, gradient = found.with_gradient(features)
    for column in range(3):
        up, down = features.copy(), features.copy()
        up[:, column] += step
        down[:, column] -= step
        numeric = (found.value(up) - found.value(down)) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], numeric, rtol=1e-4, atol=1e-6)


def test_the_model_knows_them() -> None:
    rehearsal = Rehearsal(Space({"x": Float(0, 1)}))
    for x in (0.1, 0.15, 0.2, 0.6, 0.9):
        rehearsal.finish(rehearsal.start({"x": x}), 1.0 if x < 0.3 else x)
    model = model_of(rehearsal.history(), Streams(0))
    assert model.flats is not None
    assert len(model.flats.centres) == 3
