"""How much worse than the best trial is the one that is taken: the luckiest, or the one that a rule recommends?

    python benchmarks/recommended.py bowl --seeds 40
    python benchmarks/recommended.py grids --data FOLDER --out FILE --seeds 20

Each study of `bowl` searches a bowl in two of three hyperparameters; scores of trials have noise of standard deviation
0.02, 0.05 or 0.1, where the score over the space has about 0.13. `luckiest` and `recommended` are how much worse the
trial is than the best one, in truth, on average over the seeds with its standard error; `reported` and `expected` how
far the value that was observed, and the posterior mean, are from that trial's truth; `held` is how often the 95%
interval holds.

`grids` has real networks, trained with several seeds at every point of a grid (see `recommended_grids.py`): a run sees
one seed, and the truth is the mean over seeds that no run of the study has seen. It goes on where FILE ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

import holdfast
from benchmarks import recommended_grids
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


def bowl(seeds: int) -> None:
    """Print the table of the bowl."""
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


def main(arguments: list[str] | None = None) -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    command = commands.add_parser("bowl", help="scores with noise, whose truth is known")
    command.add_argument("--seeds", type=int, default=40)
    command = commands.add_parser("grids", help="recorded grids with several seeds for each configuration")
    command.add_argument("--data", type=Path, required=True, help="the folder of grids/*.npz")
    command.add_argument("--out", type=Path, required=True, help="the file of what was run, one line for each study")
    command.add_argument("--seeds", type=int, default=20)
    command.add_argument("--trials", type=int, default=40, help="runs in each study, replicates among them")
    command.add_argument("--strategies", nargs="+", default=["random", "auto"])
    options = parser.parse_args(arguments)
    if options.what == "bowl":
        bowl(options.seeds)
    else:
        recommended_grids.run(options.data, options.out, options.strategies, options.seeds, options.trials)
        print(machine_words())
        print("\n".join(recommended_grids.page(options.out, options.trials)))


if __name__ == "__main__":
    main()
