"""How long graphics processors were busy: their utilisation, read once a second by NVIDIA's NVML."""

from __future__ import annotations

import threading
import time
from functools import cache
from types import ModuleType
from typing import Any

from holdfast.usage import Figure, Method, counted

PERIOD = 1.0
"""Seconds between two readings."""


@cache
def _nvml() -> tuple[ModuleType, tuple[Any, ...]] | None:
    """NVML and a handle for each device; None where the library is not installed, so that nobody can say."""
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
        self._readings: list[float] = []
        self._began = time.perf_counter()
        self._thread = threading.Thread(target=self._sample, name="holdfast-gpu", daemon=True) if handles else None
        if self._thread is not None:
            self._thread.start()

    def stop(self) -> Figure:
        """Seconds for which devices were busy, all of them together; 0 where there is none."""
        if self._thread is None:
            return counted(0.0)
        self._readings.append(self._utilisation())
        self._ended.set()
        self._thread.join()
        busy = sum(self._readings) / len(self._readings) * (time.perf_counter() - self._began)
        return Figure(busy, Method.SAMPLED)

    def _sample(self) -> None:
        while not self._ended.wait(PERIOD):
            self._readings.append(self._utilisation())

    def _utilisation(self) -> float:
        """The busy share of the last moments, summed over devices (2.0: two devices at work)."""
        rates = [self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu for handle in self._handles]
        return float(sum(rates)) / 100.0


def gpu_sampler() -> GpuSampler | None:
    """A running sampler; None where nobody can say what graphics processors do."""
    found = _nvml()
    return None if found is None else GpuSampler(*found)
