"""Hyperband, bohb and priorband as strategies: what they ask, and what they find."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.asha import Asha
from holdfast.search.base import Strategy, judge
from holdfast.search.bohb import Bohb
from holdfast.search.history import COMPLETE, History
from holdfast.search.hyperband import Hyperband
from holdfast.search.priorband import PriorBand
from holdfast.space import Float, Normal, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})
FIDELITY = Fidelity("epoch", 1, 27, 3)
ALL: tuple[Strategy, ...] = (
    Hyperband(),
    Hyperband(synchronous=True),
    Bohb(candidates=32),
    Bohb("hyperband", candidates=32, synchronous=True),
    PriorBand(),
)


def loss_after(config: Config, epoch: int) -> float:
    """A curve that falls to a bowl with its least loss, 0, at (0.8, 0.3)."""
    x, y = float(str(config["x"])), float(str(config["y"]))
    return (x - 0.8) ** 2 + (y - 0.3) ** 2 + 1 / epoch - 1 / 27


def epochs_of(strategy: Strategy, epochs: int, seed: int, workers: int = 1) -> Rehearsal:
    """Train what is asked, ``workers`` at a time, until so many epochs are paid."""
    rehearsal, paid, reached = Rehearsal(SPACE, FIDELITY), 0, dict[int, int]()
    while paid < epochs:
        asked = strategy.ask(rehearsal.history(), workers, Streams(seed))
        assert asked
        for trial, suggestion in [(rehearsal.take(suggestion), suggestion) for suggestion in asked]:
            until = suggestion.until_step or FIDELITY.max
            assert until > reached.get(trial, 0)
            paid += until - reached.get(trial, 0)
            reached[trial] = until
            rehearsal.report(trial, until, loss_after(suggestion.config, until))
            if judge(strategy, rehearsal.history(), trial) is Verdict.PAUSE:
                rehearsal.pause(trial)
            else:
                rehearsal.finish(trial, loss_after(suggestion.config, until))
    return rehearsal


@pytest.mark.parametrize("strategy", ALL, ids=lambda strategy: f"{strategy.name} {strategy}"[:40])
def test_the_study_ends_with_trials_that_were_trained_to_the_end(strategy: Strategy) -> None:
    history = epochs_of(strategy, 300, seed=0, workers=3).history()
    complete = history.states == COMPLETE
    assert complete.sum() >= 3
    assert complete.mean() < 0.4
    assert np.nanmin(history.losses) < 0.1


def test_the_model_finds_what_chance_does_not() -> None:
    late = {}
    for strategy in (Hyperband(), Bohb(candidates=64)):
        history = epochs_of(strategy, 250, seed=1, workers=3).history()
        late[strategy.name] = np.median(
            [loss_after(history.config(i), 27) for i in range(len(history) - 20, len(history))]
        )
    assert late["bohb"] < late["hyperband"] / 3


def test_trials_begin_where_losses_tell_something() -> None:
    """The first rung is chance, the second one tells."""
    rehearsal, strategy = Rehearsal(SPACE, FIDELITY), Bohb(candidates=32)
    for number in range(60):
        (suggestion,) = strategy.ask(rehearsal.history(), 1, Streams(0))
        trial, until = rehearsal.take(suggestion), suggestion.until_step or 27
        luck = float(np.random.default_rng(number).random())
        rehearsal.report(trial, until, luck if until == 1 else loss_after(suggestion.config, until))
        if judge(strategy, rehearsal.history(), trial) is Verdict.PAUSE:
            rehearsal.pause(trial)
        else:
            rehearsal.finish(trial, loss_after(suggestion.config, until))
    history = rehearsal.history()
    first = history.move_until[np.unique(history.move_trial, return_index=True)[1]]
    assert (first[:8] == 1).all()
    assert (first[-10:] == 3).mean() >= 0.6


def test_a_synchronous_search_begins_the_next_bracket_while_it_waits() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for suggestion in Hyperband(synchronous=True).ask(rehearsal.history(), 40, Streams(0)):
        rehearsal.take(suggestion)
    until = rehearsal.history().until
    assert until.tolist() == [1] * 27 + [3] * 12 + [9]


def test_reasons_name_the_bracket_and_the_rung() -> None:
    (first,) = Hyperband().ask(Rehearsal(SPACE, FIDELITY).history(), 1, Streams(0))
    assert first.reason == "hyperband: a random draw, bracket 1, to epoch 1"


def test_with_the_budget_spent_the_best_is_finished() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY, budget=2)
    for loss in (2.0, 1.0):
        (suggestion,) = Hyperband().ask(rehearsal.history(), 1, Streams(0))
        trial = rehearsal.take(suggestion)
        rehearsal.report(trial, 1, loss)
        rehearsal.pause(trial)
    (last,) = Hyperband().ask(rehearsal.history(), 1, Streams(0))
    assert (last.resume_from, last.until_step) == (1, 27)


@pytest.mark.parametrize("strategy", [Asha(), Hyperband(), Bohb(), PriorBand()], ids=lambda strategy: strategy.name)
@pytest.mark.parametrize(
    ("seen_at", "loss", "finished"), [(3, 1.5, True), (3, 1.0, False), (27, 1.5, True), (27, 0.5, False)]
)
def test_a_complete_trial_ends_the_search_only_if_it_is_as_good_at_the_rung(
    strategy: Strategy, seen_at: int, loss: float, finished: bool
) -> None:
    """A wish that ran to the end, by its loss at the rung of the best that paused, or else by its final one."""
    rehearsal = Rehearsal(SPACE, FIDELITY, budget=3)
    wish = rehearsal.start({"x": 0.5, "y": 0.5})
    if seen_at < FIDELITY.max:
        rehearsal.report(wish, seen_at, loss)
        loss = 0.1
    rehearsal.finish(wish, loss)
    for level, paused in ((3, 1.0), (1, 2.0)):
        trial = rehearsal.start({"x": paused / 4, "y": 0.5}, level)
        rehearsal.report(trial, level, paused)
        rehearsal.pause(trial)
    asked = strategy.ask(rehearsal.history(), 1, Streams(0))
    assert [(item.resume_from, item.until_step) for item in asked] == ([(1, 27)] if finished else [])


def asked_by(strategy: PriorBand, rehearsal: Rehearsal, n: int) -> list[Suggestion]:
    return strategy.ask(rehearsal.history(), n, Streams(0))


def test_priorband_trusts_priors_more_at_higher_rungs() -> None:
    space = Space({"x": Float(0, 1, prior=Normal(0.9, 0.02))})
    asked = PriorBand().ask(Rehearsal(space, FIDELITY).history(), 58, Streams(0))
    near = [abs(float(str(s.config["x"])) - 0.9) < 0.1 for s in asked]
    low = [is_near for is_near, s in zip(near, asked, strict=True) if s.until_step == 1]
    high = [is_near for is_near, s in zip(near, asked, strict=True) if s.until_step in {9, 27}]
    assert 0.3 < np.mean(low) < 0.75
    assert np.mean(high) >= 0.8


def test_priorband_comes_to_search_around_the_incumbent() -> None:
    history = epochs_of(PriorBand(), 900, seed=1).history()
    late = history.units[-40:]
    best = history.units[int(np.nanargmin(history.losses))]
    assert np.median(np.abs(late - best).max(axis=1)) < 0.3 < np.median(np.abs(history.units[:20] - best).max(axis=1))


@pytest.mark.parametrize("strategy", [Hyperband(), Bohb(), PriorBand()], ids=lambda strategy: strategy.name)
def test_a_study_without_a_fidelity_is_refused_by_name(strategy: Strategy) -> None:
    with pytest.raises(RequestError, match=f"strategy '{strategy.name}' needs a fidelity, such as Study"):
        strategy.ask(Rehearsal(SPACE).history(), 1, Streams(0))


@pytest.mark.parametrize("strategy", ALL, ids=lambda strategy: f"{strategy.name} {strategy}"[:40])
def test_two_objectives_prune_too(strategy: Strategy) -> None:
    rehearsal = Rehearsal(SPACE, Fidelity("epoch", 1, 9), ("minimize", "minimize"))
    for _ in range(30):
        (suggestion,) = strategy.ask(rehearsal.history(), 1, Streams(2))
        assert suggestion.resume_from is None or suggestion.resume_from % 9 != 5
        trial, x = rehearsal.take(suggestion), float(str(suggestion.config["x"]))
        values = [x, math.nan if trial % 9 == 5 else 1 - x + float(str(suggestion.config["y"]))]
        rehearsal.report(trial, suggestion.until_step or 9, values)
        if judge(strategy, rehearsal.history(), trial) is Verdict.PAUSE:
            rehearsal.pause(trial)
        else:
            rehearsal.finish(trial, values)
    history = rehearsal.history()
    assert (history.states == COMPLETE).sum() >= 3


@pytest.mark.parametrize("strategy", [Asha(), Hyperband(), Hyperband(synchronous=True), PriorBand()])
def test_the_reports_are_scanned_once_for_each_rung(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many brackets ask who has reported at it, and with which loss."""
    history, scanned = epochs_of(strategy, 300, seed=0, workers=3).history(), list[int]()
    first_reports = History.first_reports

    def counted(view: History, step: int) -> np.ndarray:
        scanned.append(step)
        return first_reports(view, step)

    monkeypatch.setattr(History, "first_reports", counted)
    halving = [history.reported_at(level) for level in FIDELITY.rungs()]
    assert halving[0].sum() >= halving[-1].sum() > 0
    strategy.ask(history, 1, Streams(0))
    assert sorted(set(scanned)) == sorted(scanned)
    assert set(scanned) == set(FIDELITY.rungs())
