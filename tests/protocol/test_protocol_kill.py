"""kill -9 at random moments: nothing is lost or counts twice, and one worker walks the same path as undisturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdfast.log.open import exists, open_log
from holdfast.log.verify import verify
from holdfast.protocol.tune import tune
from holdfast.study.book import Book

TRIALS = 40

MODELS = """\
import time
from sklearn.neighbors import KNeighborsClassifier

def slow(config):
    time.sleep(0.05)
    return KNeighborsClassifier(**config)
"""


def plan(folder: Path, workers: int) -> Path:
    (folder / "kill_models.py").write_text(MODELS, encoding="utf-8")
    path = folder / "plan.toml"
    path.write_text(
        f"""
        [study]
        name = "killed"
        [data]
        source = "sklearn:iris"
        [model]
        family = "kill_models:slow"
        [space]
        n_neighbors = {{ type = "int", low = 1, high = 60 }}
        p = {{ type = "float", low = 1.0, high = 4.0 }}
        [search]
        strategy = "random"
        trials = {TRIALS}
        workers = {workers}
        """,
        encoding="utf-8",
    )
    return path


def storage(folder: Path) -> str:
    return f"sqlite:///{folder / 'runs' / 'killed' / 'study.db'}"


def length(folder: Path) -> int:
    if not exists(storage(folder), "killed"):
        return 0
    log = open_log(storage(folder), "killed", read_only=True)
    try:
        return log.head().length
    finally:
        log.close()


def told(folder: Path) -> dict[int, Any]:
    """What each told trial came to; a trial that was told twice fails the test."""
    if not exists(storage(folder), "killed"):
        return {}
    log = open_log(storage(folder), "killed", read_only=True)
    events = [event.data for event in log.read() if event.kind == "trial.told"]
    log.close()
    counts = Counter(data["trial"] for data in events)
    assert all(count == 1 for count in counts.values()), counts
    return {data["trial"]: (data["state"], data["metrics"], data["rows"]) for data in events}


def start(path: Path) -> subprocess.Popen[bytes]:
    code = "import sys; from holdfast.protocol.tune import tune; tune(sys.argv[1], runs=sys.argv[2])"
    return subprocess.Popen([sys.executable, "-c", code, str(path), str(path.parent / "runs")])


def kill_once(path: Path, chance: random.Random) -> bool:
    """Start the study and kill it after a few more events and moments; True if it was done before that."""
    folder = path.parent
    before, more = length(folder), chance.randint(1, 9)
    process = start(path)
    deadline = time.monotonic() + 60
    while process.poll() is None and length(folder) < before + more:
        assert time.monotonic() < deadline, "the study stands still"
        time.sleep(0.005)
    time.sleep(chance.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    return process.wait() == 0


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_twenty_kills_with_two_workers(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = plan(tmp_path, workers=2)
    known: dict[int, Any] = {}
    for _ in range(20):
        kill_once(path, chance)
        now = told(tmp_path)
        assert {number: now.get(number) for number in known} == known
        known = now
    assert start(path).wait() == 0
    final = told(tmp_path)
    assert sorted(final) == list(range(TRIALS))
    assert {number: final[number] for number in known} == known
    book = Book(open_log(storage(tmp_path), "killed", read_only=True))
    assert len(book.state.notes["test.opened"]) == 1
    assert sum(trial.restarts for trial in book.state.trials) > 0
    assert verify(open_log(storage(tmp_path), "killed")).ok


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_one_worker_walks_the_same_path_as_undisturbed(tmp_path: Path) -> None:
    chance = random.Random(11)
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    calm.mkdir()
    rough.mkdir()
    undisturbed = tune(plan(calm, workers=1), runs=calm / "runs")
    path = plan(rough, workers=1)
    for _ in range(10):
        kill_once(path, chance)
    assert start(path).wait() == 0
    books = [Book(open_log(storage(folder), "killed", read_only=True)) for folder in (calm, rough)]
    paths = [[(t.number, t.config, dict(t.metrics), t.seed) for t in book.state.trials] for book in books]
    assert json.dumps(paths[0]) == json.dumps(paths[1])
    choices = [book.state.notes["choice.made"][0]["trial"] for book in books]
    assert choices[0] == choices[1]
    assert undisturbed.best_config == books[1].state.trials[choices[1]].config
