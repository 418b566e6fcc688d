"""Splits for an objective of one's own: the same schemes as in a plan, as arrays of row numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.convert import to_date_parts
from holdfast.data.features import encode_target
from holdfast.data.pairs import Pair, pair_of
from holdfast.data.roles import NO_FOLD, NO_ROLE, Basis, divide, validation_anew
from holdfast.data.scheme import KEYS, SplitPlan
from holdfast.data.targets import infer_target
from holdfast.errors import DataError, nearest, shown
from holdfast.records import RowScores, Score, as_whole
from holdfast.rng import Streams
from holdfast.stats.procedure import procedure_interval
from holdfast.stats.units import time_blocks, without_value

PROCEDURE = "the procedure: a search on as many rows, and the model that it finds"
"""What a score is about that comes from a search run anew in every outer fold."""


class Scheme(TypedDict, total=False):
    """The keys of a plan's ``split = { ... }``, but for ``group`` and ``time``, which are arrays here."""

    train: float
    validation: float
    select: float
    test: float
    folds: int
    repeats: int
    stratify: bool
    window: int | str
    gap: int | str
    reshuffle: bool


@dataclass(frozen=True, eq=False)
class Splits:
    """The rows of each role, and the pairs of rows to train on and rows to validate on. Made by `split`.

    Iterating gives the pairs, each two arrays of row numbers: one pair with a validation share, one a fold of each
    repeat otherwise. They know the groups or times of their rows, so that `HoldfastSearchCV` does, be it given these
    splits or a list of the pairs.

    Args:
        train: shape (n,), the rows that trials learn from; with folds, those that take turns.
        select: shape (n,), rows to compare finalists by, which may be none.
        test: shape (n,), rows to be looked at once, at the end.
        pairs: what iterating gives.
        unjudged: shape (n,), rows of train that no fold validates: the earliest ones, in the order of time.
        left_out: shape (n,), rows that lie in a gap and are used for nothing.
    """

    train: np.ndarray
    select: np.ndarray
    test: np.ndarray
    pairs: tuple[Pair, ...]
    unjudged: np.ndarray
    left_out: np.ndarray
    _basis: Basis = field(repr=False)
    _plan: SplitPlan = field(repr=False)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The pairs (rows to train on, rows to validate on)."""
        return iter(self.pairs)

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.pairs)

    @property
    def judged(self) -> np.ndarray:
        """The rows that are validated, ascending, shape (M,)."""
        return np.unique(np.concatenate([validation for _, validation in self.pairs]))

    @property
    def units(self) -> np.ndarray | None:
        """What to resample in the place of rows, a name for each row in `judged`, shape (M,): for `Study.estimate`.

        Groups, where rows have groups; in the order of time, blocks of about the third root of M rows (see
        `holdfast.stats.units.time_blocks`); else None.

        Raises:
            RequestError: if the judged rows are of too few moments for two blocks.
        """
        judged, basis = self.judged, self._basis
        if basis.times is not None:
            return time_blocks(basis.times[judged], math.ceil(len(judged) ** (1 / 3)))
        return None if basis.groups is None else basis.groups[judged]

    def of_trial(self, number: int) -> Splits:
        """The splits of one trial: with ``reshuffle`` train and validation rows are drawn anew for each, else these.

        The select and test rows are the same for all.
        """
        if not self._plan.reshuffle:
            return self
        rows = np.sort(np.concatenate([self.train, self.pairs[0][1]]))
        basis, plan = self._basis, self._plan
        strata = np.zeros(len(rows), dtype=np.int64)
        if basis.classes is not None and plan.stratify is not False and basis.y is not None:
            strata = basis.y[rows]
        groups = None if basis.groups is None else basis.groups[rows]
        share = plan.shares["validation"] / (plan.shares["train"] + plan.shares["validation"])
        validates = validation_anew(strata, groups, share, Streams(plan.seed).generator(number, "split"))
        pair = pair_of(rows[~validates], rows[validates], basis.n_rows, basis.groups, basis.times)
        return Splits(pair[0], self.select, self.test, (pair,), self.unjudged, self.left_out, basis, plan)

    def within(self, rows: np.ndarray, **scheme: Unpack[Scheme]) -> Splits:
        """Splits of some of the rows, for a search inside an outer fold; no test rows are set apart by default.

        Args:
            rows: shape (n,), their numbers, each once, such as what an outer fold trains on; no test rows.
            scheme: as in `split`.

        Raises:
            DataError: if the rows are no rows of these splits, or there are test rows among them; and as `split` does.
        """
        rows = np.asarray(rows)
        n = self._basis.n_rows
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) == 0:
            raise DataError(
                f"the rows to split are of the type {rows.dtype} and shape {rows.shape}; give the numbers of rows, "
                "such as those that a pair trains on"
            )
        if rows.min() < 0 or rows.max() >= n or len(np.unique(rows)) < len(rows):
            raise DataError(
                f"the rows to split go from {rows.min()} to {rows.max()}, where each of 0 to {n - 1} may stand once"
            )
        tested = np.intersect1d(rows, self.test)
        if len(tested):
            raise DataError(
                f"{len(tested)} of the rows to split, such as row {tested[0]}, are test rows of the outer split, which "
                "no search may see; give the rows that a pair trains on"
            )
        return _splits(self._basis, {"test": 0.0, **scheme}, self._plan.seed, rows)

    def row_scores(self, scores: Sequence[np.ndarray], aggregate: Literal["mean", "root_mean"] = "mean") -> RowScores:
        """The row scores to tell a study, from those of each pair; a row of several repeats counts as their mean.

        Args:
            scores: one array a pair, shape (n,), a number for each of its validation rows, in their order.
            aggregate: see `holdfast.RowScores`.

        Raises:
            DataError: if there is not one array a pair, with one number a row.
        """
        values = np.concatenate(self._row_by_row(scores))
        rows, place = np.unique(np.concatenate([validation for _, validation in self.pairs]), return_inverse=True)
        if len(rows) == len(values):
            return RowScores(values[np.argsort(place)], rows, aggregate=aggregate)
        return RowScores(np.bincount(place, values) / np.bincount(place), rows, aggregate=aggregate)

    def _row_by_row(self, scores: Sequence[Any]) -> list[np.ndarray]:
        """An array of numbers a pair, one for each of its validation rows, or a refusal."""
        wanted = [len(validation) for _, validation in self.pairs]
        given = [np.shape(values) for values in scores]
        if given != [(n,) for n in wanted]:
            raise DataError(
                f"row scores have shapes {given}; one array for each of the {len(wanted)} pairs is needed, with one "
                f"number for each validation row: {wanted}"
            )
        return [_numbers(own, f"the row scores of pair {place}") for place, own in enumerate(scores)]

    def _independent(self) -> int | None:
        """How many of the judged rows are independent: the number of their groups, if any; unknown in order of time."""
        judged, basis = self.judged, self._basis
        if basis.times is not None:
            return None
        return len(judged) if basis.groups is None else len(np.unique(basis.groups[judged]))

    def score_of_procedure(
        self,
        scores: Sequence[float] | Sequence[np.ndarray],
        level: float = 0.95,
        *,
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> Score:
        """The score of the procedure, from that of each pair, for a search that was run anew on what each trains on.

        The interval is the corrected resampled t of `holdfast.stats.resampled` (Nadeau and Bengio, Machine Learning
        52:239, 2003), which allows for training rows that pairs share; it is rather too narrow than too wide. Where all
        pairs score the same it would have no width: then it is that of a proportion of the judged rows, or groups, if
        the scores are told row by row and are 0 or 1, and there is none (None) otherwise, or in the order of time.

        Args:
            scores: one number a pair, the mean score of its validation rows; or one array a pair, shape (n,), the
                scores of these rows.
            level: the nominal coverage.
            bounds: between what the metric lies, as in ``(0, 1)``; rows that score 0 or 1 say so by themselves.

        Raises:
            DataError: if there is not one number or array a pair, or one pair only, or a score is out of bounds.
        """
        if len(scores) != len(self.pairs) or len(scores) < 2:
            raise DataError(
                f"there are {len(scores)} scores for {len(self.pairs)} pairs; the score of a procedure needs one for "
                "each pair, and two pairs at least"
            )
        independent = None
        if any(np.ndim(own) for own in scores):
            values = np.concatenate(self._row_by_row(scores))
            if np.isin(values, (0, 1)).all():
                bounds = max(bounds[0], 0.0), min(bounds[1], 1.0)
                independent = self._independent()
        means = np.array(
            [float(_numbers(own, f"the score of pair {place}").mean()) for place, own in enumerate(scores)]
        )
        if ((means < bounds[0]) | (means > bounds[1])).any():
            raise DataError(f"scores of pairs go from {means.min():.4g} to {means.max():.4g}, beyond bounds = {bounds}")
        train, validation = (round(float(np.mean([len(pair[i]) for pair in self.pairs]))) for i in (0, 1))
        found = procedure_interval(means, train, validation, level, bounds=bounds, right_or_wrong=independent)
        return Score(found.value, found.low, found.high, level, found.method, PROCEDURE, len(self.judged))


def split(y: Any, *, groups: Any = None, times: Any = None, seed: int = 0, **scheme: Unpack[Scheme]) -> Splits:
    """Divide rows as a plan's ``split = { ... }`` does; the same keys, the same rules, the same defaults.

    Args:
        y: shape (N,), the targets, by whose classes roles and folds are stratified; or N, a whole number.
        groups: shape (N,), anything: rows of one group are never on two sides.
        times: shape (N,), numbers, dates or dates as text: what is judged comes after what is learned from.
        seed: of the random draws.
        scheme: ``validation``, ``select`` and ``test`` (0.2 by default) as shares of the rows, or ``folds`` and
            ``repeats``; with times ``gap`` and ``window``; ``stratify = False``; ``reshuffle = True``.

    Raises:
        DataError: if the keys do not fit together, the seed is no whole number, or there are too few rows, classes,
            groups or times for them.
    """
    for key in scheme:
        if key not in KEYS or key in {"group", "time", "nested"}:
            arrays = {"group": " (as an array, groups = ...)", "time": " (as an array, times = ...)"}
            arrays["nested"] = " (see Splits.within for splits inside a fold)"
            known = [name for name in KEYS if name not in arrays]
            hint = arrays.get(key) or nearest(key, known)
            raise DataError(f"a split has no '{key}'{hint}; there are {', '.join(known)}, groups and times")
    number = as_whole(seed)
    if number is None:
        raise DataError(f"the seed of a split is {shown(seed)}; it has to be a whole number")
    basis = _basis(y)
    dated = False
    if groups is not None:
        groups = _codes(_one_a_row(groups, basis.n_rows, "groups"))
    if times is not None:
        times, dated = _moments(_one_a_row(times, basis.n_rows, "times"))
    whole = replace(basis, groups=groups, times=times, dated=dated)
    return _splits(whole, scheme, number, np.arange(basis.n_rows))


def _splits(basis: Basis, scheme: Mapping[str, Any], seed: int, rows: np.ndarray) -> Splits:
    """Splits of some rows, shape (n,), of all that there are."""
    columns = {"group": "groups"} if basis.groups is not None else {}
    columns |= {"time": "times"} if basis.times is not None else {}
    plan = SplitPlan.from_mapping({**columns, **scheme}, seed=seed)
    roles = divide(_taken(basis, rows), plan)
    unjudged = (roles.role == "train") & (roles.fold == NO_FOLD) & (plan.folds is not None)
    return Splits(
        train=rows[roles.rows("train")],
        select=rows[roles.rows("select")],
        test=rows[roles.rows("test")],
        pairs=tuple(
            pair_of(rows[learn], rows[judge], basis.n_rows, basis.groups, basis.times) for learn, judge in roles.pairs()
        ),
        unjudged=rows[unjudged],
        left_out=rows[roles.role == NO_ROLE],
        _basis=basis,
        _plan=plan,
    )


def _taken(basis: Basis, rows: np.ndarray) -> Basis:
    """The same for some rows."""
    y, groups, times = (None if a is None else a[rows] for a in (basis.y, basis.groups, basis.times))
    return replace(basis, n_rows=len(rows), y=y, groups=groups, times=times)


def _basis(y: Any) -> Basis:
    """The rows and their classes, where the targets are classes as in a table."""
    import polars as pl

    if isinstance(y, int | np.integer) and not isinstance(y, bool):
        if y < 1:
            raise DataError(f"a split of {y} rows was asked for; give the targets, or how many rows there are")
        return Basis(int(y))
    values = np.asarray(y)
    if values.ndim != 1 or len(values) == 0:
        raise DataError(
            f"the targets have shape {values.shape}, where a split needs one a row; or give how many rows there are"
        )
    _refuse_missing(values, "targets")
    series = pl.Series("targets", values.tolist())
    target = infer_target(series)
    if target.classes is None:
        return Basis(len(values), target="targets")
    codes = encode_target(Schema((), "targets", target.task, target.classes), series.to_frame())
    return Basis(len(values), codes, target.classes, target="targets", task=target.task)


def _one_a_row(values: Any, n_rows: int, what: str) -> np.ndarray:
    """An array with a value for every row."""
    array = np.asarray(values)
    if array.shape != (n_rows,):
        raise DataError(f"there are {n_rows} rows but {what} of shape {array.shape}; one a row is needed")
    _refuse_missing(array, what)
    return array


def _numbers(values: Any, what: str) -> np.ndarray:
    """Values as an array of numbers, or a refusal."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        example = shown(array.reshape(-1)[:1].tolist()[0])
        raise DataError(
            f"{what} must be numbers, such as 1 for a row that is right and 0 for another, but hold {example}"
        )
    return array


def _refuse_missing(values: np.ndarray, what: str) -> None:
    missing = without_value(values)
    if len(missing):
        raise DataError(f"{what} has no value in row {missing[0]} (counted from 0); a split needs one in every row")


def _codes(values: np.ndarray) -> np.ndarray:
    """Integers from 0 in the order of first appearance, shape (N,)."""
    codes: dict[Any, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values.tolist()], dtype=np.int64)


def _moments(times: np.ndarray) -> tuple[np.ndarray, bool]:
    """Times as numbers, and whether these are days."""
    import polars as pl

    if times.dtype.kind in "iuf":
        return times.astype(float), False
    if times.dtype.kind == "M":
        return times.astype("datetime64[us]").astype(np.int64) / 86_400e6, True
    return to_date_parts(pl.Series("times", times.tolist()), time_of_day=True)[0].to_numpy(), True
