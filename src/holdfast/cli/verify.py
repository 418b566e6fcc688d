"""The command that checks the record from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.options import RUNS, Json, Name, Runs, Storage
from holdfast.cli.output import show, show_json
from holdfast.cli.stored import open_stored


def verify(
    name: Name,
    *,
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="The head that a report or a card shows.")
    ] = None,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Check that nothing on the record was changed.

    Every event, every blob and every recorded file of the study is checked against its hash, and the ledger of the
    store, where it is beside the study, for the looks that the study has entered there.

    Exit code 0 if nothing was changed, 1 otherwise. With the head that was kept elsewhere it is certain that the log
    was not cut off or written anew before that point.
    """
    found = _check(name, runs, storage, head)
    if as_json:
        show_json(found)
    else:
        _print(found, runs)
    return 0 if found["ok"] else 1


def _check(name: str, runs: Path, storage: str | None, head: str | None) -> dict[str, Any]:
    """What was found, without folding the log: one that was changed may not fold.

    A study by its storage alone has no folder, and so no files.
    """
    from holdfast.log.open import open_log
    from holdfast.log.salvage import salvaged_in
    from holdfast.log.verify import verify as verify_log
    from holdfast.protocol.folder import find_run
    from holdfast.protocol.ledger import ledger_problems
    from holdfast.protocol.record import changed_files, recorded_files

    run = None if storage is not None else find_run(runs, name)
    log = open_log(run.recorded_storage(), name, read_only=True) if run is not None else open_stored(str(storage), name)
    try:
        checked = verify_log(log, head)
        problems = list(checked.problems)
        blobs = sum(1 for _ in log.blobs())
        salvaged = salvaged_in(log)
        files = recorded_files(log) if checked.ok and run is not None else {}
        if run is not None:
            problems += changed_files(run.path, files)
            problems += ledger_problems(run, log) if checked.ok else []
    finally:
        log.close()
    problems = [_of_the_damaged(problem, head, salvaged) for problem in problems]
    return {
        "name": name,
        "ok": not problems,
        "events": checked.length,
        "blobs": blobs,
        "files": len(files),
        "head": checked.head,
        "problems": problems,
        "salvaged": salvaged,
        "cannot_exclude": checked.cannot_exclude,
    }


def _of_the_damaged(problem: str, head: str | None, salvaged: list[dict[str, Any]]) -> str:
    """A problem with the head that was given; said in other words where it is the end of a log that was damaged."""
    wanted = (head or "").strip().lower()
    told = next((told for told in salvaged if told["last"][1] == wanted), None)
    if told is None or wanted not in problem:
        return problem
    return (
        f"{wanted} was the head of the damaged log that this one was salvaged from; of its {told['last'][0]:,} events "
        f"the first {told['head'][0]:,} are here with the hashes that lead to it"
    )


def _print(found: dict[str, Any], runs: Path) -> None:
    from holdfast.facts.numbers import count
    from holdfast.facts.record import salvaged_sentence
    from holdfast.protocol.folder import RunFolder

    sizes = f"{count(found['events'], 'event')}, {count(found['blobs'], 'blob')}, {count(found['files'], 'file')}"
    problems = found["problems"]
    if found["ok"]:
        show(f"study '{found['name']}' is as it was written: {sizes} checked")
    else:
        show(f"study '{found['name']}' was changed: {problems[0]}")
        if len(problems) > 1:
            again = RunFolder(runs, found["name"]).command("verify", "--json")
            show(f"and {count(len(problems) - 1, 'further problem')}; all of them: {again}")
    for told in found["salvaged"]:
        show(f"note: {salvaged_sentence(told)}")
    show(f"head: {found['head']}")
    if found["cannot_exclude"]:
        show(f"note: {found['cannot_exclude']}")
