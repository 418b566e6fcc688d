"""auto: which strategy, and the reason in words."""

from __future__ import annotations

import pytest

from holdfast.records import Direction, Fidelity, Verdict
from holdfast.rng import Streams
from holdfast.search.auto import Auto, choose
from holdfast.search.history import HistoryBuilder
from holdfast.space import Categorical, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal

CONTINUOUS = Space({"x": Float(0, 1)})
SMALL = Space({"a": Categorical(["p", "q"]), "n": Int(1, 3, when={"a": "q"})})
EPOCHS = Fidelity("epoch", 1, 9)


@pytest.mark.parametrize(
    ("space", "budget", "fidelity", "directions", "expected", "why"),
    [
        (CONTINUOUS, 60, None, ("minimize",), "gp", "in few trials"),
        (CONTINUOUS, None, None, ("minimize",), "gp", "in few trials"),
        (CONTINUOUS, 5, None, ("minimize",), "sobol", "5 trials are too few to learn from"),
        (CONTINUOUS, 6, None, ("minimize",), "gp", "in few trials"),
        (CONTINUOUS, 60, EPOCHS, ("minimize",), "bohb", "paused and resumed by epoch"),
        (CONTINUOUS, 60, Fidelity("epoch", 9, 9), ("minimize",), "gp", "in few trials"),
        (CONTINUOUS, 60, EPOCHS, ("minimize", "maximize"), "bohb", "which of them to trust"),
        (SMALL, 4, None, ("minimize",), "grid", "the budget of 4 trials covers all 4 configurations"),
        (SMALL, 3, None, ("minimize",), "sobol", "3 trials are too few"),
        (SMALL, None, None, ("minimize",), "gp", "in few trials"),
    ],
)
def test_the_choice_and_its_reason(
    space: Space,
    budget: int | None,
    fidelity: Fidelity | None,
    directions: tuple[Direction, ...],
    expected: str,
    why: str,
) -> None:
    history = Rehearsal(space, fidelity, directions, budget).history()
    strategy, reason = choose(history)
    assert strategy.name == expected
    assert why in reason
    assert Auto().explain(history) == f"{expected}, because {reason}"
    assert Auto().ask(history, 2, Streams(3)) == strategy.ask(history, 2, Streams(3))


def test_without_a_space_it_draws_at_random() -> None:
    assert choose(HistoryBuilder(None, ["minimize"]).snapshot(0))[0].name == "random"


def test_the_choice_stays_as_trials_are_used_up() -> None:
    rehearsal = Rehearsal(CONTINUOUS, budget=8)
    names = []
    for _ in range(8):
        names.append(choose(rehearsal.history())[0].name)
        rehearsal.start({"x": 0.5})
    assert set(names) == {"gp"}


def test_a_small_grid_is_covered() -> None:
    rehearsal = Rehearsal(SMALL, budget=4)
    asked = Auto().ask(rehearsal.history(), 4, Streams(0))
    assert {SMALL.key(s.config) for s in asked} == {SMALL.key(config) for config in SMALL.grid(4)}


def test_where_a_configuration_may_be_tried_again_no_grid_ends_the_search() -> None:
    rehearsal = Rehearsal(SMALL, budget=9, duplicates="replicate")
    for number in range(9):
        (asked,) = Auto().ask(rehearsal.history(), 1, Streams(0))
        rehearsal.finish(rehearsal.start(asked.config), float(number % 3))


def test_verdicts_are_those_of_the_chosen_strategy() -> None:
    rehearsal = Rehearsal(CONTINUOUS, EPOCHS, budget=9)
    trial = rehearsal.take(Auto().ask(rehearsal.history(), 1, Streams(0))[0])
    rehearsal.report(trial, 1, 0.5)
    assert Auto().judge(rehearsal.history(), trial) is Verdict.PAUSE
    rehearsal = Rehearsal(CONTINUOUS, budget=9)
    rehearsal.report(rehearsal.start({"x": 0.5}), 1, 0.5)
    assert Auto().judge(rehearsal.history(), 0) is Verdict.CONTINUE


def told(rehearsal: Rehearsal, n: int) -> Rehearsal:
    for i in range(n):
        rehearsal.finish(rehearsal.start({"x": (i + 0.5) / n}), float(i))
    return rehearsal


def test_it_hands_over_as_results_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.search.auto.GP_TRIALS", 12)
    monkeypatch.setattr("holdfast.search.auto.GP_TRIALS_SEVERAL", 12)
    cases: tuple[tuple[tuple[Direction, ...], str], ...] = (
        (("minimize",), "tpe"),
        (("minimize", "minimize"), "evolution"),
    )
    for directions, later in cases:
        assert choose(told(Rehearsal(CONTINUOUS, None, directions), 11).history())[0].name == "gp"
        strategy, why = choose(told(Rehearsal(CONTINUOUS, None, directions), 12).history())
        assert strategy.name == later
        assert "12 results or more" in why


def test_many_choices_and_many_at_once_are_not_for_a_gaussian_process() -> None:
    many = Space({"word": Categorical([f"w{i}" for i in range(600)]), "x": Float(0, 1)})
    strategy, why = choose(Rehearsal(many).history())
    assert strategy.name == "tpe"
    assert "601 coordinates" in why
    rehearsal = Rehearsal(CONTINUOUS)
    for i in range(101):
        rehearsal.start({"x": i / 101})
    strategy, why = choose(rehearsal.history())
    assert strategy.name == "tpe"
    assert "more than 100 trials run at once" in why
