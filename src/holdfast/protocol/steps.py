"""Training one trial step by step: to the level of a fidelity that was assigned, where it reports and may pause."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.protocol.bench import Bench, Scored, epochs_of, notes_of, score_fits
from holdfast.protocol.fidelity import Measure
from holdfast.protocol.fits import Training, fit_parts, fitted, runs_of
from holdfast.protocol.learn import Fitted, fit
from holdfast.protocol.packed import pack, unpack
from holdfast.records import Assignment, Report, Reporter, TrialState, Verdict, array_from_bytes, array_to_bytes
from holdfast.train.grown import from_bytes, grow, grows, to_bytes
from holdfast.train.staged import curve_of

if TYPE_CHECKING:
    from holdfast.train.stacked.stack import Row

STATES = {Verdict.PAUSE: TrialState.PAUSED, Verdict.STOP: TrialState.STOPPED}


@dataclass(frozen=True)
class Step:
    """A trial at a step: what it came to, the step, and what it is to be resumed from (None: nothing is kept)."""

    scored: Scored
    step: int
    checkpoint: Callable[[], bytes] | None


Stepping = Generator["list[Row]", None, Step]


def train_in_steps(measure: Measure, bench: Bench, assignment: Assignment, report: Reporter) -> Training:
    """Train to the step that was assigned, report there, and leave a checkpoint if the verdict is to pause."""
    done = yield from _WAYS[measure.kind](measure, bench, assignment)
    metrics, rows, extra = done.scored
    verdict = report(Report(assignment.trial, done.step, {bench.metric.name: metrics[bench.metric.name]}))
    if verdict is Verdict.PAUSE and done.checkpoint is not None:
        report(Report(assignment.trial, done.step, checkpoint=done.checkpoint()))
    return STATES.get(verdict, TrialState.COMPLETE), metrics, rows, extra


def _by_epochs(measure: Measure, bench: Bench, assignment: Assignment) -> Stepping:  # noqa: ARG001 - one of several ways
    """Networks go on from their checkpoints."""
    stack = runs_of(bench, assignment, range(len(bench.parts)))
    yield stack
    step = assignment.until_step or stack[0].run.last_epoch
    return Step(
        _scored(bench, [fitted(row) for row in stack]), step, lambda: pack([row.run.checkpoint() for row in stack])
    )


def _on_rows(measure: Measure, bench: Bench, assignment: Assignment) -> Stepping:
    """Models learn anew, from more rows; a network to its end."""
    step = assignment.until_step
    fewer = tuple(measure.prepared(prepared, step) for prepared in bench.prepared)
    bench = dataclasses.replace(bench, prepared=fewer)
    whole = dataclasses.replace(assignment, until_step=None, checkpoint=None)
    fits = yield from fit_parts(bench, whole, range(len(bench.parts)))
    return Step(_scored(bench, fits), step or measure.fidelity.max, None)


def _by_growth(measure: Measure, bench: Bench, assignment: Assignment) -> Stepping:
    """A model of the size that the step says: the one from before with more trees, where that is the same model."""
    yield []
    step = assignment.until_step or measure.fidelity.max
    parts = range(len(bench.parts))
    saved = [None] * len(parts) if assignment.checkpoint is None else unpack(assignment.checkpoint)
    fits = [_grown(measure, bench, assignment, part, step, saved[part]) for part in parts]
    models, name = [found.model for found in fits], measure.fidelity.name
    may_grow = all(grows(model, name) for model in models)
    return Step(_scored(bench, fits), step, (lambda: pack([to_bytes(model) for model in models])) if may_grow else None)


def _grown(measure: Measure, bench: Bench, assignment: Assignment, part: int, step: int, saved: bytes | None) -> Fitted:
    prepared, judged = bench.prepared[part], bench.judged_pair(part)
    if saved is None:
        config = measure.config(assignment.config, step)
        ours = bench.rows.weights_in(part)
        return fit(bench.recipe, config, assignment.seed, prepared, judged=judged, judged_weights=ours)
    began = time.perf_counter()
    model, y = from_bytes(saved), np.zeros(len(prepared.X)) if prepared.y is None else prepared.y
    notes = grow(model, measure.fidelity.name, step, prepared.X, y, prepared.weights)
    seconds = time.perf_counter() - began
    weights = prepared.weights, bench.rows.weights_in(part)
    curve = None if judged is None else curve_of(model, prepared.X, y, judged, weights)
    return Fitted(model, None, notes, curve, seconds)


def _by_folds(measure: Measure, bench: Bench, assignment: Assignment) -> Stepping:
    """One fold after the other is fitted and judged; what those before predicted is kept, and their models are not."""
    step = assignment.until_step or measure.fidelity.max
    epochs, predictions = _before(assignment.checkpoint)
    first = len(predictions)
    whole = dataclasses.replace(assignment, until_step=None, checkpoint=None)
    fits = yield from fit_parts(bench, whole, range(first, step))
    predictions += [bench.predict(found.model, first + place) for place, found in enumerate(fits)]
    epochs += [found.epochs for found in fits]
    value, rows = bench.first(step).score(predictions)
    extra = bench.extras([found.model for found in fits], [found.curve for found in fits], first)
    extra |= epochs_of(epochs) | notes_of(fits, extra) | {"fits": step}
    rows = None if rows is None else bench.rows.spread(rows)
    return Step(({bench.metric.name: value}, rows, extra), step, lambda: _kept(epochs, predictions))


def _before(checkpoint: bytes | None) -> tuple[list[int | None], list[np.ndarray]]:
    """The epochs and the predictions of the folds that were fitted before."""
    if checkpoint is None:
        return [], []
    head, *arrays = unpack(checkpoint)
    return json.loads(head), [array_from_bytes(data) for data in arrays]


def _kept(epochs: Sequence[int | None], predictions: Sequence[np.ndarray]) -> bytes:
    """What `_before` reads."""
    return pack([json.dumps(epochs).encode(), *map(array_to_bytes, predictions)])


def _scored(bench: Bench, fits: Sequence[Fitted]) -> Scored:
    return score_fits(bench, fits, [bench.predict(found.model, part) for part, found in enumerate(fits)])


_WAYS: dict[str, Callable[[Measure, Bench, Assignment], Stepping]] = {
    "epochs": _by_epochs,
    "rows": _on_rows,
    "folds": _by_folds,
    "hyperparameter": _by_growth,
}
