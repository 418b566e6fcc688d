"""Fresh runs of several configurations: by hand, bounds that hold for the one picked, and shrinkage that helps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from holdfast.errors import RequestError
from holdfast.stats.replicates import shrunken_means


def test_two_configurations_by_hand() -> None:
    # within: (1 + 1 + 4 + 4) / 2 = 5, so a mean of two runs has variance 2.5; Student's t with 2 degrees of freedom
    found = shrunken_means([np.array([1.0, 3.0]), np.array([6.0, 10.0])])
    np.testing.assert_allclose(found.means, [2, 8])
    np.testing.assert_allclose(found.shrunk, found.means)  # nobody knows how far from two
    half = stats.t.ppf(1 - 0.05 / 4, 2) * np.sqrt(2.5)
    np.testing.assert_allclose(found.high - found.means, half)
    np.testing.assert_allclose(found.means - found.low, half)
    assert found.sd == pytest.approx(np.sqrt(5))
    assert found.df == 2


def test_the_bounds_hold_for_the_best_of_equals_and_shrinkage_takes_its_luck_off() -> None:
    rng, inside, off, plain = np.random.default_rng(0), 0, [], []
    for _ in range(400):
        found = shrunken_means(list(rng.normal(size=(6, 3))))
        best = int(found.means.argmax())
        inside += bool(found.low[best] <= 0 <= found.high[best])
        off.append(found.shrunk[best])
        plain.append(found.means[best])
    assert inside / 400 >= 0.94
    assert np.mean(plain) > 0.6
    assert np.mean(off) < 0.6 * np.mean(plain)


def test_what_differs_clearly_is_hardly_shrunk_and_runs_that_agree_not_at_all() -> None:
    clear = shrunken_means([np.array([c - 0.01, c + 0.01]) for c in range(5)])
    np.testing.assert_allclose(clear.shrunk, np.arange(5), atol=0.001)
    same = shrunken_means([np.array([c, c]) for c in (1.0, 2.0, 4.0, 8.0)])
    np.testing.assert_allclose(same.shrunk, [1, 2, 4, 8])
    np.testing.assert_allclose(same.low, same.high)


@pytest.mark.parametrize("runs", [[], [np.array([1.0]), np.array([2.0])], [np.array([]), np.array([1.0, 2.0])]])
def test_too_few_runs_are_refused(runs: list[np.ndarray]) -> None:
    with pytest.raises(RequestError, match="each configuration needs one, and one of them two"):
        shrunken_means(runs)
