"""Sources become tables, or one sentence says why not."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.data.source import TOY_TABLES, load_source
from holdfast.data.tables import read_table
from holdfast.errors import DataError

SHAPES = {"breast_cancer": (569, 31), "diabetes": (442, 11), "digits": (1797, 65), "iris": (150, 5), "wine": (178, 14)}


@pytest.mark.parametrize("name", TOY_TABLES)
def test_toy_tables(name: str, tmp_path: Path) -> None:
    source = load_source(f"sklearn:{name}", base=tmp_path)
    assert source.frame.shape == SHAPES[name]
    assert source.default_target == "target"
    assert source.sha256 == load_source(f"sklearn:{name}", base=tmp_path).sha256


def test_an_unknown_toy_table_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'digits'"):
        load_source("sklearn:digit", base=tmp_path)


def test_csv_rules(tmp_path: Path) -> None:
    text = '\ufeffa, b ,c\r\n1, x ,"hello, ""you"""\r\n\r\n?,NA,\r\nnan,null,"two\nlines"\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    source = load_source("t.csv", base=tmp_path)
    assert source.frame.to_dict(as_series=False) == {
        "a": ["1", None, None],
        "b": ["x", None, None],
        "c": ['hello, "you"', None, "two\nlines"],
    }
    assert source.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert source.default_target is None
    assert "3 rows × 3 columns" in source.description


@pytest.mark.parametrize(
    ("suffix", "text"), [(".csv", "a;b\n1,5;2\n"), (".csv", "a\tb\n1,5\t2\n"), (".tsv", "a\tb\n1,5\t2\n")]
)
def test_separators(suffix: str, text: str) -> None:
    frame = read_table(text.encode(), Path(f"t{suffix}"))
    assert frame.to_dict(as_series=False) == {"a": ["1,5"], "b": ["2"]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "blank lines only"),
        (b"a,b\n", "header but no rows"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 .* has 3 values where the header names 2"),
        (b"a,b\n1,2\n1\n", "line 3 .* has 1 value "),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 .* 'a'"),
        (b"a,,c\n1,2,3\n", "column 2 .* has no name"),
        (b"a,b\nx,y\nz,caf\xe9\n", "byte 14, in line 3, is 0xe9; save it as UTF-8"),
        (b"\xff\xfea\x00,\x00", "is UTF-16; save it as UTF-8"),
        (b"a\x00,\x00b\x00\n", "zero byte"),
        (b'a,b\n1,"2\n', "line 2 .* opens a double quote that is never closed"),
        (b'a,b\n1,"2"3\n', "line 2 .* goes on after a closing double quote"),
    ],
)
def test_a_csv_that_is_none(data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_table(data, Path("t.csv"))


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather", ".ipc"])
def test_binary_tables_round_trip_and_broken_ones_are_refused(suffix: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [True, False]})
    path = tmp_path / f"t{suffix}"
    write: Callable[[Path], object] = frame.write_parquet if suffix == ".parquet" else frame.write_ipc
    write(path)
    assert load_source(path.name, base=tmp_path).frame.equals(frame)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"is no (Parquet|Arrow) file, or a damaged one"):
        load_source(path.name, base=tmp_path)
    buffer = io.BytesIO()
    frame.clear().write_parquet(buffer)
    with pytest.raises(DataError, match="no rows"):
        read_table(buffer.getvalue(), Path("t.parquet"))


def test_an_arrow_stream_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    frame.write_ipc_stream(tmp_path / "t.arrow")
    assert load_source("t.arrow", base=tmp_path).frame.equals(frame)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "titanic.csv").write_text("a\n1\n")
    (tmp_path / "folder.csv").mkdir()
    for source, says in [
        ("titanik.csv", "did you mean 'titanic.csv'"),
        ("folder.csv", "is a folder"),
        (".", "is a folder"),
        ("table.xlsx", "nothing that can be read"),
    ]:
        with pytest.raises(DataError, match=says):
            load_source(source, base=tmp_path)


MODULE = '''
import numpy as np
import polars as pl

X = np.arange(6.0).reshape(3, 2)

def frame(): return pl.DataFrame({"a": [1, 2], "b": ["x", None]})
def lazy(): return frame().lazy()
def arrays(): return X, np.array(["u", "v", "u"])
def framed(): return pl.DataFrame({"a": [1, 2]}), [0, 1]
def columns(): return {"a": [1, 2], "b": np.array([1.5, np.nan])}
def matrix(): return X
def ragged(): return {"a": [1, 2], "b": [1]}
def short(): return X, [1]
def clash(): return pl.DataFrame({"target": [1]}), [1]
def nothing(): return None
def empty(): return pl.DataFrame({"a": []})
def objects(): return {"a": [object(), object()]}
def raises(): raise KeyError("no such key")
constant = 3

class Series:
    """Stands in for a column of pandas."""
    def __init__(self, values): self.values = values
    def tolist(self): return list(self.values)
    def isna(self): return [v is None or v != v for v in self.values]

class Frame(dict):
    """Stands in for a frame of pandas."""
    columns = ["a", "b"]
    def isna(self): raise AssertionError("only asked for its existence")

class PandasLike:
    columns = ["a", "b"]
    isna = None
    def __getitem__(self, name): return {"a": Series([1.0, float("nan")]), "b": Series(["x", float("nan")])}[name]

def pandas_like(): return PandasLike()
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where tracebacks are kept
    (tmp_path / "holdfast_test_source_tables.py").write_text(MODULE)
    (tmp_path / "holdfast_test_source_broken.py").write_text("1 / 0")
    (tmp_path / "holdfast_test_source_needy.py").write_text("import holdfast_test_no_such_module")
    return tmp_path


def test_functions_give_tables(folder: Path) -> None:
    def load(name: str) -> pl.DataFrame:
        return load_source(f"holdfast_test_source_tables:{name}", base=folder).frame

    assert load("frame").equals(load("lazy"))
    assert load("arrays").to_dict(as_series=False) == {
        "x0": [0.0, 2.0, 4.0],
        "x1": [1.0, 3.0, 5.0],
        "target": ["u", "v", "u"],
    }
    assert load("framed").columns == ["a", "target"]
    assert load("columns").shape == (2, 2)
    assert load("matrix").columns == ["x0", "x1"]
    assert load("pandas_like").to_dict(as_series=False) == {"a": [1.0, None], "b": ["x", None]}
    assert load_source("holdfast_test_source_tables:arrays", base=folder).default_target == "target"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("holdfast_test_no_such_module:f", "names no module beside the plan"),
        ("holdfast_test_source_broken:f", "cannot be imported: ZeroDivisionError"),
        ("holdfast_test_source_needy:f", "needs 'holdfast_test_no_such_module', which is not installed"),
        ("holdfast_test_source_tables:fram", "did you mean 'frame'"),
        ("holdfast_test_source_tables:constant", "is an int, not a function"),
        ("holdfast_test_source_tables:nothing", "gave nothing"),
        ("holdfast_test_source_tables:ragged", "are not of one length"),
        ("holdfast_test_source_tables:short", "3 rows of X but 1 values of y"),
        ("holdfast_test_source_tables:clash", "rename the column"),
        ("holdfast_test_source_tables:objects", "holds mixed objects"),
        ("holdfast_test_source_tables:empty", "without rows"),
    ],
)
def test_functions_that_give_none(source: str, says: str, folder: Path) -> None:
    with pytest.raises(DataError, match=says):
        load_source(source, base=folder)


def test_what_a_function_raised_is_kept_as_the_cause(folder: Path) -> None:
    with pytest.raises(DataError, match="raised KeyError") as caught:
        load_source("holdfast_test_source_tables:raises", base=folder)
    assert isinstance(caught.value.__cause__, KeyError)


def assert_a_table_or_a_sentence(data: bytes, path: Path) -> None:
    """Reading gives rows and columns, or a `DataError` in one line; any other exception passes on and fails."""
    sentence = ""
    try:
        frame = read_table(data, path)
    except DataError as error:
        sentence = str(error)
    else:
        assert frame.height > 0
        assert frame.width > 0
    assert "\n" not in sentence


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".parquet", ".arrow"]))
def test_random_bytes_give_a_table_or_a_sentence(data: bytes, suffix: str) -> None:
    assert_a_table_or_a_sentence(data, Path(f"t{suffix}"))


@settings(max_examples=150, deadline=None)
@given(
    base=st.lists(
        st.lists(st.sampled_from(["1", "2.5", "x", "", "?", "é", "2024-01-01"]), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    at=st.integers(0, 200),
    insert=st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\xff", b"\x00", b"\xef\xbb\xbf", b";"]),
)
def test_a_damaged_csv_gives_a_table_or_a_sentence(base: list[list[str]], at: int, insert: bytes) -> None:
    data = "\n".join(",".join(row) for row in [["a", "b", "c"], *base]).encode()
    at = min(at, len(data))
    assert_a_table_or_a_sentence(data[:at] + insert + data[at + 1 :], Path("t.csv"))
