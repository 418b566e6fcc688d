"""Where a result came from: the state of the code's repository, and the versions of what ran."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from holdfast.address import masked

PACKAGES = ("holdfast", "numpy", "scikit-learn", "polars", "scipy", "torch")
"""The packages whose versions may change a result."""

LONGEST_DIFF = 100_000
"""The most characters of a diff that are kept; its hash always covers all of it."""

MOST_UNTRACKED = 100
"""The most names of untracked files that are kept."""

TIMEOUT = 10.0
"""Seconds that git may take."""


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit that a folder is at, and what was changed since; None outside of a repository or without git.

    Returns:
        ``commit`` (hex; None before the first one); ``dirty``, whether tracked files differ from it; of that difference
        ``diff`` (its text, cut at `LONGEST_DIFF` characters) and ``diff_sha256`` (of all of it; None if there is none);
        ``untracked`` names at most `MOST_UNTRACKED` files that git neither knows nor ignores.
    """
    if _git(folder, "rev-parse", "--is-inside-work-tree") is None:
        return None
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    diff = None if commit is None else _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD")
    others = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/")
    untracked = [name for name in (others or b"").decode(errors="replace").split("\0") if name]
    return {
        "commit": None if commit is None else commit.decode().strip(),
        "dirty": commit is None or bool(diff),
        "diff": masked((diff or b"").decode(errors="replace"))[:LONGEST_DIFF],
        "diff_sha256": hashlib.sha256(diff).hexdigest() if diff else None,
        "untracked": untracked[:MOST_UNTRACKED],
    }


def environment() -> dict[str, Any]:
    """The interpreter, the machine's kind and number of cores, and the versions of `PACKAGES` that are installed."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "versions": {name: version for name in PACKAGES if (version := _version(name)) is not None},
    }


def _version(package: str) -> str | None:
    """The version of an installed package; nothing is imported."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says, or None if it cannot say anything; it takes no lock and runs no monitor."""
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
