"""The linear model: softmax regression of classes, or linear regression of a value, as a network of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from holdfast.train.architectures import check_shape

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class LinearArchitecture:
    """One linear layer from ``inputs`` columns to ``outputs`` scores or values, all zero at first.

    It has no minimum but the best one, so that where it begins decides nothing.
    """

    kind: ClassVar[str] = "linear"
    values: ClassVar[tuple[str, ...]] = ()

    inputs: int
    outputs: int
    bias: bool = True

    def __post_init__(self) -> None:
        check_shape(self, ())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return (self.inputs,)

    @property
    def summary(self) -> str:
        """Its layer in words."""
        return f"in one linear layer, {self.inputs} → {self.outputs}"

    def build(self, generator: torch.Generator) -> nn.Module:  # noqa: ARG002 - nothing is drawn
        """The network: (n, inputs) to (n, outputs)."""
        import torch
        from torch import nn

        layer = nn.Linear(self.inputs, self.outputs, bias=self.bias, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
        return layer
