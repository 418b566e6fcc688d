"""The transformer for sequences of tokens: its shape, and the network that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from holdfast.errors import RequestError
from holdfast.train.architectures import Activation, check_shape

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class TransformerArchitecture:
    """The shape of a transformer (Vaswani et al. 2017) that classifies sequences of at most ``length`` tokens.

    Tokens are codes 1 to ``tokens``; 0 is padding, which is attended to by none and takes no part in the mean at the
    end, and any other code is an unknown token. Each token becomes a vector of ``embedding`` numbers, to which that of
    its place is added. Each of ``layers`` layers has attention of ``heads`` heads and then two linear layers with
    ``feed_forward`` × ``embedding`` units between them, each on normalised input and added to what went in (pre-norm:
    Xiong et al. 2020). The mean over the tokens, normalised, is read by a linear layer.

    Raises:
        RequestError: if a hyperparameter has a value that it cannot have, or the heads do not divide the embedding.
    """

    kind: ClassVar[str] = "transformer"
    values: ClassVar[tuple[str, ...]] = ("dropout",)

    length: int
    tokens: int
    outputs: int
    layers: int = 2
    heads: int = 4
    embedding: int = 64
    feed_forward: int = 2
    activation: Activation = "gelu"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_shape(self, ("layers", "heads", "embedding", "feed_forward"))
        if self.embedding % self.heads:
            raise RequestError(
                f"the hyperparameter 'embedding' is {self.embedding}, of which {self.heads} heads cannot take equal "
                f"parts; it is a multiple of 'heads'"
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row: its tokens."""
        return (self.length,)

    @property
    def summary(self) -> str:
        """Its layers in words."""
        layers = f"{self.layers:,} {'layer' if self.layers == 1 else 'layers'} of attention"
        heads = f"{self.heads:,} {'head' if self.heads == 1 else 'heads'}"
        return (
            f"in vectors of {self.embedding} numbers for {self.tokens:,} tokens and {self.length:,} places, {layers} "
            f"with {heads}, and a last layer, {self.embedding} → {self.outputs}"
        )

    def build(self, generator: torch.Generator) -> nn.Module:
        """A freshly initialised network: codes (n, length), of any type of number, to (n, outputs)."""
        from torch import nn

        from holdfast.train.models.attention import Attention, Encoder, EncoderLayer, Tokens
        from holdfast.train.models.layers import ACTIVATION_LAYERS, Dropout, linear

        def thinning() -> nn.Module:
            return Dropout(self.dropout) if self.dropout > 0.0 else nn.Identity()

        size, inner = self.embedding, self.feed_forward * self.embedding
        gain = 1.0 / math.sqrt(2.0 * self.layers)  # so that the sum of all that is added does not grow with the layers
        tokens = Tokens(self.tokens, self.length, size, generator)
        layers = []
        for _ in range(self.layers):
            attention = Attention(size, self.heads, generator, gain)
            forwards = nn.Sequential(
                nn.LayerNorm(size),
                linear(size, inner, generator, 1.0),
                ACTIVATION_LAYERS[self.activation](),
                linear(inner, size, generator, gain),
            )
            layers.append(EncoderLayer(attention, forwards, [thinning(), thinning()]))
        last = linear(size, self.outputs, generator, 1.0)
        return Encoder(tokens, thinning(), layers, nn.LayerNorm(size), last)
