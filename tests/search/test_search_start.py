"""What comes before there is something to learn from, and suggestions from a ranking."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search.base import new_suggestions
from holdfast.search.registry import make_strategy
from holdfast.search.sobol import MAX_DIMENSIONS, sobol_point
from holdfast.search.start import beside_priors_once, even_config, plain_default, start
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.rehearsal import Rehearsal

SQUARE = Space({"x": Float(0, 1, default=0.2), "y": Float(0, 1)})
STARTING = ("tpe", "evolution", "cma-es")


def candidates(space: Space, number: int, before: list[Config] | None = None) -> list[tuple[Config, str]]:
    return list(start(Rehearsal(space).history(), number, before or [], Streams(0), "mine", "mine: even", 7))


def test_the_default_comes_first_and_once() -> None:
    default: Config = {"x": 0.2, "y": 0.5}
    assert candidates(SQUARE, 0)[0] == (default, "mine: the default configuration")
    assert [why for _, why in candidates(SQUARE, 0)] == ["mine: the default configuration", "mine: even"]
    assert [why for _, why in candidates(SQUARE, 1, [default])] == ["mine: even"]


@pytest.mark.parametrize("name", STARTING)
def test_the_default_is_tried_although_somebody_else_began(name: str) -> None:
    rehearsal = Rehearsal(SQUARE)
    rehearsal.finish(rehearsal.start({"x": 0.9, "y": 0.9}), 1.0)
    asked = make_strategy(name).ask(rehearsal.history(), 2, Streams(0))
    assert asked[0].config == {"x": 0.2, "y": 0.5}
    assert asked[0].reason == f"{name}: the default configuration"
    assert asked[1].config != asked[0].config


def test_points_are_those_of_the_sequence_and_with_forbidden_ones_the_allowed_of_them() -> None:
    for number in (0, 5, 40):
        assert even_config(SQUARE, number, 7) == SQUARE.decode(sobol_point(number, 2, 7))
    ruled = Space(SQUARE.domains, forbid=["x > 0.5 and y > 0.5"])
    found = [even_config(ruled, number, 7) for number in range(30)]
    assert all(config is not None and ruled.allows(config) for config in found)
    every = [SQUARE.decode(sobol_point(number, 2, 7)) for number in range(60)]
    assert found == [config for config in every if ruled.allows(config)][:30]
    assert even_config(SQUARE, 3, 7, np.flip) == SQUARE.decode(sobol_point(15 - 3, 2, 7)[::-1])


@pytest.mark.parametrize("name", STARTING)
def test_a_start_with_forbidden_combinations_is_as_even(name: str) -> None:
    """A tenth is allowed, and still no start is drawn at random."""
    space = Space({"x": Float(0, 1), "y": Int(1, 1000)}, forbid=["x > 0.6 and y > 200"])
    asked = make_strategy(name).ask(Rehearsal(space).history(), 4, Streams(0))
    assert all(space.allows(suggestion.config) for suggestion in asked)
    assert all("start" in suggestion.reason for suggestion in asked[1:])


def test_where_nothing_even_is_allowed_it_is_drawn_at_random() -> None:
    narrow = Space({"x": Float(0, 1), "y": Float(0, 1)}, forbid=["x > 0.01"])
    assert even_config(narrow, 20, 0) is None
    assert candidates(narrow, 20)[-1][1] == "mine: even"


def test_priors_are_drawn_from_and_named() -> None:
    believed = Space({"x": Float(0, 1, prior=Normal(0.9, 0.01)), "y": Float(0, 1)})
    found = [candidates(believed, number, [believed.default_config()]) for number in range(20)]
    assert [why for ((_, why),) in found] == ["mine: even", "mine: a draw from the priors"] * 10
    near = [abs(float(str(config["x"])) - 0.9) < 0.1 for ((config, _),) in found]
    assert all(near[1::2])
    assert not all(near[::2])


def beside(space: Space, before: list[Config]) -> list[tuple[Config, str]]:
    return list(beside_priors_once(Rehearsal(space).history(), before, Streams(0), "mine"))


def test_what_shows_whether_priors_are_right() -> None:
    believed = Space(
        {
            "x": Float(0, 1, prior=Normal(0.9, 0.01)),
            "kind": Categorical(["a", "b"], weights=[1, 3]),
            "y": Float(0, 1, when={"kind": "a"}, default=0.3),
            "z": Float(0, 1, default=0.7),
        }
    )
    plain: Config = {"x": 0.5, "kind": "a", "y": 0.3, "z": 0.7}
    assert plain_default(believed) == plain
    assert beside(believed, []) == [(plain, "mine: the default as if there were no priors")]
    assert beside(believed, [plain]) == []
    assert beside(Space({**believed.domains}, forbid=["x == 0.5"]), []) == []
    given = Space({"x": Float(0, 1, prior=Normal(0.9, 0.01), default=0.1)})
    ((drawn, why),) = beside(given, [given.default_config()])
    assert (why, float(str(drawn["x"])) > 0.8) == ("mine: a draw from the priors", True)


@pytest.mark.parametrize("name", STARTING)
def test_more_dimensions_than_the_sequence_has(name: str) -> None:
    space = Space({f"x{i}": Categorical(["a", "b"]) for i in range(MAX_DIMENSIONS + 1)})
    assert len(make_strategy(name).ask(Rehearsal(space).history(), 2, Streams(0))) == 2


def test_suggestions_follow_the_ranking_then_chance_then_what_is_left() -> None:
    space = Space({"n": Int(1, 300)})
    seen: list[list[Config]] = []

    def ranking(number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        seen.append(before)
        yield {"n": 5}, "mine: five"
        yield {"n": 6 + number}, "mine: another"

    rehearsal = Rehearsal(space)
    found = new_suggestions(rehearsal.history(), 3, Streams(0), "mine", ranking)
    assert [(s.config["n"], s.reason) for s in found] == [(5, "mine: five"), (7, "mine: another"), (8, "mine: another")]
    assert seen == [[], [{"n": 5}], [{"n": 5}, {"n": 7}]]
    for n in range(1, 300):
        rehearsal.start({"n": n})
    (chance,) = new_suggestions(rehearsal.history(), 1, Streams(1), "mine", lambda *_: iter(()))
    assert chance.config == {"n": 300}
    few = Space({"n": Int(1, 2)})
    one: list[tuple[Config, str]] = [({"n": 1}, "one")] * 300
    asked = new_suggestions(Rehearsal(few).history(), 5, Streams(0), "mine", lambda *_: iter(one))
    assert [(s.config["n"], s.reason) for s in asked] == [(1, "one"), (2, "mine: one of the last left")]
