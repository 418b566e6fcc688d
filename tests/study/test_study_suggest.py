"""A space that is found as it is used: `suggest_*`, and objectives written for Optuna."""

from __future__ import annotations

import math
import runpy
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import RequestError, SpaceError
from holdfast.records import Assignment, Config, Report, Suggestion, TrialState, Value, Verdict
from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.space import Domain
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

EXAMPLES = Path(__file__).parents[2] / "examples"


def open_trial(seed: int = 0, **assignment: Any) -> LiveTrial:
    """A trial that may draw, whose reports go nowhere."""
    return LiveTrial(Assignment(0, {}, seed, may_draw=True, **assignment), lambda _: Verdict.CONTINUE)


@given(
    st.integers(0, 10_000),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.integers(-100, 100),
    st.integers(0, 300),
    st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_draws_stay_inside(seed: int, low: float, width: float, first: int, count: int, step: int) -> None:
    trial = open_trial(seed)
    assert low <= trial.suggest_float("a", low, low + width) <= low + width
    assert 1e-7 <= trial.suggest_float("b", 1e-7, 1e-7 + width, log=True) <= 1e-7 + width
    value = trial.suggest_int("c", first, first + count, step=step)
    assert first <= value <= first + count
    assert (value - first) % step == 0
    assert 1 <= trial.suggest_int("d", 1, 1 + count, log=True) <= 1 + count
    assert trial.suggest_categorical("e", ["x", None, 1, 1.5, True]) in ["x", None, 1, 1.5, True]
    assert list(trial.params) == ["a", "b", "c", "d", "e"]


def test_steps_of_floats_are_what_people_mean() -> None:
    seen = {open_trial(seed).suggest_float("x", 0.1, 0.5, step=0.1) for seed in range(60)}
    assert seen == {0.1, 0.2, 0.3, 0.4, 0.5}
    assert {open_trial(seed).suggest_float("x", 0, 1, step=0.4) for seed in range(60)} == {0.0, 0.4, 0.8}
    assert open_trial().suggest_float("x", 2, 2) == 2.0
    assert open_trial().suggest_float("x", 2, 3, step=5) == 2.0
    assert {open_trial(seed).suggest_float("x", 0.2, 0.3, step=0.1) for seed in range(20)} == {0.2, 0.3}
    assert open_trial().suggest_int("x", 7, 7) == 7
    assert {open_trial(seed).suggest_int("x", 1, 9, step=4) for seed in range(60)} == {1, 5, 9}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"step": 0.1, "log": True}, "a log scale and step = 0.1"),
        ({"step": 2.0, "log": True}, "a log scale and step = 2.0"),
        ({"step": 0.0}, "step = 0.0; it needs a finite number above zero"),
        ({"step": -1.0}, "step = -1.0; it needs a finite number above zero"),
        ({"step": math.inf}, "step = inf; it needs a finite number above zero"),
        ({"step": "small"}, "step = 'small'; it takes a number above zero"),
        ({"step": 1e-13}, "step = 1e-13, too fine"),
    ],
)
def test_steps_that_cannot_be_meant(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SpaceError, match=f"hyperparameter 'x' has {said}"):
        open_trial().suggest_float("x", 0.1, 1, **settings)


def test_steps_are_searched_as_such() -> None:
    study = Study(strategy="tpe")
    study.optimize(lambda trial: (trial.suggest_float("x", 0.2, 0.8, step=0.1) - 0.6) ** 2, n_trials=7)
    assert study.history.space == holdfast.Space({"x": holdfast.Float(0.2, 0.8, step=0.1)})
    assert sorted(t.config["x"] for t in study.trials) == [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]  # type: ignore[type-var]
    study.enqueue({"x": 0.1 + 0.2})
    assert study.ask().suggest_float("x", 0.2, 0.8, step=0.1) == 0.3


def test_the_same_name_gives_the_same_value_within_a_trial() -> None:
    trial = open_trial()
    assert trial.suggest_float("x", 0, 1) == trial.suggest_float("x", 0, 1) == trial["x"] == trial.config["x"]


def test_draws_depend_on_the_seed_the_trial_and_the_name_only() -> None:
    forth, back = open_trial(), open_trial()
    a, b = forth.suggest_float("a", 0, 1), forth.suggest_float("b", 0, 1)
    assert (back.suggest_float("b", 0, 1), back.suggest_float("a", 0, 1)) == (b, a)
    assert a != b
    assert open_trial(seed=1).suggest_float("a", 0, 1) != a


def test_a_declared_space_is_not_widened() -> None:
    study = Study({"rate": holdfast.Float(0, 1), "kind": holdfast.Categorical(["a"])}, strategy="random")
    trial = study.ask()
    assert trial.suggest_float("rate", 0, 1) == trial["rate"]
    with pytest.raises(RequestError, match=r"no value for 'rates' \(did you mean 'rate'\?\)"):
        trial.suggest_float("rates", 0, 1)
    with pytest.raises(SpaceError, match="outside of 2 to 3"):
        trial.suggest_float("rate", 2, 3)
    with pytest.raises(RequestError, match="the space of the study was declared"):
        trial._report(Report(0, 0, drawn={"x": ({"type": "float", "low": 0.0, "high": 1.0}, 0.5)}))
    study.tell(trial, 1.0)
    assert study.history.space == study.book.state.settings.space


def conditional(trial: LiveTrial) -> float:
    if trial.suggest_categorical("kind", ["svc", "forest"]) == "svc":
        return trial.suggest_float("c", 1e-3, 1e3, log=True)
    return float(trial.suggest_int("depth", 2, 32, log=True) + trial.suggest_float("extra", 0, 1, step=0.25))


@pytest.mark.parametrize("strategy", ["random", "sobol", "gp", "auto", "grid"])
def test_conditional_draws_with_every_strategy(strategy: str) -> None:
    study = Study(strategy=strategy)
    study.optimize(conditional, n_trials=14)
    kinds = [tuple(t.config) for t in study.trials]
    assert set(kinds) == {("kind", "c"), ("kind", "depth", "extra")}
    assert all(t.state is TrialState.COMPLETE for t in study.trials)
    assert study.history.space is not None
    assert set(study.history.space.names) == {"kind", "c", "depth", "extra"}
    assert study.history.units.shape == (14, 4)


def test_proposals_of_the_strategy_are_used() -> None:
    study = Study(strategy="sobol")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=9)
    later = sorted(t.config["x"] for t in study.trials[1:])  # type: ignore[type-var]
    assert all(t.reason == "sobol" for t in study.trials[1:])
    declared = Study({"x": holdfast.Float(0, 1)}, strategy="sobol")
    declared.optimize(lambda trial: float(trial["x"]), n_trials=9)
    assert later == sorted(t.config["x"] for t in declared.trials[1:])  # type: ignore[type-var]


def test_domains_may_change_between_trials() -> None:
    def drifting(trial: LiveTrial) -> float:
        if trial.number % 3 == 0:
            x = trial.suggest_float("x", 0, 1)
        elif trial.number % 3 == 1:
            x = trial.suggest_float("x", -trial.number - 5.0, -1)
        else:
            x = trial.suggest_categorical("x", [10.0, "20"])
        return float(x) + trial.suggest_int("n", 1, 1 + trial.number)

    for strategy in ("random", "gp"):
        study = Study(strategy=strategy)
        study.optimize(drifting, n_trials=12)
        assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 12, [t.error for t in study.trials]
        for trial in study.trials:
            x = trial.config["x"]
            fits = [isinstance(x, float) and 0 <= x <= 1, isinstance(x, float) and x <= -1, x in (10.0, "20")]
            assert fits[trial.number % 3]


def test_enqueued_values_are_used_and_the_rest_drawn() -> None:
    study = Study(strategy="random")
    study.enqueue({"kind": "forest", "depth": 3, "unknown": "kept out"})
    study.optimize(conditional, n_trials=3)
    assert study.trials[0].config["kind"] == "forest"
    assert study.trials[0].config["depth"] == 3
    study.enqueue({"kind": "svc", "c": 0.5})
    study.optimize(conditional, n_trials=2)
    assert study.trials[3].config == {"kind": "svc", "c": 0.5}


def test_an_enqueued_value_outside_fails_its_trial_in_words(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study(strategy="random", storage=storage)
    study.optimize(conditional, n_trials=3)
    study.enqueue({"kind": "svc", "c": -1.0})
    study.enqueue({"kind": "tree"})
    study.optimize(conditional, n_trials=2)
    assert [t.state for t in study.trials[3:]] == [TrialState.FAILED] * 2
    assert "'c' is -1.0, outside of 0.001 to 1000" in (study.trials[3].error or "")
    assert "'kind' is 'tree'; it takes one of 'svc', 'forest'" in (study.trials[4].error or "")
    assert holdfast.load_study("study", storage).trials == study.trials


def test_what_was_drawn_before_a_failure_is_kept() -> None:
    def failing(trial: LiveTrial) -> float:
        trial.suggest_float("x", 0, 1)
        raise ValueError("no")

    study = Study(strategy="random")
    study.optimize(failing, n_trials=1)
    assert list(study.trials[0].config) == ["x"]


def test_draws_of_worker_processes_reach_the_study() -> None:
    study = Study(strategy="random")
    study.optimize(conditional, n_trials=6, n_jobs=2)
    assert all(t.config["kind"] in {"svc", "forest"} and len(t.config) >= 2 for t in study.trials)


def test_ask_and_tell_without_a_space() -> None:
    study = Study(strategy="random")
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    assert [t.metrics["value"] for t in study.trials] == [t.config["x"] for t in study.trials]


def test_a_discovered_space_keeps_its_order_when_loaded(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study(strategy="random", storage=storage, direction={"z": "minimize", "a": "maximize"})

    def both(trial: LiveTrial) -> dict[str, float]:
        zeta, alpha = trial.suggest_float("zeta", 0, 1), trial.suggest_float("alpha", 0, 1)
        return {"a": alpha, "z": zeta}

    study.optimize(both, n_trials=3)
    again = holdfast.load_study("study", storage)
    assert again.history.space is not None
    assert again.history.space.names == ("zeta", "alpha")
    assert again.book.state.first_metric == "z"
    assert list(again.trials[0].config) == ["zeta", "alpha"]


def finite(trial: LiveTrial) -> float:
    """One of seven configurations."""
    kind = trial.suggest_categorical("kind", ["numbers", "choice", "nothing"])
    if kind == "numbers":
        return float(trial.suggest_int("n", 1, 4))
    return 5.0 + trial.suggest_categorical("k", [1, 2]) if kind == "choice" else 9.0


@pytest.mark.parametrize("strategy", ["grid", "tpe", "auto"])
def test_a_discovered_space_is_used_up_when_each_configuration_was_tried(strategy: str) -> None:
    study = Study(strategy=strategy, seed=0)
    study.optimize(finite, n_trials=20)
    tried = [tuple(t.config.items()) for t in study.trials]
    assert len(set(tried)) == 7
    assert len(tried) <= 8  # a trial may have found what it was not known to need
    (note,) = study.book.state.notes["space.exhausted"]
    assert "all 7 configurations have been tried" in note["text"]


def asked_and_told(study: Study, n: int) -> None:
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, conditional(trial))


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_another_process_finds_the_same_conditions_and_proposes_the_same(tmp_path: Path, strategy: str) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    whole = Study(strategy=strategy, seed=0)
    asked_and_told(whole, 16)
    for part in range(4):
        again = holdfast.load_study("study", storage) if part else Study(strategy=strategy, seed=0, storage=storage)
        asked_and_told(again, 4)
        if part == 2:
            again.book.save_snapshot()
        again.close()
    again = holdfast.load_study("study", storage)
    assert [t.config for t in again.trials] == [t.config for t in whole.trials]
    assert again.history.space == whole.history.space
    assert again.history.space is not None
    assert again.history.space["c"].when == {"kind": ("svc",)}
    again.close()


# Optuna's users


def optuna_module() -> types.ModuleType:
    """What an objective of an Optuna user needs of Optuna: the exception that it raises."""
    module, exceptions = types.ModuleType("optuna"), types.ModuleType("optuna.exceptions")
    pruned = type("TrialPruned", (Exception,), {"__module__": "optuna.exceptions"})
    exceptions.TrialPruned = pruned  # type: ignore[attr-defined]
    module.TrialPruned, module.exceptions = pruned, exceptions  # type: ignore[attr-defined]
    return module


OPTUNA_OBJECTIVE = """
import optuna

def objective(trial):
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 3)
    loss = 10.0
    for step in range(9):
        loss = loss * 0.7 + abs(rate - 1e-3) + layers
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    trial.set_user_attr("layers", layers)
    return loss
"""


@pytest.mark.parametrize("strategy", ["random", "asha"])
def test_an_optuna_objective_runs_unchanged(monkeypatch: pytest.MonkeyPatch, strategy: str) -> None:
    monkeypatch.setitem(sys.modules, "optuna", optuna_module())
    scope: dict[str, Any] = {}
    exec(compile(OPTUNA_OBJECTIVE, "objective.py", "exec"), scope)
    fidelity = holdfast.Fidelity("epoch", 1, 9) if strategy == "asha" else None
    study = Study(direction="minimize", strategy=strategy, fidelity=fidelity)
    study.optimize(scope["objective"], n_trials=9)
    states = [t.state for t in study.trials]
    complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert complete
    assert all(t.extra == {"layers": t.config["layers"]} and len(t.reports) == 9 for t in complete)
    if strategy == "asha":
        assert set(states) == {TrialState.PAUSED, TrialState.COMPLETE}
        paused = next(t for t in study.trials if t.state is TrialState.PAUSED)
        assert paused.metrics == paused.reports[-1][1]
    else:
        assert states == [TrialState.COMPLETE] * 9


def test_pruning_on_one_s_own_account_stops_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    optuna = optuna_module()

    def infeasible(trial: LiveTrial) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise optuna.TrialPruned
        trial.report(x, 1)
        raise holdfast.TrialPruned

    study = Study(strategy="random")
    study.optimize(infeasible, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.STOPPED] * 2
    assert study.trials[0].metrics == {"value": study.trials[0].config["x"]}
    assert study.trials[1].metrics == {}


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "optuna_objective.py"), run_name="__main__")
    assert "accuracy" in capsys.readouterr().out


@dataclass(frozen=True)
class HalfOfTheLast:
    """Draws every number at half of what it was, in terms of the unit interval; sees what was drawn before it."""

    name: str = "half"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        raise AssertionError("values are drawn one by one where a strategy can do it")

    def draw(self, history: History, partial: Config, name: str, domain: Domain, rng: Streams) -> Value:
        assert list(partial) == list(history.space.domains)[: len(partial)]  # type: ignore[union-attr]
        last = history.config(len(history) - 1)[name]
        return domain.from_unit(domain.to_unit(last) / 2)


def test_a_strategy_may_draw_the_values_of_a_discovered_space_itself() -> None:
    study = Study(strategy=HalfOfTheLast(), seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 8) + trial.suggest_float("y", 0, 2), n_trials=4)
    xs, ys = ([float(str(trial.config[name])) for trial in study.trials] for name in ("x", "y"))
    for values in (xs, ys):
        assert values[1:] == pytest.approx([value / 2 for value in values[:-1]])
