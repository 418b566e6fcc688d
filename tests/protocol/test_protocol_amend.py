"""A plan whose space is changed while its study is under way: what goes on, what is told, and what is refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
import holdfast.protocol.amend as amending
from holdfast.errors import BusyStudyError, PlanError, RequestError
from holdfast.execute.inline import Inline
from holdfast.log.verify import verify
from holdfast.protocol.amend import Amendment, Change
from holdfast.protocol.folder import RunFolder, alone, find_run, open_book
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.tune import resume, tune
from holdfast.search.registry import make_strategy
from holdfast.study.book import Book
from holdfast.study.load import load_study
from holdfast.study.replay import replay

WHY = "the best trials lie at the upper bound"


def plan(space: dict[str, Any] | None = None, **tables: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {
        "study": {"name": "wines"},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "logistic"},
        "space": {"C": {"low": 0.01, "high": 1.0}} if space is None else space,
        "search": {"trials": 7, "strategy": "random"},
    }
    for table, value in tables.items():
        merged[table] = {**merged.get(table, {}), **value} if isinstance(value, dict) else value
    return merged


WIDER = {"C": {"low": 0.01, "high": 100.0}}


def begun(runs: Path, wanted: dict[str, Any], trials: int = 4) -> None:
    """A study that a person stopped after so many trials."""

    def stop(book: Book, _: Any) -> None:
        if len(book.state.trials) >= trials:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(wanted, runs=runs, executor=Inline(), progress=stop)


def kinds(runs: Path) -> list[str]:
    return [event.kind for event in open_book(find_run(runs, "wines")).log.read()]


def amend(runs: Path, wanted: dict[str, Any], why: str = WHY, **values: Any) -> Amendment:
    return holdfast.amend(wanted, why=why, values=values, runs=runs)


def test_a_wider_space_is_searched_to_the_end_and_told(tmp_path: Path) -> None:
    begun(tmp_path, plan())
    with pytest.raises(PlanError, match=r"high was 1\.0 and is 100\.0\); to search the changed space from here on: "):
        tune(plan(WIDER), runs=tmp_path, executor=Inline())
    spent = open_book(find_run(tmp_path, "wines")).state.elapsed
    done = amend(tmp_path, plan(WIDER))
    change = Change("C", "0.01 to 1, logarithmic", "0.01 to 100, logarithmic")
    assert done == Amendment("wines", WHY, (change,), {}, {}, trials=4, hidden=0, forbidden=0)
    book = open_book(find_run(tmp_path, "wines"))
    assert kinds(tmp_path)[-2:] == ["space.amended", "plan.resolved"]
    assert book.state.elapsed == spent, "what a person does between sessions is no work on the study"
    assert recorded_plan(book).plan.space == WIDER
    assert tomllib.loads((tmp_path / "wines/plan.toml").read_text())["space"] == WIDER
    with pytest.raises(
        PlanError, match=r"'wines' was amended to another plan \(\[space\.C\] high was 100\.0 and is 1\.0"
    ):
        tune(plan(), runs=tmp_path, executor=Inline())

    result = tune(plan(WIDER), runs=tmp_path, executor=Inline())
    assert resume("wines", runs=tmp_path) == result
    book = open_book(find_run(tmp_path, "wines"))
    assert len(book.state.trials) == 7
    assert any(float(trial.config["C"] or 0) > 1 for trial in book.state.trials[4:])
    assert replay(book.log.read(), make_strategy("random")).difference is None
    assert not verify(book.log).problems
    summary = (result.folder / "summary.md").read_text()
    assert re.search(rf"The space was amended on .*: {WHY}", summary)
    assert "0.01 to 100, logarithmic" in summary
    assert "There were scores when the space was amended" in (result.folder / "MODEL_CARD.md").read_text()
    with pytest.raises(RequestError, match="is over, as its test rows have been opened"):
        amend(tmp_path, plan())


def test_a_narrow_space_hides_trials_and_one_of_them_does_not_win(tmp_path: Path) -> None:
    begun(tmp_path, plan(study={"unseal": "by-hand"}))
    trials = open_book(find_run(tmp_path, "wines")).state.trials
    low, high = sorted(float(trial.config["C"] or 0) for trial in trials)[1:3]
    bound = (low * high) ** 0.5
    narrow = plan({"C": {"low": 0.01, "high": bound}}, study={"unseal": "by-hand"})
    done = amend(tmp_path, narrow)
    assert (done.trials, done.hidden) == (4, 2)
    result = tune(narrow, runs=tmp_path, executor=Inline())
    assert float(result.best_config["C"] or 0) <= bound
    assert all(float(t.config["C"] or 0) <= bound for t in open_book(find_run(tmp_path, "wines")).state.trials[4:])
    with pytest.raises(RequestError, match=r"is over, as trial \d has been chosen"):
        amend(tmp_path, plan(study={"unseal": "by-hand"}))


def test_a_hyperparameter_is_added_where_the_code_of_the_family_had_it(tmp_path: Path) -> None:
    begun(tmp_path, plan())
    tol = {"type": "float", "low": 1e-6, "high": 1e-2, "log": True}
    ratio = {"type": "float", "low": 0.2, "high": 0.8}
    added = {**plan()["space"], "tol": tol, "fit_intercept": {"type": "categorical", "choices": [False, True]}}
    done = amend(tmp_path, plan(added))
    assert done.stand == {"tol": 1e-4, "fit_intercept": True}
    assert [(change.name, change.was) for change in done.changes] == [("tol", None), ("fit_intercept", None)]
    assert amend(tmp_path, plan({**added, "C": 0.5})).hidden == 4, "none has just this C"
    done = amend(tmp_path, plan({**added, "intercept_scaling": ratio}), "all of them, after all")
    assert done.hidden == 0
    assert (done.stand, done.trained) == ({"intercept_scaling": 0.5}, {"intercept_scaling": 1})
    result = tune(plan({**added, "intercept_scaling": ratio}), runs=tmp_path, executor=Inline())
    last = load_study("wines", f"sqlite:///{tmp_path}/wines/study.db").trials[-1]
    assert {"C", "tol", "fit_intercept", "intercept_scaling"} <= set(last.config)
    assert result.model.meta["study"] == "wines"


def test_a_person_says_where_trials_stand_in_what_is_added(tmp_path: Path) -> None:
    begun(tmp_path, plan())
    wanted = plan({**plan()["space"], "tol": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True}})
    with pytest.raises(RequestError, match="'tolerance', which is no hyperparameter that the amended space adds"):
        amend(tmp_path, wanted, tolerance=1e-3)
    assert amend(tmp_path, wanted, tol=1e-3).stand == {"tol": 1e-3}
    history = load_study("wines", f"sqlite:///{tmp_path}/wines/study.db").history
    assert history.space is not None
    place = history.space.names.index("tol")
    assert history.units[:, place].tolist() == pytest.approx([0.75] * 4)


def test_what_was_tried_counts_though_it_is_forbidden_since(tmp_path: Path) -> None:
    begun(tmp_path, plan(model={"max_parameters": 1000}))
    values = [float(t.config["C"] or 0) for t in open_book(find_run(tmp_path, "wines")).state.trials]
    wanted = plan(search={"forbid": [f"C > {min(values)}"]}, model={"max_parameters": 2000})
    done = amend(tmp_path, wanted)
    assert (done.hidden, done.forbidden) == (0, 3)
    assert {change.name for change in done.changes} == {"forbidden"}
    tune(wanted, runs=tmp_path, executor=Inline())
    tried = open_book(find_run(tmp_path, "wines")).state.trials[4:]
    assert all(float(trial.config["C"] or 0) <= min(values) for trial in tried)


def test_the_same_space_in_other_words_is_only_another_plan(tmp_path: Path) -> None:
    begun(tmp_path, plan({"C": 0.5}, model={"family": "knn", "max_parameters": None}) | {"space": {"p": 1}})
    wanted = plan({"p": [1]}, model={"family": "knn", "max_parameters": None})
    assert amend(tmp_path, wanted).changes == ()
    assert kinds(tmp_path)[-1] == "plan.resolved"
    assert "space.amended" not in kinds(tmp_path)
    assert tune(wanted, runs=tmp_path, executor=Inline()).best_config["p"] == 1


@pytest.mark.parametrize(
    ("wanted", "why", "says"),
    [
        (plan(WIDER), " ", "needs a reason"),
        (plan(), WHY, "nothing has changed: the plan of study 'wines' on record is this one"),
        (plan(WIDER, search={"trials": 9}), WHY, r"more than the space .* \(\[search\] trials was 7 and is 9\)"),
        (plan(WIDER, search={"settings": {"a": 1}}), WHY, "no setting 'a'"),
        (plan(WIDER, study={"name": "wine"}), WHY, r"no study 'wine' .*did you mean 'wines'\?\); a study begins with"),
        (plan({"c": 1}), WHY, r"'c', which the family does not have \(did you mean 'C'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    tmp_path: Path, wanted: dict[str, Any], why: str, says: str
) -> None:
    begun(tmp_path, plan(), trials=2)
    before = kinds(tmp_path)
    with pytest.raises(RequestError, match=says) as caught:
        amend(tmp_path, wanted, why)
    assert "\n" not in str(caught.value)
    assert kinds(tmp_path) == before
    assert tomllib.loads((tmp_path / "wines/plan.toml").read_text())["space"] == plan()["space"]


def test_a_hyperparameter_of_ones_own_is_fixed_and_not_taken_away(tmp_path: Path) -> None:
    tol = {"type": "float", "low": 1e-6, "high": 1e-2, "default": 1e-3}
    begun(tmp_path, plan({"tol": tol}), trials=2)
    with pytest.raises(PlanError, match=r"lacks 'tol', .* tol = \{ type = \"categorical\", choices = \[0\.001\] \}"):
        amend(tmp_path, plan({}))
    assert amend(tmp_path, plan({"tol": {"type": "categorical", "choices": [0.001]}})).changes[0].now == "0.001"


def test_what_would_be_another_training_or_another_procedure_is_refused(tmp_path: Path) -> None:
    asha = {"strategy": "asha", "trials": 4, "fidelity": {"name": "epochs", "min": 1}}
    net = plan({"epochs": 3}, model={"family": "mlp"}, search=asha)
    begun(tmp_path / "a", net, trials=1)
    with pytest.raises(PlanError, match=r"\(epochs from 1 to 3 was set, and it is epochs from 1 to 4\)"):
        amend(tmp_path / "a", plan({"epochs": 4}, model={"family": "mlp"}, search=asha))

    nested = {"data": {"split": {"folds": 2, "test": 0.2, "nested": 2}}}
    begun(tmp_path / "b", plan(**nested), trials=1)
    with pytest.raises(RequestError, match="scores its procedure in 2 outer folds"):
        amend(tmp_path / "b", plan(WIDER, **nested))


def test_a_study_in_other_hands_is_left_alone(tmp_path: Path) -> None:
    begun(tmp_path, plan(), trials=2)
    run = RunFolder(tmp_path, "wines")
    with alone(run), pytest.raises(BusyStudyError, match="is being driven by another process"):
        amend(tmp_path, plan(WIDER))
    worker = load_study("wines", f"sqlite:///{tmp_path}/wines/study.db")
    worker.ask()
    with pytest.raises(BusyStudyError, match="is being driven by another process"):
        amend(tmp_path, plan(WIDER))
    worker.close()
    assert amend(tmp_path, plan(WIDER)).trials == 3


def test_where_a_server_keeps_the_log_signs_of_life_say_who_is_at_work(tmp_path: Path, postgres: str) -> None:
    kept = {"study": {"name": "wines", "storage": postgres}}
    begun(tmp_path, plan(**kept), trials=2)
    worker = load_study("wines", postgres)
    worker.ask()
    with pytest.raises(BusyStudyError, match="is being driven by another process"):
        amend(tmp_path, plan(WIDER, **kept))
    worker.close()
    assert amend(tmp_path, plan(WIDER, **kept)).trials == 3
    assert tune(plan(WIDER, **kept), runs=tmp_path, executor=Inline()).best_config


@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_wherever_it_is_interrupted_the_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    begun(tmp_path, plan())
    before = kinds(tmp_path)
    append: Callable[..., bool] = Book.append

    def killed(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    def killed_after(book: Book, *given: Any, **more: Any) -> bool:
        append(book, *given, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if where == "after":
            patch.setattr(amending, "write_plan", killed)
        else:
            patch.setattr(Book, "append", killed if where == "before" else killed_after)
        with pytest.raises(KeyboardInterrupt):
            amend(tmp_path, plan(WIDER))
    more = kinds(tmp_path)[len(before) :]
    assert more == ([] if where == "before" else ["space.amended", "plan.resolved"])
    wanted = plan() if where == "before" else plan(WIDER)
    assert tune(wanted, runs=tmp_path, executor=Inline()).best_config
    assert tomllib.loads((tmp_path / "wines/plan.toml").read_text())["space"] == wanted["space"]
