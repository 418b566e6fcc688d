"""What `doctor --salvage` does and says: a damaged log, and what could be saved of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli.output import show, show_json

if TYPE_CHECKING:
    from holdfast.log.salvage import Salvage, Saved


def salvage_log(name: str | None, runs: Path, storage: str | None, *, as_json: bool) -> int:
    """Save what can be saved of the log of a run, or of a storage, and say what that was; the exit code.

    Raises:
        RequestError: if there is no such run, or its log is kept by a server.
        LogError: if nothing can be saved.
    """
    from holdfast.log.salvage import is_whole, salvage
    from holdfast.study.lock import DriverLock

    path = _damaged(name, runs, storage)
    if is_whole(path):
        said = f"nothing is damaged in '{path}', so nothing was written"
        _tell({"path": str(path), "whole": True}, said, as_json=as_json)
        return 0
    lock = DriverLock(runs / ".tune" if storage is None else path, name or "")
    lock.take(exclusive=True)
    try:
        done = salvage(path)
    finally:
        lock.close()
    found = {
        "source": str(done.source),
        "sha256": done.sha256,
        "path": str(done.path),
        "whole": False,
        "blobs": done.blobs,
        "studies": [_of_study(saved, done) for saved in done.studies],
    }
    _tell(found, _text(found, done, runs, storage), as_json=as_json)
    return 0


def _tell(found: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show(said)


def _damaged(name: str | None, runs: Path, storage: str | None) -> Path:
    """The file that is meant."""
    from holdfast.address import masked
    from holdfast.errors import RequestError
    from holdfast.log.open import storage_path
    from holdfast.protocol.folder import RunFolder, no_study

    if storage is None:
        if name is None:
            raise RequestError("--salvage needs the name of a study, or --storage with the address of its log")
        run = RunFolder(runs, name)
        if not run.path.is_dir():
            raise no_study(runs, name)
        storage = run.recorded_storage()
    path = storage_path(storage)
    if path is None:
        raise RequestError(f"the log in {masked(storage)} is kept by a server, and so are copies of it; restore one")
    return path


def _of_study(saved: Saved, done: Salvage) -> dict[str, Any]:
    """What was saved of a study: its events, and what these say of its trials."""
    from holdfast.errors import LogError
    from holdfast.log.sqlite import SqliteLog
    from holdfast.study.book import Book
    from holdfast.study.losses import is_lost, missing_beginning

    found: dict[str, Any] = {"name": saved.study, **saved.to_json(), "ledger": False, "why_not": None}
    with closing(SqliteLog(done.path, saved.study, read_only=True)) as log:
        if any('"kind":"rows.' in row.body for row in log.rows()):
            return {**found, "ledger": True}
        try:
            state = Book(log).state
        except LogError as exc:
            return {**found, "why_not": str(exc)}
    told = [trial for trial in state.trials if trial.told_at is not None and not is_lost(trial)]
    lacking = missing_beginning(state)
    return {
        **found,
        "trials": len(state.trials),
        "lost_trials": sum(map(is_lost, state.trials)),
        "results": sum(bool(trial.metrics) for trial in told),
        "running": sum(trial.told_at is None for trial in state.trials),
        "row_scores": sum(trial.rows is not None for trial in told),
        "planned": "data.split" in state.notes and "plan.resolved" in state.notes,
        "why_not": f"it has lost {' and '.join(lacking)}" if lacking else None,
    }


def _text(found: dict[str, Any], done: Salvage, runs: Path, storage: str | None) -> str:
    lines = [
        f"what could be saved of '{done.source}' is in '{done.path}'; the damaged file was not changed",
        *(line for study in found["studies"] for line in _study_lines(study)),
    ]
    return "\n".join([*lines, "", *_how_to_go_on(found["studies"], done, runs, storage)])


def _study_lines(study: dict[str, Any]) -> list[str]:
    from holdfast.cli.output import aligned
    from holdfast.facts.numbers import count

    length, digest = study["head"]
    n_lost = sum(last - first + 1 for first, last in study["lost"])
    events = f"{study['events']:,} saved; "
    events += f"{n_lost:,} lost: {_pieces(study['lost'])}" if n_lost else "none before the last of them is lost"
    rows = [["events", events]]
    if study["altered"]:
        rows.append(["", f"{count(len(study['altered']), 'of the lost')} can be read, but not as written, so left out"])
    if "trials" in study:
        trials = f"{study['trials'] - study['lost_trials']:,} of {study['trials']:,} saved"
        running = f", and {count(study['running'], 'trial')} that had none yet" if study["running"] else ""
        rows += [["trials", trials], ["results", f"{study['results']:,} saved{running}"]]
        if study["row_scores"]:
            rows.append(["row scores", f"those of {count(study['row_scores'], 'trial')} saved"])
    if study["missing"]:
        rows.append(["blobs", f"{len(study['missing']):,} lost that saved events name"])
    if study["unchecked"]:
        rows.append(["unchecked", f"{_pieces([[at, at] for at in study['unchecked']])}: saved without the hash before"])
    kept = f"events 0 to {length - 1:,} as they were written, to the head {digest}" if length else "nothing"
    rows.append(["verifies", kept + ("; behind them the hashes are new" if study["lost"] else "")])
    rows.append(["the end", "the file cannot say whether there were more events; a report's length and head can"])
    what = "the ledger of looks at rows" if study["ledger"] else f"study '{study['name']}'"
    return ["", f"{what}:", "", aligned([["", *row] for row in rows], gap=2, width=None)]


def _pieces(pieces: list[list[int]], most: int = 8) -> str:
    """The numbers in words, as in ``3, 7 to 9``."""
    said = [f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in pieces]
    return ", ".join(said if len(said) <= most else [*said[: most - 1], f"and {len(said) - most + 1:,} more pieces"])


def _how_to_go_on(studies: list[dict[str, Any]], done: Salvage, runs: Path, storage: str | None) -> list[str]:
    from holdfast.protocol.folder import RunFolder

    lines = []
    for study in studies:
        if study["why_not"] is not None:
            lines.append(f"study '{study['name']}' cannot go on: {study['why_not']}")
        elif study["ledger"]:
            lines.append(
                "the runs beside it use it from now on; whatever is lost of it, holdfast verify NAME will miss"
            )
        elif study["planned"] and storage is None:
            lines.append(f"go on with: {RunFolder(runs, study['name']).command('resume')}")
        else:
            lines.append(f"go on with study '{study['name']}' in the storage sqlite:///{done.path}")
    return lines
