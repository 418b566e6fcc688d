"""The command that looks at the machine, and says what to type where something is missing."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.checks import Check, checks, nearest_folder, version_of
from holdfast.cli.complete import studies
from holdfast.cli.options import RUNS, Json, Runs, Storage
from holdfast.cli.output import aligned, columns, show_json, show_marked
from holdfast.errors import RequestError

STYLES = {"ok": "green", "note": "yellow", "missing": "red"}


def doctor(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The study whose log is to be salvaged.", autocompletion=studies),
    ] = None,
    *,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Save what can be read of a damaged log, in a new one beside it.")
    ] = False,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Show what is on this machine, or save a damaged log.

    Versions of all packages and extras, processor, GPU, energy counters, room on the disk, git and completion; below
    them, what to type where something is missing. Nothing is changed, and the exit code is 0 also where there is
    something to advise.

    With --salvage every event of the study NAME that can still be read goes to a new log beside the damaged file, which
    is not changed, and `resume` goes on from there. What was lost is said, and stands on the new log.
    """
    if salvage:
        from holdfast.cli.salvage import salvage_log

        return salvage_log(name, runs, storage, as_json=as_json)
    if name is not None or storage is not None:
        raise RequestError("doctor looks at the machine; for the log of a study add --salvage, or type holdfast verify")
    found = checks(runs)
    if as_json:
        show_json(as_dict(found, runs))
    else:
        show_marked(text(found, columns(sys.stdout)), STYLES)
    return 0


def text(found: list[Check], width: int | None) -> str:
    """All checks by section, and then the advice."""
    label = max(len(check.what) for check in found)
    parts: list[str] = []
    for section, items in groupby(found, key=lambda check: check.section):
        rows = [[f"{check.mark:<7}", f"{check.what:<{label}}", check.found] for check in items]
        parts += [section, aligned(rows, gap=2, width=width), ""]
    advice = [["-", check.advice] for check in found if check.advice]
    if advice:
        return "\n".join([*parts, "advice", aligned(advice, gap=1, width=width)])
    return "\n".join([*parts, "Nothing is missing."])


def as_dict(found: list[Check], runs: Path) -> dict[str, Any]:
    """All checks as JSON values; ``advice`` holds a sentence for each thing that is amiss."""
    import shutil

    from holdfast.execute.threads import cores

    return {
        "holdfast": version_of("holdfast"),
        "versions": {check.what: version_of(check.what) for check in found if check.section == "packages"},
        "cores": cores(),
        "disk_free_bytes": shutil.disk_usage(nearest_folder(runs)).free,
        "checks": [
            {"section": check.section, "what": check.what, "found": check.found, "mark": check.mark} for check in found
        ],
        "advice": [check.advice for check in found if check.advice],
    }
