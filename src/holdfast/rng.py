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

        return np.random.Generator(np.random.PCG64(self.integer(trial, purpose, bits=128)))

    def integer(self, trial: int, purpose: str, bits: int = 31) -> int:
        """A non-negative integer of ``bits`` bits (at most 256) for libraries that take a seed."""
        text = f"{self.seed}/{trial}/{purpose}".encode()
        return int.from_bytes(hashlib.sha256(text).digest(), "big") >> (256 - bits)
