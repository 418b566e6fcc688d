"""What the parent and a worker process say to each other: pickles over a socket that only the two of them hold.

The parent says a `Setup`, then assignments (a tuple of `Assignment`) and, for every report, a `Verdict`. The worker
says `HELLO` when it is up, a `Report`, and the outcomes (a list of `Outcome`). Nothing here is ever read from a file.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

HELLO = "hello"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs before its first assignment: where the parent imports from, and the pickled job."""

    path: tuple[str, ...]
    job: bytes


def send(connection: Connection, message: object) -> None:
    """Send one message; blocks until the other side has taken it in or the socket's buffer holds it.

    Raises:
        OSError: if the other side is gone.
    """
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """The next message; blocks until there is one.

    Raises:
        EOFError: if the other side is gone.
    """
    return pickle.loads(connection.recv_bytes())  # noqa: S301  # from a process of our own, over a private socket
