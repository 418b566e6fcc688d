from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.analyse.curves import Context, diagnose
from holdfast.records import Config, Direction

STEPS = np.arange(1, 41)
FALLING = 2.0 * np.exp(-STEPS / 4.0) + 0.05


def curve(train: np.ndarray, validation: np.ndarray, **more: Any) -> dict[str, Any]:
    points = {"steps": STEPS.tolist(), "train": train.tolist(), "validation": validation.tolist()}
    return {"metric": "loss", "step": "epoch", **points, **more}


OVERFITTED = curve(FALLING - 0.001 * STEPS, FALLING + 0.1 + 0.02 * np.maximum(STEPS - 20, 0))
LEARNING = curve(3.0 - 0.05 * STEPS, 3.1 - 0.045 * STEPS)
SETTLED = curve(FALLING, FALLING + 0.02)
UNSTABLE = curve(FALLING + 0.1 * np.maximum(STEPS - 20, 0), FALLING + 0.1 * np.maximum(STEPS - 20, 0))


@pytest.mark.parametrize(
    ("train", "validation", "direction", "reference", "kind"),
    [
        (1.0, 0.98, "maximize", 0.1, "balanced"),
        (1.0, 0.75, "maximize", 0.1, "overfitting"),
        (0.14, 0.12, "maximize", 0.1, "underfitting"),
        (0.12, 0.13, "maximize", 0.1, "underfitting"),
        (52.0, 54.0, "minimize", 77.0, "balanced"),
        (20.0, 60.0, "minimize", 77.0, "overfitting"),
        (75.0, 76.0, "minimize", 77.0, "underfitting"),
        (0.45, 0.43, "maximize", 0.0, "balanced"),
        (0.9, -0.4, "maximize", 0.0, "overfitting"),
        (5200.0, 5100.0, "maximize", 0.0, "balanced"),
        (0.99, 0.97, "maximize", None, "balanced"),
        (1.0, 0.6, "maximize", None, "overfitting"),
        (2.0, 3.0, "minimize", None, "overfitting"),
        (2.0, 2.1, "minimize", None, "balanced"),
        (0.0, 0.0, "minimize", None, "balanced"),
        (0.7, 0.9, "maximize", 0.5, "balanced"),
    ],
)
def test_two_scores_are_judged_against_one_that_takes_no_learning(
    train: float, validation: float, direction: Direction, reference: float | None, kind: str
) -> None:
    found = diagnose(train, validation, direction, noise=0.005 * abs(train), reference=reference)
    assert found.kind == kind, found.sentence
    better = train - validation if direction == "maximize" else validation - train
    assert found.gap == pytest.approx(better)
    assert found.sentence.endswith(".")


def test_a_trial_that_the_search_ended_is_not_called_underfitting_or_still_improving() -> None:
    early = curve(3.0 - 0.05 * STEPS, 3.1 - 0.05 * STEPS)
    for kept, scores in ((None, (0.14, 0.12)), (early, (0.14, 0.12))):
        whole = diagnose(*scores, "maximize", kept, reference=0.1, context=Context())
        cut = diagnose(*scores, "maximize", kept, reference=0.1, context=Context(cut=True))
        assert whole.kind != "unknown"
        assert (cut.kind, cut.pushes) == ("unknown", ())
        assert "nobody knows what it would have learned" in cut.sentence


def test_more_epochs_are_not_advised_to_a_run_that_early_stopping_ended() -> None:
    def tips(epochs: int) -> list[str]:
        config: Config = {"epochs": epochs, "width": 8}
        found = diagnose(0.14, 0.12, "maximize", SETTLED, reference=0.1, context=Context(config=config))
        assert found.kind == "underfitting"
        return [push.name for push in found.pushes]

    assert tips(40) == ["width", "epochs"]
    assert tips(80) == ["width"]


def test_the_units_of_a_loss_do_not_matter() -> None:
    for unit in (1e-6, 1.0, 1e6):
        found = diagnose(2.0 * unit, 6.0 * unit, "minimize", noise=0.2 * unit, reference=8.0 * unit)
        assert found.kind == "overfitting"
        assert "67% of what the model learned" in found.sentence


def test_a_gap_that_chance_explains_is_no_verdict() -> None:
    assert diagnose(0.95, 0.80, "maximize", noise=0.01, reference=0.5).kind == "overfitting"
    found = diagnose(0.95, 0.80, "maximize", noise=0.1, reference=0.5)
    assert found.kind == "too noisy to tell"
    assert "more validation rows" in found.sentence
    assert "is not known" in diagnose(0.95, 0.80, "maximize", reference=0.5).sentence


@pytest.mark.parametrize("rows", [30, 100, 1000])
def test_equal_models_are_seldom_called_overfitted(rows: int) -> None:
    """The same accuracy on both sides, each measured on so many rows."""
    draw = np.random.default_rng(rows)
    train, validation = draw.binomial(rows, 0.8, (2, 2000)) / rows
    noise = np.sqrt(np.maximum(validation * (1 - validation), 1e-3) / rows)
    found = [
        diagnose(t, v, "maximize", noise=s, reference=0.5).kind
        for t, v, s in zip(train, validation, noise, strict=True)
    ]
    assert np.mean([kind in {"overfitting", "underfitting", "still improving"} for kind in found]) < 0.05


def test_a_model_behind_anothers_score_on_new_rows_underfits() -> None:
    found = diagnose(0.80, 0.79, "maximize", noise=0.01, reference=0.1, best=0.95)
    assert found.kind == "underfitting"
    assert "the best trial reached 0.95" in found.sentence
    assert diagnose(0.94, 0.93, "maximize", noise=0.01, reference=0.1, best=0.95).kind == "balanced"
    assert diagnose(60.0, 62.0, "minimize", best=40.0).kind == "underfitting"


def test_the_curve_decides_first() -> None:
    found = diagnose(0.99, 0.97, "maximize", OVERFITTED, 0.01, 0.1)
    assert found.kind == "overfitting"
    assert "since epoch 19 while" in found.sentence
    assert diagnose(0.6, 0.6, "maximize", LEARNING, 0.01, 0.1).kind == "still improving"
    assert diagnose(0.9, 0.89, "maximize", SETTLED, 0.01, 0.1).kind == "balanced"
    unstable = diagnose(0.9, 0.89, "maximize", UNSTABLE, 0.01, 0.1)
    assert unstable.kind == "learning rate too high"
    assert "lower learning rate" in unstable.sentence


def test_weights_from_before_the_turn_are_not_overfitted() -> None:
    found = diagnose(0.99, 0.97, "maximize", {**OVERFITTED, "kept": 18}, 0.01, 0.1)
    assert found.kind == "balanced"
    assert "the weights kept are those of epoch 18" in found.sentence
    assert diagnose(0.99, 0.97, "maximize", {**OVERFITTED, "kept": 40}, 0.01, 0.1).kind == "overfitting"


def test_without_a_training_score_the_curve_has_to_do() -> None:
    assert diagnose(None, 0.97, "maximize", SETTLED).kind == "balanced"
    found = diagnose(None, 0.97, "maximize", curve(FALLING, FALLING + 0.6))
    assert (found.kind, found.gap) == ("overfitting", None)
    assert diagnose(None, 0.97, "maximize", OVERFITTED).kind == "overfitting"


def test_a_loss_that_contradicts_the_accuracy_says_so_and_why() -> None:
    of_accuracy = Context("accuracy", {"dropout": 0.1})
    found = diagnose(0.99, 0.97, "maximize", OVERFITTED, 0.01, 0.1, context=of_accuracy)
    assert found.short == f"overfitting from epoch {found.since:g}"
    assert "Try to raise dropout (now 0.1), or more data." in found.sentence
    assert "The accuracy does not show it: 0.99 on training and 0.97 on validation rows" in found.sentence
    assert "confident mistakes" in found.sentence
    slow = diagnose(0.97, 0.96, "maximize", LEARNING, 0.01, 0.1, context=of_accuracy)
    assert slow.kind == "still improving"
    assert "settled long before the loss is low" in slow.sentence
    gap = diagnose(0.99, 0.70, "maximize", SETTLED, 0.01, 0.1, context=of_accuracy)
    assert gap.kind == "overfitting"
    assert "The loss does not show it" in gap.sentence
    same = diagnose(0.99, 0.97, "maximize", {**OVERFITTED, "metric": "accuracy"}, 0.01, 0.1, context=of_accuracy)
    assert "does not show it" not in same.sentence


def test_what_explodes_or_breaks_off_has_diverged() -> None:
    exploded = curve(np.maximum(FALLING, 0.01 * np.exp(0.3 * STEPS)), FALLING)
    found = diagnose(0.5, 0.5, "maximize", exploded, context=Context(chance=2.3))
    assert found.kind == "diverged"
    assert found.since == pytest.approx(22, abs=2)
    assert found.short == f"diverged in epoch {found.since:g}"
    broken = {**SETTLED, "train": [*SETTLED["train"][:30], *[None] * 10]}
    assert diagnose(0.5, 0.5, "maximize", broken).short == "diverged in epoch 31"
    said = diagnose(
        None, float("nan"), "maximize", context=Context(diverged="the loss became NaN in epoch 3; lower it")
    )
    assert said.sentence.startswith("The loss became NaN in epoch 3. Try a lower learning rate")


@pytest.mark.parametrize("noise", [0.3, 0.6])
def test_without_scores_a_curve_that_hides_in_its_noise_is_too_noisy_to_tell(noise: float) -> None:
    draw = np.random.default_rng(1)
    kinds = [
        diagnose(None, np.nan, "maximize", curve(*draw.normal(1.0, noise, (2, len(STEPS))))).kind for _ in range(200)
    ]
    assert np.mean([kind == "too noisy to tell" for kind in kinds]) > 0.85


def test_where_both_sides_fall_they_tell_together_what_noise_hides_in_each() -> None:
    draw, hits, alarms = np.random.default_rng(2), 0, 0
    for _ in range(100):
        jolt = draw.normal(0.0, 0.02, (2, len(STEPS)))
        power = 2.3 * STEPS**-0.4
        hits += diagnose(0.8, 0.79, "maximize", curve(*(power + jolt)), 0.01, 0.1).kind == "still improving"
        alarms += diagnose(0.8, 0.79, "maximize", curve(*(0.5 + FALLING + jolt)), 0.01, 0.1).kind != "balanced"
    assert hits > 40
    assert alarms <= 5


def test_nothing_known_is_said_to_be_unknown() -> None:
    short = {key: value[:4] if isinstance(value, list) else value for key, value in OVERFITTED.items()}
    shuffled = {**OVERFITTED, "steps": OVERFITTED["steps"][::-1]}
    for train, validation, points in [
        (None, 0.9, None),
        (float("nan"), 0.9, None),
        (None, 0.9, short),
        (None, 0.9, shuffled),
        (0.9, float("nan"), None),
    ]:
        found = diagnose(train, validation, "maximize", points)
        assert (found.kind, found.gap) == ("unknown", None)


def test_points_without_a_value_are_left_out() -> None:
    holes = {**OVERFITTED, "train": [None if k % 3 else v for k, v in enumerate(OVERFITTED["train"])]}
    assert diagnose(0.99, 0.97, "maximize", holes, 0.01, 0.1).kind == "overfitting"


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_a_noisy_flat_curve_raises_no_alarm(noise: float) -> None:
    draw = np.random.default_rng(5)
    kinds = [
        diagnose(0.9, 0.89, "maximize", curve(*draw.normal(1.0, noise, (2, len(STEPS)))), 0.01, 0.1).kind
        for _ in range(400)
    ]
    assert np.mean([kind != "balanced" for kind in kinds]) < 0.05


NUMBERS = st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, float("nan"), float("inf")])
MAYBE = st.none() | NUMBERS


@pytest.mark.parametrize(("direction", "reference"), [("maximize", 1.0), ("minimize", 0.0)])
def test_a_perfect_reference_decides_nothing(direction: Direction, reference: float) -> None:
    found = diagnose(reference, reference, direction, noise=0.01, reference=reference)
    assert found.kind == "balanced"
    assert f"The metric says little here: {reference:.4g} takes no learning." in found.sentence
    apart = diagnose(abs(reference - 0.05), abs(reference - 0.4), direction, noise=0.01, reference=reference)
    assert apart.kind == "overfitting"


@settings(deadline=None, max_examples=300)
@given(
    MAYBE,
    NUMBERS,
    st.sampled_from(["minimize", "maximize"]),
    st.none() | st.lists(st.tuples(MAYBE, MAYBE), max_size=30),
    st.none() | st.floats(0.0, 1e9),
    MAYBE,
    MAYBE,
    MAYBE,
    st.none() | st.floats(1e-9, 1e9),
)
def test_there_is_always_a_verdict_in_a_sentence(
    train: float | None,
    validation: float,
    direction: Direction,
    losses: list[tuple[float | None, float | None]] | None,
    noise: float | None,
    reference: float | None,
    best: float | None,
    kept: float | None,
    chance: float | None,
) -> None:
    points: dict[str, Any] | None = None
    if losses is not None:
        left, right = [pair[0] for pair in losses], [pair[1] for pair in losses]
        steps = list(range(1, len(losses) + 1))
        points = {"metric": "loss", "step": "epoch", "steps": steps, "train": left, "validation": right, "kept": kept}
    context = Context("accuracy", {"learning_rate": 0.1}, curve_direction=direction, chance=chance)
    found = diagnose(train, validation, direction, points, noise, reference, best, context)
    assert found.sentence.endswith(".")
    assert found.gap is None or np.isfinite(found.gap)
