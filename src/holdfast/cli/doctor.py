"""The command that looks at the machine: versions, cores, torch, disk, git, thread limits."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from holdfast.cli.options import RUNS, Json, Runs
from holdfast.cli.output import aligned, show, show_json

PACKAGES = (
    "holdfast",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pydantic",
    "skops",
    "safetensors",
    "altair",
    "torch",
)

LITTLE_DISK = 2**30
"""Below so many free bytes there is a word about it."""


def doctor(*, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Show what holdfast finds on this machine.

    Versions, cores, torch, disk and git, and what to type where something is missing.
    """
    found = examine(runs)
    if as_json:
        show_json(found)
        return
    rows = [[package, version or "not installed"] for package, version in found["versions"].items()]
    rows += [[key, str(found[key])] for key in ("python", "platform", "cores", "threads", "gpu", "git", "disk")]
    show(aligned(rows, indent=""))
    for advice in found["advice"]:
        show(f"\n{advice}")


def examine(runs: Path) -> dict[str, Any]:
    """Everything that `doctor` shows, as JSON values; ``advice`` holds a sentence for each thing that is amiss."""
    import platform

    from holdfast.execute.threads import cores

    versions = {package: _version(package) for package in PACKAGES}
    disk, free = _disk(runs)
    git = _git()
    gpu, torch_problem = _gpu(versions["torch"])
    advice = [
        torch_problem,
        "" if git else "git was not found, so that the record of a run will not name the commit of your code",
        ""
        if free >= LITTLE_DISK
        else f"there is little room on the disk of '{runs}'; a run needs its data's size twice",
    ]
    return {
        "versions": versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "threads": _thread_limits(),
        "gpu": gpu,
        "git": git or "not found",
        "disk": disk,
        "disk_free_bytes": free,
        "advice": [sentence for sentence in advice if sentence],
    }


def _version(package: str) -> str | None:
    """The version of an installed package; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu(torch_version: str | None) -> tuple[str, str]:
    """What torch says of a GPU, and a sentence where torch is missing or broken."""
    from holdfast.errors import MissingExtraError
    from holdfast.optional import need

    if torch_version is None:
        return "unknown without torch", "the family 'mlp' needs torch; install it with: pip install 'holdfast[torch]'"
    try:
        torch: Any = need("torch", "torch", "the family 'mlp'")
    except (MissingExtraError, ImportError, OSError) as exc:
        return "unknown", f"torch is installed but cannot be imported: {exc}; reinstall it"
    if not torch.cuda.is_available():
        return "none that torch can use; the family 'mlp' trains on the cores", ""
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())), ""


def _thread_limits() -> str:
    """The limits of thread pools that the environment sets."""
    from holdfast.execute.threads import POOLS

    limits = [f"{name}={os.environ[name]}" for name in POOLS if os.environ.get(name)]
    return ", ".join(limits) or "no limit set; each worker gets its share of the cores"


def _git() -> str | None:
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip().removeprefix("git version ") or None


def _disk(runs: Path) -> tuple[str, int]:
    """How much room there is where runs are kept, and whether they can be written there."""
    there = next(path for path in (runs.resolve(), *runs.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free
    writable = "" if os.access(there, os.W_OK) else ", but it cannot be written to"
    return f"{free / 2**30:.1f} GiB free for '{runs}'{writable}", free
