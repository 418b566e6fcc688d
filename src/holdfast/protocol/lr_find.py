"""The learning rates that a plan's network can bear, by range tests on its training rows: `holdfast lr-find`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from holdfast.errors import RequestError
from holdfast.optional import need
from holdfast.protocol.apart import prepared_apart
from holdfast.protocol.bench import make_bench
from holdfast.protocol.folder import DEFAULT_RUNS, RunFolder
from holdfast.protocol.prepare import Ready
from holdfast.protocol.read import PlanFile
from holdfast.protocol.tables import parts_of
from holdfast.records import Value
from holdfast.rng import Streams
from holdfast.space import Categorical, Space
from holdfast.train.rate_range import RateRange, geometric, read_sweeps

RATE, OPTIMIZER = "learning_rate", "optimizer"

LOW, HIGH, STEPS, REPEATS = 1e-6, 10.0, 200, 3
"""Seven decades in 200 updates, three times with other seeds."""


@dataclass(frozen=True, eq=False)
class Found:
    """The range tests of a plan.

    Attributes:
        name: of the study.
        config: the hyperparameters that were tested with, less the learning rate and the optimizer.
        ranges: what was found, by the optimizer's name.
        rows: training rows.
        batch: rows of a batch.
    """

    name: str
    config: Mapping[str, Value]
    ranges: Mapping[str, RateRange]
    rows: int
    batch: int

    @property
    def suggested(self) -> tuple[float, float] | None:
        """One range for all optimizers that the space has, None where no loss fell."""
        found = [each.suggested for each in self.ranges.values() if each.suggested is not None]
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def find_learning_rates(
    file: PlanFile,
    *,
    runs: str | Path = DEFAULT_RUNS,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    repeats: int = REPEATS,
) -> Found:
    """Test which learning rates a plan's network can bear, on the rows that its first trial would learn from.

    Each optimizer of the space has tests of its own; everything else is at the default of the space. No score is taken
    on any other row, and no log is left.

    Args:
        file: the plan.
        runs: the folder of all runs.
        low: the lowest rate.
        high: the highest.
        steps: updates of a test, 10 or more.
        repeats: tests with different seeds, whose mean is read.

    Raises:
        RequestError: if the plan cannot be meant, or its models are no networks.
    """
    rates = geometric(low, high, steps)
    if repeats < 1:
        raise RequestError(f"repeats = {repeats}; a range test is made once or more")
    with prepared_apart(file, RunFolder(Path(runs), file.plan.study.name)) as ready:
        if not ready.recipe.is_network:
            with file.at("model", "family"):
                raise RequestError(
                    f"the models of '{ready.recipe.family}' are not trained by gradient descent, so they have no "
                    "learning rate to find; lr-find is for networks, such as mlp"
                )
        need("torch", "torch", "lr-find")
        return _test(ready, rates, repeats)


def _test(ready: Ready, rates: np.ndarray, repeats: int) -> Found:
    space = ready.book.state.settings.space
    assert space is not None
    bench = make_bench(ready.recipe, parts_of(ready.run.path, ready.recipe.schema, folds=ready.folds)[:1])
    prepared, network = bench.prepared[0], ready.recipe.network
    assert prepared.y is not None
    config = {name: value for name, value in space.default_config().items() if name != RATE}
    streams = Streams(ready.plan.study.seed)
    seeds = [streams.integer(repeat, "range test") for repeat in range(repeats)]
    from holdfast.train.rate_sweep import sweep
    from holdfast.train.training import Training

    ranges, batch = {}, 0
    for optimizer in _optimizers(space, config, network.settings(config).optimizer):
        asked = {**config, OPTIMIZER: optimizer}
        tests = []
        for seed in seeds:
            run = Training.start(network, asked, prepared.task, prepared.X, prepared.y, seed)
            tests.append(sweep(run, rates))
            batch = run.batches[0]
        ranges[optimizer] = read_sweeps(tests)
    shown = {name: value for name, value in config.items() if name != OPTIMIZER}
    return Found(ready.plan.study.name, shown, ranges, len(prepared.X), batch)


def _optimizers(space: Space, config: Mapping[str, Value], otherwise: str) -> list[str]:
    """The optimizers that a space has, or the one of the config."""
    domain = space[OPTIMIZER] if OPTIMIZER in space.names else None
    if isinstance(domain, Categorical):
        return [str(choice) for choice in domain.choices]
    return [str(config.get(OPTIMIZER, otherwise))]
