"""What a model is asked to do: the facts about a table that a family needs to choose its ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from holdfast.errors import RequestError

TaskKind = Literal["binary", "multiclass", "regression", "clustering"]


@dataclass(frozen=True, slots=True)
class Task:
    """A learning task on a table of numbers.

    Args:
        kind: what is predicted.
        n_rows: rows to train on.
        n_features: columns after preprocessing, or before it where that is not known yet.
        n_classes: classes of a classification, 0 otherwise.
        categorical: indices of the columns that hold ordinal-coded categories.

    Raises:
        RequestError: if the kind is unknown, or a classification has fewer than two classes.
    """

    kind: TaskKind
    n_rows: int
    n_features: int
    n_classes: int = 0
    categorical: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        kinds = get_args(TaskKind)
        if self.kind not in kinds:
            raise RequestError(f"the task '{self.kind}' is unknown; it is one of {', '.join(kinds)}")
        if self.is_classification and self.n_classes < 2:
            raise RequestError(f"a {self.kind} task has {self.n_classes} classes; a classification needs two or more")

    @property
    def is_classification(self) -> bool:
        """Whether classes are predicted."""
        return self.kind in {"binary", "multiclass"}

    @property
    def outputs(self) -> int:
        """Columns of what a network gives: a score for each class, or one value."""
        return self.n_classes if self.is_classification else 1
