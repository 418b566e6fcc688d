import numpy as np
import pytest

from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.branches import branches_of, results_without_gain
from holdfast.search.history import HistoryBuilder
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.testing.problems import problem, regrets
from holdfast.testing.rehearsal import Rehearsal, search

TREE = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "x": Float(0, 1, when={"kind": "a"}),
        "y": Float(0, 1, when={"kind": "b"}),
        "z": Float(0, 1, when={"kind": "c"}),
    }
)


def test_branches_are_the_values_of_the_parent_of_most() -> None:
    space = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            "deep": Categorical([True, False], when={"kind": "a"}),
            "x": Float(0, 1, when={"kind": "a", "deep": True}),
            "n": Int(1, 3),
            "y": Float(0, 1, when={"n": 2}),
        }
    )
    found = branches_of(space)
    assert found is not None
    assert found.name == "kind"
    units = space.sample_units(np.random.default_rng(0), 50)
    kinds = [space.decode(unit)["kind"] for unit in units]
    assert [["a", "b", "c"][branch] for branch in found.of(units)] == kinds
    assert {space.decode(unit)["kind"] for unit in found.moved(units, 1)} == {"b"}


def test_a_flat_space_and_a_parent_of_many_values_have_none() -> None:
    assert branches_of(Space({"x": Float(0, 1)})) is None
    many = Space({"k": Categorical(list(range(40))), "x": Float(0, 1, when={"k": 3})})
    assert branches_of(many) is None


def test_results_without_gain_take_small_steps_for_none() -> None:
    losses = np.array([9.0, 5.0, 7.0, 8.0, 1.0, 0.99, 0.98, np.inf, 0.97])
    assert results_without_gain(losses) == 4
    assert results_without_gain(np.array([9.0, 5.0, 1.0, 0.5])) == 0
    assert results_without_gain(np.array([np.inf, np.inf])) == 0


def test_the_start_shows_every_branch() -> None:
    for seed in range(5):
        taken = search(GaussianProcess(), Rehearsal(TREE), lambda config: 0.5, asks=4, seed=seed)
        assert {suggestion.config["kind"] for suggestion in taken} == {"a", "b", "c"}


def test_a_search_that_stands_still_tries_other_branches_and_says_so() -> None:
    rehearsal = Rehearsal(TREE)
    taken = search(GaussianProcess(), rehearsal, lambda config: 0.1 if config["kind"] == "a" else 1.0, asks=24, seed=0)
    elsewhere = [suggestion for suggestion in taken if "within kind =" in suggestion.reason]
    assert len(elsewhere) > 4
    assert {suggestion.config["kind"] for suggestion in elsewhere} == {"b", "c"}
    (asked,) = GaussianProcess().ask(rehearsal.replayed(), 1, Streams(0))
    assert [asked] == GaussianProcess().ask(rehearsal.history(), 1, Streams(0))


@pytest.mark.long
def test_a_better_branch_behind_a_good_one_is_found() -> None:
    found = [regrets(GaussianProcess(), problem("conditional"), trials=60, seed=seed)[-1] for seed in range(4)]
    assert np.median(found) < 0.05


def test_a_trial_that_ended_before_it_had_a_branch_is_in_none() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for number in range(27):
        kind = "abc"[number % 3]
        config: Config = {"first": 0.5, "kind": kind, kind: (number + 0.5) / 27}
        whole: dict[str, Domain] = {"first": Float(0, 1), "kind": Categorical(["a", "b", "c"]), kind: Float(0, 1)}
        builder.asked({}, None)
        builder.drew(number, whole, dict(config))
        builder.told(number, TrialState.COMPLETE, [0.1 if kind == "a" else 1.0])
    builder.asked({}, None)
    builder.drew(27, {"first": Float(0, 1)}, {"first": 0.5})
    builder.told(27, TrialState.FAILED, [float("nan")])
    history = builder.snapshot(0)
    assert history.space is not None
    branches = branches_of(history.space)
    assert branches is not None
    assert branches.of(history.units).tolist() == [*[number % 3 for number in range(27)], -1]
    (asked,) = GaussianProcess().ask(history, 1, Streams(0))
    assert "improvement within kind = 'b'" in asked.reason
