"""Random bits by counting: the n-th is a function of a seed and n, so that many streams are drawn at once.

It is SplitMix64 (Steele, Lea and Flood 2014, figure 16) from a start that is mixed once more, in operations of torch on
whole tensors. An accelerator would take a call for each generator, and a generator there gives other numbers in another
number of calls; these are the same one by one or in a stack.
"""

from __future__ import annotations

import torch


def _signed(number: int) -> int:
    """An unsigned number of 64 bits as the signed one with the same bits."""
    return number - (1 << 64) if number >> 63 else number


GOLDEN = _signed(0x9E3779B97F4A7C15)
FIRST, SECOND = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def counted_bits(seeds: torch.Tensor, begin: int | torch.Tensor, count: int) -> torch.Tensor:
    """Numbers ``begin`` to ``begin + count`` of each stream, 64 random bits each.

    Args:
        seeds: of the streams, int64, shape (k, 1).
        begin: how many of each stream come before, a number or an int64 tensor of one.
        count: how many are wanted.

    Returns:
        int64, shape (k, count).
    """
    numbers = torch.arange(1, count + 1, dtype=torch.int64, device=seeds.device) + begin
    return _mixed(_mixed(seeds + GOLDEN) + numbers * GOLDEN)


def _mixed(bits: torch.Tensor) -> torch.Tensor:
    bits = (bits ^ _shifted(bits, 30)) * FIRST
    bits = (bits ^ _shifted(bits, 27)) * SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: torch.Tensor, by: int) -> torch.Tensor:
    """To the right, filled with zeros, which torch does with the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
