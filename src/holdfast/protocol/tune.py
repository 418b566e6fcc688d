"""The whole way from a plan to a number that stands."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.address import masked
from holdfast.data.leakage.finding import Finding
from holdfast.errors import RequestError, SealError
from holdfast.execute.base import Executor
from holdfast.execute.processes import Processes
from holdfast.execute.ray import Ray
from holdfast.facts.leakage import findings_of
from holdfast.facts.log import withheld
from holdfast.govern.card import write_card
from holdfast.log.open import exists, open_log
from holdfast.protocol.choose import NoWinnerError, choose
from holdfast.protocol.drive import BudgetTooSmallError, Progress, metered, search
from holdfast.protocol.folder import DEFAULT_RUNS, RunFolder, alone, command, find_run, make_room, open_book
from holdfast.protocol.ledger import uses_in
from holdfast.protocol.looks import begin_search
from holdfast.protocol.nested import search_in_every_fold
from holdfast.protocol.plan import Plan
from holdfast.protocol.prepare import Ready, is_prepared, prepare_study, reopen_study, write_plan
from holdfast.protocol.read import PlanFile, read_plan
from holdfast.protocol.recorded import recorded_plan
from holdfast.protocol.salvaged import refuse_without_beginning
from holdfast.protocol.scheduled import schedule_in, write_schedule
from holdfast.protocol.ship import ship
from holdfast.protocol.unseal import OpenedBeforeError, look_for_openings, open_test, to_open_again
from holdfast.records import Config, Score
from holdfast.report.results import write_results
from holdfast.study.book import Book
from holdfast.study.checkpoints import drop_all
from holdfast.study.schedule import Schedule
from holdfast.train.storage import LoadedModel, load_model


@dataclass(frozen=True)
class Result:
    """What a study came to.

    Attributes:
        name: the study's name.
        folder: where its files are.
        best_config: the winner's hyperparameters.
        naive: the winner's own validation score.
        estimate: that score corrected for having been picked; None where the metric does not allow it.
        test: the score on the sealed rows; None while they are sealed.
        missing: what there is no number for, and why.
        procedure: the score of the procedure, from a search in every outer fold; None where the plan asks for none.
        findings: what the checks before the first fit found in the divided table.
        schedule: by which hyperparameters the winner was trained, step by step; of one piece where they did not change.
    """

    name: str
    folder: Path
    best_config: Config
    naive: Score
    estimate: Score | None
    test: Score | None
    missing: tuple[str, ...] = ()
    procedure: Score | None = None
    findings: tuple[Finding, ...] = ()
    schedule: Schedule | None = None

    @property
    def model(self) -> LoadedModel:
        """The model that ships, read from its file without running code."""
        return load_model(self.folder / "model")


def tune(
    plan: str | Path | Mapping[str, Any] | Plan | PlanFile,
    *,
    runs: str | Path = DEFAULT_RUNS,
    executor: Executor | None = None,
    progress: Progress | None = None,
    begun: Callable[[Book], None] | None = None,
) -> Result:
    """Run a plan to its end, or go on where it was interrupted.

    Args:
        plan: the path of a plan.toml, or its content as a dict.
        runs: the folder of all runs; this one gets a folder in it.
        executor: where trials run, such as `holdfast.execute.Ray`; by default processes, as many as the plan has
            workers.
        progress: called after each trial.
        begun: called before the first trial, when the table has been divided and checked.

    Raises:
        RequestError: if the plan cannot be meant; nothing has been done then.
        StudyHaltedError: if trials fail alike again and again.
        NoWinnerError: if no trial meets the constraints of the plan; the pages are written all the same.
    """
    file = plan if isinstance(plan, PlanFile) else read_plan(plan)
    run = RunFolder(Path(runs), file.plan.study.name)
    executor = _placed(file, executor)
    make_room(run)
    with alone(run), _gone_if_too_small(run, file), closing(_ready(file, run)) as ready:
        if begun is not None and not ready.book.state.trials:
            begun(ready.book)
        try:
            _whole_way(ready, executor, progress)
        except NoWinnerError:
            _write_pages(ready.book, run)  # they say what was tried
            raise
        ready.book.save_snapshot()
        _write_pages(ready.book, run)
    return result_of(ready.book, run)


def resume(
    name: str,
    *,
    runs: str | Path = DEFAULT_RUNS,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Result:
    """Go on with a study where it was interrupted, by its name and on the plan in its log.

    Args:
        name: the study's.
        runs: the folder of all runs.
        executor: where trials run; by default as in `tune`.
        progress: called after each trial.

    Raises:
        RequestError: if there is no such study, or it was not begun from a plan.
        StudyHaltedError: if trials fail alike again and again.
        NoWinnerError: if no trial meets the constraints of the plan.
    """
    run = find_run(Path(runs), name)
    book = open_book(run)
    book.log.close()
    refuse_without_beginning(book)
    if not is_prepared(book) and run.plan.exists() and not book.state.trials:
        again = command(run.runs, "tune", "PLAN")
        raise RequestError(f"study '{name}' was cut short before its first trial; begin it again: {again}")
    if not is_prepared(book):
        raise RequestError(f"study '{name}' was not begun from a plan, so there is nothing to resume: run its own code")
    return tune(recorded_plan(book), runs=runs, executor=executor, progress=progress)


def unseal(name: str, *, runs: str | Path = DEFAULT_RUNS, again: bool = False, why: str = "") -> Result:
    """Open the sealed test rows of a study that has made its choice, for the score of the model that ships.

    The opening is on the record, and is counted across all studies in the folder of runs that have some of these rows.

    Args:
        name: the study's.
        runs: the folder of all runs.
        again: open rows that have been opened before, which widens the interval.
        why: the reason, which every page shows; needed with ``again``.

    Raises:
        RequestError: if there is no such study, or it has made no choice yet.
        SealError: if there are no test rows, or they have been opened before and no reason is given.
    """
    run = find_run(Path(runs), name)
    with alone(run):
        book = open_book(run)
        book.log.close()
        if not is_prepared(book) or "choice.made" not in book.state.notes:
            raise RequestError(f"study '{name}' has made no choice yet; finish it first: {run.doors('resume')}")
        with closing(reopen_study(recorded_plan(book), run, book)) as ready:
            if "test" not in ready.seal.rows:
                raise SealError(f"study '{name}' has no test rows, so there is nothing to open")
            try:
                open_test(ready, ship(ready), why=why, again=again, later=True)
            except OpenedBeforeError:
                _write_pages(ready.book, run)  # they say so, too
                raise
            _write_pages(ready.book, run)
    return result_of(ready.book, run)


def load_result(name: str, *, runs: str | Path = DEFAULT_RUNS) -> Result:
    """The result of a study that has made its choice.

    Raises:
        RequestError: if there is no such study, or it is not finished.
    """
    run = find_run(Path(runs), name)
    book = open_book(run)
    if "choice.made" not in book.state.notes:
        raise RequestError(
            f"study '{name}' has made no choice yet; see how far it is with: {run.command('status')}, and if nothing "
            f"runs, finish it with: {run.doors('resume')}"
        )
    return result_of(book, run)


def result_of(book: Book, run: RunFolder) -> Result:
    """The numbers on the record."""
    notes = book.state.notes
    choice, made = notes["choice.made"][-1], notes["estimate.made"][-1]
    opened = notes.get("test.opened", [])
    procedure = notes.get("procedure.estimated", [{}])[-1]
    untested = opened[-1].get("missing") if opened else _why_sealed(book, run)
    why = (made["missing"], procedure.get("missing"), untested)
    missing = [text for text in why if text]
    space, findings = book.state.settings.space, findings_of(book.state)
    assert space is not None
    return Result(
        name=run.name,
        folder=run.path,
        best_config=space.ordered(choice["config"]),
        naive=Score.from_json(choice["naive"]),
        estimate=None if made["score"] is None else Score.from_json(made["score"]),
        test=Score.from_json(opened[-1]["score"]) if opened and opened[-1]["score"] is not None else None,
        missing=tuple(missing),
        findings=() if findings is None else findings.found,
        procedure=Score.from_json(procedure["score"]) if procedure.get("score") else None,
        schedule=schedule_in(book, book.state.trials[choice["trial"]]),
    )


def _ready(file: PlanFile, run: RunFolder) -> Ready:
    storage = run.storage(file.plan.study.storage)
    with file.at("study", "storage"):
        is_there = exists(storage, run.name)
    if is_there:
        book = Book(open_log(storage, run.name))
        book.log.close()
        refuse_without_beginning(book)
        if is_prepared(book):
            ready = reopen_study(file, run, book)
            if len(book.state.notes["plan.resolved"]) > 1:
                write_plan(ready.plan, run)  # an amendment may have been interrupted before it did so
            return ready
        if book.state.trials:
            raise RequestError(
                f"study '{run.name}' in {masked(storage)} was not begun from a plan; give the plan another name"
            )
    return prepare_study(file, run, uses_in(run.ledger))


def _placed(file: PlanFile, executor: Executor | None) -> Executor | None:
    """The executor with the plan's number of workers, where it has none of its own.

    Raises:
        RequestError: if there is no such cluster, or nobody could meter the electricity that the budget limits.
    """
    if isinstance(executor, Processes) and executor.n_workers is None:
        return replace(executor, n_workers=file.plan.search.workers)
    if not isinstance(executor, Ray):
        return executor
    for key in ("kwh", "kg_co2e"):
        if getattr(file.plan.budget, key) is not None and file.plan.price.watts is None:
            with file.at("budget", key):
                raise RequestError(
                    f"{key} is limited, and the electricity of other machines is not metered; say what the cluster "
                    "draws as watts in [price], or run the plan here"
                )
    placed = executor if executor.n_workers is not None else replace(executor, n_workers=file.plan.search.workers)
    _ = placed.slots  # which is refused before anything is done
    return placed


def _write_pages(book: Book, run: RunFolder) -> None:
    """Everything for a person to read."""
    write_results(book, run.path)
    write_schedule(book, run.path)
    write_card(book, run.path)


@contextmanager
def _gone_if_too_small(run: RunFolder, file: PlanFile) -> Iterator[None]:
    """Leave nothing of a study that was only just begun, if its budget does not pay for one trial."""
    fresh = not run.path.exists() and file.plan.study.storage is None
    try:
        yield
    except BudgetTooSmallError as exc:
        if fresh:
            shutil.rmtree(run.path)
        with file.at("budget"):
            raise BudgetTooSmallError(str(exc)) from exc


def _whole_way(ready: Ready, executor: Executor | None, progress: Progress | None) -> None:
    """Everything after the split that is not on record yet."""
    book = ready.book
    searches = "model.fitted" not in book.state.notes
    if searches:
        book.note("run.began", {})
    if "choice.made" not in book.state.notes:
        begin_search(ready)
    with metered(ready, elsewhere=isinstance(executor, Ray)) as meter:
        search(ready, meter, executor, progress)
        if ready.split.nested is not None and "choice.made" not in book.state.notes:
            with meter.phase("nested", unless="procedure.estimated"):
                search_in_every_fold(ready, executor)
        with meter.phase("choose", unless="choice.made"):
            choose(ready)
        drop_all(book)
        with meter.phase("fit", unless="model.fitted"):
            model = ship(ready)
        if "test.opened" in book.state.notes or "test" not in ready.seal.rows:
            return
        if ready.plan.study.unseal == "by-hand":
            look_for_openings(ready, later=not searches)
            return
        with suppress(OpenedBeforeError), meter.phase("test", unless="test.opened"):  # that is on the record
            open_test(ready, model, why="the choice is made", later=not searches)


def _why_sealed(book: Book, run: RunFolder) -> str:
    """Why there is no test score, where nobody has asked for one."""
    if "test" not in book.state.notes["data.split"][0]["roles"]:
        return "the split sets no test rows apart"
    before = withheld(book.state)
    return f"{before}; {to_open_again(run)}" if before else f"the test rows are sealed until: {run.doors('unseal')}"
