"""Losses of power at every step: nothing lost, doubled or out of order; and the simulator finds what it has to find."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from holdfast.testing import histories
from holdfast.testing.crashes import Promises, Tally, crash_everywhere, crashes, some_crash
from holdfast.testing.disk import Fate, Image
from holdfast.testing.recording import Call, Recording, Step, can_record, memory, record

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and a C compiler")


def recorded(kind: str, seed: int, place: Path, before: Image | None = None) -> Recording:
    place.mkdir()
    command = [sys.executable, "-m", "holdfast.testing.histories", kind, str(seed), "{folder}", "{marks}"]
    return record(command, place, sync_us=300, before=before)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def threads() -> Iterator[Recording]:
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        yield recorded("log of threads", 2, Path(folder) / "threads")


def test_nothing_is_lost_wherever_the_power_fails(threads: Recording, place: Path) -> None:
    tally = crash_everywhere(threads, place, every=7)
    assert tally.failures == 0, tally
    assert tally.points > 40
    assert tally.crashes == 2 * tally.points
    assert tally.kept > 20 * tally.points


def of_wal(step: Step) -> bool:
    return step.path.endswith("-wal")


@pytest.mark.parametrize(
    "forgotten",
    [of_wal, lambda step: step.path.endswith("folder"), lambda step: True],
    ids=["the log written ahead", "the folder", "anything"],
)
def test_a_log_that_does_not_wait_for_the_disk_is_found_out(
    threads: Recording, place: Path, forgotten: Callable[[Step], bool]
) -> None:
    """The simulator would be of no use if it could not fail."""
    syncs = {Call.SYNC_BEGIN, Call.SYNC_END}
    steps = tuple(step for step in threads.steps if step.call not in syncs or not forgotten(step))
    assert len(steps) < len(threads.steps)
    tally = crash_everywhere(replace(threads, steps=steps), place, every=25)
    assert tally.lost > 0, tally


def test_a_recording_with_a_gap_is_refused(threads: Recording, place: Path) -> None:
    gap = max(number for number, step in enumerate(threads.steps) if step.call is Call.WRITE and of_wal(step))
    steps = threads.steps[:gap] + threads.steps[gap + 1 :]
    with pytest.raises(AssertionError, match="something was changed that it did not see"):
        crash_everywhere(replace(threads, steps=steps), place, every=10**6)


def test_promises_go_along_with_the_crashes(threads: Recording) -> None:
    promises, chance = Promises(), random.Random(0)
    lengths = [
        sum(promises.lengths.values()) for crash in crashes(threads, promises, chance) if crash.fate is Fate.DROPPED
    ]
    assert lengths == sorted(lengths)
    assert lengths[0] == 0
    assert lengths[-1] > 20
    assert len(promises.blobs) >= 6


@pytest.mark.long
@pytest.mark.parametrize("kind", ["log alone", "study of clones"])
def test_a_crash_while_another_one_is_put_right(kind: str, place: Path) -> None:
    first = recorded(kind, 0, place / "first")
    tally = Tally()
    for seed in range(3):
        before = some_crash(first, random.Random(seed))
        second = recorded(kind, seed, place / f"second-{seed}", before)
        (place / f"crashes-{seed}").mkdir()
        tally.add(crash_everywhere(second, place / f"crashes-{seed}", seed=seed))
    assert tally.failures == 0, tally
    assert tally.points > 500


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", histories.KINDS)
def test_every_step_of_every_kind_of_history(kind: str, seed: int, place: Path) -> None:
    recording = recorded(kind, seed, place / "recorded")
    (place / "crashes").mkdir()
    go_on = partial(histories.go_on, kind) if kind.startswith("study") else None
    tally = crash_everywhere(recording, place / "crashes", seed=seed, go_on=go_on, go_on_every=20)
    assert tally.failures == 0, tally
    assert tally.points > 100
    assert tally.went_on > 3 or go_on is None
