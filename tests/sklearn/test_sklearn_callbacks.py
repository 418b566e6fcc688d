"""Callbacks hear of the tasks that scikit-learn's own search has."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from holdfast.sklearn import HoldfastSearchCV
from holdfast.sklearn.callbacks import begun

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


class Listener:
    """Notes the tasks that begin and end."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int | None]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.heard.append(("setup", context.task_name, context.max_subtasks))

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        self.heard.append(("begin", context.task_name, context.max_subtasks if X is None else len(X)))

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        self.heard.append(("end", context.task_name, None if X is None else len(X)))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.heard.append(("teardown", context.task_name, context.max_subtasks))


@pytest.mark.parametrize("refit", [True, False])
def test_callbacks_hear_what_they_hear_of_a_grid(refit: bool) -> None:
    ours, theirs = Listener(), Listener()
    tree, grid = DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}
    X, y = load_iris(return_X_y=True)
    search = HoldfastSearchCV(tree, grid, strategy="grid", n_trials=3, cv=4, refit=refit)
    search.set_callbacks(ours).fit(X, y)
    GridSearchCV(tree, grid, cv=4, refit=refit).set_callbacks(theirs).fit(X, y)
    assert ours.heard == theirs.heard
    assert len(ours.heard) > 20


def test_nobody_is_told_where_nobody_listens() -> None:
    search = HoldfastSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]})
    tasks = begun(search, [[1]], [1], {})
    with tasks.searching(1), tasks.refitting(search.estimator):
        assert (tasks.caller, tasks.fold()) == (None, None)
    tasks.end()
