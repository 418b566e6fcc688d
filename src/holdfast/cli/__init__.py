"""The command line: every command a thin layer over the library, every error one sentence."""

from __future__ import annotations

from holdfast.cli.entry import main

__all__ = ["main"]
