"""What a study has cost, in words: unknown is never nought, and every figure says where it comes from."""

from __future__ import annotations

import holdfast
from holdfast.facts.cost import account_of, amount, lines_table, origin, totals_table
from holdfast.study.study import Study
from holdfast.usage import UNKNOWN, Figure, Method


def study() -> Study:
    made = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    for value in (1.0, 2.0):
        made.tell(made.ask(), value)
    return made


def test_what_nobody_measured_is_unknown_and_not_nought() -> None:
    rows = {row[0]: row[1:] for row in totals_table(account_of(study().book.state)).rows}
    assert rows["electricity"] == ["unknown", "unknown", "", ""]
    assert rows["money"] == ["unknown", "unknown", "", ""]
    assert amount(UNKNOWN) == "unknown"
    assert amount(Figure(0.0, Method.COUNTER)) == "0"


def test_a_figure_says_its_method_its_coverage_and_its_uncertainty() -> None:
    assert origin(Figure(2.0, Method.TDP, 0.975, 0.4)) == ("TDP estimate", "97.5%", "±40%")
    assert origin(Figure(2.0, Method.COUNTER, 1.0, 0.0)) == ("counter", "100%", "nothing")
    assert origin(Figure(2.0, Method.SAMPLED, 1.0, None)) == ("sampled", "100%", "unknown")


def test_money_and_electricity_are_said_line_by_line_and_in_all() -> None:
    made = study()
    made.book.note("price.set", {"usd_per_hour": 3.6, "kg_co2e_per_kwh": 0.5})
    usage = {"wall_seconds": [1000.0, "counter", 1.0, 0.0], "kwh": [2.0, "sampled", 1.0, 0.1]}
    made.book.note("phase.metered", {"phase": "fit", "usage": usage})
    whole = account_of(made.book.state)
    lines = {row[0]: row[1:] for row in lines_table(whole).rows}
    assert lines["the final fit"] == ["16 min 40 s", "unknown", "2 kWh", "1 kg CO2e", "1 USD"]
    assert next(iter(lines)) == "the winner"
    assert lines_table(whole).rows[-1][3:5] == ["2 kWh", "1 kg CO2e"]
    rows = {row[0]: row[1:] for row in totals_table(whole).rows}
    assert rows["electricity"][:2] == ["2 kWh", "sampled"]
    assert rows["carbon"][0] == "1 kg CO2e"
