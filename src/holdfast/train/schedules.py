"""How the learning rate moves during training: functions of the progress through the longest run, from 0 to 1."""

from __future__ import annotations

import math
from typing import Literal, get_args

Schedule = Literal["constant", "cosine", "onecycle"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

ONECYCLE_RISE = 0.3
ONECYCLE_START = 0.04


def learning_rate_at(schedule: Schedule, peak: float, progress: float, warmup: float = 0.0) -> float:
    """The learning rate at ``progress`` (0 <= progress <= 1) of a schedule with the given peak.

    ``constant`` and ``cosine`` (Loshchilov and Hutter 2017, eq. 5, one cycle down to 0) rise linearly over the fraction
    ``warmup`` first. ``onecycle`` (Smith and Topin 2018) rises from 4 % of the peak over the first 30 % and falls to 0,
    both along half a cosine; it has its own warm-up and ignores ``warmup``.
    """
    if schedule == "onecycle":
        if progress < ONECYCLE_RISE:
            return peak * (1.0 - (1.0 - ONECYCLE_START) * _half_cosine(progress / ONECYCLE_RISE))
        return peak * _half_cosine((progress - ONECYCLE_RISE) / (1.0 - ONECYCLE_RISE))
    if progress < warmup:
        return peak * progress / warmup
    if schedule == "constant":
        return peak
    return peak * _half_cosine((progress - warmup) / (1.0 - warmup))


def _half_cosine(fraction: float) -> float:
    """From 1 at 0 to 0 at 1, along half a cosine."""
    return 0.5 * (1.0 + math.cos(math.pi * fraction))
