"""Who is working on what right now: kept beside a log, not in it, and lost without loss of truth.

A lease names the trial, its token (how often the trial had been restarted when it was handed out, which only grows) and
the owner, who raises its beat again and again. An owner whose beat stands still is slow or gone; a trial that is
restarted has a new token, by which the log itself refuses whoever still holds the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

NOBODY = ""
"""The owner of a lease that was given up."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One trial in somebody's hands; ``beat`` counts the owner's signs of life."""

    trial: int
    token: int
    owner: str
    beat: int


class Leases(Protocol):
    """The leases of one study."""

    def beat(self, owner: str, tokens: Mapping[int, int]) -> None:
        """A sign of life of ``owner``, who has these trials in hand by these tokens, and no others any more."""
        ...

    def give_up(self, owner: str) -> None:
        """What ``owner`` has in hand belongs to nobody from now on, and may go on elsewhere at once."""
        ...

    def held(self) -> list[Lease]:
        """All leases, by trial."""
        ...


class MemoryLeases:
    """No leases: what lies in memory has one process, which knows what it has in hand."""

    def beat(self, owner: str, tokens: Mapping[int, int]) -> None:
        """Nothing."""

    def give_up(self, owner: str) -> None:
        """Nothing."""

    def held(self) -> list[Lease]:
        """None."""
        return []
