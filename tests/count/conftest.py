from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.train.conftest import MakeTable, build_table, build_task

from holdfast.train.registry import family_named
from holdfast.train.task import TaskKind

Fit = Callable[..., Any]


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    """`build_table`."""
    return build_table


@pytest.fixture
def fit() -> Fit:
    """A family's model, fitted on `build_table`."""

    def fitted(name: str, kind: TaskKind, **config: Any) -> Any:
        return family_named(name).build(config, build_task(kind), seed=0).fit(*build_table(kind))

    return fitted
