from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfast.execute import Inline, Processes
from holdfast.testing.executors import EXECUTOR_CHECKS, MakeExecutor
from holdfast.testing.processes import PROCESS_CHECKS

MAKERS: dict[str, MakeExecutor] = {"inline": Inline, "one": lambda: Processes(1), "two": lambda: Processes(2)}


@pytest.mark.parametrize("check", EXECUTOR_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["inline", "two"])
def test_executor_conforms(kind: str, check: Callable[[MakeExecutor], None]) -> None:
    check(MAKERS[kind])


@pytest.mark.parametrize("check", PROCESS_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["one", "two"])
def test_executor_with_processes_conforms(kind: str, check: Callable[[MakeExecutor], None]) -> None:
    check(MAKERS[kind])
