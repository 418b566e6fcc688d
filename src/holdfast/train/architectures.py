"""What a kind of network has to be: a frozen dataclass of JSON values that builds the network. No torch before that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from holdfast.errors import RequestError, nearest

if TYPE_CHECKING:
    import torch
    from torch import nn

Activation = Literal["relu", "gelu", "tanh", "silu", "sigmoid"]

ACTIVATIONS: tuple[Activation, ...] = ("relu", "gelu", "tanh", "silu")
"""Those that a default space holds; sigmoid learns slowly in all but the shallowest networks."""

Norm = Literal["none", "batch", "layer", "group"]


@runtime_checkable
class Architecture(Protocol):
    """The shape of a network: everything but its weights. A frozen dataclass whose fields are JSON values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def kind(self) -> str:
        """What files call this kind of network; a class attribute."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row: (d,) of a table, (c, h, w) of an image, (length,) of tokens.

        A row of features is reshaped to it, and the network is called with (n, *input_shape).
        """
        ...

    @property
    def outputs(self) -> int:
        """Columns of what the network gives, (n, outputs): a score for each class, or the one value of a regression."""
        ...

    @property
    def summary(self) -> str:
        """Its layers in a few words that go on after 'parameters': 'in 3 layers, 64 → 192 → 10'."""
        ...

    def build(self, generator: torch.Generator) -> nn.Module:
        """A freshly initialised network in float32, which draws from ``generator`` and from nothing else."""
        ...


CHOICES: dict[str, tuple[str, ...]] = {"activation": get_args(Activation), "norm": get_args(Norm)}
"""Hyperparameters of shape that several kinds of networks have, and their values."""

RATES = {"dropout": "a rate from 0 to below 1", "norm_momentum": "a share above 0, at most 1"}


def check_shape(
    architecture: Architecture, counts: tuple[str, ...], choices: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """Raise `RequestError` for the first hyperparameter of a shape that has a value it cannot have.

    Args:
        architecture: just made.
        counts: its fields that are whole numbers from 1 on.
        choices: its own fields of one value of several, beside `CHOICES`.
    """
    found = {name: getattr(architecture, name) for name in architecture.__dataclass_fields__}
    for name in counts:
        if isinstance(found[name], bool) or not isinstance(found[name], int) or found[name] < 1:
            raise RequestError(f"the hyperparameter '{name}' is {found[name]!r}; it is a whole number from 1")
    for name, known in {**CHOICES, **(choices or {})}.items():
        if name in found and found[name] not in known:
            hint = nearest(str(found[name]), known) or f"; it is one of {', '.join(known)}"
            raise RequestError(f"the hyperparameter '{name}' is {found[name]!r}{hint}")
    for name, words in RATES.items():
        value = found.get(name, 0.5)
        inside = isinstance(value, int | float) and not isinstance(value, bool)
        if not inside or not (0.0 <= value < 1.0 if name == "dropout" else 0.0 < value <= 1.0):
            raise RequestError(f"the hyperparameter '{name}' is {value!r}; it is {words}")
    for name, value in found.items():
        if isinstance(architecture.__dataclass_fields__[name].default, bool) and not isinstance(value, bool):
            raise RequestError(f"the hyperparameter '{name}' is {value!r}; it is true or false")
