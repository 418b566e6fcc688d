"""Code of a person's own: what it raised, in one line, with its traceback kept in a file."""

from __future__ import annotations

import hashlib
import tempfile
import traceback
from pathlib import Path


def raised(exc: BaseException, folder: Path) -> str:
    """What code in ``folder`` raised: the exception, the line of that code, and the file that holds the traceback."""
    message = (exc.msg if isinstance(exc, SyntaxError) else str(exc)).split()
    said = f"{type(exc).__name__}: {' '.join(message)}" if message else type(exc).__name__
    return f"{said}{_place(exc, folder)} (traceback: {_kept(exc)})"


def _place(exc: BaseException, folder: Path) -> str:
    """The last line of the code in the folder that was on the way to the exception."""
    if isinstance(exc, SyntaxError):
        return f" in {Path(exc.filename).name}, line {exc.lineno}" if exc.filename else ""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder.resolve())]
    return f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _kept(exc: BaseException) -> str:
    """A file with the traceback: one for all that are alike, so that failures which are alike are told as such."""
    text = "".join(traceback.format_exception(exc))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    path = Path(tempfile.gettempdir()) / f"holdfast-traceback-{digest}.txt"
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    return str(path)
