"""Populations: the toy problem that takes a schedule, and an mlp on digits with a population of 32.

Three things are printed: what the toy problem ends at with each fixed configuration and with `pbt`, over seeds; the
learning-rate schedule that a population of 32 finds on digits, whose picture is drawn; and the CPU time of that
population in one stack against its members one by one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import holdfast
from holdfast.facts.blocks import Figure, Gallery
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.population import population_section
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.testing.problems import TURNS, TURNS_STEPS, take_turns

SPACE = {
    "learning_rate": holdfast.Float(1e-3, 1.0, log=True),
    "weight_decay": holdfast.Float(1e-6, 1e-1, log=True),
    "dropout": holdfast.Float(0.0, 0.6),
    "label_smoothing": holdfast.Float(0.0, 0.2),
}
FIXED = {"width": 64, "depth": 2, "optimizer": "sgd", "schedule": "constant", "patience": 1000, "augmentation": "none"}


def main(options: argparse.Namespace) -> None:
    """Everything; ``options.quick`` for few seeds and epochs, ``options.pictures`` for a folder to draw into."""
    quick = bool(getattr(options, "quick", False))
    toy(seeds=3 if quick else 20)
    digits(epochs=8 if quick else 40, pictures=getattr(options, "pictures", None))


def toy(seeds: int) -> None:
    """The best value of `take_turns`, whose optimum is 1.2, with fixed configurations and with a population."""
    fixed = holdfast.Study(TURNS, direction="maximize", strategy="grid", duplicates="replicate")
    fixed.optimize(take_turns, n_trials=2)
    found = []
    for seed in range(seeds):
        study = holdfast.Study(
            TURNS,
            direction="maximize",
            strategy=PopulationBasedTraining(population=6),
            fidelity=TURNS_STEPS,
            duplicates="replicate",
            seed=seed,
        )
        study.optimize(take_turns, n_trials=30)
        found.append(study.best_value)
    best = max(trial.metrics["value"] for trial in fixed.trials)
    print(f"toy problem, optimum 1.2: best fixed configuration {best:.4f}")
    print(f"  pbt of 6, 30 trials, {seeds} seeds: median {statistics.median(found):.4f}, worst {min(found):.4f}")


def digits(epochs: int, pictures: str | None, members: int = 32) -> None:
    """A population on digits: what it finds, and what it costs in one stack and one by one."""
    X, y = load_digits(return_X_y=True)
    X, Xv, y, yv = train_test_split(StandardScaler().fit_transform(X), y, test_size=0.25, random_state=0, stratify=y)
    fixed = {**FIXED, "epochs": epochs}
    job = holdfast.train_many("mlp", (X, y), validation=(Xv, yv), metric="log_loss", fixed=fixed)
    for batch in (members, 1):  # what is loaded, compiled and rehearsed once is no part of the comparison
        _population(members, 2).optimize_batch(job, n_trials=members, batch=batch)
    took = {}
    for batch in (members, 1):
        study = _population(members, epochs)
        began = time.process_time()
        study.optimize_batch(job, n_trials=4 * members, batch=batch)
        seconds = time.process_time() - began
        took[batch] = seconds / _trained(study)
        clones = sum(trial.parent is not None for trial in study.trials)
        ends = [t.metrics["value"] for t in study.trials if t.state.value == "complete"]
        how = "in one stack" if batch > 1 else "one by one"
        print(f"digits, {members} members, {epochs} epochs, {how}: {seconds:.1f} s of CPU, {clones} clones")
        print(f"  {1000 * took[batch]:.2f} ms of CPU for an epoch of a member, {_trained(study)} of them")
        print(f"  log loss of the winner {study.best_value:.4f}, median of the members {np.median(ends):.4f}")
        if batch > 1:
            _describe(study, job, pictures)
    print(f"one by one against one stack: {took[1] / took[members]:.2f} times the CPU time for an epoch")


def _population(members: int, epochs: int) -> holdfast.Study:
    strategy = PopulationBasedTraining(population=members, interval=max(epochs // 10, 1))
    return holdfast.Study(SPACE, strategy=strategy, fidelity=holdfast.Fidelity("epochs", 1, epochs), seed=0)


def _trained(study: holdfast.Study) -> int:
    """How many epochs all members were trained for."""
    legs = [e.data for e in study.book.log.read() if e.kind in {"trial.asked", "trial.resumed"}]
    return sum(leg["until_step"] - leg.get("start_step", 0) for leg in legs)


def _describe(study: holdfast.Study, job: object, pictures: str | None) -> None:
    """The winner's learning rate by epoch, whether its replay scores the same, and the pictures."""
    schedule = study.schedule()
    stairs = ", ".join(f"{value:.4g} to epoch {until}" for _, until, value in schedule.values("learning_rate"))
    print(f"  learning rate of the winner: {stairs}")
    again = study.replay_schedule(lambda trial: job([trial])[0])  # type: ignore[operator]
    print(f"  trained again by its schedule: the same score is {again == study.best_trial.metrics}")
    if pictures is None:
        return
    for block in population_section(study.book.state).blocks:
        figures = [block] if isinstance(block, Figure) else block.figures if isinstance(block, Gallery) else []
        for figure in figures:
            name = f"schedule-{schedule.changed[int(figure.name[9:])]}" if figure.name != "population" else figure.name
            Path(pictures, f"{name.replace('_', '-')}.png").write_bytes(draw_png(draw_svg(figure)))
