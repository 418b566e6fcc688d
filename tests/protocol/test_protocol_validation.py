"""Every way of validating in a plan: which rows learn and are judged, what the estimate resamples, what ships."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import holdfast
from holdfast.cli.outcome import score_table
from holdfast.data.columns import Schema
from holdfast.data.nesting import outer_pairs
from holdfast.errors import HoldfastError, RequestError
from holdfast.evaluate.wording import GROUPED, WINDOWED
from holdfast.execute.inline import Inline
from holdfast.facts.blocks import Paragraph
from holdfast.facts.numbers import number
from holdfast.facts.search import search_section
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.prepare import reopen_study
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.rivals import rivals_of
from holdfast.protocol.shape import fits_in_words, shape_of
from holdfast.protocol.ship import ship
from holdfast.protocol.tables import Anew, open_rows, parts_of
from holdfast.protocol.tune import Result, tune
from holdfast.records import array_from_bytes
from holdfast.stats.intervals import clopper_pearson

ROWS = 160


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Days, groups of four rows, a target of two classes that depends on x and drifts slowly; no pages are written."""
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    rng = np.random.default_rng(1)
    x, drift = rng.normal(size=ROWS), np.sin(np.arange(ROWS) / 8)
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=i) for i in range(ROWS)]
    frame = pl.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=ROWS),
            "day": days,
            "who": [f"p{i // 4}" for i in range(ROWS)],
            "y": np.where(x + drift + rng.normal(size=ROWS) > 0, "yes", "no"),
        }
    )
    path = tmp_path / "table.csv"
    frame.write_csv(path)
    return path


def run(table: Path, split: dict[str, Any], **tables: Any) -> Result:
    plan: dict[str, Any] = {
        "study": {"name": "s"},
        "data": {"source": str(table), "target": "y", "split": split, "columns": {"day": "date", "who": "categorical"}},
        "model": {"family": "knn"},
        "search": {"trials": 4, "strategy": "random"},
    }
    for key, value in tables.items():
        plan[key] = {**plan.get(key, {}), **value}
    return tune(plan, runs=table.parent / "runs", executor=Inline())


def events(result: Result) -> dict[str, list[Any]]:
    return open_book(find_run(result.folder.parent, result.name)).state.notes


def rows_told(result: Result) -> list[holdfast.RowScores]:
    book = open_book(find_run(result.folder.parent, result.name))
    return [book.get_rows(trial.rows) for trial in book.state.trials if trial.rows is not None]


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1"])
def test_repeats_give_a_row_one_score(table: Path, metric: str) -> None:
    result = run(table, {"folds": 4, "repeats": 3, "test": 0.2}, metric={"name": metric})
    train = pl.read_ipc(result.folder / "data" / "train.arrow")
    for scores in rows_told(result):
        assert scores.rows is not None
        assert scores.rows.tolist() == sorted(train["__row__"].to_list())
    assert result.estimate is not None
    assert result.estimate.n == len(train)
    assert result.estimate.low is not None
    book = open_book(find_run(result.folder.parent, result.name))
    winner = book.state.trials[book.state.notes["choice.made"][0]["trial"]]
    (told,) = winner.metrics.values()
    assert result.naive.value == pytest.approx(told)
    if metric == "accuracy":
        values = rows_told(result)[0].values
        assert set((values * 3).round(9).tolist()) == {0, 1, 2, 3}
    assert "folds were drawn 3 times" in " ".join(events(result)["data.split"][0]["notes"])
    assert rivals_of(find_run(result.folder.parent, "s"), book, winner) is not None


@pytest.mark.parametrize("metric", ["r2", "rmse"])
def test_repeats_of_a_regression(table: Path, metric: str) -> None:
    of_x = {"data": {"target": "x"}, "model": {"family": "ridge"}, "metric": {"name": metric}}
    result = run(table, {"folds": 3, "repeats": 2, "nested": 2, "test": 0.2}, search={"trials": 2}, **of_x)
    assert result.estimate is not None
    assert result.estimate.n == 128
    assert result.estimate.low is not None
    assert result.procedure is not None
    assert result.procedure.low is not None
    assert metric == "r2" or result.procedure.low >= 0


def test_no_number_of_a_plan_lies_beyond_what_its_metric_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few errors, of which one makes up the most, have intervals that would begin below 0."""
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    rng = np.random.default_rng(11)
    pl.DataFrame({"x": rng.normal(size=60), "y": rng.normal(size=60) * rng.exponential(size=60) ** 3}).write_csv(
        tmp_path / "table.csv"
    )
    tables = {"model": {"family": "ridge"}, "data": {"columns": {}}, "metric": {"name": "mae"}}
    result = run(tmp_path / "table.csv", {"validation": 0.1, "test": 0.1}, **tables)
    for score in (result.estimate, result.test):
        assert score is not None
        assert score.low is not None
        assert score.high is not None
        assert score.low == 0 < score.value < score.high


@pytest.mark.parametrize(("metric", "family", "least"), [("r2", "ridge", -np.inf), ("matthews_corrcoef", "knn", -1.0)])
def test_the_score_of_a_procedure_is_no_more_than_its_metric_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, family: str, least: float
) -> None:
    """Two outer folds leave one degree of freedom, and an interval that would go far beyond."""
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60) * rng.exponential(size=60)
    target = y if metric == "r2" else np.where(y > 0, "yes", "no")
    pl.DataFrame({"x": x, "y": target}).write_csv(tmp_path / "table.csv")
    tables = {"model": {"family": family}, "data": {"columns": {}}, "metric": {"name": metric}}
    split = {"validation": 0.25, "nested": 2, "test": 0.2}
    result = run(tmp_path / "table.csv", split, search={"trials": 2}, **tables)
    assert result.procedure is not None
    assert result.procedure.low is not None
    assert result.procedure.low >= least
    assert result.procedure.high == 1.0


def test_the_price_of_repeats_is_known(table: Path) -> None:
    result = run(table, {"folds": 4, "repeats": 3, "test": 0.2})
    run_folder = find_run(result.folder.parent, "s")
    book = open_book(run_folder)
    ready = reopen_study(recorded_plan(book), run_folder, book)
    shape = shape_of(ready)
    ready.close()
    assert (shape.fits, fits_in_words(shape)) == (48, "4 trials × 4 folds × 3 repeats × 1 full training")


def test_plan_and_python_divide_alike(table: Path) -> None:
    result = run(table, {"folds": 4, "repeats": 2, "test": 0.2})
    schema = recorded_schema(result)
    labels = pl.read_csv(table)["y"].to_numpy()
    pairs = zip(parts_of(result.folder, schema, folds=True), holdfast.split(labels, folds=4, repeats=2), strict=True)
    for part, (train, validation) in pairs:
        assert sorted(part.learn.ids.tolist()) == train.tolist()
        assert sorted(part.judge.ids.tolist()) == validation.tolist()


def recorded_schema(result: Result) -> Any:
    return Schema.from_json(events(result)["data.split"][0]["schema"])


def test_folds_in_time_learn_from_a_window_before_a_gap(table: Path) -> None:
    split = {"time": "day", "folds": 4, "gap": "5 days", "window": "40 days", "test": 0.2, "select": 0.1}
    result = run(table, split)
    schema = recorded_schema(result)
    for part in parts_of(result.folder, schema, folds=True):
        assert part.judge.times is not None
        assert part.learn.times is not None
        assert part.judge.times.min() - part.learn.times.max() == 5
        assert part.learn.times.max() - part.learn.times.min() <= 39
    test, select = (pl.read_ipc(result.folder / f) for f in ("sealed/test.arrow", "data/select.arrow"))
    train = pl.read_ipc(result.folder / "data" / "train.arrow")
    for earlier, later in ((train, select), (select, test)):
        assert later["__row__"].min() - earlier["__row__"].max() == 5  # type: ignore[operator]
    fitted = events(result)["model.fitted"][0]
    opened = np.concatenate([train["__row__"].to_numpy(), select["__row__"].to_numpy()])
    assert fitted["rows"] == (opened > opened.max() - 40).sum() < 40
    assert "the window of 40 days" in fitted["text"]
    assert result.test is not None
    assert result.test.estimand == WINDOWED
    notes = events(result)["data.split"][0]["notes"]
    assert any("never validated" in note for note in notes)
    assert any("8 rows within the gap" in note for note in notes)


def test_the_unit_of_rows_in_time_is_a_block(table: Path) -> None:
    result = run(table, {"time": "day", "folds": 4, "test": 0.2})
    sentences = events(result)["estimate.made"][0]["sentences"]
    assert GROUPED not in sentences
    assert any("blocks of" in text or "resampled one by one" in text for text in sentences)
    alike = run(table, {"time": "day", "test": 0.2}, study={"name": "auc"}, metric={"name": "roc_auc"})
    assert any("blocks of" in text or "one by one" in text for text in events(alike)["estimate.made"][0]["sentences"])


def test_groups_are_the_unit(table: Path) -> None:
    result = run(table, {"group": "who", "folds": 4, "repeats": 2, "test": 0.2})
    assert GROUPED in events(result)["estimate.made"][0]["sentences"]
    for part in parts_of(result.folder, recorded_schema(result), folds=True):
        assert part.learn.groups is not None
        assert part.judge.groups is not None
        assert not set((part.learn.ids // 4).tolist()) & set((part.judge.ids // 4).tolist())


def test_reshuffled_trials_have_rows_of_their_own(table: Path) -> None:
    result = run(table, {"reshuffle": True, "test": 0.2})
    assert rows_told(result) == []
    assert result.estimate is None
    assert "rows set apart by select" in " ".join(result.missing)
    fitted = events(result)["model.fitted"][0]
    assert (fitted["kind"], fitted["rows"]) == ("refitted", 128)
    assert result.test is not None
    rows = open_rows(result.folder, recorded_schema(result))
    anew = Anew(0.25, True, 0)
    judged = [set(anew.part(rows, number).judge.ids.tolist()) for number in range(3)]
    assert len({frozenset(ids) for ids in judged}) == 3
    ours = holdfast.split(pl.read_csv(table)["y"].to_numpy(), reshuffle=True)
    assert set(ours.of_trial(1).pairs[0][1].tolist()) == judged[1]
    again = run(table.parent / "again" / ".." / table.name, {"reshuffle": True, "test": 0.2}, study={"name": "t"})
    assert json.dumps(again.best_config) == json.dumps(result.best_config)


def test_select_rows_give_reshuffled_trials_an_estimate(table: Path) -> None:
    result = run(table, {"reshuffle": True, "select": 0.2, "test": 0.2})
    assert result.estimate is not None
    assert result.estimate.n == 32
    assert "finalists on 32 select rows" in events(result)["choice.made"][0]["rule"]


def test_what_does_not_go_together_is_refused(table: Path) -> None:
    wrong: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"reshuffle": True, "test": 0.2}, {"ship": "scored"}, "scored on rows of its own"),
        ({"folds": 4, "repaets": 3, "test": 0.2}, {}, "did you mean 'repeats'"),
        ({"folds": 50, "group": "who", "test": 0.2}, {}, "40 groups, where a split into 50 folds"),
        ({"folds": 3, "time": "day", "gap": 60, "test": 0.2}, {}, "gap of 60 rows leaves fold 0 nothing"),
    ]
    for split, model, says in wrong:
        with pytest.raises(RequestError, match=says) as caught:
            run(table, split, model=model)
        assert "\n" not in str(caught.value)
        assert not (table.parent / "runs" / "s").exists()


def test_a_nested_search_scores_the_procedure(table: Path) -> None:
    result = run(table, {"folds": 3, "nested": 3, "test": 0.2}, search={"trials": 2})
    notes = events(result)
    assert [note["fold"] for note in notes["procedure.scored"]] == [0, 1, 2]
    assert sum(note["judged"] for note in notes["procedure.scored"]) == 128
    assert result.procedure is not None
    assert result.procedure.value == pytest.approx(np.mean([note["value"] for note in notes["procedure.scored"]]))
    assert result.procedure.low is not None
    assert result.procedure.low < result.procedure.value
    assert "procedure" in result.procedure.estimand
    for k, note in enumerate(notes["procedure.scored"]):
        inner = open_book(find_run(result.folder / "nested", f"outer-{k}"))
        assert inner.head.hash == note["log"]["hash"]
        assert len(inner.state.trials) == 2
        assert "test" not in inner.state.notes["data.split"][0]["roles"]
        held = set(pl.read_ipc(result.folder / "nested" / f"outer-{k}.arrow")["z"].to_list())
        assert len(held) == note["learned"]
    test = set(pl.read_ipc(result.folder / "sealed" / "test.arrow")["z"].to_list())
    assert not held & test
    again = run(table, {"folds": 3, "nested": 3, "test": 0.2}, search={"trials": 2})
    assert again == result
    run_folder = find_run(result.folder.parent, "s")
    book = open_book(run_folder)
    ready = reopen_study(recorded_plan(book), run_folder, book)
    assert shape_of(ready).fits == 2 * 3 * 4
    assert fits_in_words(shape_of(ready)).endswith("× 4 searches, one of them on all rows")
    ready.close()
    said = [block.text for block in search_section(book.state).blocks if isinstance(block, Paragraph)]
    assert any(text.startswith(f"The procedure scores {number(result.procedure.value)} [") for text in said)
    assert "procedure" in score_table(result)


@pytest.mark.parametrize("metric", ["r2", "rmse"])
def test_metrics_of_numbers_are_of_all_outer_folds_together(table: Path, metric: str) -> None:
    pl.read_csv(table).with_columns(y=pl.col("x") + 0.3 * pl.col("z")).write_csv(table)
    split = {"folds": 2, "nested": 8, "test": 0.2}
    columns = {"day": "drop", "who": "drop"}
    result = run(table, split, search={"trials": 1}, metric={"name": metric}, data={"columns": columns})
    found, notes = result.procedure, events(result)["procedure.scored"]
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    mean = float(np.mean([note["value"] for note in notes]))
    book = open_book(find_run(result.folder.parent, "s"))
    said = [array_from_bytes(book.log.get(note["predicted"]["blob"])) for note in notes]
    ready = reopen_study(recorded_plan(book), find_run(result.folder.parent, "s"), book)
    frame = pl.read_ipc(result.folder / "data" / "train.arrow").sort("__row__")
    pairs = outer_pairs(ready.recipe.schema, frame, ready.split)
    ready.close()
    y = np.concatenate([frame["y"].cast(pl.Float64).to_numpy()[judge] for _, judge in pairs])
    off = float(((y - np.concatenate(said)) ** 2).mean())
    assert found.value == pytest.approx(off**0.5 if metric == "rmse" else 1 - off / y.var())
    assert abs(found.value - mean) > 1e-6
    assert found.low < found.value < found.high
    assert found.method.endswith(f"of all outer folds together, whose mean is {mean:.4g}")


@pytest.mark.parametrize(
    ("by", "data"),
    [
        ({"group": "who"}, {"drop": ["leak", "note", "day"], "columns": {}}),
        ({"time": "day"}, {"columns": {"leak": "drop", "note": "drop", "who": "drop"}}),
    ],
)
def test_a_nested_search_sees_the_features_of_the_plan_only(
    table: Path, by: dict[str, str], data: dict[str, Any]
) -> None:
    frame = pl.read_csv(table)
    leaky = frame.with_columns(leak=(frame["y"] == "yes").cast(pl.Int64), note=pl.Series(map(str, range(ROWS))) + "th")
    leaky.write_csv(table)
    result = run(table, {"folds": 2, "nested": 2, "test": 0.2, **by}, search={"trials": 1}, data=data)
    assert result.procedure is not None
    for k in range(2):
        inner = open_book(find_run(result.folder / "nested", f"outer-{k}"))
        schema = Schema.from_json(inner.state.notes["data.split"][0]["schema"])
        assert [column.name for column in schema.features] == ["x", "z"]
        written = pl.read_ipc(result.folder / "nested" / f"outer-{k}.arrow")
        assert written.columns == ["x", "z", *by.values(), "y"]


@pytest.mark.parametrize(
    ("metric", "by", "n"),
    [
        ("accuracy", {}, 128),
        ("accuracy", {"group": "who"}, 32),
        ("accuracy", {"time": "day"}, None),
        ("f1", {}, "rarest"),
        ("roc_auc", {}, "rarest"),
        ("roc_auc", {"time": "day"}, None),
    ],
)
def test_equal_scores_of_outer_folds_give_no_interval_without_width(
    table: Path, metric: str, by: dict[str, str], n: int | str | None
) -> None:
    pl.read_csv(table).with_columns(x=pl.when(pl.col("y") == "yes").then(9.0).otherwise(-9.0)).write_csv(table)
    split = {"folds": 2, "nested": 2, "test": 0.2, **by}
    unused = {name: "drop" for name in ("z", "day", "who") if name not in by.values()}
    found = run(table, split, search={"trials": 1}, metric={"name": metric}, data={"columns": unused}).procedure
    assert found is not None
    assert found.value == 1
    if n == "rarest":  # of the 128 rows that are judged
        judged = pl.concat(pl.read_ipc(table.parent / "runs" / "s" / "nested" / f"outer-{k}.arrow") for k in range(2))
        n = min(judged.filter(pl.col("y") == name).height for name in ("yes", "no"))
    assert (found.low, found.high) == ((None, None) if n is None else pytest.approx(clopper_pearson(int(n), int(n))))
    said = open_book(find_run(table.parent / "runs", "s")).state.notes["procedure.estimated"][0]["sentences"]
    assert any("says nothing of how much such scores vary" in text for text in said)


def test_a_nested_search_of_clusters_does_not_see_the_target_of_the_source(tmp_path: Path) -> None:
    plan = {
        "study": {"name": "s"},
        "data": {"source": "sklearn:iris", "split": {"folds": 2, "nested": 2, "test": 0.2}},
        "model": {"family": "kmeans"},
        "search": {"trials": 1},
    }
    result = tune(plan, runs=tmp_path / "runs", executor=Inline())
    assert "target" not in pl.read_ipc(result.folder / "nested" / "outer-0.arrow").columns


@pytest.mark.parametrize("broken", [0, 2])
def test_a_nested_search_goes_on_where_it_was_interrupted(
    table: Path, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    split = {"validation": 0.25, "nested": 3, "test": 0.2}
    whole = run(table, split, search={"trials": 2}, study={"name": "whole"})
    calls: list[Any] = []

    def interrupted(ready: Any) -> Any:
        calls.append(ready)
        if len(calls) == broken + 1:
            raise KeyboardInterrupt
        return ship(ready)

    monkeypatch.setattr("holdfast.protocol.nested.ship", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(table, split, search={"trials": 2})
    result = run(table, split, search={"trials": 2})
    assert len(calls) == 4
    assert result.procedure == whole.procedure


def test_a_search_that_fails_in_an_outer_fold_costs_the_score_of_the_procedure_only(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(ready: Any) -> Any:
        raise HoldfastError(f"no trial of {ready.run.name} has a score")

    monkeypatch.setattr("holdfast.protocol.nested.ship", failing)
    split = {"validation": 0.25, "nested": 2, "test": 0.2}
    result = run(table, split, search={"trials": 2})
    assert result.procedure is None
    assert "outer fold 0: no trial of outer-0 has a score" in result.missing
    assert result.test is not None
    assert run(table, split, search={"trials": 2}) == result
    book = open_book(find_run(result.folder.parent, "s"))
    said = [block.text for block in search_section(book.state).blocks if isinstance(block, Paragraph)]
    assert "The procedure has no score: outer fold 0: no trial of outer-0 has a score." in said


def test_a_nested_search_that_cannot_be_is_refused_before_anything_runs(table: Path) -> None:
    wrong: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"folds": 3, "nested": 1}, {}, "nested = 1; it needs at least 2"),
        ({"folds": 3, "nested": 3}, {"hours": 1.0}, "limits hours"),
        (
            {"folds": 30, "nested": 2, "group": "who", "test": 0.1},
            {},
            "in outer fold 0 of nested = 2, the group column",
        ),
    ]
    for split, budget, says in wrong:
        with pytest.raises(RequestError, match=says):
            run(table, split, budget=budget)
        assert not (table.parent / "runs" / "s").exists()
