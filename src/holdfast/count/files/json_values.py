"""JSON of any length, walked from the front in a buffer of bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from holdfast.count.files.bounded import CHUNK, DEEPEST, Source, cut_off, damaged, parsed, too_large
from holdfast.count.files.values import LARGEST_VALUE, Steps, small_enough
from holdfast.errors import RequestError

_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_LEAF = re.compile(rb'\{(?:[^{}\[\]"]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_IN_TEXT = re.compile(rb'["\\]')
_IN_LIST = re.compile(rb'[\]\["{}]')
_BEHIND = re.compile(rb"[,\]} \t\r\n]")
_SOLID = re.compile(rb"[^ \t\r\n]")
_TEXT = re.compile(rb'"([^"\\\x00-\x1f]*+)"')
_KEY = re.compile(_TEXT.pattern + rb"\s*+:")
_SPACES = b" \t\r\n"
_BRACKETS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

LONGEST_LEAF = 4096
"""Bytes of an object that is taken whole without a closer look."""

LONGEST_KEY = 1000


class Window:
    """The part of a file around a place in it.

    Args:
        source: the file, read from where it stands.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.buffer = b""
        self.at = 0
        self.mark: int | None = None

    def peek(self) -> bytes:
        """The next byte that is no space."""
        first = self.buffer[self.at : self.at + 1]
        if first and first not in _SPACES:
            return first
        while (found := _SOLID.search(self.buffer, self.at)) is None:
            self.at = len(self.buffer)
            self.fill("a value")
        self.at = found.start()
        return found[0]

    def expect(self, mark: bytes, what: str) -> None:
        """Go behind a mark that has to come next."""
        if self.peek() != mark:
            raise self.wrong(what)
        self.at += 1

    def to(self, pattern: re.Pattern[bytes], behind: int) -> bytes:
        """Go to the next byte that fits, or behind it; the byte."""
        while (found := pattern.search(self.buffer, self.at)) is None:
            self.at = len(self.buffer)
            if not behind and self.source.left() == 0:
                return b""
            self.fill("a value")
        self.at = found.start() + behind
        return found[0]

    def bracket(self) -> bytes:
        """The next bracket or text, and go behind it; a text that the buffer does not hold whole is only gone to."""
        while (found := _BRACKET.search(self.buffer, self.at)) is None:
            self.at = len(self.buffer)
            self.fill("a list or object")
        self.at = found.start() if found[0] == b'"' else found.end()
        return found[0]

    def fill(self, what: str) -> None:
        """More bytes; those behind the cursor are dropped, unless a value is being taken."""
        if self.source.left() == 0:
            raise cut_off(self.source.name, f"it ends at byte {self.source.size:,}, in the middle of {what}")
        keep = self.at if self.mark is None else self.mark
        if len(self.buffer) - keep > LARGEST_VALUE:
            raise too_large(self.source.name, f"a value in it has more than {LARGEST_VALUE:,} bytes")
        more = self.source.file.read(CHUNK)
        if not more:
            raise cut_off(self.source.name, "it ends before it should")
        self.buffer = self.buffer[keep:] + more
        self.at -= keep
        if self.mark is not None:
            self.mark = 0

    def wrong(self, expected: str) -> RequestError:
        """What is said where something else should be."""
        return damaged(self.source.name, f"{self.here()} should be {expected}")

    def here(self) -> str:
        """The place in the file, for a sentence."""
        return f"at byte {self.source.tell() - len(self.buffer) + self.at:,}"


class JsonValues:
    """A cursor over the values of a JSON file.

    Args:
        source: the file, read from where it stands.
    """

    def __init__(self, source: Source) -> None:
        small_enough(source.name, source.size)
        self.source = source
        self.window = Window(source)
        self.steps = Steps(source.name)
        self.depth = 0

    def members(self) -> Iterator[str]:
        """The keys of an object."""
        for _ in self._inside(b"{", b"}"):
            found = _KEY.match(self.window.buffer, self.window.at)
            if found is not None and found[1].isascii():
                self.window.at = found.end()
                key = found[1].decode("ascii")
            else:
                key = self.value()
                if not isinstance(key, str):
                    raise self.window.wrong("a key")
                self.window.expect(b":", "a colon")
            if len(key) > LONGEST_KEY:
                raise self.window.wrong("a key")
            yield key

    def items(self) -> Iterator[int]:
        """The positions of a list's items."""
        return self._inside(b"[", b"]")

    def value(self) -> Any:
        """The value itself, which is small."""
        self.window.peek()
        found = _TEXT.match(self.window.buffer, self.window.at)
        if found is not None and found[1].isascii():
            self.steps.add()
            self.window.at = found.end()
            return found[1].decode("ascii")
        self.window.mark = self.window.at
        self.skip()
        text, self.window.mark = self.window.buffer[self.window.mark : self.window.at], None
        return parsed(text, self.source.name, "a part of it")

    def leaf(self) -> dict[str, Any] | None:
        """An object that holds no list and no object; None, and the cursor stays, where the value is another."""
        if len(self.window.buffer) - self.window.at < LONGEST_LEAF and self.source.left() > 0:
            self.window.fill("a value")
        self.window.peek()
        found = _LEAF.match(self.window.buffer, self.window.at)
        if found is None:
            return None
        self.steps.add()
        self.window.at = found.end()
        try:
            value: dict[str, Any] = json.loads(found[0])
        except ValueError as exc:
            raise damaged(self.source.name, f"{self.window.here()} is no JSON") from exc
        return value

    def count(self) -> int:
        """How many items a list of numbers has."""
        self.window.expect(b"[", "a list")
        self.steps.add()
        commas, solid = 0, False
        while True:
            found = _IN_LIST.search(self.window.buffer, self.window.at)
            stop = found.start() if found else len(self.window.buffer)
            commas += self.window.buffer.count(b",", self.window.at, stop)
            solid = solid or _SOLID.search(self.window.buffer, self.window.at, stop) is not None
            self.window.at = stop
            if found is None:
                self.window.fill("a list")
                continue
            if found[0] != b"]":
                raise self.window.wrong("a list of numbers")
            self.window.at += 1
            return commas + 1 if solid else 0

    def peek(self) -> bytes:
        """The first byte of the value that comes next."""
        return self.window.peek()

    def skip(self) -> None:
        """Step over the value."""
        first = self.window.peek()
        if first == b'"':
            self._skip_text()
        elif first in {b"[", b"{"}:
            self._skip_brackets()
        elif first in {b"]", b"}", b",", b":"}:
            raise self.window.wrong("a value")
        else:
            self.window.to(_BEHIND, 0)

    def _inside(self, start: bytes, end: bytes) -> Iterator[int]:
        """Between two brackets, the positions before which a value comes."""
        self.window.expect(start, "an object" if start == b"{" else "a list")
        self.depth += 1
        if self.depth > DEEPEST:
            raise too_large(self.source.name, f"its values are nested more than {DEEPEST} deep")
        position = 0
        while True:
            self.steps.add()
            if self.window.peek() == end:
                break
            if position:
                self.window.expect(b",", "a comma")
                self.window.peek()
            yield position
            position += 1
        self.window.at += 1
        self.depth -= 1

    def _skip_brackets(self) -> None:
        depth = 0
        while True:
            mark = self.window.bracket()
            self.steps.add()
            if mark == b'"':  # a text that goes on behind the buffer
                self._skip_text()
            elif mark in _BRACKETS:
                depth += _BRACKETS[mark]
                if depth == 0:
                    return

    def _skip_text(self) -> None:
        """Step over a text in quotes."""
        self.steps.add()
        self.window.at += 1
        while self.window.to(_IN_TEXT, 1) == b"\\":
            if self.window.at >= len(self.window.buffer):
                self.window.fill("a text")
            self.window.at += 1
