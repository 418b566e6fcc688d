"""Studies in memory for the tests of the report: a toy objective, and the events that the protocol writes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import holdfast
from holdfast.records import Cause, Outcome, RowScores, Score, TrialState
from holdfast.study import actions
from holdfast.study.study import Study
from holdfast.usage import Figure, Method, Usage, counted

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


def toy_study(
    n_trials: int = 12, name: str = "digits", metric: str = "accuracy", failing: bool = True, strategy: str = "random"
) -> Study:
    """A study with row scores, of random trials but for another ``strategy``; trials 4 and 9 fail."""
    study = Study(toy_space(), direction={metric: "maximize"}, strategy=strategy, seed=3, name=name)
    study.book.note("budget.set", {"trials": n_trials})
    for _ in range(n_trials):
        trial = study.ask()
        if failing and trial.number in {4, 9}:
            study.tell(trial, state="failed", error="Traceback:\nValueError: the network exploded")
            continue
        correct = np.random.default_rng(trial.number).random(200) < accuracy(trial.config)
        value = float(correct.mean())
        trial.report(value - 0.05, step=1)
        trial.report(value, step=2)
        study.tell(trial, value, rows=RowScores(correct.astype(float)))
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


def used(seconds: float) -> Usage:
    """Figures as a machine without a graphics processor gives them."""
    return Usage(
        wall_seconds=counted(seconds),
        cpu_seconds=counted(0.9 * seconds),
        peak_bytes=Figure(2.5e8, Method.SAMPLED, 1.0, 0.1),
        kwh=Figure(4e-6 * seconds, Method.TDP, 0.95, 0.5),
    )


def curve_of(trial: int, value: float) -> dict[str, Any]:
    """Losses by epoch; those of every third trial rise again on validation rows."""
    steps = list(range(1, 31))
    train = [2.2 * math.exp(-step / 6) + 0.02 for step in steps]
    turn = 0.02 if trial % 3 == 0 else 0.0
    validation = [2.2 * math.exp(-step / 6) + (1 - value) + turn * max(step - 10, 0) for step in steps]
    return {"metric": "loss", "step": "epoch", "steps": steps, "train": train, "validation": validation}


def metered_study(n_trials: int = 30, name: str = "metered") -> Study:
    """A study with everything that may be on a log: curves, usage, prices, a forecast, a budget, parameters."""
    study = Study(toy_space(), direction={"accuracy": "maximize"}, strategy="random", seed=5, name=name)
    book = study.book
    price = {"usd_per_run": None, "usd_per_hour": 2.0, "watts": 90.0, "kg_co2e_per_kwh": 0.363, "workers": 2}
    carbon = {"carbon_source": "mean of Germany, 2024", "carbon_uncertainty": 0.2}
    book.note("price.set", {**price, **carbon, "machine": "2 cores, a processor of the year, no GPU"})
    limits = dict.fromkeys(("trials", "hours", "usd", "kwh", "kg_co2e", "disk_bytes"))
    book.note("limits.set", {**limits, "trials": n_trials, "hours": 0.5})
    expected = {
        name: Figure(value, Method.SAMPLED, 1.0, 0.5).to_json() for name, value in (("hours", 0.4), ("usd", 0.8))
    }
    unknown = Figure(None, Method.UNKNOWN, 0.0).to_json()
    forecast = {**expected, "kwh": unknown, "kg_co2e": unknown, "disk_bytes": Figure(2e6, Method.SAMPLED).to_json()}
    book.note("forecast.made", {"timed": [41.0, 52.0], "trials": n_trials, "fits": n_trials, **forecast})
    note_plan(study)
    note_split(study)
    for number in range(n_trials):
        trial = study.ask()
        common: dict[str, Any] = {"seconds": 20.0 + number % 7, "usage": used(20.0 + number % 7)}
        if number % 11 == 4:
            cause = Cause.BUDGET if number > 20 else Cause.ERROR
            error = "Traceback:\nValueError: the network exploded"
            actions.tell(book, Outcome(number, TrialState.FAILED, error=error, cause=cause, **common))
            continue
        value = accuracy(trial.config)
        rows = RowScores((np.random.default_rng(number).random(200) < value).astype(float))
        extra = {"train": min(value + 0.02 + 0.01 * (number % 3), 1.0), "curve": curve_of(number, value)}
        state = TrialState.STOPPED if number % 13 == 7 else TrialState.COMPLETE
        actions.tell(book, Outcome(number, state, {"accuracy": value}, rows, extra=extra, **common))
    book.note(
        "limits.reached", {"limit": "hours", "allowed": 0.5, "spent": 0.5, "text": "The search ended: 0.5 hours."}
    )
    note_choice(study)
    note_estimate(study)
    for phase in ("choose", "fit", "test"):
        book.note("phase.metered", {"phase": phase, "usage": used(12.0).to_json()})
    arrays = [["layers.0.weight", [64, 128], 8192], ["layers.0.bias", [128], 128], ["head.weight", [10, 128], 1280]]
    note_model(study, parameters={"count": 9600, "text": "9,600 weights and biases in 2 layers.", "arrays": arrays})
    note_opening(study)
    return study
