"""Addresses of storages as they may be shown and kept: a password is in none of them."""

from __future__ import annotations

import re

SERVERS = ("postgresql://", "postgres://")
"""How the address of a database server begins."""

_USER = re.compile(r"(postgres(?:ql)?(?:\+\w+)?://[^\s:@/?]*):[^\s]*@")
_ANY_USER = re.compile(r"(\b[a-z][\w+.-]*://[^\s:@/?]+):[^\s@/]*@")
"""The same in an address that is not understood."""

_OPTION = re.compile(r"(postgres(?:ql)?(?:\+\w+)?://[^\s]*?[?&](?:ssl)?password=)[^\s&]*")


_remembered: dict[str, str] = {}
"""Addresses as they were given, by what is kept of them: within one process a password is asked for once."""


def is_server(storage: object) -> bool:
    """Whether a storage is one that a PostgreSQL server keeps."""
    return isinstance(storage, str) and storage.startswith(SERVERS)


def masked(text: str) -> str:
    """A text with ``***`` in the place of every password of an address in it.

    >>> masked("postgresql://ann:secret@host/base")
    'postgresql://ann:***@host/base'
    """
    return _ANY_USER.sub(r"\1:***@", _OPTION.sub(r"\1***", _USER.sub(r"\1:***@", text)))


def without_password(storage: str) -> str:
    """An address without its password, as it is kept: the password then comes from PGPASSWORD or ~/.pgpass.

    >>> without_password("postgresql://ann:secret@host/base")
    'postgresql://ann@host/base'
    """
    if not is_server(storage):
        return storage
    bare = _USER.sub(r"\1@", storage)
    head, mark, options = bare.partition("?")
    kept = [item for item in options.split("&") if item and not re.match(r"(ssl)?password=", item)]
    return f"{head}{mark}{'&'.join(kept)}" if kept else head


def remember(storage: str) -> None:
    """Let this process reach a server again by the address that is kept, which lacks the password."""
    if without_password(storage) != storage:
        _remembered[without_password(storage)] = storage


def with_password(storage: str) -> str:
    """An address with the password that this process was given with it before, if it was."""
    return _remembered.get(storage, storage)
