"""What the line of progress says, by the clock and the trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.cli import progress
from holdfast.cli.progress import Tally
from holdfast.protocol.live import LiveEstimate
from holdfast.records import Cause, RowScores
from holdfast.study.study import Study
from holdfast.study.trials import Trials


def tally(
    done: int, total: int | None = 60, begun_with: int = 0, first_ended: tuple[float, int] | None = None
) -> Tally:
    return Tally(done, total, begun_with, started=100.0, first_ended=first_ended)


def test_before_the_first_trial() -> None:
    assert tally(0).line(103.2) == "0 of 60 trials, 3 s"


def test_no_time_left_is_guessed_from_two_trials() -> None:
    assert tally(2, first_ended=(105.0, 1)).line(110.0) == "2 of 60 trials, 10 s"


def test_the_time_left_follows_from_the_pace_after_the_first_trial() -> None:
    """Ten trials in ten seconds after a start of twenty: fifty more take fifty seconds."""
    running = tally(11, total=61, first_ended=(120.0, 1))
    assert running.left(130.0) == pytest.approx(50.0)
    assert running.line(130.0) == "11 of 61 trials, 30 s, about 50 s left"


def test_trials_of_an_earlier_process_do_not_count_for_the_pace() -> None:
    assert tally(50, begun_with=47, first_ended=(110.0, 48)).left(114.0) == pytest.approx(20.0)


@pytest.mark.parametrize(("seconds", "words"), [(1.0, "5 s"), (42.0, "40 s"), (100.0, "2 min"), (7300.0, "2 h 1 min")])
def test_what_is_guessed_is_said_roughly(seconds: float, words: str) -> None:
    running = tally(11, total=12, first_ended=(0.0, 10))
    assert running.line(seconds).endswith(f"about {words} left")


def test_after_the_last_trial_it_says_what_follows() -> None:
    assert tally(60, first_ended=(101.0, 1)).line(170.0) == (
        "60 of 60 trials, 1 min 10 s, choosing, estimating, testing"
    )


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        ([], "about "),
        (["limits.reached"], "choosing, estimating, testing"),
        (["limits.reached", "choice.made"], "fitting the model that ships"),
        (["choice.made", "model.fitted"], "testing, drawing the pages"),
    ],
)
def test_it_says_what_is_being_done_where_the_budget_ended_the_search(events: list[str], stage: str) -> None:
    running, study = tally(11, first_ended=(101.0, 1)), study_of(0)
    running.book = study.book
    for event in events:
        study.book.note(event, {})
    assert f", {stage}" in running.line(130.0)
    assert (" left" in running.line(130.0)) == (not events)


def test_searches_in_outer_folds_are_counted() -> None:
    running, study = tally(60, first_ended=(101.0, 1)), study_of(0)
    running.book = study.book
    study.book.note("plan.resolved", {"plan": {"data": {"split": {"nested": 3}}}})
    assert "searching in outer fold 1 of 3" in running.line(170.0)
    study.book.note("procedure.scored", {"fold": 0})
    assert "searching in outer fold 2 of 3" in running.line(170.0)
    study.book.note("procedure.estimated", {"score": None})
    assert "choosing" in running.line(170.0)


def test_without_a_budget_there_is_no_end() -> None:
    assert tally(1, total=None, first_ended=(101.0, 1)).line(101.0) == "1 trial, 1 s"


def study_of(n_trials: int) -> Study:
    """Trials that differ by chance only, with row scores and a price."""
    study = Study({"x": holdfast.Float(0, 1)}, direction={"accuracy": "maximize"}, strategy="random", seed=0)
    price = dict.fromkeys(("usd_per_hour", "watts", "kg_co2e_per_kwh", "carbon_uncertainty"))
    study.book.note("price.set", {**price, "usd_per_run": 0.5, "carbon_source": "", "workers": 1, "machine": ""})
    for _ in range(n_trials):
        trial = study.ask()
        column = (np.random.default_rng(trial.number).random(200) < 0.6).astype(float)
        study.tell(trial, column.mean(), rows=RowScores(column))
    return study


def said_of(n_trials: int) -> str:
    """What a look says of the best of so many trials."""
    study = study_of(n_trials)
    best = study.best_trial
    corrected = (best, LiveEstimate(None).of(study.book, best))
    return progress.best_words(study.book.state, best, corrected)


def test_the_best_comes_with_its_luck_taken_off() -> None:
    words = said_of(20)
    naive, corrected = (float(word) for word in words.removeprefix("best accuracy ").split(", corrected "))
    assert naive > 0.63
    assert 0.56 < corrected < naive - 0.03
    assert said_of(2).endswith(" (naive)")
    assert progress.best_words(study_of(0).book.state, None, (None, None)) == ""


def test_what_was_worked_out_for_a_trial_before_it_went_on_is_not_said_of_what_it_has_become() -> None:
    study = study_of(20)
    best = study.best_trial
    before = dataclasses.replace(best, metrics={"accuracy": 0.4})
    assert progress.best_words(study.book.state, best, (before, 0.35)).endswith(" (naive)")
    assert progress.best_words(study.book.state, best, (best, 0.6)).endswith(", corrected 0.6")


def paused_study() -> Study:
    """Trials that paused at the first step or the one above, where three rows of ten were right."""
    fidelity = holdfast.Fidelity("epoch", 1, 9)
    study = Study({"x": holdfast.Float(0, 1)}, direction="maximize", strategy="asha", seed=0, fidelity=fidelity)
    for _ in range(8):
        train(study, 0.3)
    return study


def train(study: Study, new: float, gone_on: float | None = None) -> None:
    """The next trial reports at the step that it was asked for, with row scores of which a share is 1."""
    before = len(study.trials)
    trial = study.ask()
    share = new if gone_on is None or trial.number >= before else gone_on
    column = (np.random.default_rng(trial.number).permutation(200) < 200 * share).astype(float)
    trial.report(column.mean(), study.history.until[trial.number])
    study.tell(trial, column.mean(), rows=RowScores(column))


def test_the_luck_of_a_trial_that_went_on_is_that_of_what_it_has_become() -> None:
    study, live = paused_study(), LiveEstimate(None)
    first = live.of(study.book, study.best_trial)
    assert first is not None
    assert 0.25 < first < 0.35
    for _ in range(4):  # one of these goes on
        live.of(study.book, study.best_trial)
        train(study, 0.3, gone_on=0.9)
    assert study.best_value == 0.9
    corrected = live.of(study.book, study.best_trial)
    assert corrected is not None
    assert 0.8 < corrected <= 0.9
    assert corrected == LiveEstimate(None).of(study.book, study.best_trial)


def test_while_trials_that_paused_may_go_on_the_search_is_not_said_to_be_over() -> None:
    study, running = paused_study(), tally(0, first_ended=(101.0, 1))
    running.take(study.book, study.trials[0])
    running.total = running.done
    assert running.searching
    assert running.line(150.0).endswith(", 50 s, training the best on, then choosing, estimating, testing")
    running.total = 20
    assert running.left(150.0) is None
    study.book.note("choice.made", {})
    assert ", fitting the model that ships" in running.line(150.0)


def test_the_best_and_the_spending_are_those_of_now_also_between_two_looks_at_the_corrected_score() -> None:
    study, running = study_of(20), tally(0, total=None)
    running.take(study.book, study.trials[0])
    running.look()
    before = running.spent
    trial = study.ask()
    study.tell(trial, 0.99, rows=RowScores((np.arange(200) < 198).astype(float)))
    running.take(study.book, study.trials[trial.number])
    running.look()
    assert running.best == "best accuracy 0.99 (naive)"
    assert running.spent != before


class Clock:
    """A clock that goes on by hand, and by what is said to take its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.looks, self.takes = 100.0, list[float](), 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def slow(self, answer: Any) -> Callable[..., Any]:
        """A function of anything that notes when it was called, and takes its time."""

        def function(*_: object) -> Any:
            self.looks.append(self.now)
            self.now += self.takes
            return answer

        return function


def test_what_takes_time_is_worked_out_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that takes a second is next due after twenty."""
    clock, study, running = Clock(monkeypatch), study_of(4), tally(0, total=None)
    clock.takes = 1.0
    monkeypatch.setattr(LiveEstimate, "of", clock.slow(0.5))
    for _ in range(60):
        running.take(study.book, study.trials[0])
        running.look()
        clock.now += 1.0
    assert clock.looks == [100.0, 121.0, 142.0]


def test_a_line_that_is_drawn_all_the_time_takes_a_share_of_the_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that take half a second are next due after ten; those that take no time, with the next trial."""
    clock, study, running = Clock(monkeypatch), study_of(4), tally(0, total=None)
    clock.takes = 0.5
    monkeypatch.setattr(progress, "spent_parts", clock.slow(()))
    for _ in range(25):
        running.take(study.book, study.trials[0])
        running.look_if_due()
        clock.now += 1.0
    assert clock.looks == [100.0, 110.5, 121.0]
    clock.takes, clock.now, before = 0.0, 1000.0, len(clock.looks)
    for _ in range(5):
        running.take(study.book, study.trials[0])
        running.look_if_due()
        running.look_if_due()  # nothing has ended since
        clock.now += 0.001
    assert len(clock.looks) == before + 5


def test_counting_a_trial_costs_the_same_after_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of those that ended before is looked at, nor is anything summed up."""
    study, running = study_of(20), tally(0, total=None)
    running.take(study.book, study.trials[0])

    def refused(*_: object) -> None:
        raise AssertionError("a look at every trial")

    last, paused = study.trials[-1], paused_study()
    monkeypatch.setattr(Trials, "__iter__", refused)
    monkeypatch.setattr(Trials, "__getitem__", refused)
    assert running.take(study.book, last) is None
    assert (running.done, running.waiting) == (20, 0)
    assert running.take(paused.book, last) is None
    assert (running.done, running.waiting) == (6, 6)  # two of eight legs went on


FULL = Tally(
    24,
    60,
    0,
    started=100.0,
    best="best accuracy 0.9917, corrected 0.986",
    spent=((4, "0.42 of 5 USD"), (6, "0.012 kWh"), (7, "0.005 kg CO2e")),
    first_ended=(101.0, 1),
)


def test_a_wide_terminal_shows_everything() -> None:
    assert FULL.fitted(126.0, 200) == (20, FULL.line(126.0))
    assert FULL.line(126.0).endswith(", about 40 s left, 0.42 of 5 USD, 0.012 kWh, 0.005 kg CO2e")


@pytest.mark.parametrize("width", [200, 120, 100, 80, 70, 60, 40, 20])
def test_the_line_fits_and_the_most_important_parts_stay(width: int) -> None:
    bar, text = FULL.fitted(126.0, width)
    assert len(text) + (bar + 1 if bar else 0) <= width
    assert text.startswith("24 of 60 trials")
    assert ("corrected" in text) == (width >= 60)
    assert ("left" in text) == (width not in {70, 60, 20})


def test_a_budget_of_time_is_shown_and_ends_the_search_before_its_last_trial() -> None:
    running = tally(11, total=1000, first_ended=(110.0, 1))
    running.hours, running.worked = 0.05, 100.0
    assert running.left(120.0) == pytest.approx(60.0)
    assert "2 min 0 s of 3 min" in running.line(120.0)


def test_the_budget_that_ends_a_trial_is_no_failure_to_tell() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    study.tell(study.ask(), state="failed", error="ValueError: no")
    running, failed = tally(0), study.trials[0]
    assert running.take(study.book, dataclasses.replace(failed, cause=Cause.BUDGET)) is None
    assert running.take(study.book, failed) == "trial 0 failed: ValueError: no"
    assert running.take(study.book, failed) is None
    ours = dataclasses.replace(failed, error="holdfast.errors.RequestError: too few rows")
    assert running.take(study.book, ours) == "trial 0 failed: too few rows"
