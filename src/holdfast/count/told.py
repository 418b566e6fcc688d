"""What training gave rise to, for the log of a study: how many numbers, in words, and array by array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.count.estimators import formula_of, work_of
from holdfast.count.learned import Learned, learned, weights_of
from holdfast.count.records import Layer, Trees, Work, total

MOST_ARRAYS = 200
"""Arrays that are listed one by one; the others are taken together."""


@dataclass(frozen=True)
class Told:
    """What a model learned.

    Args:
        count: of its parameters; None where nobody can say.
        text: in words.
        layers: array by array, those of the preprocessing first.
        trees: for models of trees.
        work: what a row costs, where the shape tells.
        formula: a linear model written out; empty for others.
    """

    count: int | None
    text: str
    layers: tuple[Layer, ...] = ()
    trees: Trees | None = None
    work: Work | None = None
    formula: str = ""

    def to_json(self) -> dict[str, Any]:
        """``count``, ``text``, ``trees``, ``work``, ``formula``; ``arrays``: up to 200 rows of name, shape and count.

        The last row is the sum of all others where there are more.
        """
        shown, rest = self.layers, self.layers[MOST_ARRAYS:]
        if rest:
            shown, rest = self.layers[: MOST_ARRAYS - 1], self.layers[MOST_ARRAYS - 1 :]
        rows: list[list[Any]] = [[item.name, list(item.shape), item.parameters] for item in shown]
        if rest:
            rows.append([f"{len(rest)} more arrays", [total(rest)], total(rest)])
        return {
            "count": self.count,
            "text": self.text,
            "arrays": rows,
            "trees": None if self.trees is None else self.trees.to_json(),
            "work": None if self.work is None else self.work.to_json(),
            "formula": self.formula,
        }


def tell(model: Any, preprocessor: Any = None, work: Work | None = None) -> Told:
    """What a fitted model learned, for any family and for any estimator that keeps scikit-learn's conventions.

    Args:
        model: the fitted model.
        preprocessor: what was fitted before it, on the same rows; its numbers are counted as well, under its name.
        work: what a row costs, where the caller knows the architecture.
    """
    found = learned(model)
    before = Learned(()) if preprocessor is None else learned(preprocessor, "preprocessor")
    text = _text(model, found)
    if before.layers:
        text += f" The preprocessing before it learned {_many(total(before.layers), 'number')} from the same rows"
        text += f": {total([*before.layers, *found.layers]):,} in all." if found.layers else "."
    layers = (*before.layers, *found.layers)
    count = total(layers) if found.layers else None
    return Told(count, text, layers, found.trees, work or work_of(model), formula_of(model))


def _text(model: Any, found: Learned) -> str:
    """One or two sentences on what the model itself learned."""
    count = total(found.layers)
    if not found.layers:
        kind = type(model).__name__
        return f"What the model ({kind}) learned lies in no public array, so its parameters cannot be counted."
    gave = f"Training gave rise to {_many(count, 'parameter')}"
    if weights_of(model) is not None:
        architecture = getattr(model, "_trained", model).architecture
        kept = f", beside {_many(total(found.buffers), 'statistic')} that norms keep" if found.buffers else ""
        return f"{gave} {architecture.summary}{kept}."
    if found.trees is not None:
        return _trees_text(model, found.trees, gave)
    if hasattr(model, "_fit_X"):
        rows = len(model._fit_X)
        return (
            f"The model keeps its {rows:,} training rows, {_many(count, 'number')} in all, and compares new rows with "
            "them; it has no other parameters."
        )
    return f"{gave}: {_listed(found.layers)}{_foreign(model)}.{_details(model)}"


def _listed(layers: Sequence[Layer]) -> str:
    largest = sorted(layers, key=lambda item: -item.parameters)[:4]
    words = [f"{item.name} ({' × '.join(map(str, item.shape)) or 'one number'})" for item in largest]
    if len(layers) > 4:
        words[3:] = [_many(len(layers) - 3, "more array")]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _foreign(model: Any) -> str:
    return "" if type(model).__module__.startswith("sklearn.") else ", as far as its public attributes tell"


def _trees_text(model: Any, trees: Trees, gave: str) -> str:
    values = "a value" if trees.values == 1 else f"{trees.values} values"
    categorical = getattr(model, "is_categorical_", None)
    sets = categorical is not None and np.any(categorical)
    bound = "a threshold or a set of categories" if sets else "a threshold"
    return (
        f"{gave} in {_many(trees.trees, 'tree')}: {bound} at each of {_many(trees.splits, 'split')}, and {values} at "
        f"each of {_many(trees.leaves, 'leaf', 'leaves')}. Which feature a split asks is structure and is not counted."
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
