"""Electricity, metered by codecarbon in offline mode: no file, no network, this process and all that it has started.

codecarbon reads counters where the machine lets it (RAPL, NVML); elsewhere it multiplies the processor's thermal design
power by its load and adds a fixed power for memory. Measured against meters at the plug, such estimates were off by up
to 40% (Fischer 2025, arXiv 2509.22092), which is the uncertainty that they carry here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

from holdfast.errors import RequestError, nearest
from holdfast.optional import need
from holdfast.usage import UNKNOWN, Figure, Method

ESTIMATE_UNCERTAINTY = 0.4
COUNTER_UNCERTAINTY = 0.05
"""RAPL counts what the processor drew, not the whole machine; within that it is good to some per cent."""

WORLD_KG_PER_KWH = 0.475
WORLD_SOURCE = "the world's average (IEA, 2019), since no country was given"
WORLD_UNCERTAINTY = 0.9
"""From one country's electricity to another's it is a factor of twenty."""

COUNTRY_UNCERTAINTY = 0.2
"""A country's mean over a year, for electricity that was drawn at some hour of some day."""

INSTALLED = find_spec("codecarbon") is not None
"""Whether electricity can be metered here at all."""

COUNTERS = {"intel_rapl", "windows_emi", "intel_power_gadget"}


class EnergyMeter(Protocol):
    """Counts electricity from lap to lap."""

    def lap(self, *, wait: bool = True) -> Figure:
        """The kWh since the last lap, or since the meter was ready; unknown if it is not ready and not waited for."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class NoMeter:
    """Where nothing can be metered: every lap is unknown."""

    def lap(self, *, wait: bool = True) -> Figure:  # noqa: ARG002 - there is nothing to wait for
        """Unknown, which is not zero."""
        return UNKNOWN

    def close(self) -> None:
        """There is nothing to let go of."""


class CodecarbonMeter:
    """codecarbon's meter. It is made ready in the background, which takes a second or two on a new machine.

    Whatever it raises about a machine, no trial is lost for it: the electricity is unknown from then on.
    """

    def __init__(self) -> None:
        self._tracker: Any = None
        self._laps = 0
        self._lapped = time.perf_counter()
        self._metered_from = self._lapped
        self._ready = threading.Thread(target=self._start, name="holdfast-energy", daemon=True)
        self._ready.start()

    def lap(self, *, wait: bool = True) -> Figure:
        """The kWh since the last lap; unknown where codecarbon could not begin or measure.

        The lap in which it became ready is covered in part.
        """
        if wait:
            self._ready.join()
        since, self._lapped = self._lapped, time.perf_counter()
        ended = None if self._tracker is None else self._next_task()
        if ended is None:
            return UNKNOWN
        counter = self._counts()
        method = Method.COUNTER if counter else Method.TDP
        uncertainty = COUNTER_UNCERTAINTY if counter else ESTIMATE_UNCERTAINTY
        coverage = min((self._lapped - self._metered_from) / (self._lapped - since), 1.0)
        return Figure(float(ended.energy_consumed), method, coverage, uncertainty)

    def close(self) -> None:
        """End the last lap."""
        self._ready.join()
        if self._tracker is not None:
            with contextlib.suppress(Exception):
                self._tracker.stop_task(f"lap {self._laps}")
            self._tracker = None

    def _start(self) -> None:
        with contextlib.suppress(Exception):
            tracker = _new_tracker()
            tracker.start_task("lap 0")
            self._metered_from = time.perf_counter()
            self._tracker = tracker

    def _next_task(self) -> Any:
        """What codecarbon says of the lap that ends; None if it can measure no more."""
        try:
            ended = self._tracker.stop_task(f"lap {self._laps}")
            self._laps += 1
            self._tracker.start_task(f"lap {self._laps}")
        except Exception:  # noqa: BLE001 - devices and their drivers may raise anything
            self._tracker = None
            return None
        except BaseException:  # Ctrl-C within codecarbon may leave its lock held: whoever called it again would hang
            self._tracker = None
            raise
        return ended

    def _counts(self) -> bool:
        """Whether the processor's energy is read off a counter."""
        modes = {getattr(part, "_mode", None) for part in self._tracker._hardware}
        return bool(modes & COUNTERS)


def energy_meter() -> EnergyMeter:
    """The meter of this machine, or one that knows nothing where codecarbon is not installed."""
    return CodecarbonMeter() if INSTALLED else NoMeter()


def _new_tracker() -> Any:
    need("codecarbon", "energy", "metering electricity")
    import codecarbon

    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # before it is made: it logs what it is about to do
    return codecarbon.OfflineEmissionsTracker(
        tracking_mode="process",
        output_methods=[],
        log_level="critical",
        allow_multiple_runs=True,
        force_carbon_intensity_g_co2e_kwh=1000.0 * WORLD_KG_PER_KWH,  # carbon is worked out from the kWh, not here
    )


@cache
def carbon_intensity(country: str) -> tuple[float, str]:
    """The carbon intensity of a country's electricity in kg CO2e per kWh, and where it comes from.

    Args:
        country: an ISO 3166 code of two or three letters.

    Raises:
        RequestError: if there is no such country, or no number for it.
        MissingExtraError: if codecarbon, whose table this is, is not installed.
    """
    need("codecarbon", "energy", f"the carbon intensity of '{country}'")
    from codecarbon.input import DataSource

    source: Any = DataSource
    mix = source().get_global_energy_mix_data()
    code = _three_letters(country, mix)
    entry = mix[code]
    return entry[
        "carbon_intensity"
    ] / 1000.0, f"{entry['country_name']}'s mean of {entry['year']}, as codecarbon has it"


def _three_letters(country: str, mix: Any) -> str:
    """The code by which codecarbon knows a country."""
    code = country.upper()
    if len(code) == 2:
        need("pycountry", "energy", "country codes of two letters")
        import pycountry

        found = pycountry.countries.get(alpha_2=code)
        code = code if found is None else found.alpha_3
    if "carbon_intensity" not in mix.get(code, {}):
        raise RequestError(
            f"there is no carbon intensity for the country '{country}'{nearest(code, mix)}; give an ISO code such as "
            "DEU or FR, or kg_co2e_per_kwh itself"
        )
    return code
