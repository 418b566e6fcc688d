"""What the line of progress says, by the clock and the trials."""

from __future__ import annotations

import pytest

from holdfast.cli.progress import Tally


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


def test_without_a_budget_there_is_no_end() -> None:
    assert tally(1, total=None, first_ended=(101.0, 1)).line(101.0) == "1 trial, 1 s"
