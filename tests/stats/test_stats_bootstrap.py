"""Bootstraps of rows and of groups, and what BBC says of the best of many configurations."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.stats import bootstrap, weighted
from holdfast.stats.regained import corrected_mean


def drawn(rng: np.random.Generator, n: int, b: int, groups: np.ndarray | None = None) -> np.ndarray:
    return np.concatenate(list(bootstrap.draw_counts(rng, n, b, groups)))


def test_every_bootstrap_draws_as_many_rows_as_there_are() -> None:
    counts = drawn(np.random.default_rng(0), 37, 500)
    assert counts.shape == (500, 37)
    assert (counts.sum(axis=1) == 37).all()
    assert (counts == 0).mean() == pytest.approx((1 - 1 / 37) ** 37, abs=0.01)


def test_rows_of_a_group_go_together() -> None:
    groups = np.array(["a", "b", "a", "c", "b", "b"])
    counts = drawn(np.random.default_rng(0), 6, 200, groups)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert ((counts[:, 0] + counts[:, 1] + counts[:, 3]) == 3).all()


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(np.random.default_rng(0), 11, 50)
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 35)
    np.testing.assert_array_equal(drawn(np.random.default_rng(0), 11, 50), whole)


def test_bbc_is_what_a_plain_loop_says() -> None:
    scores = np.random.default_rng(1).normal(size=(25, 6))
    found = bootstrap.bbc(scores, np.random.default_rng(2), 40)
    estimates, winners, deviations = [], [], []
    for row in drawn(np.random.default_rng(2), 25, 40):
        in_bag = np.repeat(np.arange(25), row.astype(int))
        best = int(scores[in_bag].mean(axis=0).argmax())
        left = scores[row == 0, best]
        estimates.append(left.mean())
        winners.append(best)
        deviations.append(left.std(ddof=1))
    np.testing.assert_allclose(found.estimates, estimates)
    np.testing.assert_array_equal(found.winners, winners)
    assert found.point == pytest.approx(np.mean(estimates))
    assert found.row_deviation == pytest.approx(np.mean(deviations))
    assert found.undefined == 0


def test_folds_as_units_are_drawn_whole() -> None:
    """Bootstrapped folds, in a plain loop."""
    scores, folds = np.random.default_rng(1).normal(size=(20, 4)), np.arange(20) % 5
    found = bootstrap.bbc(scores, np.random.default_rng(2), 30, folds)
    for row, estimate in zip(drawn(np.random.default_rng(2), 20, 30, folds), found.estimates, strict=True):
        best = int(np.repeat(scores, row.astype(int), axis=0).mean(axis=0).argmax())
        left = scores[row == 0, best]
        assert len(left) % 4 == 0
        np.testing.assert_allclose(estimate, left.mean() if len(left) else np.nan)


def test_group_rows_have_the_mean_and_the_cluster_robust_variance() -> None:
    scores = np.array([[1.0], [3.0], [2.0], [6.0], [4.0], [2.0]])
    rows = bootstrap.group_rows(scores, np.array([0, 0, 1, 1, 1, 2]))
    np.testing.assert_allclose(rows[:, 0], [3 + 0.5 * -2, 3 + 0.5 * 3, 3 + 0.5 * -1])
    alone = bootstrap.group_rows(scores, np.arange(6))
    np.testing.assert_allclose(alone, scores)


def test_the_general_form_agrees_with_the_matrix_form() -> None:
    scores = np.random.default_rng(3).integers(2, size=(30, 5)).astype(float)
    general = bootstrap.bbc_metric(
        lambda c, weights: weighted.mean(scores[:, c], weights), 30, 5, np.random.default_rng(4), 60
    )
    matrix = bootstrap.bbc(scores, np.random.default_rng(4), 60)
    np.testing.assert_allclose(general.estimates, matrix.estimates)
    assert general.in_bag is not None
    assert general.in_bag.shape == (60, 5)


def test_ties_go_to_the_lowest_index() -> None:
    scores = np.repeat(np.random.default_rng(5).integers(2, size=(20, 1)), 4, axis=1)
    assert (bootstrap.bbc(scores, np.random.default_rng(0), 50).winners == 0).all()


def test_undefined_bootstraps_are_left_out_and_counted() -> None:
    y = np.r_[np.ones(2, bool), np.zeros(8, bool)]
    scores = np.random.default_rng(6).normal(size=(10, 3))
    found = bootstrap.bbc_metric(
        lambda c, weights: weighted.auc(y, scores[:, c], weights), 10, 3, np.random.default_rng(0), 300
    )
    assert 0 < found.undefined < 300
    assert found.undefined == np.isnan(found.estimates).sum()
    assert 0 <= found.point <= 1


def test_the_naive_score_is_biased_and_bbc_is_not() -> None:
    """The simulation of Tsamardinos et al. (2018), section 5.1: true accuracies from Beta(9, 6)."""
    rng = np.random.default_rng(7)
    bias: dict[tuple[int, int], tuple[float, float]] = {}
    for n, c in ((40, 50), (40, 300), (500, 50)):
        naive, corrected = [], []
        for _ in range(60):
            truth = rng.beta(9, 6, size=c)
            scores = (rng.random((n, c)) < truth).astype(float)
            best = scores.mean(axis=0).argmax()
            naive.append(scores[:, best].mean() - truth[best])
            corrected.append(bootstrap.bbc(scores, rng, 200).point - truth[best])
        bias[n, c] = float(np.mean(naive)), float(np.mean(corrected))
    assert bias[40, 300][0] > bias[40, 50][0] > bias[500, 50][0] > 0
    for naive_bias, corrected_bias in bias.values():
        assert abs(corrected_bias) < max(0.4 * naive_bias, 0.008)


def test_max_t_of_one_configuration_is_a_normal_interval() -> None:
    rng = np.random.default_rng(8)
    in_bag = rng.normal(0.7, 0.05, size=(20_000, 1))
    low, high = bootstrap.max_t(np.array([0.7]), in_bag, 0)
    assert (low, high) == pytest.approx((0.7 - 1.96 * 0.05, 0.7 + 1.96 * 0.05), abs=0.003)
    wider = bootstrap.max_t(np.full(20, 0.7), rng.normal(0.7, 0.05, size=(20_000, 20)), 3)
    assert wider[0] < low
    assert wider[1] > high


def test_bad_requests_get_a_sentence() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(RequestError, match="one group"):
        bootstrap.bbc(np.zeros((4, 2)), rng, groups=np.zeros(4))
    with pytest.raises(RequestError, match="one per row"):
        bootstrap.bbc(np.zeros((4, 2)), rng, groups=np.zeros(3))
    with pytest.raises(RequestError, match="undefined in all"):
        bootstrap.bbc_metric(lambda _, weights: np.full(len(weights), np.nan), 4, 2, rng, 10)
    for shape in ((0, 3), (5,), (5, 0), (1, 2)):
        for function in (bootstrap.bbc, corrected_mean):
            with pytest.raises(RequestError, match=r"have shape \(.*\); at least two rows and one configuration"):
                function(np.zeros(shape), rng)
    for wrong in (np.nan, np.inf):
        with pytest.raises(RequestError, match="some row scores are not finite"):
            corrected_mean(np.array([[1.0, 0.0], [wrong, 1.0]]), rng)
    few = np.r_[np.full(191, np.nan), np.ones(9)]
    with pytest.raises(RequestError, match="undefined in 191 of 200"):
        bootstrap.corrected_from(few, np.zeros(200, int), 0.0)
    with pytest.raises(RequestError, match="all but one bootstrap"):
        bootstrap.max_t(np.zeros(1), np.full((5, 1), np.nan), 0)
