"""Studies without a plan, which have a storage and no folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.log.base import StudyLog
    from holdfast.study.book import Book


def book_of(name: str, runs: Path, storage: str | None) -> tuple[Book, Path | None]:
    """A study to look at: that of a run with its folder, or one of a storage, which has none.

    Raises:
        RequestError: if there is no such study; the nearest name is given.
    """
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.study.book import Book

    if storage is not None:
        return Book(open_stored(storage, name)), None
    run = find_run(runs, name)
    return open_book(run), run.path


def open_stored(storage: str, name: str) -> StudyLog:
    """The log of a study in a storage, for reading.

    Raises:
        RequestError: if there is no such study there; the nearest name is given.
    """
    from holdfast.address import masked
    from holdfast.errors import RequestError, nearest
    from holdfast.log.open import list_studies, open_log

    there = list_studies(storage)
    if name not in there:
        hint = nearest(name, there) or (f"; there are {', '.join(there)}" if there else "")
        raise RequestError(f"there is no study '{name}' in {masked(storage)}{hint}")
    return open_log(storage, name, read_only=True)
