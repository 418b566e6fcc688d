"""The command that looks at the machine, and says what to type where something is missing."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from holdfast.cli.checks import Check, checks, nearest_folder, version_of
from holdfast.cli.options import RUNS, Json, Runs
from holdfast.cli.output import aligned, columns, show_json, show_marked

STYLES = {"ok": "green", "note": "yellow", "missing": "red"}


def doctor(*, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Show what holdfast finds on this machine.

    Versions of all packages and extras, processor, GPU, energy counters, room on the disk, git and completion; below
    them, what to type where something is missing. Nothing is changed, and the exit code is 0 also where there is
    something to advise.
    """
    found = checks(runs)
    if as_json:
        show_json(as_dict(found, runs))
    else:
        show_marked(text(found, columns(sys.stdout)), STYLES)


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
