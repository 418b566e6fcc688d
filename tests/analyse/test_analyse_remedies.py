from __future__ import annotations

import pytest

from holdfast.analyse.remedies import GENERAL, KINDS, PLANS, Kind, advice, pushes
from holdfast.records import Config
from holdfast.space import Categorical, Float, Int, Space

MORE = "or more data."

MLP: Config = {"learning_rate": 1e-5, "width": 64, "depth": 2, "dropout": 0.4, "weight_decay": 0.0, "batch_size": 32}


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("learning rate too low", MLP, "Try to raise learning_rate (now 1e-05)."),
        ("learning rate too high", MLP, "Try to lower learning_rate (now 1e-05), or to raise batch_size (now 32)."),
        (
            "overfitting",
            MLP,
            "Try to raise dropout (now 0.4) or weight_decay (now 0), to lower width (now 64) or depth (now 2), " + MORE,
        ),
        (
            "underfitting",
            MLP,
            "Try to raise width (now 64) or depth (now 2), to lower dropout (now 0.4), or better features.",
        ),
        ("overfitting", {"n_neighbors": 1}, "Try to raise n_neighbors (now 1), or more data."),
        ("underfitting", {"svc__C": 0.01}, "Try to raise svc__C (now 0.01), or better features."),
        (
            "still improving",
            {"max_iter": 50, "learning_rate": 0.1},
            "Try to raise max_iter (now 50) or learning_rate (now 0.1).",
        ),
        ("still improving", {"n_estimators": 50, "learning_rate": 0.1}, None),
        ("overfitting", {"augmentation": "none"}, "Try to switch on augmentation (now none), or more data."),
    ],
)
def test_the_hyperparameters_of_the_trial_are_named_with_their_values(
    kind: Kind, config: Config, sentence: str | None
) -> None:
    found = advice(kind, pushes(kind, config))
    assert found == (sentence or "Try to raise n_estimators (now 50) or learning_rate (now 0.1).")


def test_a_forest_does_not_learn_for_longer() -> None:
    assert pushes("still improving", {"n_estimators": 50, "max_depth": 3}) == ()


def test_what_stands_at_the_end_of_the_space_is_passed_over_unless_it_is_the_learning_rate() -> None:
    space = Space(
        {
            "learning_rate": Float(1e-5, 1e-1, log=True),
            "width": Int(8, 64, log=True),
            "depth": Int(1, 4),
            "dropout": Float(0.0, 0.5),
            "kind": Categorical(["a", "b"]),
        }
    )
    config: Config = {**space.default_config(), "learning_rate": 1e-5, "width": 64, "depth": 3, "dropout": 0.0}
    names = [push.name for push in pushes("underfitting", config, space)]
    assert names == ["depth"]
    high = {**config, "learning_rate": 0.1}
    said = advice("learning rate too low", pushes("learning rate too low", high, space))
    assert said == "Try to raise learning_rate (now 0.1, the highest that is searched)."
    narrow = pushes("overfitting", {"dropout": 0.5}, space)
    assert (
        advice("overfitting", narrow) == "Try to raise dropout (now 0.5, the highest that is searched), or more data."
    )


def test_every_fault_has_an_advice_and_nothing_else_has() -> None:
    assert set(PLANS) == set(GENERAL) < set(KINDS)
    for kind in KINDS:
        assert bool(advice(kind, pushes(kind, {}))) == (kind in PLANS)
        assert pushes(kind, {"a": True, "learning_rate": "adaptive", "dropout": None}) == ()
