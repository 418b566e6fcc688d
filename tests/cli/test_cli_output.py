"""How text is laid out, and when a stream is treated as a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from holdfast.cli.output import aligned, columns, is_live, show_marked


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
