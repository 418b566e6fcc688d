"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from holdfast.errors import HoldfastError, RequestError


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` and put it in place in one step; folders are made as needed.

    Raises:
        RequestError: if the file cannot be written there.
        HoldfastError: if the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise HoldfastError(f"'{path}' cannot be written, for the disk is full; free some space and retry") from exc
        reason = (exc.strerror or str(exc)).lower()
        raise RequestError(f"'{path}' cannot be written ({reason}); name a file in a folder that can be") from exc
