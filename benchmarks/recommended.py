"""How much worse than the best trial is the one that is taken: the luckiest, or the one with the best posterior mean?

    python benchmarks/recommended.py [--seeds 40]

Each study searches a bowl in two of three hyperparameters; scores of trials have noise of standard deviation 0.02, 0.05
or 0.1, where the score over the space has about 0.13. `luckiest` and `recommended` are how much worse the trial is than
the best one, in truth, on average over the seeds with its standard error; `reported` and `expected` how far the value
that was observed, and the posterior mean, are from that trial's truth; `held` is how often the 95% interval holds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np

import holdfast
from holdfast.meter.machine import machine_words
from holdfast.records import Value

SPACE = holdfast.Space({name: holdfast.Float(0, 1) for name in "xyz"})
CASES = [("random", 40), ("random", 80), ("tpe", 60)]


def truth(config: Mapping[str, Value]) -> float:
    """What a configuration scores on average."""
    return (float(config["x"] or 0) - 0.3) ** 2 + 0.5 * (float(config["y"] or 0) - 0.6) ** 2


def once(seed: int, strategy: str, noise: float, n: int) -> tuple[float, ...]:
    """The five figures of one study."""
    study, rng = holdfast.Study(SPACE, strategy=strategy, seed=seed), np.random.default_rng(seed)
    study.optimize(lambda trial: truth(trial.config) + float(rng.normal(0, noise)), n_trials=n)
    found, best = study.recommended(), min(truth(trial.config) for trial in study.trials)
    lucky, chosen = truth(study.best_config), truth(found.config)
    assert found.score.low is not None
    assert found.score.high is not None
    held = found.score.low <= chosen <= found.score.high
    return lucky - best, chosen - best, study.best_value - lucky, found.score.value - chosen, float(held)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    print(f"{machine_words()}; {seeds} seeds\n")
    print("| strategy | trials | noise | luckiest | recommended | reported | expected | held |")
    print("|---|---|---|---|---|---|---|---|")
    for strategy, n in CASES:
        for noise in (0.02, 0.05, 0.1):
            figures = np.array([once(seed, strategy, noise, n) for seed in range(seeds)])
            mean, error = figures.mean(axis=0), figures.std(axis=0, ddof=1) / np.sqrt(seeds)
            cells = [f"{mean[i]:.4f} ± {error[i]:.4f}" for i in range(2)]
            cells += [f"{mean[2]:+.3f}", f"{mean[3]:+.3f}", f"{mean[4]:.0%}"]
            print(f"| {strategy} | {n} | {noise} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
