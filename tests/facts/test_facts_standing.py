"""What a reader must know first."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.standing import rows
from holdfast.facts.standing import alerts
from holdfast.report.status import status_dict
from holdfast.study.handle import LiveTrial


def learn(trial: LiveTrial) -> float:
    """One report, at the step to which the trial goes."""
    if trial.report(float(trial["x"]), trial.until_step or 9) is not holdfast.Verdict.CONTINUE:
        trial.save(b"weights of %d" % trial.number)
    return float(trial["x"])


@pytest.mark.parametrize(("damage", "words"), [("DELETE FROM blob", "missing"), ("UPDATE blob SET data = 'no'", "not")])
def test_that_trials_began_anew_as_their_checkpoints_were_of_no_use_is_said_with_the_reason(
    tmp_path: Path, damage: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    space = {"x": holdfast.Float(0.0, 1.0)}
    fidelity = holdfast.Fidelity("step", 1, 9, 3)
    study = holdfast.Study(space, strategy="asha", fidelity=fidelity, storage=storage, name="s")
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, learn(trial))
    assert alerts(study.book.state) == []
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute(f"{damage} WHERE CAST(data AS TEXT) LIKE 'weights of%'")
    connection.close()
    with caplog.at_level(logging.WARNING):
        trial = study.ask()  # the best of the three goes on
    state = study.book.state
    notes = state.notes["trial.restarted"]
    (text,) = alerts(state)
    assert "began anew, because what" in text
    assert f"Of trial {notes[0]['trial']} the log says: its checkpoint at step 1 is of no use" in text
    assert words in text
    assert "is of no use" in caplog.text
    assert ["note", text] in rows(status_dict(state))
    study.close()
    again = holdfast.load_study("s", storage=storage)
    assert alerts(again.book.state) == [text]
    again.close()
