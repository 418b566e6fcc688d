"""Looks are counted by the rows in the whole store: select rows that were looked at before cost, and are said to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import holdfast.protocol.choose as choosing
import holdfast.protocol.prepare as preparing
import holdfast.protocol.tune as tuning
from holdfast.data.leakage.finding import Finding
from holdfast.errors import DataError
from holdfast.execute.inline import Inline
from holdfast.facts.winner import luck_sentence
from holdfast.log.open import open_log
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.ledger import LEDGER, ledger_problems, recorded_uses, uses_in
from holdfast.protocol.preview import preview
from holdfast.protocol.read import read_plan
from holdfast.protocol.tune import Result, tune
from holdfast.records import Entry

SPLIT = {"train": 0.5, "validation": 0.2, "select": 0.15, "test": 0.15}


@pytest.fixture(scope="module", autouse=True)
def _no_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "write_results", lambda *_: None)
        yield


def plan(name: str, **tables: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {
        "study": {"name": name, "unseal": "by-hand"},
        "data": {"source": "sklearn:wine", "split": SPLIT},
        "model": {"family": "knn"},
        "search": {"trials": 4, "strategy": "random", "finalists": 3},
    }
    for table, value in tables.items():
        merged[table] = {**merged.get(table, {}), **value}
    return merged


def run(tmp_path: Path, wanted: dict[str, Any]) -> Result:
    return tune(wanted, runs=tmp_path / "runs", executor=Inline())


def note(result: Result, kind: str) -> Any:
    return open_book(find_run(result.folder.parent, result.name)).state.notes[kind][-1]


def looks(result: Result) -> dict[str, Any]:
    return {look["role"]: look for look in note(result, "choice.made")["looks"]}


def looked_at(result: Result) -> list[Finding]:
    return [finding for finding in result.findings if finding.name == "looked-at"]


def remove_ledger(tmp_path: Path) -> None:
    for path in (tmp_path / "runs").glob("openings.db*"):
        path.unlink()


def test_the_second_study_pays_for_the_finalists_of_the_first(tmp_path: Path) -> None:
    first, second = run(tmp_path, plan("first")), run(tmp_path, plan("second"))
    split = note(first, "data.split")["roles"]
    for role in ("validation", "select"):
        assert looks(first)[role]["fingerprint"] == split[role]["fingerprint"]
        assert looks(first)[role]["earlier"] == []
    assert [looks(first)[role]["configurations"] for role in ("validation", "select")] == [4, 3]
    assert second.naive == first.naive
    assert [note(each, "estimate.made")["n_configurations"] for each in (first, second)] == [3, 6]
    assert second.estimate.low < first.estimate.low  # type: ignore[union-attr, operator]
    (said,) = [text for text in note(second, "estimate.made")["sentences"] if "looked at before" in text]
    assert said.startswith(
        "The select rows had been looked at before: by study 'first', as select rows, 3 configurations on 27 of these "
        "rows. The interval pays for all 6 configurations"
    )
    told = " ".join(note(second, "estimate.made")["sentences"])
    assert "The winner of 3 configurations was selected on 27 rows, on some of which 3 more had been compared" in told
    assert "after looking at scores on the same rows" not in told
    assert "lack finite scores" not in told
    book = open_book(find_run(second.folder.parent, "second"))
    assert "6 configurations, 3 of them in earlier looks at these rows" in luck_sentence(book.state)
    assert looked_at(second) == []
    page = (second.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| select | to compare finalists on | 3 |" in page
    assert "1 time, 3 configurations" in page
    assert "The select rows had been looked at before the finalists were compared" in page


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc_ovr"])
def test_other_metrics_pay_too(tmp_path: Path, metric: str) -> None:
    first, second = (run(tmp_path, plan(name, metric={"name": metric})) for name in ("first", "second"))
    assert note(second, "estimate.made")["n_configurations"] == 6
    assert second.estimate is not None
    assert first.estimate is not None
    sign = 1 if metric == "roc_auc_ovr" else -1
    assert sign * second.estimate.value < sign * first.estimate.value


def test_validation_rows_of_an_earlier_study_are_named_and_not_paid_for(tmp_path: Path) -> None:
    split = {"folds": 3, "test": 0.2}
    first, second = (run(tmp_path, plan(name, data={"split": split})) for name in ("first", "second"))
    assert second.estimate == first.estimate
    assert looks(second)["validation"]["rows"] == note(second, "data.split")["roles"]["train"]["rows"]
    assert looks(second)["validation"]["before"] == 4
    assert "and not for those" in note(second, "estimate.made")["sentences"][-1]
    assert "time, 4 configurations" in (second.folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_look_that_a_crash_cut_short_is_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    calm = run(tmp_path / "calm", plan("only"))
    with monkeypatch.context() as patch:
        patch.setattr(choosing, "estimate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, plan("only"))
    again = run(tmp_path, plan("only"))
    assert again.estimate == calm.estimate
    assert looks(again)["select"]["earlier"] == []
    shutil.rmtree(again.folder)
    assert looks(run(tmp_path, plan("only")))["select"]["before"] == 3, "its folder is gone, its look is not"


def test_a_look_after_more_trials_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.protocol.looks import look_at

    seen: list[Any] = []

    def twice(ready: Any, role: Any, configurations: int) -> Any:
        first = look_at(ready, role, configurations)
        if role == "select":
            trial = ready.study.ask()
            ready.study.tell(trial, 0.5)
            seen.append(look_at(ready, role, configurations))
        return first

    monkeypatch.setattr(choosing, "look_at", twice)
    run(tmp_path, plan("only"))
    assert seen[0].before == 3
    assert "by study 'only'" in seen[0].earlier[0]


def test_rows_that_change_their_role_are_a_finding_in_plan_and_tune(tmp_path: Path) -> None:
    run(tmp_path, plan("first"))
    wanted = plan("second", study={"name": "second", "seed": 5})
    second = run(tmp_path, wanted)
    select, test = looked_at(second)
    assert "select rows were looked at before: by study 'first', as validation rows, 4 configurations" in select.text
    assert "test rows were looked at before: by study 'first'" in test.text
    assert note(second, "estimate.made")["n_configurations"] == 3 + 4 + 3
    strict = {
        **wanted,
        "study": {"name": "third", "seed": 5},
        "data": {**wanted["data"], "strict": True, "accept": ["size"]},
    }
    with pytest.raises(DataError, match=r"check 'looked-at' has found .* the seed and the shares of the earlier study"):
        run(tmp_path, strict)
    with pytest.raises(DataError, match="looked-at"):
        preview(read_plan(strict), runs=tmp_path / "runs", timing=False)
    strict["data"]["accept"] = ["size", "looked-at"]
    assert all(finding.accepted for finding in run(tmp_path, strict).findings)


def test_a_search_counts_from_its_first_trial_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "choose", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, plan("first"))
    storage = RunFolder(tmp_path / "runs", "first").ledger
    assert [(use.role, use.configurations) for use in uses_in(storage)] == [("validation", 4)]
    run(tmp_path, plan("first"))
    assert [(use.role, use.configurations) for use in uses_in(storage)] == [("validation", 4), ("select", 3)]


def test_a_removed_ledger_is_made_again_from_the_logs(tmp_path: Path) -> None:
    first = run(tmp_path, plan("first"))
    named = find_run(tmp_path / "runs", "first")
    with closing(open_log(named.recorded_storage(), "first", read_only=True)) as log:
        assert ledger_problems(named, log) == []
        remove_ledger(tmp_path)
        assert ledger_problems(named, log) == [], "a folder may be looked at alone"
        second = run(tmp_path, plan("second"))
        assert looks(second)["select"]["before"] == 3
        assert looks(second)["validation"]["before"] == 4
        gone = ledger_problems(named, log)
    assert len(gone) == 2
    assert "does not hold the look that event" in gone[0]
    assert first.folder.exists()


def test_logs_and_ledgers_of_earlier_versions_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "_by_use", lambda _: {})
        old = run(tmp_path, plan("old"))
    assert "looks" not in note(old, "choice.made")
    assert "| select | to compare finalists on | 3 |" in (old.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    with closing(open_log(RunFolder(tmp_path / "runs", "old").ledger, LEDGER)) as ledger:
        data = {"study": "older", "study_hash": "a", "fingerprint": "b", "hashes": {"blob": ledger.put(b"x" * 32)}}
        ledger.append([Entry("rows.opened", {**data, "why": "a look"}, 0.0)], ledger.head())
        (opened,) = recorded_uses(ledger)
    assert (opened.use.role, opened.use.configurations, len(opened.use.hashes)) == ("test", 1, 2)
    new = run(tmp_path, plan("new"))
    assert looks(new)["select"]["before"] == 0


def test_searches_within_outer_folds_are_no_looks_of_their_own(tmp_path: Path) -> None:
    split = {"folds": 3, "nested": 2, "select": 0.2, "test": 0.2}
    result = run(tmp_path, plan("outer", data={"split": split}))
    assert result.procedure is not None
    assert not list((result.folder / "nested").glob("openings.db*"))
    assert looks(result)["select"]["before"] == 0


def test_few_different_rows_are_not_taken_for_a_look(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"a": rng.integers(0, 3, 300), "b": rng.integers(0, 3, 300), "y": rng.integers(0, 2, 300)})
    table.write_csv(tmp_path / "t.csv")
    data = {"source": str(tmp_path / "t.csv"), "target": "y", "columns": {"a": "categorical", "b": "categorical"}}
    run(tmp_path, plan("first", data=data))
    second = run(tmp_path, plan("second", data=data))
    assert looked_at(second) == []
    assert looks(second)["select"]["before"] == 3
