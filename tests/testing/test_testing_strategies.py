from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.asha import Asha
from holdfast.search.auto import Auto
from holdfast.search.base import Strategy, known_space
from holdfast.search.bohb import Bohb
from holdfast.search.cmaes import CmaEs
from holdfast.search.evolution import Evolution
from holdfast.search.freeze_thaw import FreezeThaw
from holdfast.search.gp import GaussianProcess
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.search.hyperband import Hyperband
from holdfast.search.manual import Manual
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.search.priorband import PriorBand
from holdfast.search.random import RandomSearch
from holdfast.search.registry import NAMES
from holdfast.search.sobol import SobolSearch
from holdfast.search.tpe import TreeParzenEstimator
from holdfast.testing import strategies as suite
from holdfast.testing.strategies import STRATEGY_CHECKS, Check, Subject

SUBJECTS = (
    Subject("manual", Manual, proposes=False),
    Subject("grid", lambda: GridSearch(resolution=12), follows_seed=False, too_vast=("200 hyperparameters",)),
    Subject("random", RandomSearch),
    Subject("sobol", SobolSearch),
    Subject("asha", Asha, needs_fidelity=True),
    Subject("asha that stops", lambda: Asha(type="stopping"), needs_fidelity=True),
    Subject("hyperband", Hyperband, needs_fidelity=True),
    Subject("synchronous hyperband", lambda: Hyperband(synchronous=True), needs_fidelity=True),
    Subject("bohb", lambda: Bohb(candidates=64), needs_fidelity=True),
    Subject("priorband", PriorBand, needs_fidelity=True),
    Subject("freeze-thaw", lambda: FreezeThaw(candidates=64), needs_fidelity=True),
    Subject("pbt", PopulationBasedTraining, needs_fidelity=True),
    Subject("auto", Auto),
    Subject("auto with fidelity", Auto, needs_fidelity=True),
    Subject("gp", lambda: GaussianProcess(candidates=128)),
    Subject("tpe", TreeParzenEstimator),
    Subject("tpe from the second trial on", lambda: TreeParzenEstimator(n_initial=1, candidates=4)),
    Subject("cma-es", CmaEs),
    Subject("evolution", Evolution),
    Subject("gp from the second trial on", lambda: GaussianProcess(n_initial=1, candidates=64, random_share=0.5)),
)


@pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_strategy_conforms(subject: Subject, check: Check) -> None:
    check(subject)


def test_every_strategy_of_the_registry_is_a_subject() -> None:
    assert {subject.make().name for subject in SUBJECTS} == set(NAMES)


Propose = Callable[[History, int, Streams], list[Suggestion]]


@dataclass
class Broken:
    """A strategy that does what a function says."""

    propose: Propose
    name: str = "broken"
    asked: list[int] = field(default_factory=list)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        self.asked.append(n)
        return self.propose(history, n, rng)

    def judge(self, history: History, trial: int) -> str:
        return "continue, I think"


def fresh(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return RandomSearch().ask(history, n, rng)


def with_config(change: Callable[[History, Config], Config]) -> Propose:
    def propose(history: History, n: int, rng: Streams) -> list[Suggestion]:
        return [replace(s, config=change(history, s.config)) for s in fresh(history, n, rng)]

    return propose


def default_always(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return [Suggestion(known_space(history, "broken").default_config(), "broken", history.index)] * n


def repeats_itself(history: History, n: int, rng: Streams) -> list[Suggestion]:
    space = known_space(history, "broken")
    return [Suggestion(space.sample(rng.generator(len(history) + i, "x")), "broken", history.index) for i in range(n)]


def gives_up_after_failures(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n if not np.isnan(history.told_loss).all() or len(history) == 0 else 0, rng)


def cannot_start(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, rng) if len(history) else []


def one_of_two(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, rng)[:1] * n


def forgets_a_choice(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return [s for s in fresh(history, n, rng) if s.config.get("a") != "w"]


def ignores_the_seed(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, Streams(0))


def draws_from_outside(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, Streams(int(np.random.default_rng().integers(2**31))))


def keyed_by_identity(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, Streams(id(history.token) % 2**31))


def looks_ahead(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, n, Streams(len(history._configs)))


def scribbles(history: History, n: int, rng: Streams) -> list[Suggestion]:
    history.config(0).clear()
    return fresh(history, n, rng)


def hands_out_the_history(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return [replace(s, config=history.config(0)) for s in fresh(history, n, rng)]


def stale(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return [replace(s, seen=max(history.index - 1, 0)) for s in fresh(history, n, rng)]


def says_nothing(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return [replace(s, reason="") for s in fresh(history, n, rng)]


def refuses_namelessly(history: History, n: int, rng: Streams) -> list[Suggestion]:
    if len(history.directions) > 1:
        return []
    return fresh(history, n, rng)


def spends_only_large_budgets(history: History, n: int, rng: Streams) -> list[Suggestion]:
    return fresh(history, 0 if history.trials_left == 2 else n, rng)


def rounds_badly(history: History, config: Config) -> Config:
    return {name: float(value) if type(value) is int else value for name, value in config.items()}


def adds_inactive(history: History, config: Config) -> Config:
    return {**known_space(history, "broken").default_config(), **config}


def refuses_without_a_name(history: History, n: int, rng: Streams) -> list[Suggestion]:
    if len(history.directions) > 1:
        raise RequestError("one objective at a time")
    return fresh(history, n, rng)


def ignores_rules(history: History, n: int, rng: Streams) -> list[Suggestion]:
    space = known_space(history, "broken")
    units = [rng.generator(len(history) + i, "x").random(len(space)) for i in range(n)]
    return [Suggestion(space.decode(unit), "broken", history.index) for unit in units]


def fresh_if(fine: Callable[[History], bool]) -> Propose:
    return lambda history, n, rng: fresh(history, n if fine(history) else 0, rng)


CAUGHT: tuple[tuple[Propose, Check], ...] = (
    (cannot_start, suite.check_empty_history),
    (gives_up_after_failures, suite.check_one_trial),
    (gives_up_after_failures, suite.check_extreme_results),
    (lambda history, n, rng: fresh(history, n if len(history) < 40 else 0, rng), suite.check_many_results),
    (repeats_itself, suite.check_finite_space),
    (forgets_a_choice, suite.check_finite_space),
    (default_always, suite.check_pending_trials),
    (one_of_two, suite.check_pending_trials),
    (keyed_by_identity, suite.check_cold_equals_warm),
    (draws_from_outside, suite.check_cold_equals_warm),
    (draws_from_outside, suite.check_same_seed),
    (ignores_the_seed, suite.check_different_seeds),
    (with_config(rounds_badly), suite.check_suggestions_are_valid),
    (stale, suite.check_suggestions_are_valid),
    (says_nothing, suite.check_suggestions_are_valid),
    (scribbles, suite.check_history_is_left_alone),
    (hands_out_the_history, suite.check_history_is_left_alone),
    (looks_ahead, suite.check_old_history),
    (fresh, suite.check_judge),
    (spends_only_large_budgets, suite.check_budget),
    (refuses_namelessly, suite.check_several_objectives),
    (refuses_without_a_name, suite.check_trade_offs),
    (ignores_rules, suite.check_priors_couplings_and_rules),
    (forgets_a_choice, suite.check_what_is_allowed_is_covered),
    (fresh_if(lambda history: history.units.shape[1] < 100), suite.check_vast_spaces),
    (keyed_by_identity, suite.check_amended_spaces),
    (fresh_if(lambda history: not np.isnan(history.units).any()), suite.check_configs_from_outside),
    (stale, suite.check_replicates),
    (fresh_if(lambda history: history.duplicates == "avoid"), suite.check_replicates),
    (fresh_if(lambda history: not history.constraints), suite.check_outcome_constraints),
    (fresh_if(lambda history: not history.earlier), suite.check_earlier_studies),
)


@pytest.mark.parametrize(("propose", "check"), CAUGHT, ids=lambda item: getattr(item, "__name__", "?"))
def test_a_broken_strategy_is_caught(propose: Propose, check: Check) -> None:
    def make() -> Strategy:
        broken: Strategy = Broken(propose)
        return broken

    with pytest.raises((AssertionError, IndexError)):
        check(Subject("broken", make))


def test_an_inactive_value_is_caught() -> None:
    subject = Subject("broken", lambda: Broken(with_config(adds_inactive)))
    with pytest.raises(AssertionError, match="active only when"):
        suite.check_suggestions_are_valid(subject)


def test_each_check_catches_something() -> None:
    assert {check for _, check in CAUGHT} == set(STRATEGY_CHECKS)
