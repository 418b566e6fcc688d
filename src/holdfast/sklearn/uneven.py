"""Rows that count unevenly in scikit-learn's mean over folds: by their weights, their folds, how often they are scored.

An estimate is made of evened row scores, whose plain mean is the same; what these hide is put back here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.evaluate.estimate import Estimate
from holdfast.evaluate.found import REFIT_VARIANCE
from holdfast.evaluate.ranges import with_width
from holdfast.evaluate.unseen import widened
from holdfast.evaluate.wording import ESTIMANDS, UNSEEN
from holdfast.records import RowScores, Score
from holdfast.sklearn.scored import Scored
from holdfast.stats.bootstrap import group_codes
from holdfast.stats.rmx import Settings, is_binary
from holdfast.stats.uneven_rows import Weighed, uneven_bounds

NEARLY_EVEN = 0.05
"""Folds whose rows count this nearly alike are taken as even where scores are 0 or 1, so that they stay so."""

WORTH = 0.8
"""Rows that are worth less than this part of their number are said to be."""

TIE = 1e-9
"""Scores that are nearer to one another than this are equal."""

HEAVY = "widened for the rows that count most"
HEAVY_ALONE = "Clopper-Pearson interval of as many rows as they are worth"


def worth(counts: np.ndarray) -> float:
    """As how many rows that count alike they are: (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965)."""
    return float(counts.sum() ** 2 / (counts**2).sum())


@dataclass(frozen=True)
class Uneven:
    """What each row adds to the mean over folds, in every configuration.

    Args:
        scored: how rows are scored.
        rows: what each adds, shape (N,) each, oriented so that higher is better; NaN where a fold is missing.
        counts: shape (N,), over 0, how much each counts.
        winner: the place of the one selected, which has all.
    """

    scored: Scored
    rows: Sequence[RowScores]
    counts: np.ndarray
    winner: int

    def evened(self) -> list[RowScores]:
        """Row scores whose scatter is that of the rows, where rows count unevenly, at the same mean.

        A row that counts t times, with the score s, stands as ``s + (1 - t) c`` with c the winner's mean, so that rows
        which count for more do not seem to score more: the linear form of a weighted mean. Scores of 0 and 1 stay what
        they are where rows count nearly alike and the winner is the best by them, too.
        """
        if np.allclose(self.counts, 1, rtol=1e-9):
            return list(self.rows)
        rows = [RowScores(item.values / self.counts.mean(), item.rows) for item in self.rows]
        counts = self.counts / self.counts.mean()
        if self.scored.design.repeats == 1 and np.abs(counts - 1).max() <= NEARLY_EVEN:
            plain = [item.values / counts for item in rows]
            known = [values[np.isfinite(values)] for values in plain]
            binary = all(bool(np.isclose(values, np.rint(values), atol=1e-9).all()) for values in known)
            within = all(bool(((values > -0.5) & (values < 1.5)).all()) for values in known)
            means = [float(np.rint(values).mean()) for values in plain if np.isfinite(values).all()]
            if binary and within and means[self.winner] >= max(means) - 1e-12:
                return [RowScores(np.rint(values), item.rows) for values, item in zip(plain, rows, strict=True)]
        centre = float(rows[self.winner].values.mean())
        return [RowScores(item.values + (1 - counts) * centre, item.rows) for item in rows]

    def with_unseen(self, made: Estimate) -> Score:
        """The estimate's score, of a log loss or Brier score as `unseen.widened` where rows count (nearly) alike.

        Not by `estimate` itself, as the row scores that it gets are evened, which hides how small they are.
        """
        score, metric, even = made.score, self.scored.metrics()[0], self.counts / self.counts.mean()
        losses = np.stack([-item.values / self.counts for item in self.rows], axis=1)
        alike = made.effective_configurations
        if score.low is None or score.high is None or alike is None or np.abs(even - 1).max() > NEARLY_EVEN:
            return score
        if not np.isfinite(losses).all() or is_binary(losses):
            return score
        settings = Settings(REFIT_VARIANCE["binary"] if _is_refitted(score) else 0.0, score.level)
        wide = widened((-score.high, -score.low), metric, losses, self.winner, settings, alike)
        if wide is None:
            return score
        return dataclasses.replace(score, low=-wide[1], high=-wide[0], method=f"{score.method}; {UNSEEN}")

    def with_heavy(self, made: Estimate, score: Score, groups: np.ndarray | None) -> Score:
        """A score with the outer ones of its own bounds and of `uneven_bounds`, where weights make rows worth less.

        Args:
            made: the estimate from evened rows.
            score: what it has become since.
            groups: shape (N,), of rows, or None.
        """
        if self.scored.weights is None or worth(self.counts) >= WORTH * len(self.counts):
            return score
        weighed = self._weighed(groups)
        zero_one = is_binary(weighed.scores)
        means = self.counts @ weighed.scores / self.counts.sum()
        lower, upper = Settings(level=score.level).tails()
        alike = float(len(self.rows)) if made.effective_configurations is None else made.effective_configurations
        lower = upper if len(self.rows) == 1 else lower / alike
        if means[weighed.winner] < means.max() - TIE:  # it was not the best that was taken, so it may have been any
            upper = lower
        omega2 = REFIT_VARIANCE["binary" if zero_one else "other"] if _is_refitted(score) else 0.0
        low, high = uneven_bounds(weighed, (lower, upper), alike, omega2)
        if score.low is None or score.high is None:
            return with_width(dataclasses.replace(score, low=low, high=high, method=HEAVY_ALONE)) if zero_one else score
        if score.low <= low and high <= score.high:
            return score
        low, high = min(low, score.low), max(high, score.high)
        return dataclasses.replace(score, low=low, high=high, method=f"{score.method}; {HEAVY}")

    def _weighed(self, groups: np.ndarray | None) -> Weighed:
        """The scores of rows themselves, of all that have a score of each row."""
        whole = [bool(np.isfinite(item.values).all()) for item in self.rows]
        kept = [item.values / self.counts for item, has_all in zip(self.rows, whole, strict=True) if has_all]
        plain = np.stack(kept, axis=1)
        rounded = np.rint(plain)
        if is_binary(rounded) and np.allclose(plain, rounded, rtol=0, atol=TIE):
            plain = rounded
        codes = np.arange(len(plain)) if groups is None else group_codes(groups, len(plain))
        return Weighed(plain, self.counts, sum(whole[: self.winner]), codes)


def _is_refitted(score: Score) -> bool:
    return score.estimand == ESTIMANDS["refit"]
