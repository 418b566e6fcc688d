"""What a worker keeps between trials, and what the fits of a trial come to."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.evaluate.metrics import Metric
from holdfast.protocol.constraints import FIT_SECONDS, MODEL_BYTES, limited_metrics
from holdfast.protocol.learn import Fitted, Prepared, Recipe, predict, prepare
from holdfast.protocol.tables import Judged, Part, judged_rows
from holdfast.protocol.training_score import reference_score, sample_sizes, train_score
from holdfast.records import RowScores
from holdfast.train.curves import JudgedRows, mean_curve
from holdfast.train.storage import saved_bytes

Scored = tuple[dict[str, float], RowScores | None, dict[str, Any]]
"""What training came to: metrics, the one that ranks first; row scores; extra."""


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
    early_stopping: bool = True

    def score(self, predictions: list[np.ndarray]) -> tuple[float, RowScores | None]:
        """The metric over all parts, and the row scores, of one prediction per part."""
        prediction = np.concatenate(predictions)
        value = self.metric.value(self.truth, prediction, self.rows.weights, self.folds)
        return value, self.rows.row_scores(self.metric, self.truth, prediction) if self.paired else None

    def score_of_part(self, prediction: np.ndarray, part: int) -> float:
        """The metric on the rows of one part."""
        mine = self.rows.part == part
        return self.metric.value(self.truth[mine], prediction, self.rows.weights_in(part))

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
            found[metric.name] = metric.value(self.truth, known[metric.needs], self.rows.weights, self.folds)
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

    def extras(
        self, models: Sequence[Any], curves: Sequence[Mapping[str, Any] | None], first: int = 0
    ) -> dict[str, Any]:
        """What is kept beside a trial to tell how it was trained, where known, by its models from part ``first`` on.

        The metric on training rows (``train``), that of a model that learned nothing (``reference``), and the mean
        ``curve``; ``notes`` where the metric raised.
        """
        sizes = sample_sizes(self.recipe, self.judged)
        found = train_score(self.metric, models, self.prepared[first : first + len(models)], sizes, self._classes)
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
        return reference_score(
            self.metric, self.prepared, self.rows.y, self.rows.part, self._classes, self.rows.weights
        )

    @property
    def _classes(self) -> int:
        classes = self.recipe.schema.classes
        return 0 if classes is None else len(classes)


def make_bench(recipe: Recipe, parts: tuple[Part, ...]) -> Bench:
    """Preprocess every part: fitted on the rows it learns from, applied to those it is judged on."""
    prepared = tuple(prepare(recipe, part.learn) for part in parts)
    judged = tuple(
        np.asarray(ready.preprocessor.transform(part.judge.features), dtype=float)
        for ready, part in zip(prepared, parts, strict=True)
    )
    return Bench(recipe, recipe.make_metric(), parts, prepared, judged, judged_rows(parts), limited_metrics(recipe))


def score_fits(bench: Bench, fits: Sequence[Fitted], predictions: list[np.ndarray]) -> Scored:
    """What the fits of all parts of a bench come to."""
    models = [found.model for found in fits]
    value, rows = bench.score(predictions)
    extra = bench.extras(models, [found.curve for found in fits])
    extra |= epochs_of([found.epochs for found in fits])
    extra |= notes_of(fits, extra)
    extra |= bench.weight(models[0])
    seconds = sum(found.seconds for found in fits) / len(fits)
    return bench.metrics(value, models, predictions, extra, seconds), rows, extra


def epochs_of(epochs: Sequence[int | None]) -> dict[str, int]:
    """The mean epochs of the fits that have any, rounded up (``epochs``); nothing without such fits."""
    known = [count for count in epochs if count is not None]
    return {"epochs": math.ceil(sum(known) / len(known))} if known else {}


def notes_of(fits: Sequence[Fitted], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The remarks of all fits beside those that there are, each once (``notes``); nothing without any."""
    notes = sorted({note for found in fits for note in found.notes} | set(extra.get("notes", ())))
    return {"notes": notes} if notes else {}
