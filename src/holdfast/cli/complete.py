"""What the Tab key offers: names of studies, plans, endings of files. Quick, and silent where nothing can be read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import typer

MOST = 200
"""Files of one folder that are looked at, so that the key answers at once in a large one too."""

LOGS = ("plan.toml", "study.db")
"""A folder with one of these is a run; see `holdfast.protocol.folder`, which is too slow to import for a key."""

TABLES = (".csv", ".parquet", ".json")
NEW_ROWS = (".csv", ".tsv", ".parquet", ".arrow")


def studies(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the runs in the folder that ``--runs`` names, if it stands before the name."""
    runs = Path(context.params.get("runs") or "runs").expanduser()
    names = {path.parent.name for file in LOGS for path in _glob(runs, f"*/{file}")}
    return sorted(name for name in names if name.startswith(incomplete))


def plans(incomplete: str) -> list[str]:
    """Plans in the folder that was typed, and in those whose name was begun."""
    return _files(incomplete, (".toml",))


def new_rows(incomplete: str) -> list[str]:
    """Tables in the folder that was typed, and in those whose name was begun."""
    return _files(incomplete, NEW_ROWS)


def exports(context: typer.Context, incomplete: str) -> list[str]:
    """The name that was typed, with each ending that trials can be exported to; ``-`` for stdout."""
    stem = Path(incomplete).name
    if not stem:
        study = context.params.get("name") or "trials"
        return [*(f"{incomplete}{study}{ending}" for ending in TABLES), *(["-"] if not incomplete else [])]
    return [f"{start}{ending}" for start, ending in _endings(incomplete)]


def _endings(incomplete: str) -> Iterable[tuple[str, str]]:
    """What was typed before its ending, with each ending that begins as it does."""
    ending = Path(incomplete).suffix or ("." if incomplete.endswith(".") else "")
    start = incomplete.removesuffix(ending) if ending else incomplete
    fitting = [known for known in TABLES if known.startswith(ending)]
    return [(start, known) for known in fitting] or [(incomplete, known) for known in TABLES]


def _files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    """Files with one of these endings: what was typed may be the begin of a file or of a folder."""
    cut = max(incomplete.rfind("/"), incomplete.rfind("\\")) + 1
    typed, begun = incomplete[:cut], incomplete[cut:]
    folder = Path(typed or ".").expanduser()
    here = [path for path in _glob(folder, "*") if path.name.startswith(begun) and (begun or path.name[0] != ".")]
    found = [f"{typed}{path.name}" for path in here if path.suffix.lower() in endings and path.is_file()]
    for inner in (path for path in here if path.is_dir()):
        within = [path.name for path in _glob(inner, "*") if path.suffix.lower() in endings]
        found += [f"{typed}{inner.name}{os.sep}{name}" for name in within]
    return sorted(found)


def _glob(folder: Path, pattern: str) -> list[Path]:
    """At most `MOST` paths; none where the folder cannot be read, as a key has nobody to tell."""
    try:
        return [path for path, _ in zip(folder.glob(pattern), range(MOST), strict=False)]
    except OSError:
        return []
