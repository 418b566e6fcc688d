"""replay: what was decided, and whether it comes out the same."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_every_decision_is_listed_and_comes_out_the_same(call: Call, finished: Path) -> None:
    listed = json.loads(call("replay", "bc", "--json").stdout)["decisions"]
    assert [each["trial"] for each in listed] == list(range(len(listed)))
    assert "saw events" in call("replay", "bc").stdout
    found = json.loads(call("replay", "bc", "--verify", "--json").stdout)
    assert found["same"] is True
    assert found["suggestions"] == len(listed)
    assert found["environment"] == []
    answer = call("replay", "bc", "--verify")
    assert answer.returncode == 0
    assert "every one is as it was" in answer.stdout


def test_a_decision_of_another_seed_is_named(call: Call, finished: Path) -> None:
    with closing(sqlite3.connect("runs/bc/study.db")) as database, database:
        database.execute("UPDATE event SET body = replace(body, '\"seed\":0', '\"seed\":1') WHERE idx = 0")
        database.execute("DELETE FROM snapshot")
        database.execute('UPDATE event SET body = replace(body, \'"numpy":"\', \'"numpy":"0.\') WHERE idx < 9')
    answer = call("replay", "bc", "--verify")
    assert answer.returncode == 1
    assert "the first that differs is event" in answer.stdout
    assert "note: the study ran with numpy 0." in answer.stderr
    assert len(answer.stdout.splitlines()) == 1
