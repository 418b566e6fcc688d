"""What trials score on average: the noise found from the scores alone, intervals that hold, and the luck taken off."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import holdfast
from holdfast.rng import Streams
from holdfast.search.outlook import Outlook, outlook
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


def seen(study: Study) -> Outlook:
    found = outlook(study.history, Streams(0))
    assert found is not None
    return found


def test_it_chooses_better_than_luck_and_its_intervals_hold() -> None:
    lucky, chosen, inside, noises, foretold = [], [], [], [], []
    for seed in range(20):
        study, truth = searched(seed, 0.05, 60)
        found = seen(study)
        means, sds = found.expect(study.history.units)
        place = int(means.argmin())
        lucky.append(truth[study.best_trial.number] - truth.min())
        chosen.append(truth[place] - truth.min())
        inside.append(np.abs(means - truth)[place] <= 1.96 * sds[place])
        noises.append(np.quantile(found.noises, [0.1, 0.5, 0.9]))
        fresh = study.history.space.sample_units(np.random.default_rng(seed), 200)  # type: ignore[union-attr]
        scores = (fresh[:, 0] - 0.3) ** 2 + 0.5 * (fresh[:, 1] - 0.6) ** 2
        scores = scores + np.random.default_rng(seed).normal(0, 0.05, 200)
        centres, spreads = found.predict(fresh)
        good = scores < np.median(study.history.losses)
        sd = np.sqrt(np.mean(spreads**2, axis=0) + centres.var(axis=0))
        foretold.append(np.mean(np.abs(scores - centres.mean(axis=0))[good] <= 1.96 * sd[good]))
    assert np.mean(chosen) < 0.6 * np.mean(lucky)
    assert np.mean(inside) >= 0.85
    assert np.mean(noises, axis=0)[1] == pytest.approx(0.05, rel=0.25)
    assert np.mean([low < 0.05 < high for low, _, high in noises]) >= 0.5
    assert 0.9 <= np.mean(foretold) <= 0.99


def test_without_noise_trials_score_what_they_scored() -> None:
    study, truth = searched(1, 0.0, 30)
    found = seen(study)
    means, _ = found.expect(study.history.units)
    assert found.told == 30
    assert np.median(found.noises) < 0.02
    assert int(means.argmin()) == study.best_trial.number
    best = truth < np.median(truth)
    np.testing.assert_allclose(means[best], truth[best], atol=0.02)


def test_the_unit_of_the_score_does_not_matter() -> None:
    study, _ = searched(2, 0.05, 20)
    other = Study(SPACE, strategy="random", seed=2)
    for trial in study.trials:
        other.tell(other.ask(), 1e6 * trial.metrics["value"] - 3e6)
    one, two = (seen(each).expect(each.history.units)[0] for each in (study, other))
    np.testing.assert_allclose(two, 1e6 * one - 3e6, rtol=1e-3)


def test_draws_have_the_mean_and_the_spread_of_what_is_expected_and_move_together() -> None:
    study, _ = searched(3, 0.05, 25)
    found = seen(study)
    units = np.array([[0.2, 0.2, 0.2], [0.201, 0.2, 0.2], [0.9, 0.1, 0.9]])
    drawn = found.draw(units, 500, np.random.default_rng(0))
    means, sds = found.expect(units)
    assert drawn.shape == (500 * len(found.posteriors), 3)
    np.testing.assert_allclose(drawn.mean(axis=0), means, atol=0.05 * sds.max())
    np.testing.assert_allclose(drawn.std(axis=0), sds, rtol=0.1)
    together = np.corrcoef(drawn.T)
    assert together[0, 1] > 0.99
    assert together[0, 2] < 0.9


def test_a_place_where_trials_fail_counts_for_little() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", seed=0)
    for _ in range(30):
        trial = study.ask()
        bad = float(trial["x"]) < 0.3
        study.tell(trial, None if bad else float(trial["x"]), state="failed" if bad else None)
    found = seen(study)
    units = np.array([[0.05], [0.15], [0.5], [0.9]])
    assert (found.counts(units) > 0.5).tolist() == [False, False, True, True]
    assert found.feasibility(units).tolist() == [1.0] * 4
    none = np.isinf(found.draw(units, 20, np.random.default_rng(0))).mean(axis=0)
    assert none[0] > 0.9
    assert none[3] < 0.1


def test_too_few_scores_or_equal_ones_have_no_outlook() -> None:
    assert outlook(searched(0, 0.1, 4)[0].history, Streams(0)) is None
    flat = Study(SPACE, strategy="random")
    flat.optimize(lambda trial: 1.0, n_trials=8)
    assert outlook(flat.history, Streams(0)) is None


@pytest.mark.parametrize("huge", [1e160, 1e200, 1e300, sys.float_info.max])
def test_it_does_not_matter_how_huge_a_bad_score_is(huge: float) -> None:
    found = []
    for bad in (1e3, huge):
        study = Study(SPACE, strategy="random", seed=4)
        for number in range(16):
            trial = study.ask()
            score = (float(trial["x"]) - 0.3) ** 2 + 0.5 * float(trial["y"])
            study.tell(trial, bad if number == 5 else score)
        found.append(seen(study).expect(study.history.units))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
