"""Electricity by codecarbon, and the carbon intensity of countries."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.meter import energy
from holdfast.meter.energy import NoMeter, carbon_intensity, energy_meter
from holdfast.usage import UNKNOWN, Method

pytestmark = pytest.mark.skipif(not energy.INSTALLED, reason="codecarbon is not installed")


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_laps_count_what_was_drawn_meanwhile() -> None:
    meter = energy_meter()
    meter.lap()
    work(0.5)
    worked = meter.lap()
    at_once = meter.lap()
    meter.close()
    assert worked.value is not None
    assert at_once.value is not None
    assert 0.0 <= at_once.value < worked.value
    assert 0.1 < worked.value * 3.6e6 / 0.5 < 1000.0, "not the power of any machine, in watts"
    assert worked.method in {Method.COUNTER, Method.TDP}
    assert worked.uncertainty == (0.4 if worked.method is Method.TDP else 0.05)
    assert meter.lap() == UNKNOWN


def test_the_lap_in_which_the_meter_became_ready_is_covered_in_part() -> None:
    meter = energy_meter()
    first, second = meter.lap(), meter.lap()
    meter.close()
    assert 0.0 < first.coverage < 0.5
    assert second.coverage == 1.0


def test_nothing_is_said_and_no_file_is_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    meter = energy_meter()
    meter.lap()
    meter.close()
    said = capfd.readouterr()
    assert said.out == said.err == ""
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_metered_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "INSTALLED", False)
    meter = energy_meter()
    assert isinstance(meter, NoMeter)
    assert meter.lap() == UNKNOWN


class Broken:
    """A tracker on a machine that it cannot measure."""

    def __init__(self, fails_at: str) -> None:
        self._fails_at = fails_at

    def start_task(self, name: str) -> None:
        if self._fails_at == "start":
            raise OSError(name)

    def stop_task(self, name: str) -> None:
        raise OSError(name)


@pytest.mark.parametrize("fails_at", ["start", "stop"])
def test_a_machine_that_cannot_be_measured_costs_no_trial(monkeypatch: pytest.MonkeyPatch, fails_at: str) -> None:
    monkeypatch.setattr(energy, "_new_tracker", lambda: Broken(fails_at))
    meter = energy_meter()
    assert meter.lap() == meter.lap() == UNKNOWN
    meter.close()


class Interrupted:
    """A tracker within which Ctrl-C arrives, and which would hang when it is called again."""

    def __init__(self) -> None:
        self.stopped = 0

    def start_task(self, name: str) -> None:
        """Nothing to begin."""

    def stop_task(self, name: str) -> None:
        self.stopped += 1
        raise KeyboardInterrupt(name)


def test_a_tracker_is_not_called_again_once_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Interrupted()
    monkeypatch.setattr(energy, "_new_tracker", lambda: tracker)
    meter = energy_meter()
    with pytest.raises(KeyboardInterrupt):
        meter.lap()
    assert meter.lap() == UNKNOWN
    meter.close()
    assert tracker.stopped == 1


def test_a_country_has_an_intensity_with_its_source() -> None:
    germany, source = carbon_intensity("DEU")
    assert 0.2 < germany < 0.6
    assert "Germany" in source
    assert carbon_intensity("de") == (germany, source)
    assert carbon_intensity("FRA")[0] < germany


def test_a_country_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"no carbon intensity for the country 'DUE' \(did you mean 'DEU'\?\)"):
        carbon_intensity("DUE")
