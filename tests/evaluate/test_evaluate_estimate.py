"""The estimate: which method it takes, what it says, and that the number holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.conftest import bounds

from holdfast.errors import RequestError
from holdfast.evaluate import bootstraps, wording
from holdfast.evaluate import estimate as subject
from holdfast.evaluate.metrics import metric_named
from holdfast.records import RowScores
from holdfast.stats import intervals

Aggregate = Literal["mean", "root_mean"]


def table(scores: np.ndarray, aggregate: Aggregate = "mean", names: np.ndarray | None = None) -> list[RowScores]:
    return [RowScores(column, names, "score", aggregate) for column in scores.T]


def correctness(seed: int, n: int = 120, c: int = 15, accuracy: float = 0.8) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, c)) < accuracy).astype(np.uint8)


def corrected(rows: Sequence[RowScores], **changes: Any) -> subject.Estimate:
    return subject.estimate(rows, **{"direction": "maximize", "estimand": "scored", **changes})


def test_luck_is_taken_off_the_best_of_equals() -> None:
    found = corrected(table(correctness(0, c=40)))
    low, high = bounds(found)
    assert found.naive == correctness(0, c=40).mean(axis=0).max()
    assert found.luck == pytest.approx(found.naive - found.score.value)
    assert found.luck > 0.02
    assert low < 0.8 < high
    assert found.n_configurations == 40
    assert found.effective_configurations is not None
    assert 5 < found.effective_configurations <= 40
    assert found.score.method == wording.RMX
    assert found.score.estimand == "the very model that was scored"
    assert found.score.n == 120


def test_losses_are_the_mirror_of_scores() -> None:
    scores = correctness(1)
    up, down = corrected(table(scores)), corrected(table(1 - scores), direction="minimize")
    assert bounds(down) == pytest.approx((1 - bounds(up)[1], 1 - bounds(up)[0]))
    assert down.score.value == pytest.approx(1 - up.score.value)
    assert down.luck == pytest.approx(up.luck)
    numbers = np.random.default_rng(2).normal(size=(60, 8))
    up, down = corrected(table(numbers)), corrected(table(-numbers), direction="minimize")
    assert bounds(down) == pytest.approx((-bounds(up)[1], -bounds(up)[0]))
    assert down.luck == pytest.approx(up.luck)


@pytest.mark.parametrize("estimand", ["scored", "refit"])
def test_a_root_of_a_mean_is_the_root_of_what_its_mean_gets(estimand: str) -> None:
    errors = np.random.default_rng(3).lognormal(size=(80, 10))
    mean = corrected(table(errors), direction="minimize", estimand=estimand)
    root = corrected(table(errors, "root_mean"), direction="minimize", estimand=estimand)
    assert root.score.value == pytest.approx(mean.score.value**0.5)
    assert bounds(root) == pytest.approx(tuple(np.sqrt(bounds(mean))))
    assert root.naive == pytest.approx(mean.naive**0.5)


def test_a_refit_is_wider_and_says_so() -> None:
    scores = correctness(4)
    scored, refit = corrected(table(scores)), corrected(table(scores), estimand="refit")
    assert bounds(refit)[0] < bounds(scored)[0]
    assert refit.score.estimand == "the model refitted on all rows but the test rows"
    assert any("refit" in sentence for sentence in refit.sentences)
    losses = np.random.default_rng(4).lognormal(size=(100, 12))
    scored, refit = (corrected(table(losses), direction="minimize", estimand=what) for what in ("scored", "refit"))
    assert scored.score.method == refit.score.method == wording.RMX
    assert bounds(refit)[0] < bounds(scored)[0]
    assert bounds(refit)[1] > bounds(scored)[1]


def test_one_configuration_gets_the_textbook_interval() -> None:
    scores = correctness(5, c=1)
    found = corrected(table(scores))
    assert bounds(found) == pytest.approx(intervals.jeffreys(int(scores.sum()), 120))
    assert found.luck == 0.0
    assert found.score.value == found.naive
    assert wording.ONE_CONFIGURATION in found.sentences
    numbers = np.random.default_rng(5).lognormal(size=(50, 1))
    assert bounds(corrected(table(numbers))) == pytest.approx(intervals.mean_interval(numbers[:, 0]))


def test_a_winner_that_is_not_the_best_gets_bounds_for_any_choice() -> None:
    scores = correctness(6)
    order = scores.mean(axis=0).argsort()
    best, second = corrected(table(scores)), corrected(table(scores), winner=int(order[-4]))
    assert second.score.method == wording.MAX_T
    assert wording.ANY_RULE in second.sentences
    assert second.naive == pytest.approx(scores[:, order[-4]].mean())
    assert bounds(second)[1] - bounds(second)[0] > bounds(best)[1] - bounds(best)[0]
    assert corrected(table(scores), winner=int(scores.mean(axis=0).argmax())) == best


def test_the_order_of_named_rows_changes_nothing() -> None:
    scores = np.random.default_rng(7).normal(size=(50, 6))
    shuffled = np.random.default_rng(8).permutation(50)
    names = np.arange(50) * 3
    groups = np.arange(50) // 5
    plain = corrected(table(scores, names=names), groups=groups)
    assert corrected(table(scores[shuffled], names=names[shuffled]), groups=groups[shuffled]) == plain


def test_the_same_seed_gives_the_same_estimate() -> None:
    rows = table(correctness(9))
    assert corrected(rows, seed=1) == corrected(rows, seed=1)
    assert corrected(rows, seed=1) != corrected(rows, seed=2)


def test_what_is_not_finite_cannot_win_but_counts() -> None:
    scores = np.random.default_rng(10).normal(size=(40, 5))
    scores[3, 2] = np.inf
    found = corrected(table(scores))
    assert found.n_configurations == 5
    assert any("1 of 5 configurations" in sentence for sentence in found.sentences)
    assert found.naive < 10
    with pytest.raises(RequestError, match="not finite"):
        corrected(table(scores), winner=2)


def raced_scores(c: int = 20) -> np.ndarray:
    """Equals of which but three were stopped after the first 40 of 120 rows."""
    scores = correctness(21, c=c).astype(float)
    order = scores[:40].mean(axis=0).argsort()
    scores[40:, order[:-3]] = np.nan
    return scores


@pytest.mark.parametrize("estimand", ["scored", "refit"])
def test_stopped_configurations_count_among_those_that_could_have_won(estimand: str) -> None:
    scores = raced_scores()
    finished = scores[:, np.isfinite(scores).all(axis=0)]
    found, without = corrected(table(scores), estimand=estimand), corrected(table(finished), estimand=estimand)
    assert found.naive == without.naive
    assert found.luck > (1.3 if estimand == "scored" else 1.1) * without.luck
    assert bounds(found)[0] < bounds(without)[0]
    assert found.score.method == wording.RACED
    assert found.n_configurations == 20
    assert any(
        "17 of 20 configurations lack" in sentence and "could have won" in sentence for sentence in found.sentences
    )
    reverse = corrected(table(1 - scores), direction="minimize", estimand=estimand)
    assert reverse.luck == pytest.approx(found.luck)
    places = np.flatnonzero(np.isfinite(scores).all(axis=0))
    worst = int(places[scores[:, places].mean(axis=0).argmin()])
    other = corrected(table(scores), winner=worst, estimand=estimand)
    assert other.score.method == wording.RACED_MAX_T
    assert wording.ANY_RULE in other.sentences


def test_a_stopped_configuration_that_was_far_behind_changes_little() -> None:
    good = np.tile([1.0, 1.0, 1.0, 0.0], 10)
    hopeless, equal = np.where(np.arange(40) < 20, 0.0, np.nan), np.where(np.arange(40) < 20, good, np.nan)
    far = corrected(table(np.stack([good, hopeless], axis=1)))
    near = corrected(table(np.stack([good, equal], axis=1)))
    assert far.luck < 0.2 * near.luck
    assert bounds(near)[0] < bounds(far)[0]


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy"])
def test_stopped_predictions_count_too(name: str) -> None:
    rng = np.random.default_rng(22)
    y, folds = rng.integers(2, size=120), np.arange(120) // 40
    told = [y + 1.5 * rng.standard_normal(120) for _ in range(12)]
    told = told if name == "auc" else [(values > 0.5).astype(int) for values in told]
    stopped = [np.where(folds < 1, values, np.nan) if c > 2 else values for c, values in enumerate(told)]
    rows = [RowScores(values, kind="prediction") for values in stopped]
    given: dict[str, Any] = {"metric": metric_named(name, "binary", 2), "y": y, "folds": folds}
    found, without = corrected(rows, **given), corrected(rows[:3], **given)
    assert found.score.method == wording.RACED
    assert found.naive == without.naive
    assert found.luck > without.luck
    assert 0 <= bounds(found)[0] < bounds(found)[1] <= 1
    hopeless = [*rows[:3], *(RowScores(np.where(folds < 1, 1.0 - y, np.nan), kind="prediction") for _ in rows[3:])]
    behind = corrected(hopeless, **given)
    assert behind.luck < found.luck
    assert bounds(behind)[0] > bounds(found)[0]
    order = np.argsort([metric_named(name, "binary", 2).value(y, r.values, folds=folds) for r in rows[:3]])
    assert corrected(rows, winner=int(order[0]), **given).score.method == wording.RACED_MAX_T


def test_adaptive_search_is_told_and_errs_on_the_safe_side() -> None:
    fixed, adaptive = (corrected(table(correctness(11)), adaptive=told) for told in (False, True))
    assert wording.ADAPTIVE in adaptive.sentences
    assert wording.ADAPTIVE not in fixed.sentences
    assert bounds(adaptive)[0] <= bounds(fixed)[0]
    assert bounds(adaptive)[1] == bounds(fixed)[1]


def test_sides_stay_apart_where_others_were_compared_elsewhere() -> None:
    """One whose scores are not known at all is of another study; one that was stopped has some."""
    scores = (np.random.default_rng(26).random((200, 12)) < 0.8).astype(float)
    stopped, elsewhere = np.full(200, np.nan), RowScores(np.full(200, np.nan))
    stopped[0] = scores[0].max()
    shared = bounds(corrected([*table(scores), RowScores(stopped)]))
    apart = bounds(corrected([*table(scores), elsewhere]))
    assert apart[0] < shared[0] - 0.005
    assert apart[1] == shared[1]


def test_luck_of_a_search_is_more_than_that_of_a_choice() -> None:
    """Each trial takes 10 of the 100 predictions of the best one back; none of them is worth more than 0.5."""
    rng = np.random.default_rng(25)
    columns = [rng.random(100) < 0.5]
    for _ in range(39):
        columns.append(max(columns, key=lambda column: column.mean()) ^ (rng.permutation(100) < 10))
    scores = np.stack(columns, axis=1).astype(np.uint8)
    fixed, searched = (corrected(table(scores), adaptive=told) for told in (False, True))
    assert bounds(searched)[0] < 0.5 < bounds(fixed)[0]
    assert 0.5 < searched.score.value < fixed.score.value - 0.03
    assert searched.effective_configurations is not None
    assert searched.effective_configurations > 1000
    assert any("since the search learned" in sentence for sentence in searched.sentences)
    assert not any("since the search learned" in sentence for sentence in fixed.sentences)
    y = rng.integers(2, size=100)
    predictions = [RowScores(np.where(right, y, 1 - y), kind="prediction") for right in columns]
    metric = metric_named("balanced_accuracy", "binary", 2)
    fixed, searched = (corrected(predictions, metric=metric, y=y, adaptive=told) for told in (False, True))
    assert bounds(searched)[0] < bounds(fixed)[0] - 0.05
    assert searched.score.value < fixed.score.value - 0.03
    partly = [*table(scores), RowScores(np.where(np.arange(100) < 50, 1.0, np.nan))]
    fixed, searched = (corrected(partly, adaptive=told) for told in (False, True))
    assert bounds(searched)[0] < bounds(fixed)[0] - 0.05


def test_auc_by_bootstrap() -> None:
    rng = np.random.default_rng(12)
    y = rng.integers(2, size=150)
    rows = [RowScores(y + 1.5 * rng.standard_normal(150), kind="prediction") for _ in range(25)]
    metric = metric_named("auc", "binary", 2)
    found = corrected(rows, metric=metric, y=y)
    low, high = bounds(found)
    assert found.score.method == wording.RMX_METRIC
    assert wording.why(wording.RMX_METRIC) in found.sentences
    assert found.effective_configurations is not None
    assert 5 < found.effective_configurations <= 25
    assert low < 0.681 < high  # Phi(1 / (1.5 sqrt 2)), the AUC of all of them
    assert abs(found.score.value - 0.681) < abs(found.naive - 0.681)
    assert found.bootstraps == 1000
    other = corrected(rows, metric=metric, y=y, winner=int(np.argmin([metric.value(y, r.values) for r in rows])))
    assert other.score.method == wording.MAX_T
    one = corrected(rows[:1], metric=metric, y=y)
    assert one.luck == 0.0
    assert one.score.method == wording.LOGIT


@pytest.mark.parametrize("c", [1, 12])
def test_a_perfect_auc_is_no_certainty(c: int) -> None:
    y = np.repeat([0, 1], 20)
    rows = [RowScores(y + 0.1 * np.arange(40) * (i + 1) / 40, kind="prediction") for i in range(c)]
    found = corrected(rows, metric=metric_named("auc", "binary", 2), y=y)
    low, high = bounds(found)
    assert found.naive == 1.0
    assert 0.5 < low < 0.9
    assert high == 1.0


@pytest.mark.long
def test_the_auc_of_the_best_of_many_is_covered_near_the_ceiling() -> None:
    rng = np.random.default_rng(20)
    y, metric = np.repeat([0, 1], [60, 20]), metric_named("auc", "binary", 2)
    truth = 0.9831  # Phi(3 / sqrt 2)
    held = 0
    for repetition in range(100):
        rows = [RowScores(3 * y + rng.standard_normal(80), kind="prediction") for _ in range(10)]
        low, high = bounds(corrected(rows, metric=metric, y=y, seed=repetition))
        held += low <= truth <= high
    assert held >= 93


def test_folds_and_slow_metrics() -> None:
    rng = np.random.default_rng(13)
    y, folds = rng.normal(size=60), np.arange(60) % 3
    rows = [RowScores(rng.normal(size=60), kind="prediction") for _ in range(3)]
    metric = metric_named("median_absolute_error", "regression")
    found = corrected(rows, metric=metric, y=y, folds=folds, direction="minimize")
    assert found.naive == pytest.approx(min(metric.value(y, r.values, folds=folds) for r in rows))
    assert found.bootstraps == bootstraps.SLOW_BOOTSTRAPS
    assert any("slow" in sentence for sentence in found.sentences)


def test_a_slow_metric_has_fewer_bootstraps_for_more_configurations_and_calls_but_not_too_few() -> None:
    slow = metric_named("median_absolute_error", "regression")
    by_fold = replace(slow, calls=5)
    found = [
        bootstraps.bootstraps_for(slow, 10),
        bootstraps.bootstraps_for(slow, 39),
        bootstraps.bootstraps_for(slow, 500),
    ]
    assert found == [200, 125, 100]
    assert bootstraps.bootstraps_for(by_fold, 7) == 125
    assert bootstraps.bootstraps_for(metric_named("auc", "binary", 2), 500) == bootstraps.METRIC_BOOTSTRAPS


def test_undefined_bootstraps_are_told() -> None:
    y = np.r_[1, 1, np.zeros(20, int)]
    rng = np.random.default_rng(14)
    rows = [RowScores(rng.normal(size=22), kind="prediction") for _ in range(4)]
    found = corrected(rows, metric=metric_named("auc", "binary", 2), y=y)
    assert found.undefined > 0
    assert any("undefined in" in sentence for sentence in found.sentences)


def test_groups_widen_and_are_told() -> None:
    rng = np.random.default_rng(15)
    groups = np.repeat(np.arange(20), 6)
    scores = (rng.random((20, 10))[groups] < 0.7).astype(np.uint8)
    plain, grouped = corrected(table(scores)), corrected(table(scores), groups=groups)
    assert bounds(grouped)[1] - bounds(grouped)[0] > 1.3 * (bounds(plain)[1] - bounds(plain)[0])
    assert wording.GROUPED in grouped.sentences


def test_that_few_groups_carry_the_loss_is_told() -> None:
    rng = np.random.default_rng(17)
    groups = np.repeat(np.arange(8), 10)
    losses = rng.exponential(size=(80, 6))
    shared: dict[str, Any] = {"direction": "minimize", "groups": groups}
    even = corrected(table(losses), **shared)
    losses[groups == 3] *= 30
    heavy = corrected(table(losses), **shared)
    told = [sentence for sentence in heavy.sentences if sentence not in even.sentences and "carry" in sentence]
    assert len(told) == 1
    share = losses[groups == 3].sum(axis=0) / losses.sum(axis=0)
    winner = int(losses.mean(axis=0).argmin())
    assert f"one of 8 has {share[winner]:.0%} of it" in told[0]
    assert not any("carry" in sentence for sentence in even.sentences)
    wrong = corrected(table((losses > 20).astype(np.uint8)), **shared)  # 0/1, all errors in one group
    assert not any("carry" in sentence for sentence in wrong.sentences)


def test_one_configuration_on_groups_has_the_exact_interval_of_fewer_rows() -> None:
    rng = np.random.default_rng(18)
    groups = np.arange(200) // 10
    scores = (rng.random((200, 1)) < 0.8).astype(np.uint8)
    alone, grouped = corrected(table(scores)), corrected(table(scores), groups=groups)
    assert (alone.score.method, grouped.score.method) == (wording.JEFFREYS, wording.CLOPPER_PEARSON)
    assert bounds(grouped)[0] < bounds(alone)[0]
    assert bounds(grouped)[1] > bounds(alone)[1]


def test_the_naive_score_claims_no_interval() -> None:
    scores = correctness(16)
    found = subject.naive(RowScores(scores[:, 0]))
    assert (found.value, found.low, found.high) == (scores[:, 0].mean(), None, None)
    assert found.method == "uncorrected"
    assert subject.naive(RowScores(np.array([1.0, 9.0]), aggregate="root_mean")).value == pytest.approx(5**0.5)
    y = np.array([0, 1, 0, 1])
    auc = metric_named("auc", "binary", 2)
    assert subject.naive(RowScores(y + 0.0, kind="prediction"), metric=auc, y=y).value == 1.0


@given(
    n=st.integers(2, 40),
    c=st.integers(1, 10),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 1000),
    direction=st.sampled_from(["minimize", "maximize"]),
    estimand=st.sampled_from(["scored", "refit"]),
)
@settings(max_examples=60, deadline=None)
def test_any_zero_one_scores_give_a_sane_estimate(
    n: int, c: int, share: float, seed: int, direction: str, estimand: str
) -> None:
    scores = correctness(seed, n, c, share)
    found = corrected(table(scores), direction=direction, estimand=estimand)
    low, high = bounds(found)
    assert 0 <= low <= found.score.value <= high <= 1
    assert low < high


@given(
    n=st.integers(2, 30),
    c=st.integers(1, 6),
    kind=st.sampled_from(["normal", "constant", "spike"]),
    seed=st.integers(0, 1000),
    winner=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_numbers_give_ordered_bounds_around_the_estimate(
    n: int, c: int, kind: str, seed: int, winner: bool
) -> None:
    rng = np.random.default_rng(seed)
    values = {
        "normal": rng.normal(size=(n, c)),
        "constant": np.full((n, c), 3.0),
        "spike": rng.exponential(size=(n, c)) ** 6,
    }
    found = corrected(table(values[kind]), direction="minimize", winner=c - 1 if winner else None)
    if kind == "constant":
        assert (found.score.value, found.score.low, found.score.high) == (3.0, None, None)
        return
    low, high = bounds(found)
    assert low <= found.score.value <= high
    assert np.isfinite([low, high]).all()


def test_correlated_configurations_are_covered() -> None:
    rng = np.random.default_rng(17)
    accuracy = np.linspace(0.65, 0.85, 20)
    held = 0
    for repetition in range(150):
        rows = (rng.random((100, 1)) + 0.6 * rng.random((100, 20))) / 1.6
        thresholds = np.quantile((rng.random((4000, 1)) + 0.6 * rng.random((4000, 1))) / 1.6, accuracy)
        scores = (rows < thresholds).astype(np.uint8)
        low, high = bounds(corrected(table(scores), seed=repetition))
        held += low <= accuracy[scores.mean(axis=0).argmax()] <= high
    assert held / 150 >= 0.93


def test_it_is_fast() -> None:
    rows = table(correctness(18, 360, 60))
    corrected(rows)
    start = time.process_time()
    corrected(rows)
    assert time.process_time() - start < 0.5


@pytest.mark.long
def test_the_auc_of_two_thousand_rows_and_two_hundred_configurations_takes_seconds() -> None:
    rng = np.random.default_rng(30)
    y = rng.integers(2, size=2000)
    rows = [RowScores(y + rng.standard_normal(2000), kind="prediction") for _ in range(200)]
    begun = time.process_time()
    assert corrected(rows, metric=metric_named("auc", "binary", 2), y=y).score.method == wording.RMX_METRIC
    assert time.process_time() - begun < 30


@pytest.mark.long
def test_ten_thousand_rows_of_two_hundred_configurations_take_seconds() -> None:
    rows = table(correctness(19, 10_000, 200))
    start = time.process_time()
    corrected(rows)
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        ([], {}, "no row scores"),
        ([RowScores(np.ones(1))], {}, "one validation row only"),
        ([RowScores(np.ones(3)), RowScores(np.ones(4))], {}, "other rows"),
        ([RowScores(np.ones(3)), RowScores(np.ones(3), np.array([0, 1, 3]))], {}, "other rows"),
        ([RowScores(np.ones(3)), RowScores(np.ones(3), aggregate="root_mean")], {}, "alike"),
        ([RowScores(np.ones(3)), RowScores(np.ones(3), kind="prediction")], {}, "alike"),
        ([RowScores(np.ones(3), kind="prediction")], {}, "need the metric and y"),
        ([RowScores(np.full(3, np.nan))], {}, "finite row scores"),
        ([RowScores(np.ones(3))], {"winner": 1}, "numbered from 0"),
        ([RowScores(np.ones(3))], {"direction": "up"}, "'minimize' or 'maximize'"),
        (
            [RowScores(np.ones(3), kind="prediction")],
            {"metric": metric_named("rmse", "regression"), "y": np.ones(3)},
            "one to minimize",
        ),
        ([RowScores(np.ones(3))], {"estimand": "procedure"}, "'scored' or 'refit'"),
        ([RowScores(np.ones(3))], {"level": 95}, "between 0 and 1"),
        ([RowScores(np.ones(3))], {"groups": np.zeros(2)}, "one per row"),
        ([RowScores(np.ones(3))], {"groups": np.zeros(3)}, "one group"),
        (
            [RowScores(np.arange(3.0), kind="prediction")],
            {"metric": metric_named("auc", "binary", 2), "y": np.ones(3, int)},
            "undefined on the validation rows",
        ),
    ],
)
def test_bad_requests_get_a_sentence(rows: list[RowScores], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        corrected(rows, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [1e120, 1e150, 1e200, 1e308])
def test_scores_that_cannot_be_squared_are_refused_for_the_winner_only(size: float) -> None:
    losses = np.random.default_rng(0).random((50, 10))
    with pytest.raises(RequestError, match=r"all configurations have row scores beyond 1e\+100"):
        corrected(table(losses * size + size / 10), direction="minimize")
    one = losses.copy()
    one[:, 5] = size * (0.1 + 0.9 * one[:, 5])
    found = corrected(table(one), direction="minimize")
    as_bad = losses.copy()
    as_bad[:, 5] = 1e6 * (0.1 + 0.9 * as_bad[:, 5])
    assert bounds(found) == pytest.approx(bounds(corrected(table(as_bad), direction="minimize")), abs=0.005)
    with pytest.raises(RequestError, match=r"configuration 5 has row scores beyond 1e\+100"):
        corrected(table(one), direction="maximize")
    with pytest.raises(RequestError, match=r"configuration 5 has row scores beyond 1e\+100"):
        corrected(table(one), direction="minimize", winner=5)
