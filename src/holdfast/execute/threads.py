"""Keep the thread pools of several worker processes from fighting for the same cores."""

from __future__ import annotations

import os
from collections.abc import Mapping

POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
"""The variables by which numpy, scikit-learn, torch, polars and joblib bound their pools; read at their import."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bounded(environment: Mapping[str, str], n_workers: int, threads_per_worker: int | None = None) -> dict[str, str]:
    """The environment of a worker: every pool gets ``threads_per_worker`` threads.

    If None, a worker gets its share of the cores, at least 1, and a lower bound that stands in ``environment`` remains.
    """
    share = threads_per_worker or max(1, cores() // n_workers)
    result = dict(environment)
    for name in POOLS:
        present = environment.get(name, "")
        keep = threads_per_worker is None and present.isdecimal() and 0 < int(present) < share
        result[name] = present if keep else str(share)
    return result
