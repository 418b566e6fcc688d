"""How a trial learned, in words: a plain verdict from its scores, their noise, its curve, and the other trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from holdfast.analyse.by_scores import LARGEST_SHARE, Scores, by_scores
from holdfast.analyse.points import Points, broke_off, read
from holdfast.analyse.rates import Peers, Run, rate_verdict
from holdfast.analyse.remedies import Kind, Push, advice, pushes
from holdfast.analyse.trends import SMALLEST_FALL, SMALLEST_RISE, jitter, last_fall, smoothed
from holdfast.records import Config, Direction, loss_sign
from holdfast.space import Space

EXPLODED = 3.0
"""A training loss that ends at more than so many times that of learning nothing, and rises, has diverged."""

NOISY = 0.03
"""A jitter of less than this part of a curve's last value hides nothing that a verdict needs."""

MOST_LEARNED = 0.8
"""From this part of the way to perfection on, a score says that most was learned."""


@dataclass(frozen=True)
class Diagnosis:
    """What the scores and the curve of a trial say.

    Args:
        kind: the verdict.
        sentence: what is seen, what it means, and what to try.
        gap: by how much the training score is better than the validation score, in the metric's units; negative where
            it is worse, None where it is not known.
        since: the step from which on it is so; None where it is so throughout, or nobody knows.
        step: what a step is called; empty without a curve.
        pushes: the hyperparameters that push against it, most promising first.
    """

    kind: Kind
    sentence: str
    gap: float | None
    since: float | None = None
    step: str = ""
    pushes: tuple[Push, ...] = ()

    @property
    def short(self) -> str:
        """The verdict in a few words, for a table."""
        since = (
            "" if self.since is None else f" {'in' if self.kind == 'diverged' else 'from'} {self.step} {self.since:g}"
        )
        return f"{self.kind}{since}"


@dataclass(frozen=True, eq=False)
class Context:
    """What is known beside the scores and the curve of a trial.

    Args:
        metric: the name of what is scored.
        config: the trial's configuration.
        space: what is searched.
        curve_direction: which way the curve's metric is better.
        time: maps the steps of a curve, shape (n,), to the learning done by then, the sum of the learning rates, shape
            (n,); None for a constant learning rate.
        chance: the loss of a model that learned nothing, for curves of a loss; None where it is not known.
        peers: what the trials of the study reached.
        cut: whether the search ended the trial before its time.
        diverged: what the trial said when it ended in no number; None where it did not.
    """

    metric: str = "score"
    config: Config = field(default_factory=dict)
    space: Space | None = None
    curve_direction: Direction = "minimize"
    time: Callable[[np.ndarray], np.ndarray] | None = None
    chance: float | None = None
    peers: Peers | None = None
    cut: bool = False
    diverged: str | None = None


def diagnose(
    train: float | None,
    validation: float,
    direction: Direction,
    curve: Mapping[str, Any] | None = None,
    noise: float | None = None,
    reference: float | None = None,
    best: float | None = None,
    context: Context | None = None,
) -> Diagnosis:
    """A verdict on how a model was trained. The first rule that applies decides:

    1. *Diverged*: the trial ended in no number, or its training loss did, or ends at more than three times that of a
       model that learned nothing, and rising.
    2. *Learning rate too high*: both losses jump at the same steps by as much as was learned, or rise together to the
       end; or training came to rest where trials with lower learning rates went on (`holdfast.analyse.rates`).
    3. *Overfitting by the curve*: the validation loss ends above its minimum while the training loss went on falling
       (`holdfast.analyse.trends.ending`, after Prechelt 1998), and the weights that predict are from after the turn.
    4. *Learning rate too low*: the training loss falls nearly along a line and does not get far, or stays where trials
       with higher learning rates went on.
    5. *Still improving*: the validation loss still falls at the end of its curve, and the training loss does not rise.
    6. *Underfitting*: on the very rows it learned from, the model is not better than ``reference``, or goes less than a
       tenth of the way from there to perfection (1 for a score, 0 for a loss, where that can be); or it is worse there
       than ``best`` beyond noise. If it is better than ``reference`` by no more than noise, it is too noisy to tell.
    7. *Overfitting by the gap*: the gap is more than a tenth of what the model learned (training score less reference;
       without one, a tenth of the larger score), and more than 2 sqrt(2) times the noise. A gap of that size that
       noise could explain is too noisy to tell.
    8. *Balanced* otherwise. Without a training score or a curve the verdict is "unknown", and so it is for a trial that
       the search ended before its time where rule 5 or 6 would apply: it had no time to learn.

    Where the curve and the scores disagree, the curve decides, and the sentence says that they do and why they may.

    Args:
        train: the metric on rows that the model learned from.
        validation: the metric on rows that it did not.
        direction: which way the metric is better.
        curve: ``step`` (a name), ``steps``, ``train`` and ``validation`` (losses, None where there are none), and
            perhaps ``kept``, the step whose weights predict.
        noise: the standard error of the validation score; None for not known, and then only the sizes decide.
        reference: the score of a model that learned nothing.
        best: the best validation score of the study.
        context: what else is known of the trial, and of the others.
    """
    known = train is not None and math.isfinite(train) and math.isfinite(validation)
    context = context or Context()
    sign = -loss_sign(direction)
    gap = sign * (train - validation) if train is not None and known else None
    points = None if curve is None else read(curve, context.curve_direction)
    found = _diverged(curve, points, context) or (None if points is None else _by_curve(points, context))
    if train is not None and known:
        scores = Scores(train, validation, sign, *map(_finite, (noise, reference, best)))
        found = _with_scores(found, scores, points, context.metric)
    if found is None:
        found = NOTHING if points is None else _by_ends(points)
    if context.cut and found.kind in UNFINISHED:
        found = CUT
    chosen = tuple(push for push in pushes(found.kind, context.config, context.space) if not _was_spared(push, points))
    sentence = " ".join(filter(None, [found.seen, advice(found.kind, chosen), found.note]))
    return Diagnosis(found.kind, sentence, gap, found.since, str((curve or {}).get("step", "")), chosen)


@dataclass(frozen=True)
class _Found:
    """A verdict: what is seen, what is to be said beside it, and since when it is so."""

    kind: Kind
    seen: str
    note: str = ""
    since: float | None = None


NOTHING = _Found("unknown", "There is no training score and no curve to compare the validation with.")


UNFINISHED: frozenset[Kind] = frozenset({"underfitting", "still improving"})
"""The verdicts that a trial gets for having been ended by the search."""

CUT = _Found("unknown", "The search ended this trial before its time, so that nobody knows what it would have learned.")

EPOCHS = frozenset({"epochs", "n_epochs", "num_epochs", "max_epochs"})
"""Hyperparameters that say how long a training is at most."""


def _was_spared(push: Push, points: Points | None) -> bool:
    """Whether more of something would change nothing, as a trial came to its end before it had used what it has."""
    if points is None or push.verb != "raise" or push.name not in EPOCHS or not isinstance(push.value, int | float):
        return False
    last, before = points.steps[-1], points.steps[-2] if len(points.steps) > 1 else 0.0
    return points.step == "epoch" and bool(push.value > last + (last - before))


def _finite(value: float | None) -> float | None:
    """The value, or None where it is no finite number."""
    return value if value is not None and math.isfinite(value) else None


def _diverged(curve: Mapping[str, Any] | None, points: Points | None, context: Context) -> _Found | None:
    """Rule 1."""
    if context.diverged is not None:
        said = context.diverged.strip().partition(";")[0].rstrip(".") or "training ended in no finite number"
        return _Found("diverged", f"{said[0].upper()}{said[1:]}.")
    if curve is not None and (gone := broke_off(curve)) is not None:
        seen = f"The training {curve['metric']} is no finite number from {curve['step']} {gone:g} on."
        return _Found("diverged", seen, since=gone)
    if points is None or points.mirror is not None or points.train_ends != "rising":
        return None
    top = context.chance or float(points.train[0])
    above = points.train > EXPLODED * top
    if top <= 0.0 or not above[-1] or points.end <= EXPLODED * top:
        return None
    since = float(points.steps[np.flatnonzero(~above)[-1] + 1]) if not above.all() else float(points.steps[0])
    return _Found(
        "diverged",
        f"The training {points.metric} exploded in {points.step} {since:g}: it ends at {points.end:.3g}, where a model "
        f"that learned nothing has {top:.3g}.",
        since=since,
    )


def _by_curve(points: Points, context: Context) -> _Found | None:
    """What the curve alone decides: rules 2 to 5."""
    time = None if context.time is None else context.time(points.steps)
    run = Run.of(points, context.config)
    rate = rate_verdict(run, time, context.chance, context.peers, cut=context.cut)
    fault = None if rate is None else _Found(rate.fault, f"{rate.seen}.")
    if fault is not None and fault.kind == "learning rate too high":
        return fault
    return _risen(points) or fault or _falling(points)


def _risen(points: Points) -> _Found | None:
    """Overfitting since the turn of the validation side; or both sides get worse, which is no matter of fit."""
    if not (points.rising and _learned_past_the_turn(points)):
        return None
    name, since = points.metric, f"since {points.step} {points.turned}"
    if points.train_ends == "rising":
        return _Found(
            "learning rate too high",
            f"Both sides got worse {since}: training is unstable, and its end says little of over- or underfitting.",
            since=float(points.turned),
        )
    course = smoothed(points.validation)
    best, last = (f"{points.original(float(value)):.3g}" for value in (course.min(), course[-1]))
    return _Found(
        "overfitting",
        f"The validation {name} {points.worse} from {best} to {last} {since} while the training {name} went on "
        f"{points.better}: what the model learned after that holds for its training rows only.",
        since=float(points.turned),
    )


def _learned_past_the_turn(points: Points) -> bool:
    """Whether the weights that predict are from where the validation side had got worse."""
    if points.kept is None:
        return True
    course = smoothed(points.validation)
    at_kept = float(np.interp(points.kept, points.steps, course))
    return at_kept > (1.0 + SMALLEST_RISE) * float(course.min()) and points.kept > points.turned


def _falling(points: Points) -> _Found | None:
    """Rule 5: by the validation side alone, or by both together where noise hides what each of them does."""
    if "rising" in {points.train_ends, points.validation_ends}:
        return None
    both = points.train_ends == "falling" or _both_fall(points)
    if points.validation_ends != "falling" and not _both_fall(points):
        return None
    which = f"Training and validation {points.metric} are" if both else f"The validation {points.metric} is"
    return _Found(
        "still improving",
        f"{which} still {points.better} at the last {points.step}, {points.steps[-1]:g}: the model had not learned all "
        "it could.",
    )


def _both_fall(points: Points) -> bool:
    """Whether both sides fell at the end by enough, and together by more than noise, or over the last half surely."""
    sides = points.train, points.validation
    falls = [last_fall(points.steps, side) for side in sides]
    enough = all(
        size > SMALLEST_FALL * abs(float(side[-1])) and size > 1.5 * error
        for (size, error), side in zip(falls, sides, strict=True)
    )
    halves = [last_fall(points.steps, side, 0.5) for side in sides]
    surely = all(size > 4.0 * error for size, error in halves)
    together = sum(size for size, _ in falls) / max(math.hypot(*(error for _, error in falls)), 1e-300)
    return enough and together > (2.0 if surely else 3.0)


def _with_scores(found: _Found | None, scores: Scores, points: Points | None, metric: str) -> _Found:
    """What the scores add to what the curve says, or decide where it says nothing: rules 6 to 8."""
    kind, seen = by_scores(scores)
    if found is None:
        note = _stopped_in_time(points) if points is not None and points.rising else ""
        if not note and points is not None and kind == "overfitting" and metric != points.metric:
            note = (
                f"The {points.metric} does not show it: on validation rows it did not get worse towards the end, so "
                f"the gap opened without harm to them. The verdict is by the {metric}."
            )
        return _Found(kind, seen, note)
    if points is None or metric == points.metric:
        return found
    return replace(found, note=_against(found.kind, kind, scores, points, metric))


def _against(by_curve: Kind, by_score: Kind, scores: Scores, points: Points, metric: str) -> str:
    """Where the score contradicts the curve: that it does, and why it may; empty where it does not."""
    name, pair = points.metric, f"{scores.train:.4g} on training and {scores.validation:.4g} on validation rows"
    if by_curve == "overfitting" and by_score == "balanced":
        why = (
            f"a {name} punishes a few confident mistakes, which the {metric} counts once each"
            if scores.sign > 0
            else "the two weigh large mistakes differently"
        )
        return (
            f"The {metric} does not show it: {pair}, since {why}. The verdict is by the {name}, which shows it first."
        )
    short = by_curve in {"learning rate too low", "learning rate too high", "still improving"}
    if short and by_score == "balanced" and (scores.learned or 0.0) >= MOST_LEARNED:
        if by_curve != "learning rate too high":
            why = f"which answer is likeliest is settled long before the {name} is low"
        elif points.kept is not None and points.kept < points.steps[-1]:
            why = f"the weights kept are those of {points.step} {points.kept:.0f}"
        else:
            why = "jumps change the sureness of answers more than the answers"
        return (
            f"The {metric} does not show it: {pair}, most of what there is to learn, since {why}. The verdict is by "
            f"the {name}."
        )
    if by_curve == "still improving" and by_score == "overfitting":
        return f"The {metric} shows a gap already: {pair}; longer training may widen it. The verdict is by the {name}."
    return ""


def _stopped_in_time(points: Points) -> str:
    if points.kept is None:
        return ""
    return (
        f"The validation {points.metric} {points.worse} towards the end, but the weights kept are those of "
        f"{points.step} {points.kept:.0f}, from before that."
    )


def _by_ends(points: Points) -> _Found:
    """What the ends of the two sides say where there is no training score."""
    train, validation = points.end, float(smoothed(points.validation)[-1])
    noise = max(jitter(points.steps, points.train), jitter(points.steps, points.validation))
    learned = max(float(points.validation[0]) - train, 0.0)
    shown = f"{points.original(train):.3g}", f"{points.original(validation):.3g}"
    both = f"The training {points.metric} ends at {shown[0]} and the validation {points.metric} at {shown[1]}"
    apart, limit = validation - train, max(LARGEST_SHARE * learned, SMALLEST_RISE * abs(validation))
    if noise > NOISY * abs(validation) and 2.0 * noise > max(learned, apart - limit) > -noise:
        return _Found(
            "too noisy to tell",
            f"{both}, and from {points.step} to {points.step} they jump by {noise:.3g}, which hides what they do. "
            "More rows to measure them on would tell.",
        )
    if apart > limit:
        return _Found("overfitting", f"{both}: a part of what was learned holds for the training rows only.")
    return _Found("balanced", f"{both}, close together: no sign of overfitting.")
