"""The promotion rule of asynchronous successive halving, by hand and against a naive one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.records import Fidelity, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.asha import Asha, promotions
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1)})
FIDELITY = Fidelity("epoch", 1, 9, 3)


def pool(losses: list[float], level: int = 1, rehearsal: Rehearsal | None = None) -> Rehearsal:
    """Trials paused at a rung with these losses; those that diverged have failed."""
    rehearsal = rehearsal or Rehearsal(SPACE, FIDELITY)
    for loss in losses:
        trial = rehearsal.start({"x": 0.5}, level)
        rehearsal.report(trial, level, loss)
        if math.isnan(loss):
            rehearsal.finish(trial, loss, TrialState.FAILED)
        else:
            rehearsal.pause(trial)
    return rehearsal


def promoted(rehearsal: Rehearsal) -> list[tuple[int, int]]:
    return [(trial, until) for trial, until, _ in promotions(rehearsal.history(), FIDELITY)]


def test_the_best_third_is_promoted_best_first() -> None:
    assert promoted(pool([5, 4, 3, 2, 1, 0])) == [(5, 3), (4, 3)]
    assert promoted(pool([5, 4])) == []
    assert promoted(pool([1, 1, 1])) == [(0, 3)]  # ties go to the older


def test_the_highest_rung_comes_first() -> None:
    rehearsal = pool([1.0, 2.0, 3.0], level=3, rehearsal=pool([6.0, 5.0, 4.0]))
    # the three at the higher rung have reached the lower one, too, with a better loss
    assert promoted(rehearsal) == [(3, 9)]


def test_what_was_promoted_or_runs_keeps_its_place() -> None:
    rehearsal = pool([1.0, 2.0, 3.0])
    suggestion = Asha().ask(rehearsal.history(), 1, Streams(0))[0]
    assert (suggestion.resume_from, suggestion.until_step) == (0, 3)
    rehearsal.take(suggestion)
    assert promoted(rehearsal) == []
    pool([4.0, 5.0, 6.0], rehearsal=rehearsal)
    assert promoted(rehearsal) == [(1, 3)]


def test_diverged_trials_count_as_the_worst_and_are_never_promoted() -> None:
    assert promoted(pool([math.nan, 2.0, 1.0])) == [(2, 3)]
    assert promoted(pool([math.nan] * 6)) == []
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for _ in range(3):  # paused with NaN all the same
        trial = rehearsal.start({"x": 0.5}, 1)
        rehearsal.report(trial, 1, math.nan)
        rehearsal.pause(trial)
    assert promoted(rehearsal) == []


def test_trials_that_diverged_on_the_way_to_a_rung_count_as_the_worst_there() -> None:
    for step, until, counts in ((1, 3, True), (2, 3, True), (2, 9, True), (0, 3, True), (1, 1, False), (0, 1, False)):
        for value in (math.nan, -math.inf):
            rehearsal = pool([1.0, 2.0], level=3)
            assert promoted(rehearsal) == []
            trial = rehearsal.start({"x": 0.5}, until)
            if step:
                rehearsal.report(trial, step, value)
            rehearsal.finish(trial, math.nan, TrialState.FAILED)
            assert promoted(rehearsal) == ([(0, 9)] if counts else [])


def test_trials_that_failed_after_a_finite_report_count_as_the_worst_of_the_next_rung() -> None:
    rehearsal = pool([1.0, 2.0], level=3)
    for trial in (rehearsal.start({"x": 0.5}, 3), rehearsal.start({"x": 0.5})):
        rehearsal.report(trial, 1, 0.0)
        assert promoted(rehearsal) == ([] if trial == 2 else [(0, 9)])
        rehearsal.finish(trial, math.nan, TrialState.FAILED)
        assert promoted(rehearsal) == [(0, 9)]


def with_pairs(pairs: int, gap: float) -> Rehearsal:
    """Pairs that were told the same at the first rung, and a gap apart at the second, and six trials at the first."""
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for pair in range(pairs):
        for second in (0, 1):
            trial = rehearsal.start({"x": 0.5}, 3)
            rehearsal.report(trial, 1, 0.5 + pair)
            rehearsal.report(trial, 3, 0.5 + pair + gap * second)
            rehearsal.pause(trial)
    return pool([0.1, 0.1, 0.1, 0.2, 0.2, 0.3], rehearsal=rehearsal)


def test_of_trials_that_have_been_told_the_same_one_goes_on_where_it_is_the_same_again() -> None:
    at_first = [trial for trial, until in promoted(with_pairs(3, 0.0)) if until == 3]
    assert at_first == [6, 9]  # of 6 different losses the best two, and not four of twelve trials
    assert [trial for trial, until in promoted(with_pairs(2, 0.0)) if until == 3] == [4, 5, 6]  # too few pairs to say


def test_scores_that_tie_by_chance_do_not_keep_a_trial_back() -> None:
    assert [trial for trial, until in promoted(with_pairs(3, 0.01)) if until == 3] == [6, 7, 8, 9]


def test_trials_that_tie_at_a_rung_but_not_below_it_are_different() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for number in range(6):
        trial = rehearsal.start({"x": 0.5}, 9 if number < 4 else 3)
        rehearsal.report(trial, 1, float(number))
        rehearsal.report(trial, 3, 0.5)
        if number < 4:
            rehearsal.report(trial, 9, 0.5)
        rehearsal.pause(trial)
    pool([1.0], level=3, rehearsal=rehearsal)
    assert promoted(rehearsal) == []
    rehearsal = pool([0.0, 0.0, 0.0], level=3, rehearsal=rehearsal)  # as good as each other at both
    assert promoted(rehearsal) == [(7, 9), (8, 9), (9, 9)]


def test_what_is_infinitely_good_takes_no_place() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for loss in (-math.inf, 1.0, 2.0):
        trial = rehearsal.start({"x": 0.5}, 1)
        rehearsal.report(trial, 1, loss)
        if loss == -math.inf:
            rehearsal.finish(trial, math.nan, TrialState.FAILED)
        else:
            rehearsal.pause(trial)
    assert promoted(rehearsal) == [(1, 3)]


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=40), st.integers(2, 4))
@settings(max_examples=80, deadline=None)
def test_one_rung_against_a_naive_rule(losses: list[float], eta: int) -> None:
    fidelity = Fidelity("epoch", 1, eta, eta)
    found = [trial for trial, _, _ in promotions(pool(losses).history(), fidelity)]
    order = sorted(range(len(losses)), key=lambda i: (math.inf if math.isnan(losses[i]) else losses[i], i))
    expected = [i for i in order[: len(losses) // eta] if not math.isnan(losses[i])]
    assert found == expected


def test_the_verdict_is_to_pause_at_the_assigned_rung() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    trial, last = rehearsal.start({"x": 0.5}, 3), rehearsal.start({"x": 0.5}, 9)
    free = rehearsal.start({"x": 0.5})
    verdicts = []
    for step in (1, 2, 3):
        for running in (trial, last, free):
            rehearsal.report(running, step, 0.5)
        verdicts.append([Asha().judge(rehearsal.history(), running) for running in (trial, last, free)])
    go, pause = Verdict.CONTINUE, Verdict.PAUSE
    assert verdicts == [[go, go, go], [go, go, go], [pause, go, go]]
    rehearsal.report(last, 9, 0.5)
    assert Asha().judge(rehearsal.history(), last) is go


def test_with_the_budget_spent_the_best_is_finished_once_nothing_runs() -> None:
    rehearsal = pool([2.0, 1.0])
    rehearsal.budget = 3
    rehearsal = Rehearsal(SPACE, FIDELITY, budget=3)
    pool([2.0, 1.0], rehearsal=rehearsal)
    running = rehearsal.start({"x": 0.1}, 1)
    assert Asha().ask(rehearsal.history(), 2, Streams(0)) == []
    rehearsal.finish(running, math.nan, TrialState.STOPPED)
    (last,) = Asha().ask(rehearsal.history(), 2, Streams(0))
    assert (last.resume_from, last.until_step) == (1, 9)
    assert "nothing else to do" in last.reason
    rehearsal.take(last)
    rehearsal.report(1, 9, 0.5)
    rehearsal.finish(1, 0.5)
    assert Asha().ask(rehearsal.history(), 2, Streams(0)) == []


def test_of_a_front_one_is_finished_however_good_a_trial_is_in_one_objective_that_ran_to_the_end() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, ("minimize", "minimize"), budget=3)
    wish = rehearsal.start({"x": 0.5})
    rehearsal.report(wish, 1, [9.0, 0.1])
    rehearsal.finish(wish, [9.0, 0.1])
    for values in ([1.0, 2.0], [2.0, 1.0]):
        trial = rehearsal.start({"x": values[0] / 10}, 3)
        rehearsal.report(trial, 3, values)
        rehearsal.pause(trial)
    (last,) = Asha().ask(rehearsal.history(), 2, Streams(0))
    assert (last.resume_from, last.until_step) == (1, 9)
    rehearsal.take(last)
    rehearsal.report(1, 9, [0.5, 2.0])
    rehearsal.finish(1, [0.5, 2.0])
    assert Asha().ask(rehearsal.history(), 2, Streams(0)) == []


def test_it_needs_a_fidelity() -> None:
    with pytest.raises(RequestError, match="needs a fidelity, such as Study"):
        Asha().ask(Rehearsal(SPACE).history(), 1, Streams(0))


def test_several_objectives_go_on_by_fronts_the_least_crowded_first() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, ("minimize", "maximize"))
    for values in ([1.0, 1.0], [0.0, 0.0], [0.4, 0.4], [2.0, 0.5], [0.5, 0.5], [0.0, math.nan]):
        trial = rehearsal.start({"x": 0.5}, 1)
        rehearsal.report(trial, 1, values)
        rehearsal.pause(trial)
    assert promoted(rehearsal) == [(0, 3), (1, 3)]


def test_the_type_that_stops_judges_at_each_rung() -> None:
    strategy, rehearsal = Asha(type="stopping"), Rehearsal(SPACE, FIDELITY)
    verdicts = []
    for loss in (3.0, 2.0, 5.0, 4.0, 1.0):
        (suggestion,) = strategy.ask(rehearsal.history(), 1, Streams(0))
        assert (suggestion.resume_from, suggestion.until_step) == (None, 9)
        trial = rehearsal.take(suggestion)
        rehearsal.report(trial, 1, loss)
        verdicts.append(strategy.judge(rehearsal.history(), trial))
        rehearsal.report(trial, 2, 0.0)  # between two rungs
        assert strategy.judge(rehearsal.history(), trial) is Verdict.CONTINUE
    go, stop = Verdict.CONTINUE, Verdict.STOP
    assert verdicts == [go, go, stop, stop, go]
