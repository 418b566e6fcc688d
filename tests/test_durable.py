"""What is written for good is on disk when the call returns, on a disk that promises no more than POSIX does."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

import pytest

from holdfast.durable import make_folder, write_whole
from holdfast.testing.disk import Disk, Fate
from holdfast.testing.recording import Call, can_record, memory, record

PROGRAM = """
import os, sys
from pathlib import Path
from holdfast.durable import make_folder, write_whole
folder, marks = Path(sys.argv[1]), Path(sys.argv[2]).open("ab", buffering=0)
BEFORE
make_folder(folder / "deep" / "er")
marks.write(b"made")
write_whole(folder / "deep" / "er" / "file", b"old" * 500)
marks.write(b"old")
write_whole(folder / "deep" / "er" / "file", b"new" * 500)
marks.write(b"new")
"""


@pytest.mark.skipif(not can_record(), reason="needs Linux and a C compiler")
@pytest.mark.parametrize("before", ["", "os.mkdir(folder / 'deep')  # by a process that is killed then"])
def test_a_file_is_there_whole_from_the_moment_that_its_writing_returned(before: str) -> None:
    program = PROGRAM.replace("BEFORE", before)
    with tempfile.TemporaryDirectory(dir=memory()) as place:
        recording = record([sys.executable, "-c", program, "{folder}", "{marks}"], Path(place))
    disk, chance = Disk(recording), random.Random(0)
    old, new = b"old" * 500, b"new" * 500
    possible: list[set[bytes | None]] = [{None}, {None, old}, {old, new}, {new}]
    for step in recording.steps:
        disk.take(step)
        if step.call is Call.MARK:
            del possible[0]
        for fate in Fate:
            assert disk.image(fate, chance).get("deep/er/file") in possible[0]
    assert disk.image(Fate.DROPPED, chance) == {"deep/er/file": new}


def test_what_a_killed_process_of_this_number_left_is_in_nobodys_way(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    left = tmp_path / "a" / "b" / f".file.{os.getpid()}"
    left.write_text("half of i")
    write_whole(tmp_path / "a" / "b" / "file", b"whole", mode=0o400)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"whole"
    assert (tmp_path / "a" / "b" / "file").stat().st_mode & 0o777 == 0o400
    assert not left.exists()
