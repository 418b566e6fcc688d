"""Settings of all tests: how fast a busy machine is says nothing about the code under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from holdfast.testing.postgres import PostgresServer, programs

settings.register_profile("holdfast", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this process's own, started for the first test that asks for it."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer(fsync=False)
    yield server
    server.close()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> str:
    """The address of an empty database."""
    return postgres_server.emptied()
