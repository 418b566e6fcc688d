"""Checkpoints in a folder, or wherever fsspec reaches: files named by their content, each there whole or not at all."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from holdfast.address import masked
from holdfast.durable import flush_folder, make_folder, write_whole
from holdfast.errors import HoldfastError, LogError, MissingBlobError, RequestError
from holdfast.log.base import blob_hash, checked_blob
from holdfast.optional import need

T = TypeVar("T")

AT_ONCE = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "r2", "s3", "s3a"})
"""Protocols by which a file appears whole when it has been sent; by others it is sent under another name and moved."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)(://|::)")
_NAME = re.compile(r"[0-9a-f]{64}")


def checked_url(url: str) -> str:
    """The place as it is recorded; a folder by its whole path.

    Raises:
        RequestError: if it holds a password, or cannot be meant.
        MissingExtraError: if fsspec, or what it needs for that protocol, is not installed.
    """
    if masked(url) != url:
        raise RequestError(
            f"checkpoints = '{masked(url)}' holds a password, which would be recorded; leave it out, and give it by the"
            " environment or the configuration of fsspec"
        )
    protocol = protocol_of(url)
    if protocol is None:
        if Path(url).exists() and not Path(url).is_dir():
            raise RequestError(
                f"checkpoints = '{url}' is a file; name a folder, or an address such as s3://bucket/path"
            )
        return str(Path(url).absolute())
    file_system(url)
    return url


def protocol_of(url: str) -> str | None:
    """The protocol of an address; None for a folder of this machine."""
    found = _SCHEME.match(url)
    return None if found is None or found[1] in {"file", "local"} else found[1]


def file_system(url: str) -> tuple[Any, str]:
    """The file system of fsspec for an address, and the path there.

    Raises:
        RequestError: if fsspec knows no such protocol.
        MissingExtraError: if a package is missing.
    """
    fsspec = need("fsspec", "remote", "a place for checkpoints that is no folder")
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except ImportError as exc:
        raise RequestError(f"checkpoints = '{url}' needs one more package: {exc}") from exc
    except ValueError as exc:
        raise RequestError(
            f"checkpoints = '{url}' is not understood ({exc}); name a folder, or an address such as s3://bucket/path"
        ) from exc
    return found


@dataclass(frozen=True)
class Store:
    """The checkpoints of one study.

    Args:
        url: a folder, or an address that fsspec understands.
        folder: that of the study there.
    """

    url: str
    folder: str

    def put(self, data: bytes) -> str:
        """Keep a checkpoint and return its sha256 in hex; it is there, whole, when this returns.

        Raises:
            LogError: if it cannot be written.
        """
        sha256 = blob_hash(data)
        try:
            self._do(lambda: self._files.write(sha256, data), "written to")
        except FileNotFoundError as exc:
            raise LogError(f"checkpoints cannot be written to '{self.url}': there is no such place") from exc
        return sha256

    def get(self, sha256: str) -> bytes:
        """The checkpoint with that hash.

        Raises:
            MissingBlobError: if it is not there.
            TamperError: if its content is another one.
            LogError: if it cannot be read.
        """
        try:
            data = self._do(lambda: self._files.read(sha256), "read from")
        except FileNotFoundError as exc:
            raise MissingBlobError(f"'{self.url}' holds no checkpoint {sha256[:12]}") from exc
        return checked_blob(data, sha256)

    def drop(self, names: Sequence[str]) -> None:
        """Delete checkpoints by their hashes; one that is not there is no error.

        Raises:
            LogError: if one cannot be deleted.
        """
        for name in names:
            with suppress(FileNotFoundError):
                self._do(lambda: self._files.delete(name), "deleted from")  # noqa: B023 - called at once

    def sizes(self) -> dict[str, int]:
        """The bytes of every checkpoint by its hash.

        Raises:
            LogError: if the place cannot be read.
        """
        try:
            return {name: size for name, size in self._do(self._files.sizes, "read from") if _NAME.fullmatch(name)}
        except FileNotFoundError:
            return {}

    @cached_property
    def _files(self) -> _Folder | _Remote:
        if protocol_of(self.url) is None:
            return _Folder(Path(self.url.removeprefix("file://")) / self.folder)
        system, path = file_system(self.url)
        return _Remote(system, f"{path.rstrip('/')}/{self.folder}", at_once=protocol_of(self.url) in AT_ONCE)

    def _do(self, action: Callable[[], T], what: str) -> T:
        """What ``action`` returns; whatever a file system raises is one sentence, but that a file is not there."""
        try:
            return action()
        except (FileNotFoundError, HoldfastError):
            raise
        except Exception as exc:  # every file system raises errors of its own
            said = " ".join(str(exc).split()) or type(exc).__name__
            raise LogError(f"checkpoints cannot be {what} '{self.url}': {said}") from exc


@dataclass(frozen=True)
class _Folder:
    """Files in a folder of this machine."""

    path: Path

    def write(self, name: str, data: bytes) -> None:
        if (self.path / name).is_file() and (self.path / name).stat().st_size == len(data):
            flush_folder(self.path)  # another process may still be waiting for its name to be on disk
            return
        make_folder(self.path)
        write_whole(self.path / name, data)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def delete(self, name: str) -> None:
        (self.path / name).unlink()
        flush_folder(self.path)

    def sizes(self) -> list[tuple[str, int]]:
        return [(file.name, file.stat().st_size) for file in self.path.iterdir()]


@dataclass(frozen=True)
class _Remote:
    """Files in a file system of fsspec."""

    system: Any
    path: str
    at_once: bool

    def write(self, name: str, data: bytes) -> None:
        target = f"{self.path}/{name}"
        if self.at_once:
            self.system.pipe_file(target, data)
            return
        self.system.makedirs(self.path, exist_ok=True)
        part = f"{self.path}/.{name[:16]}.{uuid.uuid4().hex[:8]}"
        try:
            self.system.pipe_file(part, data)
            self.system.mv(part, target)
        except BaseException:
            with suppress(Exception):
                self.system.rm_file(part)
            raise

    def read(self, name: str) -> bytes:
        return bytes(self.system.cat_file(f"{self.path}/{name}"))

    def delete(self, name: str) -> None:
        self.system.rm_file(f"{self.path}/{name}")

    def sizes(self) -> list[tuple[str, int]]:
        self.system.invalidate_cache(self.path)
        found = self.system.ls(self.path, detail=True)
        return [(file["name"].rpartition("/")[2], int(file["size"] or 0)) for file in found if file["type"] == "file"]
