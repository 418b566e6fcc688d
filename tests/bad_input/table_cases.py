"""Tables that cannot serve, and splits that cannot be drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from tests.bad_input.bench import COLOURS, HEADER, PLAN, ROWS, TABLE, Case, changed, plan, table
else:
    from bench import COLOURS, HEADER, PLAN, ROWS, TABLE, Case, changed, plan, table


def source(what: str, name: str, content: str | bytes | None = None, shown: str = "") -> Case:
    """A plan on another file."""
    files: dict[str, str | bytes | None] = {"plan.toml": changed(source=f'"{name}"')}
    return Case(what, shown or f'source = "{name}"', files if content is None else {**files, name: content})


def column(what: str, name: str, values: list[str], keep: str = HEADER, **changes: str) -> Case:
    """The table with a column more, or with another one in the place of one it has."""
    names = HEADER.split(",")
    place = names.index(name) if name in names else len(names)
    names[place:] = [name, *names[place + 1 :]]
    lines = [",".join(names)]
    for row, value in zip(ROWS, values, strict=True):
        cells = row.split(",")
        cells[place:] = [value, *cells[place + 1 :]]
        lines.append(",".join(cells))
    shown = f"{name}\n{values[0]}\n{values[1]}\n..."
    return table(what, "\n".join(lines) + "\n", shown, **changes)


def parquet(**columns: Any) -> bytes:
    """The bytes of a Parquet file."""
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def data(what: str, line: str, content: str = TABLE) -> Case:
    """A plan with one line more in [data]."""
    return Case(what, line, {"plan.toml": PLAN.replace('target = "y"', f'target = "y"\n{line}'), "table.csv": content})


Y = [row.rpartition(",")[2] for row in ROWS]

NUMBERED = "\n".join([f"row,{HEADER}", *(f"{i},{row}" for i, row in enumerate(ROWS, start=1))]) + "\n"
"""The table with its rows numbered."""

FILES = [
    source("no such file", "tabel.csv"),
    source("no such folder", "data/table.csv"),
    Case("a folder", 'source = "old.csv"', {"plan.toml": changed(source='"old.csv"'), "old.csv/table.csv": TABLE}),
    source("an ending that is not read", "table.xlsx", b"PK\x03\x04"),
    source("no ending", "table"),
    source("an empty path", ""),
    source("an address in the web", "https://example.org/table.csv"),
    source("an unknown table of scikit-learn's", "sklearn:irsi"),
    table("an empty file", ""),
    table("blank lines only", "\n\n\n", "\\n\\n\\n"),
    table("a header without rows", f"{HEADER}\n", HEADER),
    table("a row with too few values", TABLE.replace("4.5,6,green,yes", "4.5,6,green"), "4.5,6,green"),
    table("a row with too many values", TABLE.replace("4.5,6,", "4,5,6,"), "4,5,6,green,yes"),
    table("the same column twice", TABLE.replace(HEADER, "x1,x1,colour,y"), "x1,x1,colour,y"),
    table("a column without a name", TABLE.replace(HEADER, "x1,,colour,y"), "x1,,colour,y"),
    table("a table without a header", "\n".join(ROWS), ROWS[0]),
    table("a quote that is not closed", TABLE.replace("green", '"green', 1), '1.5,7,"green,yes'),
    table("saved as Windows-1252", TABLE.replace("green", "grün").encode("cp1252"), "grün"),
    table("saved as UTF-16", TABLE.encode("utf-16")),
    table("a zero byte", TABLE.replace("green", "gre\0n", 1), "gre\\0n"),
    table(
        "semicolons, and commas in the header",
        TABLE.replace(",", ";").replace("x1;x2", '"x1,a";x2'),
        '"x1,a";x2;colour;y',
    ),
    source("a Parquet file that is none", "table.parquet", TABLE),
    source("a Parquet file that is cut off", "table.parquet", parquet(x=[1, 2, 3], y=[0, 1, 0])[:-20]),
    source("an Arrow file that is none", "table.arrow", TABLE),
    source("a Parquet file without rows", "table.parquet", parquet(x=[], y=[])),
    source("a Parquet file without columns", "table.parquet", parquet()),
    source("a column of lists", "table.parquet", parquet(x=[[1, 2]] * 20, y=[0, 1] * 10)),
]

COLUMNS = [
    column("an infinite value", "x2", ["inf", *map(str, range(39))]),
    column("numbers with decimal commas", "x2", [f'"{i},5"' for i in range(40)]),
    column("numbers with a few misfits", "x2", [*map(str, range(37)), "none", "?", "n.a."]),
    column(
        "dates in two formats", "day", [f"2026-01-{i + 1:02}" if i < 30 else f"{i - 29}.02.2026" for i in range(40)]
    ),
    column("texts that are all different", "id", [f"K-{i:04}" for i in range(40)]),
    column("a name that holdfast keeps for itself", "__row__", [str(i % 5) for i in range(40)]),
    table("no column that is a feature", "y\n" + "\n".join(Y) + "\n", "y\nyes\n..."),
    table("features that are all alike", "x,y\n" + "\n".join(f"1,{y}" for y in Y) + "\n", "x,y\n1,yes\n..."),
    data("an unknown column to drop", 'drop = ["x3"]'),
    data("an unknown column with a kind", 'columns = { color = "categorical" }'),
    data("an unknown kind", 'columns = { colour = "category" }'),
    data("a kind that the values are not", 'columns = { colour = "numeric" }'),
    data("a date that is none", 'columns = { colour = "date" }'),
    data("an unknown sensitive column", 'sensitive = ["gender"]'),
    data("every column dropped", 'drop = ["x1", "x2", "colour"]'),
    data("a row number in a strict plan", "strict = true", NUMBERED),
    data("an unknown finding that is accepted", 'accept = ["identifier"]'),
    data("a finding accepted of an unknown column", 'accept = ["dates:birthday"]'),
]

TARGET = [
    plan("no target", 'target = "y"\n', ""),
    plan("a target that is not there", 'target = "y"', 'target = "Y_"'),
    plan("a target that is like none", 'target = "y"', 'target = "price"'),
    column("a target without a value", "y", [""] * 40),
    column("a target of one class", "y", ["yes"] * 40),
    column("a target of one number", "y", ["3.5"] * 40),
    column("an infinite target", "y", ["inf", *map(str, range(39))]),
    column("a target of texts that are all different", "y", [f"person {i}" for i in range(40)]),
    column("as many classes as half the rows", "y", [f"c{i // 2}" for i in range(40)]),
    column("a class with one row", "y", ["rare", *Y[1:]]),
    data("text where regression needs numbers", 'task = "regression"'),
    data("three classes where two are due", 'task = "binary"', TABLE.replace("3.5,10,red,no", "3.5,10,red,perhaps")),
    data("an unknown task", 'task = "classify"'),
    data("a target for clustering", 'task = "clustering"'),
    data("a target that is dropped", 'drop = ["y"]'),
]


def split(what: str, shares: str, content: str = TABLE) -> Case:
    """A plan with another split."""
    return data(what, f"split = {{ {shares} }}", content)


def head(rows: int) -> str:
    """The first rows of the table."""
    return "\n".join([HEADER, *ROWS[:rows]]) + "\n"


def dated(days: list[str]) -> str:
    """The table with a column of days."""
    return "\n".join([f"day,{HEADER}", *(f"{day},{row}" for day, row in zip(days, ROWS, strict=True))]) + "\n"


SPLIT = [
    split("shares that do not add up", "train = 0.6, validation = 0.2, test = 0.3"),
    split("shares in percent", "train = 60, validation = 20, test = 20"),
    split("a negative share", "train = 1.2, validation = -0.2, test = 0.0"),
    split("a share that is no number", "train = nan, validation = 0.2, test = 0.2"),
    split("a share in words", 'train = "most", test = 0.2'),
    split("nothing to train on", "train = 0.0, validation = 0.8, test = 0.2"),
    split("nothing to validate on", "train = 0.8, validation = 0.0, test = 0.2"),
    split("an unknown key", "train = 0.6, valid = 0.2, test = 0.2"),
    split("one fold", "folds = 1, test = 0.2"),
    split("half a fold", "folds = 2.5, test = 0.2"),
    split("folds and a validation share", "folds = 5, validation = 0.2, test = 0.2"),
    split("a billion folds", "folds = 1000000000, test = 0.2"),
    split("a class with fewer rows than folds", "folds = 15, test = 0.2", head(24)),
    split("fewer rows than roles", "train = 0.4, validation = 0.2, select = 0.2, test = 0.2", head(3)),
    split("an unknown group", 'train = 0.6, validation = 0.2, test = 0.2, group = "color"'),
    split("a group that is the target", 'train = 0.6, validation = 0.2, test = 0.2, group = "y"'),
    split("fewer groups than roles", 'folds = 4, test = 0.2, group = "colour"'),
    split("one group to judge by", 'train = 0.6, validation = 0.2, test = 0.2, group = "colour"'),
    split("one row to judge by", "train = 0.8, validation = 0.1, test = 0.1, stratify = false", head(10)),
    split("a row without a group", 'folds = 2, test = 0.2, group = "colour"', TABLE.replace("green", "", 1)),
    split("an unknown time", 'train = 0.6, validation = 0.2, test = 0.2, time = "x3"'),
    split("times that cannot be read", 'train = 0.6, validation = 0.2, test = 0.2, time = "colour"'),
    split("times with a misfit", 'train = 0.6, test = 0.2, time = "day"', dated(["soon", *["2026-01-31"] * 39])),
    split(
        "fewer times than roles", 'train = 0.6, test = 0.2, time = "day"', dated(["2026-01-30", *["2026-01-31"] * 39])
    ),
    split(
        "a class that comes later only",
        'train = 0.6, test = 0.2, time = "x1"',
        "\n".join([HEADER, *(f"{i},1,{COLOURS[i % 3]},{'no' if i < 30 else 'yes'}" for i in range(40))]),
    ),
    split("repeats without folds", "repeats = 3, test = 0.2"),
    split("no repeats", "folds = 2, repeats = 0, test = 0.2"),
    split("a billion repeats", "folds = 2, repeats = 1000000000, test = 0.2"),
    split("repeats by time", 'folds = 2, repeats = 3, test = 0.2, time = "x1"'),
    split("a gap without a time", "folds = 2, gap = 3, test = 0.2"),
    split("a gap that is no duration", 'folds = 2, gap = "7 dyas", test = 0.2, time = "x1"'),
    split("a gap in days between numbers", 'folds = 2, gap = "7 days", test = 0.2, time = "x1"'),
    split("a gap that leaves nothing", 'folds = 2, gap = 1000000000, test = 0.2, time = "x1"'),
    split("a window without folds", 'validation = 0.2, window = 3, test = 0.2, time = "x1"'),
    split("a window as a share", 'folds = 2, window = 0.5, test = 0.2, time = "x1"'),
    split("folds and validation rows anew", "folds = 2, reshuffle = true, test = 0.2"),
    split("one outer fold", "folds = 2, nested = 1, test = 0.2"),
    split("a billion outer folds", "folds = 2, nested = 1000000000, test = 0.2"),
    split("an outer fold that leaves too little", "folds = 12, nested = 2, test = 0.2"),
    split("a split by group and by time", 'folds = 2, test = 0.2, group = "colour", time = "x1"'),
    split("classes by time", 'train = 0.6, test = 0.2, time = "x1", stratify = true'),
    Case(
        "classes of a regression",
        "stratify = true",
        {
            "plan.toml": PLAN.replace(
                'target = "y"', 'target = "x1"\nsplit = { train = 0.6, test = 0.2, stratify = true }'
            )
        },
    ),
    Case(
        "a scored model with folds",
        'ship = "scored"',
        {
            "plan.toml": PLAN.replace('family = "knn"', 'family = "knn"\nship = "scored"').replace(
                'target = "y"', 'target = "y"\nsplit = { folds = 2, test = 0.2 }'
            )
        },
    ),
]
