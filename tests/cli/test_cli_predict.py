"""predict: new rows in, predictions out, and a sentence for every table that will not do."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression

import holdfast
from holdfast.cli.predict import in_json, predictions_table, probabilities
from holdfast.data.columns import infer_schema
from holdfast.errors import RequestError
from holdfast.execute.inline import Inline
from holdfast.train.storage import LoadedModel

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rows() -> pl.DataFrame:
    table = load_breast_cancer()
    return pl.DataFrame({str(name): table.data[:, i] for i, name in enumerate(table.feature_names)})


def predictions(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_predictions_are_those_of_the_model(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.write_csv("new.csv")
    answer = call("predict", "bc", "new.csv")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = [int(row["prediction"]) for row in predictions(answer.stdout)]
    model = holdfast.load_result("bc").model
    assert found == model.predict(rows).tolist()
    assert np.mean(np.array(found) == load_breast_cancer().target) > 0.9


def test_every_format_gives_the_same(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.write_csv("new.csv")
    rows.write_csv("new.tsv", separator="\t")
    rows.write_parquet("new.parquet")
    rows.write_ipc("new.arrow")
    answers = [call("predict", "bc", f"new.{ending}").stdout for ending in ("csv", "tsv", "parquet", "arrow")]
    assert answers[0].startswith("prediction\n")
    assert len(set(answers)) == 1


def test_probabilities_sum_to_one_and_lead_to_the_prediction(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(50).write_csv("new.csv")
    found = predictions(call("predict", "bc", "new.csv", "--proba").stdout)
    for row in found:
        shares = [float(row["probability.0"]), float(row["probability.1"])]
        assert sum(shares) == pytest.approx(1.0)
        assert int(row["prediction"]) == int(np.argmax(shares))


def test_the_same_as_one_json_document(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(5).write_csv("new.csv")
    answer = call("predict", "bc", "new.csv", "--proba", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    table = predictions(call("predict", "bc", "new.csv", "--proba").stdout)
    assert list(found) == ["study", "predictions"]
    assert found["predictions"] == [{name: json.loads(text) for name, text in row.items()} for row in table]
    refused = call("predict", "bc", "new.csv", "--json", "--out", "here.csv")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--json prints the predictions, and --out writes them as .csv" in refused.stderr


def test_a_number_that_json_does_not_have_is_null() -> None:
    table = pl.DataFrame({"prediction": [0.5, float("nan"), float("inf")]})
    assert [row["prediction"] for row in in_json(table)] == [0.5, None, None]


def test_other_columns_and_their_order_do_not_matter(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(9).write_csv("new.csv")
    shuffled = rows.head(9).select(*reversed(rows.columns)).with_columns(pl.lit("x").alias("remark"))
    shuffled.write_csv("shuffled.csv")
    assert call("predict", "bc", "new.csv").stdout == call("predict", "bc", "shuffled.csv").stdout


def test_out_writes_a_file_and_says_so_on_stderr(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(3).write_csv("new.csv")
    answer = call("predict", "bc", "new.csv", "--out", "made/here.csv")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr == "wrote 3 predictions to made/here.csv\n"
    assert len(Path("made/here.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "new.csv is empty; a table with a header and rows is needed"),
        ("a,b\n", "new.csv has a header but no rows; at least one row is needed"),
        ("a,b\n1\n", "line 2 of new.csv has 1 value where the header names 2 columns"),
        ("a,b\n1,2\n", "new.csv: the table lacks columns 'mean radius', 'mean texture'"),
        ("a,a\n1,2\n", "columns 1 and 2 of new.csv are both called 'a'"),
        ('a,b\n"1,2\n', "line 2 of new.csv opens a double quote that is never closed"),
    ],
)
def test_a_table_that_will_not_do_is_one_sentence(call: Call, finished: Path, content: str, sentence: str) -> None:
    Path("new.csv").write_text(content)
    answer = call("predict", "bc", "new.csv")
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"holdfast: {sentence}")
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""


def test_a_value_that_is_no_number_is_named_with_its_place(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(3).cast({"mean area": pl.String}).with_columns(pl.lit("wide").alias("mean area")).write_csv("new.csv")
    answer = call("predict", "bc", "new.csv")
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        "holdfast: new.csv: column 'mean area' holds 'wide' in row 1, which is not a number; correct the value"
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nope.csv", "there is no file 'nope.csv'"),
        ("new.xlsx", "'new.xlsx' is no table that can be read; it may end in .csv"),
        ("sklearn:iris", "'sklearn:iris' is no table that can be read"),
        (".", "the source '.' is a folder"),
    ],
)
def test_what_is_no_table_is_refused(call: Call, finished: Path, name: str, sentence: str) -> None:
    answer = call("predict", "bc", name)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"holdfast: {sentence}")


def test_a_model_whose_file_was_changed_is_not_used(call: Call, finished: Path, rows: pl.DataFrame) -> None:
    rows.head(3).write_csv("new.csv")
    with Path("runs/bc/model/config.json").open("a") as file:
        file.write(" ")
    answer = call("predict", "bc", "new.csv")
    assert answer.returncode == 1
    assert answer.stderr.startswith("holdfast: runs/bc/model/config.json was changed")


def test_a_type_of_ones_own_has_to_be_trusted(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuned here and used from another folder, so that its module is found by the plan's."""
    monkeypatch.chdir(tmp_path)
    Path("my_own_model.py").write_text(
        "from sklearn.neighbors import KNeighborsClassifier\nclass Mine(KNeighborsClassifier):\n    pass\n"
    )
    plan = {
        "study": {"name": "own"},
        "data": {"source": "sklearn:iris"},
        "model": {"family": "my_own_model:Mine"},
        "space": {"n_neighbors": {"type": "int", "low": 1, "high": 9}},
        "search": {"strategy": "random", "trials": 2},
    }
    holdfast.tune(plan, executor=Inline())
    table = pl.DataFrame({name: [5.0] for name in ("sepal length (cm)", "sepal width (cm)")})
    table.with_columns(pl.lit(1.0).alias("petal length (cm)"), pl.lit(1.0).alias("petal width (cm)")).write_csv(
        "new.csv"
    )
    answer = call("predict", "own", "new.csv")
    assert answer.returncode == 2
    assert "would build my_own_model.Mine" in answer.stderr
    assert "add --trust with that name" in answer.stderr
    answer = call("predict", "own", "new.csv", "--trust", "my_own_model.Mine")
    assert (answer.returncode, answer.stdout) == (0, "prediction\n0\n"), answer.stderr


def test_numbers_and_clusters_are_predicted_as_they_are_and_have_no_probabilities() -> None:
    table = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0] * 5, "y": [0.5, 1.5, 2.5, 3.5] * 5})
    x = table["x"].to_numpy().reshape(-1, 1)
    for schema, model, expected in (
        (infer_schema(table, "y"), LinearRegression().fit(x, table["y"].to_numpy()), [0.5, 3.5]),
        (infer_schema(table.drop("y"), None), KMeans(2, random_state=0, n_init=1).fit(x), None),
    ):
        loaded = LoadedModel(model, Plain(), {"study": "a"})
        new = pl.DataFrame({"x": [0.0, 3.0]})
        found = predictions_table(loaded, schema, new, proba=False)["prediction"].to_list()
        if expected is None:
            assert sorted(found) == [0, 1]
            assert all(isinstance(value, int) for value in found)
        else:
            assert found == pytest.approx(expected)
        with pytest.raises(RequestError, match=f"--proba needs classes, and the task of study 'a' is {schema.task}"):
            predictions_table(loaded, schema, new, proba=True)


def test_a_class_that_a_model_has_not_seen_has_probability_zero() -> None:
    columns = probabilities(np.array([[0.25, 0.75]]), np.array([0, 2]), ("a", "b", "c"))
    assert {column.name: column.to_list() for column in columns} == {
        "probability.a": [0.25],
        "probability.b": [0.0],
        "probability.c": [0.75],
    }


class Plain:
    """A preprocessor that hands numbers over."""

    def transform(self, features: pl.DataFrame) -> np.ndarray:
        return features.to_numpy()
