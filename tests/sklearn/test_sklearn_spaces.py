"""Spaces as scikit-learn's searches take them: what a hyperparameter becomes, and what the estimator gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.svm import SVC

from holdfast.errors import SpaceError
from holdfast.sklearn.spaces import MOST_VALUES, TAIL, SearchSpace, search_space
from holdfast.space import Categorical, Derived, Float, Int, Space


def _all(space: SearchSpace, resolution: int = 3) -> list[dict[str, Any]]:
    return [space.to_parameters(config) for config in space.space.grid(resolution)]


def test_a_space_and_domains_stay_what_they_are() -> None:
    space = Space({"a": Float(0, 1), "b": Int(1, 3, when={"c": "x"}), "c": Categorical(["x", "y"])})
    assert search_space(space).space is space
    made = search_space({"a": Float(0, 1), "twice": Derived("2 * a"), "kind": "rbf"})
    assert made.to_parameters({"a": 0.25, "twice": 0.5, "kind": "rbf"}) == {"a": 0.25, "twice": 0.5, "kind": "rbf"}
    assert made.space.names == ("a", "kind")


def test_lists_go_by_name_as_in_scikit_learns_grids_and_numbers_have_an_order() -> None:
    made = search_space({"b": [3, 1], "a": (0.1, 1.0, 10.0), "c": np.array([4, 2, 1])})
    assert made.space.names == ("a", "b", "c")
    assert [domain.ordered for domain in made.space.domains.values()] == [True, False, True]  # type: ignore[union-attr]
    assert _all(made)[:4] == [{"a": 0.1, "b": 3, "c": c} for c in (4, 2, 1)] + [{"a": 0.1, "b": 1, "c": 4}]


def test_choices_of_any_kind_stand_as_texts_that_json_holds() -> None:
    array, other = np.zeros(2), SVC(C=2)
    choices = [SVC(), other, None, np.float64(0.5), float("nan"), np.tanh, len, array, (1, 2), 1, 1.0, True, "SVC()"]
    made = search_space({"x": choices})
    labels = [config["x"] for config in made.space.grid(1)]
    assert labels[:3] == ["SVC()", "SVC(C=2)", None]
    assert "builtins.len" in labels
    assert labels[-1] == "SVC() (2)"
    read = [made.to_parameters(json.loads(json.dumps({"x": label})))["x"] for label in labels]
    assert all(is_ is was for is_, was in zip(read, choices, strict=True))


def test_a_label_is_the_same_in_every_process() -> None:
    class Plain:
        pass

    made = search_space({"x": [Plain(), Plain(), lambda: 0]})
    labels = [str(config["x"]) for config in made.space.grid(1)]
    assert not any("0x" in label for label in labels)
    assert len(set(labels)) == 3


def test_a_choice_that_stands_twice_counts_once() -> None:
    model = SVC()
    assert search_space({"x": [1, 1, 2]}).space.domains["x"].cells == 2
    assert search_space({"x": [model, model, SVC()]}).space.domains["x"].cells == 2


def test_uniform_loguniform_and_randint_are_domains() -> None:
    made = search_space(
        {
            "u": scipy.stats.uniform(2, 3),
            "l": scipy.stats.loguniform(1e-3, 10),
            "r": scipy.stats.randint(2, 6),
            "one": scipy.stats.randint(3, 4),
        }
    )
    domains = made.space.domains
    assert domains["u"] == Float(2.0, 5.0)
    assert domains["l"] == Float(1e-3, 10.0, log=True)
    assert domains["r"] == Int(2, 5)
    assert made.to_parameters({"one": 3}) == {"one": 3}


@pytest.mark.parametrize(
    "frozen", [scipy.stats.norm(5, 2), scipy.stats.expon(scale=3), scipy.stats.loguniform(1, 5, loc=2)]
)
def test_any_other_distribution_goes_by_its_quantiles(frozen: Any) -> None:
    made = search_space({"x": frozen})
    assert made.space.domains == {"x (quantile)": Float(TAIL, 1 - TAIL)}
    draw = np.random.default_rng(0)
    values = [made.to_parameters(made.space.sample(draw))["x"] for _ in range(2000)]
    assert scipy.stats.kstest(values, frozen.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("frozen", "values"),
    [
        (scipy.stats.binom(5, 0.5, loc=1), [1, 2, 3, 4, 5, 6]),
        (scipy.stats.binom(5, 0.5, loc=0.5), [0, 1, 2, 3, 4, 5]),
        (scipy.stats.bernoulli(0.3), [0, 1]),
        (scipy.stats.geom(0.3), list(range(1, 21))),
        (scipy.stats.rv_discrete(values=([3, 1, 2], [0.5, 0.2, 0.3])), [1, 2, 3]),
        (scipy.stats.rv_discrete(values=([3, 1, 2], [0.5, 0.5, 0])), [1, 3]),
        (scipy.stats.rv_discrete(values=([0.1, 0.3], [0.2, 0.8])), [0.1, 0.3]),
        (scipy.stats.rv_discrete(values=([1, 5, 9], [0.2, 0.3, 0.5]))(loc=2), [3, 7, 11]),
        (scipy.stats.rv_discrete(name="randint", values=([1, 9], [0.2, 0.8])), [1, 9]),
        (scipy.stats.rv_discrete(values=([7], [1])), [7]),
    ],
)
def test_a_discrete_distribution_has_a_choice_for_each_value(frozen: Any, values: list[float]) -> None:
    made = search_space({"x": frozen})
    domain = made.space.domains["x"]
    assert isinstance(domain, Categorical)
    assert list(domain.choices) == pytest.approx(values)
    drawn = frozen.rvs(size=2, random_state=0)[0]
    assert all(type(choice) is (int if isinstance(drawn, int | np.integer) else float) for choice in domain.choices)
    draw = np.random.default_rng(0)
    found = np.array([made.to_parameters(made.space.sample(draw))["x"] for _ in range(2000)])
    wanted = [np.mean(frozen.rvs(size=20_000, random_state=1) <= value + 1e-9) for value in values]
    assert [np.mean(found <= value + 1e-9) for value in values] == pytest.approx(wanted, abs=0.05)
    assert [config["x"] for config in made.space.grid(3)] == pytest.approx(values), "a grid has each value once"


@pytest.mark.parametrize("frozen", [scipy.stats.poisson(1e6), scipy.stats.zipf(1.5), scipy.stats.binom(3000, 0.5)])
def test_of_many_values_quantiles_stand_for_them_each_once(frozen: Any) -> None:
    domain = search_space({"x": frozen}).space.domains["x"]
    assert isinstance(domain, Categorical)
    assert 10 < domain.cells <= MOST_VALUES
    assert domain.weights is not None
    shares = np.cumsum(domain.weights) / np.sum(domain.weights)
    assert np.abs(shares - frozen.cdf(list(domain.choices))).max() < 0.01


def test_several_dicts_are_branches_that_share_what_is_alike() -> None:
    made = search_space(
        [
            {"kernel": ["linear"], "C": [1, 10]},
            {"kernel": ["rbf"], "C": [1, 10], "gamma": Float(0.1, 1, log=True)},
            {},
        ]
    )
    assert made.space.names == ("branch", "C", "kernel (branch 1)", "kernel (branch 2)", "gamma")
    assert _all(made, 2) == [
        {"C": 1, "kernel": "linear"},
        {"C": 10, "kernel": "linear"},
        *({"C": C, "kernel": "rbf", "gamma": pytest.approx(gamma)} for C in (1, 10) for gamma in (0.1, 1.0)),
        {},
    ]


def test_an_empty_dict_is_one_configuration() -> None:
    assert _all(search_space({})) == [{}]


@dataclass(frozen=True)
class _OfOptuna:
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None


_OfOptuna.__module__ = "optuna.distributions"


def test_distributions_of_optuna_are_read_by_their_fields() -> None:
    made = search_space(
        {"a": _OfOptuna(0.0, 1.0, step=0.25), "b": _OfOptuna(1, 9, step=2), "c": _OfOptuna(0.1, 1.0, log=True)}
    )
    assert made.space.domains["a"] == Float(0.0, 1.0, step=0.25)
    assert search_space({"a": _OfOptuna(0.5, 1.0, step=0.75)}).space.domains["a"] == Categorical([0.5])
    assert made.space.domains["b"] == Int(1, 9, step=2)
    assert made.space.domains["c"] == Float(0.1, 1.0, log=True)


class _OnlyDraws:
    def rvs(self, random_state: object = None) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (3, "space = 3; it must be a holdfast.Space, a dict of hyperparameters, or a list of dicts"),
        ([], "a list of dicts"),
        ([{"a": [1]}, 2], r"space\[1\] is 2"),
        ({1: [1]}, "a hyperparameter is named 1"),
        ({"a": []}, "'a' has an empty list of choices"),
        ({"a": np.zeros((2, 2))}, r"'a' is an array of shape \(2, 2\)"),
        ({"a": None}, "'a' is None; it must be a Float"),
        ({"a": _OnlyDraws()}, "has rvs but no ppf"),
        ({"a": scipy.stats.norm(0, float("nan"))}, "'a' is a distribution whose median is nan"),
        ({"a": scipy.stats.randint(5, 2)}, "'a' is a distribution whose median is nan"),
        (
            {"a": scipy.stats.randint},
            r"'a' is scipy's randint without its arguments; give them, as in scipy.stats.randint\(low=..., high=...\)",
        ),
        ({"a": _OfOptuna(0.0, 1.0, step=1e-15)}, "Float has step = 1e-15, too fine beside 1"),
        ([{"a": [1]}, {"b": Float(0, 1, when={"a": 1})}], "'b' stands in one of several dicts"),
    ],
)
def test_what_cannot_be_a_space_is_said_in_one_sentence(space: Any, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        search_space(space)
