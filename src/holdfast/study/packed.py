"""Many trials in little room: their numbers and reports as columns, and what is irregular of each as a JSON text."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np

from holdfast.records import Cause, Trial, TrialState
from holdfast.usage import Usage

STATES = tuple(TrialState)
CAUSES = tuple(Cause)
INTS = ("seed", "until_step", "start_step", "parent", "parent_step", "restarts", "replaces")
FLOATS = ("asked_at", "told_at", "seconds", "cpu_seconds")
NONE = np.iinfo(np.int64).min
"""What stands for None among whole numbers; among times it is NaN."""

Report = tuple[int, Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Packed:
    """n trials with r reports of v values in all.

    Attributes:
        codes: (3, n) the state, the cause (0 for none), and whether there is a checkpoint.
        ints: (7, n) what `INTS` names.
        floats: (4, n) what `FLOATS` names.
        configs: n JSON texts.
        texts: n JSON texts of reason, metrics, checkpoint, rows, error, extra and usage.
        reports: (n,) how many reports each trial has.
        steps: (r,) of the reports, trial by trial.
        kinds: (r,) which of ``names`` each report has.
        names: tuples of metrics that were reported together.
        values: (v,) what was reported, in that order.
    """

    codes: np.ndarray
    ints: np.ndarray
    floats: np.ndarray
    configs: list[str]
    texts: list[str]
    reports: np.ndarray
    steps: np.ndarray
    kinds: np.ndarray
    names: tuple[tuple[str, ...], ...]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def check(self) -> None:
        """See that the columns belong together.

        Raises:
            ValueError, IndexError: if they do not.
        """
        n, r = len(self.texts), len(self.steps)
        shapes = [(3, n), (len(INTS), n), (len(FLOATS), n), (n,), (r,), (int(self.ends[-1]),)]
        found = [self.codes, self.ints, self.floats, self.reports, self.kinds, self.steps]
        whole = len(self.configs) == n and int(self.value_ends[-1]) == len(self.values)
        if not whole or [item.shape for item in found] != shapes:
            raise ValueError("columns of different lengths")

    @cached_property
    def ends(self) -> np.ndarray:
        """(n + 1,) where the reports of each trial end, behind a 0."""
        return np.concatenate([[0], np.cumsum(self.reports, dtype=np.int64)])

    @cached_property
    def value_ends(self) -> np.ndarray:
        """(n + 1,) where the values of each trial end, behind a 0."""
        widths = np.array([len(names) for names in self.names], dtype=np.int64)
        found = np.concatenate([[0], np.cumsum(widths[self.kinds] if len(widths) else self.kinds)])
        return np.asarray(found[self.ends])

    def trials(self, start: int, stop: int) -> list[Trial]:
        """The trials from one number on up to another one, as far as there are any."""
        stop = min(stop, len(self))
        states, causes, _ = self.codes[:, start:stop].tolist()
        seeds, untils, starts, parents, parent_steps, restarts, replaces = self.ints[:, start:stop].tolist()
        asked, told, seconds, cpu_seconds = self.floats[:, start:stop].tolist()
        configs = json.loads(f"[{','.join(self.configs[start:stop])}]")
        texts = json.loads(f"[{','.join(self.texts[start:stop])}]")
        return [
            Trial(
                number=start + i,
                config=configs[i],
                state=STATES[states[i]],
                reason=sys.intern(reason),
                seed=seeds[i],
                metrics=metrics,
                reports=Reports(self, start + i) if self.reports[start + i] else (),
                until_step=_or_none(untils[i]),
                start_step=starts[i],
                checkpoint=None if checkpoint is None else (checkpoint[0], checkpoint[1]),
                rows=rows,
                error=error,
                cause=CAUSES[causes[i] - 1] if causes[i] else None,
                parent=_or_none(parents[i]),
                asked_at=asked[i],
                told_at=None if math.isnan(told[i]) else told[i],
                seconds=seconds[i],
                cpu_seconds=cpu_seconds[i],
                restarts=restarts[i],
                extra=extra,
                usage=tuple(Usage.from_json(leg) for leg in usage),
                parent_step=parent_steps[i],
                replaces=_or_none(replaces[i]),
            )
            for i, (reason, metrics, checkpoint, rows, error, extra, usage) in enumerate(texts)
        ]

    def reports_of(self, number: int) -> list[Report]:
        """What one trial has reported."""
        first, last = self.ends[number], self.ends[number + 1]
        steps, kinds = self.steps[first:last].tolist(), self.kinds[first:last].tolist()
        values = iter(self.values[self.value_ends[number] : self.value_ends[number + 1]].tolist())
        return [
            (step, {name: next(values) for name in self.names[kind]}) for step, kind in zip(steps, kinds, strict=True)
        ]

    def taken(self, rows: np.ndarray) -> Packed:
        """The trials at these places, in their order."""
        of_reports, of_values = _spans(self.ends, rows), _spans(self.value_ends, rows)
        places = rows.tolist()
        return Packed(
            codes=self.codes[:, rows],
            ints=self.ints[:, rows],
            floats=self.floats[:, rows],
            configs=[self.configs[at] for at in places],
            texts=[self.texts[at] for at in places],
            reports=self.reports[rows],
            steps=self.steps[of_reports],
            kinds=self.kinds[of_reports],
            names=self.names,
            values=self.values[of_values],
        )

    def joined(self, other: Packed) -> Packed:
        """These trials and then those."""
        names = tuple(dict.fromkeys([*self.names, *other.names]))
        kinds = np.array([names.index(found) for found in other.names], dtype=np.int64)
        return Packed(
            codes=np.concatenate([self.codes, other.codes], axis=1),
            ints=np.concatenate([self.ints, other.ints], axis=1),
            floats=np.concatenate([self.floats, other.floats], axis=1),
            configs=self.configs + other.configs,
            texts=self.texts + other.texts,
            reports=np.concatenate([self.reports, other.reports]),
            steps=np.concatenate([self.steps, other.steps]),
            kinds=np.concatenate([self.kinds, small(kinds[other.kinds] if len(kinds) else other.kinds)]),
            names=names,
            values=np.concatenate([self.values, other.values]),
        )


class Reports(Sequence[Report]):
    """The reports of a packed trial, made when they are looked at; equal to a tuple of them, and pickled as one."""

    __slots__ = ("_number", "_packed")

    def __init__(self, columns: Packed, number: int) -> None:
        self._packed = columns
        self._number = number

    def __len__(self) -> int:
        return int(self._packed.reports[self._number])

    @overload
    def __getitem__(self, at: int) -> Report: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Report, ...]: ...
    def __getitem__(self, at: int | slice) -> Report | tuple[Report, ...]:
        return tuple(self)[at]

    def __iter__(self) -> Iterator[Report]:
        return iter(self._packed.reports_of(self._number))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, Reports) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Report, ...]], tuple[tuple[Report, ...]]]:
        return tuple, (tuple(self),)


def packed(trials: Sequence[Trial]) -> Packed:
    """The trials as columns."""
    said = [report for trial in trials for report in trial.reports]
    names: dict[tuple[str, ...], int] = {}
    kinds = [names.setdefault(tuple(metrics), len(names)) for _, metrics in said]
    causes = [0 if trial.cause is None else CAUSES.index(trial.cause) + 1 for trial in trials]
    return Packed(
        codes=_columns(
            np.int8,
            [STATES.index(trial.state) for trial in trials],
            causes,
            [trial.checkpoint is not None for trial in trials],
        ),
        ints=_columns(np.int64, *(_whole(getattr(trial, name) for trial in trials) for name in INTS)),
        floats=_columns(np.float64, *(_times(getattr(trial, name) for trial in trials) for name in FLOATS)),
        configs=[text(trial.config) for trial in trials],
        texts=[text(_irregular(trial)) for trial in trials],
        reports=np.array([len(trial.reports) for trial in trials], dtype=np.int64),
        steps=small(np.array([step for step, _ in said], dtype=np.int64)),
        kinds=small(np.array(kinds, dtype=np.int64)),
        names=tuple(names),
        values=np.array([value for _, metrics in said for value in metrics.values()], dtype=np.float64),
    )


def _irregular(trial: Trial) -> list[Any]:
    usage = [leg.to_json() for leg in trial.usage]
    return [trial.reason, trial.metrics, trial.checkpoint, trial.rows, trial.error, trial.extra, usage]


def text(value: Any) -> str:
    """A value as JSON in one line, with the floats that JSON has no form for as Python writes them."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=dict)


def small(array: np.ndarray) -> np.ndarray:
    """The same whole numbers in as few bytes as hold them."""
    least, most = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    return array


def _or_none(value: int) -> int | None:
    return None if value == NONE else value


def _whole(values: Iterable[int | None]) -> list[int]:
    return [NONE if value is None else value for value in values]


def _times(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _columns(kind: type, *columns: Sequence[Any]) -> np.ndarray:
    return np.array(columns, dtype=kind).reshape(len(columns), -1)


def _spans(ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The places that belong to these rows, where row i has those from ``ends[i]`` to ``ends[i + 1]``."""
    lengths = ends[rows + 1] - ends[rows]
    shift = ends[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(rows) else ends[:0]
    return np.asarray(np.repeat(shift, lengths) + np.arange(lengths.sum()))
