"""How a run of a study's own objective begins: how long it goes on, and where its trials run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from holdfast.errors import RequestError, shown
from holdfast.execute.base import Executor
from holdfast.execute.named import executor_named
from holdfast.execute.resources import Resources
from holdfast.records import Job
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.jobs import executor_of
from holdfast.study.settings import check_run, whole
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
    n_trials = _checked_limits(n_trials, timeout)
    endless = timeout is None or math.isinf(timeout)
    if n_trials is None and endless and not book.state.settings.traits.finite:
        raise RequestError("optimize needs n_trials or a timeout, or it would never end")
    if n_trials is None:
        actions.set_budget(book, None)
    set_stop(book, gain=stop_gain, rule=stop)
    warn_if_ended(book)
    return n_trials


def checked_parts(
    book: Book,
    job: Job,
    executor: Executor,
    n_trials: int | None,
    timeout: float | None,
    halt_after: int,
    batch: int,
) -> tuple[int | None, int]:
    """``n_trials`` and ``batch`` of a run of a job, as they were checked.

    Raises:
        RequestError: if one of them cannot be meant, something is no job or no executor, or see `check_run`.
    """
    for name, given, form in (("job", job, "run(assignments, report)"), ("executor", executor, "run(job, driver)")):
        if isinstance(given, type) or not callable(getattr(given, "run", None)):
            hint = f"; make one, as in {given.__name__}(...)" if isinstance(given, type) else ""
            raise RequestError(f"{name} = {shown(given)}; it takes an object with {form}{hint}")
    n_trials, batch = _checked_limits(n_trials, timeout), whole("batch", batch, 1)
    check_run(book.state.settings, executor.slots * batch, halt_after)
    return n_trials, batch


def _checked_limits(n_trials: int | None, timeout: float | None) -> int | None:
    """``n_trials`` as it was checked."""
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0):
        raise RequestError(f"timeout = {shown(timeout)}; it must be a number of seconds, 0 or more")
    return None if n_trials is None else whole("n_trials", n_trials, 0)


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
