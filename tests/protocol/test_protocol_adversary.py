"""Crashes between two steps, files that were changed, ledgers that were removed: what is on the record stays true."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import holdfast.protocol.choose as choosing
import holdfast.protocol.prepare as preparing
import holdfast.protocol.tune as tuning
import holdfast.protocol.unseal as unsealing
from holdfast.errors import DataError, RequestError, SealError, TamperError
from holdfast.execute.inline import Inline
from holdfast.log.sqlite import SqliteLog
from holdfast.protocol.bench import Bench
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, load_result, resume, tune, unseal
from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.ranking import ranking
from holdfast.train.failures import Diverged


def plan(name: str = "wines", **tables: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {
        "study": {"name": name},
        "data": {"source": "sklearn:wine"},
        "model": {"family": "logistic"},
        "search": {"trials": 3, "strategy": "random"},
    }
    for table, value in tables.items():
        merged[table] = {**merged.get(table, {}), **value}
    return merged


def run(tmp_path: Path, wanted: dict[str, Any]) -> Result:
    return tune(wanted, runs=tmp_path / "runs", executor=Inline())


def notes(tmp_path: Path, name: str = "wines") -> Mapping[str, list[Any]]:
    return open_book(find_run(tmp_path / "runs", name)).state.notes


METERING = {"run.began", "phase.metered"}
"""What is on record for each process that works on a study, and so more often after a crash."""


def kinds(tmp_path: Path, name: str = "wines") -> list[str]:
    found = [event.kind for event in open_book(find_run(tmp_path / "runs", name)).log.read()]
    return [kind for kind in found if kind not in METERING]


def interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def _no_pages() -> Iterator[None]:
    """These tests are about the record, and pages take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "write_results", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, list[str]]:
    """A run that nothing disturbs, and the kinds of its events."""
    folder = tmp_path_factory.mktemp("calm")
    return run(folder, plan()), kinds(folder)


def dies_after(kind: str) -> Callable[..., bool]:
    """`Book.append`, in a process that dies as soon as an event of a kind is on disk."""
    append = Book.append

    def appended(self: Book, entries: Any, **how: Any) -> bool:
        done = append(self, entries, **how)
        if any(item.kind == kind for item in entries):
            raise KeyboardInterrupt
        return done

    return appended


@pytest.mark.parametrize(
    "kind", ["study.created", "data.split", "choice.made", "estimate.made", "model.fitted", "test.opened"]
)
def test_a_crash_right_after_any_step_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calm: tuple[Result, list[str]], kind: str
) -> None:
    undisturbed, events = calm
    with monkeypatch.context() as patch:
        patch.setattr(Book, "append", dies_after(kind))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, plan())
    rough = run(tmp_path, plan())
    assert kinds(tmp_path) == events
    found, wanted = ((each.naive, each.estimate, each.test) for each in (rough, undisturbed))
    assert found == wanted


def test_a_finalist_without_a_finite_score_does_not_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = {"train": 0.5, "validation": 0.2, "select": 0.15, "test": 0.15}
    score, calls = Bench.score, []

    def undefined_once(self: Bench, predictions: list[np.ndarray]) -> Any:
        value, rows = score(self, predictions)
        if len(self.parts[0].judge) != 27:
            return value, rows
        calls.append(value)
        return (float("nan") if len(calls) == 2 else value), rows

    monkeypatch.setattr(Bench, "score", undefined_once)
    run(tmp_path, plan(data={"split": split}, search={"finalists": 3}))
    ranked = ranking(open_book(find_run(tmp_path / "runs", "wines")).state)
    assert len(calls) == 3
    assert notes(tmp_path)["choice.made"][0]["trial"] != ranked[1].number


def test_select_rows_on_which_nothing_is_defined_do_not_decide(tmp_path: Path) -> None:
    """Sorted by time, the select rows hold one class only, so that there is no AUC on them."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(200) < 120, rng.integers(0, 2, 200), 0)
    y[160:] = rng.integers(0, 2, 40)
    table = pl.DataFrame({"when": np.arange(200), "x": y + rng.normal(size=200), "y": y})
    table.write_csv(tmp_path / "t.csv")
    split = {"train": 0.4, "validation": 0.2, "select": 0.2, "test": 0.2, "time": "when"}
    data = {"source": str(tmp_path / "t.csv"), "target": "y", "split": split}
    run(tmp_path, {**plan(data=data), "metric": {"name": "roc_auc"}})
    choice = notes(tmp_path)["choice.made"][0]
    assert choice["rule"] == "best validation score"
    assert choice["naive"]["n"] == 40


def test_a_naive_score_without_rows_counts_the_rows_that_were_judged(tmp_path: Path) -> None:
    """In folds by time the earliest block is only learned from."""
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"when": np.arange(100), "x": rng.normal(size=100), "z": rng.normal(size=100)})
    table.write_csv(tmp_path / "t.csv")
    data = {"source": str(tmp_path / "t.csv"), "split": {"folds": 3, "test": 0.2, "time": "when"}}
    wanted = {**plan(data=data, model={"family": "kmeans"}), "metric": {"name": "davies_bouldin"}}
    assert run(tmp_path, wanted).naive.n == 60


def test_a_finalist_that_diverges_on_all_rows_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again, calls = choosing.fit_again, []

    def diverges_first(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise Diverged(epoch=3)
        return again(*arguments)

    monkeypatch.setattr(choosing, "fit_again", diverges_first)
    run(tmp_path, plan(data={"split": {"folds": 3, "select": 0.2, "test": 0.2}}))
    found = notes(tmp_path)
    assert found["choice.made"][0]["rule"].startswith("best of 2 finalists")
    gone = calls[0][1].number
    assert any(f"Trial {gone} is no candidate" in text for text in found["estimate.made"][0]["sentences"])


def test_what_is_sealed_is_said_to_be_sealed_when_the_result_is_loaded(tmp_path: Path) -> None:
    result = run(tmp_path, plan(study={"unseal": "by-hand"}))
    assert load_result("wines", runs=tmp_path / "runs").missing == result.missing
    assert "holdfast unseal wines" in result.missing[0]


def test_a_study_without_its_log_or_its_beginning_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "_opening_events", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, plan())
    with pytest.raises(RequestError, match="was cut short before its first trial; begin it again"):
        resume("wines", runs=tmp_path / "runs")
    for path in (tmp_path / "runs" / "wines").glob("study.db*"):
        path.unlink()
    with pytest.raises(RequestError, match=r"wines is there, but '.*study\.db' holds no study 'wines'"):
        resume("wines", runs=tmp_path / "runs")
    assert run(tmp_path, plan()).test is not None


@pytest.mark.parametrize("role", ["train", "validation"])
def test_rows_that_were_changed_between_two_runs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "choose", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, plan())
    path = tmp_path / "runs" / "wines" / "data" / f"{role}.arrow"
    rows = pl.read_ipc(io.BytesIO(path.read_bytes()))
    rows.reverse().write_ipc(path)
    with pytest.raises(DataError, match=f"the {role} rows .* are not those that were written"):
        run(tmp_path, plan())


def test_another_model_than_the_one_on_the_log_is_not_tested(tmp_path: Path) -> None:
    run(tmp_path, plan(study={"unseal": "by-hand"}))
    other = run(tmp_path / "other", plan(model={"family": "tree"}, study={"unseal": "by-hand"}))
    shutil.copytree(other.folder / "model", tmp_path / "runs" / "wines" / "model", dirs_exist_ok=True)
    with pytest.raises(TamperError, match="is not the one on the log"):
        unseal("wines", runs=tmp_path / "runs")
    assert "test.opened" not in notes(tmp_path)


@pytest.mark.parametrize("split", [{"train": 0.6, "validation": 0.2, "test": 0.2}, {"folds": 3, "test": 0.2}])
def test_the_test_is_about_the_model_that_the_estimate_is_about(tmp_path: Path, split: dict[str, Any]) -> None:
    result = run(tmp_path, plan(data={"split": split}))
    assert result.estimate is not None
    assert result.test is not None
    assert result.naive.estimand == result.estimate.estimand == result.test.estimand
    assert ("refitted" in result.test.estimand) == ("folds" in split)


def test_a_finished_run_leaves_no_log_open(tmp_path: Path) -> None:
    """Whoever copies `study.db` from a process that lives on copies all of it."""
    folder = run(tmp_path, plan(study={"unseal": "by-hand"})).folder
    assert not list(folder.glob("study.db-*"))
    unseal("wines", runs=tmp_path / "runs")
    assert not list(folder.glob("study.db-*"))


class TestOpenings:
    def test_a_changed_file_is_an_error_at_the_end_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unsealing, "open_sealed", changed)
        for _ in range(2):
            with pytest.raises(SealError, match="were changed"):
                run(tmp_path, plan())

    def test_without_the_ledger_the_studys_own_openings_count(self, tmp_path: Path) -> None:
        first = run(tmp_path, plan())
        for path in (tmp_path / "runs").glob("openings.db*"):
            path.unlink()
        with pytest.raises(SealError, match="opened once before"):
            unseal("wines", runs=tmp_path / "runs")
        second = unseal("wines", runs=tmp_path / "runs", again=True, why="a look")
        assert [note["opening"] for note in notes(tmp_path)["test.opened"]] == [1, 2]
        assert first.test is not None
        assert second.test is not None
        assert second.test.low < first.test.low  # type: ignore[operator]

    def test_an_opening_that_a_crash_cut_short_is_free_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another study opens the rows in between; afterwards every further look is counted."""
        runs = tmp_path / "runs"
        run(tmp_path, plan("second", study={"name": "second", "unseal": "by-hand"}))
        with monkeypatch.context() as patch:
            patch.setattr(unsealing, "open_sealed", interrupted)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path, plan("first"))
        unseal("second", runs=runs, again=True, why="waiting for the first")
        run(tmp_path, plan("first"))
        assert notes(tmp_path, "first")["test.opened"][0]["opening"] == 1
        assert notes(tmp_path, "second")["test.opened"][0]["opening"] == 2
        with pytest.raises(SealError, match="opened 2 times"):
            unseal("first", runs=runs)
        unseal("first", runs=runs, again=True, why="a look")
        with pytest.raises(SealError, match="opened 3 times"):
            unseal("first", runs=runs)

    def test_a_log_put_back_to_before_the_opening_is_no_crash(self, tmp_path: Path) -> None:
        wanted = plan(study={"unseal": "by-hand"})
        folder = tmp_path / "runs" / "wines"
        run(tmp_path, wanted)
        with closing(sqlite3.connect(folder / "study.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(tmp_path / "kept.db"),))
        unseal("wines", runs=tmp_path / "runs")
        for path in folder.glob("study.db*"):
            path.unlink()
        shutil.copy(tmp_path / "kept.db", folder / "study.db")
        book = open_book(find_run(tmp_path / "runs", "wines"), read_only=False)
        book.note("choice.made", {**book.state.notes["choice.made"][0], "rule": "after a look"})
        book.log.close()
        with pytest.raises(SealError, match="opened once before"):
            unseal("wines", runs=tmp_path / "runs")

    def test_two_studies_that_open_at_once_count_each_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other one gets in between the look at the ledger and the entry there."""
        run(tmp_path, plan("slow", study={"name": "slow", "unseal": "by-hand"}))
        run(tmp_path, plan("quick", study={"name": "quick", "unseal": "by-hand"}))
        append, runs = SqliteLog.append, tmp_path / "runs"

        def late(self: SqliteLog, entries: Any, head: Any, **how: Any) -> Any:
            if isinstance(entries[0], Entry) and entries[0].data.get("study") == "slow":
                monkeypatch.setattr(SqliteLog, "append", append)
                assert unseal("quick", runs=runs).test is not None
            return append(self, entries, head, **how)

        monkeypatch.setattr(SqliteLog, "append", late)
        with pytest.raises(SealError, match="opened once before"):
            unseal("slow", runs=runs)
        assert load_result("slow", runs=runs).test is None


def changed(*_: Any) -> Any:
    raise SealError("the sealed test rows were changed")
