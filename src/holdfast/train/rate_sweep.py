"""One run whose learning rate rises with every update: the learning rate range test (Smith 2017, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from holdfast.train.batches import rate_factor
from holdfast.train.models.layers import seed_dropout
from holdfast.train.rate_range import EXPLODED, Sweep
from holdfast.train.trained import one_exact_thread
from holdfast.train.training import Training, rows_of_epoch

SETTLED = 5
"""A sweep does not end before so many updates: the first batches differ by more than what they teach."""


def sweep(run: Training, rates: np.ndarray) -> Sweep:
    """Train a run that has not begun, batch after batch, at rising rates, until they end or its loss explodes.

    Dropout, augmentation, clipping, weight decay and the batch rule are those of the run's config; of its schedule
    nothing is left, since the rate of every update is given.

    Args:
        run: before its first epoch; it is of no use afterwards.
        rates: values of the hyperparameter ``learning_rate``, rising, shape (S,).
    """
    settings = run.kind.settings(run.plan.config)
    factor = rate_factor(settings.batch_rule, run.batches[0], settings.base_batch)
    losses: list[float] = []
    with one_exact_thread():
        for (X, T), rate in zip(_batches(run), rates, strict=False):
            loss, norm = run.learner.learn(X, T, len(losses) + 1, float(rate) * factor)
            if not math.isfinite(loss):
                break
            losses.append(loss)
            bound = max(EXPLODED * min(losses), losses[0])
            if not math.isfinite(norm) or (len(losses) > SETTLED and loss > bound):
                break
    return Sweep(rates, np.array(losses))


def _batches(run: Training) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches as the run would have them, epoch after epoch, without end."""
    size, batches = run.batches
    epoch = 0
    while True:
        epoch += 1
        X, T = (side.to(run.device) for side in rows_of_epoch(run, epoch))
        seed_dropout(run.network, run.streams.integer(epoch, "dropout"), run.device)
        run.network.train()
        for batch in range(batches):
            part = slice(batch * size, (batch + 1) * size)
            yield X[part], T[part]
