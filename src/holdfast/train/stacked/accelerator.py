"""How the networks of a bucket are trained on an accelerator: stacked, or one by one, as a short rehearsal tells."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace

import torch

from holdfast.train.failures import Diverged
from holdfast.train.losses import unweighted
from holdfast.train.models.layers import seed_dropout
from holdfast.train.stacked.chooser import WORTH, check_losses, micro, reason_of, steps_left, twin_of
from holdfast.train.stacked.products import is_product, with_products
from holdfast.train.stacked.queued import Queued
from holdfast.train.stacked.stack import Choice, Path, Rehearsal, Row
from holdfast.train.stacked.vmapped import Template, by_vmap
from holdfast.train.stacked.written import Written, is_written, prepare
from holdfast.train.training import Training, epoch_rates, rows_of_epoch

STEPS = 8
"""Of a rehearsal; the first ones, in which torch prepares much and a step is recorded, do not count."""

REHEARSED = 1024
"""Rows of a rehearsal at most."""

FEW = 200
"""Steps of a single network, up to which neither a rehearsal nor recording one pays."""

_MEMORY: dict[Hashable, tuple[int, Path | None, Choice]] = {}
"""What a process has found for a bucket that augments or not, and of how many runs."""


def train(bucket: Hashable, rows: Sequence[Row], *, deterministic: bool) -> None:
    """Train the runs of a bucket, which keep their share of the time.

    Args:
        bucket: what they have in common.
        rows: the runs.
        deterministic: whether no clock is asked: one by one.
    """
    for augments in (False, True):
        alike = [row for row in rows if (row.run.settings.augmentation != "none") == augments]
        if not alike:
            continue
        if deterministic:
            path, choice = None, Choice.plain("that is the way of their shape, and no clock was asked")
        elif len(alike) == 1 and steps_left(alike[0]) <= FEW:
            path, choice = None, Choice.plain("there is one at a time, of few steps")
        else:
            path, choice = _remembered((bucket, augments), alike)
        size = len(alike) if path is None else _in_stacks(alike, path, len(alike))
        if path is None:
            for row in alike:
                one_by_one(row)
        alike[0].choice = replace(choice, size=1 if path is None else size)


def _in_stacks(rows: Sequence[Row], path: Path, size: int) -> int:
    """Train runs in stacks of so many, or of half as many wherever the memory is short; the size that it came to."""
    pending = sorted(rows, key=lambda row: -row.batches)
    while pending:
        group, stack = pending[:size], None
        try:
            stack = Queued(group, path)
            stack.advance()
        except torch.cuda.OutOfMemoryError:
            if size == 1 or (stack is not None and stack.epochs):
                raise
            del stack
            size = max(len(group) // 2, 1)
            torch.cuda.empty_cache()
        else:
            pending = pending[size:]
    return size


def one_by_one(row: Row) -> None:
    """Train a run by itself."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        row.run.advance(row.until_epoch)
    except Diverged as exc:
        row.diverged = exc
    row.seconds += time.perf_counter() - wall
    row.cpu_seconds += time.process_time() - cpu


def _remembered(key: Hashable, rows: Sequence[Row]) -> tuple[Path | None, Choice]:
    """The way for these runs; what was found out before in this process, for half as many or more, holds."""
    if key not in _MEMORY or len(rows) > 2 * _MEMORY[key][0]:
        _MEMORY[key] = (len(rows), *_chosen(rows))
    return _MEMORY[key][1:]


def _chosen(rows: Sequence[Row]) -> tuple[Path | None, Choice]:
    """The way for these runs, None for one by one, and why."""
    rows = sorted(rows, key=lambda row: -row.batches)
    run, probe, found = rows[0].run, dict[str, float](), list[tuple[float, Path]]()
    some = [Row(row.run, row.until_epoch) for row in rows[:REHEARSED]]
    try:
        single = _rehearse_alone(run)
        alone = _seconds(single)
        probe["plain"] = micro(alone)
        for path in _paths_of(run):
            seen = Queued(some, path).rehearse(STEPS)
            check_losses(single, seen, run.settings.precision)
            found.append((_seconds(seen) / len(some), path))
            probe[f"{path.name} of {len(some)}"] = micro(found[-1][0])
    except torch.cuda.OutOfMemoryError:
        return None, Choice.plain("the memory of the accelerator is short", probe)
    except Exception as exc:  # noqa: BLE001 - a network may do anything; the reason goes on the record
        why = reason_of(exc)
        return None, Choice.plain(f"torch cannot stack them: {why}", probe, failure=why)
    stacked, path = min(found, key=lambda pair: pair[0])
    if stacked > WORTH * alone:
        return None, Choice.plain(
            f"a step takes {micro(alone):,.0f} µs so, and {micro(stacked):,.0f} µs in a stack of {len(some)}", probe
        )
    text = (
        f"The networks are trained on {run.device.type.upper()} in stacks, where a step of one of {len(some)} takes "
        f"{micro(stacked):,.1f} µs, and {micro(alone):,.0f} µs one by one."
    )
    return path, Choice(path.name, len(rows), text, probe)


def _paths_of(run: Training) -> list[Path]:
    """Steps that are written out where a network has them, and those of torch's vmap elsewhere.

    Convolutions are tried as such and as products of matrices: which is faster depends on their channels and places.
    """
    network, loss = run.learner.network, unweighted(run.learner.loss)
    if is_written(network) and run.settings.precision != "amp":
        return [Path("written", Written, prepare)]
    template = Template.of(run)
    paths = [by_vmap(template, loss)]
    if any(is_product(layer) for layer in template.network.modules() if layer is not template.network):
        changed = Template(with_products(copy.deepcopy(template.network)), template.masks)
        paths.append(replace(by_vmap(changed, loss), name="vmap of products", judged=with_products))
    return paths


def _rehearse_alone(run: Training) -> Rehearsal:
    """The first steps of a twin of the run by itself."""
    twin, epoch = twin_of(run), run.progress.epoch + 1
    size, batches = run.batches
    X, T = rows_of_epoch(run, epoch)
    X, T = X[: STEPS * size].to(run.device), T[: STEPS * size].to(run.device)
    seed_dropout(twin.learner.network, run.streams.integer(epoch, "dropout"), run.device)
    twin.learner.network.train()
    rates, seconds, losses = epoch_rates(run.settings, epoch, batches, run.horizon), [], []
    for step in range(min(STEPS, batches)):
        part, began = slice(step * size, (step + 1) * size), time.perf_counter()
        loss, _ = twin.learner.learn(X[part], T[part], (epoch - 1) * batches + step + 1, rates[step])
        seconds.append(time.perf_counter() - began)
        losses.append([loss])
    return Rehearsal(seconds, losses)


def _seconds(seen: Rehearsal) -> float:
    """Of a step, once it is recorded."""
    return min(seen.seconds[2:] or seen.seconds)
