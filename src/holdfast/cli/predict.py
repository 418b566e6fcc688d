"""The command that uses the model: predictions for new rows."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.complete import new_rows
from holdfast.cli.options import RUNS, Json, Name, Runs
from holdfast.cli.output import say, show_bytes, show_json

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.data.columns import Schema
    from holdfast.protocol.folder import RunFolder
    from holdfast.train.storage import LoadedModel

Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="TYPE",
        help="A type of your own that the model's file may build, or your factory of the network, module:function; its "
        "module is imported.",
    ),
]


def predict(
    name: Name,
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW", help="New rows: a .csv, .tsv, .parquet or .arrow file.", autocompletion=new_rows),
    ],
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A .csv file instead of stdout.")] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Add a column with the probability of each class.")] = False,
    trust: Trust = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Predict for new rows with the model that ships.

    There is one line for each row, in their order.

    The table needs the columns that the model was trained on, under the same names; others are ignored.
    """
    from holdfast.data.columns import Schema
    from holdfast.data.features import to_features
    from holdfast.errors import DataError, RequestError
    from holdfast.facts.files import write_atomically
    from holdfast.protocol.folder import find_run

    if out is not None and as_json:
        raise RequestError("--json prints the predictions, and --out writes them as .csv; leave out one of them")
    if out is not None and out.suffix.lower() not in {"", ".csv"}:
        raise RequestError(f"'{out}' ends in '{out.suffix}'; predictions are written as .csv")
    frame = _read(new)
    model = _model(find_run(runs, name), tuple(trust or ()))
    schema = Schema.from_json(model.meta["schema"])
    try:
        features = to_features(schema, frame)
    except DataError as exc:
        raise DataError(f"{new}: {exc}") from exc
    table = predictions_table(model, schema, features, proba=proba)
    if as_json:
        show_json({"study": name, "predictions": in_json(table)})
    elif out is None:
        show_bytes(table.write_csv().encode())
    else:
        write_atomically(out, table.write_csv().encode())
        say(f"wrote {table.height:,} {'prediction' if table.height == 1 else 'predictions'} to {out}")


def _read(path: Path) -> pl.DataFrame:
    """The table in a file; nothing else that a plan may name as its source."""
    from holdfast.data.source import load_source
    from holdfast.data.tables import SUFFIXES
    from holdfast.errors import DataError

    if path.suffix.lower() not in SUFFIXES and not path.is_dir():
        raise DataError(f"'{path}' is no table that can be read; it may end in {', '.join(SUFFIXES)}")
    return load_source(str(path), base=Path()).frame


def _model(run: RunFolder, trust: tuple[str, ...]) -> LoadedModel:
    """The saved model, if its files are those on the record."""
    from holdfast.errors import HoldfastError, RequestError
    from holdfast.protocol.folder import open_book
    from holdfast.protocol.record import changed_files
    from holdfast.train.storage import UntrustedTypeError, load_model

    notes = open_book(run).state.notes
    if "model.fitted" not in notes:
        raise RequestError(f"study '{run.name}' has no model yet; finish it first: {run.command('resume')}")
    fitted = notes["model.fitted"][-1]
    if not fitted["files"]:
        raise RequestError(f"study '{run.name}' has no saved model: {fitted['text']}")
    changed = changed_files(run.path, fitted["files"])
    if changed:
        raise HoldfastError(f"{changed[0]}; it is not used")
    if trust:
        sys.path.insert(0, str(notes["plan.resolved"][-1]["base"]))
    try:
        return load_model(run.model, trust=trust)
    except UntrustedTypeError as exc:
        raise RequestError(f"{exc}; if it is your own, add --trust with that name") from exc


def predictions_table(model: LoadedModel, schema: Schema, features: pl.DataFrame, *, proba: bool) -> pl.DataFrame:
    """The column ``prediction``, and ``probability.CLASS`` for each class."""
    import polars as pl

    from holdfast.data.features import decode_target
    from holdfast.errors import RequestError

    predicted = model.predict(features)
    plain = predicted if schema.task == "clustering" else decode_target(schema, predicted)
    columns = [pl.Series("prediction", plain.tolist())]
    if proba:
        if schema.classes is None:
            raise RequestError(f"--proba needs classes, and the task of study '{model.meta['study']}' is {schema.task}")
        columns += probabilities(model.predict_proba(features), model.classes_, schema.classes)
    return pl.DataFrame(columns)


def in_json(table: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns; None for a number that JSON has none for."""
    rows = table.to_dicts()
    return [{name: None if _is_no_number(value) else value for name, value in row.items()} for row in rows]


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def probabilities(values: np.ndarray, codes: np.ndarray | None, classes: tuple[Any, ...]) -> list[pl.Series]:
    """A column for each class (N, K) that the model knows; 0 for one that it has not seen."""
    import numpy as np
    import polars as pl

    of_code = {int(code): values[:, at] for at, code in enumerate(range(len(classes)) if codes is None else codes)}
    none = np.zeros(len(values))
    return [pl.Series(f"probability.{label}", of_code.get(code, none)) for code, label in enumerate(classes)]
