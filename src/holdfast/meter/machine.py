"""The machine that work runs on, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from holdfast.meter.gpu import gpu_names


def machine_words() -> str:
    """Cores, processor and graphics processors, such as ``2 cores, AMD EPYC 7B13, no GPU found``."""
    cores = os.cpu_count() or 1
    parts = [f"{cores} core{'' if cores == 1 else 's'}", _processor()]
    names = gpu_names()
    if names is not None:
        parts.append(" + ".join(names) if names else "no GPU found")
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    """The processor's own name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
