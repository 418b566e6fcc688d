"""Hyperband's brackets by hand: their sizes, whose they are, and who goes on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.records import Fidelity, Suggestion, TrialState
from holdfast.search.rungs.brackets import Brackets, brackets, sizes
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1)})
FIDELITY = Fidelity("epoch", 1, 9, 3)


def begin(rehearsal: Rehearsal, level: int, losses: list[float]) -> list[int]:
    """New trials that pause at a rung with these losses; those that diverged have failed, -1 is still running."""
    trials = []
    for loss in losses:
        trial = rehearsal.start({"x": 0.5}, level)
        trials.append(trial)
        if loss == -1:
            continue
        rehearsal.report(trial, level, loss)
        if math.isnan(loss):
            rehearsal.finish(trial, loss, TrialState.FAILED)
        else:
            rehearsal.pause(trial)
    return trials


def of(rehearsal: Rehearsal) -> Brackets:
    return brackets(rehearsal.history(), FIDELITY)


def going_on(rehearsal: Rehearsal, *, synchronous: bool) -> list[tuple[int, int]]:
    return [(trial, until) for trial, until, _ in of(rehearsal).promoted("hyperband", synchronous=synchronous)]


@pytest.mark.parametrize(
    ("rungs", "eta", "expected"),
    [(5, 3, (81, 34, 15, 8, 5)), (3, 3, (9, 5, 3)), (1, 3, (1,)), (4, 2, (8, 6, 4, 4))],
)
def test_sizes_are_those_of_the_paper(rungs: int, eta: int, expected: tuple[int, ...]) -> None:
    assert sizes(rungs, eta) == expected


def test_trials_begin_round_by_round() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    begun = []
    for n in (1, 1, 7, 5, 6):
        following = of(rehearsal).following(n)
        for bracket in following:
            rehearsal.start({"x": 0.5}, FIDELITY.rungs()[bracket])
        begun += following
    assert begun == [0] * 9 + [1] * 5 + [2] * 3 + [0] * 3


def test_a_trial_that_a_person_asked_for_is_in_no_bracket() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    rehearsal.start({"x": 0.5})
    rehearsal.start({"x": 0.5}, 3)
    rehearsal.start({"x": 0.5}, 2)  # no rung: another strategy's
    assert of(rehearsal).of.tolist() == [-1, 1, 1]
    assert of(rehearsal).following(10) == [0] * 9 + [1]


def test_brackets_do_not_compete() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    begin(rehearsal, 1, [5.0, 6.0, 7.0])
    begin(rehearsal, 3, [1.0, 2.0, 3.0])
    assert going_on(rehearsal, synchronous=False) == [(3, 9), (0, 3)]


def test_a_synchronous_rung_waits_for_its_round() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    trials = begin(rehearsal, 1, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, math.nan, -1])
    assert going_on(rehearsal, synchronous=True) == []
    assert going_on(rehearsal, synchronous=False) == [(6, 3), (5, 3)]
    rehearsal.report(trials[-1], 1, 1.0)
    rehearsal.pause(trials[-1])
    assert going_on(rehearsal, synchronous=True) == [(8, 3), (6, 3), (5, 3)]
    begin(rehearsal, 1, [0.0])  # of the next round
    assert going_on(rehearsal, synchronous=True) == [(8, 3), (6, 3), (5, 3)]


def test_the_best_of_a_synchronous_rung_go_on_together() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    begin(rehearsal, 1, [float(9 - i) for i in range(9)])
    for trial, _ in going_on(rehearsal, synchronous=True):
        rehearsal.take(Suggestion({}, "", 0, resume_from=trial, until_step=3))
        rehearsal.report(trial, 3, float(trial))
        rehearsal.pause(trial)
    assert going_on(rehearsal, synchronous=True) == [(6, 9)]


def test_a_round_that_can_not_fill_up_is_as_large_as_it_is() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, budget=3)
    begin(rehearsal, 1, [3.0, 1.0, 2.0])
    assert going_on(rehearsal, synchronous=True) == [(1, 3)]


def test_what_diverged_does_not_go_on() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    begin(rehearsal, 1, [math.nan] * 8 + [1.0])
    assert going_on(rehearsal, synchronous=True) == [(8, 3)]
    assert np.all(of(rehearsal).of == 0)
