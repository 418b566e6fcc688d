"""What trials score on average: the noise found from the scores alone, intervals that hold, and the luck taken off."""

from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.search.smooth import smoothed
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1), "z": holdfast.Float(0, 1)})


def searched(seed: int, noise: float, n: int) -> tuple[Study, np.ndarray]:
    """A random search of a bowl, and (n,) what its trials score on average."""
    study, rng, truth = Study(SPACE, strategy="random", seed=seed), np.random.default_rng(seed), []
    for _ in range(n):
        trial = study.ask()
        truth.append((float(trial["x"]) - 0.3) ** 2 + 0.5 * (float(trial["y"]) - 0.6) ** 2)
        study.tell(trial, truth[-1] + float(rng.normal(0, noise)))
    return study, np.array(truth)


def test_it_chooses_better_than_luck_and_its_intervals_hold() -> None:
    lucky, chosen, inside, noises = [], [], [], []
    for seed in range(20):
        study, truth = searched(seed, 0.05, 60)
        found = smoothed(study.history, np.arange(60))
        assert found is not None
        place = int(found.means.argmin())
        lucky.append(truth[study.best_trial.number] - truth.min())
        chosen.append(truth[place] - truth.min())
        inside.append(np.abs(found.means - truth)[place] <= 1.96 * found.sds[place])
        noises.append(found.noise)
    assert np.mean(chosen) < 0.6 * np.mean(lucky)
    assert np.mean(inside) >= 0.85
    assert np.mean(noises) == pytest.approx(0.05, rel=0.25)


def test_without_noise_trials_score_what_they_scored() -> None:
    study, truth = searched(1, 0.0, 30)
    found = smoothed(study.history, np.arange(30))
    assert found is not None
    assert found.told == 30
    assert found.noise < 0.02
    assert int(found.means.argmin()) == study.best_trial.number
    best = truth < np.median(truth)
    np.testing.assert_allclose(found.means[best], truth[best], atol=0.02)


def test_the_unit_of_the_score_does_not_matter() -> None:
    study, _ = searched(2, 0.05, 20)
    other = Study(SPACE, strategy="random", seed=2)
    for trial in study.trials:
        other.tell(other.ask(), 1e6 * trial.metrics["value"] - 3e6)
    one, two = smoothed(study.history, np.arange(20)), smoothed(other.history, np.arange(20))
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(two.means, 1e6 * one.means - 3e6, rtol=1e-3)


def test_too_few_scores_or_equal_ones_are_not_smoothed() -> None:
    assert smoothed(searched(0, 0.1, 4)[0].history, np.arange(4)) is None
    flat = Study(SPACE, strategy="random")
    flat.optimize(lambda trial: 1.0, n_trials=8)
    assert smoothed(flat.history, np.arange(8)) is None
