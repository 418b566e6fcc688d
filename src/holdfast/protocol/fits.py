"""Training one trial: its fits on all parts at once, or part after part."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.protocol.bench import Bench, score_fits
from holdfast.protocol.learn import Fitted, fit
from holdfast.protocol.packed import unpack
from holdfast.records import Assignment, Config, Report, Reporter, RowScores, TrialState, Verdict

if TYPE_CHECKING:
    from holdfast.train.stacked.stack import Row

Trained = tuple[TrialState, dict[str, float], RowScores | None, dict[str, Any]]
"""How training went: state, metrics, row scores, extra."""


Training = Generator["list[Row]", None, Trained]
"""What it takes to train a trial: it yields the runs of networks that it needs advanced (see `side_by_side`)."""


def train_at_once(bench: Bench, assignment: Assignment, report: Reporter) -> Training:  # noqa: ARG001 - no steps
    """Fit and judge all parts."""
    fits = yield from fit_parts(bench, assignment, range(len(bench.parts)))
    predictions = [bench.predict(found.model, part) for part, found in enumerate(fits)]
    return TrialState.COMPLETE, *score_fits(bench, fits, predictions)


def fit_parts(bench: Bench, assignment: Assignment, parts: Sequence[int]) -> Generator[list[Row], None, list[Fitted]]:
    """Fit a configuration on some parts: a network on all of them together, any other model on one after the other."""
    config, seed = assignment.config, assignment.seed
    if not bench.recipe.is_network:
        return [_fit_part(bench, config, seed, part) for part in parts]
    rows = runs_of(bench, assignment, parts)
    yield rows
    return [fitted(row) for row in rows]


def _fit_part(bench: Bench, config: Config, seed: int, part: int) -> Fitted:
    judged, weights = bench.judged_pair(part), bench.rows.weights_in(part)
    return fit(bench.recipe, config, seed, bench.prepared[part], judged=judged, judged_weights=weights)


def runs_of(bench: Bench, assignment: Assignment, parts: Sequence[int]) -> list[Row]:
    """The runs of a network on some parts, from its checkpoint where it has one; a clone's from that of its parent."""
    from holdfast.train.networks import resume_training, start_training
    from holdfast.train.stacked.stack import Row

    saved = None if assignment.checkpoint is None else unpack(assignment.checkpoint)
    kind, rows, config = bench.recipe.network, [], assignment.config
    epochs = None if bench.early_stopping else kind.settings(config).epochs
    for part in parts:
        ready, judged = bench.prepared[part], bench.judged_pair(part)
        y = np.zeros(len(ready.X)) if ready.y is None else ready.y
        if saved is None:
            run = start_training(kind, config, ready.task, ready.X, y, assignment.seed, epochs=epochs, judged=judged)
        else:
            run = resume_training(kind, saved[part], ready.X, y, judged, config=config)
        rows.append(Row(run, assignment.until_step))
    return rows


def fitted(row: Row) -> Fitted:
    """What a run has learned; raises what ended it early."""
    from holdfast.train.networks import NetworkEstimator

    if row.diverged is not None:
        raise row.diverged
    return Fitted(NetworkEstimator.of(row.run), row.run.epochs_used, row.run.notes, row.run.curve, row.seconds)


def train_by_fold(bench: Bench, assignment: Assignment, report: Reporter) -> Training:
    """Fit and judge one part after the other; report its score, and end where the verdict is to stop.

    All trials have the parts in the same order, so that those dropped are compared on the same rows. A part whose score
    is undefined is not reported.
    """
    fits: list[Fitted] = []
    predictions: list[np.ndarray] = []
    state = TrialState.COMPLETE
    for part in range(len(bench.parts)):
        fits += yield from fit_parts(bench, assignment, [part])
        predictions.append(bench.predict(fits[-1].model, part))
        value = bench.score_of_part(predictions[-1], part)
        if not math.isfinite(value):
            continue
        verdict = report(Report(assignment.trial, part + 1, {bench.metric.name: value}))
        if verdict is Verdict.STOP and part + 1 < len(bench.parts):
            state = TrialState.STOPPED
            break
    done = bench.first(len(fits))
    metrics, rows, extra = score_fits(done, fits, predictions)
    return state, metrics, None if rows is None else bench.rows.spread(rows), {**extra, "fits": len(fits)}
