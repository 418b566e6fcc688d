"""How long graphics processors were busy: their utilisation, read once a second by NVIDIA's NVML."""

from __future__ import annotations

import sys
import threading
import time
from functools import cache
from types import ModuleType
from typing import Any

from holdfast.usage import UNKNOWN, Figure, Method, counted

PERIOD = 1.0
"""Seconds between two readings."""


@cache
def _nvml() -> tuple[ModuleType, tuple[Any, ...]] | None:
    """NVML and a handle for each device; None where it is not installed, or there is none, so that nobody can say."""
    if sys.platform == "darwin":  # Apple's own devices are none of NVIDIA's
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handles = tuple(pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:  # no driver is there, so no device that this could meter
        handles = ()
    return pynvml, handles


def gpu_names() -> list[str] | None:
    """The NVIDIA devices of this machine; None where NVML's library is not installed, so that nobody can say."""
    found = _nvml()
    if found is None:
        return None
    nvml, handles = found
    names = [nvml.nvmlDeviceGetName(handle) for handle in handles]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


class GpuSampler:
    """Sums up the utilisation of all devices until it is stopped."""

    def __init__(self, nvml: ModuleType, handles: tuple[Any, ...]) -> None:
        self._nvml = nvml
        self._handles = handles
        self._ended = threading.Event()
        self._readings: list[float | None] = []
        self._began = time.perf_counter()
        self._thread = threading.Thread(target=self._sample, name="holdfast-gpu", daemon=True) if handles else None
        if self._thread is not None:
            self._thread.start()

    def stop(self) -> Figure:
        """Seconds for which devices were busy, all of them together; 0 where there is none.

        Unknown if the driver does not tell, as for a device that is cut in parts.
        """
        if self._thread is None:
            return counted(0.0)
        self._ended.set()
        self._thread.join()
        self._read()
        if None in self._readings:
            return UNKNOWN
        rates = [reading for reading in self._readings if reading is not None]
        return Figure(sum(rates) / len(rates) * (time.perf_counter() - self._began), Method.SAMPLED)

    def _sample(self) -> None:
        while not self._ended.wait(PERIOD):
            self._read()

    def _read(self) -> None:
        """Keep the busy share of the last moments, summed over devices (2.0: two devices at work); None if unknown."""
        try:
            rates = [self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu for handle in self._handles]
        except self._nvml.NVMLError:
            self._readings.append(None)
        else:
            self._readings.append(sum(rates) / 100.0)


def gpu_sampler() -> GpuSampler | None:
    """A running sampler; None where nobody can say what graphics processors do."""
    found = _nvml()
    return None if found is None else GpuSampler(*found)
