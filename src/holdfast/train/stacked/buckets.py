"""Which runs go into one stack, and how many: those whose networks have one shape, as many as a cache makes use of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from itertools import pairwise

from holdfast.records import canonical_json
from holdfast.train.losses import unweighted
from holdfast.train.models.layers import Dropout
from holdfast.train.training import Training

CACHE_BYTES = 1 << 22
"""Parameters, gradients and moments of a stack that still go well together (measured on cores with 2 MiB of cache)."""

FEWEST, MOST = 4, 16
"""Rows of a stack: fewer do not pay for the calls, more bring nothing (measured from 10,000 to 300,000 parameters)."""

LARGE_BYTES = 1 << 24
"""A network with more than this of parameters, gradients and moments gains nothing from company."""


def bucket_of(run: Training) -> Hashable:
    """What runs must have in common to be rows of one stack.

    Rates, decays, betas, momenta, clipping, smoothing, dropout above zero, seeds, orders, folds, weights of classes,
    patience and the epoch they stand at may differ; the shape of the network, rows of a batch, the kind of optimiser,
    loss and precision not, nor whether classes have weights.
    """
    learner, architecture = run.learner, run.architecture
    values = getattr(type(architecture), "values", ())
    shape = {name: value for name, value in asdict(architecture).items() if name not in values}
    rule = learner.rule
    return (
        architecture.kind,
        canonical_json(shape),
        sum(isinstance(layer, Dropout) for layer in learner.network.modules()),
        run.batches[0],
        run.settings.accumulation,
        (rule.optimizer, rule.coupled, rule.nesterov, *sorted(learner.state)),
        unweighted(learner.loss),
        unweighted(learner.loss) is learner.loss,
        (run.settings.precision, run.device.type),
        run.rows.features.shape[1:],
    )


COMPILED_BYTES = 1 << 21
"""The same of a stack whose passes are compiled, whose calls cost little."""


def stack_size(run: Training, *, compiled: bool = False) -> int:
    """How many runs of this shape make a stack; ``compiled``: if their passes are."""
    numbers = 2 + len(run.learner.state)
    values = run.learner.parameters.values
    size = numbers * values.numel() * values.element_size()
    if compiled:
        return min(-(-COMPILED_BYTES // size), MOST)
    if size > LARGE_BYTES:
        return 1
    return min(max(CACHE_BYTES // size, FEWEST), MOST)


def buckets_of(runs: Sequence[Training]) -> dict[Hashable, list[int]]:
    """Indices of runs by what they must have in common to be rows of one stack."""
    buckets: dict[Hashable, list[int]] = {}
    for index, run in enumerate(runs):
        buckets.setdefault(bucket_of(run), []).append(index)
    return buckets


def stacks_of(runs: Sequence[Training], largest: int | None = None) -> list[list[int]]:
    """Indices of runs, grouped into stacks of at most ``largest`` rows; by `stack_size` where that is None.

    Runs with about as many batches go together, and stacks of one shape are about equally large.
    """
    stacks = []
    for indices in buckets_of(runs).values():
        indices.sort(key=lambda index: -runs[index].batches[1])
        most = largest or stack_size(runs[indices[0]])
        count = -(-len(indices) // most)
        bounds = [round(part * len(indices) / count) for part in range(count + 1)]
        stacks += [indices[begin:end] for begin, end in pairwise(bounds)]
    return stacks
