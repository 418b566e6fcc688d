"""Advancing many runs at once: in stacks where their shapes allow it, one after the other where they do not."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.train.losses import unweighted
from holdfast.train.stacked import accelerator, chooser
from holdfast.train.stacked.buckets import buckets_of, stack_size, stacks_of
from holdfast.train.stacked.native import native
from holdfast.train.stacked.passes import can_pass
from holdfast.train.stacked.stack import Choice, Path, Row, Stack
from holdfast.train.stacked.written import is_written, prepare, written
from holdfast.train.training import Training

WRITTEN = Path("written", written, prepare)


def advance_together(rows: Sequence[Row], *, deterministic: bool = False) -> None:
    """Train each run as `Training.advance` would, many of them as one program.

    What a run learns depends on its config, rows and seed, not on the other runs; it is what `Training.advance` gives,
    but for the rounding of sums. Networks whose layers have steps that are written out are always trained by them; of
    any other a short rehearsal tells whether they are stacked by torch (see `chooser`).

    Args:
        rows: runs of any shapes, and the epoch that each is to reach. They are left where their training ends, as if
            each had been trained alone; a run that ``diverged`` is not to be used further.
        deterministic: let the shape of the networks alone decide how they are trained, and no clock, so that the same
            runs give the same bits.
    """
    for bucket, indices in buckets_of([row.run for row in rows]).items():
        members = [rows[index] for index in indices]
        run = members[0].run
        if run.settings.accumulation > 1 or run.learner.parts > 1:
            for row in members:
                accelerator.one_by_one(row)
        elif run.device.type != "cpu":
            accelerator.train(bucket, members, deterministic=deterministic)
        elif is_written(members[0].run.learner.network):
            _write_out(members)
        else:
            chooser.train(bucket, members, deterministic=deterministic)


def _write_out(rows: Sequence[Row]) -> None:
    """Train networks whose steps are written out."""
    run = rows[0].run
    compiled = can_pass(run.learner.network, unweighted(run.learner.loss), run.learner.parameters.values)
    stacks = stacks_of([row.run for row in rows], stack_size(run, compiled=compiled))
    size, missing = len(stacks[0]), native(run.learner.parameters.values.dtype).missing
    slower = f"; they are not compiled, because {missing}" if missing else ""
    text = f"The networks are trained by steps that are written out for stacks of their layers{slower}."
    rows[0].choice = Choice(WRITTEN.name, size, text)
    for indices in stacks:
        Stack([rows[index] for index in indices], WRITTEN).advance()


def advance(run: Training, until_epoch: int | None = None) -> None:
    """Train one run, in the same way as `advance_together` trains many.

    Raises:
        Diverged: as `Training.advance`.
    """
    row = Row(run, until_epoch)
    advance_together([row])
    if row.diverged is not None:
        raise row.diverged
