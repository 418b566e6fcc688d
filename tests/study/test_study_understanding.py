"""What a study says of its hyperparameters: from the log alone, and in a sentence where there is nothing to say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.analyse.observed import observed
from holdfast.errors import RequestError
from holdfast.records import Cause, Outcome, TrialState
from holdfast.study import actions
from holdfast.study.understanding import analysis_of
from holdfast.testing.rehearsal import Rehearsal, random_trials

SPACE = holdfast.Space(
    {
        "learning_rate": holdfast.Float(1e-5, 1e-1, log=True, default=1e-5),
        "batch_size": holdfast.Int(8, 512, log=True),
        "optimizer": holdfast.Categorical(["sgd", "adamw"]),
        "momentum": holdfast.Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "nothing": holdfast.Float(0.0, 1.0),
    }
)


def loss(config: dict[str, Any]) -> float:
    """The best learning rate grows with the batch size."""
    best = -3.0 + 0.8 * math.log2(config["batch_size"] / 64) / 3
    return float((math.log10(config["learning_rate"]) - best) ** 2 + 0.2 * config.get("momentum", 0.5))


def searched(n: int = 120, **options: Any) -> holdfast.Study:
    study = holdfast.Study(SPACE, strategy="random", seed=2, **options)
    study.optimize(lambda trial: loss(trial.config), n_trials=n)
    return study


@pytest.fixture(scope="module")
def study() -> holdfast.Study:
    return searched()


def test_importance_names_what_matters(study: holdfast.Study) -> None:
    found = study.importance()
    assert found.hyperparameters[0].name == "learning_rate"
    assert found["learning_rate"].fanova.sure
    assert not found["nothing"].fanova.sure
    assert found["momentum"].active == pytest.approx(0.5)
    assert found.sentence().startswith("Of how much the score varies over the space, learning_rate for ")
    with pytest.raises(RequestError, match=r"there is no hyperparameter named 'momentun'.*did you mean 'momentum'"):
        found["momentun"]


def test_importances_are_a_mapping_from_names_most_first(study: holdfast.Study) -> None:
    found = study.importance()
    assert list(found) == [each.name for each in found.hyperparameters]
    assert len(found) == 5
    assert tuple(found.values()) == found.hyperparameters
    assert {name: each.fanova.value for name, each in found.items()} == {
        name: found[name].fanova.value for name in SPACE.names
    }
    assert "momentum" in found
    assert "momentun" not in found
    assert found.get("momentun") is None


def test_a_plateau_of_bad_scores_is_explained_and_expected_as_it_was_seen() -> None:
    """A learning rate that is too high gives the score of chance, and else it is the only thing that hardly matters."""
    space = {"rate": holdfast.Float(1e-6, 1, log=True, default=0.5), "c": holdfast.Float(0, 1)}
    study = holdfast.Study(space, direction="maximize", strategy="random", seed=0)
    study.optimize(lambda trial: 0.1 if trial["rate"] > 1e-2 else 0.9 + 0.02 * trial["c"], n_trials=100)
    found = study.importance()
    assert found["rate"].fanova.value > 0.97
    assert found["c"].fanova.value < 0.02
    assert study.analysis().partial_dependence("rate").metric[-2] == pytest.approx(0.1, abs=0.05)
    assert study.ablation().metric == pytest.approx(0.1, abs=0.05)
    assert "far worse" not in found.sentence()


def test_numbers_for_failures_do_not_hide_all_else_and_are_spoken_of() -> None:
    space = {"rate": holdfast.Float(1e-6, 1, log=True, default=1e-6), "c": holdfast.Float(0, 1)}
    study = holdfast.Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: 1e9 if trial["rate"] > 0.1 else trial["c"], n_trials=80)
    found, many = study.importance(), sum(trial.metrics["value"] == 1e9 for trial in study.trials)
    assert found["c"].fanova.value > 0.03
    for sentence in (found.sentence(), study.ablation().sentence()):
        assert f" {many} trials with far worse scores count as " in sentence
    assert study.analysis().partial_dependence("c").note in found.sentence()


def test_what_is_left_over_is_not_said_to_come_from_pairs(study: holdfast.Study) -> None:
    pairs = [pair.share.value for pair in study.interactions() if pair.share.sure]
    assert study.importance().together == pytest.approx(sum(pairs))
    assert f"About {sum(pairs):.0%} comes from how two of them act together." in study.importance().sentence()
    additive = holdfast.Study({"n": holdfast.Categorical(list("ab")), "y": holdfast.Float(0, 1)}, strategy="random")
    noise = np.random.default_rng(0)
    additive.optimize(lambda trial: (trial["n"] == "b") + trial["y"] + float(noise.normal(0, 0.3)), n_trials=100)
    assert "together" not in additive.importance().sentence()


def test_what_people_argue_about_is_found_in_the_trials(study: holdfast.Study) -> None:
    pair = study.interactions()[0]
    assert pair.names == ("learning_rate", "batch_size")
    assert pair.share.sure
    small, large = pair.places
    assert isinstance(small.best, float)
    assert isinstance(large.best, float)
    assert small.best < large.best
    assert "With batch_size up to" in pair.sentence()


def test_ablation_goes_from_the_default_to_the_best_trial(study: holdfast.Study) -> None:
    found = study.ablation()
    assert found.source == SPACE.default_config()
    assert found.target == study.best_config
    assert sum(step.gain for step in found.steps) == pytest.approx(found.gain)
    assert found.largest[0].changed[0] == "learning_rate"
    assert "learning_rate" in found.sentence()
    assert study.ablation(source=study.best_config, target=SPACE.default_config()).gain == pytest.approx(-found.gain)


def test_ablation_begins_at_an_allowed_trial_where_the_default_is_forbidden() -> None:
    space = holdfast.Space(
        {
            "kind": holdfast.Categorical(["plain", "fine"]),
            "x": holdfast.Float(0, 1),
            "extra": holdfast.Float(0, 1, when={"kind": "fine"}),
        },
        forbid=["x > 0.45 and kind == 'plain'"],
    )
    study = holdfast.Study(space, strategy="random", seed=1)
    for _ in range(60):
        trial = study.ask()
        study.tell(trial, 3 * float(str(trial["x"])) + (trial["kind"] == "fine"))
    found = study.ablation()
    allowed = [trial for trial in study.trials if trial.config["kind"] == "plain"]
    nearest = max(allowed, key=lambda trial: float(str(trial.config["x"])))
    assert space.allows(found.source)
    assert found.source == pytest.approx(nearest.config)
    where = f"trial {nearest.number} (the allowed one nearest to the default, which is forbidden)"
    assert found.ends == (where, "the winner")
    assert where in found.sentence()
    assert study.ablation(space.default_config()).ends == ("the source", "the winner")


def test_the_predicted_optimum_beats_the_best_trial_by_the_true_loss(study: holdfast.Study) -> None:
    found = study.analysis().predicted_optimum()
    assert found.trial == study.best_trial.number
    assert loss(dict(found.config)) < 0.5 * float(np.median([trial.metrics["value"] for trial in study.trials]))


def test_the_log_alone_says_it_again(study: holdfast.Study, tmp_path: Any) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    kept = searched(storage=storage, name="kept")
    again = holdfast.load_study("kept", storage)
    assert again.importance() == kept.importance() == study.importance()
    kept.close()
    again.close()


def test_a_space_that_is_found_as_it_is_used_is_analysed_too() -> None:
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.suggest_categorical("kind", ["plain", "curved"]) == "plain":
            return float(x)
        return float(x + 2 * trial.suggest_float("bend", 0, 1) - 1)

    study = holdfast.Study(strategy="random", seed=0)
    study.optimize(objective, n_trials=80)
    assert study.importance()["bend"].active == pytest.approx(0.5)
    assert study.importance()["bend"].fanova.sure
    assert study.ablation().target == study.best_config
    assert study.analysis().predicted_optimum().config["kind"] == "curved"


def test_an_amended_space_is_the_one_that_is_analysed() -> None:
    rehearsal = Rehearsal(holdfast.Space({"x": holdfast.Float(0, 1)}))
    random_trials(rehearsal, [float(i) for i in range(30)])
    rehearsal.amend(holdfast.Space({"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1)}), {"y": 0.25})
    trials = observed(rehearsal.history())
    assert trials.units.shape == (30, 2)
    assert (trials.units[:, 1] == 0.25).all()


def test_too_few_trials_give_a_sentence_instead_of_numbers() -> None:
    with pytest.raises(
        RequestError, match="an analysis of 5 hyperparameters needs at least 20 trials that ended with a score"
    ):
        searched(8).importance()
    with pytest.raises(RequestError, match="there is nothing to analyse yet"):
        holdfast.Study().importance()


def test_a_trial_that_was_lost_says_nothing_of_its_configuration() -> None:
    study = searched(25)
    for state, cause in ((TrialState.FAILED, Cause.LOST), (TrialState.FAILED, Cause.ERROR)):
        trial = study.ask()
        actions.tell(study.book, Outcome(trial.number, state, error="gone", cause=cause, seconds=1.0))
    trials = analysis_of(study.book.state).trials
    assert 25 not in trials.trials
    assert trials.failed == 1


def test_each_of_several_objectives_has_an_analysis_and_none_has_a_winner() -> None:
    study = holdfast.Study(SPACE, direction={"loss": "minimize", "size": "maximize"}, strategy="random", seed=1)
    for _ in range(60):
        trial = study.ask()
        study.tell(trial, {"loss": loss(trial.config), "size": float(trial["batch_size"])})
    assert study.importance("size").hyperparameters[0].name == "batch_size"
    with pytest.raises(RequestError, match="there is no winner"):
        study.ablation()
    with pytest.raises(RequestError, match="has no objective 'sise'"):
        study.importance("sise")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_of_scores_that_are_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    study = holdfast.Study({name: holdfast.Float(0, 1) for name in "xyzw"}, strategy="random", seed=seed)
    study.optimize(lambda _: float(rng.normal()), n_trials=50)
    analysis = study.analysis()
    for ask in (
        study.importance,
        study.interactions,
        study.ablation,
        analysis.predicted_optimum,
        lambda: analysis.partial_dependence("x"),
    ):
        with pytest.raises(RequestError, match="could be told from noise"):
            ask()
