"""The curve of a run: its losses, epoch by epoch, on rows it learned from and on rows it is judged on.

Both losses are taken with the network as it predicts, without dropout, augmentation or smoothed targets, so that their
difference means something. Nothing is learned from them, and no random number is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from holdfast.train.curves import JudgedRows, Point, evenly, shown
from holdfast.train.losses import LossFunction
from holdfast.train.rows import Targets, as_matrix

FEWEST, MOST = 200, 2000
"""Rows of a kind that are looked at: a tenth of the rows that are fitted, within these bounds."""

SHARE = 0.025
"""The part of an epoch's time that taking the losses may take, as the sizes foretell it."""

LONGEST_STRIDE = 5
"""At least every fifth epoch has a point, whatever it costs: a few milliseconds, where an epoch takes so little."""

DENSE_START = 4
"""The first epochs, in which losses change most and where many trials end, have a point each."""


@dataclass(frozen=True, eq=False)
class Monitor:
    """Rows to take losses on, shapes (n, *row) and (n, k), every so many epochs; the first ``learned`` are fitted."""

    features: torch.Tensor
    targets: torch.Tensor
    learned: int
    every: int

    @staticmethod
    def of(
        features: torch.Tensor, targets: torch.Tensor, judged: JudgedRows, encoding: Targets, batch_size: int
    ) -> Monitor | None:
        """A monitor on a sample of the fitted rows and of the judged ones; None where no judged row can be encoded.

        Args:
            features: the rows that are fitted, shape (n, *row).
            targets: their target matrix, shape (n, k).
            judged: features and targets of the judged rows.
            encoding: of the targets; rows of a class that the fitted rows lack are left out.
            batch_size: of the run.
        """
        dtype = np.float64 if features.dtype == torch.float64 else np.float32
        matrix, y = as_matrix(judged[0], dtype), np.asarray(judged[1])
        if encoding.classes is not None:
            known = np.isin(y, encoding.classes)
            matrix, y = matrix[known], y[known]
        if len(y) == 0:
            return None
        n = len(features)
        most = min(max(FEWEST, n // 10), MOST)
        ours, theirs = evenly(n, min(most, len(y))), evenly(len(y), most)
        rows = torch.from_numpy(matrix[theirs]).reshape(-1, *features.shape[1:])
        X = torch.cat([features[torch.from_numpy(ours)], rows])
        T = torch.cat([targets[torch.from_numpy(ours)], torch.from_numpy(encoding.encode(y[theirs], dtype))])
        return Monitor(X, T, len(ours), stride(len(X), n, batch_size))

    def to(self, device: torch.device) -> Monitor:
        """The same rows on a device."""
        return replace(self, features=self.features.to(device), targets=self.targets.to(device))

    def is_due(self, epoch: int) -> bool:
        """Whether a point is taken after an epoch."""
        return epoch <= DENSE_START or epoch % self.every == 0

    def point(self, epoch: int, network: torch.nn.Module, loss: LossFunction) -> Point | None:
        """The losses after an epoch, None where its turn has not come."""
        if not self.is_due(epoch):
            return None
        network.eval()
        with torch.no_grad():
            outputs = network(self.features)
            parts = slice(None, self.learned), slice(self.learned, None)
            train, judged = (loss(outputs[part], self.targets[part]).item() for part in parts)
        return epoch, shown(train), shown(judged)


def stride(looked_at: int, fitted: int, batch_size: int) -> int:
    """Every how many epochs losses are taken, so that they cost little, by the sizes alone.

    A row that is looked at takes about a quarter of the time of a row that is fitted in large batches, and less, in
    proportion, of one in small batches (measured on one core, networks of 1 to 4 layers of 32 to 512 units).
    """
    cost = 0.25 * min(1.0, batch_size / 128) * looked_at / fitted
    return min(max(1, math.ceil(cost / SHARE)), LONGEST_STRIDE)
