"""Which trial is recommended by which rule, what is run again for it, and one sentence where a rule has no ground."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.study.handle import LiveTrial
from holdfast.study.study import Study

SPACE = holdfast.Space({"x": holdfast.Float(0, 1)})


def truth(trial: LiveTrial) -> float:
    return (float(trial["x"]) - 0.3) ** 2


def lucky_study(n: int = 24, **settings: Any) -> Study:
    """A smooth loss, told as it is; only the last trial, the farthest from the optimum, was very lucky."""
    study = Study(SPACE, strategy="random", seed=1, **settings)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, {"value": truth(trial), "ms": 10 * float(trial["x"])})
    study.enqueue({"x": 1.0})
    study.tell(study.ask(), {"value": -0.02, "ms": 100.0})
    return study


def study_of(columns: np.ndarray, sizes: list[float]) -> Study:
    """Accuracies of rows, one column a trial, and how large each model is."""
    study = Study(SPACE, direction={"accuracy": "maximize"}, strategy="random", seed=0)
    for column, size in zip(columns.T, sizes, strict=True):
        told = {"accuracy": float(column.mean()), "size": size}
        study.tell(study.ask(), told, rows=holdfast.RowScores(column))
    return study


def test_the_posterior_mean_passes_over_the_luckiest() -> None:
    study = Study(SPACE, strategy="random", seed=1)
    noise = np.random.default_rng(0)
    study.optimize(lambda trial: truth(trial) + noise.normal(0, 0.05), n_trials=60)
    study.enqueue({"x": 0.62})
    study.tell(study.ask(), study.best_value - 0.01)
    found = study.recommended()
    assert study.best_trial.number == 60
    assert found.luckiest == (60, study.best_value)  # stays what was observed
    assert found.trial != 60
    assert abs(float(study.trials[found.trial].config["x"] or 0) - 0.3) < 0.15
    assert found.config == study.trials[found.trial].config
    assert found.score.low is not None
    assert found.score.high is not None
    assert found.score.low < found.score.value < found.score.high
    assert found.score.value == pytest.approx(0, abs=0.05)
    assert found.text.startswith(f"Trial {found.trial} is recommended by the rule posterior-mean")
    assert "the luckiest is trial 60" in found.text
    narrower = study.recommended(level=0.5).score
    assert narrower.high is not None
    assert narrower.high < found.score.high


def test_the_posterior_mean_is_the_same_for_the_negative_of_the_loss() -> None:
    down, up = lucky_study(), Study(SPACE, direction="maximize", strategy="random", seed=1)
    for trial in down.trials:
        up.enqueue(trial.config)
        up.tell(up.ask(), -trial.metrics["value"])
    first, second = down.recommended(), up.recommended()
    assert first.trial == second.trial
    assert first.score.value == pytest.approx(-second.score.value)
    assert "less than of any other" in first.text
    assert "more than of any other" in second.text


def test_what_misses_a_constraint_or_left_the_space_is_not_recommended() -> None:
    bound = lucky_study(constraints={"ms": "<= 2"}).recommended()
    assert float(bound.config["x"] or 0) <= 0.2
    study = lucky_study()
    study.amend({"x": holdfast.Float(0.5, 1)}, "only large ones may ship")
    assert float(study.recommended().config["x"] or 0) >= 0.5


def test_one_standard_error_takes_the_cheapest_that_the_rows_cannot_tell_from_the_best() -> None:
    rng = np.random.default_rng(0)
    best = rng.normal(size=400)
    noise = rng.normal(size=400)
    noise -= noise.mean()
    # equal to the best but for noise of its own; a little worse, surely so; much worse and the cheapest
    columns = np.stack([best, best - 0.03 + noise, best - 0.03, best - 1], axis=1)
    study = study_of(columns, [9, 5, 3, 1])
    found = study.recommended("one-standard-error", cost="size")
    assert found.trial == 1
    assert found.luckiest[0] == 0
    assert "2 trials are no worse than that" in found.text
    assert "(5 against 9)" in found.text
    assert found.score.n == 400
    assert found.score.low is not None
    assert found.score.low < best.mean()


def test_what_was_stopped_counts_in_the_score_of_what_is_recommended() -> None:
    columns = (np.random.default_rng(2).random((150, 12)) < 0.8).astype(float)
    alone, raced = study_of(columns[:, :3], [1, 2, 3]), study_of(columns[:, :3], [1, 2, 3])
    for column in columns.T[3:]:
        rows = holdfast.RowScores(np.where(np.arange(150) < 30, column, np.nan))
        raced.tell(raced.ask(), {"accuracy": float(column[:30].mean())}, rows=rows, state="stopped")
    few, all_begun = (study.recommended("one-standard-error", cost="size") for study in (alone, raced))
    assert few.trial == all_begun.trial
    assert "all that were begun" in all_begun.score.method
    assert all_begun.score.value < few.score.value


def test_one_standard_error_says_why_rows_do_not_say() -> None:
    study = lucky_study()
    trial = study.ask()
    rows = holdfast.RowScores(np.full(30, truth(trial)))
    study.tell(trial, {"value": truth(trial), "ms": 1.0}, rows=rows)
    text = study.recommended("one-standard-error", cost="ms").text
    assert "(25 of 26 complete trials have no row scores)" in text
    study = Study(SPACE, direction={"auc": "maximize"}, strategy="random", seed=1)
    for number in range(8):
        trial = study.ask()
        predicted = holdfast.RowScores(np.linspace(0, number, 30), kind="prediction")
        study.tell(trial, {"auc": 0.9 - truth(trial), "ms": 1.0}, rows=predicted)
    text = study.recommended("one-standard-error", cost="ms").text
    assert "(of each row there is a prediction, and the metric is no mean of what rows score)" in text


def test_one_standard_error_of_a_plan_quotes_its_estimate_or_none_that_ignores_what_it_knew() -> None:
    columns = np.random.default_rng(0).normal(size=(100, 6))
    study = study_of(columns, [6, 5, 4, 3, 2, 1])
    chosen = study.recommended("one-standard-error", cost="size").trial
    study.book.note("data.split", {"roles": {}})
    assert "Gaussian process" in study.recommended("one-standard-error", cost="size").score.method
    on_record = holdfast.Score(0.1, 0.0, 0.2, 0.95, "RMX", "the model refitted on more rows", 100)
    study.book.note("choice.made", {"trial": chosen})
    study.book.note("estimate.made", {"score": on_record.to_json(), "missing": None})
    assert study.recommended("one-standard-error", cost="size").score == on_record
    assert study.recommended("one-standard-error", cost="size", level=0.5).score.level == 0.5


def test_one_standard_error_goes_by_the_surrogate_without_row_scores() -> None:
    found = lucky_study().recommended("one-standard-error", cost="ms")
    assert "there are no row scores" in found.text
    by_seconds = lucky_study().recommended("one-standard-error")
    assert "cheapest by seconds" in by_seconds.text


def test_replicates_are_enqueued_once_and_decide() -> None:
    study = lucky_study()
    top = [trial.number for trial in sorted(study.trials, key=lambda trial: trial.metrics["value"])][:3]
    again = study.replicate(top=3, runs=3)
    assert again == (top[0], top[0], top[1], top[1], top[2], top[2])
    assert study.replicate(top=3, runs=3) == ()  # they wait
    with pytest.raises(RequestError, match="no configuration with two fresh runs"):
        study.recommended("replicated")

    def objective(trial: LiveTrial) -> float:
        return truth(trial) + 0.001 * (trial.number % 2)

    study.optimize(objective, n_trials=6)
    assert study.replicate(top=3, runs=3) == ()  # they ran
    found = study.recommended("replicated")
    assert found.trial == top[1]
    assert found.score.value == pytest.approx(study.trials[top[1]].metrics["value"] + 0.0005, abs=1e-9)
    assert study.best_trial.number == 24
    study.optimize(truth, n_trials=1)
    assert study.replicate(top=4, runs=2) != ()


@pytest.mark.parametrize("rule", ["posterior-mean", "replicated"])
def test_what_a_plans_metric_cannot_be_is_not_expected(rule: Any) -> None:
    study = Study(SPACE, direction={"accuracy": "maximize"}, strategy="random", seed=1)
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, {"accuracy": 1 - truth(trial)})
    study.replicate(top=2, runs=3)
    for accuracy in (1.0, 0.998, 1.0, 0.997):
        study.tell(study.ask(), {"accuracy": accuracy})
    free = study.recommended(rule).score
    assert free.high is not None
    assert free.high > 1
    study.book.note("plan.resolved", {"plan": {"metric": {"name": None}}})
    cut = study.recommended(rule).score
    assert (cut.value, cut.low, cut.high) == (free.value, free.low, 1.0)


def test_replicates_that_fail_rule_a_configuration_out() -> None:
    study = lucky_study()
    study.replicate(top=2, runs=3)
    for fails in (True, False, False, False):
        trial = study.ask()
        if fails:
            study.tell(trial, state="failed", error="it broke")
        else:
            study.tell(trial, {"value": 0.5, "ms": 1.0})
    assert study.recommended("replicated").trial != 24


def test_replicates_stand_where_the_amended_space_has_them() -> None:
    study = lucky_study()
    study.amend({"x": holdfast.Float(0, 1), "extra": holdfast.Int(1, 9)}, "one more", values={"extra": 4})
    study.replicate(top=1, runs=2)
    assert study.ask().config == {"x": 1.0, "extra": 4}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rule": "posterior"}, "it can be posterior-mean, one-standard-error, replicated"),
        ({"level": 1.0}, "it must be between 0 and 1"),
        ({"rule": "one-standard-error", "cost": "value"}, "is what the study is judged by"),
        ({"rule": "one-standard-error", "cost": "mss"}, "no complete trial was told with; it can be ms, seconds"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        lucky_study(8).recommended(**options)


def test_a_rule_without_ground_says_so() -> None:
    study = Study(SPACE, strategy="random", seed=0, name="bare")
    with pytest.raises(RequestError, match="no trial with a value yet"):
        study.recommended()
    study.optimize(truth, n_trials=3)
    with pytest.raises(RequestError, match="study 'bare' has no surrogate, so the rule 'posterior-mean' cannot"):
        study.recommended()
    with pytest.raises(RequestError, match="top = 0; it must be a whole number of at least 1"):
        study.replicate(top=0)
    with pytest.raises(RequestError, match="runs = 1; it must be a whole number of at least 2"):
        study.replicate(runs=1)
    two = Study(SPACE, direction={"a": "minimize", "b": "minimize"}, strategy="random")
    two.optimize(lambda trial: (0.0, 1.0), n_trials=1)
    with pytest.raises(RequestError, match="several objectives"):
        two.recommended()


def test_the_page_prints_what_stands_below_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "recommended.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    exec(compile(code, "docs/recommended.md", "exec"), {"__name__": "recommended_page"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", code, re.MULTILINE)
