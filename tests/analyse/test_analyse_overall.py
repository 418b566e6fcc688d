from __future__ import annotations

import numpy as np
import pytest

from holdfast.analyse.curves import Diagnosis
from holdfast.analyse.overall import crowded, diagnose_study
from holdfast.analyse.remedies import Kind, pushes
from holdfast.records import Config
from holdfast.space import Categorical, Float, Int, Space

SPACE = Space(
    {
        "learning_rate": Float(1e-6, 1e-3, log=True),
        "layers": Int(1, 4),
        "dropout": Float(0.0, 0.5),
        "optimizer": Categorical(["sgd", "adam"]),
    }
)


def trial(kind: Kind, **config: float | str) -> tuple[Config, Diagnosis]:
    whole: Config = {**SPACE.default_config(), **config}
    return whole, Diagnosis(kind, "", None, pushes=pushes(kind, whole, SPACE))


def test_what_most_trials_have_is_the_verdict_of_the_study_and_the_edge_is_named() -> None:
    rates = np.geomspace(1e-6, 9e-4, 20)[::-1]
    trials = [
        trial("learning rate too low" if rate < 5e-4 else "balanced", learning_rate=float(rate)) for rate in rates
    ]
    found = diagnose_study(trials, len(trials), SPACE)
    assert found is not None
    assert found.kind == "learning rate too low"
    assert list(found.counts.items()) == [("learning rate too low", 18), ("balanced", 2)]
    assert found.sentence.startswith("Of 20 trials 18 have too low a learning rate and 2 are balanced.")
    assert "Trials without a fault of the learning rate have learning_rate with sgd from 0.0006" in found.sentence
    assert "Against it: raise learning_rate (median " in found.sentence


def test_the_best_at_an_end_of_the_space_ask_for_more_room() -> None:
    best: list[Config] = [{"learning_rate": 9.5e-4, "layers": 4, "dropout": 0.0} for _ in range(6)]
    rest: list[Config] = [{"learning_rate": 1e-5, "layers": 2, "dropout": 0.2} for _ in range(18)]
    edges = crowded([*best, *rest], SPACE)
    assert [(edge.name, edge.high, edge.hits, edge.of) for edge in edges] == [
        ("learning_rate", True, 6, 6),
        ("layers", True, 6, 6),
    ]  # nobody can drop less than nothing
    assert edges[0].sentence() == (
        "Of the best 6 trials 6 lie at the upper end of learning_rate, 0.001: search above it, too."
    )


def test_the_end_of_steps_is_its_last_value() -> None:
    space = Space({"share": Float(0.2, 0.8, step=0.2), "rest": Float(0, 1)})
    shares = [0.8] * 12 + [0.2] * 20
    configs: list[Config] = [{"share": share, "rest": 0.5} for share in shares]
    assert [(edge.name, edge.high, edge.bound) for edge in crowded(configs, space)] == [("share", True, 0.8)]


def test_chance_crowds_no_end() -> None:
    draw = np.random.default_rng(0)
    hits = sum(bool(crowded([SPACE.sample(draw) for _ in range(40)], SPACE)) for _ in range(300))
    assert hits <= 6


def test_without_a_majority_it_is_mixed_and_the_rates_without_a_fault_are_told_by_optimiser() -> None:
    trials = [
        *(trial("learning rate too low", learning_rate=1e-6, optimizer=name) for name in ("sgd", "adam")),
        *(trial("balanced", learning_rate=rate, optimizer="sgd") for rate in (2e-4, 8e-4)),
        *(trial("overfitting", learning_rate=rate, optimizer="adam") for rate in (1e-5, 3e-5)),
        trial("unknown"),
    ]
    found = diagnose_study(trials, len(trials), SPACE)
    assert found is not None
    assert found.kind == "mixed"
    assert "learning_rate with adam from 1e-05 to 3e-05 and with sgd from 0.0002 to 0.0008." in found.sentence
    assert found.sentence.startswith(
        "Of 7 trials 2 have too low a learning rate, 2 overfit and 2 are balanced, and nothing is known of the other "
        "one: no verdict is that of most."
    )


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        (["balanced"], "The one trial with a verdict is balanced."),
        (["overfitting"] * 3, "All 3 trials overfit."),
        (["diverged", "balanced", "balanced"], "Of 3 trials 2 are balanced and 1 diverged."),
    ],
)
def test_the_numbers_are_said_in_words(kinds: list[Kind], sentence: str) -> None:
    found = diagnose_study([({}, Diagnosis(kind, "", None)) for kind in kinds], len(kinds))
    assert found is not None
    assert found.sentence == sentence


def test_the_verdict_of_few_is_not_that_of_all_that_were_trained() -> None:
    found = diagnose_study([({}, Diagnosis("diverged", "", None))], 0, silent=22)
    assert found is not None
    assert found.kind == "unknown"
    assert found.sentence == "Of 23 trials 1 diverged, and nothing is known of the other 22."
    half = diagnose_study([({}, Diagnosis("balanced", "", None))] * 5, 0, silent=5)
    assert half is not None
    assert half.kind == "balanced"


def test_nothing_known_is_no_verdict() -> None:
    assert diagnose_study([], 0) is None
    assert diagnose_study([trial("unknown")], 1) is None
