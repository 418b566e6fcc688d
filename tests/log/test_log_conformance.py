from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.log import MemoryLog, PostgresLog, SqliteLog, StudyLog
from holdfast.testing.logs import LOG_CHECKS, MakeLog, append, entry


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_log_conforms(kind: str, check: Callable[[MakeLog], None], tmp_path: Path) -> None:
    memory = MemoryLog()
    check((lambda: memory) if kind == "memory" else (lambda: SqliteLog(tmp_path / "study.db", "digits")))


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
def test_a_log_in_postgresql_conforms(check: Callable[[MakeLog], None], postgres: str) -> None:
    check(lambda: PostgresLog(postgres, "digits"))


def beside_another(check: Callable[[MakeLog], None], make: Callable[[str], StudyLog]) -> None:
    """Run a check on a study that shares its storage."""
    other = make("other")
    head = append(other, entry(7), entry(8))
    check(lambda: make("digits"))
    assert other.head() == head
    other.close()


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
def test_a_study_conforms_beside_another_in_the_same_file(check: Callable[[MakeLog], None], tmp_path: Path) -> None:
    beside_another(check, lambda name: SqliteLog(tmp_path / "studies.db", name))


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
def test_a_study_conforms_beside_another_in_the_same_database(check: Callable[[MakeLog], None], postgres: str) -> None:
    beside_another(check, lambda name: PostgresLog(postgres, name))
