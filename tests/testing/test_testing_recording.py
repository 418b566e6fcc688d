"""What a program does to a folder is recorded, all of it, or the recording is refused."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from holdfast.testing.disk import Disk, Fate, Image, contents
from holdfast.testing.recording import Call, Recording, can_record, record

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and a C compiler")

PROGRAM = """
import os, shutil, sys, threading
os.chdir(sys.argv[1])
marks = open(sys.argv[2], "ab", buffering=0)
def work(number):
    for part in range(50):
        with open(f"file-{number}", "ab") as file:
            file.write(bytes([number]) * 700)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
marks.write(b"appended")
os.makedirs("deep/er")
with open("deep/er/a", "wb") as file:
    file.write(b"one")
    file.flush()
    os.fsync(file.fileno())
    file.seek(100)
    file.write(b"two")
os.replace("deep/er/a", "deep/b")
folder = os.open("deep", os.O_RDONLY)
os.fsync(folder)
os.unlink("b", dir_fd=folder) if len(sys.argv) > 3 else os.link("deep/b", "c")
os.truncate("file-0", 1000)
with open("file-1", "r+b") as file:
    os.pwrite(file.fileno(), b"placed", 12)
    os.writev(file.fileno(), [b"in ", b"parts"])
open("file-2", "w").close()
os.mkdir("away"); open("away/x", "w").close(); shutil.rmtree("away")
if not os.fork():
    open("of a child", "w").write("x")
    os._exit(0)
os.wait()
"""


def recorded(program: str, place: Path, before: Image | None = None) -> Recording:
    return record([sys.executable, "-c", program, "{folder}", "{marks}"], place, before=before)


def test_the_steps_lead_to_the_folder_as_it_is(tmp_path: Path) -> None:
    recording = recorded(PROGRAM, tmp_path)
    disk = Disk(recording)
    for step in recording.steps:
        disk.take(step)
    found = disk.image(Fate.KEPT, random.Random(0))
    assert found == contents(recording)
    assert sorted(found) == ["c", "deep/b", "file-0", "file-1", "file-2", "file-3", "of a child"]
    assert found["file-3"] == bytes([3]) * 35_000
    calls = [step.call for step in recording.steps]
    assert calls.count(Call.WRITE) >= 205
    assert calls.index(Call.MARK) == 204  # behind what the threads had done, before all the rest
    assert [step.path.rpartition("/")[2] for step in recording.steps if step.call is Call.SYNC_END] == ["a", "deep"]


def test_a_recording_may_begin_with_files_that_are_there(tmp_path: Path) -> None:
    program = (
        'import os, sys; f = open(sys.argv[1] + "/a", "r+b"); f.write(b"n"); os.rename(f.name, sys.argv[1] + "/c")'
    )
    recording = recorded(program, tmp_path, {"a": b"old", "b": b"kept"})
    disk = Disk(recording)
    for step in recording.steps:
        disk.take(step)
    assert disk.image(Fate.DROPPED, random.Random(0)) == {"a": b"old", "b": b"kept"}
    assert disk.image(Fate.KEPT, random.Random(0)) == contents(recording) == {"b": b"kept", "c": b"nld"}


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    program = 'import mmap, sys; f = open(sys.argv[1] + "/a", "w+b"); f.truncate(9); mmap.mmap(f.fileno(), 9)[0] = 1'
    with pytest.raises(RuntimeError, match=r"a was changed by mmap, which cannot be recorded"):
        recorded(program, tmp_path)


def test_a_place_that_cannot_be_preloaded_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    with pytest.raises(RuntimeError, match="cannot be preloaded, for the blank"):
        recorded("", tmp_path / "a b")


def test_a_command_that_fails_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"failed with exit code 3: .*so it goes"):
        recorded("import sys; sys.stderr.write('so it goes'); sys.exit(3)", tmp_path)
