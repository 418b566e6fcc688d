"""Every moment of a recorded history as its last one: what the disk has then is held to what was promised.

A recording (`holdfast.testing.recording`) is replayed on the model of a disk (`holdfast.testing.disk`). After each step
the power fails twice: once all that no fsync has made sure of is dropped, once a fate is drawn for it. holdfast opens
what is there, and

- every event that had been promised to last is there, as are the results that `tell` had returned for, and the blobs;
- the events are the first ones of those that were appended, in their order, and no trial is told twice;
- `verify` finds nothing, neither does SQLite's own check, and the log takes one more event;
- now and then, where the history is a study, the study goes on to its end.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.log.base import Head, Row, blob_hash
from holdfast.log.sqlite import SqliteLog, studies_in
from holdfast.log.verify import verify
from holdfast.records import Entry
from holdfast.testing.disk import Disk, Fate, Image, contents
from holdfast.testing.recording import Call, Recording

_DRAWN = (Fate.TORN, Fate.TORN, Fate.TORN, Fate.JUNK, Fate.BEHIND, Fate.BEHIND, Fate.WHOLE, Fate.KEPT)

_MEMORY = "-shm"

Place = tuple[str, str]
"""A log: its file within the folder, and the study."""

GoOn = Callable[[Path], list[str]]
"""Goes on with a study in a folder to its end; returns sentences on what is not as it should be."""


@dataclass
class Promises:
    """What a history had been promised to keep by some moment, as its marks say.

    Attributes:
        lengths: of the logs, how many events were durable.
        told: of the trials, the value that `tell` had returned for.
        blobs: those that had been put and were not about to be dropped, with their file.
    """

    lengths: dict[Place, int] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)
    blobs: set[tuple[str, str]] = field(default_factory=set)

    def take(self, marks: bytes) -> None:
        """One more write to the file of marks."""
        for line in marks.splitlines():
            data = json.loads(line)
            if "told" in data:
                self.told[data["told"]] = data["value"]
            elif "blob" in data:
                self.blobs.add((data["log"], data["blob"]))
            elif "drops" in data:
                self.blobs -= {(data["log"], name) for name in data["drops"]}
            else:
                place = (data["log"], data["study"])
                self.lengths[place] = max(self.lengths.get(place, 0), data["length"])


@dataclass(frozen=True)
class Found:
    """What was on a disk after a loss of power.

    Attributes:
        rows: of the logs, their events as they are stored.
        told: how often each trial was told with a value: by (trial, value).
        blobs: those that are there, with their file.
        problems: sentences on what is broken.
    """

    rows: dict[Place, list[Row]]
    told: Counter[tuple[int, float]]
    blobs: set[tuple[str, str]]
    problems: list[str]

    @property
    def tells(self) -> Counter[int]:
        """How often each trial was told, with whatever value."""
        return Counter(trial for trial, _ in self.told.elements())


@dataclass
class Tally:
    """What the crashes of some histories came to; all but the first three and ``went_on`` should be 0.

    Attributes:
        points: steps after which the power failed.
        crashes: how often it failed.
        kept: events, results and blobs that had been promised and were there, of all crashes.
        lost: events, results and blobs that had been promised and were not there.
        doubled: events and results that were there more than once.
        misplaced: events at another place than they had, or that nobody had appended.
        broken: disks with a log that `verify` finds fault with, that does not open, or takes no event.
        went_on: studies that were taken to their end.
        stuck: of those, the ones that did not get there as they should.
        examples: sentences on the first failures.
    """

    points: int = 0
    crashes: int = 0
    kept: int = 0
    lost: int = 0
    doubled: int = 0
    misplaced: int = 0
    broken: int = 0
    went_on: int = 0
    stuck: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """How many of all these things went wrong."""
        return self.lost + self.doubled + self.misplaced + self.broken + self.stuck

    def add(self, other: Tally) -> None:
        """Take in another tally."""
        for name in ("points", "crashes", "kept", "lost", "doubled", "misplaced", "broken", "went_on", "stuck"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples = [*self.examples, *other.examples][:20]


@dataclass(frozen=True)
class Crash:
    """A disk after a loss of power.

    Attributes:
        point: the number of the step behind which it came.
        fate: of what was not sure.
        image: what is on the disk.
        new: whether it may differ from the disk of the crash before.
    """

    point: int
    fate: Fate
    image: Image
    new: bool


def crash_everywhere(
    recording: Recording,
    place: Path,
    *,
    seed: int = 0,
    every: int = 1,
    go_on: GoOn | None = None,
    go_on_every: int = 40,
) -> Tally:
    """Let the power fail after each step of a recording, and look at what is left.

    Args:
        recording: of one of `holdfast.testing.histories`, or of what marks its promises as they do.
        place: an empty folder to work in; best in memory.
        seed: of the fates.
        every: after each so many steps only.
        go_on: goes on with the study of the recording.
        go_on_every: it goes on with each so many-th of the disks that differ.

    Raises:
        AssertionError: if the recording is not complete: its last image is not the folder that the history left.
    """
    truth = true_rows(recording, place)
    chance, tally = random.Random(seed), Tally()  # noqa: S311 - no secrets
    promises = promised_before(recording, place)
    known: dict[bytes, Found] = {}
    new = chance.randrange(go_on_every)  # counts the disks that differ, from anywhere
    for crash in crashes(recording, promises, chance, every):
        tally.points += crash.fate is Fate.DROPPED
        tally.crashes += 1
        digest = digest_of(crash.image)
        if digest not in known:
            known[digest] = look(crash.image, place / "disk")
        before = tally.failures
        judge(known[digest], promises, truth, tally)
        new += crash.new
        if go_on is not None and crash.new and new % go_on_every == 0:
            tally.went_on += 1
            lay_out(crash.image, place / "disk")
            problems = _gone_on(go_on, place / "disk")
            tally.stuck += bool(problems)
            tally.examples += problems[:1]
        if tally.failures > before and len(tally.examples) < 20:
            tally.examples.append(f"behind step {crash.point}, {crash.fate.value}: {known[digest].problems[:3]}")
    shutil.rmtree(place / "disk", ignore_errors=True)
    return tally


def some_crash(recording: Recording, chance: random.Random) -> Image:
    """What one loss of power somewhere in a recording leaves, drawn at random."""
    disk = Disk(recording)
    for step in recording.steps[: chance.randrange(len(recording.steps))]:
        disk.take(step)
    return _lasting(disk.image(chance.choice(_DRAWN), chance))


def crashes(recording: Recording, promises: Promises, chance: random.Random, every: int = 1) -> Iterator[Crash]:
    """Two losses of power after each step of a recording; ``promises`` goes along."""
    disk = Disk(recording)
    dropped: Image = {}
    stale = True
    for number, step in enumerate(recording.steps):
        disk.take(step)
        stale = stale or step.call is Call.SYNC_END
        if step.call is Call.MARK:
            promises.take(step.data)
        elif not step.path.endswith(_MEMORY) and number % every == 0:
            if stale:
                dropped = _lasting(disk.image(Fate.DROPPED, chance))
            yield Crash(number, Fate.DROPPED, dropped, new=stale)
            stale = False
            fate = chance.choice(_DRAWN)
            image = disk.image(fate, chance)
            image = _with_memory(image, chance) if fate is Fate.JUNK else _lasting(image)
            yield Crash(number, fate, image, new=True)
    kept = disk.image(Fate.KEPT, chance)
    assert _lasting(kept) == _lasting(contents(recording)), (
        "the recording does not lead to the folder as it is: something was changed that it did not see"
    )


def _lasting(image: Image) -> Image:
    """An image without the files of SQLite's shared memory, which need not last."""
    return {path: data for path, data in image.items() if not path.endswith(_MEMORY)}


def _with_memory(image: Image, chance: random.Random) -> Image:
    """An image with junk in those files, as a loss of power may leave them."""
    memory = {path: chance.randbytes(len(data)) for path, data in image.items() if path.endswith(_MEMORY)}
    return {**image, **memory}


def true_rows(recording: Recording, place: Path) -> dict[Place, list[Row]]:
    """The events of a history that went to its end, by log."""
    lay_out(_lasting(contents(recording)), place / "disk")
    return look_at(place / "disk", extend=False).rows


def promised_before(recording: Recording, place: Path) -> Promises:
    """What a history began with, which is on disk and has to stay there."""
    lay_out({path: data for path, (_, data) in recording.before.items()}, place / "disk")
    found = look_at(place / "disk", extend=False)
    return Promises({log: len(rows) for log, rows in found.rows.items() if rows}, dict(found.told.keys()))


def look(image: Image, folder: Path) -> Found:
    """Put an image into a folder, and open what is there."""
    lay_out(image, folder)
    return look_at(folder, extend=True)


def lay_out(image: Image, folder: Path) -> None:
    """Have a folder hold an image and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in image.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def digest_of(image: Image) -> bytes:
    """Equal for equal images only."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(image):
        found.update(f"{path}\0{len(image[path])}\0".encode())
        found.update(image[path])
    return found.digest()


def look_at(folder: Path, *, extend: bool) -> Found:
    """Open every log in a folder; if ``extend``, each has to take an event and to stay sound."""
    found = Found({}, Counter(), set(), [])
    for path in sorted(folder.rglob("*.db")):
        file = path.relative_to(folder).as_posix()
        try:
            for study in studies_in(path) or ["another"]:
                _look_at_log(folder, (file, study), found, extend)
            with closing(sqlite3.connect(path)) as connection:
                said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
            found.problems.extend(f"{file}: {sentence}" for sentence in said if sentence != "ok")
        except (HoldfastError, sqlite3.Error) as exc:
            found.problems.append(f"{file}: {exc}")
    return found


def _look_at_log(folder: Path, place: Place, found: Found, extend: bool) -> None:
    path = folder / place[0]
    with closing(SqliteLog(path, place[1])) as log:
        rows = list(log.rows())
        found.rows[place] = rows
        found.blobs.update((place[0], name) for name in log.blobs())
        for row in rows:
            if '"kind":"trial.told"' in row.body:
                data = json.loads(row.body)["data"]
                if data["state"] == "complete":
                    found.told[data["trial"], next(iter(data["metrics"].values()))] += 1
        found.problems.extend(f"{place}: {problem}" for problem in verify(log).problems)
        if not extend:
            return
        found.problems.extend(f"{place}: {problem}" for problem in _lost_files(rows, folder))
        head = Head(len(rows), rows[-1].hash) if rows else Head()
        answer = log.append([Entry("test", {"id": "after the crash"}, 0.0)], head)
        log.put(b"after the crash")
        if not isinstance(answer, Head):
            found.problems.append(f"{place}: an event behind the last one met with {answer}")
        found.problems.extend(f"{place}, one event later: {problem}" for problem in verify(log).problems)


def _lost_files(rows: Sequence[Row], folder: Path) -> Iterator[str]:
    """A sentence on each checkpoint in a file of its own that the events name, and that is not there as it was."""
    named: set[str] = set()
    for row in rows:
        if '"sha256":"' in row.body or '"drops":[' in row.body:
            data = json.loads(row.body)["data"]
            checkpoint = data.get("checkpoint") or {}
            named |= {checkpoint["sha256"]} if "sha256" in checkpoint else set()
            named -= set(data.get("drops", ()))
    files = {path.name: path for path in folder.rglob("*") if path.name in named} if named else {}
    for name in sorted(named):
        if name not in files:
            yield f"checkpoint {name[:12]} is missing, which the log names"
        elif blob_hash(files[name].read_bytes()) != name:
            yield f"checkpoint {name[:12]} is not what the log names"


def judge(found: Found, promises: Promises, truth: dict[Place, list[Row]], tally: Tally) -> None:
    """Hold what was found to what was promised, and add it to the tally."""
    tally.broken += bool(found.problems)
    lost = len(promises.blobs - found.blobs)
    lost += sum((trial, value) not in found.told for trial, value in promises.told.items())
    for place, promised in promises.lengths.items():
        there = {row.hash for row in found.rows.get(place, [])}
        lost += sum(row.hash not in there for row in truth[place][:promised])
    tally.lost += lost
    tally.kept += sum(promises.lengths.values()) + len(promises.told) + len(promises.blobs) - lost
    for place, rows in found.rows.items():
        true = truth.get(place, [])
        tally.misplaced += sum(at >= len(true) or row.hash != true[at].hash for at, row in enumerate(rows))
        tally.doubled += len(rows) - len({_said(row) for row in rows})
    tally.doubled += sum(count - 1 for count in found.tells.values())


def _said(row: Row) -> str:
    """What an event says, without its place in the log."""
    return row.body.replace(f'"index":{row.index},', "", 1)


def _gone_on(go_on: GoOn, folder: Path) -> list[str]:
    try:
        problems = go_on(folder)
    except HoldfastError as exc:
        return [f"the study does not go on: {exc}"]
    found = look_at(folder, extend=False)
    twice = [f"trial {trial} was told {count} times" for trial, count in found.tells.items() if count > 1]
    return [*problems, *twice, *found.problems]
