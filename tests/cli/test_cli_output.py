"""How text is laid out, and when a stream is treated as a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from holdfast.cli.output import aligned, columns, is_live, show_json, show_marked


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("term", "live"), [("xterm-256color", True), ("", True), ("dumb", False), ("unknown", False)])
def test_a_terminal_that_only_types_is_not_drawn_over(term: str, live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    assert is_live(Terminal()) is live
    assert not is_live(io.StringIO())


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert columns(Terminal()) == 72
    assert columns(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "5")
    assert columns(Terminal()) == 40


def test_the_last_column_is_broken_at_words() -> None:
    text = aligned([["a", "one two three four five"], ["long", "x"], ["alone"]], gap=1, indent="", width=26)
    assert text.splitlines() == ["a     one two three four", "      five", "long  x", "alone"]
    assert all(len(line) <= 26 for line in text.splitlines())


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "8 x 2 +/-5% ... \\u4e2d"), ("cp1252", "8 × 2 ±5% … \\u4e2d"), ("utf-8", "8 × 2 ±5% … 中")],
)
def test_a_character_that_a_terminal_lacks_has_a_plain_one(encoding: str, shown: str) -> None:
    assert "8 × 2 ±5% … 中".encode(encoding, "holdfast.plain").decode(encoding) == shown


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_stays_json_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="holdfast.plain")
    monkeypatch.setattr(sys, "stdout", out)
    show_json({"name": "×中"})
    out.flush()
    assert json.loads(out.buffer.getvalue().decode(encoding)) == {"name": "×中"}


@pytest.mark.parametrize(
    ("term", "no_color", "coloured"), [("xterm", "", True), ("xterm", "1", False), ("dumb", "", False)]
)
def test_colours_are_for_terminals_that_want_them(
    term: str, no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_color)
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    show_marked("files\n  ok    disk\n", {"ok": "green"})
    assert ("\x1b[" in out.getvalue()) is coloured
    assert "disk" in out.getvalue()
