"""Storage addresses: which log a text such as ``sqlite:///study.db`` or ``postgresql://user@host/base`` means."""

from __future__ import annotations

from pathlib import Path

from holdfast.address import is_server, masked
from holdfast.errors import RequestError
from holdfast.log.base import StudyLog
from holdfast.log.database import check_file
from holdfast.log.memory import MemoryLog
from holdfast.log.postgres import PostgresLog, check_address, studies_at
from holdfast.log.sqlite import SqliteLog, studies_in

SQLITE = "sqlite:///"
"""How the address of a file begins."""


def open_log(storage: str | MemoryLog | None, study: str, read_only: bool = False) -> StudyLog:
    """The log of one study.

    Args:
        storage: None for memory, ``"sqlite:///relative.db"`` or ``"sqlite:////absolute.db"`` for a file,
            ``"postgresql://user@host/database"`` for a server; a log in memory is gone on with.
        study: the study's name.
        read_only: never write to the file or database, nor create it.

    Raises:
        RequestError: if ``storage`` is none of these, no file can be there, or the server refuses this user.
        LogError: if the file or the server cannot be used, is no log, or is from a newer holdfast.
    """
    if isinstance(storage, str) and is_server(storage):
        return PostgresLog(storage, study, read_only=read_only)
    path = storage_path(storage)
    if isinstance(storage, MemoryLog):
        return storage
    return MemoryLog() if path is None else SqliteLog(path, study, read_only=read_only)


def list_studies(storage: str | None) -> list[str]:
    """The names of the studies that have events in a storage, sorted. Creates nothing.

    Raises:
        RequestError: if ``storage`` is no address of a storage.
        LogError: if the file or the server cannot be read, is no log, or is from a newer holdfast.
    """
    if storage is not None and is_server(storage):
        return studies_at(storage)
    path = storage_path(storage)
    return [] if path is None else studies_in(path)


def check_place(storage: str | None) -> None:
    """Refuse a storage that no log can be made in. Creates nothing.

    Raises:
        RequestError: if ``storage`` is no address of a storage, or no file can be there.
    """
    if storage is not None and is_server(storage):
        check_address(storage)
        return
    path = storage_path(storage)
    if path is not None:
        check_file(path)


def exists(storage: str | None, study: str) -> bool:
    """Whether a study has events in a storage. Creates nothing; raises as `list_studies`."""
    return study in list_studies(storage)


def storage_path(storage: str | MemoryLog | None) -> Path | None:
    """The database file that an address names; None for memory, and for a server.

    Raises:
        RequestError: if ``storage`` is no address of a storage.
    """
    if storage is None or isinstance(storage, MemoryLog) or is_server(storage):
        return None
    if not isinstance(storage, str):
        raise RequestError(f"storage = {storage!r}; it must be a text such as sqlite:///study.db, or None for memory")
    if storage.startswith(("postgresql", "postgres:")):
        raise RequestError(
            f"storage '{masked(storage)}' is not understood; write postgresql://user@host/database, with nothing"
            " between postgresql and the colon"
        )
    name = storage.removeprefix(SQLITE)
    if not storage.startswith(SQLITE) or name in {"", ":memory:"}:
        raise RequestError(
            f"storage '{masked(storage)}' is not understood; write {_suggestion(storage)}, or leave it out for memory"
        )
    return Path(name)


def _suggestion(storage: str) -> str:
    """The address that was probably meant."""
    path = storage.removeprefix("sqlite:")
    if path.startswith("//"):
        path = path.lstrip("/")
    return f"{SQLITE}study.db" if ":" in path or not path else f"{SQLITE}{path}"
