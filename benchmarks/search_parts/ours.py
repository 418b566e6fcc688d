"""holdfast on the same tasks, through a study of its own in memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.search_parts.functions import Spec
from benchmarks.search_parts.tasks import Task

from holdfast import Study
from holdfast.space import Categorical, Domain, Float, Int, Space


def space_of(spec: Spec) -> Space:
    """The space as holdfast declares it."""
    return Space({item["name"]: _domain(item) for item in spec})


def spec_of(space: Space) -> Spec:
    """A space of holdfast's as rivals are told of it; that choices are in order is left out."""
    found = []
    for name, item in space.to_json().items():
        kind = "cat" if item["type"] == "categorical" else item["type"]
        found.append({"log": False, "when": None, **item, "name": name, "type": kind})
    return found


def _domain(item: dict[str, Any]) -> Domain:
    when: dict[str, Any] = item["when"] or {}
    if item["type"] == "cat":
        return Categorical(item["choices"], when=when)
    kind = Int if item["type"] == "int" else Float
    return kind(item["low"], item["high"], log=item["log"], when=when)


def run(strategy: Any, task: Task, seed: int, trials: int, at_once: int, space: Space | None = None) -> dict[str, Any]:
    """As `rival.run`, for a strategy's name or object; ``space`` stands in for the task's own, perhaps with priors."""
    study = Study(space_of(task.space) if space is None else space, strategy=strategy, seed=seed)
    values: list[float] = []
    test: list[float] = []
    seconds: list[float] = []
    reasons: list[str] = []
    while len(values) < trials:
        asked = []
        for _ in range(min(at_once, trials - len(values))):
            begun = time.perf_counter()
            trial = study.ask()
            asked.append((trial, time.perf_counter() - begun))
        for trial, waited in asked:
            loss = task.loss(trial.config)
            begun = time.perf_counter()
            study.tell(trial, loss)
            seconds.append(waited + time.perf_counter() - begun)
            values.append(loss)
            reasons.append(study.trials[trial.number].reason)
            if task.test is not None:
                test.append(task.test(trial.config))
    return {
        "values": values,
        "test": test if task.test is not None else None,
        "seconds": seconds,
        "switches": _switches(reasons),
    }


def _switches(reasons: Sequence[str]) -> list[str]:
    """The first few different reasons, cut short: what was in charge and when that changed."""
    found: list[str] = []
    for number, reason in enumerate(reasons):
        start = reason[:40]
        if all(start[:15] not in item for item in found) and len(found) < 8:
            found.append(f"{number}: {start}")
    return found
