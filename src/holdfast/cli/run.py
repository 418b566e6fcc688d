"""The commands that do the work: tune, resume and unseal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import RUNS, Address, Executor, Json, Name, Quiet, Resources, Runs
from holdfast.cli.options import Plan as PlanPath
from holdfast.cli.output import say

if TYPE_CHECKING:
    from holdfast.cli.progress import Progress
    from holdfast.protocol.folder import RunFolder
    from holdfast.protocol.plan import Plan
    from holdfast.protocol.tune import Result
    from holdfast.study.book import Book

STOPPED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


def tune(
    plan: PlanPath,
    *,
    runs: Runs = RUNS,
    executor: Executor = None,
    address: Address = None,
    resources: Resources = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run a plan to its end, or go on where it was stopped.

    It prints the naive score, the estimate and the test; report.html, MODEL_CARD.md, trials.csv, the model and the log
    go to DIR/NAME, where NAME is the study's name in the plan. How many trials there are, how many train at once and
    what they may cost stands in the plan, so that it is on the record.

    Ctrl-C stops it and loses nothing that was told: the same command, or resume, goes on from there. A small plan:

    \b
    [study]
    name = "digits"
    [data]
    source = "sklearn:digits"     # or "table.csv", and target = "column"
    [model]
    family = "svm"
    [search]
    trials = 30
    """  # noqa: D301 - the mark has typer keep the lines of the plan
    from holdfast.execute.named import executor_named
    from holdfast.protocol.folder import RunFolder
    from holdfast.protocol.read import read_plan
    from holdfast.protocol.tune import tune as run_plan

    refuse_a_name(plan, runs)
    file = read_plan(plan)
    run = RunFolder(runs, file.plan.study.name)
    where = executor_named(executor, address=address, resources=resources)
    if not quiet:
        say(_intent(file.plan))
    return _work(
        run,
        lambda progress: run_plan(
            file, runs=runs, executor=where, progress=progress, begun=None if quiet else _say_findings
        ),
        file.plan.most_trials,
        quiet,
        as_json,
    )


def resume(
    name: Name,
    *,
    runs: Runs = RUNS,
    executor: Executor = None,
    address: Address = None,
    resources: Resources = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Go on with a study that was stopped, by its name.

    The plan is the one on its log. What was told is kept; trials that were running start again from where they were
    last saved.
    """
    from holdfast.errors import RequestError
    from holdfast.execute.named import executor_named
    from holdfast.protocol.folder import command, find_run
    from holdfast.protocol.tune import resume as run_on

    if name.endswith(".toml") and Path(name).is_file():
        raise RequestError(f"there is no study '{name}' in {runs}; a plan is run with: {command(runs, 'tune', name)}")
    run = find_run(runs, name)
    where = executor_named(executor, address=address, resources=resources)
    return _work(run, lambda progress: run_on(name, runs=runs, executor=where, progress=progress), None, quiet, as_json)


def unseal(
    name: Name,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Open rows that have been opened before; needs --why.")
    ] = False,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is shown on every page.")] = "",
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Open the sealed test rows, once, on the record.

    Openings are counted by the rows themselves, across all studies in DIR: another study's name resets nothing. A
    second opening needs a reason and widens the interval.
    """
    from holdfast.cli.outcome import show_outcome
    from holdfast.errors import RequestError
    from holdfast.protocol.tune import unseal as open_rows

    if again and not why.strip():
        raise RequestError('--again needs a reason; add --why "the reason"')
    result = open_rows(name, runs=runs, again=again, why=why)
    show_outcome(result, runs, as_json=as_json, paths=not as_json)
    return 0


def _intent(plan: Plan) -> str:
    """What is about to be done, and within which budget."""
    from holdfast.facts.numbers import count
    from holdfast.facts.spending import amount

    limits = [amount(name, value) for name, value in plan.budget.limits().amounts().items()]
    budget = f", within {', '.join(limits)}" if limits else ""
    trials = count(plan.most_trials, "trial")
    return f"study '{plan.study.name}': {plan.model.family} on {plan.data.source}, {trials}{budget}"


def _say_findings(book: Book) -> None:
    """Say what the checks before the first fit have found, if anything, and which way a metric is taken to be."""
    from holdfast.cli.findings import findings_text
    from holdfast.cli.output import columns
    from holdfast.facts.leakage import findings_of
    from holdfast.protocol.advice import taken_direction
    from holdfast.protocol.recorded import recorded_plan

    taken = taken_direction(recorded_plan(book))
    if taken:
        say(f"warning: {taken}")
    findings = findings_of(book.state)
    if findings is not None and findings.found:
        say(f"\n{findings_text(findings, columns(sys.stderr))}\n")


def refuse_a_name(plan: Path, runs: Path) -> None:
    """Say what to type where a study's name stands in the place of its plan."""
    from holdfast.errors import RequestError
    from holdfast.protocol.folder import PLAN, RunFolder

    if not plan.exists() and (runs / plan / PLAN).is_file():
        raise RequestError(
            f"there is no plan file '{plan}'; the study of that name goes on with: "
            f"{RunFolder(runs, str(plan)).command('resume')}"
        )


def _work(run: RunFolder, start: Callable[[Progress], Result], total: int | None, quiet: bool, as_json: bool) -> int:
    """Run trials under a live line, and show what came out; on Ctrl-C say what is on record and how to go on."""
    from holdfast.cli.outcome import show_outcome
    from holdfast.cli.progress import watched

    try:
        with watched(run, total, quiet=quiet) as progress:
            result = start(progress)
    except KeyboardInterrupt:
        say(f"holdfast: {_stopped(run)}")
        return STOPPED
    show_outcome(result, run.runs, as_json=as_json, paths=not quiet)
    return 0


def _stopped(run: RunFolder) -> str:
    """What is on record after an interrupt, and how to go on."""
    from holdfast.cli.progress import count_done, on_record

    state = on_record(run)
    if state is None:
        return "stopped before the first trial; nothing is on record"
    done, limit = count_done(state), state.history.trials_limit
    many = f"{done} trials are" if limit is None else f"{done} of {limit} trials {'is' if limit == 1 else 'are'}"
    return f"stopped; {many} on record; go on with: {run.command('resume')}"
