"""Trials dropped fold by fold: who is dropped, what they count, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.records import TrialState
from holdfast.study.folds import FoldsMade, folds_made
from holdfast.study.handle import LiveTrial

FOLDS, ROWS = 5, 20
SPACE = {"x": holdfast.Float(0, 1)}


def fold_rows(x: float, fold: int) -> np.ndarray:
    """Row scores that are better the larger x is; later folds are harder."""
    rng = np.random.default_rng([int(1e6 * x), fold])
    return np.asarray(x - 0.05 * fold + 0.3 * rng.standard_normal(ROWS))


def objective(trial: LiveTrial) -> float | None:
    rows: list[np.ndarray] = []
    for fold in range(FOLDS):
        rows.append(fold_rows(trial["x"], fold))
        told = np.concatenate(rows)
        trial.rows = holdfast.RowScores(told, np.arange(len(told)))
        trial.report(float(rows[-1].mean()), step=fold)
        if trial.should_prune():
            return None
    return float(np.mean(rows))


def searched(rule: str, trials: int = 30, **more: object) -> holdfast.Study:
    study = holdfast.Study(
        SPACE,
        **{"direction": "maximize", "strategy": "random", "seed": 3, "drop_folds": rule, **more},  # type: ignore[arg-type]
    )
    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.parametrize("rule", ["curtailed", "forgiving", "aggressive"])
def test_a_rule_drops_poor_trials_and_finds_a_winner_about_as_good(rule: str) -> None:
    study, whole = searched(rule), searched("never")
    made = folds_made(study.book.state)
    assert made is not None
    assert made.fits == 30 * FOLDS
    assert made.dropped == sum(trial.state is TrialState.STOPPED for trial in study.trials)
    assert made.made == sum(len(trial.reports) for trial in study.trials) < 0.8 * made.fits
    if rule == "curtailed":  # it may lose the best one, where its first fold is poor
        assert whole.best_value - 0.03 < study.best_value <= whole.best_value
    else:
        assert study.best_config == whole.best_config
    assert study.best_trial.state is TrialState.COMPLETE
    assert folds_made(whole.book.state) is None


def test_a_dropped_trial_keeps_what_was_seen_and_never_ranks_as_a_full_one() -> None:
    study = holdfast.Study(SPACE, direction="maximize", strategy="random", drop_folds="aggressive")
    for scores in ([0.1, 0.2, 0.3], [0.9, 0.0, 0.9], [0.3, 0.05]):
        trial = study.ask()
        verdicts = [trial.report(score, step=fold).value for fold, score in enumerate(scores, start=1)]
        assert ("stop" in verdicts) == (len(scores) == 2)
        study.tell(trial, None if trial.should_prune() else float(np.mean(scores)))
    dropped = study.trials[2]
    assert dropped.state is TrialState.STOPPED
    assert dropped.metrics["value"] == pytest.approx(0.175)  # the mean of the folds seen, not the last one
    assert [metrics["value"] for _, metrics in dropped.reports] == [0.3, 0.05]
    assert study.best_trial.number == 1
    # strategies see it as if all folds were as hard as on average: the first two are 0.1 easier than all three
    assert study.history.told_loss[2, 0] == pytest.approx(-(0.175 + ((0.2 - 0.15) + (0.6 - 0.45)) / 2))
    assert np.isnan(study.history.losses[2])


def test_losses_that_are_minimised_are_dropped_the_other_way_round() -> None:
    study = holdfast.Study(SPACE, strategy="random", drop_folds="forgiving")
    for scores in ([0.5, 0.7], [0.9], [0.6]):
        trial = study.ask()
        verdicts = [trial.report(score, step=fold).value for fold, score in enumerate(scores)]
        assert verdicts[-1] == ("stop" if scores == [0.9] else "continue")  # 0.7 is the incumbent's worst fold
        study.tell(trial, state="stopped" if len(scores) == 1 else None, value=float(np.mean(scores)))


def test_the_incumbent_meets_the_constraints() -> None:
    study = holdfast.Study(SPACE, strategy="random", drop_folds="aggressive", constraints={"ms": "<= 5"})
    for loss, ms in ((0.1, 9.0), (0.8, 1.0)):
        trial = study.ask()
        for fold in (1, 2):
            assert trial.report(loss, step=fold).value == "continue"
        study.tell(trial, {"value": loss, "ms": ms})
    trial = study.ask()
    assert trial.report(0.5, step=1).value == "continue"  # behind the one that is too slow, ahead of the other
    assert study.ask().report(0.9, step=1).value == "stop"


def test_the_estimate_counts_what_was_dropped() -> None:
    study = searched("curtailed")
    complete = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    score = study.estimate()
    assert "all that were begun" in score.method
    assert score.value < study.best_value
    assert study.book.get_rows(study.trials[-1].rows or {}) is not None
    assert len(complete) < len(study.trials)
    alone = holdfast.Study(SPACE, direction="maximize", strategy="manual")
    for trial in complete:
        alone.enqueue(trial.config)
    for trial in complete:
        told = alone.ask()
        alone.tell(told, trial.metrics["value"], rows=study.book.get_rows(trial.rows or {}))
    left_out = alone.estimate()
    assert left_out.low is not None
    assert score.low is not None
    assert score.low < left_out.low


def test_workers_share_the_incumbent_and_a_replicate_is_whole(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'study.db'}"
    study = holdfast.Study(SPACE, direction="maximize", strategy="random", drop_folds="curtailed", storage=where)
    study.optimize(objective, n_trials=20)
    other = holdfast.load_study("study", where)
    trial = other.ask()
    for fold in range(2):
        verdict = trial.report(-9.0 - fold, step=fold)
    assert verdict.value == "stop"
    other.tell(trial)
    again = other.replicate(top=2, runs=2)
    before = len(other.trials)
    other.optimize(objective, n_trials=len(again))
    assert all(trial.state is TrialState.COMPLETE for trial in other.trials[before:])
    study.close()
    other.close()


def test_a_trial_that_runs_again_is_judged_by_what_it_reports_now(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'study.db'}"
    study = holdfast.Study(SPACE, direction="maximize", strategy="random", drop_folds="aggressive", storage=where)
    study.optimize(objective, n_trials=5)
    lost = study.ask()
    lost.report(5.0, step=0)
    study.close()  # its process is gone
    again = holdfast.load_study("study", where)

    def worse(trial: LiveTrial) -> None:
        trial.report(-5.0, step=0)

    again.optimize(worse, n_trials=0)
    trial = again.trials[lost.number]
    assert trial.state is TrialState.STOPPED
    assert trial.metrics["value"] == -5.0
    made = folds_made(again.book.state)
    assert made is not None
    assert made.made == sum(len(dict(each.reports)) for each in again.trials)
    again.close()


def test_the_same_log_folds_to_the_same_history(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'study.db'}"
    study = searched("curtailed", storage=where, strategy="tpe")
    study.close()
    again = holdfast.load_study("study", where)
    np.testing.assert_array_equal(again.history.told_loss, study.history.told_loss)
    assert isinstance(folds_made(again.book.state), FoldsMade)
    assert again.book.state.settings.drop_folds == "curtailed"
    again.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"drop_folds": "forgivng"}, "drop_folds = 'forgivng'; it can be 'never', .*did you mean 'forgiving'"),
        ({"drop_folds": True}, "drop_folds = true; it can be"),
        ({"drop_folds": "curtailed", "fidelity": holdfast.Fidelity("epoch", 1, 9)}, "the fidelity 'epoch'"),
        ({"drop_folds": "curtailed", "direction": {"a": "minimize", "b": "minimize"}}, "needs one objective"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        holdfast.Study(SPACE, **given)  # type: ignore[arg-type]
