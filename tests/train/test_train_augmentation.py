"""What is done to rows: each draws from a generator of its own, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from holdfast.errors import RequestError
from holdfast.train.augmentation import augmentations, augmented, crop, cutout, flip, mixup, shift
from holdfast.train.settings import Settings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 200) -> torch.Tensor:
    """Every pixel another number, the same images in both colours but for the sign."""
    one = torch.arange(48.0).reshape(1, 1, 6, 8).expand(n, 1, 6, 8)
    return torch.cat([one, -one], dim=1)


def test_shifted_images_move_by_whole_pixels_and_repeat_their_edge() -> None:
    X = images()
    moved = shift(X, 0.25, generator())
    assert torch.equal(moved[:, 1], -moved[:, 0])
    first, found = X[0, 0], set()
    for image in moved[:, 0]:
        ways = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(image, first[(torch.arange(6) + down).clamp(0, 5)][:, (torch.arange(8) + right).clamp(0, 7)])
        ]
        assert len(ways) == 1
        found |= set(ways)
    assert len(found) == 25


def test_flipped_images_are_half_of_all() -> None:
    flipped = flip(images(), generator())
    mirrored = (flipped[:, 0, 0, 0] == 7.0).sum().item()
    assert 70 < mirrored < 130
    assert ((flipped == images()).all(3).all(2).all(1) | (flipped == images().flip(-1)).all(3).all(2).all(1)).all()


def test_crops_are_parts_of_the_image() -> None:
    X = images()
    cropped = crop(X, 0.5, generator())
    assert cropped.shape == X.shape
    spread = cropped[:, 0].amax((1, 2)) - cropped[:, 0].amin((1, 2))
    assert (spread <= 47.0 + 1e-4).all()
    assert (spread > 0.6 * 47.0).all()
    assert (spread < 46.0).float().mean() > 0.8
    assert torch.allclose(crop(X, 1.0, generator()), X, atol=1e-4)


def test_cutout_sets_a_square_to_zero() -> None:
    X = images() + 100.0 * torch.sign(images() + 0.5)
    cut = cutout(X, 0.5, generator())
    gone = cut[:, 0] == 0.0
    assert torch.equal(gone, cut[:, 1] == 0.0)
    assert (gone.any(2).sum(1) <= 3).all()
    assert (gone.any(1).sum(1) <= 4).all()
    assert gone.flatten(1).any(1).all()
    assert torch.equal(cut[:, 0][~gone], X[:, 0][~gone])


def test_mixup_takes_rows_and_targets_in_the_same_shares() -> None:
    X = torch.arange(10.0)[:, None].expand(10, 4).clone()
    partner = torch.randperm(10, generator=generator())
    mixed, targets = mixup(X, X[:, :1], 0.4, partner, np.random.default_rng(0))
    assert torch.allclose(mixed[:, :1], targets)
    low, high = torch.minimum(X, X[partner]), torch.maximum(X, X[partner])
    assert ((mixed >= low - 1e-6) & (mixed <= high + 1e-6)).all()


def test_each_augmentation_has_a_stream_of_its_own() -> None:
    asked: list[str] = []

    def drawn(purpose: str) -> torch.Generator:
        asked.append(purpose)
        return generator(len(purpose))

    once = augmented(Settings(augmentation="flip+shift+noise"), images(), drawn)
    assert asked == ["shift", "flip", "noise"]
    asked.clear()
    again = augmented(Settings(augmentation="noise+flip+shift"), images(), drawn)
    assert torch.equal(once, again)


def test_names_are_read_or_refused() -> None:
    assert augmentations("none") == ()
    assert augmentations("mixup+shift") == ("shift", "mixup")
    with pytest.raises(RequestError, match=r"no augmentation 'shfit' \(did you mean 'shift'"):
        augmentations("shfit+flip")
    with pytest.raises(RequestError, match="'flip' does not suit these rows; they can have noise, mixup"):
        augmentations("flip", ("noise", "mixup"))
    with pytest.raises(RequestError, match="'cutout_share' is 0"):
        Settings(cutout_share=0)
