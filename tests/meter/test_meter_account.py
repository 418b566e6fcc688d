"""Prices, accounts, forecasts and budgets: numbers in, numbers out."""

from __future__ import annotations

import dataclasses

import pytest

from holdfast.errors import RequestError
from holdfast.meter.account import account, usage_of
from holdfast.meter.budget import Limits, Reached, disk_bytes, first_reached
from holdfast.meter.forecast import Forecast, Shape, Timed, forecast
from holdfast.meter.price import Price
from holdfast.records import Cause, Trial, TrialState
from holdfast.usage import UNKNOWN, Figure, Method, Usage, counted


def trial(number: int, seconds: float, state: TrialState = TrialState.COMPLETE, cause: Cause | None = None) -> Trial:
    used = Usage(
        wall_seconds=counted(seconds), cpu_seconds=counted(seconds), kwh=Figure(seconds * 1e-6, Method.TDP, 1.0, 0.4)
    )
    return Trial(number, {}, state, "", 0, seconds=seconds, usage=(used,), cause=cause)


PRICE = Price(usd_per_hour=3.6, usd_per_run=1.0, kg_co2e_per_kwh=0.5, carbon_uncertainty=0.3, workers=2)


def test_money_is_for_the_machine_and_for_runs() -> None:
    assert PRICE.usd(counted(1000.0), 3) == Figure(4.0, Method.GIVEN, 1.0, 0.0)
    assert Price().usd(counted(1000.0), 3) == UNKNOWN
    assert Price(usd_per_run=1000.0).usd(UNKNOWN, 27).value == 27_000.0
    assert Price.from_json(PRICE.to_json() | {"of_a_later_version": 1}) == PRICE


def test_carbon_carries_the_errors_of_the_meter_and_of_the_intensity() -> None:
    kg = PRICE.kg_co2e(Figure(2.0, Method.TDP, 0.9, 0.4))
    assert (kg.value, kg.method, kg.coverage) == (1.0, Method.TDP, 0.9)
    assert kg.uncertainty == pytest.approx(0.5)
    assert PRICE.kg_co2e(UNKNOWN) == UNKNOWN
    assert dataclasses.replace(PRICE, kg_co2e_per_kwh=None).kg_co2e(counted(1.0)) == UNKNOWN


def test_watts_that_were_given_make_kwh() -> None:
    assert Price(watts=360.0).kwh(3600.0) == Figure(0.36, Method.GIVEN)
    assert Price().kwh(3600.0) == UNKNOWN


def test_an_account_has_a_line_for_each_purpose_and_adds_up() -> None:
    trials = [
        trial(0, 10.0),
        trial(1, 20.0),
        trial(2, 4.0, TrialState.STOPPED),
        trial(3, 6.0, TrialState.FAILED, Cause.ERROR),
        trial(4, 8.0, TrialState.FAILED, Cause.BUDGET),
    ]
    phases = [{"phase": "fit", "usage": Usage(wall_seconds=counted(5.0), cpu_seconds=counted(5.0)).to_json()}]
    found = account(trials, phases, PRICE, elapsed=40.0, winner=1)
    seconds = {line.what: line.machine_seconds.value for line in found.lines}
    assert seconds == {
        "the winner": 10.0,
        "other complete trials": 5.0,
        "trials stopped or paused early": 2.0,
        "trials that failed": 3.0,
        "trials ended by the budget": 4.0,
        "the final fit": 5.0,
        "waiting, and what was not metered": 11.0,
    }
    assert found.total.machine_seconds.value == 40.0
    assert found.total.usd.value == pytest.approx(5 * 1.0 + 40.0 * 0.001)
    assert sum(line.usd.value or 0.0 for line in found.lines) == pytest.approx(found.total.usd.value)
    assert found.total.usage.kwh.value == pytest.approx(48e-6)
    assert found.total.usage.kwh.coverage < 1.0


def test_an_account_without_prices_knows_no_money_and_no_carbon() -> None:
    found = account([trial(0, 10.0)])
    assert found.total.usd == UNKNOWN
    assert found.total.kg_co2e == UNKNOWN
    assert account([]).total.usage.kwh == UNKNOWN


def test_logs_from_before_metering_still_have_their_seconds() -> None:
    old = Trial(0, {}, TrialState.COMPLETE, "", 0, seconds=3.0, cpu_seconds=2.0)
    used = usage_of(old)
    assert (used.wall_seconds.value, used.cpu_seconds.value, used.kwh.value) == (3.0, 2.0, None)


def test_a_leg_from_before_metering_counts_beside_one_that_was_metered() -> None:
    legs = (Usage(), Usage(wall_seconds=counted(4.0), cpu_seconds=counted(4.0)))
    used = usage_of(Trial(0, {}, TrialState.COMPLETE, "", 0, seconds=13.0, cpu_seconds=12.0, usage=legs))
    assert (used.wall_seconds.value, used.cpu_seconds.value) == (13.0, 12.0)


def test_what_was_not_metered_drew_the_power_that_was_given() -> None:
    found = account([trial(0, 10.0)], (), Price(watts=3.6e6), elapsed=15.0)
    assert found.lines[-1].usage.kwh.value == pytest.approx(5.0)


def test_fits_are_trials_times_folds_times_rungs() -> None:
    assert Shape(trials=60).fits == 60
    assert Shape(trials=10, parts=5).fits == 50
    assert Shape(trials=27, rungs=(1, 3, 9), eta=3).fits == 27 + 9 + 3
    assert Shape(trials=27, rungs=(1, 3, 9), eta=3).full_trials == pytest.approx(27 * (1 + 2 / 3 + 6 / 9) / 9)
    assert Shape(trials=8).full_trials == 8
    brackets = Shape(trials=14, rungs=(1, 3, 9), eta=3, starts=(9, 3, 2))
    assert brackets.fits == (9 + 3 + 1) + (3 + 1) + 2
    assert brackets.full_trials == pytest.approx((9 + 3 * 2 + 6) / 9 + (3 * 3 + 6) / 9 + 2)
    population = Shape(trials=30, rungs=(1, 3, 9), members=8, intervals=3)
    assert (population.fits, population.full_trials) == (24, 8.0)
    assert Shape(trials=2, rungs=(1, 81)).full_trials == 1.0


def test_a_forecast_multiplies_what_was_timed() -> None:
    timed = [Timed(9.0, Figure(9e-5, Method.TDP, 1.0, 0.4)), Timed(11.0, Figure(11e-5, Method.TDP, 1.0, 0.4))]
    found = forecast(Shape(trials=100, parts=5, refits=True, workers=2), PRICE, timed, start_seconds=4.0)
    seconds = (found.hours.value or 0.0) * 3600
    assert seconds == pytest.approx(2 * 4.0 + 100 * 10.0 / 2 + 10.0 / 5 * 1.25 + 0.5)
    assert found.kwh.value == pytest.approx(1e-5 * 2 * seconds)
    assert found.usd.value == pytest.approx(100.0 + seconds * 0.001)
    assert Forecast.from_json(found.to_json()) == found


def test_without_timing_only_what_the_plan_prices_is_known() -> None:
    found = forecast(Shape(trials=27), Price(usd_per_run=1000.0))
    assert found.usd == Figure(27_000.0, Method.GIVEN, 1.0, 0.0)
    assert found.hours == found.kwh == found.kg_co2e == UNKNOWN
    assert forecast(Shape(trials=27), Price(usd_per_hour=1.0)).usd == UNKNOWN


def test_a_limit_holds_what_is_still_to_come() -> None:
    limits = Limits(hours=1.0, usd=10.0)
    assert first_reached(limits, {"hours": 0.5, "usd": 5.0}, {"hours": 0.4, "usd": 4.0}) is None
    assert first_reached(limits, {"hours": 0.5, "usd": 5.0}, {"usd": 5.1}) == Reached("usd", 10.0, 5.0)
    assert first_reached(limits, {"hours": 2.0}, {}) == Reached("hours", 1.0, 2.0)
    assert first_reached(Limits(kwh=1.0), {}, {"kwh": 2.0}) is None
    assert first_reached(Limits(usd=0.3), {"usd": 0.1 * 2}, {"usd": 0.1}) is None, "three runs at 0.1 USD cost 0.3 USD"


@pytest.mark.parametrize(
    ("written", "size"), [(2, 2e9), (0.5, 5e8), ("500 MB", 5e8), ("1.5gb", 1.5e9), ("1 KiB", 1024.0), ("1e3 b", 1e3)]
)
def test_sizes_as_people_write_them(written: float | str, size: float) -> None:
    assert disk_bytes(written) == size


@pytest.mark.parametrize("written", ["much", "5 apples", "", "-1 GB", 0, -1.0, "0 MB"])
def test_what_is_no_size_is_refused(written: float | str) -> None:
    with pytest.raises(RequestError, match=r"disk = "):
        disk_bytes(written)
