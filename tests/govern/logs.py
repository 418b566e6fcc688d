"""Logs for the tests of cards: studies whose every name may be whatever a user calls things."""

from __future__ import annotations

from typing import Any

import holdfast
from holdfast.records import Score
from holdfast.study.study import Study


def bare_study(name: str = "mine", n_trials: int = 3, **space: Any) -> Study:
    """A study of a function, without a plan."""
    study = Study(
        space or {"x": holdfast.Float(0, 1), "layers": holdfast.Int(1, 4)},
        direction={"loss": "minimize"},
        strategy="random",
        name=name,
    )
    for _ in range(n_trials):
        trial = study.ask()
        study.tell(trial, 0.5 + trial.number)
    return study


def note_plan(study: Study, family: str = "svm", source: str = "sklearn:digits", path: str = "plan.toml") -> None:
    tables = {"study": {"name": "mine", "storage": "postgresql://me:secret@host/db"}, "search": {"workers": 1}}
    plan = {**tables, "data": {"source": source}, "model": {"family": family}}
    study.book.note("plan.resolved", {"plan": plan, "path": path, "base": "/somewhere/private", "sha256": "ab" * 32})
    git = {"commit": "cd" * 20, "dirty": True, "diff": "+1", "diff_sha256": "ef" * 32, "untracked": ["secret.txt"]}
    environment = {"python": "3.11.7", "cpu_count": 2, "versions": {"holdfast": "0.1.0", "numpy": "2.4.6"}}
    study.book.note("code.recorded", {"git": git, "environment": environment})


def note_split(study: Study, task: str = "multiclass", **schema: Any) -> None:
    columns = [
        {"name": "age", "kind": "numeric", "feature": True, "sensitive": True, "slice": False},
        {"name": "pixel", "kind": "numeric", "feature": True, "sensitive": False, "slice": False},
    ]
    split: dict[str, Any] = {
        "source": {"description": "sklearn:digits (1797 rows × 65 columns)", "sha256": "12" * 32},
        "schema": {
            "columns": columns,
            "target": None if task == "clustering" else "digit",
            "task": task,
            "classes": ["cat", "dog", "eel"] if task == "multiclass" else None,
            "group": None,
            "time": None,
            **schema,
        },
        "roles": {
            role: {"rows": n, "fingerprint": "34" * 32, "file": f"{role}.arrow", "sha256": "56" * 32}
            for role, n in {"train": 100, "validation": 50, "test": 40}.items()
        },
        "folds": None,
        "notes": [],
    }
    study.book.note("data.split", split)


def note_end(study: Study, metric: str = "accuracy", test: float | None = 0.9, opening: int = 1) -> None:
    """The choice, the estimate, the model, and (unless ``test`` is None) the opening."""
    best = study.best_trial
    naive = Score(0.95, None, None, 0.95, "uncorrected", "the very model that was scored", 50)
    choice = {"trial": best.number, "config": best.config, "rule": "the best validation score", "metric": metric}
    study.book.note("choice.made", {**choice, "direction": "maximize", "naive": naive.to_json()})
    estimate = Score(0.93, 0.88, 0.97, 0.95, "RMX", "the very model that was scored", 50)
    made = {"score": estimate.to_json(), "missing": None, "naive": 0.95, "luck": 0.02, "n_configurations": 3}
    sentences = {"effective_configurations": 2.0, "sentences": ["The winner of 3 configurations was selected."]}
    study.book.note("estimate.made", {**made, **sentences})
    fitted = {"kind": "scored", "text": "The very model ships.", "rows": 100, "epochs": None, "seconds": 1.5}
    files = {"files": {"model/model.skops": "78" * 32}, "reproduced": True}
    parameters = {"parameters": {"count": 650, "text": "650 parameters in 2 arrays", "arrays": []}}
    study.book.note("model.fitted", {**fitted, **files, **parameters})
    if test is not None:
        score = Score(test, 0.8, 0.95, 0.95, "Clopper-Pearson", "the very model that was scored", 40)
        opened = {"fingerprint": "34" * 32, "rows": 40, "opening": opening, "earlier": [], "why": "the choice is made"}
        study.book.note("test.opened", {**opened, "score": score.to_json()})


def governed_study(task: str = "multiclass", metric: str = "accuracy", test: float | None = 0.9) -> Study:
    """A study whose protocol has run to its end."""
    study = bare_study()
    note_plan(study)
    note_split(study, task)
    note_end(study, metric, test)
    return study
