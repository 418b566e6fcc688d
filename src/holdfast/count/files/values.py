"""A tree of values in a file, walked from the front; what is not asked for is stepped over and takes no memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from holdfast.count.files.bounded import too_large

MOST_STEPS = 2_000_000
"""Brackets and texts that are looked at in one file."""

LARGEST_FILE = 1 << 30
"""Bytes of a file that has to be looked at from one end to the other."""

LARGEST_VALUE = 1_000_000
"""Bytes of one value that is taken whole."""


class Values(Protocol):
    """A cursor that stands before a value. Whatever is done with the value, the cursor stands behind it then."""

    def members(self) -> Iterator[str]:
        """The keys of an object; the value of each is to be taken before the next is asked for."""

    def items(self) -> Iterator[int]:
        """The positions of a list's items; each is to be taken before the next is asked for."""

    def value(self) -> Any:
        """The value itself, which is small."""

    def count(self) -> int:
        """How many items a list of numbers has."""

    def skip(self) -> None:
        """Step over the value."""


class Steps:
    """A count of what was looked at, with a limit.

    Args:
        name: the file, for the sentence.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken = 0

    def add(self, count: int = 1) -> None:
        """So many more.

        Raises:
            RequestError: if they are more than `MOST_STEPS`.
        """
        self.taken += count
        if self.taken > MOST_STEPS:
            raise too_large(self.name, f"it has more than {MOST_STEPS:,} values")


def small_enough(name: str, size: int) -> None:
    """Refuse a file that is too large to be looked at from one end to the other."""
    if size > LARGEST_FILE:
        raise too_large(name, f"it has {size:,} bytes of text, more than {LARGEST_FILE:,}")
