"""What a piece of work uses while it runs: time, processor, memory, graphics processors.

Memory: on Linux the kernel keeps the peak of a process and lets it be set back (`/proc/PID/clear_refs`, value 5, see
proc(5)); elsewhere the peak since the process began is read, which is too large for all but the largest work.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.meter.gpu import GpuSampler, gpu_sampler
from holdfast.usage import UNKNOWN, Figure, Method, Usage, counted

_CLEAR = "/proc/self/clear_refs"
_STATUS = "/proc/self/status"
_STATUS_BYTES = 8192
"""More than a process's status has."""


def processor_seconds() -> float:
    """Processor time of this process and of those that it has started and waited for."""
    if sys.platform == "win32":
        return time.process_time()
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _set_peak_back() -> bool:
    """Begin the peak of resident memory anew; False where the system cannot."""
    try:
        file = os.open(_CLEAR, os.O_WRONLY)
    except OSError:  # no Linux, or a kernel or container that does not allow it: the peak is then an upper bound
        return False
    try:
        os.write(file, b"5")
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _peak(*, exact: bool) -> Figure:
    """The peak of resident memory; where it could not be set back, one that may be of earlier work."""
    if exact:
        _, found, rest = _status().partition(b"VmHWM:")
        if found:
            return counted(1024.0 * float(rest.split(maxsplit=1)[0]))
    if sys.platform == "win32":
        return UNKNOWN
    import resource

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return Figure(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Method.COUNTER, 1.0, None)


def _status() -> bytes:
    """What the kernel says of this process; read without Python's own files, which take longer than that."""
    file = os.open(_STATUS, os.O_RDONLY)
    try:
        return os.read(file, _STATUS_BYTES)
    finally:
        os.close(file)


@dataclass(slots=True)
class Watch:
    """Metered from when it is made until `read`."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=processor_seconds)
    peak_set_back: bool = field(default_factory=_set_peak_back)
    gpu: GpuSampler | None = field(default_factory=gpu_sampler)

    def read(self) -> Usage:
        """What was used so far; the sampling of graphics processors ends."""
        wall = time.perf_counter() - self.wall
        return Usage(
            wall_seconds=counted(wall),
            cpu_seconds=counted(max(processor_seconds() - self.cpu, 0.0)),
            gpu_seconds=UNKNOWN if self.gpu is None else self.gpu.stop(),
            peak_bytes=_peak(exact=self.peak_set_back),
        )


@contextlib.contextmanager
def watched(into: list[Usage]) -> Iterator[None]:
    """Meter a block; its usage is appended to ``into``, also when the block raises."""
    watch = Watch()
    try:
        yield
    finally:
        into.append(watch.read())
