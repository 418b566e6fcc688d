"""Spaces that are amended, earlier studies, outcome constraints, duplicates and spaces that are used up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import ExhaustedError, RequestError, SpaceError
from holdfast.log.open import open_log
from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.load import load_study
from holdfast.study.ranking import ranking
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.state import fold
from holdfast.study.study import Study

NARROW = holdfast.Space({"x": holdfast.Float(0, 1), "kind": holdfast.Categorical(["a", "b"])})
WIDE = holdfast.Space(
    {"x": holdfast.Float(0, 2), "kind": holdfast.Categorical(["a", "b"]), "n": holdfast.Int(1, 3, default=2)}
)


def loss(trial: Any) -> float:
    return float((trial["x"] - 0.7) ** 2)


def test_a_study_is_amended_to_take_steps_and_back() -> None:
    study = Study({"x": holdfast.Float(0, 1, step=0.1)}, strategy="sobol")
    study.optimize(loss, 6)
    study.amend({"x": holdfast.Float(0, 2, step=0.2)}, "coarser and wider")
    fits = [trial.number for trial in study.trials if trial.config["x"] in {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}]
    assert 0 < len(fits) < 6
    assert study.history.told_trial.tolist() == fits
    study.optimize(loss, 3)
    steps = set(study.history.space["x"].grid(99)) if study.history.space else set()
    assert {trial.config["x"] for trial in study.trials[6:]} <= steps
    assert len({trial.config["x"] for trial in study.trials}) == 9
    study.amend({"x": holdfast.Float(0, 2)}, "any number")
    assert len(study.history.told_trial) == 9
    with pytest.raises(SpaceError, match=r"'y' is 0\.3; it goes from 0 in steps of 0\.25"):
        study.amend({"x": holdfast.Float(0, 2), "y": holdfast.Float(0, 1, step=0.25)}, "one more", {"y": 0.3})


def too_large(config: Any) -> bool:
    return bool(config["x"] > 0.5)


def test_an_amended_study_goes_on_in_its_new_space(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study(NARROW, strategy="random", storage=storage)
    study.optimize(loss, 4)
    study.enqueue({"x": 0.5, "kind": "a"})
    study.amend(WIDE, "the best trials lie at the upper bound", {"n": 3})
    history = study.history
    assert history.units.shape == (4, 3)
    np.testing.assert_allclose(history.units[:, 2], 5 / 6)
    assert history.told_trial.tolist() == [0, 1, 2, 3]
    study.amend(WIDE, "again, which changes nothing")
    study.optimize(loss, 6)
    assert study.trials[4].config == {"x": 0.5, "kind": "a", "n": 3}
    assert any(trial.config["x"] > 1 for trial in study.trials[5:])  # type: ignore[operator]
    study.amend({**WIDE.domains, "kind": "b"}, "kind b is what we ship")
    assert {study.trials[i].config["kind"] for i in study.history.told_trial.tolist()} == {"b"}
    live = study.book.state
    restored = state_from_bytes(state_to_bytes(live, study.book.head))
    assert restored is not None
    view, other = live.history.snapshot(0), restored[0].history.snapshot(0)
    assert view.told_trial.tolist() == other.told_trial.tolist()
    assert np.array_equal(view.units, other.units, equal_nan=True)
    study.close()
    again = load_study("study", storage)
    assert np.array_equal(again.history.units, view.units, equal_nan=True)
    again.optimize(loss, 2)
    assert all(trial.config["kind"] == "b" for trial in again.trials[-2:])
    notes = again.book.state.notes["space.amended"]
    assert [note["why"] for note in notes] == ["the best trials lie at the upper bound", "kind b is what we ship"]


def test_the_best_configuration_is_one_of_the_amended_space() -> None:
    study = Study(NARROW, strategy="random", seed=1)
    study.optimize(loss, 4)
    assert study.best_config == study.best_trial.config
    study.amend({**WIDE.domains, "double": holdfast.Derived("2 * n")}, "the size matters, too", {"n": 3})
    assert study.best_config == {**study.best_trial.config, "n": 3, "double": 6}
    study.enqueue(study.best_config)
    assert study.ask().config == study.best_config


@pytest.mark.parametrize(
    ("space", "why", "values", "message"),
    [
        (WIDE, " ", {}, "needs a reason"),
        ({"x": holdfast.Float(0, 1)}, "less", {}, "lacks 'kind'"),
        (WIDE, "more", {"n": 7}, "outside of 1 to 3"),
        (WIDE, "more", {"x": 0.5}, "which is no hyperparameter that the amended space adds; there are n"),
    ],
)
def test_an_amendment_that_cannot_be_meant_is_refused(space: Any, why: str, values: Any, message: str) -> None:
    study = Study(NARROW, strategy="random")
    with pytest.raises(RequestError, match=message):
        study.amend(space, why, values)
    assert study.book.state.settings.space == NARROW
    with pytest.raises(RequestError, match="finds its space as it is used"):
        Study(strategy="random").amend(NARROW, "why not")


def test_a_study_learns_from_earlier_ones(tmp_path: Path) -> None:
    old = Study(NARROW, strategy="random", name="old", direction="maximize")
    old.optimize(loss, 5)
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study(WIDE, strategy="random", storage=storage, earlier=[old])
    (earlier,) = study.history.earlier
    assert earlier.name == "old"
    assert earlier.losses.tolist() == [-trial.metrics["value"] for trial in old.trials]
    found = [float(trial.config["x"] or 0) for trial in old.trials]
    np.testing.assert_allclose(earlier.units[:, 0] * 2, found)
    study.close()
    old.optimize(loss, 1)
    again = Study(WIDE, strategy="random", storage=storage, earlier=[old])
    assert len(again.history.earlier[0].losses) == 5
    again.learn_from(old)
    assert len(again.history.earlier[0].losses) == 6
    with pytest.raises(RequestError, match="cannot learn from itself"):
        again.learn_from(again)
    with pytest.raises(RequestError, match="two studies of one name"):
        Study(WIDE, earlier=[old, old])


def test_only_trials_that_meet_the_constraints_are_the_best() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", constraints={"ms": "<= 50"})
    for value, ms in [(0.1, 80.0), (0.3, 50.0), (0.2, 51.0)]:
        study.tell(study.ask(), {"value": value, "ms": ms})
        if len(study.trials) == 1:
            with pytest.raises(RequestError, match=r"none of the 1 trials with a value .* meet ms <= 50"):
                _ = study.best_trial
    study.tell(study.ask(), 0.0)
    assert study.best_value == 0.3
    assert [trial.number for trial in study.best_trials] == [1]
    assert study.history.constraints == ("ms <= 50",)
    np.testing.assert_array_equal(study.history.told_violation, [[30.0], [0.0], [1.0], [np.nan]])
    with pytest.raises(RequestError, match="write it as '<= 50'"):
        Study({"x": holdfast.Float(0, 1)}, constraints={"ms": "50"})


def test_a_finite_space_is_used_up_or_replicated() -> None:
    space = {"n": holdfast.Int(1, 3)}
    study = Study(space, strategy="random")
    study.optimize(lambda trial: float(trial["n"]), 10)
    assert sorted(trial.config["n"] for trial in study.trials) == [1, 2, 3]  # type: ignore[type-var]
    (note,) = study.book.state.notes["space.exhausted"]
    assert note["text"].startswith("The search ended after 3 trials: strategy 'random' has nothing left")
    with pytest.raises(ExhaustedError, match="all 3 configurations have been tried"):
        study.ask()
    twice = Study(space, strategy="random", duplicates="replicate")
    twice.optimize(lambda trial: float(trial["n"]), 10)
    assert len(twice.trials) == 10


def test_functions_that_forbid_are_given_again(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    space = holdfast.Space({"x": holdfast.Float(0, 1)}, forbid=[too_large])
    study = Study(space, strategy="random", storage=storage)
    study.optimize(loss, 5)
    study.close()
    with pytest.raises(RequestError, match=r"give it again as load_study\(\.\.\., forbid=\[too_large\]\)"):
        load_study("study", storage)
    again = load_study("study", storage, forbid=[too_large])
    again.optimize(loss, 5)
    assert all(trial.config["x"] <= 0.5 for trial in again.trials)  # type: ignore[operator]
    again.book.reload()
    again.optimize(loss, 1)
    assert Book(open_log(storage, "study", read_only=True)).state.length == again.book.state.length


def test_functions_of_one_name_all_forbid(tmp_path: Path) -> None:
    def at_most(name: str, bound: float) -> Any:
        return lambda config: config[name] > bound

    storage = f"sqlite:///{tmp_path}/s.db"
    domains = {"x": holdfast.Float(0, 1), "y": holdfast.Float(0, 1)}
    first, second, third = at_most("x", 0.5), at_most("y", 0.5), at_most("x", 0.2)
    study = Study(holdfast.Space(domains, forbid=[first, second]), strategy="random", storage=storage)
    study.optimize(lambda _: 1.0, 20)
    assert all(trial.config["x"] <= 0.5 and trial.config["y"] <= 0.5 for trial in study.trials)  # type: ignore[operator]
    study.amend(holdfast.Space(domains, forbid=[third]), "the lower fifth is the best")
    study.optimize(lambda _: 1.0, 20)
    assert all(trial.config["x"] <= 0.2 for trial in study.trials[20:])  # type: ignore[operator]
    assert any(trial.config["y"] > 0.5 for trial in study.trials[20:])  # type: ignore[operator]
    study.amend(holdfast.Space(domains, forbid=[second, first]), "it is not")
    study.close()
    with pytest.raises(RequestError, match="which a log cannot hold"):
        load_study("study", storage, forbid=[second])
    again = load_study("study", storage, forbid=[second, first])
    assert again.book.state.settings.space == holdfast.Space(domains, forbid=[second, first])


def test_the_best_trial_lies_in_the_amended_space() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", direction="maximize")
    for x in (0.9, 0.2, 0.4):
        study.enqueue({"x": x})
    study.optimize(lambda trial: float(trial["x"]), 3)
    assert study.best_config == {"x": 0.9}
    study.amend({"x": holdfast.Float(0, 0.5)}, "more is not allowed in practice")
    assert study.best_config == {"x": 0.4}
    assert [study.best_trial] == list(study.best_trials)
    study.amend({"x": holdfast.Float(0.95, 1)}, "it is, after all")
    assert not study.best_trials
    with pytest.raises(RequestError, match=r"none of the 3 trials with a value .* lies in the space as it was amended"):
        _ = study.best_trial
    restored = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
    assert restored is not None
    assert ranking(restored[0]) == []
    study.amend({"x": holdfast.Float(0, 1)}, "all of it")
    assert study.best_config == {"x": 0.9}


def test_a_dict_of_all_hyperparameters_keeps_the_rules_but_those_that_name_what_is_gone() -> None:
    space = holdfast.Space(
        {
            "half": holdfast.Derived("x / 2"),
            "x": holdfast.Float(0, 1),
            "kind": holdfast.Categorical(["a", "b"]),
            "n": holdfast.Int(1, 3, when={"kind": "a"}),
            "double": holdfast.Derived("n * 2"),
        },
        forbid=["x > 0.5 and kind == 'b'", "n == 2", too_large],
    )
    study = Study(space, strategy="random")
    study.amend({**space.domains, "x": holdfast.Float(0, 2)}, "wider")
    assert study.history.space == space.with_changes({"x": holdfast.Float(0, 2)})
    study.optimize(loss, 8)
    assert all(trial.config["x"] <= 0.5 and trial.config.get("n") != 2 for trial in study.trials)  # type: ignore[operator]
    assert all(trial.config["half"] == trial.config["x"] / 2 for trial in study.trials)  # type: ignore[operator]

    study.amend({"kind": "b", "x": holdfast.Float(0, 3), "half": holdfast.Derived("x / 4")}, "only b, and no n")
    left: dict[str, Any] = {
        "half": holdfast.Derived("x / 4"),
        "x": holdfast.Float(0, 3),
        "kind": holdfast.Categorical(["b"]),
    }
    assert study.history.space == holdfast.Space(left, forbid=["x > 0.5 and kind == 'b'", too_large])
    study.amend(holdfast.Space(left), "a space of its own has the rules that it is given, and no others")
    assert study.history.space == holdfast.Space(left)
    with pytest.raises(RequestError, match="the amended space lacks 'x'"):
        study.amend({"kind": "b"}, "less")


def test_coupled_and_computed_values_reach_the_trial() -> None:
    study = Study(
        {
            "rate": holdfast.Float("1e-4 * batch", "1e-2 * batch", log=True),
            "batch": holdfast.Int(16, 64, log=True),
            "steps": holdfast.Derived("4096 // batch"),
            "seed": 7,
        },
        strategy="random",
    )
    trial = study.ask()
    assert trial["steps"] == 4096 // trial["batch"]
    assert trial["seed"] == 7
    assert 1e-4 <= trial["rate"] / trial["batch"] <= 1e-2
    assert list(study.trials[0].config) == ["rate", "batch", "steps", "seed"]


def test_a_log_from_before_constraints_and_duplicates_opens() -> None:
    study = Study(NARROW, strategy="random")
    study.optimize(loss, 3)
    state = None
    for event in study.book.log.read():
        data = {key: value for key, value in event.data.items() if key not in {"constraints", "duplicates"}}
        state = fold(state, Entry(event.kind, data, event.time), event.index)
    assert state is not None
    assert state.settings == study.book.state.settings
    assert state.history.snapshot(0).duplicates == "avoid"


def test_a_wish_from_before_that_does_not_fit_any_more_is_tried_and_masked() -> None:
    study = Study(WIDE, strategy="random")
    study.enqueue({"x": 1.5, "kind": "a", "n": 1})
    study.amend({**WIDE.domains, "x": holdfast.Float(0, 1), "kind": "b"}, "kind b is what we ship")
    study.optimize(loss, 3)
    assert study.trials[0].config["x"] == 1.5
    assert study.history.told_trial.tolist() == [1, 2]
    study.book.reload()
    assert study.history.told_trial.tolist() == [1, 2]
    restored = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
    assert restored is not None
    assert restored[0].history.snapshot(0).told_trial.tolist() == [1, 2]


def test_trials_that_do_not_fit_into_coupled_bounds_are_masked() -> None:
    rate = holdfast.Float("1e-4 * batch", "1e-1 * batch", log=True)
    study = Study({"batch": holdfast.Int(16, 256), "rate": rate}, strategy="random")
    study.enqueue({"batch": 128, "rate": 1.0})
    study.enqueue({"batch": 32, "rate": 1.0})
    study.optimize(lambda trial: float(trial["rate"]), 2)
    study.amend({"batch": holdfast.Int(16, 64), "rate": rate}, "larger batches do not fit into memory")
    assert study.history.told_trial.tolist() == [1]
    assert np.isnan(study.history.units[0, 0])
    by_steps = holdfast.Float("1e-4 * batch", "1e-1 * batch / steps", log=True)
    steps = holdfast.Int(1, 2, default=1)
    study.amend({"batch": holdfast.Int(64, 65), "rate": by_steps, "steps": steps}, "long runs need a lower rate")
    assert study.history.told_trial.tolist() == []
    assert np.isnan(study.history.units[0, 1])
    study.book.reload()
    study.optimize(lambda trial: float(trial["rate"]), 2)
    assert study.history.told_trial.tolist() == [2, 3]
