"""Conditions that nobody declared: what is claimed of them, from how much, and what strategies make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search.base import drawn_config
from holdfast.search.conditions import MOST_VALUES, shown_conditions, with_conditions
from holdfast.search.gp.branches import branches_of
from holdfast.search.gp.embedding import embedding
from holdfast.search.history import PAUSED, History, HistoryBuilder
from holdfast.search.left import first_told
from holdfast.search.registry import make_strategy
from holdfast.space import Categorical, Domain, Float, Int, Space
from holdfast.study.study import Study

MODEL = Categorical(["svm", "forest", "ridge"])
FLAG = Categorical([True, False])


def shown(trials: Sequence[Config], domains: Mapping[str, Domain], unscored: Sequence[int] = ()) -> dict[str, Any]:
    """The conditions that trials of these configurations show, those ``unscored`` among them."""
    space = Space(domains)
    units = np.array([[space[n].to_unit(config[n]) if n in config else np.nan for n in domains] for config in trials])
    asked = np.array([[name in config for name in domains] for config in trials])
    scored = ~np.isin(np.arange(len(trials)), unscored)
    return {name: dict(when) for name, when in shown_conditions(space, units, asked, scored).items()}


def of_model(*models: str) -> list[Config]:
    """Trials that ask for a hyperparameter of their model's own."""
    own: dict[str, Config] = {"svm": {"c": 0.5}, "forest": {"depth": 3}, "ridge": {}}
    return [{"model": model, **own[model]} for model in models]


TREE: dict[str, Domain] = {"model": MODEL, "c": Float(0, 1), "depth": Int(1, 9)}


def test_what_only_one_branch_asks_for_depends_on_that_branch() -> None:
    found = shown(of_model("svm", "forest", "ridge", "svm", "ridge", "forest"), TREE)
    assert found == {"c": {"model": ("svm",)}, "depth": {"model": ("forest",)}}


def test_a_value_that_no_trial_had_rules_nothing_out() -> None:
    found = shown(of_model("svm", "svm", "forest"), TREE)
    assert found == {"c": {"model": ("svm", "ridge")}, "depth": {"model": ("forest", "ridge")}}


def test_what_depends_on_a_value_of_a_float_with_steps_is_found() -> None:
    share = Float(0, 0.4, step=0.1)
    trials: list[Config] = [{"share": 0.3, "c": 0.5}, {"share": 0.0}, {"share": 0.3, "c": 0.2}, {"share": 0.0}]
    assert shown(trials, {"share": share, "c": Float(0, 1)}) == {"c": {"share": (0.1, 0.2, 0.3, 0.4)}}


def test_two_trials_claim_nothing_and_a_value_that_came_twice_does() -> None:
    assert shown(of_model("svm", "forest"), TREE) == {}
    assert shown(of_model("svm", "forest", "ridge"), TREE) == {}
    assert shown(of_model("svm", "forest", "ridge", "svm"), TREE) != {}


def test_a_trial_that_asks_all_the_same_takes_the_claim_back() -> None:
    trials = of_model(*["svm", "forest", "ridge"] * 9)
    asking: Config = {"model": "ridge", "c": 0.1}
    assert shown([*trials, asking], TREE)["c"] == {"model": ("svm", "ridge")}
    assert shown([*trials, asking], TREE, (27,))["c"] == {"model": ("svm", "ridge")}
    assert shown([*trials, {**asking, "model": "forest"}, asking], TREE).get("c") is None


def test_a_trial_without_a_score_may_not_have_asked_yet() -> None:
    trials: list[Config] = [*of_model("svm", "svm"), {"model": "forest"}, {"model": "forest"}]
    assert shown(trials, TREE, (2, 3)) == {}
    assert shown(trials, TREE) == {"c": {"model": ("svm", "ridge")}}


def test_a_condition_of_a_condition() -> None:
    domains: dict[str, Domain] = {"model": MODEL, "kernel": Categorical(["rbf", "linear"]), "gamma": Float(0, 1)}
    rbf: Config = {"model": "svm", "kernel": "rbf", "gamma": 0.5}
    rest: list[Config] = [{"model": "forest"}, {"model": "ridge"}, {"model": "forest"}]
    assert shown([rbf, rbf, *rest], domains)["gamma"] == {"model": ("svm",)}  # kernel and gamma have come together
    found = shown([rbf, rbf, {"model": "svm", "kernel": "linear"}, *rest], domains)
    assert found == {"kernel": {"model": ("svm",)}, "gamma": {"kernel": ("rbf",)}}


def test_two_conditions_at_once() -> None:
    domains: dict[str, Domain] = {"model": MODEL, "scaled": FLAG, "c": Float(0, 1)}
    trials: list[Config] = [
        {"model": model, "scaled": scaled, **({"c": 0.5} if model == "svm" and scaled else {})}
        for model in ("svm", "forest", "ridge")
        for scaled in (True, False)
        for _ in range(4)
    ]
    assert shown(trials, domains)["c"] == {"model": ("svm",), "scaled": (True,)}


def test_the_number_of_layers_decides_how_many_widths_there_are() -> None:
    domains: dict[str, Domain] = {"layers": Int(1, 4), **{f"width_{k}": Int(8, 256) for k in range(4)}}
    counts = [1, 2, 3, 4, 2, 4, 1, 3]
    found = shown([{"layers": n, **{f"width_{k}": 64 for k in range(n)}} for n in counts], domains)
    assert found == {f"width_{k}": {"layers": tuple(range(k + 1, 5))} for k in (1, 2, 3)}


def test_of_two_parents_that_explain_as_much_the_less_likely_one_is_taken() -> None:
    domains: dict[str, Domain] = {"seed": Int(1, 20), "model": MODEL, "c": Float(0, 1)}
    trials = [{"seed": 1 + number % 7, **config} for number, config in enumerate(of_model(*["svm", "forest"] * 4))]
    trials = [{name: value for name, value in config.items() if name != "depth"} for config in trials]
    assert shown(trials, domains)["c"] == {"model": ("svm", "ridge")}


def test_what_explains_a_part_has_to_do_better_than_chance() -> None:
    domains: dict[str, Domain] = {"model": MODEL, "x": Float(0, 1), "deep": Float(0, 1)}

    def trials(n: int) -> list[Config]:
        rng = np.random.default_rng(n)
        drawn = [{"model": MODEL.choices[k % 3], "x": float(rng.random())} for k in range(n)]
        return [{**c, "deep": 0.5} if c["model"] == "svm" and float(str(c["x"])) > 0.5 else c for c in drawn]

    assert shown(trials(6), domains) == {}
    assert shown(trials(60), domains) == {"deep": {"model": ("svm",)}}


def test_what_follows_from_a_number_or_from_nothing_has_no_condition() -> None:
    rng = np.random.default_rng(0)
    domains: dict[str, Domain] = {"model": MODEL, "flag": FLAG, "n": Int(1, MOST_VALUES + 1), "x": Float(0, 1)}
    trials: list[Config] = []
    for number in range(60):
        config: Config = {"model": MODEL.choices[number % 3], "flag": bool(number % 2), "n": 1 + number % 33}
        trials.append({**config, "x": 0.5} if rng.random() < 0.5 else config)
    assert shown(trials, domains) == {}


def test_a_parent_is_found_before_what_depends_on_it() -> None:
    domains: dict[str, Domain] = {"c": Float(0, 1), "model": MODEL}
    trials: list[Config] = [{"model": "svm", "c": 0.5}, {"model": "forest"}] * 8
    assert shown(trials, domains) == {}


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[str, Domain], list[Config], list[int]]:
    """Domains, and trials of which each asks for whatever it wants; some of them have no score."""
    kinds: list[Domain] = [
        Categorical(["a", "b"]),
        Categorical(["a", "b", "c"]),
        Int(1, 4),
        Int(1, 6, log=True),
        Float(0, 1),
    ]
    domains = {f"h{k}": kind for k, kind in enumerate(draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=5)))}
    one = st.fixed_dictionaries({}, optional={name: st.floats(0, 1) for name in domains})
    units = draw(st.lists(one, min_size=1, max_size=25))
    trials = [{name: domains[name].from_unit(unit) for name, unit in config.items()} for config in units]
    return domains, trials, draw(st.lists(st.integers(0, len(trials) - 1), max_size=5))


@given(trees())
@settings(max_examples=150, deadline=None)
def test_no_trial_contradicts_a_claim(tree: tuple[dict[str, Domain], list[Config], list[int]]) -> None:
    domains, trials, unscored = tree
    found = shown(trials, domains, unscored)
    for name, when in found.items():
        for parent, values in when.items():
            assert list(domains).index(parent) < list(domains).index(name)
            assert all(config[parent] in values for config in trials if name in config)
    shuffled = [trials[k] for k in np.random.default_rng(0).permutation(len(trials))]
    assert found == shown(trials, domains, unscored)
    if not unscored:
        assert found == shown(shuffled, domains)


def test_a_space_without_anything_to_claim_stays_the_same_one() -> None:
    space = Space({"x": Float(0, 1), "model": MODEL})
    asked = np.ones((5, 2), dtype=bool)
    assert with_conditions(space, space.sample_units(np.random.default_rng(0), 5), asked, asked[:, 0]) is space


# Histories


def conditional(trial: Any) -> float:
    """Three branches; the best one is poor around its middle."""
    model, scaled = trial.suggest_categorical("model", ["svm", "forest", "ridge"]), trial.suggest_int("scaled", 0, 1)
    if model == "svm":
        return float(8 * (trial.suggest_float("c", 0, 1) - 0.15) ** 2 + 0.1 * scaled)
    if model == "forest":
        return float(0.3 + 0.01 * trial.suggest_int("depth", 1, 20) + 0.1 * trial.suggest_float("share", 0, 1))
    return float(0.4 + 0.1 * scaled)


def found_by(n: int, strategy: str = "random") -> Study:
    study = Study(strategy=strategy, seed=0)
    study.optimize(conditional, n_trials=n)
    return study


def test_a_history_has_the_conditions_that_its_trials_show() -> None:
    space = found_by(20).history.space
    assert space is not None
    assert {name: domain.when for name, domain in space.domains.items() if domain.when} == {
        "c": {"model": ("svm",)},
        "depth": {"model": ("forest",)},
        "share": {"model": ("forest",)},
    }
    branches = branches_of(space)
    assert branches is not None
    assert branches.names == ("model",)
    assert len(embedding(space).conditions) == 2


@pytest.mark.parametrize("strategy", ["random", "sobol", "gp", "tpe", "evolution"])
def test_what_will_not_be_asked_for_is_not_proposed(strategy: str) -> None:
    study = found_by(24, strategy)
    own = {"svm": {"c"}, "forest": {"depth", "share"}, "ridge": set[str]()}
    for number in range(24, 30):
        trial = study.ask()
        proposal = study.book.state.proposals[number].config
        assert set(proposal) == {"model", "scaled"} | own[str(proposal["model"])]
        study.tell(trial, conditional(trial))
        assert study.trials[number].config == proposal


def test_trials_that_failed_or_that_lost_what_they_drew_show_nothing_by_what_is_missing() -> None:
    for state, draws in ((TrialState.FAILED, True), (TrialState.COMPLETE, False)):
        builder = HistoryBuilder(None, ["minimize"])
        for number in range(12):
            config: Config = {"model": "svm", "c": 0.5} if number % 2 else {"model": "forest"}
            builder.asked({}, None)
            if number % 2 or draws:
                domains = {name: TREE[name] for name in config}
                builder.drew(number, domains, config)
            builder.told(number, TrialState.COMPLETE if number % 2 else state, [0.5])
        space = builder.snapshot(0).space
        assert space is not None
        assert not space["c"].when


def test_a_report_is_a_score_and_a_trial_that_only_runs_has_none() -> None:
    for reports in (False, True):
        builder = HistoryBuilder(None, ["minimize"])
        for number, config in enumerate(of_model("svm", "svm", "forest", "forest")):
            builder.asked({}, None)
            builder.drew(number, {name: TREE[name] for name in config}, config)
            if reports:
                builder.reported(number, 1, [0.5])
                builder.moved(number, PAUSED)
        space = builder.snapshot(0).space
        assert space is not None
        assert space["c"].when == ({"model": ("svm", "ridge")} if reports else {})


def test_a_wish_is_no_sign_of_what_a_trial_asks_for() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for number, config in enumerate(of_model(*["svm", "forest"] * 3)):
        builder.asked({"model": "forest", "c": 0.1}, None)
        builder.drew(number, {name: TREE[name] for name in config}, config)
        builder.told(number, TrialState.COMPLETE, [0.5])
    builder.asked({"model": "forest", "c": 0.1}, None)
    space = builder.snapshot(0).space
    assert space is not None
    assert space["c"].when == {"model": ("svm", "ridge")}
    builder.drew(6, {"model": MODEL, "c": Float(0, 1)}, {"model": "forest", "c": 0.1})
    after = builder.snapshot(0).space
    assert after is not None
    assert not after["c"].when


def test_a_value_out_of_a_domain_that_has_changed_was_asked_for_all_the_same() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    for number in range(12):
        domain = Float(0, 1) if number % 2 else Float(5, 6)
        model = "svm" if number % 2 else "forest"
        builder.asked({}, None)
        builder.drew(number, {"model": MODEL, "rate": domain}, {"model": model, "rate": domain.from_unit(0.5)})
        builder.told(number, TrialState.COMPLETE, [0.5])
    history = builder.snapshot(0)
    assert np.isnan(history.units[:, 1]).sum() == 6
    assert history.space is not None
    assert not history.space["rate"].when


def asked_one_by_one(trials: Sequence[Config]) -> Iterator[History]:
    """The history after each of these trials, all of one builder; a loss follows from the configuration."""
    builder = HistoryBuilder(None, ["minimize"])
    for number, config in enumerate(trials):
        builder.asked(dict(config), None)
        builder.drew(number, {name: OWN[name] for name in config}, dict(config))
        loss = sum((float(str(config[name])) - 0.3) ** 2 for name in config if name != "model")
        builder.told(number, TrialState.COMPLETE, [loss])
        yield builder.snapshot(0)


def replayed(trials: Sequence[Config]) -> History:
    """The history after all of these trials, which no cache knows."""
    return list(asked_one_by_one(trials))[-1]


OWN: dict[str, Domain] = {"model": MODEL, "scaled": Int(0, 1), "c": Float(0, 1), "share": Float(0, 1)}


def come_and_go(n: int = 24) -> list[Config]:
    """Trials whose third model turns up late, and later still asks for what it did not ask for before."""
    rng, trials = np.random.default_rng(0), list[Config]()
    for number in range(n):
        model = ["svm", "forest", "ridge" if number > 7 else "svm"][number % 3]
        own = {"svm": ["c"], "forest": ["c", "share"], "ridge": ["c"] if number >= 20 else []}[model]
        drawn = {name: float(rng.random()) for name in own}
        trials.append({"model": model, "scaled": int(rng.integers(2)), **drawn})
    return trials


@pytest.mark.parametrize("strategy", ["gp", "tpe", "cma-es", "evolution"])
def test_cold_asks_are_equal_to_warm_ones_while_conditions_come_and_go(strategy: str) -> None:
    trials, proposer, streams = come_and_go(), make_strategy(strategy), Streams(3)
    claims = set()
    for number, warm in enumerate(asked_one_by_one(trials)):
        claims.add(warm.space)
        if number in {5, 7, 8, 9, 14, 19, 20, 23}:  # between 20 and 22 results nothing is fitted anew
            cold = replayed(trials[: number + 1])
            assert warm.space == cold.space
            assert proposer.ask(warm, 2, streams) == proposer.ask(cold, 2, streams)
    assert len(claims) > 4


def test_a_prefix_shows_what_it_showed_at_the_time() -> None:
    trials = come_and_go()
    whole = replayed(trials)
    for size, history in enumerate(asked_one_by_one(trials), start=1):
        assert first_told(whole, size).space == with_names_of(history.space, whole.space)


def with_names_of(space: Space | None, whole: Space | None) -> Space:
    """A space with the hyperparameters that it has not found yet."""
    assert space is not None
    assert whole is not None
    return Space({name: space[name] if name in space else OWN[name] for name in whole.names})


def test_what_was_learned_elsewhere_has_nothing_that_is_not_active() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    builder.learned("before", [{"model": "forest", "depth": 4}, {"model": "svm", "c": 0.5}], [0.1, 0.2])
    for number, config in enumerate(of_model(*["svm", "forest", "ridge"] * 2)):
        builder.asked({}, None)
        builder.drew(number, {name: TREE[name] for name in config}, config)
        builder.told(number, TrialState.COMPLETE, [0.5])
    history = builder.snapshot(0)
    assert history.space is not None
    (earlier,) = history.earlier
    assert [history.space.decode(unit) for unit in earlier.units] == [
        {"model": "forest", "depth": 4},
        {"model": "svm", "c": 0.5},
    ]
    assert np.isnan(earlier.units).tolist() == [[False, True, False], [False, False, True]]


def test_a_strategy_that_draws_for_itself_is_not_asked_for_the_rest() -> None:
    class Lowest:
        name = "lowest"

        def draw(self, history: History, partial: Config, name: str, domain: Domain, rng: Streams) -> Any:
            return domain.from_unit(0.0)

    config = drawn_config(Lowest(), found_by(20).history, Streams(0))  # type: ignore[arg-type]
    assert config == {"model": "svm", "scaled": 0, "c": 0.0}


def test_a_declared_space_has_no_conditions_but_its_own() -> None:
    space = Space({"x": Float(0, 1), "model": MODEL, "c": Float(0, 1, when={"model": "svm"})})
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: float(trial["x"]), n_trials=9)
    assert study.history.space == space
    assert study.history.asked is None


def test_a_search_is_not_locked_in_one_branch() -> None:
    def objective(trial: Any) -> float:
        if trial.suggest_categorical("model", ["simple", "rich"]) == "simple":
            return 0.3 + (float(trial.suggest_float("a", 0, 1)) - 0.4) ** 2
        return 3 * sum((float(trial.suggest_float(f"r{k}", 0, 1)) - 0.2 - 0.15 * k) ** 2 for k in range(3))

    study = Study(strategy="gp", seed=0)
    study.optimize(objective, n_trials=40)
    assert study.best_config["model"] == "rich"
