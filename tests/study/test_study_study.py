"""Door 1: a study as the design's public names promise it."""

from __future__ import annotations

import time
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import holdfast
from holdfast.errors import ExhaustedError, RequestError, SpaceError
from holdfast.records import Cause, Config, Suggestion, Trial, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.study.handle import LiveTrial
from holdfast.study.load import load_study
from holdfast.study.study import Study

SPACE = holdfast.Space(
    {
        "learning_rate": holdfast.Float(1e-5, 1e-1, log=True, default=1e-3),
        "layers": holdfast.Int(1, 6),
        "optimizer": holdfast.Categorical(["sgd", "adamw"]),
        "momentum": holdfast.Float(0.0, 0.99, when={"optimizer": "sgd"}),
    }
)


def loss(config: Mapping[str, Any]) -> float:
    return float(abs(np.log10(config["learning_rate"]) + 3) + config["layers"] / 10)


def objective(trial: LiveTrial) -> float:
    return loss(trial.config)


def random_study(**settings: Any) -> Study:
    return Study(SPACE, strategy="random", **settings)


def test_the_design_s_example_runs_as_written(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    study = holdfast.Study(SPACE, direction="minimize", strategy="auto", seed=0, storage=storage, name="digits")
    study.enqueue({"learning_rate": 1e-2, "layers": 2, "optimizer": "adamw"}, why="last year's winner")
    trial = study.ask()
    assert (trial.number, trial.start_step, trial.until_step) == (0, 0, None)
    assert trial.config == {"learning_rate": 1e-2, "layers": 2, "optimizer": "adamw"}
    assert trial["layers"] == 2
    assert trial.report(0.31, step=1) is Verdict.CONTINUE
    assert trial.verdict is Verdict.CONTINUE
    assert not trial.should_prune()
    study.tell(trial, 0.23)
    study.optimize(objective, n_trials=7)
    assert len(study.trials) == 8
    assert study.trials[0].reason == "enqueued: last year's winner"
    assert study.trials[0].reports == ((1, {"value": 0.31}),)
    best = min(study.trials, key=lambda t: t.metrics["value"])
    assert study.best_trial == best
    assert study.best_value == best.metrics["value"]
    assert study.best_config == best.config
    again = holdfast.load_study("digits", storage=storage)
    assert again.trials == study.trials
    assert again.best_config == study.best_config


def test_a_dict_of_domains_is_a_space() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    assert 0 <= study.ask()["x"] <= 1


def test_a_missing_name_says_what_there_is() -> None:
    trial = random_study().ask()
    with pytest.raises(RequestError, match="no value for 'depth'; it has learning_rate, layers"):
        trial["depth"]


def test_tell_takes_named_metrics_and_keeps_the_others() -> None:
    study = random_study(direction={"loss": "minimize"})
    told = study.tell(study.ask(), {"loss": 0.5, "seconds": 3})
    assert told.state is TrialState.COMPLETE
    assert told.metrics == {"loss": 0.5, "seconds": 3.0}
    assert study.best_value == 0.5


class Both(NamedTuple):
    ms: float
    note: float
    loss: float


Swapped = namedtuple("Swapped", ["a", "b"])  # noqa: PYI024 - the untyped kind, whose names say nothing of the metrics


@pytest.mark.parametrize(
    "result", [{"loss": 0.5, "ms": 9}, (0.5, 9), [0.5, 9.0], Both(ms=9, note=1, loss=0.5), Swapped(0.5, 9)]
)
def test_several_objectives_by_name_or_in_order(result: Any) -> None:
    study = Study(SPACE, direction={"loss": "minimize", "ms": "maximize"}, strategy="random")
    study.optimize(lambda _: result, n_trials=1)
    metrics = study.trials[0].metrics
    assert (metrics["loss"], metrics["ms"]) == (0.5, 9.0)
    assert np.array_equal(study.history.told_loss, [[0.5, -9.0]])
    with pytest.raises(RequestError, match=r"several objectives \(loss, ms\)"):
        _ = study.best_trial


def test_maximize_finds_the_largest() -> None:
    study = random_study(direction="maximize")
    study.optimize(objective, n_trials=6)
    assert study.best_value == max(t.metrics["value"] for t in study.trials)
    assert study.history.losses.min() == -study.best_value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.5", "the result for 'value' is '0.5'; it must be a number"),
        ({"loss": 1.0}, "no value for 'value', only 'loss'"),
        ((1.0, 2.0), r"2 values for one objective"),
        (None, "no value was told"),
        (object(), "must be a number"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_recorded(value: Any, message: str) -> None:
    study = random_study()
    trial = study.ask()
    before = study.book.head
    with pytest.raises(RequestError, match=message):
        study.tell(trial, value)
    assert study.book.head == before
    assert study.tell(trial, 1.0).state is TrialState.COMPLETE


def test_tell_refuses_what_is_not_running() -> None:
    study = random_study()
    trial = study.ask()
    with pytest.raises(RequestError, match="has no trial 7; it has 1"):
        study.tell(7, 1.0)
    with pytest.raises(RequestError, match=r"state = 'stoped' was told.*did you mean 'stopped'"):
        study.tell(trial, 1.0, state="stoped")
    with pytest.raises(RequestError, match="an error is failed and has no value"):
        study.tell(trial, 1.0, error="no memory")
    study.tell(trial, 1.0)
    with pytest.raises(RequestError, match="trial 0 is not running: it is complete already"):
        study.tell(trial, 2.0)
    with pytest.raises(RequestError, match="trial 0 is not running"):
        trial.report(0.3, step=2)
    assert study.trials[0].metrics == {"value": 1.0}


def test_tell_keeps_an_error_with_its_traceback() -> None:
    study = random_study()
    try:
        _ = 1 / 0
    except ZeroDivisionError as exc:
        told = study.tell(study.ask(), error=exc)
    assert told.state is TrialState.FAILED
    assert told.cause is Cause.ERROR
    assert told.error is not None
    assert "_ = 1 / 0" in told.error
    assert told.error.strip().endswith("ZeroDivisionError: division by zero")
    assert study.tell(study.ask(), state="failed").error == "the objective failed"
    assert study.tell(study.ask(), error="out of memory").error == "out of memory"


def test_a_stopped_or_paused_trial_keeps_its_last_report() -> None:
    study = random_study()
    trial = study.ask()
    trial.report(0.4, step=1)
    trial.report(0.3, step=2)
    assert study.tell(trial, state="stopped").metrics == {"value": 0.3}
    trial = study.ask()
    trial.report(0.7, step=1)
    paused = study.tell(trial.number, state="paused")
    assert (paused.state, paused.metrics) == (TrialState.PAUSED, {"value": 0.7})
    assert study.best_trial.number == 0  # trained further


def test_seconds_add_up_and_ask_tell_measures_them() -> None:
    study = random_study()
    told = study.tell(study.ask(), 1.0)
    assert 0 < told.seconds < 5
    number = study.ask().number
    assert 0 <= study.tell(number, 1.0).seconds < 5


def test_enqueue_validates_and_fills_defaults() -> None:
    study = random_study()
    study.enqueue({"layers": 3})
    study.enqueue({"optimizer": "adamw"}, why="cheap")
    with pytest.raises(SpaceError, match="'lairs', which is not in the space"):
        study.enqueue({"lairs": 3})
    with pytest.raises(SpaceError, match="'momentum', which is active only when optimizer is 'sgd'"):
        study.enqueue({"optimizer": "adamw", "momentum": 0.5})
    first, second, third = study.ask(), study.ask(), study.ask()
    assert first.config == {"learning_rate": 1e-3, "layers": 3, "optimizer": "sgd", "momentum": 0.495}
    assert second.config["optimizer"] == "adamw"
    assert [t.reason for t in study.trials] == ["enqueued", "enqueued: cheap", "random"]
    assert third.config == random_study().book.state.settings.space.sample(Streams(0).generator(2, "random"))  # type: ignore[union-attr]


def test_enqueued_configs_count_in_the_budget() -> None:
    study = random_study()
    study.enqueue({"layers": 3})
    study.optimize(objective, n_trials=2)
    assert [t.reason for t in study.trials] == ["enqueued", "random"]


def test_ask_goes_on_after_the_budget_of_optimize() -> None:
    study = random_study()
    study.optimize(objective, n_trials=3)
    assert study.ask().number == 3
    assert study.ask().number == 4
    study.optimize(objective, n_trials=2)
    assert len(study.trials) == 7
    running = [t.number for t in study.trials if t.state is TrialState.RUNNING]
    assert running == [3, 4]  # in hand, not lost


def test_optimize_needs_an_end() -> None:
    study = random_study()
    with pytest.raises(RequestError, match="n_trials or a timeout"):
        study.optimize(objective)
    with pytest.raises(RequestError, match="n_trials = -1"):
        study.optimize(objective, n_trials=-1)
    with pytest.raises(RequestError, match="n_jobs = 0"):
        study.optimize(objective, n_trials=1, n_jobs=0)
    with pytest.raises(RequestError, match="batch = 0"):
        study.optimize_batch(lambda trials: [0.0] * len(trials), n_trials=1, batch=0)
    assert study.trials == ()


def test_optimize_ends_at_the_timeout() -> None:
    study = random_study()
    study.optimize(objective, n_trials=3)
    study.optimize(objective, timeout=0.2)
    assert len(study.trials) > 5
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_optimize_in_processes_takes_closures() -> None:
    offset = 10.0
    study = random_study()
    study.optimize(lambda trial: offset + trial["layers"], n_trials=5, n_jobs=2)
    assert sorted(t.number for t in study.trials) == list(range(5))
    assert all(t.metrics["value"] == offset + t.config["layers"] for t in study.trials)  # type: ignore[operator]
    assert [t.config for t in study.trials] == [t.config for t in _serial(5)]


def _serial(n: int) -> tuple[Trial, ...]:
    study = random_study()
    study.optimize(objective, n_trials=n)
    return study.trials


def test_optimize_batch_gives_many_at_once() -> None:
    sizes: list[int] = []

    def train_many(trials: list[LiveTrial]) -> np.ndarray:
        sizes.append(len(trials))
        return np.array([loss(trial.config) for trial in trials])

    study = random_study()
    study.optimize_batch(train_many, n_trials=10, batch=4)  # type: ignore[arg-type]
    assert sizes == [4, 4, 2]
    assert [t.metrics["value"] for t in study.trials] == [loss(t.config) for t in study.trials]
    assert [t.config for t in study.trials] == [t.config for t in _serial(10)]


def test_on_finish_sees_each_trial() -> None:
    seen: list[Trial] = []
    study = random_study()
    study.optimize(objective, n_trials=3, on_finish=seen.append)
    assert tuple(seen) == study.trials


def test_grid_needs_no_budget_and_then_nothing_is_left() -> None:
    study = Study({"a": holdfast.Int(1, 3)}, strategy="grid")
    study.optimize(lambda trial: float(trial["a"]))
    assert [t.config["a"] for t in study.trials] == [1, 2, 3]
    with pytest.raises(ExhaustedError, match=r"strategy 'grid' has nothing left to try in this space: all 3 "):
        study.ask()


def test_no_value_yet() -> None:
    study = random_study(name="young")
    with pytest.raises(RequestError, match="study 'young' has no trial with a value yet"):
        _ = study.best_value


def test_user_attributes_are_kept_and_must_be_json() -> None:
    study = random_study()

    def train(trial: LiveTrial) -> float:
        trial.set_user_attr("size", [1, {"a": None}])
        return 1.0

    study.optimize(train, n_trials=1)
    assert study.trials[0].extra == {"size": [1, {"a": None}]}
    trial = study.ask()
    for value in (np.float32(1), float("nan"), {1, 2}, trial):
        with pytest.raises(RequestError, match="user attribute 'x' of trial 1 is no JSON value"):
            trial.set_user_attr("x", value)
    trial.set_user_attr("x", "y")
    assert study.tell(trial, 2.0).extra == {"x": "y"}


def test_asking_and_telling_stays_quick() -> None:
    study = random_study()
    spent = []
    for _ in range(1000):
        began = time.process_time()
        study.tell(study.ask(), 1.0)
        spent.append(time.process_time() - began)
    early, late = np.median(spent[100:200]), np.median(spent[900:])
    print(f"ask and tell take {late * 1e3:.2f} ms at 1,000 trials ({early * 1e3:.2f} ms at 100)")
    assert late < 5 * early + 0.001  # no cost that grows with the number of trials


# settings of an existing study


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed = 0, not 1"),
        ({"strategy": "sobol"}, "strategy = 'random', not 'sobol'"),
        ({"direction": "maximize"}, "directions.value = 'minimize', not 'maximize'"),
        ({"direction": {"loss": "minimize"}}, "directions.value, which is missing here"),
        ({"direction": {"value": "minimize", "ms": "minimize"}}, "no directions.ms, which is given here"),
        ({"space": None}, "space = "),
        ({"space": {**SPACE.domains, "layers": holdfast.Int(1, 7)}}, "space.layers.high = 6, not 7"),
        ({"space": {**SPACE.domains, "more": holdfast.Int(1, 7)}}, "no space.more, which is given here"),
        ({"space": dict(reversed(SPACE.domains.items()))}, "its hyperparameters in the order learning_rate, layers"),
        ({"fidelity": holdfast.Fidelity("epoch", 1, 9)}, "fidelity = None, not"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"space": SPACE, "strategy": "random", "storage": f"sqlite:///{tmp_path}/s.db"}
    Study(**settings).optimize(objective, n_trials=1)
    with pytest.raises(RequestError) as caught:
        Study(**{**settings, **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert len(Study(**settings).trials) == 1


def test_settings_of_a_strategy_are_compared(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    Study(SPACE, strategy=GridSearch(resolution=3), storage=storage)
    Study(SPACE, strategy=GridSearch(resolution=3), storage=storage)
    with pytest.raises(RequestError, match=r"strategy_settings\.resolution = 3, not 5"):
        Study(SPACE, strategy="grid", storage=storage)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 1.5}, "seed = 1.5"),
        ({"seed": True}, "seed = True"),
        ({"direction": "min"}, "direction of 'value' is 'min'"),
        ({"direction": ["minimize"]}, "must be 'minimize' or 'maximize'"),
        ({"direction": {}}, "direction is empty"),
        ({"direction": {1: "minimize"}}, "names the metric 1"),
        ({"strategy": "randon"}, "did you mean 'random'"),
        ({"storage": "study.db"}, "sqlite:///study.db"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Study(SPACE, **settings)


def test_load_study_names_what_is_missing(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    with pytest.raises(RequestError, match="has no study named 'digits'"):
        load_study("digits", storage)
    assert not (tmp_path / "s.db").exists()
    Study(SPACE, storage=storage, name="digits")
    with pytest.raises(RequestError, match="did you mean 'digits'"):
        load_study("digit", storage)


class Countdown:
    """A strategy of one's own."""

    name = "countdown"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        return [Suggestion({"a": 9 - len(history)}, "down", history.index)]


def test_a_strategy_of_one_s_own(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study({"a": holdfast.Int(1, 9)}, strategy=Countdown(), storage=storage)
    study.optimize(lambda trial: float(trial["a"]), n_trials=3)
    assert [t.config["a"] for t in study.trials] == [9, 8, 7]
    with pytest.raises(RequestError, match="a strategy of its own, 'countdown'; give it again"):
        load_study("study", storage)
    again = load_study("study", storage, strategy=Countdown())
    assert again.ask()["a"] == 6


def test_the_strategy_s_words_are_logged_once_each() -> None:
    study = Study({"a": holdfast.Categorical(["x", "y"])}, strategy="auto")
    study.optimize(lambda _: 1.0, n_trials=2)
    words = [event.data["text"] for event in study.book.log.read() if event.kind == "strategy.chosen"]
    assert words == ["grid, because the budget of 2 trials covers all 2 configurations"]


def test_closed_studies_release_the_file(tmp_path: Path) -> None:
    study = Study(SPACE, strategy="random", storage=f"sqlite:///{tmp_path}/s.db")
    study.ask()
    study.close()
    with pytest.raises(holdfast.HoldfastError, match="closed"):
        study.ask()


def test_rows_of_a_wrong_kind_fail_the_trial_in_words() -> None:
    def train(trial: LiveTrial) -> float:
        trial.rows = [0.0, 1.0]  # type: ignore[assignment]
        return 1.0

    study = random_study()
    study.optimize(train, n_trials=1)
    assert study.trials[0].error == "trial.rows is a list; it must be a holdfast.RowScores"


def test_report_takes_whole_steps_only() -> None:
    trial = random_study().ask()
    trial.report(0.1, step=np.int64(3))  # type: ignore[arg-type]
    for step in (-1, 1.5, True, "1"):
        with pytest.raises(RequestError, match="a step is a whole number from 0 up"):
            trial.report(0.1, step=step)  # type: ignore[arg-type]


def test_config_is_a_copy() -> None:
    study = random_study()
    trial = study.ask()
    trial.config["layers"] = 99
    study.best_config if study.trials[0].metrics else None
    assert trial["layers"] <= 6
    config: Config = study.trials[0].config
    assert config["layers"] == trial["layers"]


def test_a_manual_study_with_an_empty_queue_says_how_to_fill_it() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="manual")
    with pytest.raises(ExhaustedError, match=r"'manual' proposes nothing by itself, .* study.enqueue\(config\)"):
        study.ask()
