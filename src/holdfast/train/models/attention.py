"""The parts of a transformer: tokens as vectors, attention among them, and what they come to together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from holdfast.train.models.layers import linear

DEVIATION = 0.02
"""Of the vectors of tokens and places at first (Radford et al. 2019)."""

UNSEEN = -1e9
"""Added to the score of a place that is not attended to; finite, so that a row of padding alone stays a number."""


class Tokens(nn.Module):
    """Codes (n, length) as vectors (n, length, size): that of the token and that of its place, added.

    Code 0 is padding, 1 to ``tokens`` are tokens, any other is the unknown token.
    """

    def __init__(self, tokens: int, length: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.unknown = tokens + 1
        self.token = nn.Parameter(torch.empty(tokens + 2, size).normal_(0.0, DEVIATION, generator=generator))
        self.place = nn.Parameter(torch.empty(length, size).normal_(0.0, DEVIATION, generator=generator))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Shape (n, length, size)."""
        known = (codes >= 0) & (codes < self.unknown)
        indices = torch.where(known, codes, self.unknown).long()
        return nn.functional.embedding(indices, self.token) + self.place


class Attention(nn.Module):
    """Attention of several heads among the places of a row (Vaswani et al. 2017, section 3.2), none paid to padding.

    Args:
        size: of the vectors; a multiple of ``heads``.
        heads: each attends by itself, in a part of the vector.
        generator: of the weights.
        gain: of the last linear layer.
    """

    def __init__(self, size: int, heads: int, generator: torch.Generator, gain: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(size)
        self.reads = linear(size, 3 * size, generator, 1.0)
        self.writes = linear(size, size, generator, gain)

    def forward(self, x: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
        """Of the shape of ``x`` (n, length, size); ``ignored`` (n, length) is added to the scores of the places."""
        n, length, size = x.shape
        parts = self.reads(self.norm(x)).reshape(n, length, 3, self.heads, size // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / math.sqrt(size // self.heads) + ignored[:, None, None, :]
        mixed = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(n, length, size)
        out: torch.Tensor = self.writes(mixed)
        return out


class EncoderLayer(nn.Module):
    """Attention and then two linear layers, each added to what goes in after ``thinning``.

    Args:
        attention: from (n, length, size) and what is ignored to the same shape.
        forwards: from (n, length, size) to the same shape, with its own norm.
        thinning: dropout of what attention and forwards give, one for each.
    """

    def __init__(self, attention: Attention, forwards: nn.Module, thinning: Sequence[nn.Module]) -> None:
        super().__init__()
        self.attention = attention
        self.forwards = forwards
        self.thinning = nn.ModuleList(thinning)

    def forward(self, x: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
        """Of the shape of ``x``."""
        x = x + self.thinning[0](self.attention(x, ignored))
        out: torch.Tensor = x + self.thinning[1](self.forwards(x))
        return out


class Encoder(nn.Module):
    """Codes (n, length) to outputs (n, k): the mean of what the layers make of the tokens, without the padding.

    Args:
        tokens: codes to vectors.
        thinning: dropout of these vectors.
        layers: one after the other.
        norm: of the vectors that the last layer gives.
        last: from their mean to the outputs.
    """

    def __init__(
        self, tokens: Tokens, thinning: nn.Module, layers: Sequence[EncoderLayer], norm: nn.Module, last: nn.Module
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.thinning = thinning
        self.layers = nn.ModuleList(layers)
        self.norm = norm
        self.last = last

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Shape (n, k)."""
        x = self.thinning(self.tokens(codes))
        there = (codes != 0).to(x.dtype)
        ignored = (1.0 - there) * UNSEEN
        for layer in self.layers:
            x = layer(x, ignored)
        mean = (self.norm(x) * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True).clamp_min(1.0)
        out: torch.Tensor = self.last(mean)
        return out
