"""The columns of a table and what each is for: features and their kinds, the target, the group, the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from holdfast.data.convert import to_date_parts, to_numbers, to_truth
from holdfast.data.kinds import KEPT, KINDS, Kind, Undecided, check_type, infer_kind, refusal, remedy
from holdfast.data.targets import Label, Target, Task, check_task, infer_target
from holdfast.data.values import parse_iso
from holdfast.errors import DataError, concerning, nearest, shown

if TYPE_CHECKING:
    import polars as pl

FORMAT = 2
"""The version of a schema's JSON form; one without weights is written as version 1, which has none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is a feature, or (``feature=False``) is kept for slices, groups or the order in time only."""

    name: str
    kind: Kind
    feature: bool = True
    sensitive: bool = False
    slice: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What the columns of a table are for.

    ``classes`` are in the order of their codes (None unless classification). ``notes`` are sentences for people about
    what was decided for them: columns and rows left out, numbers taken as classes. ``weight`` is the column that says
    how much a row counts, see `holdfast.data.weights`.
    """

    columns: tuple[Column, ...]
    target: str | None
    task: Task
    classes: tuple[Label, ...] | None = None
    group: str | None = None
    time: str | None = None
    notes: tuple[str, ...] = ()
    weight: str | None = None

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model sees."""
        return tuple(column for column in self.columns if column.feature)

    @property
    def is_classification(self) -> bool:
        """Whether the target holds classes."""
        return self.classes is not None

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            DataError: if there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise DataError(f"the schema has no column '{name}'{nearest(name, names)}")

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        weight = {} if self.weight is None else {"weight": self.weight}
        return {
            "format": 1 if self.weight is None else FORMAT,
            "columns": [
                {"name": c.name, "kind": c.kind, "feature": c.feature, "sensitive": c.sensitive, "slice": c.slice}
                for c in self.columns
            ],
            "target": self.target,
            "task": self.task,
            "classes": None if self.classes is None else list(self.classes),
            "group": self.group,
            "time": self.time,
            "notes": list(self.notes),
            **weight,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote.

        Raises:
            DataError: if a later version of holdfast wrote it.
        """
        if data["format"] > FORMAT:
            raise DataError(f"the schema has format {data['format']}, which needs a newer version of holdfast")
        return Schema(
            columns=tuple(Column(**column) for column in data["columns"]),
            target=data["target"],
            task=data["task"],
            classes=None if data["classes"] is None else tuple(data["classes"]),
            group=data["group"],
            time=data["time"],
            notes=tuple(data["notes"]),
            weight=data.get("weight"),
        )


def infer_schema(
    frame: pl.DataFrame,
    target: str | None,
    *,
    task: str | None = None,
    overrides: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    sensitive: Sequence[str] = (),
    slices: Sequence[str] = (),
) -> Schema:
    """Decide what every column of a table is for.

    The kinds follow the rules of `holdfast.data.kinds`, the task those of `holdfast.data.targets`; without a target the
    task is clustering. Columns that hold one value only, or none, are left out with a note. The group and time columns
    are no features unless ``overrides`` gives them a kind. Columns in ``sensitive`` or ``slices`` are features unless
    dropped, and are kept in the schema either way.

    Args:
        frame: the table, N rows.
        target: the column to predict; None for clustering.
        task: overrules what the target seems to ask for.
        overrides: kinds by column name, or ``"drop"``: the plan's ``[data.columns]``.
        drop: columns to leave out.
        group: the column whose values must not be on two sides of a split.
        time: the column that orders the rows in time.
        sensitive: columns that fairness is looked at by.
        slices: columns that results are to be broken down by, later.

    Raises:
        DataError: if a column does not exist, a target cannot be predicted, a column needs a person's decision, a
            feature is infinite somewhere, or no feature is left.
    """
    wishes = {**dict.fromkeys(drop, "drop"), **(overrides or {})}
    helpers = {"group": [group] if group else [], "time": [time] if time else []}
    check_names(frame, target, wishes, {"drop": drop, "sensitive": sensitive, "slices": slices, **helpers})
    with concerning("target"):
        found = _infer_task(frame, target, task)
    notes = list(found.notes)
    columns: list[Column] = []
    undecided: dict[str, Undecided] = {}
    for series in frame:
        name = series.name
        is_helper = name in {group, time}
        is_marked = name in sensitive or name in slices
        feature, note = _is_feature(series, wishes.get(name), is_helper=is_helper)
        if name == target or not (feature or is_helper or is_marked):
            notes += [note] if note and name != target else []
            continue
        check_type(series)
        kind = _decide_kind(series, wishes.get(name))
        if wishes.get(name) == kind:
            _check_wish(series, kind)
        if isinstance(kind, Undecided):
            if feature:
                undecided[name] = kind
            kind = "text"
        columns.append(Column(name, kind, feature, name in sensitive, name in slices))
        notes += [note] if note else []
    if undecided:
        raise refusal(undecided)
    notes += _check_columns(frame, columns, time, notes)
    return Schema(tuple(columns), target, found.task, found.classes, group, time, tuple(notes))


def _infer_task(frame: pl.DataFrame, target: str | None, task: str | None) -> Target:
    """The task and classes; clustering without a target."""
    check_task(task)
    if target is None:
        if task not in {None, "clustering"}:
            raise DataError(f"the task '{task}' needs a target; name the column to predict as target in [data]")
        return Target("clustering", None, ())
    if task == "clustering":
        raise DataError(f"the task 'clustering' has no target; take away target = \"{target}\", and drop that column")
    check_type(frame[target])
    return infer_target(frame[target], task)


def check_names(
    frame: pl.DataFrame, target: str | None, wishes: Mapping[str, str], lists: Mapping[str, Iterable[str]]
) -> None:
    """Refuse names of columns and kinds that do not exist, and wishes about the target.

    Args:
        frame: the table.
        target: the column to predict; None for clustering.
        wishes: kinds by column name.
        lists: columns that a plan names for something, by the key where it does so.

    Raises:
        DataError: its ``keys`` lead to what is wrong in the plan.
    """
    for name in KEPT:
        if name in frame.columns:
            raise DataError(f"the table has a column '{name}', a name that holdfast keeps for itself; rename it")
    hint = f"; the columns are {', '.join(frame.columns[:20])}{', ...' if len(frame.columns) > 20 else ''}"
    hint = hint if frame.columns else "; it has no columns at all"
    if target is not None and target not in frame.columns:
        if len(frame.columns) == 1:
            raise DataError(
                f"the table has a single column, {shown(frame.columns[0])}; if that is several, separate them by "
                "commas, semicolons or tabs"
            )
        with concerning("target"):
            raise DataError(f"the table has no target column '{target}'{nearest(target, frame.columns) or hint}")
    for key, names in {**lists, "[data.columns]": wishes}.items():
        with concerning(*{"[data.columns]": ("columns",), "group": ("split",), "time": ("split",)}.get(key, (key,))):
            for name in names:
                if name not in frame.columns:
                    near = nearest(name, frame.columns) or hint
                    raise DataError(f"the table has no column '{name}', which {key} names{near}")
                if name == target and key in {"[data.columns]", "drop", "group", "time"}:
                    raise DataError(f"'{name}' is the target, and cannot stand under {key} as well")
    with concerning("columns"):
        for name, kind in wishes.items():
            known = (*KINDS, "drop")
            if kind not in known:
                raise DataError(
                    f"column '{name}' cannot be of kind '{kind}'{nearest(kind, known)}; there are {', '.join(known)}"
                )


def _is_feature(series: pl.Series, wish: str | None, *, is_helper: bool) -> tuple[bool, str | None]:
    """Whether a column becomes a feature, and a note where that was decided for the person."""
    if wish is not None or is_helper:
        return wish not in {None, "drop"}, None
    present = (series.fill_nan(None) if series.dtype.is_float() else series).drop_nulls()
    if present.is_empty():
        return False, f"column '{series.name}' is left out: it has no value in any row"
    if not series.dtype.is_nested() and series.n_unique() == 1:
        return False, f"column '{series.name}' is left out: it holds {series[0]!r} in every row"
    return True, None


def _decide_kind(series: pl.Series, wish: str | None) -> Kind | Undecided:
    """The kind that a person wishes for, or else the one that the values suggest."""
    for kind in get_args(Kind):
        if wish == kind:
            return kind  # type: ignore[no-any-return]
    return "text" if series.null_count() == len(series) else infer_kind(series)


def _check_wish(series: pl.Series, kind: str) -> None:
    """Refuse a kind that a person wishes for and that the values are not of."""
    with concerning("columns", series.name):
        if kind in {"date", "datetime"}:
            to_date_parts(series, time_of_day=False)
        elif kind == "boolean":
            to_truth(series)
        elif kind == "numeric":
            to_numbers(series)


def _check_columns(
    frame: pl.DataFrame, columns: Sequence[Column], time: str | None, before: Sequence[str]
) -> list[str]:
    """Refuse a table without features, infinite numbers and a time that has no order; note sensitive features.

    ``before`` are the notes so far: why columns are left out.
    """
    notes = []
    if not any(column.feature for column in columns):
        why = f" ({before[-1]})" if before else ""
        raise DataError(f"the table has no column left that could be a feature; a model needs at least one{why}")
    for column in columns:
        if column.name == time and column.kind not in {"date", "datetime", "numeric"}:
            with concerning("split", "time"):
                raise DataError(_without_order(frame[column.name]))
        if column.feature and column.kind == "numeric":
            to_numbers(frame[column.name])
        if column.feature and column.sensitive:
            notes.append(
                f"the sensitive column '{column.name}' is also a feature; {remedy(column.name, 'drop')} in "
                "[data.columns] keeps it from the model, though other columns may stand in for it"
            )
    return notes


def _without_order(series: pl.Series) -> str:
    """Why a time column gives no order."""
    values = [None if value is None else str(value) for value in series.to_list()]
    row = next((row for row, text in enumerate(values) if text is not None and parse_iso(text) is None), 0)
    return (
        f"the time column '{series.name}' holds {values[row]!r} in row {row + 1}, where every value must be a date as "
        "in 2026-01-31, a date and time, or a number"
    )
