"""From what a plan calls its source to a table: a file, a toy table of scikit-learn's, or a function of the user's."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.fingerprint import row_hashes
from holdfast.data.tables import SUFFIXES, check_names, read_table
from holdfast.errors import DataError, nearest
from holdfast.own import raised

if TYPE_CHECKING:
    import polars as pl

TOY_TABLES = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""The tables that come with scikit-learn and need no download."""

TARGET = "target"
"""The name that the target gets where a source gives it none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table and where it came from.

    ``frame`` holds every row and column of it; ``description`` says what it is in a few words; ``sha256`` (hex) is that
    of the file's bytes, or of the rows' content in their order; ``default_target`` is the target column where the
    source itself knows it.
    """

    frame: pl.DataFrame
    description: str
    sha256: str
    default_target: str | None = None


def load_source(source: str, *, base: Path) -> Source:
    """Load a source.

    Args:
        source: ``sklearn:NAME`` (one of `TOY_TABLES`); the path of a file ending in .csv, .tsv, .parquet, .arrow,
            .feather or .ipc; or ``module:function``, which is imported and called without arguments and gives a
            polars or pandas frame, a pair (X, y) of arrays or frames, or a dict of columns.
        base: the folder that relative paths and modules are looked up in: that of the plan.

    Raises:
        DataError: one sentence on what is wrong with the source or the table in it. What a function of the user's
            raised is kept as the cause.
    """
    if source.startswith("sklearn:"):
        return _toy_table(source)
    path = Path(source)
    if path.suffix.lower() in SUFFIXES and "://" not in source:
        return _file(source, base / path)
    if re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", source):
        return _function(source, base)
    if "://" in source:
        raise DataError(f"the source '{source}' is an address; download it, and name the file")
    if source and (base / path).is_dir():
        raise DataError(f"the source '{source}' is a folder; name a file in it, ending in {', '.join(SUFFIXES)}")
    raise DataError(
        f"the source '{source}' is nothing that can be read: it may be sklearn:NAME, module:function, or a file ending "
        f"in {', '.join(SUFFIXES)}"
    )


def _toy_table(source: str) -> Source:
    """One of scikit-learn's own tables."""
    import polars as pl
    import sklearn.datasets

    name = source.removeprefix("sklearn:")
    if name not in TOY_TABLES:
        raise DataError(f"there is no table '{source}'{nearest(name, TOY_TABLES)}; there are {', '.join(TOY_TABLES)}")
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    columns = {str(column): bunch.data[:, i] for i, column in enumerate(bunch.feature_names)}
    frame = pl.DataFrame({**columns, TARGET: bunch.target})
    return Source(frame, _describe(source, frame), _content_sha256(frame), TARGET)


def _file(source: str, path: Path) -> Source:
    """A table in a file."""
    name = _from_here(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        there = path.parent.is_dir()
        hint = nearest(path.name, [other.name for other in path.parent.iterdir()]) if there else ", nor its folder"
        raise DataError(f"there is no file '{name}'{hint}") from exc
    except IsADirectoryError as exc:
        raise DataError(f"the source '{name}' is a folder; name a file in it") from exc
    except (OSError, ValueError) as exc:
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        raise DataError(f"the file '{name}' cannot be read: {reason}") from exc
    frame = read_table(data, name)
    return Source(frame, _describe(source, frame), hashlib.sha256(data).hexdigest())


def _function(source: str, base: Path) -> Source:
    """What a function of the user's gives."""
    import polars as pl

    module_name, _, name = source.partition(":")
    with _on_path(base):
        try:
            found: Any = importlib.import_module(module_name)
        except (Exception, SystemExit) as exc:
            raise DataError(_not_imported(source, module_name, base, exc)) from exc
        for part in name.split("."):
            if not hasattr(found, part):
                raise DataError(f"module '{module_name}' has no '{name}'{nearest(part, dir(found))}")
            found = getattr(found, part)
        if not callable(found):
            raise DataError(f"the source '{source}' is {_article(found)}, not a function that gives a table")
        try:
            table = found()
        except (Exception, SystemExit) as exc:
            raise DataError(f"the source '{source}' raised {raised(exc, base)}") from exc
    frame, target = to_frame(table, source)
    check_names(frame.columns, f"the table from '{source}'")
    if frame.height == 0:
        raise DataError(f"the source '{source}' gave a table without rows")
    for column, dtype in frame.schema.items():
        if dtype == pl.Object:
            raise DataError(f"column '{column}' from '{source}' holds mixed objects; give numbers, texts or dates")
    return Source(frame, _describe(source, frame), _content_sha256(frame), target)


def _not_imported(source: str, module: str, base: Path, exc: BaseException) -> str:
    """Why the module of a source cannot be imported."""
    if isinstance(exc, ModuleNotFoundError) and exc.name is not None:
        if f"{module}.".startswith(f"{exc.name}."):
            hint = nearest(module, [path.stem for path in base.glob("*.py")])
            return f"the source '{source}' names no module beside the plan or among the installed packages{hint}"
        return f"the module of the source '{source}' needs '{exc.name}', which is not installed"
    return f"the module of the source '{source}' cannot be imported: {raised(exc, base)}"


def _from_here(path: Path) -> Path:
    """The shortest path that leads to a file from the working folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def to_frame(table: Any, source: str) -> tuple[pl.DataFrame, str | None]:
    """A frame from what a function gave, and the name of its target if it gave one apart."""
    import polars as pl

    try:
        if isinstance(table, tuple) and len(table) == 2:
            frame = _columns(table[0], source)
            if TARGET in frame.columns:
                raise DataError(
                    f"the source '{source}' gave a target and a column called '{TARGET}'; rename the column"
                )
            target = pl.Series(TARGET, _values(np.ravel(np.asarray(table[1]))), strict=False)
            if len(target) != frame.height:
                raise DataError(f"the source '{source}' gave {frame.height} rows of X but {len(target)} values of y")
            return frame.with_columns(target), TARGET
        return _columns(table, source), None
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as exc:
        raise DataError(f"what the source '{source}' gave cannot be made a table: {_reason(exc)}") from exc


def _columns(table: Any, source: str) -> pl.DataFrame:
    """A frame from a polars frame, a pandas frame, a dict of columns or a matrix."""
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, Mapping):
        columns = {str(name): _values(column) for name, column in table.items()}
    elif hasattr(table, "columns") and hasattr(table, "isna"):
        check_names([str(name) for name in table.columns], f"the table from '{source}'")
        columns = {str(name): _values(table[name]) for name in table.columns}
    elif isinstance(table, np.ndarray) and table.ndim == 2:
        columns = {f"x{i}": _values(table[:, i]) for i in range(table.shape[1])}
    else:
        raise DataError(
            f"the source '{source}' gave {_article(table)}; it may give a polars or pandas frame, a pair (X, y), or a "
            "dict of columns"
        )
    series = [pl.Series(name, values, strict=False) for name, values in columns.items()]
    for column in series[1:]:
        if len(column) != len(series[0]):
            raise DataError(
                f"the columns from '{source}' are not of one length: '{series[0].name}' has {len(series[0])} values, "
                f"'{column.name}' has {len(column)}"
            )
    return pl.DataFrame(series)


def _values(column: Any) -> Any:
    """The values of a column as polars takes them; what pandas or numpy call missing becomes None."""
    if hasattr(column, "isna"):
        return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]
    if isinstance(column, np.ndarray) and column.dtype.kind in "OUS":
        return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124 - NaN differs from itself
    return column


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Let modules in ``folder`` be imported for a while."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def _content_sha256(frame: pl.DataFrame) -> str:
    """The SHA-256 of the rows' content, in their order."""
    return hashlib.sha256(row_hashes(frame).tobytes()).hexdigest()


def _describe(source: str, frame: pl.DataFrame) -> str:
    """The source and its size, for people."""
    return f"{source} ({frame.height:,} rows × {frame.width} columns)"


def _reason(exc: Exception) -> str:
    """An exception in one line."""
    lines = str(exc).splitlines()
    return f"{type(exc).__name__}: {lines[0]}" if lines else type(exc).__name__


def _article(value: object) -> str:
    """What sort of thing a value is, with its article."""
    if value is None:
        return "nothing"
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
