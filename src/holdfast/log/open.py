"""Storage addresses: which log a text such as ``sqlite:///study.db`` means."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import RequestError
from holdfast.log.base import StudyLog
from holdfast.log.database import check_file
from holdfast.log.memory import MemoryLog
from holdfast.log.sqlite import SqliteLog, studies_in

_SQLITE = "sqlite:///"


def open_log(storage: str | MemoryLog | None, study: str, read_only: bool = False) -> StudyLog:
    """The log of one study.

    Args:
        storage: None for memory, ``"sqlite:///relative.db"`` or ``"sqlite:////absolute.db"`` for a file; a log in
            memory is gone on with.
        study: the study's name.
        read_only: never write to the file, nor create it.

    Raises:
        RequestError: if ``storage`` is none of these, or no file can be there.
        LogError: if the file cannot be used, is no log, or is from a newer holdfast.
    """
    path = storage_path(storage)
    if isinstance(storage, MemoryLog):
        return storage
    return MemoryLog() if path is None else SqliteLog(path, study, read_only=read_only)


def list_studies(storage: str | None) -> list[str]:
    """The names of the studies that have events in a storage, sorted. Creates nothing.

    Raises:
        RequestError: if ``storage`` is no address of a storage.
        LogError: if the file cannot be read, is no log, or is from a newer holdfast.
    """
    path = storage_path(storage)
    return [] if path is None else studies_in(path)


def check_place(storage: str | None) -> None:
    """Refuse a storage that no log can be made in. Creates nothing.

    Raises:
        RequestError: if ``storage`` is no address of a storage, or no file can be there.
    """
    path = storage_path(storage)
    if path is not None:
        check_file(path)


def exists(storage: str | None, study: str) -> bool:
    """Whether a study has events in a storage. Creates nothing; raises as `list_studies`."""
    return study in list_studies(storage)


def storage_path(storage: str | MemoryLog | None) -> Path | None:
    """The database file that an address names; None for memory.

    Raises:
        RequestError: if ``storage`` is no address of a storage.
    """
    if storage is None or isinstance(storage, MemoryLog):
        return None
    if not isinstance(storage, str):
        raise RequestError(f"storage = {storage!r}; it must be a text such as sqlite:///study.db, or None for memory")
    if storage.startswith(("postgresql:", "postgres:", "postgresql+")):
        raise RequestError(
            "storage in PostgreSQL is not built yet; use a file on a disk of this machine, such as sqlite:///study.db"
        )
    name = storage.removeprefix(_SQLITE)
    if not storage.startswith(_SQLITE) or name in {"", ":memory:"}:
        raise RequestError(
            f"storage '{storage}' is not understood; write {_suggestion(storage)}, or leave it out for memory"
        )
    return Path(name)


def _suggestion(storage: str) -> str:
    """The address that was probably meant."""
    path = storage.removeprefix("sqlite:")
    if path.startswith("//"):
        path = path.lstrip("/")
    return f"{_SQLITE}study.db" if ":" in path or not path else f"{_SQLITE}{path}"
