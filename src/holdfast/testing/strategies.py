"""The conformance suite of every strategy: run each of `STRATEGY_CHECKS` on a `Subject`.

    @pytest.mark.parametrize("check", STRATEGY_CHECKS)
    def test_strategy(check):
        check(Subject("mine", MyStrategy))

A check raises AssertionError with a sentence on what the strategy did wrong. The spaces are those of
`holdfast.testing.spaces`; the histories are empty, short, failed, constant, extreme, busy, constrained, of an amended
space and of several metrics.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from holdfast.errors import RequestError, SpaceError
from holdfast.records import Config, Fidelity, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import Strategy, judge
from holdfast.search.history import Duplicates, History
from holdfast.space import Space
from holdfast.testing.rehearsal import Rehearsal, random_trials, search, train
from holdfast.testing.spaces import AMENDED, EXTREMES, FINITE_SIZES, INFINITE, PARENTS_FIXED, RULED, SPACES, VAST


@dataclass(frozen=True)
class Subject:
    """A strategy to check.

    Attributes:
        name: what messages call it.
        make: a new instance with the same settings each time.
        needs_fidelity: whether it works only in studies whose trials can be trained a little.
        proposes: False for a strategy that proposes nothing by itself.
        follows_seed: whether another seed gives other suggestions.
        too_vast: names of `VAST` spaces that it refuses by design.
    """

    name: str
    make: Callable[[], Strategy]
    needs_fidelity: bool = False
    proposes: bool = True
    follows_seed: bool = True
    too_vast: tuple[str, ...] = ()

    def rehearsal(self, space: str, budget: int | None = None) -> Rehearsal:
        """An empty history over one of `SPACES`."""
        return self.over(SPACES[space], budget)

    def over(
        self, space: Space, budget: int | None = None, *, replicate: bool = False, constraints: Sequence[str] = ()
    ) -> Rehearsal:
        """An empty history over a space."""
        fidelity = Fidelity("epoch", 1, 9) if self.needs_fidelity else None
        duplicates: Duplicates = "replicate" if replicate else "avoid"
        return Rehearsal(space, fidelity, budget=budget, constraints=constraints, duplicates=duplicates)


Check = Callable[[Subject], None]


def check_empty_history(subject: Subject) -> None:
    """With nothing tried there is something to try, in every space."""
    for space in SPACES:
        asked = _ask(subject, subject.rehearsal(space))
        assert len(asked) == int(subject.proposes), f"{subject.name} made {len(asked)} suggestions in an empty {space}"


def check_one_trial(subject: Subject) -> None:
    """One result, whatever it is, is no obstacle."""
    for space, value in itertools.product(INFINITE, (0.5, math.nan)):
        rehearsal = subject.rehearsal(space)
        random_trials(rehearsal, [value])
        _ask_something(subject, rehearsal, f"one trial of {value} in the {space} space")


def check_extreme_results(subject: Subject) -> None:
    """Failures, constants, infinities and huge values are no obstacle, at any time."""
    for space, (what, values) in itertools.product(INFINITE, EXTREMES.items()):
        rehearsal = subject.rehearsal(space)
        random_trials(rehearsal, values)
        _ask_something(subject, rehearsal, f"results that are {what} in the {space} space")


def check_many_results(subject: Subject) -> None:
    """A longer history with failures and repeated configurations is no obstacle."""
    for space in INFINITE:
        rehearsal = subject.rehearsal(space)
        values = [math.nan if i % 7 == 0 else math.sin(i) for i in range(40)]
        random_trials(rehearsal, values[:20], seed=1)
        random_trials(rehearsal, values[20:], seed=1)
        _ask_something(subject, rehearsal, f"40 trials, each configuration twice, in the {space} space")


def check_finite_space(subject: Subject) -> None:
    """A finite space is covered once, never twice; then there is nothing new, at once or one by one."""
    if not subject.proposes:
        return
    for (space, size), at_once in itertools.product(FINITE_SIZES.items(), (1, 4, 20)):
        rehearsal = subject.rehearsal(space)
        taken = search(subject.make(), rehearsal, _loss, asks=40, seed=0, at_once=at_once)
        new = [SPACES[space].key(suggestion.config) for suggestion in taken if _is_new(suggestion)]
        assert len(set(new)) == len(new), f"{subject.name} repeats itself in a {space} space, {at_once} at once"
        assert len(new) == size, f"{subject.name} found {len(new)} of {size} configurations, {at_once} at once"
        late = [suggestion for suggestion in _ask(subject, rehearsal) if _is_new(suggestion)]
        assert late == [], f"{subject.name} still has new configurations in an exhausted {space} space"


def check_pending_trials(subject: Subject) -> None:
    """What is running is not suggested again, and several suggestions at once are different ones."""
    if not subject.proposes:
        return
    for space, told in itertools.product(INFINITE, (0, 12)):
        rehearsal = subject.rehearsal(space)
        random_trials(rehearsal, [math.cos(i) for i in range(told)])
        running: set[str] = set()
        for _ in range(3):
            asked = _ask(subject, rehearsal, 3)
            keys = [SPACES[space].key(suggestion.config) for suggestion in asked]
            assert len(set(keys)) == 3, f"{subject.name} made {len(set(keys))} different suggestions of 3 in {space}"
            assert running.isdisjoint(keys), f"{subject.name} suggested what is running in the {space} space"
            running |= set(keys)
            for suggestion in asked:
                rehearsal.take(suggestion)


def check_cold_equals_warm(subject: Subject) -> None:
    """A strategy that was there all along and one that has just been made suggest the same, to the last bit."""
    for space in ("mixed", "conditional", "steps"):
        rehearsal, warm = subject.rehearsal(space), subject.make()
        for _ in range(10):
            expected = warm.ask(rehearsal.history(), 2, Streams(3))
            found = subject.make().ask(rehearsal.replayed(), 2, Streams(3))
            assert found == expected, f"{subject.name} suggests {found} when made anew, {expected} when kept"
            for suggestion in expected:
                train(rehearsal, warm, rehearsal.take(suggestion), _loss)


def check_same_seed(subject: Subject) -> None:
    """The same seed gives the same suggestions; asking changes nothing."""
    for space in INFINITE:
        rehearsal = subject.rehearsal(space)
        random_trials(rehearsal, [math.cos(i) for i in range(12)])
        strategy = subject.make()
        first, second = (strategy.ask(rehearsal.history(), 2, Streams(7)) for _ in range(2))
        assert first == second, f"{subject.name} suggests {second} after {first} with the same seed and history"


def check_different_seeds(subject: Subject) -> None:
    """Another seed gives another search."""
    if not (subject.follows_seed and subject.proposes):
        return
    for space in INFINITE:
        one, other = (
            [s.config for s in search(subject.make(), subject.rehearsal(space), _loss, asks=4, seed=seed)]
            for seed in (1, 2)
        )
        assert one != other, f"{subject.name} suggests the same for seeds 1 and 2 in the {space} space"


def check_suggestions_are_valid(subject: Subject) -> None:
    """Every suggestion is a configuration of the space, says why, and names the index it is based on."""
    for space in SPACES:
        rehearsal, strategy = subject.rehearsal(space), subject.make()
        for _ in range(14):
            history = rehearsal.history()
            for suggestion in strategy.ask(history, 1, Streams(5)):
                _assert_valid(subject, suggestion, history)
                train(rehearsal, strategy, rehearsal.take(suggestion), _loss)


def check_history_is_left_alone(subject: Subject) -> None:
    """Asking and judging write nothing into the history, and suggestions share no dict with it."""
    rehearsal = subject.rehearsal("conditional")
    random_trials(rehearsal, [math.cos(i) for i in range(12)])
    rehearsal.start(rehearsal.space.sample(np.random.default_rng(9)))
    history = rehearsal.history()
    before = _contents(history)
    asked = subject.make().ask(history, 2, Streams(0))
    judge(subject.make(), history, len(history) - 1)
    for suggestion in asked:
        if suggestion.resume_from is None:
            suggestion.config.clear()
    assert _contents(history) == before, f"{subject.name} changed the history it was shown"


def check_old_history(subject: Subject) -> None:
    """An old view of the history gives the same suggestions after the study has gone on."""
    rehearsal = subject.rehearsal("mixed")
    random_trials(rehearsal, [math.cos(i) for i in range(12)])
    old, strategy = rehearsal.history(), subject.make()
    expected = strategy.ask(old, 2, Streams(0))
    random_trials(rehearsal, [-math.cos(i) for i in range(12)], seed=4)
    strategy.ask(rehearsal.history(), 2, Streams(0))
    found = strategy.ask(old, 2, Streams(0))
    assert found == expected, f"{subject.name} suggests {found} for a history that gave {expected} before"


def check_judge(subject: Subject) -> None:
    """Each report of a running trial gets a verdict."""
    rehearsal = subject.rehearsal("flat")
    rehearsal.fidelity = rehearsal.fidelity or Fidelity("epoch", 1, 9)
    random_trials(rehearsal, [math.cos(i) for i in range(6)])
    trial = rehearsal.start(rehearsal.space.sample(np.random.default_rng(0)))
    for step, value in enumerate([0.5, math.nan, 1e300], start=1):
        rehearsal.report(trial, step, value)
        verdict = judge(subject.make(), rehearsal.history(), trial)
        assert isinstance(verdict, Verdict), f"{subject.name} judges a trial with {verdict!r}, which is no Verdict"


def check_budget(subject: Subject) -> None:
    """A small budget, known beforehand, is no obstacle, and neither is one that is spent."""
    for budget in (1, 2, 6):
        rehearsal = subject.rehearsal("mixed", budget)
        taken = search(subject.make(), rehearsal, _loss, asks=budget, seed=0)
        assert bool(taken) == subject.proposes, f"{subject.name} suggests nothing with a budget of {budget}"
        for suggestion in _ask(subject, rehearsal):
            _assert_valid(subject, suggestion, rehearsal.history())


def check_several_objectives(subject: Subject) -> None:
    """A study of several objectives is served, or refused in a sentence that names the strategy."""
    fidelity = Fidelity("epoch", 1, 9) if subject.needs_fidelity else None
    rehearsal = Rehearsal(SPACES["mixed"], fidelity, directions=("minimize", "maximize"))
    random_trials(rehearsal, [math.cos(i) for i in range(12)])
    try:
        asked = _ask(subject, rehearsal)
    except RequestError as exc:
        refusal = str(exc)
    else:
        assert len(asked) == int(subject.proposes), f"{subject.name} made {len(asked)} suggestions for two objectives"
        return
    assert subject.make().name in refusal, f"{subject.name} refuses two objectives without its name: {refusal}"


def check_trade_offs(subject: Subject) -> None:
    """Two objectives that pull apart: every suggestion is new and valid, or the study is refused by name."""
    fidelity = Fidelity("epoch", 1, 9) if subject.needs_fidelity else None
    rehearsal, strategy = (
        Rehearsal(SPACES["conditional"], fidelity, directions=("minimize", "maximize")),
        subject.make(),
    )
    try:
        for _ in range(16):
            for suggestion in strategy.ask(rehearsal.history(), 1, Streams(1)):
                _assert_valid(subject, suggestion, rehearsal.history())
                loss = _loss(suggestion.config)
                rehearsal.finish(rehearsal.take(suggestion), [loss, loss + float(str(suggestion.config["depth"]))])
    except RequestError as exc:
        refusal = str(exc)
    else:
        return
    assert strategy.name in refusal, f"{subject.name} refuses two objectives without its name: {refusal}"


def check_priors_couplings_and_rules(subject: Subject) -> None:
    """Priors, coupled bounds and forbidden combinations are kept to, from the first trial on."""
    for (name, space), at_once in itertools.product(RULED.items(), (1, 3)):
        rehearsal, strategy = subject.over(space), subject.make()
        for _ in range(6):
            history = rehearsal.history()
            for suggestion in strategy.ask(history, at_once, Streams(2)):
                _assert_valid(subject, suggestion, history)
                allowed = space.allows(suggestion.config)
                assert allowed, f"{subject.name} suggests {suggestion.config}, which is forbidden in the {name} space"
                train(rehearsal, strategy, rehearsal.take(suggestion), _loss)


def check_what_is_allowed_is_covered(subject: Subject) -> None:
    """A finite space with forbidden combinations is covered once, and nothing is left then."""
    if not subject.proposes:
        return
    space = RULED["finite and forbidden"]
    rehearsal = subject.over(space)
    taken = search(subject.make(), rehearsal, _loss, asks=40, seed=0)
    new = [space.key(suggestion.config) for suggestion in taken if _is_new(suggestion)]
    assert len(new) == len(set(new)) == 8, f"{subject.name} found {len(set(new))} of 8 allowed configurations"


def check_vast_spaces(subject: Subject) -> None:
    """200 hyperparameters, 10,000 choices and bounds of 1e300 are no obstacle."""
    for name, space in VAST.items():
        if name in subject.too_vast:
            continue
        rehearsal = subject.over(space)
        _ask_something(subject, rehearsal, f"nothing in a space of {name}")
        random_trials(rehearsal, [math.cos(i) for i in range(12)])
        _ask_something(subject, rehearsal, f"12 trials in a space of {name}")


def check_amended_spaces(subject: Subject) -> None:
    """After the space was amended, suggestions are of the new one, cold and warm; old trials are no obstacle."""
    changes = [*(("mixed", *change) for change in AMENDED), *(("conditional", *change) for change in PARENTS_FIXED)]
    for before, what, space in changes:
        rehearsal, strategy = subject.rehearsal(before), subject.make()
        random_trials(rehearsal, [math.cos(i) for i in range(12)])
        strategy.ask(rehearsal.history(), 1, Streams(0))
        rehearsal.amend(space)
        for _ in range(3):
            asked = strategy.ask(rehearsal.history(), 1, Streams(0))
            cold = subject.make().ask(rehearsal.replayed(), 1, Streams(0))
            assert asked == cold, f"{subject.name} suggests {cold} when made anew in a space {what}, {asked} when kept"
            for suggestion in asked:
                _assert_valid(subject, suggestion, rehearsal.history())
                train(rehearsal, strategy, rehearsal.take(suggestion), _loss)


def check_configs_from_outside(subject: Subject) -> None:
    """A configuration that was enqueued before the space was narrowed, and does not fit any more, is no obstacle."""
    rehearsal = subject.rehearsal("mixed")
    random_trials(rehearsal, [math.cos(i) for i in range(8)])
    rehearsal.amend(AMENDED[0][1])
    outside: Config = {"rate": 1e-5, "layers": 6, "units": 8, "kind": "a", "size": 16, "constant": None}
    trial = rehearsal.start(outside)
    _ask_something(subject, rehearsal, "a configuration from outside of the space began to run")
    rehearsal.finish(trial, -5.0)
    _ask_something(subject, rehearsal, "a configuration from outside of the space was the best")


def check_replicates(subject: Subject) -> None:
    """In a study that replicates, what was tried may be suggested again; no suggestion is missing or invalid.

    A finite space may still end, for a strategy that covers it once.
    """
    for space in ("mixed", "finite"):
        rehearsal = subject.over(SPACES[space], replicate=True)
        strategy = subject.make()
        for _ in range(10):
            history = rehearsal.history()
            asked = strategy.ask(history, 2, Streams(4))
            enough = len(asked) == 2 * int(subject.proposes) or space in FINITE_SIZES
            assert enough, f"{subject.name} made {len(asked)} suggestions of 2 in a {space} space that replicates"
            for suggestion in asked:
                _assert_valid(subject, suggestion, history)
                train(rehearsal, strategy, rehearsal.take(suggestion), _loss)


def check_outcome_constraints(subject: Subject) -> None:
    """Constraints that are missed, met or unknown, of all trials or of some, are no obstacle."""
    missed: dict[str, Sequence[float]] = {
        "all missed": [1.0] * 10,
        "all unknown": [math.nan] * 10,
        "all met": [-1.0] * 10,
        "mixed": [1.0, -1.0, math.nan, 0.0, 1e300, -1e300, 2.0, -2.0, 0.5, -0.5],
    }
    for what, values in missed.items():
        rehearsal = subject.over(SPACES["conditional"], constraints=("ms <= 50",))
        rng = np.random.default_rng(0)
        for i, value in enumerate(values):
            rehearsal.finish(rehearsal.start(rehearsal.space.sample(rng)), math.cos(i), violation=[value])
        _ask_something(subject, rehearsal, f"constraints that are {what}")


def check_earlier_studies(subject: Subject) -> None:
    """Trials of earlier studies, also failed and constant ones, are no obstacle."""
    for values in ([math.cos(i) for i in range(12)], [1.0] * 12, [math.nan, *[1.0] * 11]):
        rehearsal = subject.rehearsal("mixed")
        rng = np.random.default_rng(0)
        rehearsal.learn("last year's", [rehearsal.space.sample(rng) for _ in values], values)
        _ask_something(subject, rehearsal, "an earlier study alone")
        random_trials(rehearsal, [math.sin(i) for i in range(8)])
        _ask_something(subject, rehearsal, "an earlier study and eight trials")


STRATEGY_CHECKS: tuple[Check, ...] = (
    check_empty_history,
    check_one_trial,
    check_extreme_results,
    check_many_results,
    check_finite_space,
    check_pending_trials,
    check_cold_equals_warm,
    check_same_seed,
    check_different_seeds,
    check_suggestions_are_valid,
    check_history_is_left_alone,
    check_old_history,
    check_judge,
    check_budget,
    check_several_objectives,
    check_trade_offs,
    check_priors_couplings_and_rules,
    check_what_is_allowed_is_covered,
    check_vast_spaces,
    check_amended_spaces,
    check_configs_from_outside,
    check_replicates,
    check_outcome_constraints,
    check_earlier_studies,
)


def _is_new(suggestion: Suggestion) -> bool:
    """Whether it begins a trial that is no clone."""
    return suggestion.resume_from is None and suggestion.parent is None


def _ask(subject: Subject, rehearsal: Rehearsal, n: int = 1) -> list[Suggestion]:
    return subject.make().ask(rehearsal.history(), n, Streams(0))


def _ask_something(subject: Subject, rehearsal: Rehearsal, what: str) -> None:
    asked = _ask(subject, rehearsal)
    assert len(asked) == int(subject.proposes), f"{subject.name} made {len(asked)} suggestions after {what}"
    for suggestion in asked:
        _assert_valid(subject, suggestion, rehearsal.history())


def _assert_valid(subject: Subject, suggestion: Suggestion, history: History) -> None:
    assert history.space is not None
    try:
        checked = history.space.validate(suggestion.config)
    except SpaceError as exc:
        raise AssertionError(f"{subject.name} suggests {suggestion.config}: {exc}") from exc
    assert checked == suggestion.config, f"{subject.name} suggests {suggestion.config}, which should be {checked}"
    types = {name: type(value) for name, value in checked.items()}
    given = {name: type(value) for name, value in suggestion.config.items()}
    assert types == given, f"{subject.name} suggests values of the types {given}; the space has {types}"
    assert suggestion.seen == history.index, f"{subject.name} says it saw index {suggestion.seen} of {history.index}"
    assert suggestion.reason, f"{subject.name} gives no reason"
    if suggestion.resume_from is not None:
        same = suggestion.config == history.config(suggestion.resume_from)
        assert same, f"{subject.name} resumes trial {suggestion.resume_from} with another configuration"


def _contents(history: History) -> list[object]:
    """Everything in the history, copied."""
    arrays = [getattr(history, item.name) for item in fields(history)]
    copies: list[object] = [array.tobytes() for array in arrays if isinstance(array, np.ndarray)]
    return [*copies, *(dict(history.config(trial)) for trial in range(len(history)))]


def _loss(config: Config) -> float:
    """A loss on any configuration: numbers want to be small, strings short of 'c'."""
    total = 0.0
    for value in config.values():
        if isinstance(value, bool) or value is None:
            total += 0.1 * bool(value)
        elif isinstance(value, str):
            total += 0.2 * abs(ord(value[0]) - ord("c"))
        else:
            total += math.log1p(abs(value))
    return total
