"""Ways that take turns: seconds of each round, ratios between them, and what the processor could do at the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch

SIDE = 1024
"""Of the matrices whose product shows what the processor can do."""


def seconds_of(run: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def gemm_peak() -> float:
    """Operations a second of the product of two large matrices on one thread: the best of ten."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    return 2 * SIDE**3 / min(seconds_of(lambda: left @ right) for _ in range(10))


def take_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each way returns, round by round; every other round goes backwards through them."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(ways[name]())
    return found


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """The median of the ratios of the rounds, with the least and the largest."""
    found = [one / other for one, other in zip(slow, fast, strict=True)]
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of Markdown."""
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)
