"""When the surrogate's hyperparameters are fitted, and to what: at fixed history sizes, to that prefix alone.

So they do not depend on which process asks or has asked before, and the memory kept here only saves time.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.sampling import sample_kernels
from holdfast.search.gp.surrogate import Kernel, fit, kernel_at, prior_mode
from holdfast.search.gp.targets import known_losses, standardise, subset
from holdfast.search.history import History

FIT_POINTS = 256
"""At most so many trials decide the hyperparameters."""
MIN_TOLD = 2
DRAWS = 5
"""How many draws of the hyperparameters the acquisition is averaged over."""
DRAWN_UP_TO = 120
"""With more trials than this the best fit alone is used: it is all but certain then."""
_KEPT = 64
_memory: OrderedDict[tuple[object, int], Kernel] = OrderedDict()
_drawn: OrderedDict[tuple[object, int, int], tuple[Kernel, ...]] = OrderedDict()


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


def drawn_kernels(history: History, rng: Streams) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters at the last fixed size, or the best fit alone; at least `MIN_TOLD` must be told."""
    size = fit_size(len(history.told_trial))
    if size > DRAWN_UP_TO:
        return (fitted_kernel(history),)
    key = (history.token, size, rng.seed)
    if key not in _drawn:
        _drawn[key] = draw_prefix(history, size, rng)
        if len(_drawn) > _KEPT:
            _drawn.popitem(last=False)
    return _drawn[key]


def draw_prefix(history: History, size: int, rng: Streams) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters by the first ``size`` told trials; the prior's mode where they teach nothing."""
    known = _prefix(history, size)
    if known is None:
        return (fit_prefix(history, size),)
    return sample_kernels(*known, DRAWS, rng.generator(size, "gp/hyperparameters"))


def fit_prefix(history: History, size: int) -> Kernel:
    """The hyperparameters by the first ``size`` told trials; the prior's mode where they teach nothing."""
    known = _prefix(history, size)
    if known is None:
        assert history.space is not None
        return kernel_at(prior_mode(embedding(history.space).groups))
    return fit(*known)


def _prefix(history: History, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Groups, features and targets of the first ``size`` told trials; None if none succeeded or nothing varies."""
    assert history.space is not None
    embed = embedding(history.space)
    losses = known_losses(history.told_loss[:size, 0], history.told_state[:size])
    if embed.groups == 0 or np.isnan(losses).any():
        return None
    chosen = subset(losses, FIT_POINTS)
    return embed.group, embed(history.units[history.told_trial[:size][chosen]]), standardise(losses)[chosen]
