"""How large a model may be, as a rule of a space: what is larger is forbidden before it is ever trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from holdfast.count.costs import OPTIMIZERS
from holdfast.count.named import architecture
from holdfast.count.records import WIDTHS, Inspection, total
from holdfast.count.shapes.parts import Part
from holdfast.errors import RequestError, nearest, shown

Measure = Literal["max_parameters", "max_memory", "max_flops"]
MEASURES: dict[str, str] = {
    "max_parameters": "parameters",
    "max_memory": "bytes of training memory",
    "max_flops": "FLOPs a forward pass",
}
"""What can be limited, and what it is of."""

_FIELD = re.compile(r"\{(\w+)\}")

Size = Callable[[Mapping[str, Any]], "Inspection | Part | int | str | None"]
"""A model's size from a configuration; None where nobody can say."""


@dataclass(frozen=True)
class Limit:
    """A rule for ``Space(..., forbid=[...])``: configurations whose model is larger are never proposed.

    >>> limit = Limit("max_parameters", 50_000, of="mlp:784-{width}-10")
    >>> limit({"width": 32}), limit({"width": 256})
    (False, True)

    Args:
        measure: ``max_parameters``; ``max_memory``, bytes of training in float32, see `holdfast.count.costs`, with the
            configuration's ``batch_size`` (1 without one) and ``optimizer`` (Adam without one); ``max_flops``, of one
            forward pass on one example.
        bound: the largest value that is allowed.
        of: an architecture with hyperparameters in braces, ``"mlp:784-{width}-10"``; or a function of a configuration
            that gives an architecture's name, an inspection or a number of parameters. A text is kept in the log; a
            function has to be given again when a study is loaded.

    Raises:
        RequestError: for a measure that is none, or a bound that no model meets.
    """

    measure: Measure
    bound: float
    of: str | Size

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            hint = nearest(str(self.measure), MEASURES) or f"; there are {', '.join(MEASURES)}"
            raise RequestError(f"a limit cannot be on {shown(self.measure)}{hint}")
        number = isinstance(self.bound, (int, float)) and not isinstance(self.bound, bool)
        if not number or not 1 <= self.bound < float("inf"):
            raise RequestError(f"{self.measure} is {shown(self.bound)}; it is a number from 1 on")
        if not isinstance(self.of, str) and not callable(self.of):
            raise RequestError(f"the limit {self.measure} is of {shown(self.of)}; it takes a text or a function")

    @property
    def name(self) -> str:
        """What it forbids, in words."""
        return f"more than {self.bound:,.0f} {self.what}"

    def __call__(self, config: Mapping[str, Any]) -> bool:
        """Whether a configuration is forbidden."""
        size = self.size(config)
        return size is not None and size > self.bound

    def size(self, config: Mapping[str, Any]) -> int | None:
        """What is limited, of the model of a configuration; None where nobody can say, or a named value is inactive.

        Raises:
            RequestError: if the text or the function does not give a model.
        """
        found = self._model(config)
        if found is None:
            return None
        if isinstance(found, int):
            if self.measure != "max_parameters":
                raise RequestError(
                    f"{self.measure} needs an architecture or an inspection, and was given {shown(found)}"
                )
            return found
        layers = total(found.layers)
        if self.measure == "max_parameters":
            return layers
        work = found.work if isinstance(found, Inspection) else found
        flops, activations = (0, 0) if work is None else (work.flops, work.activations)
        return flops if self.measure == "max_flops" else training_bytes(layers, activations, config)

    @property
    def what(self) -> str:
        """What is counted, in words."""
        return MEASURES[self.measure]

    @staticmethod
    def from_json(data: Mapping[str, Any], of: Size | None = None) -> Limit:
        """What ``made_of`` gave; ``of`` where it is of a function that was made again."""
        return Limit(data["limit"], data["bound"], data["of"] if of is None else of)

    @property
    def reads(self) -> tuple[str, ...] | None:
        """The hyperparameters that the size depends on; None where nobody can say."""
        names = tuple(_FIELD.findall(self.of)) if isinstance(self.of, str) else getattr(self.of, "reads", None)
        if names is None or self.measure != "max_memory":
            return names
        return (*names, "batch_size", "optimizer")

    @property
    def notices(self) -> tuple[str, ...]:
        """Those of which only matters whether they are there."""
        return ("momentum",) if self.measure == "max_memory" else ()

    @property
    def made_of(self) -> dict[str, Any] | None:
        """JSON values that it can be made of again; None where it is of a function that a log cannot hold."""
        of = self.of if isinstance(self.of, str) else getattr(self.of, "made_of", None)
        return None if of is None else {"limit": self.measure, "bound": self.bound, "of": of}

    def _model(self, config: Mapping[str, Any]) -> Inspection | Part | int | None:
        if callable(self.of):
            found = self.of(config)
            return architecture(found) if isinstance(found, str) else found
        names = _FIELD.findall(self.of)
        if any(name not in config for name in names):
            return None
        return architecture(_FIELD.sub(lambda match: str(config[match[1]]), self.of))


def training_bytes(parameters: int, activations: int, config: Mapping[str, Any]) -> int:
    """The memory of training in float32, with the batch and the optimiser that a configuration names.

    Args:
        parameters: of the model, all of them trained.
        activations: kept of one example.
        config: ``batch_size`` and ``optimizer`` are looked at, and whether there is a ``momentum``.
    """
    batch, optimizer = config.get("batch_size", 1), str(config.get("optimizer", "adam")).lower()
    kept = OPTIMIZERS["adam"]
    if "sgd" in optimizer:
        kept = OPTIMIZERS["momentum" if "momentum" in config else "sgd"]
    numbers = parameters * (2 + kept) + int(batch) * activations
    return int(numbers * WIDTHS["float32"])
