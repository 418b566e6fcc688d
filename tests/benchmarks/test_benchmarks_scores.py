"""The yardstick of the search benchmark, on traces made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.search_parts import scores
from benchmarks.search_parts.adapters import NothingLeftError
from benchmarks.search_parts.rival import done, run
from benchmarks.search_parts.tables import pages
from benchmarks.search_parts.tasks import load
from benchmarks.search_parts.traces import Known, Traces, known_tasks, pack, read

TASK = Known("made", "smooth", 0.0, 0.1, "numerical")


def made(tool: str, *runs: list[float]) -> Traces:
    traces = Traces(tool)
    for seed, values in enumerate(runs):
        line = {"task": "made", "seed": seed, "values": values, "test": None, "seconds": [0.0] * len(values)}
        traces.add({**line, "versions": {}})
    return traces


def test_regret_is_one_at_the_median_of_random_search_and_capped_at_two() -> None:
    tools = {"random": made("random", [9.0, 4.0], [8.0, 2.0], [9.0, 3.0]), "other": made("other", [100.0, 1.5, 0.01])}
    (scale,) = scores.scales([TASK], tools)
    assert (scale.best, scale.random, scale.dropped) == (0.0, 3.0, "")
    np.testing.assert_allclose(scores.regrets(scale, tools["other"], 3), [[2.0, 0.5, 0.0]])


def test_what_was_seen_below_the_known_best_is_the_best() -> None:
    tools = {"random": made("random", [4.0]), "other": made("other", [-1.0])}
    assert scores.scales([TASK], tools)[0].best == -1.0


def test_without_random_search_there_is_no_yardstick() -> None:
    with pytest.raises(SystemExit, match="random search has not run"):
        scores.scales([TASK], {"other": made("other", [1.0])})


def test_a_task_within_its_noise_is_left_out_and_named() -> None:
    tools = {"random": made("random", [0.05])}
    (scale,) = scores.scales([TASK], tools)
    assert "0.05" in scale.dropped
    text = "\n".join(pages([TASK], tools, 1))
    assert "made (random's gap 0.05, noise 0.1)" in text


def test_a_failed_run_has_the_cap() -> None:
    traces = made("other", [1.0])
    traces.add({"task": "made", "seed": 1, "error": "it fell over", "versions": {}})
    scale = scores.Scale(TASK, 0.0, 1.0, "")
    np.testing.assert_allclose(scores.regrets(scale, traces, 1), [[1.0], [2.0]])


def test_the_test_loss_is_that_of_the_configuration_chosen_on_validation() -> None:
    chosen = scores.chosen_test(np.array([3.0, 1.0, 2.0, 1.0, 0.5]), np.array([5.0, 7.0, 1.0, 0.0, 9.0]))
    assert chosen.tolist() == [5, 7, 7, 7, 9]


def test_ranks_and_their_critical_distance() -> None:
    table = np.array([[0.1, 0.1, 0.1], [0.2, 0.1, 0.3], [0.3, 0.4, 0.4]])
    np.testing.assert_allclose(scores.mean_ranks(table), [3.5 / 3, 5.5 / 3, 3])
    assert scores.nemenyi(5, 30) == pytest.approx(2.728 * np.sqrt(30 / 180), abs=1e-3)  # Demsar (2006), table 5


def test_the_sign_test_leaves_equals_out() -> None:
    signs = scores.sign_test([np.array([0.0, 0.1, 0.1])], [np.array([0.0, 0.2, 0.0])])
    assert (signs.won, signs.lost, signs.ties, signs.p) == (1, 1, 1, 1.0)
    clear = scores.sign_test([np.zeros(12)], [np.ones(12)])
    assert clear.p == pytest.approx(2 * 0.5**12)


def test_trials_until_a_target() -> None:
    curve = np.array([1.0, 0.5, 0.5, 0.2])
    assert scores.trials_until(curve, 0.5) == 2
    assert scores.trials_until(curve, 0.1) == float("inf")


def test_packed_traces_are_read_back(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    tasks = [task for task in load(None) if task.name in ("branin", "tree")]
    with (raw / "random.jsonl").open("w", encoding="utf-8") as file:
        for task in tasks:
            found = run("random", task, 0, 6, 3)
            line = {"tool": "random", "task": task.name, "seed": 0, "at_once": 3, "versions": {"numpy": "2"}}
            file.write(json.dumps({**line, **found}) + "\n")
        file.write(json.dumps({"task": "mixed", "seed": 0, "versions": {}, "error": "no"}) + "\n")
    before = read(tmp_path)["random"]
    pack(tmp_path, tasks)
    (raw / "random.jsonl").unlink()
    after = read(tmp_path)["random"]
    assert after.errors == {("mixed", 0): "no"}
    assert after.versions == {"numpy": "2"}
    assert {key: row.tolist() for key, row in after.values.items()} == {
        key: row.tolist() for key, row in before.values.items()
    }
    assert [task.kind for task in known_tasks(tmp_path)] == ["numerical", "conditional"]


def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert done(path) == set()
    path.write_text(json.dumps({"task": "tree", "seed": 3}) + "\n", encoding="utf-8")
    assert done(path) == {("tree", 3)}


def test_a_rival_with_nothing_more_to_suggest_keeps_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tired:
        def __init__(self) -> None:
            self.left = 3

        def ask(self) -> tuple[None, dict[str, float]]:
            if not self.left:
                raise NothingLeftError
            self.left -= 1
            return None, {"x0": float(self.left), "x1": 5.0}

        def tell(self, token: None, loss: float) -> None:
            pass

    monkeypatch.setattr("benchmarks.search_parts.rival.make", lambda *_: Tired())
    (task,) = load(None, ["branin"])
    values = run("tired", task, 0, 6, 2)["values"]
    assert len(values) == 6
    assert values[3:] == [max(values[:3])] * 3
