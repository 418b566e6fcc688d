"""Over- or underfitting, in words: a plain verdict from two scores, their noise, and the curve of the losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from holdfast.analyse.trends import FEWEST_POINTS, SMALLEST_RISE, Ending, ending, smoothed, turn
from holdfast.records import Direction

Kind = Literal["overfitting", "underfitting", "balanced", "still improving", "unknown"]

LARGEST_SHARE = 0.1
"""A gap of more than this part of what the model learned is overfitting; below it, of what is possible, underfitting.

The limit is the one that regression modelling asks for: a shrinkage factor of 0.9 or more (van Houwelingen and
le Cessie 1990; Riley et al. 2019, criterion 1).
"""

SURE = 2.0 * math.sqrt(2.0)
"""Two standard errors of a difference of two scores, in standard errors of one score."""


@dataclass(frozen=True)
class Diagnosis:
    """What two scores and a curve say.

    Args:
        kind: the verdict.
        sentence: what is seen, what it means, and what to try.
        gap: by how much the training score is better than the validation score, in the metric's units; negative where
            it is worse, None where it is not known.
    """

    kind: Kind
    sentence: str
    gap: float | None


def diagnose(
    train: float | None,
    validation: float,
    direction: Direction,
    curve: Mapping[str, Any] | None = None,
    noise: float | None = None,
    reference: float | None = None,
    best: float | None = None,
) -> Diagnosis:
    """A verdict on how a model was trained. The first rule that applies decides:

    1. *Overfitting by the curve*: the validation loss ends above its minimum while the training loss went on falling
       (`holdfast.analyse.trends.ending`, after Prechelt 1998), and the weights that predict are from after the turn.
       If both losses rise, training is unstable, and the verdict is "unknown".
    2. *Still improving*: the validation loss still falls at the end of its curve, and the training loss does not rise.
    3. *Underfitting*: on the very rows it learned from, the model is not better than ``reference``, or goes less than a
       tenth of the way from there to perfection (1 for a score, 0 for a loss, where that can be); or it is worse there
       than ``best`` beyond noise. If it is better than ``reference`` by no more than noise, the verdict is "unknown".
    4. *Overfitting by the gap*: the gap is more than a tenth of what the model learned (training score less reference;
       without one, a tenth of the larger score), and more than 2 sqrt(2) times the noise. A gap of that size that
       noise could explain is "unknown".
    5. *Balanced* otherwise. Without a training score or a curve the verdict is "unknown".

    Args:
        train: the metric on rows that the model learned from.
        validation: the metric on rows that it did not.
        direction: which way the metric is better.
        curve: ``step`` (a name), ``steps``, ``train`` and ``validation`` (losses, None where there are none), and
            perhaps ``kept``, the step whose weights predict.
        noise: the standard error of the validation score; None for not known, and then only the sizes decide.
        reference: the score of a model that learned nothing.
        best: the best validation score of the study.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    known = train is not None and math.isfinite(train) and math.isfinite(validation)
    gap = sign * (train - validation) if train is not None and known else None
    seen = None if curve is None else _read(curve)
    found = None if seen is None else _by_curve(seen)
    if found is None and train is not None and known:
        found = _by_scores(train, validation, sign, _Yardstick(*map(_finite, (noise, reference, best))))
        if seen is not None and seen.rising:
            found = (found[0], f"{found[1]} {_stopped_in_time(seen)}")
    if found is None and seen is not None:
        found = _by_losses(seen)
    kind, sentence = found or ("unknown", "There is no training score and no curve to compare the validation with.")
    return Diagnosis(kind, sentence, gap)


Verdict = tuple[Kind, str]


def _finite(value: float | None) -> float | None:
    """The value, or None where it is no finite number."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class _Curve:
    """The losses of a run where both are known, and how each of them ends."""

    step: str
    steps: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    train_ends: Ending
    validation_ends: Ending
    kept: float | None

    @property
    def rising(self) -> bool:
        """Whether the validation loss ends above its minimum."""
        return self.validation_ends == "rising"

    @property
    def turned(self) -> int:
        """The step after which the validation loss rose."""
        return int(self.steps[turn(self.steps, self.validation)])


def _read(curve: Mapping[str, Any]) -> _Curve | None:
    """The points with both losses; None with too few of them, or where the steps do not go up."""
    table = np.array([curve["steps"], curve["train"], curve["validation"]], dtype=float)
    steps, train, validation = table[:, np.isfinite(table).all(axis=0)]
    if len(steps) < FEWEST_POINTS or (np.diff(steps) <= 0).any():
        return None
    ends = ending(steps, train), ending(steps, validation)
    kept = curve.get("kept")
    number = _finite(kept) if isinstance(kept, int | float) else None
    return _Curve(str(curve["step"]), steps, train, validation, *ends, number)


def _by_curve(seen: _Curve) -> Verdict | None:
    """What the curve alone decides: rules 1 and 2."""
    if seen.rising and _learned_past_the_turn(seen):
        since = f"since {seen.step} {seen.turned}"
        if seen.train_ends == "rising":
            return "unknown", (
                f"Both losses rise {since}: training is unstable, and says little of over- or underfitting. "
                "Try a lower learning rate, or larger batches."
            )
        low, last = _span(seen)
        return "overfitting", (
            f"The validation loss rose from {low} to {last} {since} while the training loss went on falling: "
            "what the model learned after that holds for its training rows only. Try to stop earlier, more "
            "regularisation, a smaller model, or more data."
        )
    if seen.validation_ends == "falling" and seen.train_ends != "rising":
        both = "Both losses are" if seen.train_ends == "falling" else "The validation loss is"
        return "still improving", (
            f"{both} still falling at the last {seen.step}, {seen.steps[-1]:g}: the model had not learned all it "
            "could. Try to train longer, or a higher learning rate."
        )
    return None


def _learned_past_the_turn(seen: _Curve) -> bool:
    """Whether the weights that predict are from where the validation loss had risen."""
    if seen.kept is None:
        return True
    course = smoothed(seen.validation)
    at_kept = float(np.interp(seen.kept, seen.steps, course))
    return at_kept > (1.0 + SMALLEST_RISE) * float(course.min()) and seen.kept > seen.turned


def _span(seen: _Curve) -> tuple[str, str]:
    """The lowest and the last validation loss, smoothed as they were compared."""
    course = smoothed(seen.validation)
    return f"{course.min():.3g}", f"{course[-1]:.3g}"


def _stopped_in_time(seen: _Curve) -> str:
    return (
        f"The validation loss rose towards the end, but the weights kept are those of {seen.step} {seen.kept:.0f}, "
        "from before that."
    )


@dataclass(frozen=True)
class _Yardstick:
    """What a gap is compared with."""

    noise: float | None
    reference: float | None
    best: float | None

    @property
    def sure(self) -> float:
        """What a difference of two scores has to exceed, to be more than noise."""
        return SURE * (self.noise or 0.0)


def _by_scores(train: float, validation: float, sign: float, by: _Yardstick) -> Verdict:
    """What the two scores decide: rules 3 to 5."""
    return _too_poor(train, validation, sign, by) or _apart(train, validation, sign, by)


def _too_poor(train: float, validation: float, sign: float, by: _Yardstick) -> Verdict | None:
    """Rule 3: the training score is no good."""
    remedy = "Try a larger model, less regularisation, longer training, or better features."
    scores = f"the training score is {train:.4g} and the validation score {validation:.4g}"
    if by.reference is not None:
        learned = sign * (train - by.reference)
        if learned <= LARGEST_SHARE * _way(train, validation, sign, by.reference):
            return "underfitting", (
                f"Even on the rows it learned from, the model is hardly better than one that learned nothing: {scores}"
                f", where {by.reference:.4g} takes no learning. {remedy}"
            )
        if learned <= by.sure:
            return "unknown", (
                f"The rows are too few to tell the model from one that learned nothing: {scores}, where "
                f"{by.reference:.4g} takes no learning. More validation rows, or folds, would tell."
            )
    if by.best is not None:
        behind = sign * (by.best - train)
        if behind > (by.sure or LARGEST_SHARE * max(abs(by.best), abs(train))):
            return "underfitting", (
                f"The model does worse on the rows it learned from than another one does on new rows: {scores}, while "
                f"the best trial reached {by.best:.4g}. {remedy}"
            )
    return None


def _way(train: float, validation: float, sign: float, reference: float) -> float:
    """How far it is from the reference to perfection; 0 where nobody knows what perfect is."""
    scores = (train, validation, reference)
    if sign > 0:
        return 1.0 - reference if max(scores) <= 1.0 else 0.0
    return reference if min(scores) >= 0.0 else 0.0


def _apart(train: float, validation: float, sign: float, by: _Yardstick) -> Verdict:
    """Rules 4 and 5: how far the two scores lie apart."""
    gap = sign * (train - validation)
    learned = max(abs(train), abs(validation)) if by.reference is None else sign * (train - by.reference)
    seen = f"The training score {train:.4g} and the validation score {validation:.4g}"
    if abs(gap) <= LARGEST_SHARE * learned:
        return "balanced", _close(seen, gap, learned, by)
    if abs(gap) <= by.sure:
        return "unknown", (
            f"{seen} differ by {abs(gap):.3g}, within what chance may do where a score has a standard error of "
            f"{by.noise:.3g}: more validation rows, or folds, would tell."
        )
    if gap < 0:
        return "balanced", (
            f"{seen} differ by {-gap:.3g} the unusual way round: new rows are easier for the model than its own. "
            "Check that the validation rows are like the training rows and that none are in both."
        )
    doubt = "" if by.noise is not None else "; how precise the validation score is, is not known"
    share = f"{gap / learned:.0%} of " + ("the score" if by.reference is None else "what the model learned")
    return "overfitting", (
        f"{seen} differ by {gap:.3g}, {share}{doubt}: that part holds for the training rows only. Try more "
        "regularisation, a smaller model, or more data."
    )


def _close(seen: str, gap: float, learned: float, by: _Yardstick) -> str:
    """The sentence for two scores that lie close together."""
    if not gap:
        return f"{seen} are equal: no sign of over- or underfitting. Better features or more data may help."
    size = f"{abs(gap):.3g}, {abs(gap) / learned:.1%} of " + (
        "the score" if by.reference is None else "what was learned"
    )
    cause = " and within noise" if abs(gap) <= by.sure else ""
    return f"{seen} differ by {size}{cause}: no sign of over- or underfitting. Better features or more data may help."


def _by_losses(seen: _Curve) -> Verdict:
    """What the ends of the two losses say where there is no training score."""
    train, validation = float(smoothed(seen.train)[-1]), float(smoothed(seen.validation)[-1])
    learned = max(float(seen.validation[0]) - train, 0.0)
    both = f"The training loss ends at {train:.3g} and the validation loss at {validation:.3g}"
    if validation - train > max(LARGEST_SHARE * learned, SMALLEST_RISE * abs(validation)):
        return "overfitting", (
            f"{both}: a part of what was learned holds for the training rows only. Try more regularisation, "
            "a smaller model, or more data."
        )
    return "balanced", f"{both}, close together: no sign of overfitting."
