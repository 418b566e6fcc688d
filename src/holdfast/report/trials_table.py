"""All trials as a table: one line a trial, for CSV, Parquet and JSON.

Two runs of one study are identical apart from the columns in `TIME_COLUMNS`, which stand last. Where a plan has a
constraint on the time of a fit, that is a metric, which differs, too, and so may all that follows from it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import RequestError, nearest
from holdfast.facts.files import write_atomically
from holdfast.facts.numbers import utc
from holdfast.records import Trial, Value, number_to_json
from holdfast.study.failures import error_line
from holdfast.study.state import StudyState

if TYPE_CHECKING:
    import polars as pl

TIME_COLUMNS = (
    "seconds",
    "cpu_seconds",
    "gpu_seconds",
    "peak_memory_bytes",
    "kwh",
    "kwh_method",
    "asked_at",
    "told_at",
)
"""The columns that depend on when, where and how fast a trial ran; the last ones of the table."""

METRIC = "metric."
CONFIG = "config."

Row = dict[str, Value]


def trials_rows(state: StudyState) -> list[Row]:
    """One dict a trial, all with the same keys in the same order.

    ``number``, ``state``, ``metric.NAME`` for each metric (the objectives first), ``config.NAME`` for each
    hyperparameter (None where it is inactive), in a study that has clones ``parent``, ``parent_step`` and ``replaces``
    (None for a trial that is none), ``reason``, ``steps`` (the last step reported, None if none was),
    ``restarts``, ``cause`` and ``error`` (its last line), and then `TIME_COLUMNS`: what it used (None where nobody
    measured it; ``kwh_method`` says how its electricity was found), and when it was asked and told (ISO 8601, UTC).
    """
    metrics = _names(state.settings.directions, (trial.metrics for trial in state.trials))
    space = state.settings.space
    configs = _names(() if space is None else space.domains, (trial.config for trial in state.trials))
    cloned = any(trial.parent is not None for trial in state.trials)
    return [_row(trial, metrics, configs, cloned=cloned) for trial in state.trials]


def steps_trained(trial: Trial) -> int | None:
    """The last step that a trial reported or saved; None if it did neither."""
    steps = [step for step, _ in trial.reports]
    if trial.checkpoint is not None:
        steps.append(trial.checkpoint[0])
    return max(steps) if steps else None


def trials_csv(state: StudyState) -> str:
    """The table as CSV (RFC 4180, but lines end in a line feed); None is empty, floats are exact."""
    rows = trials_rows(state)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else [*_FIRST, *_LAST, *TIME_COLUMNS])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def trials_json(state: StudyState) -> str:
    """The trials as a JSON list of objects, with nested ``metrics`` and ``config``; NaN is written as ``"nan"``."""
    records = []
    for trial, row in zip(state.trials, trials_rows(state), strict=True):
        plain = {name: value for name, value in row.items() if not name.startswith((METRIC, CONFIG))}
        metrics = {name: number_to_json(value) for name, value in trial.metrics.items()}
        records.append({**plain, "metrics": metrics, "config": trial.config})
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def export(state: StudyState, path: Path) -> None:
    """Write all trials as the ending of ``path`` says: ``.csv``, ``.parquet`` or ``.json``.

    Raises:
        RequestError: for another ending, or a folder that cannot be written to.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        has = f"ends in '{path.suffix}'" if path.suffix else "has no ending"
        raise RequestError(f"'{path}' {has}; trials are exported to .csv, .parquet or .json{nearest(ending, _WRITERS)}")
    write_atomically(path, _WRITERS[ending](state))


def trials_bytes(state: StudyState, ending: str) -> bytes:
    """All trials as a file of that ending, ``.csv``, ``.parquet`` or ``.json``, holds them."""
    return _WRITERS[ending](state)


_FIRST = ("number", "state")
_LAST = ("reason", "steps", "restarts", "cause", "error")


def _lineage(trial: Trial) -> Row:
    """Where a clone began: in which trial, at which step, and in the place of which other one."""
    if trial.parent is None:
        return {"parent": None, "parent_step": None, "replaces": None}
    return {"parent": trial.parent, "parent_step": trial.parent_step, "replaces": trial.replaces}


def _row(trial: Trial, metrics: Sequence[str], configs: Sequence[str], *, cloned: bool) -> Row:
    return {
        "number": trial.number,
        "state": trial.state.value,
        **{METRIC + name: trial.metrics.get(name) for name in metrics},
        **{CONFIG + name: trial.config.get(name) for name in configs},
        **(_lineage(trial) if cloned else {}),
        "reason": trial.reason,
        "steps": steps_trained(trial),
        "restarts": trial.restarts,
        "cause": None if trial.cause is None else trial.cause.value,
        "error": error_line(trial.error) or None,
        **_used(trial),
        "asked_at": utc(trial.asked_at),
        "told_at": utc(trial.told_at) or None,
    }


def _used(trial: Trial) -> Row:
    """What a trial used; None where nobody measured it, as in logs of earlier versions."""
    used = trial.used
    kwh = used.kwh
    return {
        "seconds": trial.seconds,
        "cpu_seconds": trial.cpu_seconds,
        "gpu_seconds": used.gpu_seconds.value,
        "peak_memory_bytes": used.peak_bytes.value,
        "kwh": kwh.value,
        "kwh_method": None if kwh.value is None else kwh.method.value,
    }


def _names(first: Iterable[str], used: Iterable[Iterable[str]]) -> list[str]:
    """Names in the order in which they first appear; the trials' own ones sorted within a trial."""
    names = dict.fromkeys(first)
    for each in used:
        names.update(dict.fromkeys(sorted(each)))
    return list(names)


def _cell(value: Value) -> str | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else value


def _parquet(state: StudyState) -> bytes:
    buffer = io.BytesIO()
    trials_frame(state).write_parquet(buffer)
    return buffer.getvalue()


def trials_frame(state: StudyState) -> pl.DataFrame:
    """The table as a polars frame; a hyperparameter whose values mix text and numbers becomes text (JSON)."""
    import polars as pl

    rows = trials_rows(state)
    names = list(rows[0]) if rows else [*_FIRST, *_LAST, *TIME_COLUMNS]
    return pl.DataFrame([_column(name, [row[name] for row in rows]) for name in names])


def _column(name: str, values: list[Value]) -> pl.Series:
    import polars as pl

    types = {type(value) for value in values if value is not None}
    if types == {int, float}:
        return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)
    if len(types) > 1:
        return pl.Series(name, [None if value is None else json.dumps(value) for value in values], pl.String)
    known: dict[type, Any] = {bool: pl.Boolean, int: pl.Int64, float: pl.Float64, str: pl.String}
    return pl.Series(name, values, known[next(iter(types), str)])


def _csv(state: StudyState) -> bytes:
    return trials_csv(state).encode()


def _json(state: StudyState) -> bytes:
    return trials_json(state).encode()


_WRITERS: dict[str, Callable[[StudyState], bytes]] = {".csv": _csv, ".parquet": _parquet, ".json": _json}
