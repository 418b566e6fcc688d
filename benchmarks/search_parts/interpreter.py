"""Parts of the benchmarks as processes, in this interpreter or in one that has a rival."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment in which numerical libraries take one thread."""


def command(python: str, module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the benchmarks; its working directory is `ROOT`."""
    found = shutil.which(python)
    if found is None:
        raise SystemExit(f"there is no interpreter {python}")
    return [str(Path(found).absolute()), "-m", f"benchmarks.{module}", *arguments]


def environment() -> dict[str, str]:
    """This process's environment, in which the benchmarks can be imported too."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
