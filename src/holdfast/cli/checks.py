"""What `doctor` looks at: packages, extras, processor, energy counters, files, the shell. Nothing is changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Mark = Literal["ok", "note", "missing"]

LITTLE_DISK = 2**30
"""Below so many free bytes there is a word about it."""

EXTRAS: dict[str, tuple[str, str]] = {
    "torch": ("torch", "the family 'mlp'"),
    "cma": ("cmaes", "the strategy 'cma-es'"),
    "energy": ("codecarbon", "metered electricity and carbon"),
    "postgres": ("psycopg", "storage in PostgreSQL"),
    "ray": ("ray", "trials on a Ray cluster"),
    "remote": ("fsspec", "checkpoints on S3 and the like"),
    "card": ("huggingface-hub", "the check of the model card's front matter"),
}
"""The package that each extra installs, and what it is for."""

COMPLETIONS: dict[str, str] = {
    "bash": ".bash_completions/holdfast.sh",
    "zsh": ".zfunc/_holdfast",
    "fish": ".config/fish/completions/holdfast.fish",
}
"""Where `--install-completion` puts its script for each shell, below the home folder."""

COUNTERS = Path("/sys/class/powercap")
"""Where Linux shows the processor's energy counters (RAPL)."""

ESTIMATED = "codecarbon estimates from the processor's design power (TDP) and its load, which may be off by some 40%"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Args:
        section: under which it stands.
        what: it was.
        found: in words.
        mark: ok, note (works, but see the advice), or missing.
        advice: a sentence with what to type or to know; empty where nothing is amiss.
    """

    section: str
    what: str
    found: str
    mark: Mark = "ok"
    advice: str = ""


def checks(runs: Path) -> list[Check]:
    """Everything, in the order in which it is shown."""
    return [
        *_packages(),
        *_extras(),
        Check("machine", "python", f"{'.'.join(map(str, sys.version_info[:3]))} in {sys.prefix}"),
        Check("machine", "system", _system()),
        Check("machine", "processor", _processor()),
        Check("machine", "threads", thread_limits()),
        gpu(),
        *_energy(),
        *_files(runs),
        _git(),
        _completion(),
    ]


def packages() -> list[str]:
    """The packages that holdfast needs, without those of its extras."""
    from importlib.metadata import requires

    lines = [line for line in requires("holdfast") or [] if "extra ==" not in line]
    return sorted(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines)


def version_of(package: str) -> str | None:
    """The version of an installed package; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _packages() -> Iterator[Check]:
    for package in ["holdfast", *packages()]:
        version = version_of(package)
        if version is None:
            advice = (
                f"the package '{package}' is missing; install holdfast anew: pip install --force-reinstall holdfast"
            )
            yield Check("packages", package, "not installed", "missing", advice)
        else:
            yield Check("packages", package, version)


def _extras() -> Iterator[Check]:
    for extra, (package, purpose) in EXTRAS.items():
        version = version_of(package)
        if version is None:
            advice = f"{purpose} needs the extra '{extra}'; install it with: pip install 'holdfast[{extra}]'"
            yield Check("extras", extra, f"{package} is not installed: {purpose}", "missing", advice)
        else:
            yield Check("extras", extra, f"{package} {version}: {purpose}")


def _system() -> str:
    import platform

    return platform.platform()


def _processor() -> str:
    from holdfast.execute.threads import cores
    from holdfast.facts.numbers import count
    from holdfast.meter.machine import machine_words

    usable = cores()
    return f"{machine_words()}; {count(usable, 'core')} for this process"


def thread_limits() -> str:
    """The limits of thread pools that the environment sets."""
    from holdfast.execute.threads import POOLS

    limits = [f"{name}={os.environ[name]}" for name in POOLS if os.environ.get(name)]
    return ", ".join(limits) or "no limit set; each worker gets its share of the cores"


def gpu() -> Check:
    """What torch says of a GPU."""
    from holdfast.errors import MissingExtraError
    from holdfast.optional import need

    if version_of("torch") is None:
        return Check("machine", "gpu", "unknown without torch", "note")
    try:
        torch: Any = need("torch", "torch", "the family 'mlp'")
    except (MissingExtraError, ImportError, OSError) as exc:
        advice = f"torch is installed but cannot be imported: {exc}; reinstall it"
        return Check("machine", "gpu", "unknown", "missing", advice)
    if not torch.cuda.is_available():
        return Check("machine", "gpu", "none that torch can use; the family 'mlp' trains on the cores")
    return Check("machine", "gpu", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))


def _energy() -> Iterator[Check]:
    """What electricity would be metered by."""
    from holdfast.meter.gpu import gpu_names

    if version_of("codecarbon") is None:
        yield Check("energy", "processor", "not metered: kWh is unknown unless the plan gives `[price] watts`", "note")
    else:
        yield _counters()
    names = gpu_names()
    if names is None:
        yield Check(
            "energy", "gpu", "unknown: NVIDIA's are metered, with the library (NVML) of the extra 'energy'", "note"
        )
    else:
        yield Check("energy", "gpu", f"metered by NVML: {', '.join(names)}" if names else "no NVIDIA device here")


def _counters() -> Check:
    """Whether the processor's own counters can be read."""
    files = sorted(COUNTERS.glob("*/energy_uj"))
    if not files:
        return Check("energy", "processor", f"no counter (RAPL) here: {ESTIMATED}", "note")
    if all(os.access(file, os.R_OK) for file in files):
        return Check("energy", "processor", "its own counter (RAPL)")
    pattern = COUNTERS / "*" / "energy_uj"
    advice = f"only root may read the energy counter; until the next boot this opens it: sudo chmod a+r {pattern}"
    return Check("energy", "processor", f"its counter (RAPL) cannot be read: {ESTIMATED}", "note", advice)


def _files(runs: Path) -> Iterator[Check]:
    """Whether runs can be written, and how much room there is."""
    from holdfast.facts.numbers import count
    from holdfast.protocol.folder import names_in

    there = nearest_folder(runs)
    many = count(len(names_in(runs)), "study", "studies") if runs.is_dir() else "not there yet"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as exc:
        why = (exc.strerror or str(exc)).lower()
        advice = f"'{there}' cannot be written to ({why}); name another folder with --runs DIR"
        yield Check("files", "runs", f"'{runs}', {many}: cannot be written to", "missing", advice)
    else:
        yield _runs(runs, there, many)
    free = shutil.disk_usage(there).free
    little = (
        f"there is little room on the disk of '{runs}'; a run needs its data's size twice" if free < LITTLE_DISK else ""
    )
    yield Check("files", "disk", f"{free / 2**30:.1f} GiB free", "note" if little else "ok", little)


def _runs(runs: Path, there: Path, many: str) -> Check:
    """The folder of runs, and what to know of it if it lies on a network share."""
    from holdfast.log.shares import share_of

    share = share_of(there / "study.db")
    if share is None:
        return Check("files", "runs", f"'{runs}', {many}")
    found = f"'{runs}', {many}; on a network share ({share.name} at {share.at})"
    if share.locks:
        advice = (
            f"'{runs}' lies on a network share: let one machine at a time work on a study there, or keep its log on a"
            " server: [study] storage"
        )
        return Check("files", "runs", found, "note", advice)
    advice = f"'{runs}' lies on a share without file locks, where no log is made; name another folder with --runs DIR"
    return Check("files", "runs", f"{found}, without file locks", "missing", advice)


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(folder for folder in (path.resolve(), *path.resolve().parents) if folder.is_dir())


def _git() -> Check:
    missing = Check(
        "files",
        "git",
        "not found",
        "note",
        "git was not found, so that the record of a run will not name the commit of your code",
    )
    if shutil.which("git") is None:
        return missing
    done = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False, timeout=10)
    version = done.stdout.strip().removeprefix("git version ")
    return Check("files", "git", version) if version else missing


def _completion() -> Check:
    shells = [shell for shell, path in COMPLETIONS.items() if (Path.home() / path).is_file()]
    if shells:
        return Check("shell", "completion", f"installed for {', '.join(shells)}")
    advice = "the Tab key can complete commands and names of studies; type once: holdfast --install-completion"
    return Check("shell", "completion", "not installed", "note", advice)
