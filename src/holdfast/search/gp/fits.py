"""When the surrogate's hyperparameters are fitted: at fixed history sizes, to that prefix alone.

So they do not depend on which process asks or has asked before.
"""

from __future__ import annotations

FIT_POINTS = 256
"""At most so many trials decide the hyperparameters."""
MIN_TOLD = 2
DRAWS = 5
"""How many draws of the hyperparameters the acquisition is averaged over."""
DRAWN_UP_TO = 120
"""With more trials than this the best fit alone is used: it is all but certain then."""


def fit_size(told: int) -> int:
    """The largest fixed history size up to ``told``: 2, 3, ..., 20, 22, ... a tenth apart, from 200 on a fifth."""
    size = MIN_TOLD
    while True:
        following = size + max(1, size // (10 if size < 200 else 5))
        if following > told:
            return size
        size = following
