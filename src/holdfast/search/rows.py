"""What a history is made of: arrays and lists that grow at their end, and of which earlier views never change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from holdfast.records import Config


class Rows:
    """An array that grows at its end; views taken earlier never change."""

    def __init__(self, shape: tuple[int, ...], dtype: type) -> None:
        self.shape = shape
        self._take(np.empty((64, *shape), dtype=dtype))
        self._length = 0
        self._viewed = False

    def append(self, row: float | Sequence[float] | np.ndarray) -> None:
        """One more row."""
        if self._length == len(self._array):
            grown = np.empty((max(2 * self._length, 64), *self.shape), dtype=self._array.dtype)
            grown[: self._length] = self._array
            self._take(grown)
        self._array[self._length] = row
        self._length += 1

    def fill(self, array: np.ndarray) -> None:
        """Hold exactly the rows of ``array``."""
        self._take(np.array(array, dtype=self._array.dtype))
        self._length = len(array)

    def replace(self, position: int, row: float | np.ndarray) -> None:
        """Change one row, in a copy if there are views, which keep theirs."""
        if self._viewed:
            self._take(self._array.copy())
            self._viewed = False
        self._array[position] = row

    def widened(self, width: int) -> Rows:
        """The same rows with zeros behind them, up to so many columns."""
        found = Rows((width,), self._array.dtype.type)
        found.fill(np.pad(self._array[: self._length], ((0, 0), (0, width - self.shape[0]))))
        return found

    def view(self) -> np.ndarray:
        """The rows as they are now, read-only."""
        self._viewed = True
        return self._read_only[: self._length]

    def _take(self, array: np.ndarray) -> None:
        self._array = array
        self._read_only = array.view()
        self._read_only.flags.writeable = False


class Fitting:
    """Columns that belong to trials (the first column): all rows, and those of trials that fit into the space."""

    def __init__(self, *columns: Rows) -> None:
        self.all = columns
        self._kept = columns

    def append(self, row: Sequence[Any], *, fits: bool) -> None:
        """One more row of every column."""
        for column, value in zip(self.all, row, strict=True):
            column.append(value)
        if fits and self._kept is not self.all:
            for column, value in zip(self._kept, row, strict=True):
                column.append(value)

    def keep(self, masked: set[int]) -> None:
        """Show all rows but those of masked trials."""
        if not masked:
            self._kept = self.all
            return
        chosen = ~np.isin(self.all[0].view(), sorted(masked))
        self._kept = tuple(Rows(column.shape, column.view().dtype.type) for column in self.all)
        for column, whole in zip(self._kept, self.all, strict=True):
            column.fill(whole.view()[chosen])

    def views(self) -> list[np.ndarray]:
        """The rows that are shown."""
        return [column.view() for column in self._kept]


class Configs(Sequence[Config]):
    """Configurations by number, some of them still JSON texts until somebody looks; a list that grows at its end."""

    def __init__(self, items: Sequence[Config | str] = ()) -> None:
        self._items = list(items)
        self._viewed = False

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Config: ...
    @overload
    def __getitem__(self, at: slice) -> list[Config]: ...
    def __getitem__(self, at: int | slice) -> Config | list[Config]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        item = self._items[at]
        if isinstance(item, str):
            item = self._items[at] = json.loads(item)
        return item

    def __iter__(self) -> Iterator[Config]:
        return (self[at] for at in range(len(self)))

    def append(self, config: Config) -> None:
        """One more configuration."""
        self._items.append(config)

    def view(self) -> Configs:
        """The same list, which only grows from here on: a change in the middle makes another one."""
        self._viewed = True
        return self

    def with_item(self, at: int, config: Config) -> Configs:
        """The list with another configuration at one place: a new one if somebody has a view, else the same."""
        found = Configs(self._items) if self._viewed else self
        found._items[at] = config
        return found
