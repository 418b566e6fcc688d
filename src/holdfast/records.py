"""The plain records that travel between rooms: frozen, made of JSON values and arrays, without behaviour."""

from __future__ import annotations

import io
import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal, Protocol

import numpy as np

from holdfast.errors import RequestError
from holdfast.usage import NOTHING_KNOWN, Usage, together

Value = str | int | float | bool | None
"""One hyperparameter's value: a JSON scalar."""

Config = dict[str, Value]
"""The hyperparameter values of a trial."""

Direction = Literal["minimize", "maximize"]


def loss_sign(direction: str) -> float:
    """What turns a value into a loss, of which less is better, and back: 1 to minimize, -1 to maximize.

    >>> loss_sign("minimize"), loss_sign("maximize")
    (1.0, -1.0)
    """
    return 1.0 if direction == "minimize" else -1.0


OBJECTIVE = "value"
"""The name of the metric of a study that was given one unnamed direction."""


class Verdict(StrEnum):
    """What a strategy says of a running trial."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class TrialState(StrEnum):
    """Where a trial stands. ``stopped`` was ended early by a verdict; ``failed`` has an error."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether the trial will not run again."""
        return self in {TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED}


class Cause(StrEnum):
    """Why a trial failed; it decides whether trying again makes sense."""

    ERROR = "error"
    """the objective raised: a bug or a configuration that cannot work"""
    DIVERGED = "diverged"
    """the objective returned NaN or infinity: information for the search"""
    LOST = "lost"
    """the process that ran it is gone"""
    MEMORY = "memory"
    """it ran out of memory, or its process was ended because memory had run out"""
    PREEMPTED = "preempted"
    """the machine, or whoever runs it, asked its process to end"""
    INTERRUPTED = "interrupted"
    """a person stopped the study while it ran"""
    BUDGET = "budget"
    """the budget was spent while it ran, and it was ended"""


def cause_of(error: BaseException) -> Cause:
    """Why a trial failed whose objective raised this: memory, also that of a graphics processor, or an error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return Cause.MEMORY if names & {"MemoryError", "OutOfMemoryError"} else Cause.ERROR


def as_whole(value: Any) -> int | None:
    """A whole number as Python's own, whatever kind it is of, as NumPy's; None for anything else, true and false too.

    >>> as_whole(np.int64(16)), as_whole(16.0), as_whole(True)
    (16, None, None)
    """
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much training a trial may have: at least ``min`` and at most ``max`` units of ``name``, see `rungs`.

    Raises:
        RequestError: if not ``1 <= min <= max`` or ``eta <= 1``, if one of them is no whole number, or without a name.
    """

    name: str = "step"
    min: int = 1
    max: int = 81
    eta: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise RequestError(f"a fidelity has name = {self.name!r}; it needs a word for what is counted, as 'epoch'")
        for key in ("min", "max", "eta"):
            given = getattr(self, key)
            value = as_whole(given)
            if value is None:
                raise RequestError(f"fidelity '{self.name}' has {key} = {given!r}; it needs a whole number")
            object.__setattr__(self, key, value)
        if not 1 <= self.min <= self.max:
            raise RequestError(
                f"fidelity '{self.name}' runs from {self.min} to {self.max}; it needs 1 <= min <= max, both integers"
            )
        if self.eta < 2:
            raise RequestError(f"fidelity '{self.name}' has eta = {self.eta}; it needs an integer of at least 2")

    def rungs(self) -> tuple[int, ...]:
        """The levels ``max, max/eta, max/eta**2, ...`` that are not below ``min``, rounded, the lowest first.

        Every step is worth a factor ``eta``, the last one too, and the first rung may lie above ``min`` (Li et al.,
        "Hyperband", JMLR 18 (2018), algorithm 1). Where that leaves nothing but ``max``, ``min`` is the first rung.
        """
        levels = [self.max]
        while self.max >= self.min * self.eta ** len(levels):
            levels.append(round(Fraction(self.max, self.eta ** len(levels))))
        if len(levels) == 1 and self.min < self.max:
            levels.append(self.min)
        return tuple(reversed(levels))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a strategy proposes: a new configuration, or (``resume_from``) more training for a paused trial.

    ``until_step`` is the fidelity to train to (None: to the end). ``parent`` is the trial from whose last checkpoint a
    clone starts, and ``replaces`` the trial whose place it takes, which is not trained further. ``seen`` is the log
    index of the history it was based on.
    """

    config: Config
    reason: str
    seen: int
    resume_from: int | None = None
    until_step: int | None = None
    parent: int | None = None
    replaces: int | None = None


LARGEST_STEP = 2**53
"""Of a trial's training: JSON holds whole numbers up to here exactly."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a running trial says: metrics at a step, a checkpoint, values drawn from a space found as it is used.

    ``metrics`` may be empty when only a checkpoint or a drawn value is handed over. ``drawn`` maps a
    hyperparameter's name to its domain (in the JSON form of `holdfast.space`) and its value.
    """

    trial: int
    step: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: bytes | None = None
    drawn: Mapping[str, tuple[dict[str, Any], Value]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RowScores:
    """What one configuration scored on each validation row; it makes a correction for selection possible.

    Args:
        values: shape (N,), the row's contribution to the metric, in the metric's own direction (a 0/1 correctness, a
            loss); or with ``kind="prediction"`` shape (N,) or (N, k), what the model predicted for the row.
        rows: shape (N,), integers that name the rows; rows 0 to N-1 if None. All trials of a study score the same rows.
        kind: ``"score"`` or ``"prediction"``.
        aggregate: how the metric follows from the row values: their ``"mean"``, or the root of it (``"root_mean"``,
            the RMSE of squared errors). The value that a trial is told with has to be that, but for rounding.

    Raises:
        RequestError: if there are no rows, shapes do not fit, or scores are no numbers.
    """

    values: np.ndarray
    rows: np.ndarray | None = None
    kind: Literal["score", "prediction"] = "score"
    aggregate: Literal["mean", "root_mean"] = "mean"

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        object.__setattr__(self, "values", values)
        if values.ndim not in {1, 2} or len(values) == 0 or (self.kind == "score" and values.ndim != 1):
            raise RequestError(f"row scores have shape {values.shape}; one number per validation row is needed")
        if values.dtype.hasobject:
            raise RequestError("row scores hold Python objects; numbers, or for predictions also texts, are needed")
        if self.kind == "score" and values.dtype.kind not in "biuf":
            raise RequestError(
                f"row scores are of the type {values.dtype}; numbers are needed, or with kind='prediction' what the "
                "model predicted"
            )
        if self.rows is not None:
            object.__setattr__(self, "rows", np.asarray(self.rows))
            if np.shape(self.rows) != (len(values),):
                raise RequestError(f"there are {len(values)} row scores but {np.size(self.rows)} row names")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trial for a job to run, from ``start_step`` (0, or where ``checkpoint`` was saved) to ``until_step``.

    ``seed`` is the trial's own random seed. A clone has a ``parent``, and begins from its checkpoint, which was saved
    with the parent's configuration; so may the clone again while it has saved none of its own. Where the space is found
    as it is used, the trial ``may_draw`` values: ``proposal`` holds the strategy's, chosen for the domains in ``known``
    (JSON form), or a person's, which have none. Where the study declares a fidelity, ``max_step`` is its most, behind
    which there is nothing to report.
    """

    trial: int
    config: Config
    seed: int
    start_step: int = 0
    until_step: int | None = None
    checkpoint: bytes | None = None
    proposal: Config = field(default_factory=dict)
    known: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    may_draw: bool = False
    parent: int | None = None
    max_step: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How an assignment ended.

    ``state`` is COMPLETE, PAUSED, STOPPED or FAILED. ``metrics`` are named values; ``error`` is a traceback;
    ``seconds`` and ``cpu_seconds`` are what it took, ``usage`` is all that was metered. ``extra`` holds JSON values the
    job wants kept beside the trial.
    """

    trial: int
    state: TrialState
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: RowScores | None = None
    error: str | None = None
    cause: Cause | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = NOTHING_KNOWN


Reporter = Callable[[Report], Verdict]
"""Hands a report to the study and brings back the verdict."""


class Job(Protocol):
    """Something that trains configurations; it knows nothing of where it runs or who chose them."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> Sequence[Outcome]:
        """Run every assignment; return one outcome for each, in the same order. A trial's error is no exception."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An event before it is in a log: what happened, and when (seconds since 1970, UTC).

    ``text`` is the canonical JSON of ``data``, where it has been made already (see `holdfast.log.base.written`).
    """

    kind: str
    data: Mapping[str, Any]
    time: float
    text: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a log. ``hash`` covers the event and the hash of the event before it."""

    index: int
    kind: str
    data: Mapping[str, Any]
    time: float
    hash: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration and what became of it.

    ``metrics`` are the final values by name; ``reports`` are (step, metrics) in the order they came; ``checkpoint`` is
    (step, sha256 of a blob in the log); ``rows`` describes the row scores and their blobs; ``usage`` is what each leg
    of its training used; times are seconds since 1970. A clone began at ``parent_step`` of its ``parent``, in the place
    of the trial that it ``replaces``.
    """

    number: int
    config: Config
    state: TrialState
    reason: str
    seed: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    reports: Sequence[tuple[int, Mapping[str, float]]] = ()
    until_step: int | None = None
    start_step: int = 0
    checkpoint: tuple[int, str] | None = None
    rows: Mapping[str, Any] | None = None
    error: str | None = None
    cause: Cause | None = None
    parent: int | None = None
    asked_at: float = 0.0
    told_at: float | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    restarts: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)
    usage: tuple[Usage, ...] = ()
    parent_step: int = 0
    replaces: int | None = None

    @property
    def used(self) -> Usage:
        """What all legs of its training used together."""
        return together(self.usage)


@dataclass(frozen=True, slots=True)
class Score:
    """A number that a person may quote.

    ``low`` and ``high`` bound it at ``level`` (None where no interval is given); ``method`` says how they came about,
    ``estimand`` what the number is about, ``n`` on how many rows.
    """

    value: float
    low: float | None
    high: float | None
    level: float
    method: str
    estimand: str
    n: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        return {
            "value": number_to_json(self.value),
            "low": None if self.low is None else number_to_json(self.low),
            "high": None if self.high is None else number_to_json(self.high),
            "level": self.level,
            "method": self.method,
            "estimand": self.estimand,
            "n": self.n,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Score:
        """The score that `to_json` wrote."""
        return Score(
            value=number_from_json(data["value"]),
            low=None if data["low"] is None else number_from_json(data["low"]),
            high=None if data["high"] is None else number_from_json(data["high"]),
            level=data["level"],
            method=data["method"],
            estimand=data["estimand"],
            n=data["n"],
        )


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value, fit for hashing. NaN and infinities are refused."""
    return _CANONICAL.encode(data)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def number_to_json(value: float) -> float | str:
    """A float as JSON allows it: NaN and the infinities become ``"nan"``, ``"inf"`` and ``"-inf"``."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def number_from_json(value: float | str) -> float:
    """The float that `number_to_json` wrote."""
    return float(value)


def array_to_bytes(array: np.ndarray) -> bytes:
    """An array in numpy's own file format, without pickles."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def array_from_bytes(data: bytes) -> np.ndarray:
    """The array that `array_to_bytes` wrote; never runs code."""
    array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return array
