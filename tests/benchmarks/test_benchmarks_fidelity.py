"""The benchmark of fidelities: workers wait in simulated time, and regrets are of what was seen by then."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from benchmarks.fidelity_parts.curves import CurveTask, agreement
from benchmarks.fidelity_parts.lines import line_of
from benchmarks.fidelity_parts.ours import Ours
from benchmarks.fidelity_parts.running import Plan
from benchmarks.fidelity_parts.simulator import Order, simulate
from benchmarks.fidelity_parts.tables import pages
from benchmarks.fidelity_parts.traces import Traces, pack, read

from holdfast.search.asha import Asha


def task(curves: dict[float, list[float]]) -> CurveTask:
    """Configurations {"x": key} with these curves; the best final loss is 0, the median one 1."""
    recorded = SimpleNamespace(curve=lambda config: curves[config["x"]], loss=lambda config: curves[config["x"]][-1])
    space = [{"name": "x", "type": "float", "low": 0.0, "high": 1.0, "log": False, "when": None}]
    return CurveTask("toy", space, len(next(iter(curves.values()))), 0.0, 1.0, 0.0, recorded)


@dataclass
class Listed:
    """Gives orders one after the other; the next one only when so many have ended."""

    orders: list[tuple[int, Order]]
    ended: list[tuple[Any, int]] = field(default_factory=list)

    def ask(self) -> Order | None:
        if self.orders and self.orders[0][0] <= len(self.ended):
            return self.orders.pop(0)[1]
        return None

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        return not (token == "stop" and epoch == 2)

    def end(self, token: Any, epoch: int, loss: float) -> None:
        self.ended.append((token, epoch))


def test_what_is_paid_holds_the_waiting() -> None:
    toy = task({0.1: [5.0, 4.0, 3.0], 0.2: [1.0, 2.0, 2.0], 0.3: [9.0, math.nan, 0.0]})
    searcher = Listed(
        [
            (0, Order("stop", {"x": 0.1}, 0, 3)),
            (1, Order("b", {"x": 0.2}, 0, 3)),  # waits for the first, with two workers
            (1, Order("c", {"x": 0.3}, 0, 3)),
        ]
    )
    run = simulate(searcher, toy, workers=2, budget=100, enough=-1)
    assert searcher.ended == [("stop", 2), ("c", 2), ("b", 3)]
    assert run.paid.tolist() == [2, 6, 10]
    assert run.chosen.tolist() == [3.0, 2.0, 2.0]
    assert run.finished.tolist() == [math.inf, math.inf, 2.0]


def test_what_looked_best_is_judged_by_what_was_seen_last() -> None:
    toy = task({0.1: [0.5, 3.0], 0.2: [1.0, 1.0]})
    run = simulate(
        Listed([(0, Order("a", {"x": 0.2}, 0, 1)), (1, Order("b", {"x": 0.1}, 0, 2))]), toy, 1, budget=3, enough=-1
    )
    assert (run.paid.tolist(), run.chosen.tolist()) == ([1, 2, 3], [1.0, 3.0, 1.0])


def test_what_was_hardly_trained_is_not_chosen() -> None:
    toy = task({0.1: [0.1, 9.0, 9.0, 9.0], 0.2: [2.0, 2.0, 2.0, 2.0]})
    orders = [(0, Order("a", {"x": 0.1}, 0, 1)), (1, Order("b", {"x": 0.2}, 0, 4))]
    run = simulate(Listed(orders), toy, 1, budget=9, enough=-1)
    assert (run.paid.tolist(), run.chosen.tolist()) == ([1, 4, 5], [9.0, 2.0, 2.0])


def test_our_strategies_resume_where_they_paused() -> None:
    toy = task({0.0: [0.0, 0.0, 0.0]})
    toy.recorded.curve = lambda config: [config["x"], config["x"] / 2, config["x"] / 3]
    toy.recorded.loss = lambda config: config["x"] / 3
    searcher = Ours(Asha(), toy, 0)
    run = simulate(searcher, toy, 3, budget=90, enough=0)
    history = searcher.rehearsal.history()
    assert len(history.report_trial) <= 90
    pairs = list(zip(history.report_trial.tolist(), history.report_step.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert run.finished[-1] < 0.1


def test_early_and_late_losses_agree_by_rank() -> None:
    rng = np.random.default_rng(0)
    final = rng.random(400)
    same, other = np.tile(final[:, None], 20), np.tile(final[:, None], 20)
    other[:, :5] = rng.random((400, 5))
    assert agreement(same) == pytest.approx(1)
    assert abs(agreement(other)) < 0.25


def test_traces_are_packed_and_read_again(tmp_path: Path) -> None:
    toy = task({0.1: [2.0, 1.0]})
    run = simulate(Listed([(0, Order("a", {"x": 0.1}, 0, 2))]), toy, 1, budget=9, enough=-1)
    line = {"task": "toy", "seed": 0, "workers": 1, "versions": {"tool": "1"}, **line_of(run, 9), "seconds": 0.5}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "tool.jsonl").write_text(json.dumps(line) + "\n")
    before = read(tmp_path)["tool"]
    pack(tmp_path, [toy])
    (tmp_path / "raw" / "tool.jsonl").unlink()
    after = read(tmp_path)["tool"]
    assert after.versions == {"tool": "1"}
    (one,), (other,) = before.of("toy", 1), after.of("toy", 1)
    assert other.until(1.0, "finished") == one.until(1.0, "finished") == 2
    assert other.at(1, "chosen") == one.at(1, "chosen") == 1.0
    assert one.at(0, "chosen") == math.inf
    assert one.budget == other.budget == 9


def test_longer_runs_count_up_to_the_budget_and_shorter_ones_do_not() -> None:
    toy = task({0.1: [2.0, 1.0]})
    run = simulate(Listed([(0, Order("a", {"x": 0.1}, 0, 2))]), toy, 1, budget=9, enough=-1)
    line = {"task": "toy", "workers": 1, "versions": {}, **line_of(run, 9), "seconds": 0.5}
    traces = Traces("holdfast-toy")
    traces.add({**line, "seed": 0})
    traces.add({**line, "seed": 1, "budget": 1})
    assert (traces.up_to(1).of("toy", 1)[0].until(1.0, "finished"), len(traces.up_to(1).runs)) == (math.inf, 2)
    assert traces.up_to(1).seconds == {("toy", 1, 1): 0.5}
    assert list(traces.up_to(5).runs) == [("toy", 0, 1)]
    assert traces.up_to(5).of("toy", 1)[0].until(1.0, "finished") == 2
    assert len(pages([{"name": "toy", "agreement": 1.0}], {"holdfast-toy": traces}, 20, "chosen")) == 0


def test_what_was_run_for_longer_is_not_run_again(tmp_path: Path) -> None:
    toy = task({0.1: [2.0, 1.0]})
    plan = Plan(tmp_path, tmp_path / "raw", (), 1, (1,), 9, 1)
    plan.out.mkdir()
    run = simulate(Listed([(0, Order("a", {"x": 0.1}, 0, 2))]), toy, 1, budget=9, enough=-1)
    line = {"task": "toy", "seed": 0, "workers": 1, "versions": {}, **line_of(run, 9), "seconds": 0.5}
    plan.file("tool").write_text(json.dumps(line) + "\n")
    for _ in range(2):
        assert plan.have("tool") == replace(plan, budget=5).have("tool") == {("toy", 0, 1)}
        assert replace(plan, budget=10).have("tool") == set()
        pack(tmp_path, [toy])
        plan.file("tool").unlink(missing_ok=True)
