"""How a worker process ended, and what that says of the trial that it ran."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from holdfast.records import Cause

_ASKED_TO_END = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU})
"""What a scheduler sends to a process that has to leave the machine."""


def ending(code: int, kills: int) -> tuple[Cause, str]:
    """The cause of a loss, and how the process ended in words.

    Args:
        code: the exit code, negative for a signal, as `subprocess` has it.
        kills: `memory_kills` from before the process was begun.
    """
    if code >= 0:
        return Cause.LOST, f"ended with exit code {code}"
    name = signal.Signals(-code).name
    how = f"was ended by signal {-code}, {name}"
    if -code == signal.SIGKILL and memory_kills() > kills:
        return Cause.MEMORY, f"{how}, because the memory of this machine or container had run out,"
    if -code == signal.SIGKILL:
        return Cause.LOST, f"{how} (the kernel does this when memory runs out),"
    if -code in _ASKED_TO_END:
        return Cause.PREEMPTED, f"{how}, which asks it to leave the machine,"
    return Cause.LOST, f"{how},"


def memory_kills(root: Path = Path("/")) -> int:
    """How many processes of this container the kernel has ended because memory ran out; 0 where nobody counts them."""
    try:
        group = (root / "proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return 0
    below = [match[1].lstrip("/") for match in re.finditer(r"^0::(.*)$", group, re.MULTILINE)]
    files = [root / "sys/fs/cgroup" / path / "memory.events" for path in [*below, ""]]
    for file in [*files, root / "sys/fs/cgroup/memory/memory.oom_control"]:
        try:
            found = re.search(r"^oom_kill (\d+)$", file.read_text(encoding="ascii"), re.MULTILINE)
        except OSError:
            continue
        if found is not None:
            return int(found[1])
    return 0
