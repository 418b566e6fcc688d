"""The numbers of decision trees: a threshold at each split and values at each leaf, counted apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.count.records import Layer, Trees


@dataclass(frozen=True)
class Forest:
    """Trees taken together.

    Args:
        trees: how many.
        splits: of all trees; each holds a threshold, or a set of categories.
        leaves: of all trees.
        values: the numbers that a leaf holds.
        categorical: the splits that hold a set of categories.
        coefficients: of linear models in leaves, their constants included.
    """

    trees: int
    splits: int
    leaves: int
    values: int = 1
    categorical: int = 0
    coefficients: int = 0

    def layers(self, dtype: str | None = None, start: str = "") -> tuple[Layer, ...]:
        """Thresholds and leaf values as layers; ``start`` comes before their names."""
        found = [Layer.of(f"{start}split thresholds", "threshold", self.splits, dtype=dtype)] if self.splits else []
        sides = (self.leaves, self.values) if self.values > 1 else (self.leaves,)
        if self.leaves:
            found.append(Layer.of(f"{start}leaf values", "leaf value", *sides, dtype=dtype))
        if self.coefficients:
            found.append(Layer.of(f"{start}leaf coefficients", "coefficient", self.coefficients, dtype=dtype))
        return tuple(found)

    def trees_record(self) -> Trees | None:
        """The counts as an inspection has them; None without trees."""
        return Trees(self.trees, self.splits, self.leaves, self.values) if self.trees else None

    def notes(self) -> tuple[str, ...]:
        """What was counted, in words."""
        if not self.trees:
            return ("It holds no trees.",)
        values = self.leaves * self.values
        each = "a value" if self.values == 1 else f"{self.values:,} values"
        said = (
            f"{many(self.trees, 'tree')}: {many(self.splits, 'threshold')}, one a split, and "
            f"{many(values, 'leaf value')}, {each} a leaf. Which feature a split asks is structure and is not counted."
        )
        if self.categorical:
            said += (
                f" {many(self.categorical, 'split')} ask for a set of categories, which is counted as one threshold."
            )
        return (said,)


def together(forests: Iterable[Forest]) -> Forest:
    """Several groups of trees as one; leaves of unlike width are taken to be as wide as all numbers need."""
    forests = list(forests)
    leaves, numbers = sum(each.leaves for each in forests), sum(each.leaves * each.values for each in forests)
    return Forest(
        sum(each.trees for each in forests),
        sum(each.splits for each in forests),
        leaves,
        numbers // leaves if leaves and numbers % leaves == 0 else 1,
        sum(each.categorical for each in forests),
    )


def many(n: int, one: str) -> str:
    """A number of things.

    >>> many(1, "tree"), many(1000, "tree")
    ('1 tree', '1,000 trees')
    """
    return f"{n:,} {one}{'' if n == 1 else 's'}"
