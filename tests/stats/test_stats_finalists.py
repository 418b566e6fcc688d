"""The set of configurations that may be the best: it holds the best, and leaves out what is clearly worse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from holdfast.errors import RequestError
from holdfast.stats.finalists import confident_set


def test_two_configurations_are_one_sided_paired_z_tests() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 1)) + 0.5 * rng.normal(size=(200, 2)) + [0.0, 0.06]
    ahead = scores[:, 1] - scores[:, 0]
    found = confident_set(scores, rng, bootstraps=40_000)
    assert found.p_values[1] == 1.0
    assert found.p_values[0] == pytest.approx(norm.sf(ahead.mean() / ahead.std() * np.sqrt(200)), abs=0.01)


def test_what_is_clearly_worse_is_left_out_and_copies_stay() -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(size=(300, 1))
    scores = np.hstack([good, good, good + 0.1 * rng.normal(size=(300, 1)), good - 1 + 0.1 * rng.normal(size=(300, 3))])
    np.testing.assert_array_equal(confident_set(scores, rng).configurations, [0, 1, 2])


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_best_is_in_it_as_often_as_promised(spread: float) -> None:
    rng = np.random.default_rng(2)
    truth = np.linspace(0, spread, 12)
    folds = np.arange(120) % 5
    held, size = 0, 0
    for _ in range(300):
        scores = truth + 0.3 * rng.standard_normal((120, 1)) + 0.2 * rng.standard_normal((120, 12))
        found = confident_set(scores, rng, folds=folds, level=0.9, bootstraps=300)
        held += 11 in found.configurations
        size += len(found.configurations)
    assert held / 300 >= 0.86
    assert size / 300 <= (12 if spread == 0 else 9)


def test_groups_are_units() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 6)
    held, by_rows = 0, 0
    for _ in range(150):
        scores = rng.standard_normal((20, 8))[groups] + 0.3 * rng.standard_normal((120, 8))
        held += 0 in confident_set(scores, rng, groups=groups, bootstraps=300).configurations
        by_rows += 0 in confident_set(scores, rng, bootstraps=300).configurations
    assert held / 150 >= 0.9
    assert by_rows < held - 15


def test_scale_and_order_do_not_matter() -> None:
    scores = np.random.default_rng(4).normal(size=(50, 6))
    plain = confident_set(scores, np.random.default_rng(0)).p_values
    np.testing.assert_allclose(confident_set(7 + 3 * scores, np.random.default_rng(0)).p_values, plain)
    np.testing.assert_allclose(confident_set(scores[:, ::-1], np.random.default_rng(0)).p_values, plain[::-1])


def test_little_is_enough_and_less_gets_a_sentence() -> None:
    rng = np.random.default_rng(0)
    assert list(confident_set(np.ones((5, 1)), rng).configurations) == [0]
    assert list(confident_set(np.ones((5, 3)), rng).configurations) == [0, 1, 2]
    assert list(confident_set(np.ones((5, 2)) * [0, 1], rng).configurations) == [1]
    with pytest.raises(RequestError, match="two rows"):
        confident_set(np.ones((1, 2)), rng)
    with pytest.raises(RequestError, match="one per row"):
        confident_set(np.ones((5, 2)), rng, folds=np.zeros(3))
