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
        image: colours, height and width where every row is an image; empty where that is not said.
        tokens: how many tokens there are where every row is a sequence of their codes, 0 otherwise.

    Raises:
        RequestError: if the kind is unknown, a classification has fewer than two classes, or an image no three sides.
    """

    kind: TaskKind
    n_rows: int
    n_features: int
    n_classes: int = 0
    categorical: tuple[int, ...] = ()
    image: tuple[int, ...] = ()
    tokens: int = 0

    def __post_init__(self) -> None:
        kinds = get_args(TaskKind)
        if self.kind not in kinds:
            raise RequestError(f"the task '{self.kind}' is unknown; it is one of {', '.join(kinds)}")
        if self.is_classification and self.n_classes < 2:
            raise RequestError(f"a {self.kind} task has {self.n_classes} classes; a classification needs two or more")
        for name in ("categorical", "image"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON has no tuples
        if self.image and (len(self.image) != 3 or min(self.image) < 1):
            raise RequestError(
                f"an image has the shape {list(self.image)}; it is [colours, height, width], each from 1"
            )

    @property
    def is_classification(self) -> bool:
        """Whether classes are predicted."""
        return self.kind in {"binary", "multiclass"}

    @property
    def outputs(self) -> int:
        """Columns of what a network gives: a score for each class, or one value."""
        return self.n_classes if self.is_classification else 1
