"""What an epoch learns from: the rows in its order, augmented, with smoothed targets.

Every draw comes from a stream named by the epoch and a purpose, so that an epoch can be had again, or in a stack.
"""

from __future__ import annotations

import torch

from holdfast.rng import Streams
from holdfast.train.augmentation import augmentations, augmented, mixup
from holdfast.train.settings import Settings


def torch_generator(streams: Streams, epoch: int, purpose: str) -> torch.Generator:
    """A generator of torch's for one purpose in one epoch."""
    return torch.Generator().manual_seed(streams.integer(epoch, purpose))


def epoch_order(streams: Streams, epoch: int, n: int) -> torch.Tensor:
    """The order of n rows in an epoch, shape (n,): a permutation, each equally likely."""
    return torch.randperm(n, generator=torch_generator(streams, epoch, "order"))


def epoch_rows(
    settings: Settings,
    streams: Streams,
    epoch: int,
    features: torch.Tensor,
    targets: torch.Tensor,
    *,
    classification: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows in the order of an epoch, augmented, and their targets, smoothed.

    Args:
        settings: of the run.
        streams: of the run.
        epoch: counted from 1.
        features: the rows that are fitted, shape (n, *row).
        targets: their target matrix, shape (n, k).
        classification: whether targets are probabilities of classes, which may be smoothed.
    """
    draw = torch_generator(streams, epoch, "order")
    order = torch.randperm(len(features), generator=draw)
    X, T = features[order], targets[order]
    if classification:
        T = smoothed(T, settings.label_smoothing)
    X = augmented(settings, X, lambda purpose: torch_generator(streams, epoch, purpose))
    if "mixup" in augmentations(settings.augmentation):
        partner = torch.randperm(len(X), generator=draw)
        X, T = mixup(X, T, settings.mixup_alpha, partner, streams.generator(epoch, "mixup"))
    return X, T


def smoothed(targets: torch.Tensor, amount: float) -> torch.Tensor:
    """Targets (n, k) drawn towards equal probabilities of all classes (Szegedy et al. 2016, section 7)."""
    return targets * (1.0 - amount) + amount / targets.shape[1] if amount > 0.0 else targets
