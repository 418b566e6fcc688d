"""When the surrogate's hyperparameters are fitted, and to what: at fixed history sizes, to that prefix alone.

So they do not depend on which process asks or has asked before, and the memory kept here only saves time.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.surrogate import Kernel, fit, kernel_at, prior_mode
from holdfast.search.gp.targets import known_losses, standardise, subset
from holdfast.search.history import History

FIT_POINTS = 256
"""At most so many trials decide the hyperparameters."""
MIN_TOLD = 2
_KEPT = 64
_memory: OrderedDict[tuple[object, int], Kernel] = OrderedDict()


def fit_size(told: int) -> int:
    """The largest fixed history size up to ``told``: 2, 3, ..., 20, 22, ... a tenth apart, from 200 on a fifth."""
    size = MIN_TOLD
    while True:
        following = size + max(1, size // (10 if size < 200 else 5))
        if following > told:
            return size
        size = following


def fitted_kernel(history: History) -> Kernel:
    """The hyperparameters at the last fixed size of the told trials; at least `MIN_TOLD` must have been told."""
    size = fit_size(len(history.told_trial))
    key = (history.token, size)
    if key not in _memory:
        _memory[key] = fit_prefix(history, size)
        if len(_memory) > _KEPT:
            _memory.popitem(last=False)
    return _memory[key]


def fit_prefix(history: History, size: int) -> Kernel:
    """The hyperparameters by the first ``size`` told trials; the prior's mode if none of them succeeded."""
    assert history.space is not None
    embed = embedding(history.space)
    losses = known_losses(history.told_loss[:size, 0], history.told_state[:size])
    if embed.groups == 0 or np.isnan(losses).any():
        return kernel_at(prior_mode(embed.groups))
    chosen = subset(losses, FIT_POINTS)
    features = embed(history.units[history.told_trial[:size][chosen]])
    return fit(embed.group, features, standardise(losses)[chosen])
