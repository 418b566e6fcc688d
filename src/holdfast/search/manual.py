"""Manual search: only the configurations that a person enqueued."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.history import History


@dataclass(frozen=True)
class Manual:
    """Proposes nothing by itself; the study hands out what was enqueued."""

    name: str = "manual"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:  # noqa: ARG002 - a person decides
        """Nothing."""
        return []
