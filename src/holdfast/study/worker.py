"""A process that joins a study: it takes trials beside others until nothing is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from holdfast.address import is_server
from holdfast.errors import RequestError
from holdfast.execute.base import Executor
from holdfast.execute.inline import Inline
from holdfast.log.open import open_log, storage_path
from holdfast.records import Job, Trial
from holdfast.search.base import Strategy
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.driver import Overseer, Preempted, StudyDriver
from holdfast.study.handle import LiveTrial
from holdfast.study.jobs import ObjectiveJob
from holdfast.study.lock import DriverLock
from holdfast.study.results import Result
from holdfast.study.settings import check_run
from holdfast.study.stored import stored_settings

OnFinish = Callable[[Book, Trial], None]


def work(
    book: Book,
    strategy: Strategy,
    job: Job,
    executor: Executor,
    *,
    overseer: Overseer | None = None,
    halt_after: int = 5,
    batch: int = 1,
    on_finish: OnFinish | None = None,
) -> None:
    """Take trials of a study beside others, until its budget is spent and none runs that may have to go on here.

    Raises:
        StudyHaltedError: after ``halt_after`` alike failures in a row here.
    """
    check_run(book.state.settings, executor.slots * batch, halt_after)
    driver = StudyDriver(book, strategy, halt_after, batch=batch, overseer=overseer, stays=True)
    if on_finish is not None:
        told = on_finish
        driver.on_finish = lambda trial: told(book, trial)
    with _asked_to_end():
        driver.drive(executor, job)


def work_on(
    name: str,
    storage: str,
    objective: Callable[[LiveTrial], Result],
    *,
    where: Executor | None = None,
    trials: int | None = None,
    on_finish: OnFinish | None = None,
) -> Book:
    """Join a study without a plan, with trials ``where`` they are to run; ``trials`` are added to what it may have.

    Raises:
        RequestError: if there is no such study, it has no number of trials, or was begun from a plan.
        StudyHaltedError: if trials fail alike again and again.
    """
    settings, space, strategy = stored_settings(name, storage, None, ())
    lock = DriverLock(storage_path(storage), name, shared=is_server(storage))
    with closing(lock), lock.joined(), closing(open_log(storage, name)) as log:
        book = Book(log)
        if space is not None:
            book.supply(space)
        if trials is not None:
            actions.set_budget(book, trials, shared=True)
        endless = book.state.history.trials_limit is None and not settings.traits.finite
        if endless:
            raise RequestError(
                f"study '{name}' has no number of trials, so a worker would never end; add some with --trials N, or "
                "begin it with optimize(objective, n_trials=N)"
            )
        work(book, strategy, ObjectiveJob(objective, settings.objectives), where or Inline(), on_finish=on_finish)
    return book


@contextmanager
def _asked_to_end() -> Iterator[None]:
    """Let the signal by which a machine asks a process to end do what Ctrl-C does."""

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise Preempted

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
