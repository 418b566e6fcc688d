"""The size of a batch: how it and the learning rate hang together, and how large it may be before it no longer pays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import RequestError
from holdfast.train.settings import BatchRule, Settings

if TYPE_CHECKING:
    from holdfast.train.training import Training


def rate_factor(rule: BatchRule, size: int, base: int) -> float:
    """What a rule multiplies a learning rate by that is meant for batches of ``base`` rows, with batches of ``size``.

    ``linear``: size/base, which suits SGD (Goyal et al. 2017, section 2.1). ``sqrt``: its root, which suits Adam
    (Malladi et al. 2022, definition 5.1).
    """
    return {"none": 1.0, "linear": size / base, "sqrt": math.sqrt(size / base)}[rule]


def at_batch(settings: Settings, size: int) -> Settings:
    """The settings of a run with batches of ``size`` rows: the learning rate is what the batch rule makes of it."""
    factor = rate_factor(settings.batch_rule, size, settings.base_batch)
    return replace(settings, learning_rate=settings.learning_rate * factor, batch_rule="none")


@dataclass(frozen=True, slots=True)
class GradientNoise:
    """How noisy the gradients of single rows are beside their mean (McCandlish et al. 2018, appendix A.1).

    Args:
        signal: the squared length of the mean gradient, |G|^2; an unbiased estimate, which may be negative.
        noise: the trace of the covariance of single rows' gradients, tr(Sigma), in the same units.
    """

    signal: float
    noise: float

    @property
    def batch(self) -> float:
        """The noise scale tr(Sigma)/|G|^2 in rows: at this batch size a step makes half of the progress it could.

        Infinite where no signal can be told from the noise.
        """
        return self.noise / self.signal if self.signal > 0.0 else math.inf

    def progress(self, size: int) -> float:
        """The part of a full batch's progress that a step with batches of ``size`` rows makes, at its best rate.

        1/(1 + noise scale/size), McCandlish et al. 2018, equation 2.7.
        """
        return 1.0 / (1.0 + self.batch / size)

    @staticmethod
    def mean(parts: Iterable[GradientNoise]) -> GradientNoise:
        """Of several estimates; signal and noise are averaged apart, as the terms of a ratio have to be."""
        found = list(parts)
        return GradientNoise(
            sum(part.signal for part in found) / len(found), sum(part.noise for part in found) / len(found)
        )


def noise_of_squares(small: float, big: float, small_rows: int, big_rows: int) -> GradientNoise:
    """From the squared lengths of gradients of batches of two sizes (McCandlish et al. 2018, equations A.2 and A.3).

    Args:
        small: the mean squared length for batches of ``small_rows`` rows.
        big: that for batches of ``big_rows`` rows.
        small_rows: fewer than ``big_rows``.
        big_rows: rows of a large batch.
    """
    signal = (big_rows * big - small_rows * small) / (big_rows - small_rows)
    noise = (small - big) / (1.0 / small_rows - 1.0 / big_rows)
    return GradientNoise(signal, noise)


def noise_of_gradients(gradients: Sequence[np.ndarray], rows: int) -> GradientNoise:
    """From gradients, each of shape (P,), of two or more batches of ``rows`` rows that have no row in common."""
    small = sum(float(slope @ slope) for slope in gradients) / len(gradients)
    mean = np.mean(gradients, axis=0)
    return noise_of_squares(small, float(mean @ mean), rows, rows * len(gradients))


def gradient_noise(training: Training, batches: int = 16) -> GradientNoise:
    """The gradient noise of a run where it stands, over so many of its batches; the run is left as it was.

    It tells how large a batch still pays: up to ``batch`` of the result, twice the rows nearly halve the steps, and far
    above it they hardly do. It grows as a run goes on, so take it at several epochs. Gradients are taken with the
    network as it predicts, without dropout, on rows as they are.

    Args:
        training: a run.
        batches: two or more; fewer are taken where the rows do not fill as many, then of fewer rows.

    Raises:
        RequestError: if it is to be told from fewer than two batches, or the run fits one row alone.
    """
    n = len(training.rows.features)
    if batches < 2 or n < 2:
        raise RequestError(f"the noise of gradients is told from two batches or more, not from {min(batches, n)}")
    count = min(batches, n)
    size = min(training.batches[0], n // count)
    found = training.gradients_of_batches(count, size)
    return noise_of_gradients(found, size)
