"""Studies in memory for the tests of the report: a toy objective, and the events that the protocol writes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import holdfast
from holdfast.records import RowScores, Score
from holdfast.study.study import Study

HASHES = {name: f"{position:x}" * 64 for position, name in enumerate(("train", "validation", "select", "test"), 10)}


def toy_space() -> holdfast.Space:
    return holdfast.Space(
        {
            "learning_rate": holdfast.Float(1e-4, 1e-1, log=True),
            "layers": holdfast.Int(1, 6),
            "optimizer": holdfast.Categorical(["sgd", "adamw"]),
            "momentum": holdfast.Float(0.0, 0.99, when={"optimizer": "sgd"}),
        }
    )


def accuracy(config: dict[str, Any]) -> float:
    """A smooth landscape with its top at learning_rate = 0.01, layers = 3."""
    distance = (math.log10(config["learning_rate"]) + 2) ** 2 + 0.1 * (config["layers"] - 3) ** 2
    return float(0.97 - 0.05 * distance)


def toy_study(n_trials: int = 12, name: str = "digits", metric: str = "accuracy", failing: bool = True) -> Study:
    """A study of random trials with row scores; trials 4 and 9 fail."""
    study = Study(toy_space(), direction={metric: "maximize"}, strategy="random", seed=3, name=name)
    study.book.note("budget.set", {"trials": n_trials})
    for _ in range(n_trials):
        trial = study.ask()
        if failing and trial.number in {4, 9}:
            study.tell(trial, state="failed", error="Traceback:\nValueError: the network exploded")
            continue
        value = accuracy(trial.config)
        trial.report(value - 0.05, step=1)
        trial.report(value, step=2)
        noise = np.random.default_rng(trial.number)
        study.tell(trial, value, rows=RowScores((noise.random(200) < value).astype(float)))
    return study


def note_plan(study: Study) -> None:
    study.book.note("plan.resolved", {"plan": {"study": {}}, "path": "plan.toml", "sha256": "ab" * 32})
    git = {"commit": "cd" * 20, "dirty": "diff --git a/x b/x\n+1\n"}
    study.book.note("code.recorded", {"git": git, "environment": {"python": "3.11.9", "numpy": "2.1.0"}})


def note_split(study: Study, **changes: Any) -> None:
    sizes = {"train": 1078, "validation": 360, "test": 359}
    roles = {
        role: {"rows": rows, "fingerprint": HASHES[role], "file": f"{role}.arrow", "sha256": HASHES[role][::-1]}
        for role, rows in sizes.items()
    }
    columns = [{"name": name, "kind": "number", "feature": name != "digit"} for name in ("pixel_1", "pixel_2", "digit")]
    split = {
        "source": {"description": "sklearn:digits", "sha256": "ef" * 32},
        "schema": {
            "format": 1,
            "columns": columns,
            "target": "digit",
            "task": "multiclass",
            "group": None,
            "time": None,
        },
        "roles": roles,
        "folds": None,
        "notes": ["Two constant columns were left out."],
    }
    study.book.note("data.split", {**split, **changes})


def note_choice(study: Study, metric: str = "accuracy") -> None:
    best = study.best_trial
    naive = Score(best.metrics[metric], None, None, 0.95, "uncorrected", "the very model that was scored", 200)
    choice = {"trial": best.number, "config": best.config, "rule": "the best validation score", "metric": metric}
    study.book.note("choice.made", {**choice, "direction": "maximize", "naive": naive.to_json()})


def note_estimate(study: Study, luck: float = 0.0123, **changes: Any) -> None:
    naive = study.best_value
    score = Score(naive - luck, naive - 0.05, naive + 0.01, 0.95, "RMX", "the very model that was scored", 200)
    made = {
        "score": score.to_json(),
        "missing": None,
        "naive": naive,
        "luck": luck,
        "n_configurations": 10,
        "effective_configurations": 4.2,
        "sentences": ["The winner of 10 configurations was selected on 200 rows.", "The design was fixed."],
    }
    study.book.note("estimate.made", {**made, **changes})


def note_model(study: Study, **changes: Any) -> None:
    fitted = {
        "kind": "scored",
        "text": "The very model that was scored ships.",
        "rows": 1078,
        "epochs": 20,
        "files": {"model/weights.safetensors": "12" * 32},
        "seconds": 3.5,
        "reproduced": True,
    }
    study.book.note("model.fitted", {**fitted, **changes})


def note_opening(study: Study, opening: int = 1, earlier: list[str] | None = None, why: str = "") -> None:
    value = study.best_value - 0.01
    score = Score(value, value - 0.02, value + 0.02, 0.95, "Clopper-Pearson", "the very model that was scored", 359)
    opened = {"fingerprint": HASHES["test"], "rows": 359, "opening": opening, "earlier": earlier or []}
    study.book.note("test.opened", {**opened, "why": why or "the choice was made", "score": score.to_json()})


def governed_study(n_trials: int = 12) -> Study:
    """A study whose protocol has run to its end."""
    study = toy_study(n_trials)
    note_plan(study)
    note_split(study)
    note_choice(study)
    note_estimate(study)
    note_model(study)
    note_opening(study)
    return study
