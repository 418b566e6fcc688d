"""A search that ends itself: under noise and not without it, on the record, once, and only with two readings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.facts.log import search_end
from holdfast.records import Score
from holdfast.study import stopping
from holdfast.study.load import load_study
from holdfast.study.noise import Noise
from holdfast.study.stopping import Reading, looks
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})


def truth(config: Any) -> float:
    return float((config["x"] - 0.3) ** 2)


def noisy(noise: float, sign: float = 1.0) -> Callable[[Any], float]:
    return lambda trial: sign * (truth(trial.config) + noise * float(np.random.default_rng(trial.seed).normal()))


def searched(noise: float = 0.05, n: int = 100, **settings: Any) -> Study:
    study = Study(SPACE, strategy="random", seed=1, **settings)
    sign = -1.0 if settings.get("direction") == "maximize" else 1.0
    study.optimize(noisy(noise, sign), n_trials=n, stop="auto")
    return study


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[float, float | None]]:
    """What is left to gain and the noise, by the number of results; (1, none) where nothing stands."""
    told: dict[int, tuple[float, float | None]] = {}

    def read(_: Any, size: int) -> Reading:
        high, noise = told.get(size, (1.0, None))
        found = None if noise is None else Noise(noise, "scores", "as the test has it")
        return Reading(size, 0, Score(high / 2, 0, high, 0.9, "", "", size), found)

    monkeypatch.setattr(stopping, "_read", read)
    return told


def test_under_noise_a_search_ends_itself_and_says_why() -> None:
    study = searched()
    n = len(study.trials)
    assert 22 <= n < 100
    assert n in {looks(m)[0] for m in range(20, 101)}
    (event,) = study.book.state.notes["noise.reached"]
    assert (event["trials"], event["source"]) == (n, "scores")
    assert event["gain"]["high"] < event["noise"] < 0.08
    assert event["told"] == [looks(n)[1], n]
    assert event["text"].startswith(f"The search was at its end after {n} trials, by stop = 'auto': any other")
    assert search_end(study.book.state) == event["text"]
    stop = study.should_stop()
    assert stop is not None
    assert (str(stop), stop.noise, stop.source) == (event["text"], event["noise"], "scores")
    assert truth(study.recommended().config) < 0.05
    again = searched()
    assert [trial.config for trial in again.trials] == [trial.config for trial in study.trials]
    assert again.book.state.notes["noise.reached"][0]["gain"] == event["gain"]


def test_the_direction_changes_nothing() -> None:
    assert len(searched(direction="maximize").trials) == len(searched().trials)


def test_without_noise_it_goes_on() -> None:
    study = searched(0.0, 50)
    assert len(study.trials) == 50
    assert study.should_stop() is None
    assert "noise.reached" not in study.book.state.notes


def test_one_that_ended_itself_goes_on_only_if_asked(
    tmp_path: Any, readings: dict[int, tuple[float, float | None]]
) -> None:
    readings.update(dict.fromkeys(range(101), (0.1, 0.2)))
    storage = f"sqlite:///{tmp_path}/study.db"
    study = searched(storage=storage, name="mine")
    assert len(study.trials) == 22
    study.close()
    study = load_study("mine", storage)
    with pytest.warns(UserWarning, match=r"The search was at its end after .* leave out stop = 'auto'"):
        study.optimize(noisy(0.05), n_trials=5, stop="auto")
    assert len(study.trials) == 22
    assert len(study.book.state.notes["noise.reached"]) == 1
    study.optimize(noisy(0.05), n_trials=3)
    assert len(study.trials) == 25
    assert search_end(study.book.state) == ""
    study.enqueue({"x": 0.3})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(noisy(0.05), n_trials=50, stop="auto")
    assert len(study.trials) == 26
    assert search_end(study.book.state).startswith("The search was at its end after 26 trials")


def test_two_readings_in_a_row_have_to_agree(readings: dict[int, tuple[float, float | None]]) -> None:
    readings.update({22: (0.1, 0.2), 24: (0.3, 0.2), 26: (0.1, 0.2), 28: (0.15, 0.2)})
    assert len(searched().trials) == 28


def test_no_noise_is_no_reason(readings: dict[int, tuple[float, float | None]]) -> None:
    readings.update(dict.fromkeys(range(101), (0.0, None)))
    assert len(searched(n=40).trials) == 40


def test_by_hand_it_is_asked_after_each_trial(readings: dict[int, tuple[float, float | None]]) -> None:
    readings.update({30: (0.1, 0.2), 33: (0.1, 0.2)})
    study = Study(SPACE, strategy="random", seed=0)
    while study.should_stop() is None:
        trial = study.ask()
        failed = trial.number == 5
        study.tell(trial, None if failed else truth(trial.config), state="failed" if failed else None)
    assert len(study.trials) == 33
    study.enqueue({"x": 0.5}, why="a hunch")
    assert study.should_stop() is None
    study.tell(study.ask(), 0.1)
    assert study.should_stop() is not None  # the readings are those of 30 and 33 results still
    assert len(study.book.state.notes["noise.reached"]) == 2


def test_no_search_ends_itself_before_there_are_enough_complete_trials() -> None:
    """Twenty, and for five hyperparameters too; with nine of them 28; those that failed do not count."""
    wide = holdfast.Space({f"x{i}": holdfast.Float(0, 1) for i in range(9)})
    for space, n, failed, enough in ((SPACE, 20, 0, True), (SPACE, 22, 4, False), (wide, 26, 0, False)):
        study = Study(space, strategy="random", seed=0)
        for number in range(n):
            trial = study.ask()
            if number < failed:
                study.tell(trial, state="failed")
            else:
                study.tell(trial, float(number % 7))
        assert (stopping._read(study.book, n) is not None) == enough


def test_readings_are_a_tenth_apart_and_later_a_quarter() -> None:
    assert looks(19) == (None, None)
    assert looks(20) == (20, None)
    assert looks(23) == (22, 20)
    assert len({looks(n)[0] for n in range(20, 10_001)}) == 40


def test_what_cannot_be_meant_is_refused_in_a_sentence() -> None:
    study = Study(SPACE)
    with pytest.raises(RequestError, match="stop = 'car'; it must be 'auto', or None for no end but the budget's"):
        study.optimize(lambda _: 0.0, n_trials=1, stop="car")  # type: ignore[arg-type]
    several = Study(SPACE, direction={"a": "minimize", "b": "minimize"})
    with pytest.raises(RequestError, match="stop = 'auto'; a study of several objectives has no such end"):
        several.optimize(lambda _: {"a": 1.0, "b": 1.0}, n_trials=1, stop="auto")
    with pytest.raises(RequestError, match="has several objectives, and what is left to gain is of one metric"):
        several.should_stop()
    assert study.should_stop() is None


def test_a_batch_ends_itself_too(readings: dict[int, tuple[float, float | None]]) -> None:
    readings.update(dict.fromkeys(range(101), (0.1, 0.2)))
    study = Study(SPACE, strategy="random", seed=0)
    study.optimize_batch(lambda trials: [truth(trial.config) for trial in trials], n_trials=60, batch=10, stop="auto")
    assert len(study.trials) == 30


def test_a_batch_ends_by_an_expected_gain_and_tells_of_each_trial() -> None:
    study, ended = Study(SPACE, strategy="random", seed=0), []
    study.optimize_batch(
        lambda trials: [truth(trial.config) for trial in trials],
        n_trials=200,
        batch=10,
        stop_gain=1e9,
        on_finish=lambda trial: ended.append(trial.number),
    )
    assert 0 < len(study.trials) < 200
    assert sorted(ended) == list(range(len(study.trials)))
