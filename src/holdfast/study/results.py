"""What an objective's result means: named metrics, and how the trial ended."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.errors import RequestError, nearest, shown
from holdfast.records import Cause, RowScores, TrialState, Verdict

Result = float | Mapping[str, float] | Sequence[float] | None
"""A number, named metrics, one number per objective, or None after a verdict to pause or stop."""

ROUNDING = 1e-4
"""A value may differ from what its row scores make up by this part of them: floats of 32 bits, summed by batches."""

_BY_VERDICT = {
    Verdict.CONTINUE: TrialState.COMPLETE,
    Verdict.PAUSE: TrialState.PAUSED,
    Verdict.STOP: TrialState.STOPPED,
}
_BY_WORD = {"complete": Verdict.CONTINUE, "paused": Verdict.PAUSE, "stopped": Verdict.STOP}


@dataclass(frozen=True, slots=True)
class End:
    """How a trial ended: its state, its metrics, and for a failed one the error and its cause."""

    state: TrialState
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    cause: Cause | None = None


def end_of(result: Result, objectives: Sequence[str], verdict: Verdict, reported: Mapping[str, float]) -> End:
    """How a trial ended whose objective returned ``result``, having last ``reported`` metrics and got ``verdict``.

    Without a result after a verdict to pause or stop, the last report stands for it. An objective that is NaN or
    infinite is a failure with cause DIVERGED.

    Raises:
        RequestError: if the result is not what an objective may return.
    """
    given_up = result is None and verdict is not Verdict.CONTINUE
    metrics = dict(reported) if given_up else named_values(result, objectives)
    bad = not_finite(metrics, objectives)
    if bad:
        did = "reported" if given_up else "returned"
        error = f"the trial diverged: its objective {did} {metrics[bad[0]]} for '{bad[0]}'"
        return End(TrialState.FAILED, metrics, error, Cause.DIVERGED)
    return End(_BY_VERDICT[verdict], metrics)


def end_told(
    result: Result,
    objectives: Sequence[str],
    verdict: Verdict,
    reported: Mapping[str, float],
    state: str | None,
    error: BaseException | str | None,
    rows: RowScores | None = None,
) -> End:
    """How a trial ended by what a person told of it.

    Raises:
        RequestError: if that cannot be meant.
    """
    if state is not None and state not in _BY_WORD and state != "failed":
        words = (*_BY_WORD, "failed")
        raise RequestError(f"state = {state!r} was told; it can be {', '.join(words)}{nearest(str(state), words)}")
    if state == "failed" or error is not None:
        if result is not None or state not in {None, "failed"}:
            raise RequestError("a trial with an error is failed and has no value; tell one or the other")
        return End(TrialState.FAILED, {}, error_text(error), Cause.ERROR)
    if state is not None:
        verdict = _BY_WORD[state]
    if result is None and verdict is Verdict.CONTINUE:
        raise RequestError("no value was told; tell(trial, value), or state='failed'")
    end = end_of(result, objectives, verdict, reported)
    if rows is not None and not isinstance(rows, RowScores):
        raise RequestError(f"rows = {shown(rows)} was told; it takes holdfast.RowScores(values)")
    if rows is not None and (apart := rows_apart(rows, end, objectives)):
        raise RequestError(apart)
    return end


def rows_apart(rows: RowScores, end: End, objectives: Sequence[str]) -> str:
    """That row scores do not make up the value they were told with, in a sentence; empty if they do, or need not.

    They need to where the trial is complete, each row has a finite score, and there is one objective to score.
    """
    if rows.kind != "score" or end.state is not TrialState.COMPLETE or len(objectives) > 1:
        return ""
    values, value = np.asarray(rows.values, dtype=float), float(end.metrics[objectives[0]])
    if not np.isfinite(values).all():
        return ""
    unit = float(np.abs(values).max(initial=0.0)) or 1.0  # so that no sum overflows
    whole = float((values / unit).mean()) * unit
    if rows.aggregate == "root_mean":
        whole = math.sqrt(whole) if whole >= 0 else math.nan
    if abs(whole - value) <= ROUNDING * max(abs(value), float(np.abs(values / unit).mean()) * unit):
        return ""
    how = "mean" if rows.aggregate == "mean" else "root of the mean"
    return (
        f"the {how} of the row scores is {whole:.6g}, and '{objectives[0]}' is {value:.6g}; tell scores that make up "
        "the value, or where it is no such mean what the model predicted, with kind='prediction'"
    )


def named_values(result: object, objectives: Sequence[str]) -> dict[str, float]:
    """The metrics by name; a bare number is the first objective, a sequence holds one number per objective.

    Raises:
        RequestError: if something is no number, or an objective is missing.
    """
    pairs = _pairs(result, objectives)
    named = {name: number_of(name, value) for name, value in pairs.items()}
    for name in objectives:
        if name not in named:
            have = ", ".join(f"'{other}'" for other in named) or "nothing"
            raise RequestError(f"the result has no value for '{name}', only {have}{nearest(name, named)}")
    return named


def not_finite(metrics: Mapping[str, float], objectives: Sequence[str]) -> list[str]:
    """The objectives whose value is NaN or infinite."""
    return [name for name in objectives if name in metrics and not math.isfinite(metrics[name])]


def _pairs(result: Any, objectives: Sequence[str]) -> dict[str, Any]:
    if isinstance(result, float):
        return {objectives[0]: result}
    fields = getattr(result, "_asdict", None)  # a named tuple
    if fields is not None and set(objectives) <= set(fields()):
        return dict(fields())
    if isinstance(result, Mapping):
        return {str(name): value for name, value in result.items()}
    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        if len(result) != len(objectives):
            wanted = "one objective" if len(objectives) == 1 else f"{len(objectives)} objectives"
            raise RequestError(f"the result is {shown(result)}, {len(result)} values for {wanted}")
        return dict(zip(objectives, result, strict=True))
    return {objectives[0]: result}


def number_of(name: str, value: Any, what: str = "result") -> float:
    """A metric's value as a float, whatever kind of real number it is.

    Raises:
        RequestError: for a text, a complex number, one beyond the range of a float, or no number at all.
    """
    if isinstance(value, float):
        return float(value)
    complex_ = getattr(getattr(value, "dtype", None), "kind", "") == "c"  # asked of NumPy, a tensor would be copied
    if not isinstance(value, str | bytes) and not complex_:
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # the last of a tensor of several numbers
            pass
    raise RequestError(f"the {what} for '{name}' is {shown(value)}; it must be a number")


def error_text(error: BaseException | str | None) -> str:
    """What is kept of an error: a traceback of an exception, and a sentence where nothing was said."""
    if isinstance(error, BaseException):
        return "".join(traceback.format_exception(error))
    return error or "the objective failed"
