"""The loss on the test rows as training went on: computed while they are open, after every choice, choosing nothing.

The test score is read from the model that ships. Its curve needs the model at every step. Boosted trees have all their
steps in them. A network is trained once more, from its seed and on the same rows, with the test rows where validation
rows otherwise stand: it only looks at them, so it learns what it learned before, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.data.weights import relative
from holdfast.protocol.choose import fit_again, fit_in_full, ships
from holdfast.protocol.learn import Prepared, prepare
from holdfast.protocol.prepare import Ready
from holdfast.protocol.ship import rows_of_refit
from holdfast.protocol.tables import Rows, parts_of
from holdfast.train.curves import JudgedRows
from holdfast.train.staged import curve_of
from holdfast.train.storage import LoadedModel


def trains_again(ready: Ready) -> bool:
    """Whether the curve of the test takes one more training: for networks, where the plan has test rows to open."""
    by_itself = "test" in ready.seal.rows and ready.plan.study.unseal == "at-end"
    return by_itself and ready.recipe.network_shape is not None


def opened_curve(ready: Ready, model: LoadedModel, rows: Rows) -> dict[str, Any] | None:
    """The losses of the model that ships, on its training rows and on the test rows; None where it has no steps.

    ``metric``, ``step`` (a name), ``steps``, ``train``, ``test`` (losses, None where one is no finite number), ``kept``
    (the step that predicts) and ``same``, whether the training that was watched predicts the test rows as the model
    that ships does.

    Args:
        ready: the study.
        model: the one that ships.
        rows: the test rows.
    """
    if rows.y is None or not _has_steps(ready, model):
        return None
    prepared = _learned_from(ready)
    judged: JudgedRows = (np.asarray(prepared.preprocessor.transform(rows.features), dtype=float), rows.y)
    same = True
    if ready.recipe.network_shape is None:
        assert prepared.y is not None
        weights = prepared.weights, relative(rows.weights)
        curve = curve_of(model.model, prepared.X, prepared.y, judged, weights)
    else:
        fitted = _watched(ready, prepared, judged)
        curve = fitted.curve
        same = bool(np.array_equal(model.model.predict(judged[0]), fitted.model.predict(judged[0])))
    if curve is None:
        return None
    kept = {name: curve[name] for name in ("metric", "step", "steps", "train", "kept")}
    return {**kept, "test": curve["validation"], "same": same}


def _has_steps(ready: Ready, model: LoadedModel) -> bool:
    return ready.recipe.network_shape is not None or hasattr(model.model, "n_trees_per_iteration_")


def _learned_from(ready: Ready) -> Prepared:
    """The rows that the model that ships learned from."""
    if ships(ready) == "refit":
        return prepare(ready.recipe, rows_of_refit(ready)[0])
    part = parts_of(ready.run.path, ready.recipe.schema, folds=False)[0]
    return prepare(ready.recipe, part.learn)


def _watched(ready: Ready, prepared: Prepared, judged: JudgedRows) -> Any:
    """The fit of the model that ships, once more, with its curve."""
    winner = ready.book.state.trials[ready.book.state.notes["choice.made"][-1]["trial"]]
    if ships(ready) == "refit":
        return fit_in_full(ready, winner, prepared, judged)
    return fit_again(ready, winner, prepared, judged)
