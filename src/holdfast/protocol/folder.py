"""Where a run lives: `runs/NAME/`, with its log, plan, data, sealed rows, model and pages."""

from __future__ import annotations

import errno
import itertools
import json
import re
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.address import masked
from holdfast.durable import make_folder
from holdfast.errors import HoldfastError, RequestError, nearest
from holdfast.log.open import SQLITE, exists, open_log
from holdfast.log.salvage import newest
from holdfast.study.book import Book
from holdfast.study.lock import DriverLock

PLAN = "plan.toml"
LOG = "study.db"
DEFAULT_RUNS = "runs"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, below the folder of all runs."""

    runs: Path
    name: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.runs / self.name

    def command(self, verb: str, *more: str) -> str:
        """What to type for this run, as in ``holdfast resume NAME``."""
        return command(self.runs, verb, self.name, *more)

    def doors(self, verb: str, **options: str | bool) -> str:
        """What to type for this run, and what to call in Python.

        >>> RunFolder(Path("runs"), "digits").doors("unseal", again=True)
        'holdfast unseal digits --again (in Python: holdfast.unseal("digits", again=True))'
        """
        typed = [[f"--{name}"] if value is True else [f"--{name}", str(value)] for name, value in options.items()]
        if self.runs != Path(DEFAULT_RUNS):
            options["runs"] = str(self.runs)
        given = [f"{name}={value if value is True else json.dumps(value)}" for name, value in options.items()]
        called = f"holdfast.{verb}({', '.join([json.dumps(self.name), *given])})"
        return f"{self.command(verb, *itertools.chain(*typed))} (in Python: {called})"

    @property
    def model(self) -> Path:
        """Where the model that ships is saved."""
        return self.path / "model"

    @property
    def plan(self) -> Path:
        """The plan with every default filled in."""
        return self.path / PLAN

    @property
    def ledger(self) -> str:
        """The storage of the ledger of openings, shared by all runs of the store."""
        return _standing(f"sqlite:///{self.runs / 'openings.db'}")

    def storage(self, wanted: str | None) -> str:
        """The study's storage: as the plan says, else `study.db` in the folder; or what was last salvaged from it."""
        return _standing(wanted or f"sqlite:///{self.path / LOG}")

    def recorded_storage(self) -> str:
        """The storage that the plan in the folder names."""
        return self.storage(self._recorded().get("storage") if self.plan.exists() else None)

    def recorded_name(self) -> str | None:
        """The name of the study that the plan in the folder is of."""
        return self._recorded().get("name")

    def _recorded(self) -> dict[str, str]:
        """The table [study] of the plan in the folder."""
        try:
            return dict(tomllib.loads(self.plan.read_text(encoding="utf-8"))["study"])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as exc:
            raise RequestError(f"{self.plan} is not the plan that was written there; restore it or delete it") from exc


def _standing(storage: str) -> str:
    """A storage, or the file that was last salvaged from it."""
    path = storage.removeprefix(SQLITE)
    return f"{SQLITE}{newest(Path(path))}" if path not in {storage, ""} else storage


def command(runs: Path, *words: str) -> str:
    """What to type, with ``--runs`` where the runs are not in the usual folder.

    >>> command(Path("elsewhere"), "unseal", "digits", "--why", "the reason")
    'holdfast unseal digits --why "the reason" --runs elsewhere'
    """
    typed = ["holdfast", *words] + ([] if runs == Path(DEFAULT_RUNS) else ["--runs", str(runs)])
    return " ".join(word if re.fullmatch(r"[\w@%+=:,./\\-]+", word) else _quoted(word) for word in typed)


def _quoted(word: str) -> str:
    """A word in the quotes that every shell knows, unless it holds what they do not protect."""
    return shlex.quote(word) if re.search(r'["$`!\\]', word) else f'"{word}"'


def make_room(run: RunFolder) -> None:
    """Make the folder of all runs, and see that a run can be written there.

    Raises:
        RequestError: if it cannot.
        HoldfastError: if the disk is full.
    """
    for path in (run.runs, run.path):
        if path.exists() and not path.is_dir():
            raise RequestError(f"'{path}' is a file, where a folder is needed; move it, or name another --runs")
    try:
        make_folder(run.runs)
        with tempfile.TemporaryFile(dir=run.path if run.path.exists() else run.runs):
            pass
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise HoldfastError(f"the disk that holds '{run.runs}' is full; free some space and try again") from exc
        reason = (exc.strerror or str(exc)).lower()
        raise RequestError(f"nothing can be written to '{run.runs}' ({reason}); name another folder: --runs") from exc


@contextmanager
def alone(run: RunFolder) -> Iterator[None]:
    """Keep every other process from tuning, amending or unsealing the same run.

    Raises:
        BusyStudyError: if one does so now.
    """
    lock = DriverLock(run.runs / ".tune", run.name)
    lock.take(exclusive=True)
    try:
        yield
    finally:
        lock.close()


@contextmanager
def whole_or_none(run: RunFolder) -> Iterator[None]:
    """Take a folder that is made in here away again if what belongs into it cannot be made."""
    is_new = not run.path.exists()
    try:
        yield
    except Exception:
        if is_new:
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def find_run(runs: Path, name: str) -> RunFolder:
    """The run of that name.

    Raises:
        RequestError: if there is none; the nearest name is given.
    """
    run = RunFolder(runs, name)
    if not run.path.is_dir() or not exists(run.recorded_storage(), name):
        if not runs.is_dir():
            raise RequestError(
                f"there is no folder of runs '{runs}' here, so no study '{name}' in it; is it elsewhere?"
            )
        if run.plan.exists():
            if (known := run.recorded_name()) not in {None, name}:
                raise RequestError(f"the folder {run.path} is that of the study '{known}'; give it that name again")
            raise RequestError(
                f"the folder {run.path} is there, but '{masked(run.recorded_storage())}' holds no study '{name}'; "
                "restore that log, call from the folder that its address starts from, or run the plan again"
            )
        raise no_study(runs, name)
    return run


def no_study(runs: Path, name: str) -> RequestError:
    """The error of a name that no run has; the nearest one is given."""
    there = names_in(runs)
    hint = nearest(name, there) or (f"; there are {', '.join(there)}" if there else "")
    return RequestError(f"there is no study '{name}' in {runs}{hint}")


def names_in(runs: Path) -> list[str]:
    """The names of all runs in a folder."""
    return sorted({path.parent.name for file in (PLAN, LOG) for path in runs.glob(f"*/{file}")})


def open_book(run: RunFolder, *, read_only: bool = True, from_log: bool = False) -> Book:
    """The log of a run and what is folded from it, ``from_log`` alone or on a state that is kept beside it."""
    return Book(open_log(run.recorded_storage(), run.name, read_only=read_only), from_log=from_log)
