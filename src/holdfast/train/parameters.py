"""The parameters that training gave rise to: how many numbers a fitted model learned, and the arrays they lie in.

Hyperparameters are chosen before training and are none of them; neither are classes, row numbers and records of how
the fit went.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.train.networks import NetworkEstimator

MOST_ARRAYS = 200
"""Arrays that are listed one by one; the others are taken together."""

DEEPEST = 8
"""How far nested estimators are followed."""

_RECORDS = (
    "best_loss_ best_score_ best_validation_score_ categories_ class_count_ class_weight_ dual_gap_ epsilon_ "
    "explained_variance_ explained_variance_ratio_ inertia_ log_marginal_likelihood_value_ loss_ loss_curve_ "
    "lower_bound_ n_samples_seen_ noise_variance_ oob_decision_function_ oob_prediction_ oob_score_ pvalues_ "
    "rank_ refit_time_ scores_ shape_fit_ singular_ singular_values_ train_score_ validation_score_ "
    "validation_scores_"
)

RECORDS = frozenset(_RECORDS.split())
"""Fitted attributes of scikit-learn that record the rows or how a fit went, or repeat a hyperparameter."""


@dataclass(frozen=True)
class Learned:
    """An array of learned numbers: where it lies in the model, its shape, and how many numbers it holds."""

    name: str
    shape: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Parameters:
    """What a model learned: the number of its parameters (None where nobody can say), in words, and array by array."""

    count: int | None
    text: str
    arrays: tuple[Learned, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """``count``, ``text`` and ``arrays``: at most 200 rows of name, shape and count, the last of them the rest."""
        shown, rest = self.arrays, self.arrays[MOST_ARRAYS:]
        if rest:
            shown, rest = self.arrays[: MOST_ARRAYS - 1], self.arrays[MOST_ARRAYS - 1 :]
        rows: list[list[Any]] = [[item.name, list(item.shape), item.count] for item in shown]
        if rest:
            total = sum(item.count for item in rest)
            rows.append([f"{len(rest)} more arrays", [total], total])
        return {"count": self.count, "text": self.text, "arrays": rows}


def parameters_of(model: Any, preprocessor: Any = None) -> Parameters:
    """What a fitted model learned, for any family and for any estimator that keeps scikit-learn's conventions.

    Args:
        model: the fitted model.
        preprocessor: what was fitted before it; its numbers are told in words and are not part of the count.
    """
    arrays = tuple(_learned(model))
    count = sum(item.count for item in arrays) if arrays else None
    text = _text(model, arrays, count)
    before = sum(item.count for item in _learned(preprocessor)) if preprocessor is not None else 0
    if before:
        text += f" The preprocessing before it learned {_many(before, 'number')} of its own, from the same rows."
    return Parameters(count, text, arrays)


def _learned(model: Any) -> Iterator[Learned]:
    """The arrays of a fitted model."""
    if isinstance(model, NetworkEstimator):
        weights = model.trained.weights
        return (Learned(name, tuple(tensor.shape), tensor.numel()) for name, tensor in weights.items())
    return _inside(model, "", set(), 0)


def _inside(value: Any, name: str, seen: set[int], depth: int) -> Iterator[Learned]:
    """The learned numbers in a value: an array, a number, a sequence, or an estimator with such attributes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if value.size:
            yield Learned(name, value.shape, value.size)
    elif isinstance(value, (float, np.floating)):
        yield Learned(name, (), 1)
    elif hasattr(value, "nnz") and hasattr(value, "shape"):
        yield Learned(name, tuple(value.shape), int(value.nnz))
    elif depth < DEEPEST and id(value) not in seen and _is_container(value):
        seen.add(id(value))
        yield from _members(value, name, seen, depth + 1)


def _is_container(value: Any) -> bool:
    objects = isinstance(value, np.ndarray) and value.dtype == object
    return objects or isinstance(value, (list, tuple)) or (hasattr(value, "__dict__") and not isinstance(value, type))


def _members(value: Any, name: str, seen: set[int], depth: int) -> Iterator[Learned]:
    """The learned numbers in a sequence or an estimator."""
    trees = _trees(value)
    if trees:
        yield from _of_trees(trees, name)
        baseline = getattr(value, "_baseline_prediction", None)
        if baseline is not None:
            yield from _inside(np.ravel(baseline), f"{name}.baseline" if name else "baseline", seen, depth)
    elif isinstance(value, (list, tuple, np.ndarray)):
        for position, item in enumerate(np.ravel(value) if isinstance(value, np.ndarray) else value):
            yield from _inside(item, _place(name, position, item), seen, depth)
    elif hasattr(value, "_fit_X"):
        yield from _stored(value, name)
    elif hasattr(value, "_tfidf"):
        yield from _inside(value._tfidf, name, seen, depth)
    else:
        steps = getattr(value, "steps", None)  # a pipeline keeps its fitted steps under the name of a hyperparameter
        found = vars(value) if steps is None else {step: fitted for step, fitted in steps if step}
        for key, item in found.items():
            if steps is not None or _holds_parameters(value, key):
                yield from _inside(item, f"{name}.{key}" if name else key, seen, depth)


def _place(name: str, position: int, item: Any) -> str:
    """Where an item of a sequence lies; a sequence that starts with a name is called by it."""
    if isinstance(item, (list, tuple)) and item and isinstance(item[0], str):
        return f"{name}[{item[0]}]"
    return name if name.endswith("]") and not isinstance(item, (float, np.ndarray)) else f"{name}[{position}]"


def _holds_parameters(owner: Any, key: str) -> bool:
    """Whether an attribute is fitted and holds what the model predicts with, by scikit-learn's conventions."""
    if key == "intercept_" and getattr(owner, "fit_intercept", True) is False:
        return False
    if key == "var_" and getattr(owner, "scale_", None) is not None:  # the square of the scale
        return False
    return key.endswith("_") and not key.startswith("_") and key not in RECORDS


@dataclass(frozen=True)
class _Tree:
    """A tree: its splits, its leaves, and how many values each leaf holds."""

    splits: int
    leaves: int
    values: int


def _trees(model: Any) -> list[_Tree]:
    """The trees of a tree, a forest, or boosted trees on histograms; empty for anything else."""
    own = getattr(model, "__dict__", {})
    if "tree_" in own:
        tree = own["tree_"]
        leaves = int((tree.children_left == -1).sum())
        return [_Tree(tree.node_count - leaves, leaves, math.prod(tree.value.shape[1:]))]
    if "_predictors" in own and "n_trees_per_iteration_" in own:
        leaves_of = [(len(p.nodes), int(p.nodes["is_leaf"].sum())) for stage in own["_predictors"] for p in stage]
        return [_Tree(nodes - leaves, leaves, 1) for nodes, leaves in leaves_of]
    members = own.get("estimators_")
    if isinstance(members, (list, np.ndarray)) and len(members):
        flat = list(np.ravel(np.asarray(members, dtype=object)))
        if all("tree_" in getattr(item, "__dict__", {}) for item in flat):
            return [tree for item in flat for tree in _trees(item)]
    return []


def _of_trees(trees: Sequence[_Tree], name: str) -> Iterator[Learned]:
    """The numbers of all trees together: a feature and a threshold (or a set of categories) a split; leaf values."""
    start = f"{name}." if name else ""
    splits, leaves = sum(tree.splits for tree in trees), sum(tree.leaves for tree in trees)
    width = trees[0].values
    if splits:
        yield Learned(f"{start}split features", (splits,), splits)
        yield Learned(f"{start}split thresholds", (splits,), splits)
    yield Learned(f"{start}leaf values", (leaves, width) if width > 1 else (leaves,), leaves * width)


def _stored(model: Any, name: str) -> Iterator[Learned]:
    """The training rows that a model of nearest neighbours keeps."""
    start = f"{name}." if name else ""
    yield Learned(f"{start}stored rows", tuple(model._fit_X.shape), math.prod(model._fit_X.shape))
    if getattr(model, "_y", None) is not None:
        yield Learned(f"{start}stored targets", tuple(model._y.shape), model._y.size)


def _text(model: Any, arrays: Sequence[Learned], count: int | None) -> str:
    """One or two sentences on what was learned."""
    if count is None:
        kind = type(model).__name__
        return f"What the model ({kind}) learned lies in no public array, so its parameters cannot be counted."
    gave = f"Training gave rise to {_many(count, 'parameter')}"
    if isinstance(model, NetworkEstimator):
        return f"{gave} {model.trained.architecture.summary}."
    trees = _trees(model)
    if trees:
        return _trees_text(model, trees, gave)
    if hasattr(model, "_fit_X"):
        rows = len(model._fit_X)
        return (
            f"The model keeps its {rows:,} training rows, {_many(count, 'number')} in all, and compares new rows with "
            "them; it has no other parameters."
        )
    largest = sorted(arrays, key=lambda item: -item.count)[:4]
    listed = [f"{item.name} ({' × '.join(map(str, item.shape)) or 'one number'})" for item in largest]
    if len(arrays) > 4:
        listed[3:] = [_many(len(arrays) - 3, "more array")]
    where = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
    foreign = "" if type(model).__module__.startswith("sklearn.") else ", as far as its public attributes tell"
    return f"{gave}: {where}{foreign}.{_details(model)}"


def _trees_text(model: Any, trees: Sequence[_Tree], gave: str) -> str:
    splits, leaves = sum(tree.splits for tree in trees), sum(tree.leaves for tree in trees)
    values = "a value" if trees[0].values == 1 else f"{trees[0].values} values"
    categorical = getattr(model, "is_categorical_", None)
    sets = categorical is not None and np.any(categorical)
    bound = "a threshold or a set of categories" if sets else "a threshold"
    return (
        f"{gave} in {_many(len(trees), 'tree')}: a feature and {bound} at each of {_many(splits, 'split')}, and "
        f"{values} at each of {_many(leaves, 'leaf', 'leaves')}."
    )


def _details(model: Any) -> str:
    """What is worth saying of coefficients and support vectors."""
    inner = getattr(model, "regressor_", model)
    own = getattr(inner, "__dict__", {})
    if "support_vectors_" in own and "shape_fit_" in own:
        return f" {len(own['support_vectors_']):,} of {own['shape_fit_'][0]:,} training rows are support vectors."
    coef = own.get("coef_")
    zeros = int((coef == 0).sum()) if isinstance(coef, np.ndarray) else 0
    return f" Exactly zero: {zeros:,} of {coef.size:,} coefficients." if zeros and coef is not None else ""


def _many(n: int, one: str, several: str | None = None) -> str:
    """A number of things."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"
