"""How a run of a study's own objective begins: how long it goes on, and where its trials run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from holdfast.errors import RequestError, shown
from holdfast.execute.base import Executor
from holdfast.execute.named import executor_named
from holdfast.execute.resources import Resources
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.jobs import executor_of
from holdfast.study.settings import whole
from holdfast.study.stopping import set_stop, warn_if_ended


def limit(
    book: Book,
    n_trials: int | None,
    timeout: float | None,
    stop: Literal["auto"] | None,
    stop_gain: float | None = None,
) -> int | None:
    """Put on the record when a run ends; ``n_trials`` as it was checked.

    Raises:
        RequestError: if it would never end, or is given less than no trial or no time.
    """
    n_trials = None if n_trials is None else whole("n_trials", n_trials, 0)
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0):
        raise RequestError(f"timeout = {shown(timeout)}; it must be a number of seconds, 0 or more")
    endless = timeout is None or math.isinf(timeout)
    if n_trials is None and endless and not book.state.settings.traits.finite:
        raise RequestError("optimize needs n_trials or a timeout, or it would never end")
    if n_trials is None:
        actions.set_budget(book, None)
    set_stop(book, gain=stop_gain, rule=stop)
    warn_if_ended(book)
    return n_trials


def executor_for(
    n_jobs: int | None,
    executor: Executor | str | None,
    address: str | None,
    resources: Mapping[str, float | str] | Resources | None,
) -> Executor:
    """The executor that was asked for: an object, one by its name, or by ``n_jobs`` on this machine.

    Raises:
        RequestError: for settings that an executor does not have, or has already; and if there is no such cluster.
    """
    n_jobs = None if n_jobs is None else whole("n_jobs", n_jobs, 1)
    if executor is None or isinstance(executor, str):
        named = executor_named(executor, n_jobs, address, resources)
        return executor_of(1 if n_jobs is None else n_jobs) if named is None else named
    for key, value in (("n_jobs", n_jobs), ("address", address), ("resources", resources)):
        if value is not None:
            raise RequestError(f"{key} = {value!r} beside an executor that is an object; say it where that is made")
    return executor
