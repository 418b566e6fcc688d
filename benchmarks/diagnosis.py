"""How often is the verdict on a learning curve the right one? On curves whose fault is known.

    python benchmarks/diagnosis.py [--tasks 24] [--studies 24] [--curves 100] [--seed 0]

1. *Sweeps*: a small network (`holdfast.testing.curves`) is trained on random problems at twelve learning rates from far
   too low to far too high, three seeds each. The best rate of a problem is the one with the lowest mean training loss.
   By the part of the way from learning nothing to that loss that a run has before it, a rate below the best is *too
   low* from 35% on, one above is *too high* from 12% on, and any is *right* up to 6%; what lies between counts in no
   row. Runs are judged alone, by their shape, and among twelve random runs of their problem, as trials of a study.
2. *Mixed studies*: twelve trials with random optimiser, batch size, width, weight decay and schedule, too. Whether a
   rate is too low or too high is found by training the same trial at a tenth, a third, three and ten times its rate;
   trials that learn next to nothing at any of these count in no row.
3. *By formula*: curves of every verdict, of random length and shape, with noise on either side of it; with scores as a
   study would have them, except those that noise hides.
4. *Epochs*: networks on few rows with wrong labels, which learn these by heart: from which epoch on is it overfitting,
   and where is the lowest validation loss, by ten thousand rows?

Noise is in parts of the loss of learning nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.analyse.curves import Context, Diagnosis, diagnose
from holdfast.analyse.points import read
from holdfast.analyse.rates import Peers, Run, rate_verdict
from holdfast.analyse.remedies import KINDS, Kind
from holdfast.meter.machine import machine_words
from holdfast.testing.curves import TABLES, Config, Rows, Trained, curve, toy_rows, train_network, with_noise

NOISES = (0.0, 0.01, 0.03, 0.1)
FAR, HALTED, ARRIVED = 0.35, 0.12, 0.06
TRUTHS = ("too low", "right", "too high")
FAULTS = {"learning rate too low": "too low", "learning rate too high": "too high"}


@dataclass(frozen=True, eq=False)
class Case:
    """One training and what is true of its learning rate; an empty truth counts in no row."""

    config: Config
    trained: Trained
    truth: str
    chance: float

    def run(self, noise: float, seed: int) -> Run:
        """The run as others of its study see it, with noise on its curve."""
        if self.trained.diverged is not None:
            return Run(None, self.config.learning_rate, self.config.optimizer, diverged=True)
        noisy = with_noise(self.trained.loss, noise * self.chance, seed)
        return Run(read(noisy), self.config.learning_rate, self.config.optimizer)

    def verdict(self, run: Run, peers: Peers | None) -> str:
        """What is said of the learning rate."""
        if run.points is None:
            return "diverged"
        found = rate_verdict(run, self.config.learning_done(run.points.steps), self.chance, peers)
        return "none" if found is None else FAULTS[found.fault]


def left_of(loss: float, best: float, rows: Rows) -> float:
    """The part of the way from learning nothing to the best loss that is not gone."""
    return (min(loss, 1.5 * rows.chance) - best) / max(rows.chance - best, 0.05 * rows.chance)


def sweep(seed: int) -> list[Case]:
    """One problem at twelve learning rates."""
    rng = np.random.default_rng(seed)
    rows = toy_rows(TABLES[seed % len(TABLES)], int(rng.choice([300, 600])), 600, seed)
    optimizer, clip = str(rng.choice(["sgd", "adam"])), float(rng.choice([0.0, 1.0]))
    common = Config(
        1.0,
        optimizer,
        batch_size=int(rng.choice([16, 32, 64, 300])),
        width=int(rng.choice([4, 32, 64])),
        epochs=int(rng.choice([15, 30, 60])),
        schedule=str(rng.choice(["constant", "cosine", "onecycle"])),
        clip=clip,
    )
    top = 1.0 if optimizer == "adam" else 3.0 if clip else 9.0
    rates = np.geomspace(1e-5 * top, top, 12).tolist()
    found = {(rate, s): train_network(rows, replace(common, learning_rate=rate), s) for rate in rates for s in range(3)}
    means = {rate: np.mean([min(found[rate, s].final, 1.5 * rows.chance) for s in range(3)]) for rate in rates}
    best = min(means, key=means.__getitem__)
    cases = []
    for (rate, _), trained in found.items():
        left, usual = (left_of(loss, float(means[best]), rows) for loss in (trained.final, float(means[rate])))
        truth = "right" if left < ARRIVED else ""
        truth = "too low" if rate < best and min(left, usual) > FAR else truth
        truth = "too high" if rate > best and min(left, usual) > HALTED else truth
        cases.append(Case(replace(common, learning_rate=rate), trained, truth, rows.chance))
    return cases


def mixed(seed: int) -> list[Case]:
    """One study with all hyperparameters drawn."""
    rng = np.random.default_rng([seed, 1])
    rows = toy_rows(TABLES[seed % len(TABLES)], int(rng.choice([200, 400])), 400, seed)
    epochs, cases = int(rng.choice([20, 30])), []
    for trial in range(12):
        optimizer = str(rng.choice(["sgd", "adam"]))
        config = Config(
            float((1.0 if optimizer == "sgd" else 0.1) * 10.0 ** rng.uniform(-4.0, 0.3)),
            optimizer,
            batch_size=int(2.0 ** rng.uniform(3.0, 7.0)),
            width=int(2.0 ** rng.uniform(1.0, 6.0)),
            epochs=epochs,
            schedule=str(rng.choice(["constant", "cosine", "onecycle"])),
            weight_decay=float(10.0 ** rng.uniform(-3.0, 0.0)),
        )
        trained = {
            factor: train_network(rows, replace(config, learning_rate=factor * config.learning_rate), trial)
            for factor in (0.1, 1 / 3, 1.0, 3.0, 10.0)
        }
        final = {factor: min(found.final, 1.5 * rows.chance) for factor, found in trained.items()}
        best = min(final, key=final.__getitem__)
        left = left_of(final[1.0], final[best], rows)
        truth = "right" if left < ARRIVED else "too low" if best > 1 and left > FAR else ""
        truth = "too high" if best < 1 and left > HALTED else truth
        truth = truth if final[best] < 0.9 * rows.chance else ""
        cases.append(Case(config, trained[1.0], truth, rows.chance))
    return cases


Judged = Iterator[tuple[str, str, str]]


def judged(cases: Sequence[Case], noise: float, seed: int) -> Judged:
    """How each case was judged (alone, or in a study), its truth and the verdict on it."""
    rng = np.random.default_rng(seed)
    runs = [case.run(noise, 1000 * seed + place) for place, case in enumerate(cases)]
    for case, run in zip(cases, runs, strict=True):
        yield "alone", case.truth, case.verdict(run, None)
    for _ in range(max(1, len(cases) // 18)):
        chosen = rng.permutation(len(cases))[:12]
        peers = Peers.of([runs[place] for place in chosen])
        for place in chosen:
            yield "in a study", cases[place].truth, cases[place].verdict(runs[place], peers)


def rate_table(title: str, studies: Sequence[Sequence[Case]]) -> str:
    """Verdicts against truth, in percent."""
    lines = [f"### {title}", "", "| noise | judged | truth | runs | too low | none | too high |"]
    lines.append("|---|---|---|---:|---:|---:|---:|")
    for noise in NOISES:
        many = Counter(each for seed, cases in enumerate(studies) for each in judged(cases, noise, seed))
        for how in ("alone", "in a study"):
            for truth in TRUTHS:
                row = [many[how, truth, said] for said in ("too low", "none", "too high")]
                shares = " | ".join(f"{100 * count / max(sum(row), 1):.0f}%" for count in row)
                lines.append(f"| {noise:g} | {how} | {truth} | {sum(row)} | {shares} |")
    return "\n".join(lines)


CHANCE = math.log(10.0)
FORMULAS = tuple(kind for kind in KINDS if kind != "unknown")


def losses(kind: Kind, rng: np.random.Generator, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation losses of a run with that verdict, in parts of learning nothing."""
    n, gap = len(steps), 0.02
    at = steps / n
    fast = np.exp(-at * rng.uniform(8.0, 15.0))
    if kind == "learning rate too low":
        side = 1.02 - rng.uniform(0.03, 0.35) * at ** rng.uniform(0.85, 1.15)
        return side, side + gap * (1.02 - side)
    if kind == "learning rate too high":
        level, jumps = rng.uniform(0.4, 0.8), (rng.random(n) < 0.5) * np.abs(rng.normal(0.0, rng.uniform(0.15, 0.4), n))
        return level + (1 - level) * fast + jumps, level + (1 - level) * fast + 1.1 * jumps
    if kind == "diverged":
        side = 0.3 + 0.7 * fast + 0.01 * np.exp(np.minimum(np.maximum(at - rng.uniform(0.3, 0.6), 0.0) * 25.0, 25.0))
        return side, side
    if kind == "underfitting":
        level = rng.uniform(0.75, 0.92)
        return level + (1 - level) * fast, level + (1 - level) * fast + gap
    if kind == "overfitting":
        turn, base = rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.4)
        rise = base * rng.uniform(0.15, 1.5) * np.maximum(at - turn, 0.0) / (1.0 - turn)
        return 0.03 + 0.97 * np.exp(-at * rng.uniform(6.0, 9.0)), base + (1 - base) * fast + rise
    if kind == "still improving":
        side = (steps + 1.0) ** -rng.uniform(0.35, 0.8)
        return side, side + gap
    floor = rng.uniform(0.03, 0.2) if kind == "balanced" else 0.5
    return floor + (1 - floor) * fast, floor + (1 - floor) * fast + gap


def by_formula(kind: Kind, noise: float, seed: int) -> Diagnosis:
    """The verdict on a curve by formula."""
    rng = np.random.default_rng([seed, FORMULAS.index(kind)])
    steps = np.arange(1, int(rng.integers(20, 61)) + 1)
    train, validation = (CHANCE * side for side in losses(kind, rng, steps))
    hidden = kind == "too noisy to tell"
    scores = [0.1 + 0.89 * max(1.0 - float(side[-1]) / CHANCE, 0.0) for side in (train, validation)]
    scores = [0.97, 0.96] if kind == "balanced" else scores
    points = curve("loss", steps.tolist(), train.tolist(), validation.tolist())
    seen = with_noise(points, CHANCE * (0.5 if hidden else noise), seed)
    context = Context("accuracy", chance=CHANCE)
    ours, theirs = (None, math.nan) if hidden else (scores[0], scores[1])
    return diagnose(ours, theirs, "maximize", seen, 0.01, 0.1, None if hidden else 0.95, context)


def formula_table(curves: int, noise: float) -> str:
    """Every verdict against the truth, in percent."""
    lines = [f"### By formula, noise {noise:g}, {curves} curves a row", ""]
    lines.append(f"| truth | {' | '.join(FORMULAS)} |")
    lines.append(f"|---|{'---:|' * len(FORMULAS)}")
    for truth in FORMULAS:
        many = Counter(by_formula(truth, noise, seed).kind for seed in range(curves))
        shares = [f"{100 * many[said] / curves:.0f}%" if many[said] else "" for said in FORMULAS]
        lines.append(f"| {truth} | {' | '.join(shares)} |")
    return "\n".join(lines)


def epochs_table(curves: int) -> str:
    """Overfitting by the loss and by the accuracy, and how far the epoch is off."""
    lines = ["### Epochs: few rows with wrong labels", "", "| curve | runs | overfitting | of these within 5 epochs |"]
    lines.append("|---|---:|---:|---:|")
    seen: dict[str, list[tuple[bool, float]]] = {"loss": [], "accuracy": []}
    for seed in range(curves):
        rows = toy_rows("blobs", 150, 10_000, seed, wrong=0.3)
        few = Rows(rows.X, rows.T, rows.X_judged[:300], rows.T_judged[:300], rows.classes)
        config = Config(0.003, "adam", batch_size=16, width=64, epochs=60)
        many, found = (train_network(each, config, seed) for each in (rows, few))
        assert many.accuracy is not None
        assert found.accuracy is not None
        for name, points, whole in (("loss", found.loss, many.loss), ("accuracy", found.accuracy, many.accuracy)):
            context = Context("accuracy", curve_direction="minimize" if name == "loss" else "maximize")
            said = diagnose(None, math.nan, "maximize", points, context=context)
            sides = np.array(whole["validation"])
            best = 1 + int(sides.argmin() if name == "loss" else sides.argmax())
            seen[name].append((said.kind == "overfitting", abs((said.since or math.inf) - best)))
    for name, pairs in seen.items():
        off = [apart for hit, apart in pairs if hit]
        near = f"{100 * np.mean([apart <= 5 for apart in off]):.0f}%"
        lines.append(f"| {name} | {len(pairs)} | {100 * len(off) / len(pairs):.0f}% | {near} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=24)
    parser.add_argument("--studies", type=int, default=24)
    parser.add_argument("--curves", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    began = time.process_time()
    say(f"On {machine_words()}, seed {options.seed}.")
    for noise in NOISES:
        say(formula_table(options.curves, noise))
    sweeps = [sweep(options.seed + task) for task in range(options.tasks)]
    say(rate_table(f"Sweeps: {options.tasks} problems, 36 runs each", sweeps))
    studies = [mixed(options.seed + study) for study in range(options.studies)]
    say(rate_table(f"Mixed studies: {options.studies} of 12 trials", studies))
    say(epochs_table(max(4, options.curves // 5)))
    say(f"{time.process_time() - began:.0f} s of one core.")


def say(text: str) -> None:
    """Print a table at once, since the next one takes its time."""
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
