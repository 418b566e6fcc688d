from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.analyse.observed import FEWEST, halves, limit_of, observed, of_usual_size
from holdfast.errors import RequestError
from holdfast.records import TrialState
from holdfast.rng import Streams
from holdfast.testing.rehearsal import Rehearsal, random_trials


def rehearsed(values: list[float]) -> Rehearsal:
    rehearsal = Rehearsal(holdfast.Space({"x": holdfast.Float(0, 1)}), directions=("maximize",))
    random_trials(rehearsal, values)
    return rehearsal


def test_a_failure_counts_as_the_worst_and_a_far_out_score_is_drawn_in() -> None:
    scores = [float(i) for i in range(30)]
    trials = observed(rehearsed([*scores, float("nan"), -1e9]).history())
    assert trials.failed == 1
    assert trials.losses[29] == -29
    assert trials.losses[30] == trials.losses[31] == trials.losses.max() == trials.limit < 100
    assert trials.note == f"One trial with far worse scores counts as {-trials.limit:.3g}."
    assert len(observed(rehearsed([*scores, float("nan")]).history(), leave_out={30})) == 30


def test_an_even_range_of_losses_is_left_as_it_is() -> None:
    losses = np.linspace(0.0, 1.0, 50)
    np.testing.assert_array_equal(of_usual_size(losses), losses)
    assert limit_of(losses) > 1.0
    assert limit_of(np.array([0.0] * 95 + [1.0] * 5)) == 1.0


def test_ordinary_bad_scores_are_results_and_count_as_they_are() -> None:
    """Half of the trials are at the level of chance, far from the others by the spread of these."""
    good = 0.9 + 0.02 * np.random.default_rng(0).random(50)
    trials = observed(rehearsed([0.1] * 50 + good.tolist()).history())
    np.testing.assert_array_equal(trials.losses, [-0.1] * 50 + (-good).tolist())
    assert (trials.drawn, trials.note) == (0, "")


@pytest.mark.parametrize("many", [5, 25, 60])
@pytest.mark.parametrize("penalty", [1e9, 1e30, 1e300])
def test_numbers_for_failures_are_drawn_in_however_many(many: int, penalty: float) -> None:
    scores = -np.linspace(1.0, 2.0, 40)
    trials = observed(rehearsed([*scores, *[-penalty] * many]).history())
    np.testing.assert_array_equal(trials.losses[:40], -scores)
    assert set(trials.losses[40:]) == {trials.limit}
    assert 2 < trials.limit < 5
    assert trials.note == f"{many} trials with far worse scores count as {-trials.limit:.3g}."


def test_losses_that_a_search_makes_ever_smaller_are_of_one_size() -> None:
    losses = 10.0 ** -np.linspace(0, 12, 60)
    np.testing.assert_array_equal(of_usual_size(losses), losses[::-1])


def test_too_few_trials_are_said_to_be_too_few() -> None:
    with pytest.raises(RequestError, match=f"{FEWEST} trials that ended with a score, and there are {FEWEST - 1}$"):
        observed(rehearsed([float(i) for i in range(FEWEST - 1)]).history())
    with pytest.raises(RequestError, match="every trial has the same score"):
        observed(rehearsed([1.0] * 30).history())
    with pytest.raises(RequestError, match=r"scores as large as 1e\+300 cannot be analysed"):
        observed(rehearsed([1e300 * (-1) ** i for i in range(30)]).history())


def test_constants_alone_are_nothing_to_analyse() -> None:
    rehearsal = Rehearsal(holdfast.Space({"x": 3}), duplicates="replicate")
    random_trials(rehearsal, [1.0, 2.0])
    with pytest.raises(RequestError, match="no hyperparameter has more than one value"):
        observed(rehearsal.history())


def test_halves_come_with_their_counterparts() -> None:
    cuts = halves(11, 4, Streams(0), "test")
    assert cuts.shape == (8, 11)
    np.testing.assert_array_equal(cuts[0::2], ~cuts[1::2])
    assert set(cuts.sum(axis=1)) == {5, 6}
    np.testing.assert_array_equal(cuts, halves(11, 4, Streams(0), "test"))


def test_paused_trials_are_said_not_to_count() -> None:
    def learn(trial: holdfast.LiveTrial) -> float:
        trial.report(trial["x"], trial.until_step or 9)
        return float(trial["x"])

    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="asha", fidelity=holdfast.Fidelity("step", 1, 9, 3))
    study.optimize(learn, n_trials=6)
    waiting = sum(trial.state is TrialState.PAUSED for trial in study.trials)
    ended = "is 1" if waiting == 5 else f"are {6 - waiting}"
    with pytest.raises(RequestError, match=f"that ended with a score, and there {ended}; {waiting} paused ones do not"):
        study.importance()
