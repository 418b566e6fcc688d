"""A plan with weights of rows: they are in the fits and in every score, and 1 or 0 everywhere is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.preprocessing import StandardScaler

from holdfast.cli import main
from holdfast.cli.standing import rows as standing_rows
from holdfast.data.columns import Schema
from holdfast.data.seal import SealRecord, load_role, open_sealed
from holdfast.execute.inline import Inline
from holdfast.facts.log import weight_of
from holdfast.facts.markdown import markdown
from holdfast.govern.card import card_text
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.live import LiveEstimate
from holdfast.protocol.rivals import rivals_of
from holdfast.protocol.tables import rows_of_frame
from holdfast.protocol.tune import Result, tune
from holdfast.records import Trial, TrialState
from holdfast.report.content import document
from holdfast.report.status import status_dict
from holdfast.study.book import Book
from holdfast.train.curves import evenly
from holdfast.train.storage import load_model

HOLDOUT = {"train": 0.6, "validation": 0.2, "test": 0.2}
FOLDS = {"folds": 3, "test": 0.2}
REPEATED = {**FOLDS, "repeats": 2}
GROUPED = {**FOLDS, "group": "who"}
SELECT = {"train": 0.5, "validation": 0.2, "select": 0.15, "test": 0.15}


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Classes and numbers that depend on two of three columns, weights, and groups; no pages are written."""
    monkeypatch.setattr("holdfast.protocol.tune._write_pages", lambda *_: None)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    z = X[:, 0] + 0.5 * X[:, 1] ** 2 + rng.normal(size=200)
    columns = {name: X[:, place] for place, name in enumerate("abc")}
    return pl.DataFrame(
        {**columns, "w": rng.lognormal(0, 1, size=200), "y": np.where(z > 0, "yes", "no"), "z": z}
    ).with_columns(one=pl.lit(3.0), who=pl.Series(np.arange(200) // 4))


def run(
    frame: pl.DataFrame,
    folder: Path,
    weight: str | None = "w",
    target: str = "y",
    family: str = "logistic",
    split: dict[str, Any] = HOLDOUT,
    **tables: Any,
) -> Result:
    """Tune on a table of its own, in a store of its own."""
    folder.mkdir(exist_ok=True)
    frame.write_csv(folder / "table.csv")
    kept = {target, weight, split.get("group")}
    data: dict[str, Any] = {"source": str(folder / "table.csv"), "target": target, "split": split}
    data["drop"] = [name for name in ("w", "y", "z", "one", "who") if name not in kept]
    if weight is not None:
        data["weight"] = weight
    plan: dict[str, Any] = {"study": {"name": "s"}, "data": data, "model": {"family": family}}
    plan["search"] = {"trials": 3, "strategy": "random", **tables.pop("search", {})}
    return tune({**plan, **tables}, runs=folder / "runs", executor=Inline())


def book_of(result: Result) -> Book:
    return open_book(find_run(result.folder.parent, result.name))


def winner_in(book: Book) -> Trial:
    return book.state.trials[int(book.state.notes["choice.made"][0]["trial"])]


def numbers(result: Result) -> list[Any]:
    """The three scores without their words, and all that the trials came to but seconds."""
    scores = [
        score and (score.value, score.low, score.high, score.n)
        for score in (result.naive, result.estimate, result.test)
    ]
    trials = book_of(result).state.trials
    extras = [{key: value for key, value in trial.extra.items() if key != "seconds"} for trial in trials]
    return [scores, [trial.metrics for trial in trials], extras]


WAYS = [
    ("y", "logistic", None, HOLDOUT),
    ("y", "logistic", "roc_auc", REPEATED),
    ("y", "tree", "log_loss", GROUPED),
    ("z", "ridge", None, FOLDS),
    ("z", "gradient-boosting", "mae", SELECT),
]


@pytest.mark.parametrize(("target", "family", "metric", "split"), WAYS)
def test_weights_that_are_all_alike_change_nothing(
    target: str, family: str, metric: str | None, split: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    more: dict[str, Any] = {} if metric is None else {"metric": {"name": metric}}
    plain = run(frame, tmp_path / "plain", None, target, family, split, **more)
    even = run(frame, tmp_path / "even", "one", target, family, split, **more)
    assert numbers(plain) == numbers(even)
    assert even.estimate is not None
    assert even.estimate.method.endswith("; rows weighted by 'one'")


@pytest.mark.parametrize(("target", "family", "metric", "split"), WAYS)
def test_rows_of_weight_0_change_nothing(
    target: str, family: str, metric: str | None, split: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    more: dict[str, Any] = {} if metric is None else {"metric": {"name": metric}}
    none = frame.with_columns(w=pl.lit(0.0), a=-pl.col("a"))
    bare = run(frame, tmp_path / "bare", "w", target, family, split, **more)
    padded = run(
        pl.concat([none.head(30), frame, none.tail(9)]), tmp_path / "padded", "w", target, family, split, **more
    )
    assert numbers(bare) == numbers(padded)
    assert "39 rows are left out, where the weight 'w' is 0" in book_of(padded).state.notes["data.split"][0]["notes"]


def test_the_unit_of_weights_makes_no_difference(frame: pl.DataFrame, tmp_path: Path) -> None:
    small = run(frame, tmp_path / "small", target="z", family="ridge", split=FOLDS)
    large = run(frame.with_columns(pl.col("w") * 2.0**20), tmp_path / "large", target="z", family="ridge", split=FOLDS)
    assert numbers(small) == numbers(large)


def test_fits_and_scores_are_weighted(frame: pl.DataFrame, tmp_path: Path) -> None:
    """A trial, the reference and the test are computed again from the rows of the run, by scikit-learn alone."""
    constraints = {"log_loss": "<= 2"}
    result = run(
        frame, tmp_path / "a", metric={"name": "accuracy", "constraints": constraints}, space={"penalty": "l2"}
    )
    book = book_of(result)
    schema = Schema.from_json(book.state.notes["data.split"][0]["schema"])
    learn, judge = (rows_of_frame(load_role(result.folder, role), schema) for role in ("train", "validation"))
    assert learn.weights is not None
    assert judge.weights is not None
    assert learn.y is not None
    assert judge.y is not None
    scaler = StandardScaler().fit(learn.features.to_numpy())
    trial = winner_in(book)
    by = trial.config["class_weight"]
    model = LogisticRegression(C=trial.config["C"], class_weight=None if by == "none" else by, max_iter=10_000)
    counts = learn.weights / learn.weights.mean()
    model.fit(scaler.transform(learn.features.to_numpy()), learn.y, sample_weight=counts)
    X = scaler.transform(judge.features.to_numpy())
    said, chances = model.predict(X), model.predict_proba(X)
    assert trial.metrics["accuracy"] == pytest.approx(accuracy_score(judge.y, said, sample_weight=judge.weights))
    assert trial.metrics["log_loss"] == pytest.approx(log_loss(judge.y, chances, sample_weight=judge.weights), rel=1e-4)
    most = np.bincount(learn.y, learn.weights).argmax()
    reference = accuracy_score(judge.y, np.full(len(judge), most), sample_weight=judge.weights)
    assert trial.extra["reference"] == pytest.approx(reference)
    seen = evenly(len(learn), len(judge))
    ours = model.predict(scaler.transform(learn.features.to_numpy()[seen]))
    assert trial.extra["train"] == pytest.approx(accuracy_score(learn.y[seen], ours, sample_weight=counts[seen]))
    rows = book.get_rows(trial.rows or {})
    assert rows.values.mean() == pytest.approx(trial.metrics["accuracy"])
    record = SealRecord.from_json(book.state.notes["data.split"][0]["seal"])
    test, shipped = rows_of_frame(open_sealed(result.folder, record), schema), load_model(result.folder / "model")
    right = shipped.model.predict(shipped.preprocessor.transform(test.features)) == test.y
    assert result.test is not None
    assert result.test.value == pytest.approx(np.average(right, weights=test.weights))
    assert result.test.low is not None
    assert result.test.low < result.test.value


def test_folds_weigh_as_their_rows_do(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = run(frame, tmp_path / "a", split=FOLDS)
    book = book_of(result)
    schema = Schema.from_json(book.state.notes["data.split"][0]["schema"])
    train = rows_of_frame(load_role(result.folder, "train"), schema)
    assert train.weights is not None
    counts = train.weights / train.weights.mean()
    for trial in book.state.trials:
        rows = book.get_rows(trial.rows or {})
        assert rows.rows is not None
        order = np.argsort(rows.rows)
        plain = trial.metrics["accuracy"] + (rows.values[order] - trial.metrics["accuracy"]) / counts
        assert np.isin(plain.round(9), [0, 1]).all()
        assert np.average(plain, weights=train.weights) == pytest.approx(trial.metrics["accuracy"])


@pytest.mark.parametrize(
    ("metric", "split"), [("accuracy", FOLDS), ("roc_auc", FOLDS), ("f1", REPEATED), ("accuracy", SELECT)]
)
def test_the_estimate_is_of_the_weighted_score(
    metric: str, split: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    heavy = frame.with_columns(w=pl.Series(np.random.default_rng(1).lognormal(0, 1.5, size=200)))
    result = run(heavy, tmp_path / "a", split=split, metric={"name": metric}, search={"trials": 8})
    made = book_of(result).state.notes["estimate.made"][0]
    assert result.estimate is not None
    assert result.estimate.low is not None
    assert result.estimate.high is not None
    assert made["naive"] == pytest.approx(result.naive.value)
    assert made["luck"] == pytest.approx(made["naive"] - result.estimate.value)
    assert result.estimate.low <= result.estimate.value <= result.estimate.high
    assert "rows are worth" in result.estimate.method
    assert result.estimate.method.endswith("; rows weighted by 'w'")
    assert any(text.startswith("Rows count by 'w', by which the ") for text in made["sentences"])
    even = run(heavy, tmp_path / "b", None, split=split, metric={"name": metric}, search={"trials": 8})
    assert even.estimate is not None
    assert even.estimate.low is not None
    assert even.estimate.high is not None
    assert result.estimate.high - result.estimate.low > even.estimate.high - even.estimate.low


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_what_looks_at_a_search_weighs_rows(metric: str, frame: pl.DataFrame, tmp_path: Path) -> None:
    result = run(frame, tmp_path / "a", split=FOLDS, metric={"name": metric}, search={"trials": 10})
    place, book = find_run(result.folder.parent, result.name), book_of(result)
    winner = winner_in(book)
    found = rivals_of(place, book, winner)
    assert found is not None
    for rival in found:
        assert rival.behind == pytest.approx(winner.metrics[metric] - rival.trial.metrics[metric], abs=1e-9)
    looked = LiveEstimate(place).of(book, winner)
    assert looked is not None
    assert result.estimate is not None
    assert looked == pytest.approx(result.estimate.value, abs=0.03)


@pytest.mark.parametrize("name", ["max_iter", "rows"])
def test_trials_that_pause_learn_by_weights(name: str, frame: pl.DataFrame, tmp_path: Path) -> None:
    fidelity = {"name": name, "min": 20, "max": 60} if name == "max_iter" else {"name": name}
    result = run(
        frame,
        tmp_path / "a",
        target="z",
        family="gradient-boosting",
        search={"strategy": "asha", "trials": 6, "fidelity": fidelity},
    )
    book = book_of(result)
    assert sum(trial.state is TrialState.COMPLETE for trial in book.state.trials) >= 1
    assert len(book.state.trials) == 6
    assert book.state.notes["model.fitted"][0]["reproduced"], "what grew, or had fewer rows, is one fit by the weights"


def test_a_pipeline_of_ones_own_and_a_metric_with_weights(
    frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weighing_own.py").write_text(
        "import numpy as np\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import PolynomialFeatures\n"
        "def make():\n"
        "    return make_pipeline(PolynomialFeatures(2), Ridge())\n"
        "def cost(y_true, y_pred, sample_weight=None):\n"
        "    return float(np.average(np.abs(y_true - y_pred), weights=sample_weight))\n"
        "cost.greater_is_better = False\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    space = {"ridge__alpha": {"type": "float", "low": 0.01, "high": 100.0, "log": True}}
    ours = run(
        frame, tmp_path / "a", target="z", family="weighing_own:make", space=space, metric={"name": "weighing_own:cost"}
    )
    theirs = run(frame, tmp_path / "b", target="z", family="weighing_own:make", space=space, metric={"name": "mae"})
    values = [[next(iter(t.metrics.values())) for t in book_of(each).state.trials] for each in (ours, theirs)]
    assert values[0] == pytest.approx(values[1])


def test_pages_and_the_terminal_say_by_which_column(
    frame: pl.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(frame, tmp_path / "a")
    book, said = book_of(result), "rows weighted by 'w'"
    assert weight_of(book.state) == "w"
    page, card = markdown(document(book)), card_text(book)
    assert f"Judged by accuracy (higher is better), {said}" in page
    assert f"The scores are accuracy, {said}." in page
    assert "Rows count by their 'w', in the fits and in every score." in page
    assert "kept for slices" not in page
    assert f"Scores are accuracy, {said}; higher is better." in card
    assert "how much a row counts" in card
    assert card.count(said) >= 5, "the front matter, the headline, the scores and their methods"
    assert f"judged by accuracy (higher is better), {said}" in standing_rows(status_dict(book.state))[0][1]
    capfd.readouterr()
    plan = tmp_path / "plan.toml"
    plan.write_text((result.folder / "plan.toml").read_text().replace('name = "s"', 'name = "other"'))
    assert main(["plan", str(plan), "--no-timing", "--runs", str(result.folder.parent)]) == 0
    assert capfd.readouterr().out.splitlines()[0].endswith(f"table.csv, {said}")
    assert main(["best", "s", "--runs", str(result.folder.parent)]) == 0
    assert f"accuracy (higher is better, {said}) of study 's':" in capfd.readouterr().out


def test_predicting_needs_no_weights(frame: pl.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = run(frame, tmp_path / "a")
    frame.select("a", "b", "c").head(7).write_csv(tmp_path / "new.csv")
    capfd.readouterr()
    assert main(["predict", "s", str(tmp_path / "new.csv"), "--runs", str(result.folder.parent)]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 8
