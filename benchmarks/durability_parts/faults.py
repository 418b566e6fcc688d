"""Faults that are real: what is killed, stopped or full, and what is found afterwards."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.durability_parts.drive import NAME, make_study
from benchmarks.search_parts.interpreter import ROOT, command, environment

from holdfast.log.base import StudyLog
from holdfast.log.open import exists, open_log
from holdfast.log.verify import verify
from holdfast.study import actions
from holdfast.testing.postgres import PostgresServer

PATIENCE = 600.0


@dataclass
class Tally:
    """What came of a fault.

    Attributes:
        times: how often it struck.
        told: results for which `tell` had returned.
        found: of those, the ones that are in the log with their value.
        twice: trials that were told more than once.
        ended: trials that ended, of those that were wanted, and how many of them failed.
        verified: of all looks at the log, how many found it whole.
        seconds: that it took in all.
    """

    times: int = 0
    told: int = 0
    found: int = 0
    twice: int = 0
    ended: tuple[int, int, int] = (0, 0, 0)
    verified: tuple[int, int] = (0, 0)
    seconds: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost or doubled, the study is at its end, and every look found a whole log."""
        ended, wanted, _ = self.ended
        return (
            self.times > 0
            and self.told == self.found
            and self.twice == 0
            and ended == wanted
            and self.verified[0] == self.verified[1]
        )


@dataclass
class Scene:
    """A study, the processes that run its trials, and their diary.

    Attributes:
        storage: of the study.
        diary: a line for each result that was told; never on the disk that fails.
        trials: how many are wanted.
        chance: of moments.
        tally: what was seen.
        processes: those that were started.
    """

    storage: str
    diary: Path
    trials: int
    chance: random.Random
    tally: Tally = field(default_factory=Tally)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *more: str, module: str = "drive") -> subprocess.Popen[str]:
        """One more process."""
        words = command(sys.executable, f"durability_parts.{module}", self.storage, str(self.diary))
        process = subprocess.Popen(
            [*words, "--trials", str(self.trials), *more],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def finish(self, *more: str, module: str = "drive") -> None:
        """Go on to the end; a process that fails is the end of the benchmark."""
        self.wait_for(self.start(*more, module=module))

    def wait_for(self, process: subprocess.Popen[str]) -> None:
        """Until a process has ended well."""
        _, said = process.communicate(timeout=PATIENCE)
        if process.returncode:
            raise SystemExit(f"a process failed where none should:\n{said[-3000:]}")

    def lines(self) -> list[tuple[int, str, str]]:
        """What the diary says: number, state and value."""
        if not self.diary.exists():
            return []
        split = [line.split(" ") for line in self.diary.read_text(encoding="ascii").splitlines()]
        return [(int(number), state, value) for number, state, value in split]

    def until(self, lines: int, process: subprocess.Popen[str]) -> bool:
        """Wait until the diary has so many lines; False if the process is done before."""
        deadline = time.monotonic() + PATIENCE
        while len(self.lines()) < lines:
            if process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise SystemExit("the study stands still")
            time.sleep(0.005)
        return True

    def look(self) -> None:
        """Hold the log to the diary, as it is now."""
        lines = self.lines()
        if not exists(self.storage, NAME):
            self.tally.told, self.tally.found = len(lines), 0
            return
        with closing(open_log(self.storage, NAME, read_only=True)) as log:
            whole = verify(log).ok
            told, states = _told_in(log)
        counts = Counter(number for number, _, _ in told.elements())
        good, looks = self.tally.verified
        self.tally.verified = (good + whole, looks + 1)
        self.tally.told = len(lines)
        self.tally.found = sum(line in told for line in lines)
        self.tally.twice = sum(count > 1 for count in counts.values())
        failed = sum(state == "failed" for state in states.values())
        self.tally.ended = (len(states), self.trials, failed)


def _told_in(log: StudyLog) -> tuple[Counter[tuple[int, str, str]], dict[int, str]]:
    """The results that a log has, as in the diary, and the state of each trial that ended."""
    told: Counter[tuple[int, str, str]] = Counter()
    states = {}
    for event in log.read():
        if event.kind == "trial.told":
            number, state, value = event.data["trial"], event.data["state"], event.data["metrics"].get("value")
            told[number, state, repr(value)] += 1
            states[number] = state
    return told, states


def workers_killed(scene: Scene, times: int) -> None:
    """Kill -9 of the one of two processes that has last begun a trial for a driver."""
    process = scene.start("--jobs", "2")
    for kills in range(times):
        if not scene.until((kills + 1) * scene.trials // (times + 2), process):
            break
        time.sleep(scene.chance.random() * 0.1)
        worker = int(scene.diary.with_name("begun").read_text(encoding="ascii").split()[-1])
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
            scene.tally.times += 1
        scene.look()
    scene.wait_for(process)


def driver_killed(scene: Scene, times: int) -> None:
    """Kill -9 of the process that drives a study, and of all that it has started."""
    for _ in range(times):
        process = scene.start("--jobs", "2")
        if not scene.until(len(scene.lines()) + scene.chance.randrange(1, 3), process):
            break
        time.sleep(scene.chance.random() * 0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        scene.tally.times += 1
        scene.look()
    scene.finish("--jobs", "2")


def disk_full(scene: Scene, times: int) -> None:
    """A disk that is full, has more room, and is full again."""
    folder = Path(scene.storage.removeprefix("sqlite:///")).parent
    for size in range(times):
        process = scene.start()
        _, said = process.communicate(timeout=PATIENCE)
        if process.returncode == 0:
            break
        if "full" not in said:
            raise SystemExit(f"a process failed, but not for the disk was full:\n{said[-3000:]}")
        scene.tally.times += 1
        mount(folder, f"remount,size={(size + 2) * 96}k")
        scene.look()
    mount(folder, "remount,size=64m")
    scene.finish()


def lock_kept(scene: Scene, seconds: float) -> None:
    """Another process that has the database locked for a minute."""
    process = scene.start("--jobs", "2")
    scene.until(scene.trials // 4, process)
    with closing(sqlite3.connect(scene.storage.removeprefix("sqlite:///"), timeout=60, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")
    scene.tally.times += 1
    scene.wait_for(process)


def server_crashed(scene: Scene, server: PostgresServer, times: int) -> None:
    """The server is ended in the middle of everything, again and again, under three workers."""
    processes = _three(scene)
    for crashes in range(times):
        if not scene.until((crashes + 1) * scene.trials // (times + 2), processes[0]):
            break
        time.sleep(scene.chance.random() * 0.05)
        server.crash()
        scene.tally.times += 1
        time.sleep(0.5)
        server.start()
        scene.look()
    for process in processes:
        scene.wait_for(process)


def server_stalled(scene: Scene, server: PostgresServer, seconds: float) -> None:
    """The server and all its processes stand still, for a minute."""
    processes = _three(scene)
    scene.until(scene.trials // 4, processes[0])
    server.pause()
    time.sleep(seconds)
    server.go_on()
    scene.tally.times += 1
    for process in processes:
        scene.wait_for(process)


def server_full(scene: Scene, server: PostgresServer, folder: Path) -> None:
    """The disk of the server, a folder with a file system of its own, is full until somebody makes room."""
    processes = _three(scene, "--pause", "0.3")
    scene.until(scene.trials // 4, processes[0])
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        room = os.statvfs(folder)
        os.posix_fallocate(file.fileno(), 0, max(room.f_bavail - 64, 1) * room.f_frsize)
        file.seek(0, os.SEEK_END)
        while True:
            file.write(bytes(2**12))
    for process in processes:
        _, said = process.communicate(timeout=PATIENCE)
        if process.returncode == 0 or ("full" not in said and "does not answer" not in said):
            raise SystemExit(f"a process ended, but not for the disk was full:\n{said[-3000:]}")
    scene.tally.times += 1
    ballast.unlink()
    server.crash()
    server.start()
    scene.look()
    for process in [scene.start("--joins") for _ in range(3)]:
        scene.wait_for(process)


def nodes_killed(scene: Scene, times: int) -> None:
    """Kill -9 of all that belongs to a node of a Ray cluster, while others take its place."""
    scene.finish("--kills", str(times), module="nodes")
    scene.tally.times += times


def _three(scene: Scene, *more: str) -> list[subprocess.Popen[str]]:
    """Three workers on a study that has its number of trials."""
    with closing(make_study(scene.storage)) as study:
        actions.set_budget(study.book, scene.trials)
    return [scene.start("--joins", *more) for _ in range(3)]


def mount(folder: Path, options: str) -> bool:
    """Mount a small file system over a folder, or change its options; False where this user may not."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def scene(trials: int, seed: int, storage: str | None = None, *, size: str | None = None) -> Iterator[Scene]:
    """A new study, in a file unless a storage is given; on a disk of a certain size if one is given."""
    with tempfile.TemporaryDirectory(prefix="holdfast-faults-") as place:
        folder = Path(place) / "disk"
        folder.mkdir()
        if size is not None and not mount(folder, f"size={size}"):
            raise PermissionError("this user may not mount a file system")
        made = Scene(
            storage or f"sqlite:///{folder / 'study.db'}",
            Path(place) / "diary",
            trials,
            random.Random(seed),
        )
        try:
            yield made
        finally:
            for process in made.processes:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
            if size is not None:
                subprocess.run(["umount", str(folder)], capture_output=True, check=False)


@contextmanager
def server_on(size: str) -> Iterator[tuple[PostgresServer, Path]]:
    """A server on a disk of a certain size, and its folder."""
    with tempfile.TemporaryDirectory(prefix="holdfast-faults-") as place:
        if not mount(Path(place), f"size={size},mode=755"):
            raise PermissionError("this user may not mount a file system")
        usual, tempfile.tempdir = tempfile.tempdir, place
        try:
            with closing(PostgresServer()) as server:
                tempfile.tempdir = usual
                yield server, Path(place)
        finally:
            tempfile.tempdir = usual
            subprocess.run(["umount", place], capture_output=True, check=False)


def struck(scene: Scene, fault: Callable[[Scene], None]) -> Tally:
    """Let a fault strike, and look at what is there in the end."""
    began = time.perf_counter()
    fault(scene)
    scene.look()
    scene.tally.seconds = time.perf_counter() - began
    return scene.tally
