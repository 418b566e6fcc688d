"""The optimiser's step of a stack as one kernel of Triton's, which torch for CUDA brings along.

It is what `kernels.c` does on a CPU: the numbers of a network are passed over once. The module can be imported where
Triton is, and nowhere else.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator]
def step(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917 - a kernel has no objects
    values,
    gradients,
    first,
    second,
    average,
    decaying,
    norms,
    table,
    number,
    rows,
    size,
    ADAM: tl.constexpr,
    COUPLED: tl.constexpr,
    NESTEROV: tl.constexpr,
    AVERAGE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One block of the numbers of one row; ``table`` has shape (steps, rows, 9), its columns `native.FIELDS`."""
    row = tl.program_id(1).to(tl.int64)
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < size
    at = row * size + column
    c = table + (tl.load(number) * rows + row) * 9
    rate, decay, clip, l1 = tl.load(c), tl.load(c + 1), tl.load(c + 2), tl.load(c + 3)
    norm = tl.load(norms + row)
    shorten = tl.where((clip > 0) & (norm > clip), clip / norm, 1.0)
    decays = tl.load(decaying + column, mask=inside, other=0.0)
    p = tl.load(values + at, mask=inside, other=0.0)
    g = tl.load(gradients + at, mask=inside, other=0.0) * shorten
    m = tl.load(first + at, mask=inside, other=0.0)
    if COUPLED:
        g += decay * decays * p
    else:
        p -= decay * decays * p
    if ADAM:
        keep_first, keep_second, scale = tl.load(c + 6), tl.load(c + 7), tl.load(c + 8)
        v = tl.load(second + at, mask=inside, other=0.0)
        m += (1 - keep_first) * (g - m)
        v = keep_second * v + (1 - keep_second) * g * g
        p -= rate * m / (tl.sqrt(v) * scale + 1e-8)
        tl.store(second + at, v, mask=inside)
    else:
        momentum = tl.load(c + 5)
        m = momentum * m + g
        if NESTEROV:
            p -= rate * g + rate * momentum * m
        else:
            p -= rate * m
    tl.store(first + at, m, mask=inside)
    most = l1 * decays
    p -= tl.maximum(tl.minimum(p, most), -most)
    tl.store(values + at, p, mask=inside)
    if AVERAGE:
        a = tl.load(average + at, mask=inside, other=0.0)
        a += tl.load(c + 4) * (p - a)
        tl.store(average + at, a, mask=inside)
