"""The whole way: what is on the record, what is repeatable, what is opened once."""

from __future__ import annotations

import csv
import html
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import holdfast
from holdfast.errors import HoldfastError, PlanError, RequestError, SealError
from holdfast.evaluate import wording
from holdfast.execute.inline import Inline
from holdfast.log.verify import verify
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, load_result, resume, tune, unseal
from holdfast.records import TrialState
from holdfast.report.status import status_dict
from holdfast.report.trials_table import TIME_COLUMNS


def plan(name: str = "wines", **tables: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {
        "study": {"name": name},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "logistic"},
        "search": {"trials": 6, "strategy": "random"},
    }
    for table, value in tables.items():
        merged[table] = {**merged.get(table, {}), **value} if isinstance(value, dict) else value
    return merged


def run(tmp_path: Path, wanted: dict[str, Any]) -> Result:
    return tune(wanted, runs=tmp_path / "runs", executor=Inline())


def notes(result: Result) -> dict[str, list[Any]]:
    return open_book(find_run(result.folder.parent, result.name)).state.notes


@pytest.mark.parametrize("metric", ["accuracy", "r2"])
def test_the_study_in_python_has_the_estimate_of_the_page(tmp_path: Path, metric: str) -> None:
    source, family = ("sklearn:wine", "logistic") if metric == "accuracy" else ("sklearn:diabetes", "ridge")
    data = {"source": source, "split": {"folds": 3, "test": 0.2}}
    wanted = plan(data=data, model={"family": family}, metric={"name": metric}, study={"unseal": "by-hand"})
    result = run(tmp_path, {**wanted, "search": {"trials": 2, "strategy": "random"}})
    study = holdfast.load_study("wines", storage=f"sqlite:///{result.folder / 'study.db'}")
    assert result.estimate is not None
    assert study.estimate() == result.estimate


def stable_rows(result: Result) -> list[dict[str, str]]:
    with (result.folder / "trials.csv").open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in csv.DictReader(file)]


def test_the_three_numbers_and_the_files(tmp_path: Path) -> None:
    result = run(tmp_path, plan())
    assert result.estimate is not None
    assert result.test is not None
    assert result.naive.value >= result.estimate.value
    assert result.estimate.low is not None
    assert result.estimate.low <= result.estimate.value <= result.estimate.high  # type: ignore[operator]
    assert result.test.n == 35
    for name in ("summary.md", "report.html", "trials.csv", "plan.toml", "figures/history.png", "model/model.skops"):
        assert (result.folder / name).stat().st_size > 0
    assert notes(result)["model.fitted"][0]["reproduced"] is True
    assert len(stable_rows(result)) == 6
    log = open_book(find_run(result.folder.parent, result.name)).log
    assert verify(log).ok


def test_the_saved_model_is_the_one_that_was_tested(tmp_path: Path) -> None:
    result = run(tmp_path, plan())
    from holdfast.data.columns import Schema
    from holdfast.data.features import encode_target, to_features

    schema = Schema.from_json(notes(result)["data.split"][0]["schema"])
    sealed = pl.read_ipc(result.folder / "sealed" / "test.arrow")
    predicted = result.model.predict(to_features(schema, sealed))
    assert result.test is not None
    assert np.mean(predicted == encode_target(schema, sealed)) == pytest.approx(result.test.value)


def test_the_winner_scores_what_scikit_learn_says(tmp_path: Path) -> None:
    """The naive score, computed again by hand: preprocessing from training rows only, judged on validation rows."""
    result = run(tmp_path, plan(model={"family": "knn"}))
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    train, held = (pl.read_ipc(result.folder / "data" / f"{r}.arrow") for r in ("train", "validation"))
    columns = [name for name in train.columns if name not in {"target", "__row__", "__fold__"}]
    scaler = StandardScaler().fit(train[columns].to_numpy())
    model = KNeighborsClassifier(**result.best_config)
    model.fit(scaler.transform(train[columns].to_numpy()), train["target"].to_numpy())
    score = model.score(scaler.transform(held[columns].to_numpy()), held["target"].to_numpy())
    assert score == pytest.approx(result.naive.value)


@pytest.mark.parametrize("strategy", ["auto", "gp", "sobol"])
def test_same_plan_and_seed_twice_give_the_same_trials(tmp_path: Path, strategy: str) -> None:
    wanted = plan(search={"strategy": strategy, "trials": 12}, model={"family": "knn"})
    first = run(tmp_path / "a", wanted)
    second = run(tmp_path / "b", wanted)
    assert stable_rows(first) == stable_rows(second)
    assert first.test == second.test
    assert first.estimate == second.estimate


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    first = run(tmp_path / "a", plan())
    second = run(tmp_path / "b", plan(study={"seed": 1}))
    a, b = (notes(r)["data.split"][0]["roles"]["test"]["fingerprint"] for r in (first, second))
    assert a != b


def test_running_again_resumes_and_opens_nothing_again(tmp_path: Path) -> None:
    first = run(tmp_path, plan())
    second = run(tmp_path, plan())
    assert second == first
    assert len(notes(second)["test.opened"]) == 1
    assert load_result("wines", runs=tmp_path / "runs") == first
    assert resume("wines", runs=tmp_path / "runs", executor=Inline()) == first


def test_a_changed_plan_says_what_differs(tmp_path: Path) -> None:
    run(tmp_path, plan())
    with pytest.raises(PlanError, match=r"\[search\] trials was 6 and is 7"):
        run(tmp_path, plan(search={"trials": 7}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"split": {"folds": 3, "test": 0.2, "nestd": 3}}}, r"no 'nestd' \(did you mean 'nested'"),
        ({"data": {"columns": {"alcohl": "numeric"}}}, r"no column 'alcohl', .* \(did you mean 'alcohol'"),
        ({"data": {"split": {"folds": 3, "test": 0.2, "group": "alcohl"}}}, r"no column 'alcohl', which group names"),
        ({"space": {"c": 1}}, r"'c', which the family does not have \(did you mean 'C'"),
        ({"space": {"C": {"hihg": 1.0}}}, r"unknown key 'hihg' \(did you mean 'high'"),
        ({"search": {"settings": {"resolutoin": 3}}}, "no setting 'resolutoin'"),
        ({"metric": {"constraints": {"recal": ">= 0.5"}}}, r"no metric named 'recal' \(did you mean 'recall'"),
        ({"trials": [{"config": {"D": 3}}]}, "'D', which is not in the space"),
    ],
)
def test_a_slip_in_the_plan_of_a_study_that_is_there_is_told_as_in_that_of_a_new_one(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    run(tmp_path, plan(search={"trials": 1}))
    changes["search"] = {"trials": 1, **changes.get("search", {})}
    with pytest.raises(RequestError, match=says):
        run(tmp_path, plan(**changes))


def test_a_wrong_request_leaves_nothing_behind(tmp_path: Path) -> None:
    for wanted, says in [
        (plan(model={"family": "logistik"}), "did you mean 'logistic'"),
        (plan(data={"target": "targte"}), "did you mean 'target'"),
        (plan(metric={"name": "acuracy"}), "did you mean 'accuracy'"),
        (plan(metric={"name": "rmse"}), "rmse"),
        (plan(search={"strategy": "hyperbnad"}), "did you mean 'hyperband'"),
        (plan(search={"strategy": "asha", "fidelity": {"name": "folds"}}), "ask for folds"),
        (plan(space={"c": 1}), "did you mean 'C'"),
        (plan(data={"split": {"train": 0.9, "test": 0.5}}), "add up"),
        (plan(data={"split": {"folds": 3, "test": 0.2}}, model={"family": "knn", "ship": "scored"}), "ship"),
        (plan(trials=[{"config": {"D": 3}}]), "which is not in the space"),
    ]:
        with pytest.raises(RequestError, match=says) as caught:
            run(tmp_path, wanted)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs" / "wines").exists()


def test_a_wrong_request_from_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = '[study]\nname = "wines"\n[data]\nsource = "sklearn:wine"\n[model]\nfamily = "knn"\n[space]\np = 1\n'
    for line, says in [
        ("n_neighbors = { low = 9, high = 3 }", "line 9: hyperparameter 'n_neighbors'"),
        ("[metric]\nname = 'acuracy'", "line 10: "),
        ("[search]\ntrials = 3\nstrategy = 'gird'", "line 11: strategy 'gird' does not exist"),
    ]:
        path.write_text(text + line, encoding="utf-8")
        with pytest.raises(RequestError, match=says) as caught:
            tune(path, runs=tmp_path / "runs", executor=Inline())
        assert str(caught.value).count("plan.toml") == 1


def test_a_csv_without_a_target_is_asked_for_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(PlanError, match=r"\[data\] lacks 'target'.* \(it has a, b\)"):
        run(tmp_path, plan(data={"source": str(tmp_path / "t.csv")}))


def test_folds_ship_a_refitted_model_whose_preprocessing_knows_all_rows(tmp_path: Path) -> None:
    result = run(tmp_path, plan(data={"split": {"folds": 4, "test": 0.2}}))
    fitted = notes(result)["model.fitted"][0]
    assert fitted["kind"] == "refitted"
    assert fitted["rows"] == 142
    assert result.estimate is not None
    assert result.estimate.n == 142
    assert "refitted" in result.estimate.estimand


def test_auc_on_folds_is_a_mean_of_folds_and_gets_the_interval_of_its_kind(tmp_path: Path) -> None:
    wanted = plan(
        data={"source": "sklearn:breast_cancer", "split": {"folds": 3, "test": 0.3}}, metric={"name": "roc_auc"}
    )
    result = run(tmp_path, wanted)
    assert result.estimate is not None
    assert result.estimate.method == wording.RMX_METRIC
    assert result.naive.value > 0.95


def test_select_rows_decide_between_finalists(tmp_path: Path) -> None:
    split = {"train": 0.5, "validation": 0.2, "select": 0.15, "test": 0.15}
    result = run(tmp_path, plan(data={"split": split}, search={"finalists": 3}))
    choice, made = notes(result)["choice.made"][0], notes(result)["estimate.made"][0]
    assert choice["rule"] == "best of 3 finalists on 27 select rows"
    assert len(choice["finalists"]) == 3
    (chosen,) = [each for each in choice["finalists"] if each["trial"] == choice["trial"]]
    assert chosen["value"] == pytest.approx(choice["naive"]["value"])
    assert made["n_configurations"] == 3
    assert result.naive.n == 27
    assert not any("after looking" in sentence for sentence in made["sentences"])


def test_kmeans_needs_no_target_and_chooses_k(tmp_path: Path) -> None:
    result = run(tmp_path, plan(model={"family": "kmeans"}))
    assert result.test is not None
    assert result.best_config["n_clusters"] in range(2, 20)
    assert "target" not in json.dumps(notes(result)["data.split"][0]["schema"]["columns"])


def test_a_metric_without_rows_has_no_estimate_and_says_why(tmp_path: Path) -> None:
    result = run(tmp_path, plan(model={"family": "kmeans"}, metric={"name": "davies_bouldin"}))
    assert result.estimate is None
    assert "no sum over rows" in result.missing[0]
    assert result.test is not None
    assert result.test.low is None


def test_mlp_with_asha_pauses_and_resumes_and_ships_a_full_training(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    wanted = plan(
        model={"family": "mlp"},
        search={"strategy": "asha", "trials": 9, "fidelity": {"min": 2, "max": 18, "eta": 3}},
        data={"source": "sklearn:digits", "split": {"train": 0.3, "validation": 0.2, "test": 0.5}},
        space={"width": 16, "depth": 1, "batch_size": 32},
    )
    result = run(tmp_path, wanted)
    book = open_book(find_run(tmp_path / "runs", "wines"))
    states = [trial.state for trial in book.state.trials]
    assert states.count(TrialState.COMPLETE) >= 1
    assert states.count(TrialState.PAUSED) >= 3
    assert all(trial.rows is not None for trial in book.state.trials)
    assert notes(result)["model.fitted"][0]["reproduced"] is True
    again = run(tmp_path / "again", wanted)
    assert stable_rows(again) == stable_rows(result)


def test_enqueued_trials_come_first(tmp_path: Path) -> None:
    wanted = plan(model={"family": "knn"}, trials=[{"config": {"n_neighbors": 7}, "why": "last year's winner"}])
    result = run(tmp_path, wanted)
    first = open_book(find_run(tmp_path / "runs", "wines")).state.trials[0]
    assert first.config["n_neighbors"] == 7
    assert "last year's winner" in first.reason
    assert result.test is not None


def test_the_manual_strategy_tries_only_what_was_enqueued(tmp_path: Path) -> None:
    trials = [{"config": {"n_neighbors": k}} for k in (3, 9)]
    result = run(tmp_path, plan(model={"family": "knn"}, search={"strategy": "manual"}, trials=trials))
    assert len(stable_rows(result)) == 2


def test_a_manual_plan_without_configurations_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(
        PlanError, match=r"'manual' tries what \[\[trials\]\] hold and nothing else, and there are none"
    ):
        run(tmp_path, plan(search={"strategy": "manual"}))


def test_a_factory_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_models.py").write_text(
        "from sklearn.ensemble import ExtraTreesClassifier\n"
        "def trees(config):\n    return ExtraTreesClassifier(n_estimators=20, **config)\n"
        "def cost(y_true, y_pred):\n    return float((y_true != y_pred).mean())\n"
        "cost.greater_is_better = False\n",
        encoding="utf-8",
    )
    space = {"max_depth": {"type": "int", "low": 1, "high": 6}}
    wanted = plan(model={"family": "own_models:trees"}, metric={"name": "own_models:cost"}, space=space)
    result = run(tmp_path, wanted)
    assert result.naive.value <= 0.2
    assert result.test is not None


class TestSeal:
    def test_a_new_name_resets_nothing(self, tmp_path: Path) -> None:
        run(tmp_path, plan("first"))
        second = run(tmp_path, plan("second"))
        assert second.test is None
        assert "opened once before (by study 'first', 35 of these rows" in second.missing[0]
        with pytest.raises(SealError, match="--again --why"):
            unseal("second", runs=tmp_path / "runs")
        with pytest.raises(SealError, match="--again --why"):
            unseal("second", runs=tmp_path / "runs", again=True)
        opened = unseal("second", runs=tmp_path / "runs", again=True, why="the first had a bug")
        assert opened.test is not None
        note = notes(opened)["test.opened"][0]
        assert note["opening"] == 2
        assert note["why"] == "the first had a bug"

    def test_every_page_says_who_opened_the_rows_before(self, tmp_path: Path) -> None:
        run(tmp_path, plan("first"))
        second = run(tmp_path, plan("second"))
        waiting = run(tmp_path, plan("third", study={"name": "third", "unseal": "by-hand"}))
        for result in (second, waiting):
            told = "have been opened once before (by study 'first', 35 of these rows"
            assert told in result.missing[0]
            assert load_result(result.name, runs=tmp_path / "runs").missing == result.missing
            for name in ("summary.md", "report.html", "MODEL_CARD.md"):
                page = html.unescape((result.folder / name).read_text(encoding="utf-8"))
                assert told in page
                assert "this study has not opened" not in page
            state = status_dict(open_book(find_run(tmp_path / "runs", result.name)).state)
            assert told in state["reopened"][0]
            assert state["state"] == "finished"
        assert run(tmp_path, plan("second")).missing == second.missing
        assert len(notes(second)["test.withheld"]) == 1

    def test_a_refusal_by_hand_is_on_the_pages_and_not_in_the_time_spent(self, tmp_path: Path) -> None:
        """The other study opens the rows after the pages of this one were written."""
        waiting = run(tmp_path, plan("waiting", study={"name": "waiting", "unseal": "by-hand"}))
        page = waiting.folder / "summary.md"
        assert "The test rows are sealed; this study has not opened them." in page.read_text(encoding="utf-8")
        run(tmp_path, plan("first"))
        for _ in range(2):
            with pytest.raises(SealError, match="opened once before"):
                unseal("waiting", runs=tmp_path / "runs")
        assert "opened once before (by study 'first'" in page.read_text(encoding="utf-8")
        kinds = [event.kind for event in open_book(find_run(tmp_path / "runs", "waiting")).log.read()]
        assert kinds[-2:] == ["run.began", "test.withheld"]
        assert kinds.count("test.withheld") == 1

    def test_a_removed_ledger_is_made_again_from_the_logs(self, tmp_path: Path) -> None:
        run(tmp_path, plan("first"))
        for path in (tmp_path / "runs").glob("openings.db*"):
            path.unlink()
        second = run(tmp_path, plan("second"))
        assert second.test is None
        assert "opened once before (by study 'first', 35 of these rows" in second.missing[0]

    def test_overlapping_rows_count_and_disjoint_ones_do_not(self, tmp_path: Path) -> None:
        run(tmp_path, plan("first"))
        other = run(tmp_path, plan("other", study={"name": "other", "seed": 5}))
        assert other.test is None
        assert "of these rows" in other.missing[0]
        unrelated = run(tmp_path, plan("iris", data={"source": "sklearn:iris"}))
        assert unrelated.test is not None

    def test_a_second_opening_is_wider(self, tmp_path: Path) -> None:
        first = run(tmp_path, plan())
        second = unseal("wines", runs=tmp_path / "runs", again=True, why="a typo in the report")
        assert first.test is not None
        assert second.test is not None
        assert second.test.value == first.test.value
        assert second.test.high - second.test.low > first.test.high - first.test.low  # type: ignore[operator]
        page = (second.folder / "report.html").read_text(encoding="utf-8")
        assert "a typo in the report" in page

    def test_by_hand_waits_for_a_person(self, tmp_path: Path) -> None:
        result = run(tmp_path, plan(study={"unseal": "by-hand"}))
        assert result.test is None
        assert "holdfast unseal wines" in result.missing[0]
        assert run(tmp_path, plan(study={"unseal": "by-hand"})).test is None
        assert unseal("wines", runs=tmp_path / "runs").test is not None

    def test_a_changed_file_is_refused(self, tmp_path: Path) -> None:
        result = run(tmp_path, plan(study={"unseal": "by-hand"}))
        sealed = result.folder / "sealed" / "test.arrow"
        sealed.chmod(0o600)
        sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
        with pytest.raises(SealError, match="were changed"):
            unseal("wines", runs=tmp_path / "runs")

    def test_the_search_does_not_need_the_sealed_file(self, tmp_path: Path) -> None:
        """Nothing before the opening reads it: without it, all but the test is there."""
        wanted = plan(study={"unseal": "by-hand"})
        result = run(tmp_path, wanted)
        (result.folder / "sealed" / "test.arrow").unlink()
        (result.folder / "summary.md").unlink()
        again = run(tmp_path, wanted)
        assert again.estimate == result.estimate
        assert (again.folder / "summary.md").exists()

    def test_a_crash_between_ledger_and_score_is_one_opening(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import holdfast.protocol.unseal as module

        with monkeypatch.context() as patch:
            patch.setattr(module, "open_sealed", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path, plan())
        result = run(tmp_path, plan())
        assert result.test is not None
        assert notes(result)["test.opened"][0]["opening"] == 1

    def test_no_test_share_means_no_test(self, tmp_path: Path) -> None:
        result = run(tmp_path, plan(data={"split": {"train": 0.7, "validation": 0.3, "test": 0.0}}))
        assert result.test is None
        assert "sets no test rows apart" in result.missing[0]


def test_a_failing_model_halts_with_the_real_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "from sklearn.svm import SVC\nclass broken(SVC):\n def fit(self, X, y):\n  raise OSError('no licence')\n"
    (tmp_path / "broken_models.py").write_text(code, encoding="utf-8")
    space = {"C": {"type": "float", "low": 0.1, "high": 1.0}}
    with pytest.raises(HoldfastError, match="no licence"):
        run(tmp_path, plan(model={"family": "broken_models:broken"}, space=space))
    trial = open_book(find_run(tmp_path / "runs", "wines")).state.trials[0]
    assert trial.error is not None
    assert "Traceback" in trial.error


def test_when_all_trials_fail_differently_the_last_error_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = "OSError('n' + 'o' * int(9999 * self.C))"  # numbers apart they would be alike
    code = f"from sklearn.svm import SVC\nclass broken(SVC):\n def fit(self, X, y):\n  raise {error}\n"
    (tmp_path / "other_models.py").write_text(code, encoding="utf-8")
    space = {"C": {"type": "float", "low": 0.1, "high": 1.0}}
    with pytest.raises(HoldfastError, match="no trial with a score to choose from; the last one failed with"):
        run(tmp_path, plan(model={"family": "other_models:broken"}, space=space))


def test_hours_stop_the_search_and_leave_a_result(tmp_path: Path) -> None:
    result = run(tmp_path, plan(budget={"hours": 1e-4}, search={"trials": 5000}))
    assert 1 <= len(stable_rows(result)) < 5000
    assert result.test is not None


def test_a_study_without_a_plan_cannot_be_resumed_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "own"
    folder.mkdir(parents=True)
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, storage=f"sqlite:///{folder / 'study.db'}", name="own")
    study.optimize(lambda trial: trial["x"], n_trials=2)
    with pytest.raises(RequestError, match="was not begun from a plan"):
        resume("own", runs=tmp_path / "runs")
    with pytest.raises(RequestError, match="did you mean 'own'"):
        resume("onw", runs=tmp_path / "runs")


def test_the_store_can_be_moved(tmp_path: Path) -> None:
    first = run(tmp_path, plan())
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    moved = load_result("wines", runs=tmp_path / "elsewhere")
    assert moved.test == first.test
    assert verify(open_book(find_run(tmp_path / "elsewhere", "wines")).log).ok


def test_a_model_of_foreign_types_is_tested_though_it_needs_trust_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = (
        "import numpy as np\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class Majority(ClassifierMixin, BaseEstimator):\n"
        "    def __init__(self, shift=0):\n        self.shift = shift\n"
        "    def fit(self, X, y):\n        self.classes_ = np.unique(y)\n"
        "        self.most_ = (np.bincount(y).argmax() + self.shift) % len(self.classes_)\n        return self\n"
        "    def predict(self, X):\n        return np.full(len(X), self.most_)\n"
        "def majority(config):\n    return Majority(**config)\n"
    )
    (tmp_path / "foreign_models.py").write_text(code, encoding="utf-8")
    wanted = plan(
        model={"family": "foreign_models:majority"},
        space={"shift": {"type": "int", "low": 0, "high": 2}},
        search={"strategy": "grid"},
        study={"unseal": "by-hand"},
    )
    result = run(tmp_path, wanted)
    assert result.naive.value == pytest.approx(14 / 36)
    opened = unseal("wines", runs=tmp_path / "runs")
    assert opened.test is not None
    assert opened.test.value == pytest.approx(14 / 35)
    with pytest.raises(RequestError, match=r"foreign_models\.Majority"):
        _ = opened.model
