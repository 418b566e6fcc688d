"""Studies without a plan, which have a storage and no folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.log.base import StudyLog


def open_stored(storage: str, name: str) -> StudyLog:
    """The log of a study in a storage, for reading.

    Raises:
        RequestError: if there is no such study there; the nearest name is given.
    """
    from holdfast.errors import RequestError, nearest
    from holdfast.log.open import list_studies, open_log

    there = list_studies(storage)
    if name not in there:
        hint = nearest(name, there) or (f"; there are {', '.join(there)}" if there else "")
        raise RequestError(f"there is no study '{name}' in {storage}{hint}")
    return open_log(storage, name, read_only=True)
