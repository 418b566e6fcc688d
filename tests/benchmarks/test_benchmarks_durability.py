"""The benchmark of durability: what is lost or doubled is counted as that, and the real faults strike."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from benchmarks.durability_parts import faults
from benchmarks.durability_parts.drive import NAME, make_study, noted

from holdfast.log.open import open_log
from holdfast.records import Entry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")


def test_the_log_is_held_to_the_diary() -> None:
    with faults.scene(3, 0) as made:
        with closing(make_study(made.storage)) as study:
            study.optimize(lambda trial: float(trial["x"]), n_trials=3, on_finish=noted(made.diary))
        tally = faults.struck(made, lambda there: setattr(there.tally, "times", 1))
        assert tally.is_well, tally
        assert (tally.told, tally.found, tally.ended, tally.verified) == (3, 3, (3, 3, 0), (1, 1))
        with made.diary.open("a") as diary:
            diary.write("7 complete 0.5\n")
        made.look()
        assert (tally.told, tally.found, tally.is_well) == (4, 3, False)
        with closing(open_log(made.storage, NAME)) as log:
            told = next(event for event in log.read() if event.kind == "trial.told")
            log.append([Entry(told.kind, told.data, told.time)], log.head())
        made.look()
        assert tally.twice == 1


@pytest.mark.long
def test_a_study_outlives_its_driver_and_its_workers() -> None:
    for fault in (faults.driver_killed, faults.workers_killed):
        with faults.scene(12, 0) as made:
            tally = faults.struck(made, lambda there: fault(there, 2))  # noqa: B023 - called at once
        assert tally.is_well, tally
