"""The benchmark of verdicts: its curves are what they are called, and its tables count them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import diagnosis
from holdfast.analyse.remedies import Kind
from holdfast.testing.curves import Config, toy_rows, train_network


@pytest.mark.parametrize("kind", diagnosis.FORMULAS)
def test_without_noise_a_curve_by_formula_is_told_for_what_it_is(kind: Kind) -> None:
    assert sum(diagnosis.by_formula(kind, 0.0, seed).kind == kind for seed in range(12)) >= 10


def test_a_table_of_rates_counts_every_case_alone_and_in_a_study() -> None:
    rows, config = toy_rows("blobs", 200, 200, 0), Config(1.0, "adam", epochs=12)
    truths = {1e-5: "too low", 1e-4: "too low", 1e-2: "right", 2e-2: "right", 30.0: "too high"}
    cases = []
    for seed, (rate, truth) in enumerate(truths.items()):
        own = replace(config, learning_rate=rate)
        cases.append(diagnosis.Case(own, train_network(rows, own, seed), truth, rows.chance))
    found = list(diagnosis.judged(cases, 0.0, 0))
    assert len(found) == 2 * len(cases)
    assert {said for how, truth, said in found if (how, truth) == ("in a study", "too low")} == {"too low"}
    assert {said for how, truth, said in found if truth == "right"} == {"none"}
    table = diagnosis.rate_table("Rates", [cases])
    assert "| 0 | alone | right | 2 | 0% | 100% | 0% |" in table


def test_the_way_that_is_left_is_measured_from_learning_nothing() -> None:
    rows = toy_rows("rings", 50, 50, 0)
    assert diagnosis.left_of(rows.chance, 0.1, rows) == pytest.approx(1.0)
    assert diagnosis.left_of(0.1, 0.1, rows) == 0.0
    assert diagnosis.left_of(np.inf, 0.0, rows) == pytest.approx(1.5)
