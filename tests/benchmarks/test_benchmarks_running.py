"""The search benchmark's commands from end to end, on a small scale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.search_parts import ours, thinking
from benchmarks.search_parts.rival import done
from benchmarks.search_parts.running import Plan, run_ours, run_rivals
from benchmarks.search_parts.tables import pages
from benchmarks.search_parts.tasks import load
from benchmarks.search_parts.traces import Known, kind_of, pack, read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(None, tmp_path / "raw", ("branin", "tree"), seeds=1, trials=60, at_once=1, processes=1)


def test_a_rival_runs_in_a_process_of_its_own_and_only_once(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    run_rivals(plan, ["random"], {})
    assert done(plan.file("random")) == {("branin", 0), ("tree", 0)}
    text = plan.file("random").read_text(encoding="utf-8")
    run_rivals(plan, ["random"], {})
    assert plan.file("random").read_text(encoding="utf-8") == text
    assert capsys.readouterr().out.count("2 tasks") == 1


def test_a_rival_that_is_not_installed_is_a_failure_with_its_reason(plan: Plan) -> None:
    with pytest.raises(SystemExit, match="dehb could not be run"):
        run_rivals(plan, ["dehb"], {})


def test_what_is_packed_is_not_run_again(plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_rivals(plan, ["random"], {})
    pack(tmp_path, load(None, plan.tasks))
    plan.file("random").unlink()
    run_rivals(plan, ["random"], {})
    assert capsys.readouterr().out.count("2 tasks") == 1
    assert not plan.file("random").exists()


def test_ours_run_again_only_when_asked(plan: Plan, tmp_path: Path) -> None:
    for commit, again in (("a", False), ("b", False), ("c", True)):
        run_ours(plan, ["random"], "", commit, again=again)
        assert read(tmp_path)["holdfast-random"].versions == {"holdfast": "c" if again else "a"}


def test_tables_of_ours_beside_random(plan: Plan, tmp_path: Path) -> None:
    run_rivals(plan, ["random"], {})
    run_ours(plan, ["sobol"], "", "now")
    tasks = [Known(t.name, t.family, t.best, t.noise, kind_of(t.space)) for t in load(None, plan.tasks)]
    text = "\n".join(pages(tasks, read(tmp_path), 60))
    assert "all 2 tasks" in text
    assert "| holdfast-sobol | holdfast now | 2 | 1 to 1 | none |" in text
    assert "`holdfast-sobol`" not in text  # what it reaches is told against rivals other than random


def test_eight_are_asked_before_any_is_told() -> None:
    (task,) = load(None, ["branin"])
    found = ours.run("random", task, 0, 12, 8)
    assert len(found["values"]) == len(found["seconds"]) == 12
    assert found["test"] is None


def test_thinking_is_timed_behind_a_long_study() -> None:
    step = thinking.ours("random", 30)
    cpu, wall = step(0.0)
    assert 0 <= cpu < 1
    assert 0 < wall < 10


def test_the_script_says_what_it_has(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "search.py"), "rivals", "--tools", "nobody"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 1
    assert "no rival is called nobody; there are random, optuna-random" in finished.stderr
