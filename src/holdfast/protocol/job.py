"""The job of a planned study: train a configuration on each part, judge it, and hand back its score on every row."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import struct
import traceback
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.evaluate.metrics import Metric
from holdfast.protocol.constraints import FIT_SECONDS, MODEL_BYTES, limited_metrics
from holdfast.protocol.learn import Fitted, Prepared, Recipe, fit, import_models, predict, prepare
from holdfast.protocol.stacked import Steps, side_by_side
from holdfast.protocol.tables import Anew, Judged, Part, Rows, judged_rows, open_rows, parts_of
from holdfast.protocol.training_score import reference_score, sample_sizes, train_score
from holdfast.records import (
    Assignment,
    Cause,
    Outcome,
    Report,
    Reporter,
    RowScores,
    TrialState,
    Verdict,
    canonical_json,
)
from holdfast.train.curves import JudgedRows, mean_curve
from holdfast.train.families import Preprocessing
from holdfast.train.storage import saved_bytes

if TYPE_CHECKING:
    from holdfast.train.stacked.stack import Row

MOST_BYTES = 1 << 30
"""Of rows that the trials of one call keep for themselves; beyond that they are trained in several goes."""


@dataclass(frozen=True)
class TrainJob:
    """Trains trials of one study, from the files of its run; cheap to send to a worker.

    Args:
        folder: the folder of the run.
        base: the folder that ``module:...`` is imported from.
        schema_json: the columns, as canonical JSON.
        family: the model family.
        metric: the metric's name.
        folds: whether folds take turns as validation rows.
        stepwise: whether trials pause and resume by epoch.
        weigh: whether it is kept what each model would take on disk.
        limited: what the plan's constraints are on, which is measured, too.
        anew: how validation rows are drawn for every trial; None where all have the same.
        by_fold: whether each fold is reported, and a verdict asked for before the next one.
        image: the shape of the images that rows are, where the plan says it.
        preprocessing: how a factory wants its columns prepared, where the plan says it.
        own: the hyperparameters of a factory that makes networks.
    """

    folder: str
    base: str
    schema_json: str
    family: str
    metric: str | None
    folds: bool
    stepwise: bool = False
    weigh: bool = False
    limited: tuple[str, ...] = ()
    anew: Anew | None = None
    by_fold: bool = False
    image: tuple[int, ...] = ()
    preprocessing: Preprocessing | None = None
    own: tuple[str, ...] | None = None

    @staticmethod
    def of(
        recipe: Recipe,
        folder: Path,
        *,
        folds: bool,
        stepwise: bool,
        weigh: bool = False,
        anew: Anew | None = None,
        by_fold: bool = False,
    ) -> TrainJob:
        """The job for a recipe."""
        schema = canonical_json(recipe.schema.to_json())
        where, base = str(folder.resolve()), str(recipe.base)
        weigh = weigh or MODEL_BYTES in recipe.limited
        family, metric, limited = recipe.family, recipe.metric, recipe.limited
        own = (recipe.image, recipe.preprocessing, recipe.own)
        return TrainJob(where, base, schema, family, metric, folds, stepwise, weigh, limited, anew, by_fold, *own)

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; whatever goes wrong in a fit is that trial's failure."""
        trials = [self._trial(assignment, report) for assignment in assignments]
        return side_by_side(trials, lambda: _most_at_once(_bench(self)))

    def _trial(self, assignment: Assignment, report: Reporter) -> Steps:
        from holdfast.train.failures import Diverged

        number = assignment.trial
        try:
            bench = _bench(self)
            yield []  # the first trial of a worker loads rows and libraries, which is no part of its training
            if self.anew is not None:
                bench = _bench_anew(self, self.anew, bench, number)
            run = _train_in_steps if self.stepwise else _train_by_fold if self.by_fold else _train_at_once
            state, metrics, rows, extra = yield from run(bench, assignment, report)
        except Diverged as exc:
            return Outcome(number, TrialState.FAILED, error=str(exc), cause=Cause.DIVERGED)
        except Exception:  # noqa: BLE001 - any fit may raise anything; it is kept in the log
            return Outcome(number, TrialState.FAILED, error=traceback.format_exc(), cause=Cause.ERROR)
        value = metrics[bench.metric.name]
        if not math.isfinite(value):
            why = f"the metric '{bench.metric.name}' is {value}"
            return Outcome(number, TrialState.FAILED, error=why, cause=Cause.DIVERGED)
        return Outcome(number, state, metrics, rows, extra=extra)


@dataclass(frozen=True, eq=False)
class Bench:
    """What a worker keeps between trials: the parts with their preprocessing, which is the same for all of them."""

    recipe: Recipe
    metric: Metric
    parts: tuple[Part, ...]
    prepared: tuple[Prepared, ...]
    judged: tuple[np.ndarray, ...]
    rows: Judged
    limited: tuple[Metric, ...] = ()
    weigh: bool = False
    paired: bool = True

    def score(self, predictions: list[np.ndarray]) -> tuple[float, RowScores | None]:
        """The metric over all parts, and the row scores, of one prediction per part."""
        prediction = np.concatenate(predictions)
        value = self.metric.value(self.truth, prediction, folds=self.folds)
        return value, self.rows.row_scores(self.metric, self.truth, prediction) if self.paired else None

    def score_of_part(self, prediction: np.ndarray, part: int) -> float:
        """The metric on the rows of one part."""
        mine = self.rows.part == part
        return self.metric.value(self.truth[mine], prediction)

    def metrics(
        self,
        value: float,
        models: Sequence[Any],
        predictions: Sequence[np.ndarray],
        extra: Mapping[str, Any],
        seconds: float | None = None,
    ) -> dict[str, float]:
        """The metric that ranks, and whatever the plan's constraints are on, as far as it is known.

        Args:
            value: of the metric that ranks.
            models: one for each part.
            predictions: what the metric that ranks needs of each of them.
            extra: what is kept beside the trial.
            seconds: of one fit.
        """
        known = {self.metric.needs: np.concatenate(predictions)}
        found = {self.metric.name: value}
        for metric in self.limited:
            if metric.needs not in known:
                made = [predict(model, metric, self.judged[part], self._classes) for part, model in enumerate(models)]
                known[metric.needs] = np.concatenate(made)
            found[metric.name] = metric.value(self.truth, known[metric.needs], folds=self.folds)
        if seconds is not None and FIT_SECONDS in self.recipe.limited:
            found[FIT_SECONDS] = seconds
        if MODEL_BYTES in self.recipe.limited and MODEL_BYTES in extra:
            found[MODEL_BYTES] = float(extra[MODEL_BYTES])
        return found

    def first(self, count: int) -> Bench:
        """The same with the first parts alone, for a trial that was dropped after them."""
        if count == len(self.parts):
            return self
        parts, size = self.parts[:count], sum(len(part.judge) for part in self.parts[:count])
        rows = self.rows.first(size)
        return dataclasses.replace(
            self, parts=parts, prepared=self.prepared[:count], judged=self.judged[:count], rows=rows
        )

    @property
    def truth(self) -> np.ndarray:
        """What predictions are compared with, part after part: the targets, or for a clustering the rows themselves."""
        return np.concatenate(self.judged) if self.rows.y is None else self.rows.y

    @property
    def folds(self) -> np.ndarray | None:
        """The part of every judged row, where there are several."""
        return self.rows.folds

    def predict(self, model: Any, part: int) -> np.ndarray:
        """What the metric needs of a model, for the judged rows of a part."""
        return predict(model, self.metric, self.judged[part], self._classes)

    def judged_pair(self, part: int) -> JudgedRows | None:
        """The features and targets that a model of a part is judged on, None for a clustering."""
        y = self.parts[part].judge.y
        return None if y is None else (self.judged[part], y)

    def extras(self, models: Sequence[Any], curves: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
        """What is kept beside a trial to tell how it was trained, where known.

        The metric on training rows (``train``), that of a model that learned nothing (``reference``), and the mean
        ``curve``; ``notes`` where the metric raised.
        """
        sizes = sample_sizes(self.recipe, self.judged)
        found = train_score(self.metric, models, self.prepared, sizes, self._classes)
        notes = [*found.pop("notes", ()), *self._reference.get("notes", ())]
        found = {**self._reference, **found}
        curve = mean_curve(curves)
        if curve is not None:
            found["curve"] = curve
        return {**found, "notes": notes} if notes else found

    def weight(self, model: Any) -> dict[str, Any]:
        """What the model of the first part takes on disk (``model_bytes``), if that was asked for and can be said."""
        size = saved_bytes(model, self.prepared[0].preprocessor) if self.weigh else None
        return {} if size is None else {MODEL_BYTES: size}

    @functools.cached_property
    def _reference(self) -> dict[str, Any]:
        if self.rows.y is None:
            return {}
        return reference_score(self.metric, self.prepared, self.rows.y, self.rows.part, self._classes)

    @property
    def _classes(self) -> int:
        classes = self.recipe.schema.classes
        return 0 if classes is None else len(classes)


@functools.lru_cache(maxsize=2)
def _bench(job: TrainJob) -> Bench:
    schema = Schema.from_json(json.loads(job.schema_json))
    recipe = Recipe(job.family, job.metric, schema, Path(job.base), job.limited, job.image, job.preprocessing, job.own)
    bench = make_bench(recipe, parts_of(Path(job.folder), recipe.schema, folds=job.folds))
    import_models(recipe, bench.prepared[0].task)
    return dataclasses.replace(bench, weigh=job.weigh)


def _bench_anew(job: TrainJob, anew: Anew, common: Bench, trial: int) -> Bench:
    """The bench of a trial that has validation rows of its own; it keeps no row scores, which no other trial shares."""
    part = anew.part(_open_rows(job.folder, job.schema_json), trial)
    return dataclasses.replace(make_bench(common.recipe, (part,)), weigh=common.weigh, paired=False)


@functools.lru_cache(maxsize=2)
def _open_rows(folder: str, schema_json: str) -> Rows:
    return open_rows(Path(folder), Schema.from_json(json.loads(schema_json)))


def make_bench(recipe: Recipe, parts: tuple[Part, ...]) -> Bench:
    """Preprocess every part: fitted on the rows it learns from, applied to those it is judged on."""
    prepared = tuple(prepare(recipe, part.learn) for part in parts)
    judged = tuple(
        np.asarray(ready.preprocessor.transform(part.judge.features), dtype=float)
        for ready, part in zip(prepared, parts, strict=True)
    )
    return Bench(recipe, recipe.make_metric(), parts, prepared, judged, judged_rows(parts), limited_metrics(recipe))


Scored = tuple[dict[str, float], RowScores | None, dict[str, Any]]
"""What training came to: metrics, the one that ranks first; row scores; extra."""

Trained = tuple[TrialState, dict[str, float], RowScores | None, dict[str, Any]]
"""How training went: state, metrics, row scores, extra."""


Training = Generator["list[Row]", None, Trained]
"""What it takes to train a trial: it yields the runs of networks that it needs advanced (see `side_by_side`)."""


def _train_at_once(bench: Bench, assignment: Assignment, report: Reporter) -> Training:  # noqa: ARG001 - no steps
    fits = yield from _fit_parts(bench, assignment, range(len(bench.parts)))
    predictions = [bench.predict(found.model, part) for part, found in enumerate(fits)]
    return TrialState.COMPLETE, *_score_fits(bench, fits, predictions)


def _fit_parts(bench: Bench, assignment: Assignment, parts: Sequence[int]) -> Generator[list[Row], None, list[Fitted]]:
    """Fit a configuration on some parts: a network on all of them together, any other model on one after the other."""
    config, seed = assignment.config, assignment.seed
    if not bench.recipe.is_network:
        return [fit(bench.recipe, config, seed, bench.prepared[part], judged=bench.judged_pair(part)) for part in parts]
    rows = _runs(bench, assignment, parts)
    yield rows
    return [_fitted(row) for row in rows]


def _runs(bench: Bench, assignment: Assignment, parts: Sequence[int]) -> list[Row]:
    """The runs of a network on some parts, from its checkpoint where it has one."""
    from holdfast.train.networks import resume_training, start_training
    from holdfast.train.stacked.stack import Row

    saved = None if assignment.checkpoint is None else _unpack(assignment.checkpoint)
    kind, rows = bench.recipe.network, []
    for part in parts:
        ready, judged = bench.prepared[part], bench.judged_pair(part)
        y = np.zeros(len(ready.X)) if ready.y is None else ready.y
        if saved is None:
            run = start_training(kind, assignment.config, ready.task, ready.X, y, assignment.seed, judged=judged)
        else:
            run = resume_training(kind, saved[part], ready.X, y, judged)
        rows.append(Row(run, assignment.until_step))
    return rows


def _fitted(row: Row) -> Fitted:
    """What a run has learned; raises what ended it early."""
    from holdfast.train.networks import NetworkEstimator

    if row.diverged is not None:
        raise row.diverged
    return Fitted(NetworkEstimator.of(row.run), row.run.epochs_used, row.run.notes, row.run.curve, row.seconds)


def _score_fits(bench: Bench, fits: Sequence[Fitted], predictions: list[np.ndarray]) -> Scored:
    """What the fits of all parts of a bench come to."""
    models = [found.model for found in fits]
    value, rows = bench.score(predictions)
    extra = bench.extras(models, [found.curve for found in fits])
    epochs = [found.epochs for found in fits if found.epochs is not None]
    if epochs:
        extra["epochs"] = math.ceil(sum(epochs) / len(epochs))
    extra |= _notes(fits, extra)
    extra |= bench.weight(models[0])
    seconds = sum(found.seconds for found in fits) / len(fits)
    return bench.metrics(value, models, predictions, extra, seconds), rows, extra


def _train_by_fold(bench: Bench, assignment: Assignment, report: Reporter) -> Training:
    """Fit and judge one part after the other; report its score, and end where the verdict is to stop.

    All trials have the parts in the same order, so that those dropped are compared on the same rows. A part whose score
    is undefined is not reported.
    """
    fits: list[Fitted] = []
    predictions: list[np.ndarray] = []
    state = TrialState.COMPLETE
    for part in range(len(bench.parts)):
        fits += yield from _fit_parts(bench, assignment, [part])
        predictions.append(bench.predict(fits[-1].model, part))
        value = bench.score_of_part(predictions[-1], part)
        if not math.isfinite(value):
            continue
        verdict = report(Report(assignment.trial, part + 1, {bench.metric.name: value}))
        if verdict is Verdict.STOP and part + 1 < len(bench.parts):
            state = TrialState.STOPPED
            break
    done = bench.first(len(fits))
    metrics, rows, extra = _score_fits(done, fits, predictions)
    return state, metrics, None if rows is None else bench.rows.spread(rows), {**extra, "fits": len(fits)}


def _train_in_steps(bench: Bench, assignment: Assignment, report: Reporter) -> Training:
    """Train to the step that was assigned, report there, and leave a checkpoint if the verdict is to pause."""
    stack = _runs(bench, assignment, range(len(bench.parts)))
    yield stack
    fits = [_fitted(row) for row in stack]
    predictions = [bench.predict(found.model, part) for part, found in enumerate(fits)]
    value, rows = bench.score(predictions)
    step = assignment.until_step or stack[0].run.last_epoch
    verdict = report(Report(assignment.trial, step, {bench.metric.name: value}))
    if verdict is Verdict.PAUSE:
        report(Report(assignment.trial, step, checkpoint=_pack([row.run.checkpoint() for row in stack])))
    state = {Verdict.PAUSE: TrialState.PAUSED, Verdict.STOP: TrialState.STOPPED}.get(verdict, TrialState.COMPLETE)
    models, epochs = [found.model for found in fits], [found.epochs or 0 for found in fits]
    extra = {**bench.extras(models, [found.curve for found in fits]), "epochs": math.ceil(sum(epochs) / len(epochs))}
    extra |= _notes(fits, extra) | bench.weight(models[0])
    return state, bench.metrics(value, models, predictions, extra), rows, extra


def _notes(fits: Sequence[Fitted], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The remarks of all fits beside those that there are, each once (``notes``); nothing without any."""
    notes = sorted({note for found in fits for note in found.notes} | set(extra.get("notes", ())))
    return {"notes": notes} if notes else {}


def _most_at_once(bench: Bench) -> int:
    """How many trials may keep rows of their own at once: a run copies those that it learns from."""
    return max(1, MOST_BYTES // max(sum(ready.X.nbytes for ready in bench.prepared), 1))


def _pack(blobs: list[bytes]) -> bytes:
    """Several byte strings as one: their number, their lengths, themselves."""
    return struct.pack(f"<{len(blobs) + 1}Q", len(blobs), *map(len, blobs)) + b"".join(blobs)


def _unpack(data: bytes) -> list[bytes]:
    """What `_pack` put together."""
    (count,) = struct.unpack_from("<Q", data)
    lengths = struct.unpack_from(f"<{count}Q", data, 8)
    blobs, at = [], 8 * (count + 1)
    for length in lengths:
        blobs.append(data[at : at + length])
        at += length
    return blobs
