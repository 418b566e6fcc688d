"""The networks that holdfast trains, counted from their fields, against what is built from them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from holdfast.count.shapes.networks import BUILDERS, network_part
from holdfast.train.models import ARCHITECTURES
from holdfast.train.models.cnn import CNNArchitecture
from holdfast.train.models.linear import LinearArchitecture
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.models.transformer import TransformerArchitecture

SHAPES: list[Any] = [
    LinearArchitecture(5, 3),
    LinearArchitecture(5, 1, bias=False),
    MLPArchitecture(6, 3),
    MLPArchitecture(6, 3, depth=0),
    MLPArchitecture(6, 3, depth=3, width=9, taper=0.6, layer_norm=True, activation="gelu"),
    MLPArchitecture(6, 1, depth=3, width=8, batch_norm=True, residual=True),
    CNNArchitecture((1, 8, 12), 10, residual=True),
    CNNArchitecture((3, 8, 8), 4, blocks=3, convolutions=2, norm="none", kernel=5, head="average", residual=True),
    CNNArchitecture((3, 9, 7), 4, norm="group", activation="silu", channels=6),
    TransformerArchitecture(7, 11, 3),
    TransformerArchitecture(12, 30, 2, layers=3, heads=2, embedding=10, feed_forward=4, activation="relu"),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_network_is_counted_as_it_is_built(shape: Any) -> None:
    network = shape.build(torch.Generator()).eval()
    part = network_part(shape)
    assert part is not None
    assert Counter(layer.shape for layer in part.layers) == Counter(tuple(p.shape) for p in network.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.ones(1, *shape.input_shape))
    assert part.flops == counter.get_total_flops()


def test_every_kind_of_network_is_known() -> None:
    assert set(BUILDERS) >= set(ARCHITECTURES) - {"factory"}
    assert network_part(object()) is None
