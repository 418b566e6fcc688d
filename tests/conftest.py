"""Settings of all tests: how fast a busy machine is says nothing about the code under test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("holdfast", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")
