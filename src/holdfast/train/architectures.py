"""What a kind of network has to be: a frozen dataclass of JSON values that builds the network. No torch before that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import nn

Activation = Literal["relu", "gelu", "tanh", "silu"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


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
