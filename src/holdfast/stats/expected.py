"""What a random search of n trials is expected to find: its score as a function of its budget."""

from __future__ import annotations

import numpy as np

from holdfast.errors import RequestError


def expected_best(scores: np.ndarray, budgets: np.ndarray | None = None) -> np.ndarray:
    """The expected best validation score of n trials, without bias, from N trials of a random search.

    ``sum over i of C(i-1, n-1) / C(N, n) x_(i)``, the mean of the maximum over all subsets of n trials (a U-statistic:
    Hoeffding, Annals of Mathematical Statistics 19:293, 1948; for this purpose Dodge et al., Findings of EMNLP 2021).
    The plug-in estimator of Dodge et al. (EMNLP 2019), with the N trials drawn with replacement, is biased downwards
    (Tang et al., ACL 2020). Only for trials drawn independently from one distribution: no search that learns, no grid,
    no early stopping. The score is the naive one; it says what is found, not what it is worth.

    Args:
        scores: shape (N,), higher is better; a failed trial counts as ``-inf`` or the worst score there can be.
        budgets: shape (m,), integers from 1 to N; 1, 2 ... N if None.

    Returns:
        Shape (m,); it grows with n, from the mean of the scores to their maximum.
    """
    scores = np.sort(np.asarray(scores, dtype=float))
    n_trials = len(scores)
    if scores.ndim != 1 or n_trials == 0 or np.isnan(scores).any():
        raise RequestError(f"scores have shape {scores.shape}; one number per trial, none of them NaN, is needed")
    budgets = np.arange(1, n_trials + 1) if budgets is None else np.asarray(budgets)
    if budgets.dtype.kind not in "iu" or ((budgets < 1) | (budgets > n_trials)).any():
        raise RequestError(f"budgets are {budgets.tolist()}; integers from 1 to {n_trials}, the trials, are needed")
    # the chance that rank i (1 to N) is the best of n: from rank N, n/N, down by (i-n)/(i-1) from rank i to rank i-1
    ranks = np.arange(n_trials, 1, -1)
    found = np.empty(len(budgets))
    for place, n in enumerate(budgets):
        steps = np.maximum(ranks - n, 0) / (ranks - 1)
        chance = (n / n_trials * np.concatenate([[1.0], np.cumprod(steps)]))[::-1]
        found[place] = scores[chance > 0] @ chance[chance > 0]
    return found
