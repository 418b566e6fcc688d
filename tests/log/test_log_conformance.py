from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.log import MemoryLog, SqliteLog
from holdfast.testing.logs import LOG_CHECKS, MakeLog


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_log_conforms(kind: str, check: Callable[[MakeLog], None], tmp_path: Path) -> None:
    memory = MemoryLog()
    check((lambda: memory) if kind == "memory" else (lambda: SqliteLog(tmp_path / "study.db", "digits")))


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
def test_a_study_conforms_beside_another_in_the_same_file(check: Callable[[MakeLog], None], tmp_path: Path) -> None:
    from holdfast.testing.logs import append, entry

    other = SqliteLog(tmp_path / "studies.db", "other")
    head = append(other, entry(7), entry(8))
    check(lambda: SqliteLog(tmp_path / "studies.db", "digits"))
    assert other.head() == head
    other.close()
