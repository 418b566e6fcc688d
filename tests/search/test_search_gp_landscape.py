from __future__ import annotations

import math

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.cost import Cheap
from holdfast.search.gp.embedding import smooth_columns
from holdfast.search.gp.feasibility import Feasible
from holdfast.search.gp.landscape import Bound, Improvement, Landscape
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.model import Model, model_of
from holdfast.search.gp.preference import Preference
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.rehearsal import Rehearsal, random_trials

MIXED = Space(
    {
        "rate": Float(1e-4, 1, log=True, prior=Normal(1e-2, 1)),
        "kind": Categorical(["a", "b", "c"]),
        "depth": Int(1, 5),
        "momentum": Float(0, 1, when={"kind": "a"}),
        "size": Categorical([8, 16, 32], ordered=True),
    }
)


def model(space: Space = MIXED, n: int = 18) -> Model:
    rehearsal = Rehearsal(space)
    random_trials(rehearsal, [math.sin(2 * i) + math.cos(i * i) for i in range(n)])
    return model_of(rehearsal.history(), Streams(0))


def full(space: Space = MIXED) -> Landscape:
    """A landscape with a term of each kind."""
    known = model(space)
    rng = np.random.default_rng(0)
    features = known.embed(space.snap(rng.random((15, len(space)))))
    aspect = Told(object(), known.embed.group, features).aspect("x", rng.standard_normal(15), np.arange(15))
    assert aspect is not None
    worth = Improvement(known.beliefs, known.bests)
    return Landscape(
        space, known.embed, (worth, Feasible(aspect.posterior, 0.3), Cheap(aspect, 0.6)), Preference(space, 0.4)
    )


def test_it_is_the_sum_of_its_parts() -> None:
    landscape = full()
    units = np.random.default_rng(1).random((40, len(MIXED)))
    snapped = MIXED.snap(units)
    features = landscape.embedding(snapped)
    assert landscape.preference is not None
    expected = sum((term.value(features) for term in landscape.terms), np.zeros(len(units)))
    expected += landscape.preference.value(snapped)
    np.testing.assert_allclose(landscape(units), expected, rtol=1e-12)


def test_gradients_against_finite_differences() -> None:
    landscape, smooth = full(), smooth_columns(MIXED)
    bare = Landscape(MIXED, landscape.embedding, (Bound(model().beliefs, 2.0),))
    unfeasible = Landscape(MIXED, landscape.embedding, landscape.terms[1:])
    units = 0.05 + 0.9 * np.random.default_rng(2).random((8, len(MIXED)))
    for each in (landscape, bare, unfeasible):
        value, gradient = each.with_gradient(units, smooth)
        np.testing.assert_allclose(value, each(units), rtol=1e-9, atol=1e-9)
        for at, column in enumerate(smooth):
            step = np.zeros(len(MIXED))
            step[column] = 1e-5
            slope = (each(units + step) - each(units - step)) / 2e-5
            np.testing.assert_allclose(gradient[:, at], slope, rtol=1e-3, atol=1e-4)


def brute_force(landscape: Landscape, resolution: int) -> float:
    """The highest acquisition over every combination of choices and a fine grid of the numbers."""
    axes = []
    for domain in landscape.space.domains.values():
        cells = domain.cells or resolution
        axes.append((np.arange(cells) + 0.5) / cells if domain.cells else np.linspace(0, 1, resolution))
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    return float(max(landscape(part).max() for part in np.array_split(points, 1 + len(points) // 20_000)))


def test_the_search_finds_what_brute_force_finds_in_a_mixed_space() -> None:
    for n in (10, 18, 26):
        known = model(n=n)
        landscape = known.landscape(MIXED, None)
        _, values = ranked(landscape, known.centres, 2048, np.random.default_rng(n))
        assert values[0] >= brute_force(landscape, 41) - 1e-3


def test_forbidden_points_are_minus_infinity_and_never_ranked_first() -> None:
    space = Space(
        {"x": Float(0, 1), "y": Float(0, 1), "kind": Categorical(["a", "b"])}, forbid=["x + y > 0.3", "kind == 'b'"]
    )
    known = model(space)
    landscape = known.landscape(space, None)
    units, values = ranked(landscape, known.centres, 200, np.random.default_rng(0))
    possible = units[values > -np.inf]
    assert len(possible) > 50
    assert all(space.allows(space.decode(unit)) for unit in possible)
    assert np.all(landscape(np.array([[0.9, 0.9, 0.2]])) == -np.inf)
