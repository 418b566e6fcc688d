"""The command by which another process, on this machine or on any other, joins a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import RUNS, Name, Quiet, Resources, Runs, Storage
from holdfast.cli.output import say

if TYPE_CHECKING:
    from holdfast.records import Trial
    from holdfast.study.book import Book


def worker(
    name: Name,
    *,
    storage: Storage = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective", metavar="MODULE:FUNCTION", help="The objective of a study without a plan; it is imported."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Trials at once, each in a process.")
    ] = 1,
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=0, metavar="N", help="Add N trials to what a study without a plan may have."),
    ] = None,
    resources: Resources = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="NAME", help="Where trials run: here, and with `fresh` in a process each."),
    ] = None,
    runs: Runs = RUNS,
    quiet: Quiet = False,
) -> int:
    """Join a study beside others, until nothing is left.

    A study of your own code needs its --storage, on a server as postgresql://user@host/base or in a file of this
    machine, and its --objective. A study that was begun from a plan needs its folder below --runs, where this machine
    can read and, unless the log is on a server, write it; it is searched beside holdfast tune, which does the rest.

    A worker that is gone is noticed within seconds, and its trials go on elsewhere from where they were last saved. The
    signal TERM, by which schedulers take a machine away, hands them over at once.
    """
    from holdfast.errors import RequestError
    from holdfast.execute.named import executor_named

    if executor == "ray":
        raise RequestError("a worker runs its trials where it is; --executor ray is for holdfast tune and resume")
    where = executor_named(executor, jobs, resources=resources)
    before = _Count(quiet)
    if objective is None:
        if storage is not None:
            _refuse_own(name, storage)
        from holdfast.protocol.drive import processes
        from holdfast.protocol.worker import work_on_plan

        book = work_on_plan(name, runs, where=where or processes(jobs), on_finish=before.told)
    else:
        from holdfast.study.jobs import executor_of
        from holdfast.study.worker import work_on
        from holdfast.train.factory import load_factory

        if storage is None:
            raise RequestError(
                "a study without a plan lies in a storage; name it, as --storage postgresql://user@host/base"
            )
        function = load_factory(objective, Path())
        book = work_on(name, storage, function, where=where or executor_of(jobs), trials=trials, on_finish=before.told)
    if not quiet:
        say(
            f"study '{name}': nothing is left to run; {before.trials} of its {len(book.state.trials)} trials ended here"
        )
    return 0


class _Count:
    """Counts the trials that ended here, and says a line for each."""

    def __init__(self, quiet: bool) -> None:
        self.trials = 0
        self._quiet = quiet

    def told(self, book: Book, trial: Trial) -> None:
        """One more."""
        from holdfast.facts.numbers import number

        self.trials += 1
        if not self._quiet:
            metric = book.state.first_metric
            value = f", {metric} {number(trial.metrics[metric])}" if metric in trial.metrics else ""
            say(f"trial {trial.number}: {trial.state.value}{value}")


def _refuse_own(name: str, storage: str) -> None:
    """Say what is missing where a storage is named and no objective."""
    from contextlib import closing

    from holdfast.cli.stored import open_stored
    from holdfast.errors import RequestError
    from holdfast.study.book import Book

    with closing(open_stored(storage, name)) as log:
        planned = "plan.resolved" in Book(log).state.notes
    if not planned:
        raise RequestError(f"study '{name}' has no plan; name its objective: --objective module:function")
