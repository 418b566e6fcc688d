"""The model of a disk keeps what was fsynced, and loses the rest in every way that a disk may."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from holdfast.testing.disk import SECTOR, Disk, Fate
from holdfast.testing.recording import Call, Recording, Step

ROOT, FILE, OTHER, FOLDER = 1, 2, 3, 4


def step(call: Call, inode: int = 0, offset: int = 0, path: str = "", data: bytes = b"") -> Step:
    return Step(call, 0, inode, offset, f"/folder/{path}" if path else "", data)


def made(path: str, inode: int = FILE) -> Step:
    return step(Call.CREATE, inode, path=path)


def wrote(data: bytes, offset: int = 0, inode: int = FILE) -> Step:
    return step(Call.WRITE, inode, offset, data=data)


def synced(inode: int = FILE, number: int = 1, meanwhile: tuple[Step, ...] = ()) -> list[Step]:
    return [step(Call.SYNC_BEGIN, inode, number), *meanwhile, step(Call.SYNC_END, inode, number)]


def disk_after(*steps: Step) -> Disk:
    disk = Disk(Recording(Path("/folder"), ROOT, ()))
    for item in steps:
        disk.take(item)
    return disk


def images(disk: Disk, fate: Fate, count: int = 300) -> list[dict[str, bytes]]:
    chance = random.Random(0)
    return [disk.image(fate, chance) for _ in range(count)]


def test_what_was_fsynced_stays_and_nothing_else_has_to() -> None:
    disk = disk_after(made("a"), wrote(b"old"), *synced(), *synced(ROOT), wrote(b"new"), wrote(b"far", 2000))
    assert disk.image(Fate.DROPPED, random.Random(0)) == {"a": b"old"}
    assert disk.image(Fate.KEPT, random.Random(0)) == {"a": b"new" + bytes(1997) + b"far"}
    assert {image["a"] for image in images(disk, Fate.WHOLE)} == {b"old", b"new" + bytes(1997) + b"far"}
    torn = {image["a"] for image in images(disk, Fate.TORN)}
    assert {b"old", b"new" + bytes(1997) + b"far", b"old" + bytes(1997) + b"far", b"new" + bytes(2000)} <= torn
    assert {content[:3] for content in torn} == {b"old", b"new"}
    behind = {image["a"] for image in images(disk, Fate.BEHIND)}
    assert b"old" + bytes(1997) + b"far" not in behind  # what came later is never there without what came before
    assert {b"old", b"new", b"new" + bytes(2000)} <= behind


def test_an_fsync_says_nothing_of_what_is_written_while_it_runs() -> None:
    disk = disk_after(made("a"), *synced(ROOT), wrote(b"1"), *synced(meanwhile=(wrote(b"2", 1),)))
    assert disk.image(Fate.DROPPED, random.Random(0)) == {"a": b"1"}
    unfinished = disk_after(made("a"), *synced(ROOT), wrote(b"1"), step(Call.SYNC_BEGIN, FILE, 5))
    assert unfinished.image(Fate.DROPPED, random.Random(0)) == {"a": b""}


def test_a_sector_holds_what_it_held_after_some_of_its_writes() -> None:
    base = b"a" * SECTOR * 3
    disk = disk_after(made("a"), *synced(ROOT), wrote(base), *synced(), wrote(b"b" * 700), wrote(b"c" * 700, 300))
    first, second = set(), set()
    for image in images(disk, Fate.TORN):
        assert image["a"][2 * SECTOR :] == b"a" * SECTOR
        first.add(image["a"][:SECTOR])
        second.add(image["a"][SECTOR : 2 * SECTOR])
    assert first == {b"a" * 512, b"b" * 512, b"b" * 300 + b"c" * 212}
    assert second == {b"a" * 512, b"b" * 188 + b"a" * 324, b"c" * 488 + b"a" * 24}
    for image in images(disk, Fate.JUNK):
        assert image["a"][1000:] == base[1000:]  # no byte that was not being written changes


def test_a_file_that_is_cut_is_cut_or_not() -> None:
    disk = disk_after(made("a"), *synced(ROOT), wrote(b"x" * 600), *synced(), step(Call.TRUNCATE, FILE, 3))
    assert disk.image(Fate.KEPT, random.Random(0)) == {"a": b"xxx"}
    assert {len(image["a"]) for image in images(disk, Fate.TORN)} == {3, 600}


@pytest.mark.parametrize("fate", [Fate.TORN, Fate.WHOLE, Fate.BEHIND])
def test_names_come_and_go_with_their_folder_and_not_with_their_file(fate: Fate) -> None:
    disk = disk_after(made("a"), wrote(b"x"), *synced())
    assert disk.image(Fate.DROPPED, random.Random(0)) == {}
    assert {tuple(image) for image in images(disk, fate)} == {(), ("a",)}
    gone = disk_after(made("a"), *synced(ROOT), step(Call.UNLINK, path="a"))
    assert {tuple(image) for image in images(gone, fate)} == {(), ("a",)}
    inner = disk_after(
        step(Call.MKDIR, FOLDER, path="f"), made("f/a"), wrote(b"x"), *synced(), *synced(FOLDER), *synced(ROOT)
    )
    assert inner.image(Fate.DROPPED, random.Random(0)) == {"f/a": b"x"}


def test_a_rename_is_there_as_a_whole_or_not() -> None:
    new = [made("b", OTHER), wrote(b"new", inode=OTHER), *synced(OTHER), *synced(ROOT)]
    moved = step(Call.RENAME, path="b", data=b"/folder/a")
    disk = disk_after(made("a"), wrote(b"old"), *synced(), *new, moved)
    found = [tuple(sorted(image.items())) for image in images(disk, Fate.TORN)]
    assert set(found) == {(("a", b"old"), ("b", b"new")), (("a", b"new"),)}
    assert disk_after(made("a"), *new, moved, *synced(ROOT)).image(Fate.DROPPED, random.Random(0)) == {"a": b"new"}
