"""Named random streams: every draw comes from (study seed, trial number, purpose) and from nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Streams:
    """The random streams of one study.

    Two calls with the same arguments give generators that draw the same numbers, on every platform, so that a crash,
    a resume or a second worker changes nothing.
    """

    seed: int

    def generator(self, trial: int, purpose: str) -> np.random.Generator:
        """The generator for one purpose within one trial."""
        import numpy as np

        words = np.frombuffer(self._digest(trial, purpose)[15::-1], dtype="<u4")
        return np.random.Generator(np.random.PCG64(words))  # NumPy cuts an integer of 128 bits into these, more slowly

    def integer(self, trial: int, purpose: str, bits: int = 31) -> int:
        """A non-negative integer of ``bits`` bits (at most 256) for libraries that take a seed."""
        return int.from_bytes(self._digest(trial, purpose), "big") >> (256 - bits)

    def _digest(self, trial: int, purpose: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{trial}/{purpose}".encode()).digest()
