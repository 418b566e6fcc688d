"""What is done to rows before an epoch learns from them: names, which rows they suit, and the array functions.

A config names one, or several with plus signs between them, as in ``shift+flip``; they are done in the order of
`AUGMENTATIONS`. Every draw comes from a given generator, for a whole epoch at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import RequestError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    import torch

    from holdfast.train.settings import Settings

IMAGES = ("shift", "crop", "flip", "cutout")
"""What only images have: neighbours on two sides."""

TABLES = ("noise", "mixup")
"""What any row of numbers has."""

AUGMENTATIONS = (*IMAGES, *TABLES)

NONE = "none"


def augmentations(text: str, suited: Collection[str] = AUGMENTATIONS) -> tuple[str, ...]:
    """The names in a value of the hyperparameter ``augmentation``, in the order in which they are done.

    Raises:
        RequestError: if there is no such augmentation, or it is none of those that are ``suited``.
    """
    names = () if text == NONE else tuple(text.split("+"))
    for name in names:
        if name not in AUGMENTATIONS:
            known = (NONE, *AUGMENTATIONS)
            hint = nearest(name, known) or f"; choose of {', '.join(known)}, or several with + between them"
            raise RequestError(f"there is no augmentation '{name}'{hint}")
        if name not in suited:
            there = f"they can have {', '.join(suited)}" if suited else 'say "none"'
            raise RequestError(f"the augmentation '{name}' does not suit these rows; {there}")
    return tuple(name for name in AUGMENTATIONS if name in names)


def augmented(settings: Settings, X: torch.Tensor, generator: Callable[[str], torch.Generator]) -> torch.Tensor:
    """The rows of an epoch (n, *row) with everything done to them but mixup, which changes targets, too.

    Args:
        settings: of the run.
        X: its rows, images of shape (n, c, h, w) where that is asked; may be changed.
        generator: of the draws for a purpose in the epoch, which is the name of an augmentation.
    """
    import torch

    for name in augmentations(settings.augmentation):
        if name == "shift":
            X = shift(X, settings.shift_share, generator(name))
        elif name == "crop":
            X = crop(X, settings.crop_least, generator(name))
        elif name == "flip":
            X = flip(X, generator(name))
        elif name == "cutout":
            X = cutout(X, settings.cutout_share, generator(name))
        elif name == "noise":
            X += settings.noise_scale * torch.randn(X.shape, generator=generator(name))
    return X


def mixup(
    X: torch.Tensor, T: torch.Tensor, alpha: float, partner: torch.Tensor, draw: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every row a mean of two, and its target likewise (Zhang et al. 2018, eq. 1).

    Args:
        X: rows, shape (n, *row).
        T: targets, shape (n, k).
        alpha: of the beta distribution of the weights: small for one of the two nearly alone.
        partner: the other row of each, shape (n,).
        draw: of the weights.
    """
    import torch

    weight = torch.from_numpy(draw.beta(alpha, alpha, size=(len(X), 1))).to(X.dtype)
    return torch.lerp(X[partner], X, weight.reshape(-1, *[1] * (X.ndim - 1))), torch.lerp(T[partner], T, weight)


def shift(X: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Every image moved by whole pixels, up and down and sideways, what is left free filled from its edge.

    Args:
        X: images, shape (n, c, h, w).
        share: the longest way, in sides of the image; at least one pixel.
        generator: of the ways, each equally likely.
    """
    import torch

    n, _, *sides = X.shape
    indices = []
    for side in sides:
        most = max(1, round(share * side))
        moved = torch.randint(-most, most + 1, (n, 1), generator=generator)
        indices.append((torch.arange(side) + moved).clamp(0, side - 1))
    rows, columns = indices
    return X[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def crop(X: torch.Tensor, least: float, generator: torch.Generator) -> torch.Tensor:
    """A part of every image, enlarged to the whole by interpolation (Szegedy et al. 2015, section 6; square parts).

    Args:
        X: images, shape (n, c, h, w).
        least: the smallest part, as a share of the area; shares between it and 1 are equally likely.
        generator: of the shares and the places.
    """
    import torch
    from torch.nn import functional

    n = len(X)
    share = least + (1.0 - least) * torch.rand(n, generator=generator, dtype=X.dtype)
    side = share.sqrt()
    place = (2.0 * torch.rand(n, 2, generator=generator, dtype=X.dtype) - 1.0) * (1.0 - side[:, None])
    maps = torch.zeros(n, 2, 3, dtype=X.dtype)
    maps[:, 0, 0] = maps[:, 1, 1] = side
    maps[:, :, 2] = place
    grid = functional.affine_grid(maps, list(X.shape), align_corners=False)
    return functional.grid_sample(X, grid, padding_mode="border", align_corners=False)


def flip(X: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every other image (n, c, h, w), by lot, with left and right exchanged."""
    import torch

    flipped = torch.rand(len(X), generator=generator) < 0.5
    return torch.where(flipped[:, None, None, None], X.flip(-1), X)


def cutout(X: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """A square of every image set to zero, its centre anywhere (DeVries and Taylor 2017).

    Args:
        X: images, shape (n, c, h, w), whose mean is zero.
        share: the side of the square, in sides of the image; at least one pixel.
        generator: of the centres.
    """
    import torch

    n, _, *sides = X.shape
    inside = []
    for side in sides:
        length = max(1, round(share * side))
        first = torch.randint(0, side, (n, 1), generator=generator) - length // 2
        pixels = torch.arange(side)
        inside.append((pixels >= first) & (pixels < first + length))
    rows, columns = inside
    return X * ~(rows[:, None, :, None] & columns[:, None, None, :])
