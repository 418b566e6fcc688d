"""scikit-learn's callbacks, which its version 1.9 brought: what a search tells them of its tasks.

The tasks are those of scikit-learn's searches: the fit; in it the search, with one task a fold; then the refit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Tasks:
    """The tasks of one fit; where nobody listens, nothing is told.

    Args:
        search: what is fitted.
        data: the rows, their targets and what comes with them, as callbacks get them.
        whole: scikit-learn's context of the fit; None where nobody listens.
    """

    search: Any
    data: Mapping[str, Any]
    whole: Any = None
    part: Any = None
    folds: int = 0

    @property
    def caller(self) -> Any:
        """What the tasks of folds are told to belong to."""
        return None if self.whole is None else self.search

    @contextmanager
    def searching(self, most: int | None) -> Iterator[None]:
        """The search, of at most so many folds."""
        if self.whole is None:
            yield
            return
        self.part = self.whole.subcontext(task_name="search", max_subtasks=most, sequential_subtasks=False)
        self.part.call_on_fit_task_begin(estimator=self.search)
        yield
        self.part.call_on_fit_task_end(estimator=self.search)

    def fold(self) -> Any:
        """The context of the next fold."""
        if self.part is None:
            return None
        self.folds += 1
        return self.part.subcontext(task_name="candidate-split-evaluation", task_id=self.folds - 1)

    @contextmanager
    def refitting(self, model: Any) -> Iterator[None]:
        """The fit on all rows."""
        if self.whole is None:
            yield
            return
        context = self.whole.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(model):
            context.call_on_fit_task_begin(estimator=self.search, **self.data)
            yield
        context.call_on_fit_task_end(estimator=self.search, **self.data)

    def end(self) -> None:
        """The fit is done."""
        if self.whole is not None:
            self.whole.call_on_fit_task_end(estimator=self.search, **self.data)


def begun(search: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Tasks:
    """The tasks of a fit that begins now."""
    weights = params.get("sample_weight")
    data = {"X": X, "y": y, "metadata": None if weights is None else {"sample_weight": weights}}
    if not _somebody_listens(search):
        return Tasks(search, data)
    whole = search._init_callback_context(max_subtasks=1 + (search.refit is not False))
    return Tasks(search, data, whole.call_on_fit_task_begin(estimator=search, **data))


def _somebody_listens(search: Any) -> bool:
    return hasattr(search, "_init_callback_context") and (
        bool(getattr(search, "_skl_callbacks", None))
        or hasattr(search, "_parent_callback_ctx")
        or bool(getattr(search.estimator, "_skl_callbacks", None))
    )
