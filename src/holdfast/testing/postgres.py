"""A PostgreSQL server of one's own for tests: in a temporary folder, stopped and removed in the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PASSWORD = "correct horse"  # noqa: S105
"""Of the server's only user; with a blank, which an address has to escape."""

_PATIENCE = 60.0


def programs() -> Path | None:
    """The folder with PostgreSQL's programs, the newest there is; None if it is not installed."""
    found = shutil.which("postgres")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).resolve().parent
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return there[-1].parent if there else None


class PostgresServer:
    """A server on a free port of this machine; run by another user where this one is root, as PostgreSQL wants it.

    Args:
        fsync: whether it writes through to the disk, as a server has to; tests that pull no plug do without.

    Raises:
        RuntimeError: if it is not installed, or does not start.
    """

    def __init__(self, *, fsync: bool = True) -> None:
        folder = programs()
        if folder is None:
            raise RuntimeError("PostgreSQL is not installed")
        self._programs = folder
        self._fsync = "on" if fsync else "off"
        self._user = _other_user() if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if self._user is not None:
            shutil.chown(self._folder, self._user)
            shutil.chown(password, self._user)
        data = str(self._folder / "data")
        made = ["-D", data, "-U", "holdfast", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--no-sync"]
        self._run("initdb", *made, f"--pwfile={password}")
        self.start()

    def address(self, database: str = "postgres", user: str = "holdfast", password: str | None = PASSWORD) -> str:
        """The address of a database; without its password if that is None."""
        secret = "" if password is None else f":{password.replace(' ', '%20')}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def emptied(self) -> str:
        """The address of a database that holds no log, nor one of before."""
        self.sql("DROP SCHEMA IF EXISTS holdfast CASCADE")
        return self.address()

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What one statement gives, as the server's superuser."""
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder, "fsync": self._fsync}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                program,
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        import psycopg

        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.address()).close()
            except psycopg.OperationalError as exc:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}") from exc
                time.sleep(0.05)
            else:
                return

    def crash(self) -> None:
        """End the server at once and in the middle of everything, as ``pg_ctl stop -m immediate`` does."""
        self._end(signal.SIGQUIT)

    def pause(self) -> None:
        """Let the server and all that it has started stand still, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        for process in self._children():
            os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a `pause`: the server goes on last, since from then on children that have ended are gone."""
        assert self._process is not None
        for process in self._children():
            os.kill(process, signal.SIGCONT)
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove all that it kept."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _children(self) -> list[int]:
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split()]

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, user=self._user, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def _other_user() -> str:
    """Somebody who is not root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        return port
