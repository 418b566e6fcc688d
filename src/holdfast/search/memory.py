"""What was found a moment ago, kept to save time: a key says all that it depends on, so no result changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Memory(Generic[Key, Found]):
    """The last ``kept`` things that were found, by key; the one that came first is forgotten first."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._found: OrderedDict[Key, Found] = OrderedDict()

    def get(self, key: Key, find: Callable[[], Found]) -> Found:
        """What is known by that key, or else what ``find`` finds."""
        if key not in self._found:
            self.put(key, find())
        return self._found[key]

    def known(self, key: Key) -> Found | None:
        """What is known by that key; None if nothing is."""
        return self._found.get(key)

    def put(self, key: Key, found: Found) -> None:
        """Keep what was found."""
        self._found[key] = found
        while len(self._found) > self._kept:
            self._found.popitem(last=False)
