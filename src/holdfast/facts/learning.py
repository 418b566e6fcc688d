"""How the trials of a study learned: their scores on training rows, their curves, and a verdict on each."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.analyse.curves import Context, Diagnosis, diagnose
from holdfast.analyse.overall import StudyDiagnosis, diagnose_study
from holdfast.analyse.points import read
from holdfast.analyse.rates import Peers, Run
from holdfast.errors import RequestError
from holdfast.facts.log import latest, metric_of, three_scores, winner_of
from holdfast.facts.numbers import count
from holdfast.records import Cause, Config, Direction, Trial, TrialState
from holdfast.study.failures import error_line
from holdfast.study.ranking import ranking
from holdfast.study.state import StudyState
from holdfast.train.curves import evenly
from holdfast.train.registry import all_families
from holdfast.train.schedules import learning_rate_at
from holdfast.train.settings import Settings

DIRECTIONS: dict[str, Direction] = {"minimize": "minimize", "maximize": "maximize"}

TWO_SIDED = 3.919927969080108
"""The width of a 95% interval in standard errors."""

MOST_JUDGED = 1000
"""The verdict on a study is by so many trials at most, evenly spaced in the order of their scores."""

MOST_PEERS = 2000
"""A trial is compared with so many others at most: the latest of them."""


def winners_diagnosis(state: StudyState) -> Diagnosis | None:
    """The verdict on the winner; None where there is neither a curve nor a training score."""
    winner = winner_of(state)
    if winner is None or not is_told(winner):
        return None
    return Learning(state).of(winner)


def is_told(trial: Trial) -> bool:
    """Whether there is a curve, a training score or a divergence to say something of."""
    return train_score(trial) is not None or kept_curve(trial) is not None or _diverged(trial) is not None


class Learning:
    """How the trials of a study learned, as far as its log says at this moment.

    Args:
        state: the study's.
    """

    def __init__(self, state: StudyState) -> None:
        self._state = state
        self._metric = metric_of(state)
        best = winner_of(state)
        self._best = None if best is None else best.metrics.get(state.first_metric)
        self._noise = _noise(state)
        plan, split = latest(state, "plan.resolved"), latest(state, "data.split")
        self._family: str = "" if plan is None else plan["plan"].get("model", {}).get("family", "")
        self._chance = _chance(None if split is None else split["schema"])
        self._found: dict[int, Diagnosis] = {}

    def of(self, trial: Trial) -> Diagnosis:
        """The verdict on a trial."""
        if trial.number not in self._found:
            self._found[trial.number] = self._diagnose(trial)
        return self._found[trial.number]

    def study(self) -> StudyDiagnosis | None:
        """The verdict on the study; None where nothing is known of any trial."""
        ranked = [] if len(self._state.settings.directions) > 1 else ranking(self._state)
        front = {trial.number for trial in ranked}
        trials = [*ranked, *(trial for trial in self._state.trials if trial.number not in front)]
        known = [trial for trial in trials if is_told(trial)]
        told = [trial for trial in known if not _is_cut(trial)]
        seen = [told[place] for place in evenly(len(told), MOST_JUDGED)]
        judged = [(trial.config, self.of(trial)) for trial in seen]
        silent = sum(not is_told(trial) and _is_full(trial) for trial in trials)
        silent = round(silent * len(seen) / max(len(told), 1))
        found = diagnose_study(judged, sum(trial.number in front for trial in seen), self._space, silent)
        if found is None:
            return None
        parts = [found.sentence]
        if len(seen) < len(told):
            parts.insert(0, f"Every so many-th of {len(told):,} trials was looked at, in the order of their scores.")
        if cut := len(known) - len(told):
            were, their = ("was", "its") if cut == 1 else ("were", "their")
            parts.append(f"{count(cut, 'trial')} that the search ended before {their} time {were} not judged.")
        return dataclasses.replace(found, sentence=" ".join(parts))

    @property
    def _space(self) -> Any:
        return self._state.settings.space or self._state.history.space

    def _diagnose(self, trial: Trial) -> Diagnosis:
        state, curve = self._state, kept_curve(trial)
        context = Context(
            metric=state.first_metric,
            config=trial.config,
            space=self._space,
            curve_direction="minimize" if curve is None else self._direction(curve),
            time=self._time(trial.config),
            chance=self._chance if curve is not None and curve["metric"] == "loss" else None,
            peers=self._peers,
            cut=_is_cut(trial),
            diverged=_diverged(trial),
        )
        value, direction = (
            trial.metrics.get(state.first_metric, math.nan),
            state.settings.directions[state.first_metric],
        )
        by = {"noise": self._noise, "reference": _number(trial, "reference"), "best": self._best}
        return diagnose(train_score(trial), value, direction, curve, context=context, **by)

    @functools.cached_property
    def _peers(self) -> Peers | None:
        runs = []
        for trial in self._state.trials[-MOST_PEERS:]:
            curve, gone = kept_curve(trial), _diverged(trial) is not None
            points = None if curve is None or gone else read(curve, self._direction(curve))
            if points is not None or gone:
                runs.append(Run.of(points, trial.config, diverged=gone))
        return Peers.of(runs)

    def _direction(self, curve: Mapping[str, Any]) -> Direction:
        """Which way a curve is better: as it says itself, as the metric of its name, or lower as a loss."""
        own: Direction = self._state.settings.directions.get(curve["metric"], "minimize")
        return DIRECTIONS.get(str(curve.get("direction")), own)

    def _time(self, config: Config) -> Callable[[np.ndarray], np.ndarray] | None:
        """What weighs epochs by their learning rates, for a network that holdfast trained."""
        try:
            settings = _settings(self._family, config)
        except RequestError:  # by a version that knew other hyperparameters
            return None
        if settings is None or settings.schedule == "constant":
            return None
        return functools.partial(_learning_done, settings)


def _settings(family: str, config: Config) -> Settings | None:
    """The hyperparameters of training of a network of a family, or of a factory; None for other models."""
    if ":" in family:
        return Settings.of(config, set(config) - set(Settings.__dataclass_fields__), family)
    found = all_families().get(family)
    return None if found is None or found.network is None else found.network.settings(config)


def _learning_done(settings: Settings, epochs: np.ndarray) -> np.ndarray:
    """The sum of the learning rates up to some epochs, shape (n,), in parts of the highest one."""
    fine = 20
    ends = np.arange(fine * max(settings.epochs, math.ceil(epochs[-1])) + 1) / fine
    middles = np.minimum((ends[1:] + ends[:-1]) / 2.0 / settings.epochs, 1.0)
    rates = learning_rate_at(settings.schedule, 1.0, middles, settings.warmup, settings.bends)
    return np.asarray(np.interp(epochs, ends, np.concatenate([[0.0], np.cumsum(rates) / fine])))


def _chance(schema: Mapping[str, Any] | None) -> float | None:
    """The loss of a model that learned nothing, with as many rows of each class: log classes, or a variance of 1."""
    if schema is None or schema.get("task") not in {"binary", "multiclass", "regression"}:
        return None
    if schema["task"] == "regression":
        return 1.0
    classes = schema.get("classes")
    return math.log(len(classes)) if classes and len(classes) > 1 else None


def _is_cut(trial: Trial) -> bool:
    """Whether the search ended the training of a trial; one that was dropped between folds was trained in full."""
    return trial.state in {TrialState.STOPPED, TrialState.PAUSED} and "fits" not in trial.extra


def _is_full(trial: Trial) -> bool:
    """Whether a trial was trained in full and has a score."""
    return trial.state is TrialState.COMPLETE or (trial.state is TrialState.STOPPED and not _is_cut(trial))


def _diverged(trial: Trial) -> str | None:
    """What a trial said when it ended in no number; None for all others."""
    return error_line(trial.error) or "" if trial.cause is Cause.DIVERGED else None


def _noise(state: StudyState) -> float | None:
    """The standard error of a validation score, from the width of the estimate's interval."""
    estimate = three_scores(state).estimate
    if estimate is None or estimate.low is None or estimate.high is None or estimate.level != 0.95:
        return None
    return (estimate.high - estimate.low) / TWO_SIDED


def train_score(trial: Trial) -> float | None:
    """The metric on (a sample of) the rows that a trial learned from; None where the log has none."""
    return _number(trial, "train")


def _number(trial: Trial, name: str) -> float | None:
    """A finite number that is kept beside a trial; None where there is none."""
    value = trial.extra.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)


def kept_curve(trial: Trial) -> Mapping[str, Any] | None:
    """The learning curve that a trial kept; None if what it kept under that name is something of the user's own."""
    return as_curve(trial.extra.get("curve"))


def opened_curve(state: StudyState) -> Mapping[str, Any] | None:
    """The losses of the model that ships on training and ``test`` rows, from the latest opening; None without any."""
    opened = latest(state, "test.opened")
    curve = None if opened is None else opened.get("curve")
    return None if curve is None or as_curve({**curve, "validation": curve["test"]}) is None else curve


def as_curve(curve: object) -> Mapping[str, Any] | None:
    """A learning curve as a log may hold one; None for anything else."""
    if not isinstance(curve, Mapping) or not {"metric", "step", "steps", "train", "validation"} <= curve.keys():
        return None
    columns = [curve["steps"], curve["train"], curve["validation"]]
    if not all(isinstance(column, Sequence) and len(column) == len(columns[0]) for column in columns):
        return None
    values = [each for column in columns for each in column if each is not None]
    if None in curve["steps"] or not all(isinstance(each, int | float) for each in values):
        return None
    return {**curve, "metric": str(curve["metric"]), "step": str(curve["step"])}
