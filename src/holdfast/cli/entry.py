"""The way in and out of the command line: exit codes, and one sentence on stderr for whatever goes wrong.

Exit codes: 0 done, 1 the work failed, 2 the request was wrong, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import typer

from holdfast.address import masked
from holdfast.cli.app import app
from holdfast.cli.output import say
from holdfast.errors import HoldfastError, nearest

FAILED = 1
WRONG = 2
INTERRUPTED = 130

MEANT: dict[str, str] = {
    "help": "--help",
    "version": "--version",
    "run": "tune PLAN",
    "train": "tune PLAN",
    "search": "tune PLAN",
    "fit": "tune PLAN",
    "continue": "resume NAME",
    "change": "amend PLAN",
    "list": "status",
    "ls": "status",
    "show": "best NAME",
    "result": "best NAME",
    "results": "best NAME",
    "test": "unseal NAME",
    "check": "doctor",
    "price": "plan PLAN",
}
"""Commands of other tools, and what does the same here."""

IN_THE_PLAN: dict[str, str] = {
    "--trials": "[search] trials",
    "-n": "[search] trials",
    "--n-trials": "[search] trials",
    "--workers": "[search] workers",
    "--jobs": "[search] workers",
    "-j": "[search] workers",
    "--strategy": "[search] strategy",
    "--seed": "[study] seed",
    "--name": "[study] name",
    "--metric": "[metric] name",
    "--timeout": "[budget] hours",
    "--hours": "[budget] hours",
}
"""What other tools take as an option of their command, and where it stands here: in the plan, and so on the record."""

_UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot read; it has no public name in all versions."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no exception passes."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()  # None if the caller closed it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="holdfast.plain")  # where a terminal cannot show a character
    try:
        code = typer.main.get_command(app).main(
            args=None if argv is None else list(argv), prog_name="holdfast", standalone_mode=False
        )
        sys.stdout.flush()
    except HoldfastError as exc:
        return _fail(str(exc), exc.exit_code)
    except _UsageError as exc:
        return _fail(_usage(exc, sys.argv[1:] if argv is None else argv), WRONG)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped", INTERRUPTED)
    except BrokenPipeError:
        _drop_stdout()
        return FAILED
    except OSError as exc:
        return _fail(_system(exc), FAILED)
    except MemoryError:
        return _fail("the memory of this machine is used up; use fewer workers or fewer rows", FAILED)
    except Exception as exc:  # noqa: BLE001 - whatever is left is a bug, and is told as one
        return _fail(_bug(exc), FAILED)
    return code if isinstance(code, int) else 0


def _nowhere() -> TextIO:
    """A stream that forgets what is written to it."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _fail(sentence: str, code: int) -> int:
    say(f"holdfast: {' '.join(sentence.split())}")
    return code


def _usage(exc: Any, argv: Sequence[str]) -> str:
    """What is wrong with the command line, what was probably meant, and where to read on."""
    said = " ".join(str(exc.format_message()).split()).rstrip(".").replace("argument(s)", "argument")
    said = said.replace("Value error, ", "")
    context = exc.ctx
    path = context.command_path if context is not None else _command_path(argv)
    if said.startswith("No such command"):
        word = said.partition("'")[2].partition("'")[0]
        names = list(context.command.commands)
        if word.lower() in MEANT:
            return f"there is no command '{word}'; type: holdfast {MEANT[word.lower()]}"
        said = f"there is no command '{word}'" + (nearest(word, names) or f"; there are {', '.join(names)}")
    elif said.startswith("No such option"):
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        key = IN_THE_PLAN.get(exc.option_name) if context.info_name in {"tune", "resume", "plan"} else None
        meant = f"; that stands in the plan, as {key}" if key else nearest(exc.option_name, known)
        said = f"there is no option '{exc.option_name}'{meant}"
    return f"{said[:1].lower()}{said[1:]}; see {path} --help"


def _command_path(argv: Sequence[str]) -> str:
    """The command that was called, where the error does not say."""
    names = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return " ".join(["holdfast", *(word for word in argv[:1] if word in names)])


def _system(exc: OSError) -> str:
    """What the operating system refused."""
    if exc.errno == errno.ENOSPC:
        return "the disk is full; what is on record is kept, so free some space and run the same command again"
    reason = (exc.strerror or str(exc) or type(exc).__name__).lower()
    return f"the system refused {exc.filename!r}: {reason}" if exc.filename else f"the system refused: {reason}"


def _bug(exc: Exception) -> str:
    """A sentence on an error that nobody foresaw; its traceback goes to a file."""
    handle, name = tempfile.mkstemp(prefix="holdfast-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(masked(f"holdfast {' '.join(sys.argv[1:])}\n\n{''.join(traceback.format_exception(exc))}"))
    said = f"{type(exc).__name__}: {masked(str(exc))}" if str(exc) else type(exc).__name__
    return f"this is a bug in holdfast: {said} (please report it, with the traceback in {Path(name)})"


def _drop_stdout() -> None:
    """Leave a pipe whose reader is gone, without a further word from the interpreter."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
