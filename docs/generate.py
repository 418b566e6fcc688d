"""Write the pages of the documentation that follow from the code: ``python docs/generate.py`` (``--check`` only looks).

A page is a function that returns its text; `PAGES` names the file that each one fills.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from holdfast.study.events import KINDS

DOCS = Path(__file__).parent
NOTICE = "<!-- written by docs/generate.py; change the code, then run it -->"


def events_page() -> str:
    """Every kind of event, by what it is about."""
    lines = [
        NOTICE,
        "# Events",
        "",
        "A study is its log: events in order, each hashed with the one before. These are all kinds of events, and what",
        "they say. An event also has its `index`, its `time` (seconds since 1970, UTC) and its `hash`.",
        "",
        "| event | what it says |",
        "|---|---|",
        *(f"| `{kind}` | {text} |" for kind, text in KINDS.items()),
    ]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "events.md": events_page,
}


def outdated() -> list[str]:
    """The files whose text is not what their page says now."""
    return [name for name, page in PAGES.items() if not _is_current(DOCS / name, page())]


def main(arguments: list[str]) -> int:
    """Write every page, or with ``--check`` name the outdated ones; 1 if there are any."""
    if arguments == ["--check"]:
        for name in outdated():
            sys.stderr.write(f"docs/{name} is out of date; run: python docs/generate.py\n")
        return int(bool(outdated()))
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
