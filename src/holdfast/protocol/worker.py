"""A process that joins the search of a planned study; everything after the search is left to ``holdfast tune``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from holdfast.errors import RequestError
from holdfast.execute.base import Executor
from holdfast.meter.energy import NoMeter
from holdfast.meter.price import Price
from holdfast.protocol.batches import trials_at_once
from holdfast.protocol.drive import steward_of, train_job
from holdfast.protocol.folder import RunFolder, find_run, open_book
from holdfast.protocol.metering import StudyMeter
from holdfast.protocol.prepare import is_prepared, reopen_study
from holdfast.protocol.recorded import recorded_plan
from holdfast.search.registry import make_strategy
from holdfast.study.book import Book
from holdfast.study.worker import OnFinish, work


def work_on_plan(name: str, runs: Path, *, where: Executor, on_finish: OnFinish | None = None) -> Book:
    """Join the search of a study that was begun from a plan, beside ``holdfast tune`` or after it.

    The folder of the run has to be reachable here: the rows that trials learn from are in it.

    Raises:
        RequestError: if the folder or the study is not there, or the study has made its choice.
        DataError: if its rows are not those that were written.
        StudyHaltedError: if trials fail alike again and again.
    """
    here = RunFolder(runs, name)
    if not here.plan.exists():
        raise RequestError(
            f"the folder {here.path} is not here, and with it the plan and the rows of study '{name}'; put it where "
            "this machine can read it, as on a shared disk, and name the folder above it: --runs DIR"
        )
    run = find_run(runs, name)
    with closing(open_book(run).log) as log:
        book = Book(log)
    if not is_prepared(book):
        raise RequestError(f"study '{name}' was not begun from a plan; name its objective: --objective module:function")
    if "choice.made" in book.state.notes:
        raise RequestError(f"study '{name}' has made its choice, so that there is nothing left to search")
    with closing(reopen_study(recorded_plan(book), run, book)) as ready:
        settings, notes, search = ready.book.state.settings, ready.book.state.notes, ready.plan.search
        price = Price.from_json(notes["price.set"][0]) if "price.set" in notes else Price()
        work(
            ready.book,
            make_strategy(settings.strategy, settings.strategy_settings),
            train_job(ready),
            where,
            overseer=steward_of(ready, StudyMeter(ready.book, price, NoMeter())),
            halt_after=search.halt_after,
            batch=trials_at_once(search, ready.recipe.network_shape, settings.space, ready.seal.fits),
            on_finish=on_finish,
        )
    return ready.book
