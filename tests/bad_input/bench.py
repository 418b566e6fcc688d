"""One bad input: the files that make it, the command that meets it, and what holdfast answers."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.cli import main

PLAN = """\
[study]
name = "mine"
[data]
source = "table.csv"
target = "y"
[model]
family = "knn"
[search]
strategy = "random"
trials = 2
"""
"""The plan that every case changes in one place."""

COLOURS = ("red", "green", "blue")

HEADER = "x1,x2,colour,y"

ROWS = [f"{i}.5,{i * 7 % 11},{COLOURS[i % 3]},{'yes' if i % 4 < 2 else 'no'}" for i in range(40)]
"""The rows of the table: two columns of numbers, one of categories, and a target of two classes."""

TABLE = "\n".join([HEADER, *ROWS]) + "\n"

TUNE = ("tune", "plan.toml")

TEMPORARY = tempfile.gettempdir()

Around = Callable[[], AbstractContextManager[None]]
"""What is the case while the command runs, in the folder of the case."""


@dataclass(frozen=True)
class Case:
    """A bad input.

    Args:
        what: what is wrong, in a few words; a name for the case.
        shown: the part of the files that is wrong, for people; empty where there is nothing to show.
        files: the files beside plan.toml and table.csv or instead of them; None takes one away.
        command: the arguments of `holdfast`.
        code: the exit code.
        around: what else has to be so while the command runs.
        changes: whether files may have changed afterwards: some of the work was done.
    """

    what: str
    shown: str = ""
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    command: tuple[str, ...] = TUNE
    code: int = 2
    around: Around = contextlib.nullcontext
    changes: bool = False


@dataclass(frozen=True)
class Answer:
    """What `holdfast` said, and the files before and after."""

    code: int
    out: str
    err: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]

    @property
    def sentence(self) -> str:
        """What it said on stderr, without its own name; the names of temporary files are left out."""
        said = re.sub(r"\S*(holdfast-traceback-)\w+", r"/tmp/\1x", self.err)
        return said.removeprefix("holdfast: ").rstrip("\n")


def plan(what: str, old: str, new: str) -> Case:
    """The plan with one part in another form."""
    assert PLAN.count(old) == 1, (what, old)
    return Case(what, new, {"plan.toml": PLAN.replace(old, new)})


def added(what: str, text: str) -> Case:
    """The plan with more lines at its end."""
    return Case(what, text, {"plan.toml": f"{PLAN}{text}\n"})


def own_plan(what: str, content: str | bytes) -> Case:
    """A plan of its own."""
    shown = content if isinstance(content, str) else repr(content)[1:]
    return Case(what, shown if len(shown) <= 60 else "", {"plan.toml": content})


def table(what: str, content: str | bytes, shown: str = "", **changes: str) -> Case:
    """Another table; ``changes`` replace the values of keys of the plan."""
    return Case(what, shown, {"table.csv": content, "plan.toml": changed(**changes)})


def changed(**changes: str) -> str:
    """The plan with other values of some keys."""
    lines = [
        next((f"{key} = {value}" for key, value in changes.items() if line.startswith(f"{key} =")), line)
        for line in PLAN.splitlines()
    ]
    return "\n".join(lines) + "\n"


def ask(case: Case, folder: Path) -> Answer:
    """What `holdfast` answers in an empty folder; that folder is the working one meanwhile."""
    for name, content in {"plan.toml": PLAN, "table.csv": TABLE, **case.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), _as_in_a_new_process():
        with case.around():
            before = contents(folder)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(_quiet(case.command))
        return Answer(code, out.getvalue(), err.getvalue(), before, contents(folder))


def _quiet(command: tuple[str, ...]) -> list[str]:
    """The command without the messages that are no errors."""
    takes = command[:1] in {("tune",), ("resume",)}
    return [command[0], "--quiet", *command[1:]] if takes else [*command]


@contextlib.contextmanager
def _as_in_a_new_process() -> Iterator[None]:
    """Forget modules of the case's own afterwards; keep its tracebacks where they are removed again."""
    modules, path, kept = set(sys.modules), list(sys.path), tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = kept
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(Path.cwd())):
                    del sys.modules[name]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path, and every folder, but for locks and what Python keeps of modules."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if not (path.name.endswith((".lock", ".pyc", "-shm", "-wal")) or path.name in {"__pycache__", "runs"})
    }


@contextlib.contextmanager
def prepared_study(plan: str = PLAN) -> Iterator[None]:
    """A study 'mine' that has been prepared, with no trial yet."""
    from holdfast.protocol.folder import RunFolder
    from holdfast.protocol.prepare import prepare_study
    from holdfast.protocol.read import read_plan

    Path("earlier.toml").write_text(plan, encoding="utf-8")
    prepare_study(read_plan("earlier.toml"), RunFolder(Path("runs"), "mine")).close()
    yield


@contextlib.contextmanager
def finished_study() -> Iterator[None]:
    """The study 'mine', run to its end."""
    shutil.copytree(_finished(), "runs")
    yield


@functools.cache
def _finished() -> str:
    """A folder with the runs of a finished study; it stays as long as the process."""
    folder = tempfile.TemporaryDirectory(dir=TEMPORARY)
    atexit.register(folder.cleanup)
    with contextlib.chdir(folder.name), contextlib.redirect_stdout(io.StringIO()):
        Path("table.csv").write_text(TABLE, encoding="utf-8")
        Path("plan.toml").write_text(PLAN, encoding="utf-8")
        assert main(["tune", "--quiet", "plan.toml"]) == 0
    return str(Path(folder.name, "runs"))
