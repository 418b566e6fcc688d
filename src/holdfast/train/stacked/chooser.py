"""How the networks of a bucket are trained: one by one, or stacked by torch, as a short rehearsal tells.

The rehearsal makes a few steps of each way on the runs' own rows, with copies of their numbers, so that it teaches them
nothing. Whichever way is taken, a run has the same batches and masks, and learns the same but for the rounding of sums.
"""

from __future__ import annotations

import copy
import shutil
import time
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.train.learner import Learner
from holdfast.train.losses import unweighted
from holdfast.train.stacked.buckets import MOST, stack_size
from holdfast.train.stacked.single import Single
from holdfast.train.stacked.stack import Choice, Path, Rehearsal, Row, Stack
from holdfast.train.stacked.vmapped import Template, Unstackable, by_compiling, by_vmap
from holdfast.train.training import Training

PLAIN = Path("plain", Single, alone=True)

ALONE, STACKED = 4, 3
"""Steps of a rehearsal; the first ones, in which torch prepares much, do not count."""

SHARE = 0.03
"""The part of the steps that are left, of all networks together, that a rehearsal may have."""

HOPELESS = 1.5
"""Where a small stack takes so many times the time of single networks, larger ones are not tried."""

WIDE = 4 * MOST
"""The most rows of a stack whose steps torch takes one operation at a time."""

WORTH = 0.95
"""A stack is taken where its steps take less than this part of those of single networks."""

COMPILING = 20.0
"""Seconds that compiling is taken to need until a process has done it once."""

GAIN = 2.0
"""Compiling has to be expected to spare so many times the seconds that it takes."""

FUSED = 0.75
"""A network's step in a compiled stack takes 0.5 to 1.1 of what one more adds to a step by torch (measured)."""

HALF = 0.5
"""Early stopping spares about half of the epochs that a run might have."""

TOLERANCE = {"float32": 1e-3, "float64": 1e-8, "amp": 0.05}
"""Between the losses of a network in a stack and alone, in the first steps."""


@dataclass(frozen=True)
class Decision:
    """The way for a bucket.

    ``fewest`` rows are worth a stack; ``marginal`` is what one more row adds to the seconds of a step, ``best`` the
    seconds of a network's step by the way that is taken.
    """

    choice: Choice
    path: Path
    fewest: int
    best: float
    marginal: float


@dataclass(eq=False)
class _Memory:
    """What a process has learned of a bucket: its template, decision by decision, and the seconds spent on it."""

    template: Template | None = None
    decision: Decision | None = None
    wide: int = 0
    spent: float = 0.0
    tried: bool = False


_MEMORY: dict[Hashable, _Memory] = {}
_compile_seconds: list[float] = []


def train(bucket: Hashable, rows: Sequence[Row], *, deterministic: bool) -> None:
    """Train the runs of a bucket, whose networks have no steps that are written out.

    Args:
        bucket: what they have in common.
        rows: the runs, which keep their share of the time.
        deterministic: whether the way follows from the shape alone: one by one.
    """
    memory = _MEMORY.setdefault(bucket, _Memory())
    began = time.thread_time()
    if deterministic:
        decision = _plainly("that is the way of their shape, and no clock was asked")
    elif len(rows) < 2:
        decision = _plainly("there is one at a time")
    else:
        decision = _decide(memory, rows)
    took = time.thread_time() - began
    for row in rows:
        row.seconds += took / len(rows)
        row.cpu_seconds += took / len(rows)
    rows[0].choice = decision.choice
    pending = sorted(rows, key=steps_left, reverse=True)
    while len(pending) >= decision.fewest:
        group, rest = pending[: decision.choice.size], pending[decision.choice.size :]
        Stack(group, decision.path).advance(max(decision.fewest, len(group) // 2 if rest else 1))
        pending = [*(row for row in group if row.goes_on), *rest]
    for row in pending:
        Stack([row], PLAIN).advance()
    memory.spent += sum(row.cpu_seconds for row in rows)


def _plainly(why: str, probe: Mapping[str, float] | None = None, failure: str | None = None) -> Decision:
    """One by one, because of something."""
    return Decision(Choice.plain(why, probe, failure), PLAIN, 1 << 30, 0.0, 0.0)


def steps_left(row: Row) -> int:
    """Steps of a run until it is where it shall be, if nothing ends it earlier."""
    last = row.run.last_epoch if row.until_epoch is None else min(row.until_epoch, row.run.last_epoch)
    return max(last - row.run.progress.epoch, 0) * row.batches


def _decide(memory: _Memory, rows: Sequence[Row]) -> Decision:
    """The way for these runs; what was found out before in this process holds."""
    run = rows[0].run
    if stack_size(run) == 1:
        return _plainly("they are so large that company gains them nothing")
    steps = sum(map(steps_left, rows))
    widest = min(len(rows), WIDE)
    sizes = _sizes(widest, SHARE * steps)
    if sizes and (memory.decision is None or sizes[-1] >= 2 * memory.wide):
        memory.wide, memory.decision = sizes[-1], _rehearsed(memory, rows, sizes)
    if memory.decision is None:
        return _plainly("the steps that are left do not pay for a rehearsal")
    best, fused = memory.decision.best, FUSED * memory.decision.marginal
    saved = (best - fused) * HALF * steps + (memory.spent * (1.0 - fused / best) if best else 0.0)
    expected = _compile_seconds[-1] if _compile_seconds else COMPILING
    if memory.template is not None and not memory.tried and saved > GAIN * expected:
        memory.tried = True
        memory.decision = _with_compiled(memory.decision, memory.template, rows, min(widest, MOST))
    return memory.decision


def _sizes(widest: int, most: float) -> list[int]:
    """The sizes of stacks to rehearse, up to the widest, the large ones first to be kept.

    With one network alone, they take so many steps of one network at most.
    """
    found: list[int] = []
    for size in (widest, *(size for size in (WIDE, MOST, MOST // 4) if 1.5 * size <= widest)):
        if ALONE + STACKED * (size + sum(found)) <= most:
            found.append(size)
    return sorted(found)


def _rehearsed(memory: _Memory, rows: Sequence[Row], sizes: Sequence[int]) -> Decision:
    """One by one or stacked by torch, whatever takes less time."""
    rows = sorted(rows, key=lambda row: -row.batches)
    alone = _rehearse_alone(rows[0])
    plain = _seconds(alone)
    probe, found = {"plain": micro(plain)}, {}
    try:
        memory.template = memory.template or Template.of(twin_of(rows[0].run))
        path = by_vmap(memory.template, unweighted(rows[0].run.learner.loss))
        for size in sizes:
            seen = Stack(_copies(rows[:size]), path).rehearse(STACKED)
            check_losses(alone, seen, rows[0].run.settings.precision)
            found[size] = _seconds(seen)
            probe[f"vmap of {size}"] = micro(found[size] / size)
            if found[size] / size > HOPELESS * plain:
                break
    except Exception as exc:  # noqa: BLE001 - a network may do anything; the reason goes on the record
        memory.template = None
        why = reason_of(exc)
        return _plainly(f"torch cannot stack them: {why}", probe, failure=why)
    size = min(found, key=lambda size: found[size] / size)
    marginal = _marginal(found)
    if found[size] / size > WORTH * plain:
        decision = _plainly(
            f"a step takes {micro(plain):,.0f} µs so, and {micro(found[size] / size):,.0f} µs in a stack of {size}",
            probe,
        )
        return replace(decision, best=plain, marginal=marginal)
    text = (
        f"The networks are trained in stacks of {size} by torch.vmap, where a step of one takes "
        f"{micro(found[size] / size):,.0f} µs, and {micro(plain):,.0f} µs one by one."
    )
    fixed = max(found[size] - marginal * size, 0.0)
    fewest = int(fixed / max(WORTH * plain - marginal, 1e-9)) + 1
    choice = Choice("vmap", size, text, probe)
    return Decision(choice, path, max(fewest, 2), found[size] / size, marginal)


def _with_compiled(before: Decision, template: Template, rows: Sequence[Row], size: int) -> Decision:
    """The decision after compiling, which may have been in vain."""
    probe = dict(before.choice.probe)
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        return before
    path = by_compiling(template, unweighted(rows[0].run.learner.loss), size)
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, on what it compiles
            seen = Stack(_copies(rows[:size]), path).rehearse(ALONE)
        took = time.perf_counter() - began
        check_losses(_rehearse_alone(rows[0]), seen, rows[0].run.settings.precision)
    except Exception as exc:  # noqa: BLE001 - a network may do anything; the reason goes on the record
        text = f"{before.choice.text[:-1]}; compiling failed: {reason_of(exc)}."
        return replace(before, choice=replace(before.choice, text=text))
    _compile_seconds.append(took)
    seconds = _seconds(seen) / size
    probe[f"compiled of {size}"] = micro(seconds)
    took = round(took, 1)
    if seconds > WORTH * before.best:
        text = f"{before.choice.text[:-1]}; compiled, in {took} s, a step of one takes {micro(seconds):,.0f} µs."
        return replace(before, choice=replace(before.choice, text=text, probe=probe, compile_seconds=took))
    text = (
        f"The networks are trained in compiled stacks of {size}, where a step of one takes {micro(seconds):,.0f} µs, "
        f"and {probe['plain']:,.0f} µs one by one; compiling took {took} s."
    )
    fewest = int(seconds * size / (WORTH * probe["plain"] * 1e-6)) + 1
    choice = Choice("compiled", size, text, probe, took)
    return Decision(choice, path, max(fewest, 2), seconds, seconds)


def _copies(rows: Sequence[Row]) -> list[Row]:
    """Rows of the same runs for a rehearsal, whose guards and totals nobody looks at."""
    return [Row(row.run, row.until_epoch) for row in rows]


def _rehearse_alone(row: Row) -> Rehearsal:
    """Some steps of one run by itself, by a twin of it."""
    return Stack([Row(twin_of(row.run), row.until_epoch)], PLAIN).rehearse(ALONE)


def twin_of(run: Training) -> Training:
    """A run on the same rows with a network of its own, which is the same and may change."""
    twin, learner = copy.copy(run), run.learner
    twin.learner = Learner(copy.deepcopy(learner.network), learner.settings, learner.loss)
    for name, numbers in learner.state.items():
        twin.learner.state[name].copy_(numbers)
    return twin


def check_losses(alone: Rehearsal, stacked: Rehearsal, precision: str) -> None:
    """Raise `Unstackable` if the first network has other losses in the stack than alone."""
    for number, (one, many) in enumerate(zip(alone.losses, stacked.losses, strict=False), start=1):
        if abs(one[0] - many[0]) > TOLERANCE[precision] * max(1.0, abs(one[0])):
            raise Unstackable(
                f"it gives other numbers in a stack: a loss of {many[0]:.6g} instead of {one[0]:.6g} at step {number}"
            )


def _seconds(seen: Rehearsal) -> float:
    """Of a step."""
    return min(seen.seconds[1:] or seen.seconds)


def _marginal(found: Mapping[int, float]) -> float:
    """What one more row adds to the seconds of a step, between the least size and the largest."""
    small, large = min(found), max(found)
    if small == large:
        return found[large] / large
    return max((found[large] - found[small]) / (large - small), 0.0)


def micro(seconds: float) -> float:
    """Microseconds, as they are shown."""
    return round(seconds * 1e6, 1)


def reason_of(exc: Exception) -> str:
    """What an error says, as the end of a sentence."""
    said = str(exc).strip().split("\n")[0].split(". ")[0].rstrip(".")
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    return said if isinstance(exc, Unstackable) else f"{type(exc).__name__}: {said}" if said else type(exc).__name__


LONGEST = 240
"""Characters of an error that are told."""
