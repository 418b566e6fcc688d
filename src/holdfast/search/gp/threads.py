"""One BLAS thread at a time: matrices this small gain nothing from more, and the results do not depend on how many."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LOCK = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold numpy's and scipy's linear algebra to one thread; callers in other threads wait."""
    with _LOCK, _controller().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 - the controller knows only the libraries that are loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
