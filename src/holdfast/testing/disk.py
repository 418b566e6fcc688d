"""A disk that may lose its power: what its files may be afterwards, given every write and fsync before.

The model promises no more than POSIX does:

- What was written to a file is on disk once an fsync of that file that began later has returned. Until then each
  sector of 512 bytes holds, on its own, what it held after some of the writes since: of the oldest, of the newest, or
  of any in between. A sector in flight may hold anything in the bytes that were being written, and none of its others
  change (SQLite's "powersafe overwrite").
- The length of a file follows its writes at its own pace: bytes that it covers and that never came are zeros.
- Names are on disk once the folder was fsynced. Until then each of their changes may have come or not, a rename as a
  whole, and the fsync of a file says nothing of its name.
- Nothing of one file follows from another's.
"""

from __future__ import annotations

import enum
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from holdfast.testing.recording import Call, Recording, Step

SECTOR = 512
"""Bytes that a disk writes as one."""


class Fate(enum.Enum):
    """What becomes of all that no fsync has made sure of."""

    DROPPED = "dropped"
    """Nothing of it came."""
    KEPT = "kept"
    """All of it came, as when only the process is killed."""
    TORN = "torn"
    """Every sector, length and name on its own."""
    JUNK = "torn, with junk"
    """As torn, and some sectors in flight hold junk."""
    WHOLE = "some files"
    """Every file came whole, or not at all."""
    BEHIND = "behind"
    """The disk has all until some change, which is torn, and nothing behind it."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A write, or a cut to the size ``offset`` where ``data`` is None."""

    number: int
    offset: int
    data: bytes | None


@dataclass
class _File:
    """What is on disk for certain, and the changes since."""

    sure: bytearray = field(default_factory=bytearray)
    changes: list[_Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Naming:
    """A change of a folder: a name that stands for ``node`` from now on, None for nothing; a rename frees ``old``."""

    number: int
    name: str
    node: _File | _Folder | None
    old: str | None = None


@dataclass
class _Folder:
    """The names that are on disk for certain, and the changes since; changes that concern two folders are in both."""

    sure: dict[str, _File | _Folder] = field(default_factory=dict)
    changes: list[_Naming] = field(default_factory=list)


Image = dict[str, bytes]
"""The files of a disk, by their paths within the folder."""


class Disk:
    """The disk under a recorded folder, step by step.

    Attributes:
        folder: the path of the folder that was recorded.
        steps: how many steps were taken.
    """

    def __init__(self, recording: Recording) -> None:
        self.folder = str(recording.folder)
        self.steps = 0
        self._root = _Folder()
        self._open: dict[int, _File | _Folder] = {recording.inode: self._root}
        for path, (inode, data) in recording.before.items():
            self._open[inode] = self._root.sure[path] = _File(bytearray(data))
        self._began: dict[int, int] = {}

    def take(self, step: Step) -> None:
        """One more step."""
        self.steps += 1
        match step.call:
            case Call.CREATE | Call.MKDIR:
                node: _File | _Folder = _File() if step.call is Call.CREATE else _Folder()
                self._open[step.inode] = node
                self._name(step.path, node)
            case Call.UNLINK:
                self._name(step.path, None)
            case Call.RENAME:
                self._rename(step.path, os.fsdecode(step.data))
            case Call.LINK:
                self._name(os.fsdecode(step.data), self._at(step.path))
            case Call.WRITE:
                self._file(step).changes.append(_Change(self.steps, step.offset, step.data))
            case Call.TRUNCATE:
                self._file(step).changes.append(_Change(self.steps, step.offset, None))
            case Call.SYNC_BEGIN:
                self._began[step.offset] = self.steps
            case Call.SYNC_END:
                _settle(self._open[step.inode], self._began.pop(step.offset))
            case Call.MARK:
                pass
            case Call.UNSEEN:
                raise ValueError(f"{step.path} was changed by {step.data.decode()}, which cannot be replayed")

    def image(self, fate: Fate, chance: random.Random) -> Image:
        """The files that may be there after a loss of power now."""
        until = self.steps + 1
        if fate is Fate.BEHIND:
            until = chance.choice([*sorted(_pending(self._root)), until])
        return dict(_walk(self._root, "", _Draw(fate, chance, until)))

    def _file(self, step: Step) -> _File:
        node = self._open[step.inode]
        assert isinstance(node, _File)
        return node

    def _within(self, path: str) -> list[str]:
        return [part for part in path.removeprefix(self.folder).split("/") if part]

    def _parent(self, path: str) -> tuple[_Folder, str]:
        *folders, name = self._within(path)
        node: _File | _Folder = self._root
        for part in folders:
            assert isinstance(node, _Folder)
            node = _newest(node)[part]
        assert isinstance(node, _Folder)
        return node, name

    def _at(self, path: str) -> _File | _Folder:
        parent, name = self._parent(path)
        return _newest(parent)[name]

    def _name(self, path: str, node: _File | _Folder | None) -> None:
        parent, name = self._parent(path)
        parent.changes.append(_Naming(self.steps, name, node))

    def _rename(self, before: str, after: str) -> None:
        source, old = self._parent(before)
        target, new = self._parent(after)
        node = _newest(source)[old]
        if source is target:
            source.changes.append(_Naming(self.steps, new, node, old))
            return
        target.changes.append(_Naming(self.steps, new, node))
        source.changes.append(_Naming(self.steps, old, None))


def contents(recording: Recording) -> Image:
    """The files that are in a recorded folder."""
    paths = [path for path in recording.folder.rglob("*") if path.is_file()]
    return {path.relative_to(recording.folder).as_posix(): path.read_bytes() for path in paths}


def _settle(node: _File | _Folder, began: int) -> None:
    """What was changed before an fsync began is on disk."""
    count = sum(change.number < began for change in node.changes)
    if isinstance(node, _File):
        for change in node.changes[:count]:
            _apply(node.sure, change)
    else:
        node.sure = _named(node.sure, node.changes[:count])
    del node.changes[:count]


def _apply(content: bytearray, change: _Change) -> None:
    if change.data is None:
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    content.extend(bytes(max(change.offset - len(content), 0)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _named(sure: Mapping[str, _File | _Folder], changes: list[_Naming]) -> dict[str, _File | _Folder]:
    """The names of a folder after some changes."""
    names = dict(sure)
    for change in changes:
        if change.node is None:
            names.pop(change.name, None)
            continue
        names[change.name] = change.node
        if change.old is not None and names.get(change.old) is change.node:
            del names[change.old]
    return names


def _newest(folder: _Folder) -> dict[str, _File | _Folder]:
    return _named(folder.sure, folder.changes)


def _pending(folder: _Folder) -> Iterator[int]:
    """The numbers of all changes that no fsync has made sure of."""
    yield from (change.number for change in folder.changes)
    for node in _newest(folder).values():
        if isinstance(node, _File):
            yield from (change.number for change in node.changes)
        else:
            yield from _pending(node)


@dataclass(frozen=True)
class _Draw:
    """How a loss of power is drawn; of the fate BEHIND changes before the number ``until`` have come."""

    fate: Fate
    chance: random.Random
    until: int

    def names(self, folder: _Folder) -> dict[str, _File | _Folder]:
        """The names that a folder has afterwards."""
        match self.fate:
            case Fate.DROPPED:
                come = []
            case Fate.KEPT:
                come = folder.changes
            case Fate.BEHIND:
                come = [change for change in folder.changes if change.number < self.until]
            case _:
                share = self.chance.choice((0.0, 0.5, 1.0))
                come = [change for change in folder.changes if self.chance.random() < share]
        return _named(folder.sure, come)

    def content(self, file: _File) -> bytes:
        """What a file holds afterwards."""
        match self.fate:
            case Fate.DROPPED:
                come = 0
            case Fate.KEPT:
                come = len(file.changes)
            case Fate.BEHIND:
                come = sum(change.number < self.until for change in file.changes)
                if come < len(file.changes) and file.changes[come].number == self.until:
                    return self._torn(file, come, come + 1)
            case Fate.WHOLE:
                come = self.chance.choice((0, len(file.changes)))
            case Fate.TORN | Fate.JUNK:
                return self._torn(file, 0, len(file.changes))
        content = bytearray(file.sure)
        for change in file.changes[:come]:
            _apply(content, change)
        return bytes(content)

    def _torn(self, file: _File, least: int, most: int) -> bytes:
        """Every sector after some of the changes, at least ``least`` and at most ``most`` of them."""
        share = self.chance.choice((0.1, 0.5, 0.9))
        junk = 0.05 if self.fate is Fate.JUNK else 0.0
        came: dict[int, int] = {}

        def until(sector: int) -> int:
            if sector not in came:
                some = self.chance.choice((least, self.chance.randint(least, most)))
                came[sector] = most if self.chance.random() < share else some
            return came[sector]

        content, sizes = bytearray(file.sure), [len(file.sure)]
        for number, change in enumerate(file.changes):
            sizes.append(_size_after(sizes[-1], change))
            for place, part in _sectors(change, len(content)):
                if number < until(place // SECTOR):
                    _apply(content, _Change(0, place, part))
                elif self.chance.random() < junk:
                    _apply(content, _Change(0, place, self.chance.randbytes(len(part))))
        size = sizes[most] if self.chance.random() < 0.5 else sizes[self.chance.randint(least, most)]
        _apply(content, _Change(0, size, None))
        return bytes(content)


def _size_after(size: int, change: _Change) -> int:
    return change.offset if change.data is None else max(size, change.offset + len(change.data))


def _sectors(change: _Change, size: int) -> Iterator[tuple[int, bytes]]:
    """A change of a file of some size as changes within a sector: (offset, bytes); what is cut off becomes zeros."""
    data = bytes(max(size - change.offset, 0)) if change.data is None else change.data
    at, end = change.offset, change.offset + len(data)
    while at < end:
        upto = min(end, (at // SECTOR + 1) * SECTOR)
        yield at, data[at - change.offset : upto - change.offset]
        at = upto


def _walk(folder: _Folder, within: str, draw: _Draw) -> Iterator[tuple[str, bytes]]:
    for name, node in draw.names(folder).items():
        if isinstance(node, _File):
            yield f"{within}{name}", draw.content(node)
        else:
            yield from _walk(node, f"{within}{name}/", draw)
