"""Rows that count unevenly in a mean: by their weights, their folds, how often they are scored.

An estimate is made of evened row scores, whose plain mean is the same; what these hide is put back here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.evaluate.found import REFIT_VARIANCE
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import with_width
from holdfast.evaluate.scale import Scale, scale_of
from holdfast.evaluate.unseen import widened
from holdfast.evaluate.wording import ESTIMANDS, UNSEEN, counted_as
from holdfast.records import Direction, RowScores, Score
from holdfast.stats.bootstrap import group_codes
from holdfast.stats.rmx import Settings, is_binary
from holdfast.stats.uneven_rows import Weighed, uneven_bounds, worth

NEARLY_EVEN = 0.05
"""Folds whose rows count this nearly alike are taken as even where scores are 0 or 1, so that they stay so."""

WORTH = 0.8
"""Rows that are worth less than this part of their number are said to be."""

TIE = 1e-9
"""Scores that are nearer to one another than this are equal."""

ROUNDING = 1e-14
"""What each row adds is off by no more than this, so that the score of one that hardly counts is less exact."""

HEAVY = "widened for the rows that count most"
HEAVY_ALONE = "Clopper-Pearson interval of as many rows as they are worth"


@dataclass(frozen=True)
class Uneven:
    """What each row adds to a mean, in every configuration.

    Args:
        rows: what each adds, its score times its count, shape (N,) each; NaN where a fold is missing.
        counts: shape (N,), over 0, how much each counts.
        winner: the place of the one selected, which has all.
        direction: which way the scores are better.
        metric: what they are scores of, where that is known.
        repeated: whether rows were scored several times, so that what is 0 or 1 on a row need not stay so.
        weighted: whether it is weights that make rows count unevenly.
    """

    rows: Sequence[RowScores]
    counts: np.ndarray
    winner: int
    direction: Direction
    metric: Metric | None = None
    repeated: bool = False
    weighted: bool = True

    def evened(self) -> list[RowScores]:
        """Row scores whose scatter is that of the rows, where rows count unevenly, at the same mean.

        A row that counts t times, with the score s, stands as ``s + (1 - t) c`` with c the winner's mean, so that rows
        which count for more do not seem to score more: the linear form of a weighted mean. Scores of 0 and 1 stay what
        they are where rows count nearly alike and the winner is the best by them, too.
        """
        if np.allclose(self.counts, 1, rtol=1e-9):
            return list(self.rows)
        rows = [dataclasses.replace(item, values=item.values / self.counts.mean()) for item in self.rows]
        counts = self.counts / self.counts.mean()
        if not self.repeated and np.abs(counts - 1).max() <= NEARLY_EVEN:
            plain = [item.values / counts for item in rows]
            known = [values[np.isfinite(values)] for values in plain]
            binary = all(bool(np.isclose(values, np.rint(values), atol=1e-9).all()) for values in known)
            within = all(bool(((values > -0.5) & (values < 1.5)).all()) for values in known)
            means = [self._sign * float(np.rint(v).mean()) for v in plain if np.isfinite(v).all()]
            if binary and within and means[self._place] >= max(means) - 1e-12:
                return [
                    dataclasses.replace(item, values=np.rint(values)) for values, item in zip(plain, rows, strict=True)
                ]
        centre = float(rows[self.winner].values.mean())
        return [dataclasses.replace(item, values=item.values + (1 - counts) * centre) for item in rows]

    def with_unseen(self, alike: float | None, score: Score) -> Score:
        """A score from evened rows, of a log loss or Brier score as `unseen.widened` where rows count (nearly) alike.

        Evened row scores hide how small they are, so that what made the score did not see it.

        Args:
            alike: as how many independent configurations all count; None where that is not known.
            score: what was found.
        """
        even = self.counts / self.counts.mean()
        losses = -self._sign * np.stack([item.values / self.counts for item in self.rows], axis=1)
        if score.low is None or score.high is None or alike is None or np.abs(even - 1).max() > NEARLY_EVEN:
            return score
        if not np.isfinite(losses).all() or is_binary(losses):
            return score
        settings = Settings(REFIT_VARIANCE["binary"] if _is_refitted(score) else 0.0, score.level)
        own = (score.low, score.high) if self.direction == "minimize" else (-score.high, -score.low)
        wide = widened(own, self.metric, losses, self.winner, settings, alike)
        if wide is None:
            return score
        low, high = wide if self.direction == "minimize" else (-wide[1], -wide[0])
        return dataclasses.replace(score, low=low, high=high, method=f"{score.method}; {UNSEEN}")

    def with_heavy(self, alike: float | None, score: Score, groups: np.ndarray | None, level: float) -> Score:
        """A score with the outer ones of its own bounds and of `uneven_bounds`, where weights make rows worth less.

        Args:
            alike: as how many independent configurations all count; None where that is not known.
            score: what was found otherwise.
            groups: shape (N,), of rows, or None.
            level: at which bounds are read.
        """
        if not self.weighted or worth(self.counts) >= WORTH * len(self.counts):
            return score
        scale, weighed = self._weighed(groups)
        zero_one = is_binary(weighed.scores)
        means = self.counts @ weighed.scores / self.counts.sum()
        lower, upper = Settings(level=level).tails()
        alike = float(len(self.rows)) if alike is None else alike
        lower = upper if len(self.rows) == 1 else lower / alike
        if means[weighed.winner] < means.max() - TIE:  # it was not the best that was taken, so it may have been any
            upper = lower
        omega2 = REFIT_VARIANCE["binary" if zero_one else "other"] if _is_refitted(score) else 0.0
        low, high = scale.bounds(*uneven_bounds(weighed, (lower, upper), alike, omega2))
        if score.low is None or score.high is None:
            return with_width(dataclasses.replace(score, low=low, high=high, method=HEAVY_ALONE)) if zero_one else score
        if score.low <= low and high <= score.high:
            return score
        low, high = min(low, score.low), max(high, score.high)
        return dataclasses.replace(score, low=low, high=high, method=f"{score.method}; {HEAVY}")

    @property
    def _sign(self) -> int:
        return 1 if self.direction == "maximize" else -1

    @property
    def _whole(self) -> list[bool]:
        """Which configurations have a score of each row."""
        return [bool(np.isfinite(item.values).all()) for item in self.rows]

    @property
    def _place(self) -> int:
        """The winner's place among those."""
        return sum(self._whole[: self.winner])

    def _weighed(self, groups: np.ndarray | None) -> tuple[Scale, Weighed]:
        """The scores of rows themselves where higher is better, of all that have a score of each row."""
        kept = [item.values / self.counts for item, has_all in zip(self.rows, self._whole, strict=True) if has_all]
        plain = np.stack(kept, axis=1)
        rounded = np.rint(plain)
        near = np.maximum(TIE, ROUNDING / self.counts)[:, None]
        if is_binary(rounded) and (np.abs(plain - rounded) <= near).all():
            plain = rounded
        root = self.rows[0].aggregate == "root_mean"
        scale = scale_of(self.direction, binary=is_binary(plain), root=root)
        codes = np.arange(len(plain)) if groups is None else group_codes(groups, len(plain))
        return scale, Weighed(scale.orient(plain), self.counts, self._place, codes)


def with_worth(method: str, counts: np.ndarray) -> str:
    """A method with what rows are worth, where that is notably less than their number."""
    few, n = worth(counts), len(counts)
    return method if few >= WORTH * n else f"{method}; {counted_as(n, few)}"


def _is_refitted(score: Score) -> bool:
    return score.estimand == ESTIMANDS["refit"]
