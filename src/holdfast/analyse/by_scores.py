"""Over- or underfitting by two scores: on rows that were learned from and on rows that were not, and their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from holdfast.analyse.remedies import Kind

LARGEST_SHARE = 0.1
"""A gap of more than this part of what the model learned is overfitting; below it, of what is possible, underfitting.

The limit is the one that regression modelling asks for: a shrinkage factor of 0.9 or more (van Houwelingen and
le Cessie 1990; Riley et al. 2019, criterion 1).
"""

SURE = 2.0 * math.sqrt(2.0)
"""Two standard errors of a difference of two scores, in standard errors of one score."""

Verdict = tuple[Kind, str]
"""A verdict and what is seen."""


@dataclass(frozen=True)
class Scores:
    """Two scores and what their gap is compared with.

    Args:
        train: the metric on rows that the model learned from.
        validation: the metric on rows that it did not.
        sign: 1 where more is better, -1 where less is.
        noise: the standard error of the validation score; None where it is not known.
        reference: the score of a model that learned nothing; None where it is not known.
        best: the best validation score of the study; None where it is not known.
    """

    train: float
    validation: float
    sign: float
    noise: float | None = None
    reference: float | None = None
    best: float | None = None

    @property
    def sure(self) -> float:
        """What a difference of two scores has to exceed, to be more than noise."""
        return SURE * (self.noise or 0.0)

    @property
    def gap(self) -> float:
        """By how much the training score is better."""
        return self.sign * (self.train - self.validation)

    @property
    def way(self) -> float:
        """How far it is from the reference to perfection; 0 where nobody knows what perfect is."""
        if self.reference is None:
            return 0.0
        scores = (self.train, self.validation, self.reference)
        if self.sign > 0:
            return 1.0 - self.reference if max(scores) <= 1.0 else 0.0
        return self.reference if min(scores) >= 0.0 else 0.0

    @property
    def learned(self) -> float | None:
        """The part of that way that the model has gone on the rows it learned from; None where nobody knows."""
        if self.reference is None or self.way <= 0.0:
            return None
        return self.sign * (self.train - self.reference) / self.way

    @property
    def perfect(self) -> bool:
        """Whether a model that learned nothing has a perfect score, as the recall of one that says yes to all."""
        if self.reference is None:
            return False
        scores = (self.train, self.validation, self.reference)
        return max(scores) == self.reference == 1.0 if self.sign > 0 else min(scores) == self.reference == 0.0


def by_scores(by: Scores) -> Verdict:
    """What the two scores decide: first whether the training score is any good, then how far they lie apart.

    A reference that is perfect decides nothing.
    """
    if by.perfect:
        kind, seen = by_scores(replace(by, reference=None))
        return kind, f"{seen} The metric says little here: {by.reference:.4g} takes no learning."
    return _too_poor(by) or _apart(by)


def _too_poor(by: Scores) -> Verdict | None:
    """The training score is no good."""
    scores = f"the training score is {by.train:.4g} and the validation score {by.validation:.4g}"
    if by.reference is not None:
        learned = by.sign * (by.train - by.reference)
        if learned <= LARGEST_SHARE * by.way:
            return "underfitting", (
                f"Even on the rows it learned from, the model is hardly better than one that learned nothing: {scores}"
                f", where {by.reference:.4g} takes no learning."
            )
        if learned <= by.sure:
            return "too noisy to tell", (
                f"The rows are too few to tell the model from one that learned nothing: {scores}, where "
                f"{by.reference:.4g} takes no learning. More validation rows, or folds, would tell."
            )
    if by.best is not None:
        behind = by.sign * (by.best - by.train)
        if behind > (by.sure or LARGEST_SHARE * max(abs(by.best), abs(by.train))):
            return "underfitting", (
                f"The model does worse on the rows it learned from than another one does on new rows: {scores}, while "
                f"the best trial reached {by.best:.4g}."
            )
    return None


def _apart(by: Scores) -> Verdict:
    """How far the two scores lie apart."""
    gap = by.gap
    known = by.reference is not None
    learned = max(abs(by.train), abs(by.validation)) if not known else by.sign * (by.train - (by.reference or 0.0))
    seen = f"The training score {by.train:.4g} and the validation score {by.validation:.4g}"
    if abs(gap) <= LARGEST_SHARE * learned:
        return "balanced", _close(seen, gap, learned, by)
    if abs(gap) <= by.sure:
        return "too noisy to tell", (
            f"{seen} differ by {abs(gap):.3g}, within what chance may do where a score has a standard error of "
            f"{by.noise:.3g}: more validation rows, or folds, would tell."
        )
    if gap < 0:
        return "balanced", (
            f"{seen} differ by {-gap:.3g} the unusual way round: new rows are easier for the model than its own. "
            "Check that the validation rows are like the training rows and that none are in both."
        )
    doubt = "" if by.noise is not None else "; how precise the validation score is, is not known"
    share = f"{gap / learned:.0%} of " + ("what the model learned" if known else "the score")
    return "overfitting", f"{seen} differ by {gap:.3g}, {share}{doubt}: that part holds for the training rows only."


def _close(seen: str, gap: float, learned: float, by: Scores) -> str:
    """The sentence for two scores that lie close together."""
    if not gap:
        return f"{seen} are equal: no sign of over- or underfitting. Better features or more data may help."
    size = f"{abs(gap):.3g}, {abs(gap) / learned:.1%} of " + (
        "the score" if by.reference is None else "what was learned"
    )
    cause = " and within noise" if abs(gap) <= by.sure else ""
    return f"{seen} differ by {size}{cause}: no sign of over- or underfitting. Better features or more data may help."
