"""What was spent, as a person reads it; what nobody knows is never nought."""

from __future__ import annotations

import pytest

import holdfast
from holdfast.facts.spending import Spending, amount, size, spending
from holdfast.study.study import Study
from holdfast.usage import UNKNOWN, counted


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("hours", 0.01, "36 s"),
        ("hours", 1e-5, "under 1 s"),
        ("hours", 0.0, "0 s"),
        ("hours", 1.0, "1 h"),
        ("hours", 0.5, "30 min"),
        ("usd", 5.0, "5 USD"),
        ("usd", 0.00123, "0.00123 USD"),
        ("usd", 0.0000983, "0.0000983 USD"),
        ("kwh", 6.445e-07, "0.000644 Wh"),
        ("kwh", 1e-08, "0.00001 Wh"),
        ("kg_co2e", 2e-13, "2e-10 g CO2e"),
        ("usd", 12.345, "12.35 USD"),
        ("usd", 27000.0, "27,000 USD"),
        ("kwh", 0.0000902, "0.0902 Wh"),
        ("kg_co2e", 0.0004, "0.4 g CO2e"),
        ("kwh", 0.0, "0 kWh"),
        ("kwh", 1234.0, "1,234 kWh"),
        ("kg_co2e", 0.25, "0.25 kg CO2e"),
        ("disk_bytes", 2_500_000_000, "2.5 GB"),
    ],
)
def test_so_much_of_something(name: str, value: float, words: str) -> None:
    assert amount(name, value) == words


def test_sizes_have_the_unit_that_suits_them() -> None:
    assert [size(n) for n in (0, 999, 1000, 999_499, 1e12)] == ["0 B", "999 B", "1 kB", "999 kB", "1 TB"]


def test_against_a_limit() -> None:
    assert Spending("kwh", counted(0.02), 0.5).words() == "0.02 of 0.5 kWh"
    assert Spending("kwh", counted(0.0002), 0.5).words() == "0.2 Wh of 0.5 kWh"
    assert Spending("hours", counted(0.25), 1.0).words() == "15 min of 1 h"
    assert Spending("usd", UNKNOWN, 5.0).words() == "unknown of 5 USD"


def test_a_study_without_prices_has_spent_nothing_that_is_known() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    study.tell(study.ask(), 1.0)
    spent = {item.name: item for item in spending(study.book.state)}
    assert spent["usd"].spent.value is None
    assert spent["kwh"].spent.value is None
    assert "disk_bytes" not in spent
    assert {item.allowed for item in spent.values()} == {None}


def test_prices_and_limits_on_the_log_count() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    price = dict.fromkeys(("usd_per_hour", "watts", "kg_co2e_per_kwh", "carbon_uncertainty"))
    study.book.note("price.set", {**price, "usd_per_run": 2.0, "carbon_source": "", "workers": 1, "machine": ""})
    limits = dict.fromkeys(("trials", "hours", "kwh", "kg_co2e"))
    study.book.note("limits.set", {**limits, "usd": 10.0, "disk_bytes": 1e9})
    for _ in range(3):
        study.tell(study.ask(), 1.0)
    spent = {item.name: item for item in spending(study.book.state, disk_bytes=1e6)}
    assert spent["usd"].words() == "6 of 10 USD"
    assert spent["disk_bytes"].words() == "1 MB of 1 GB"
