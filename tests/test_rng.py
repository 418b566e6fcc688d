"""Random streams draw what they always drew: NumPy's PCG64, seeded with 128 bits of a digest."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from holdfast.rng import Streams


@pytest.mark.parametrize("trial", [-1, *range(50)])
def test_a_generator_is_numpys_own_seeded_with_the_digest_as_a_whole_number(trial: int) -> None:
    digest = hashlib.sha256(f"7/{trial}/random".encode()).digest()
    expected = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
    assert Streams(7).generator(trial, "random").random(20).tolist() == expected.random(20).tolist()


@pytest.mark.parametrize("zeros", [1, 4, 5, 12, 16])
def test_a_digest_that_begins_with_zeros_seeds_as_the_whole_number_does(
    zeros: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = bytes(zeros) + bytes(range(1, 33 - zeros))
    monkeypatch.setattr(Streams, "_digest", lambda *_: digest)
    expected = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
    assert Streams(0).generator(0, "any").random(5).tolist() == expected.random(5).tolist()


def test_an_integer_has_the_first_bits_of_the_digest() -> None:
    digest = hashlib.sha256(b"3/0/trial").digest()
    assert Streams(3).integer(0, "trial") == int.from_bytes(digest, "big") >> (256 - 31)
