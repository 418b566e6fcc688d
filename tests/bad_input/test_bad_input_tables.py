"""A thousand tables with a mistake or a few: each is divided among the roles, or refused in one sentence."""

from __future__ import annotations

import datetime as dt
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.data.columns import infer_schema
from holdfast.data.features import encode_target, has_target, to_features
from holdfast.data.leakage.check import find_leakage
from holdfast.data.roles import SplitPlan, assign_roles
from holdfast.data.seal import write_roles
from holdfast.data.source import load_source
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from tests.bad_input.bench import TABLE
    from tests.bad_input.mutations import mutated
else:
    from bench import TABLE
    from mutations import mutated

FRAME = pl.read_csv(io.StringIO(TABLE))


def binary(name: str, frame: pl.DataFrame = FRAME) -> bytes:
    """The table as a Parquet file, an Arrow file, or a stream of Arrow."""
    buffer = io.BytesIO()
    match name:
        case "table.parquet":
            frame.write_parquet(buffer)
        case "table.arrow":
            frame.write_ipc(buffer)
        case _:
            frame.write_ipc_stream(buffer)
    return buffer.getvalue()


CELLS = st.one_of(
    st.sampled_from(["", "NA", "?", "nan", "inf", "-inf", "1e999", "1" * 400, "0x1F", "1,5", "1.234,5", "٣", "−3"]),
    st.sampled_from(["2026-01-31", "31.01.2026", "2026-02-30", "2026-01-31T25:00", "12:30", "true", "False", "01"]),
    st.sampled_from(['"', '""', '"a', 'a"b', "\t", "\\", "\r", "\0", "\ufeff", "é", "🙂", "y", "__row__", "__fold__"]),
    st.text(max_size=4),
)
"""What may stand in a cell."""


@st.composite
def delimited(draw: st.DrawFn) -> bytes:
    """A CSV file with one to four mutations of its cells, columns and lines, its separator and its encoding."""
    rows = [line.split(",") for line in TABLE.splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, 3))
        match draw(st.sampled_from(["cell", "header", "column", "lose", "ragged", "few"])):
            case "cell" if column < len(rows[row]):
                rows[row][column] = draw(CELLS)
            case "header" if column < len(rows[0]):
                rows[0][column] = draw(CELLS)
            case "column":
                values = draw(st.lists(CELLS, min_size=1, max_size=3))
                rows[1:] = [
                    [*cells[:column], values[i % len(values)], *cells[column + 1 :]] for i, cells in enumerate(rows[1:])
                ]
            case "lose":
                rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
            case "ragged":
                rows[row] = rows[row][: draw(st.integers(0, 3))]
            case "few":
                rows = rows[: draw(st.integers(1, 6))]
            case _:
                pass
    separator = draw(st.sampled_from([",", ",", ",", ";", "\t", "|", " "]))
    text = "\n".join(separator.join(cells) for cells in rows)
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"]))
    return text.encode(encoding, errors="replace")


COLUMNS = {
    "bytes": pl.Series([b"a", b"\xff"] * 20),
    "lists": pl.Series([[1], [2, 3]] * 20),
    "tables": pl.Series([{"a": 1}, {"a": None}] * 20),
    "times": pl.Series([dt.time(12, 30)] * 40),
    "spans": pl.Series([dt.timedelta(days=1), None] * 20),
    "days": pl.Series([dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 20),
    "zones": pl.Series([dt.datetime(2026, 1, 31, tzinfo=dt.UTC)] * 40),
    "whole": pl.Series([2**63, 2**64 - 1] * 20, dtype=pl.UInt64),
    "small": pl.Series([-128, 127] * 20, dtype=pl.Int8),
    "money": pl.Series(["1.50", "-99999999.99"] * 20).cast(pl.Decimal(10, 2)),
    "kinds": pl.Series(["a", "b"] * 20, dtype=pl.Categorical),
    "empty": pl.Series([None] * 40),
    "holes": pl.Series([None, float("nan"), float("inf"), 1.0] * 10),
    "words": pl.Series(["true", "1", "", "no"] * 10),
}
"""Columns of every type that a file may hold."""


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name and the bytes of a file that is a table, or nearly."""
    match draw(st.sampled_from(["csv", "csv", "bytes", "binary", "types"])):
        case "csv":
            return draw(st.sampled_from(["table.csv", "table.csv", "table.tsv"])), draw(delimited())
        case "bytes":
            return "table.csv", draw(mutated(TABLE.encode()))
        case "types":
            frame = FRAME
            for name in draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3, unique=True)):
                column = COLUMNS[name].alias(draw(st.sampled_from([name, "y", "x1", "__row__"])))
                frame = frame.with_columns(column)
            return "table.parquet", binary("table.parquet", frame)
    name = draw(st.sampled_from(["table.parquet", "table.arrow", "table.ipc"]))
    return name, draw(mutated(draw(mutated(binary(name)))))


def divide(name: str, folder: Path, plan: SplitPlan) -> None:
    """What is done with a table before anything is trained on it."""
    frame = load_source(name, base=folder).frame
    schema = infer_schema(frame, "y", group=plan.group, time=plan.time)
    frame = frame.filter(has_target(schema, frame))
    to_features(schema, frame)
    y = encode_target(schema, frame)
    roles = assign_roles(schema, frame, y, plan)
    find_leakage(schema, frame, y, roles)
    write_roles(folder, frame, roles, schema)


PLANS = st.sampled_from([SplitPlan(), SplitPlan(folds=3), SplitPlan(group="colour"), SplitPlan(time="x1")])


@settings(max_examples=200)
@given(files(), PLANS)
def test_a_table_with_mistakes_is_divided_or_refused_in_one_sentence(file: tuple[str, bytes], plan: SplitPlan) -> None:
    check_table(file, plan)


@pytest.mark.long
@settings(max_examples=1000)
@given(files(), PLANS)
def test_many_tables_with_mistakes_are_divided_or_refused(file: tuple[str, bytes], plan: SplitPlan) -> None:
    check_table(file, plan)


def check_table(file: tuple[str, bytes], plan: SplitPlan) -> None:
    """Divide what may be a table: it works, or one sentence says what is wrong and nothing is left behind."""
    name, data = file
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        try:
            divide(name, Path(folder), plan)
        except HoldfastError as exc:
            said = str(exc)
            assert said
            assert not set("\n\r") & set(said)
            assert not list(Path(folder).glob("*/*.arrow"))
