"""Sampling graphics processors, with a stand-in for NVML: this machine need not have any."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.meter import gpu
from holdfast.meter.gpu import GpuSampler
from holdfast.meter.job import MeteredJob
from holdfast.records import Assignment, Outcome, TrialState, Verdict
from holdfast.usage import UNKNOWN, Method, counted


class NVMLError(Exception):
    """What NVML raises."""


def nvml_of(*busy: int | None) -> Any:
    """NVML of devices that are busy to so many per cent; None for one that does not say."""

    def rates(handle: int) -> SimpleNamespace:
        percent = busy[handle]
        if percent is None:
            raise NVMLError
        return SimpleNamespace(gpu=percent)

    return SimpleNamespace(NVMLError=NVMLError, nvmlDeviceGetUtilizationRates=rates)


def test_devices_add_up() -> None:
    sampler = GpuSampler(nvml_of(50, 100), (0, 1))
    time.sleep(0.2)
    busy = sampler.stop()
    assert busy.value == pytest.approx(0.3, rel=0.5)
    assert busy.method is Method.SAMPLED


def test_no_device_is_never_busy() -> None:
    assert GpuSampler(nvml_of(), ()).stop() == counted(0.0)


def test_a_device_that_does_not_say_costs_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PERIOD", 0.01)
    sampler = GpuSampler(nvml_of(50, None), (0, 1))
    time.sleep(0.1)
    assert sampler.stop() == UNKNOWN


class Work:
    """A moment's work."""

    def run(self, assignments: Any, _: object) -> list[Outcome]:
        time.sleep(0.1)
        return [Outcome(given.trial, TrialState.COMPLETE, {"value": 1.0}) for given in assignments]


def test_workers_share_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_nvml", lambda: (nvml_of(100), (0,)))
    (one,) = MeteredJob(Work()).run([Assignment(0, {}, 0)], lambda _: Verdict.CONTINUE)
    (shared,) = MeteredJob(Work(), 4).run([Assignment(0, {}, 0)], lambda _: Verdict.CONTINUE)
    assert one.usage.gpu_seconds.value == pytest.approx(one.usage.wall_seconds.value, rel=0.2)
    assert shared.usage.gpu_seconds.value == pytest.approx((shared.usage.wall_seconds.value or 0.0) / 4, rel=0.2)
