"""What is to be predicted: the task, and for classification the classes, found from the target column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from holdfast.data.values import TRUTH, category_name, parse_number
from holdfast.errors import DataError, nearest

if TYPE_CHECKING:
    import polars as pl

Task = Literal["binary", "multiclass", "regression", "clustering"]
"""What a model does."""

Label = str | int | float | bool
"""A class, as a person knows it."""

MOST_NUMBER_CLASSES = 20
"""Whole numbers are classes only up to so many different ones."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was found about a target: the task, the classes (None for regression), and notes for people."""

    task: Task
    classes: tuple[Label, ...] | None
    notes: tuple[str, ...]


def infer_target(series: pl.Series, task: str | None = None) -> Target:
    """Find the task and the classes from a target column.

    Texts and booleans are classes. Numbers are classes if they are whole and there are two different ones, or at most
    20 and not more than a tenth of the rows; otherwise the task is regression. ``task`` overrules: ``binary``,
    ``multiclass``, ``classification`` (whichever of the two) or ``regression``. Classes are sorted; of two, the second
    is the positive one.

    Raises:
        DataError: if there is no value, one class only, too many classes, an infinite value, or text for numbers.
    """
    check_task(task)
    name = series.name
    values = [None if value != value else value for value in series.to_list()]  # noqa: PLR0124 - NaN differs from itself
    present = [value for value in values if value is not None]
    if not present:
        raise DataError(
            f"the target '{name}' has no value in any row; name a column that holds what is to be predicted"
        )
    missing = len(values) - len(present)
    notes = [f"{missing} rows without a value of the target '{name}' are left out"] if missing else []
    numbers = _numbers(values, name)
    if numbers is None and task != "classification":
        _refuse_commas(values, name)
    different = set(present if numbers is None else [number for number in numbers if number is not None])
    if len(different) == 1:
        raise DataError(f"the target '{name}' is {present[0]!r} in every row; two different values at least are needed")
    if task == "regression" or (task is None and numbers is not None and not _are_classes(different, len(present))):
        if numbers is None:
            row = next(i for i, v in enumerate(values) if v is not None and _number(v) is None)
            raise DataError(
                f"the target '{name}' holds {values[row]!r} in row {row + 1}, where regression needs a number; correct "
                "it, or leave it empty"
            )
        return Target("regression", None, tuple(notes))
    if task is None and numbers is not None and len(different) > 2 and different != set(range(len(different))):
        notes.append(
            f"the target '{name}' holds {len(different)} different whole numbers, taken as classes; "
            'task = "regression" would take them as numbers'
        )
    classes = _classes(present, numbers is not None)
    return Target(_classification(task, name, len(classes), len(present)), classes, tuple(notes))


def _refuse_commas(values: list[Any], name: str) -> None:
    """Refuse a target of numbers with decimal commas, which would be taken for texts."""
    texts = [value for value in values if isinstance(value, str) and parse_number(value) is None]
    if texts and all(re.fullmatch(r"[+-]?[0-9]+(?:[.,][0-9]+)*", text) for text in texts) and len(set(texts)) > 2:
        raise DataError(
            f"the target '{name}' holds numbers with commas (such as {texts[0]!r}); write them with a decimal point"
        )


def check_task(task: str | None) -> None:
    """Refuse a task that does not exist.

    Raises:
        DataError: as said.
    """
    known = (*get_args(Task), "classification")
    if task is not None and task not in known:
        raise DataError(f"there is no task '{task}'{nearest(task, known)}; there are {', '.join(known)}")


def _classification(task: str | None, name: str, classes: int, rows: int) -> Task:
    """Binary or multiclass, if so many classes can be meant."""
    if classes > max(2, rows // 2):
        raise DataError(
            f"the target '{name}' holds {classes} different values in {rows} rows, too many for classes; name a column "
            "of fewer classes or of numbers"
        )
    if task == "binary" and classes != 2:
        raise DataError(
            f"the target '{name}' has {classes} classes, where the task 'binary' needs two; leave the task out, or say "
            'task = "multiclass"'
        )
    return "multiclass" if classes > 2 or task == "multiclass" else "binary"


def _number(value: Any) -> float | None:
    """The number in a cell of the target, or None; true and false are no numbers."""
    if isinstance(value, str):
        return parse_number(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _numbers(values: list[Any], name: str) -> list[float | None] | None:
    """The values as numbers, or None if one of them is none."""
    numbers: list[float | None] = []
    for row, value in enumerate(values, start=1):
        number = None if value is None else _number(value)
        if value is not None and number is None:
            return None
        if number is not None and abs(number) == float("inf"):
            raise DataError(f"the target '{name}' is infinite in row {row}; correct it, or leave it empty")
        numbers.append(number)
    return numbers


def _are_classes(different: set[float], rows: int) -> bool:
    """Whether so many different numbers in so many rows are taken as classes."""
    whole = all(number.is_integer() for number in different)
    return whole and (len(different) == 2 or len(different) <= min(MOST_NUMBER_CLASSES, rows // 10))


def _classes(present: list[Any], numeric: bool) -> tuple[Label, ...]:
    """The different classes in order: whole numbers, numbers, truth values, or else texts."""
    different = set(present)
    if numeric and all(isinstance(value, int | float) or _is_plain(value) for value in different):
        numbers = {float(value) for value in different}
        return tuple(int(number) if number.is_integer() else number for number in sorted(numbers))
    if all(isinstance(value, bool) or str(value).lower() in TRUTH for value in different):
        return (False, True)
    return tuple(sorted({category_name(value) for value in different}))


def _is_plain(text: str) -> bool:
    """Whether a text is the usual spelling of a whole number, so that nothing is lost if it is read as one."""
    return text.removeprefix("-").isdigit() and str(int(text)) == text
