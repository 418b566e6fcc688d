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


NESTED = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "deep": Categorical(["u", "v", "w"], when={"kind": ["a", "c"]}),
        "x": Float(0, 1, when={"kind": "a", "deep": "u"}),
        "y": Float(0, 1, when={"deep": "v"}),
        "z": Float(0, 1, when={"kind": "b"}),
    }
)


LEAVES = {("b", None), *((kind, deep) for kind in "ac" for deep in "uvw")}


def _leaf(config: Config) -> tuple[object, object]:
    return config["kind"], config.get("deep")


def test_branches_are_the_values_of_the_parent_of_most() -> None:
    space = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            "plain": Categorical([True, False], when={"kind": "a"}),
            "x": Float(0, 1, when={"kind": "a"}),
            "n": Int(1, 3),
            "y": Float(0, 1, when={"n": 2}),
            "other": Categorical(["u", "v"]),
            "z": Float(0, 1, when={"other": "v"}),
        }
    )
    found = branches_of(space)
    assert found is not None
    assert found.names == ("kind",)
    units = space.sample_units(np.random.default_rng(0), 50)
    kinds = [space.decode(unit)["kind"] for unit in units]
    assert [["a", "b", "c"][branch] for branch in found.of(units)] == kinds
    assert {space.decode(unit)["kind"] for unit in found.moved(units, 1)} == {"b"}


def test_a_categorical_with_dependants_within_a_branch_has_branches_of_its_own() -> None:
    found = branches_of(NESTED)
    assert found is not None
    units = np.random.default_rng(0).random((20, len(NESTED)))
    words = []
    for branch in range(len(found)):
        moved = NESTED.snap(found.moved(units, branch))
        assert set(found.of(moved)) == {branch}
        (word,) = {found.words(NESTED.decode(unit), branch) for unit in moved}
        words.append(word)
    assert words == [
        *("kind = 'a', deep = 'u'", "kind = 'b'", "kind = 'c', deep = 'u'"),
        *("kind = 'a', deep = 'v'", "kind = 'c', deep = 'v'", "kind = 'a', deep = 'w'", "kind = 'c', deep = 'w'"),
    ]


def test_a_tree_of_many_leaves_is_cut_where_most_depends() -> None:
    inner = [Categorical(list(range(6)), when={"kind": kind}) for kind in "abc"]
    space = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            **{f"in_{kind}": domain for kind, domain in zip("abc", inner, strict=True)},
            **{f"x_{kind}": Float(0, 1, when={f"in_{kind}": 1}) for kind in "abc"},
            "y": Float(0, 1, when={"in_b": 2}),
        }
    )
    found = branches_of(space)
    assert found is not None
    assert found.names == ("kind", "in_b")
    assert len(found) == 8


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


def test_the_start_shows_every_leaf() -> None:
    for seed in range(3):
        taken = search(GaussianProcess(), Rehearsal(NESTED), lambda config: 0.5, asks=7, seed=seed)
        assert {_leaf(suggestion.config) for suggestion in taken} == LEAVES


def test_a_search_that_stands_still_tries_every_leaf_that_has_something_new() -> None:
    def loss(config: Config) -> float:
        return 0.1 if config["kind"] == "a" and config["deep"] == "v" else 1.0

    space = Space(NESTED.domains, forbid=["kind == 'c' and deep == 'v'"])
    taken = search(GaussianProcess(), Rehearsal(space), loss, asks=30, seed=0)
    elsewhere = [suggestion for suggestion in taken if "improvement within" in suggestion.reason]
    assert len(elsewhere) > 8
    assert {_leaf(suggestion.config) for suggestion in elsewhere} == {("b", None), ("a", "u")}
    assert any("within kind = 'a', deep = 'u', since" in suggestion.reason for suggestion in elsewhere)


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


def test_inner_branches_are_known_of_a_space_that_is_found_as_it_is_used() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for number in range(30):
        kind, deep = "ab"[number % 2], "uvw"[number // 2 % 3]
        config: Config = {"kind": kind, "y": 0.5}
        if kind == "a":
            config = {"kind": kind, "deep": deep, deep: (number + 0.5) / 30}
        domains: dict[str, Domain] = {"kind": Categorical(["a", "b"]), "deep": Categorical(["u", "v", "w"])}
        builder.asked({}, None)
        builder.drew(number, {name: domains.get(name, Float(0, 1)) for name in config}, config)
        builder.told(number, TrialState.COMPLETE, [0.1 if kind == "b" else 1.0])
    history = builder.snapshot(0)
    assert history.space is not None
    branches = branches_of(history.space)
    assert branches is not None
    assert (branches.names, len(branches)) == (("kind", "deep"), 4)
    assert np.bincount(branches.of(history.units)).tolist() == [5, 15, 5, 5]
    (asked,) = GaussianProcess().ask(history, 1, Streams(0))
    assert "improvement within kind = 'a', deep = 'u'" in asked.reason
