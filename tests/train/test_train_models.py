"""The kinds of networks: shapes, words, what they draw from, and that many of them run as one program."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from holdfast.errors import RequestError
from holdfast.train.architectures import Architecture
from holdfast.train.models import architecture_from_json, architecture_to_json
from holdfast.train.models.cnn import CNNArchitecture
from holdfast.train.models.layers import seed_dropout
from holdfast.train.models.linear import LinearArchitecture
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.models.normalisation import BatchNorm
from holdfast.train.models.transformer import TransformerArchitecture

Tensors = dict[str, torch.Tensor]

SHAPES: dict[str, Architecture] = {
    "mlp": MLPArchitecture(5, 3, depth=3, width=8, batch_norm=True, residual=True, dropout=0.0, activation="sigmoid"),
    "mlp tapered": MLPArchitecture(5, 3, depth=3, width=8, taper=0.5, layer_norm=True, dropout=0.0),
    "cnn": CNNArchitecture((1, 8, 8), 3, channels=4, dropout=0.0),
    "cnn residual": CNNArchitecture(
        (3, 9, 8), 3, blocks=3, convolutions=2, channels=4, norm="group", residual=True, head="average", dropout=0.0
    ),
    "transformer": TransformerArchitecture(7, 11, 3, embedding=8, heads=2, dropout=0.0),
    "linear": LinearArchitecture(5, 3),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def built(shape: Architecture, seed: int = 0) -> nn.Module:
    return shape.build(torch.Generator().manual_seed(seed)).double()


def rows(shape: Architecture, n: int = 6) -> torch.Tensor:
    return torch.randint(0, 11, (n, *shape.input_shape), generator=torch.Generator().manual_seed(1)).double()


@each_shape
def test_a_shape_goes_to_json_and_back_and_gives_its_outputs(shape: Architecture) -> None:
    assert isinstance(shape, Architecture)
    assert architecture_from_json(architecture_to_json(shape)) == shape
    assert built(shape)(rows(shape)).shape == (6, shape.outputs)


@each_shape
def test_networks_draw_from_their_generator_alone(shape: Architecture) -> None:
    state = torch.get_rng_state()
    first, again = (built(shape).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    other = built(shape, seed=1).state_dict()
    assert shape.kind == "linear" or any(not torch.equal(tensor, other[name]) for name, tensor in first.items())


@each_shape
def test_several_networks_learn_as_one_program(shape: Architecture) -> None:
    """Losses, gradients and buffers of three networks at once are those of each by itself."""
    networks = [built(shape, seed) for seed in range(3)]
    parameters, buffers = stack_module_state(networks)
    X, y = rows(shape), torch.tensor([0, 1, 2, 0, 1, 2])

    def one(parameters: Tensors, buffers: Tensors) -> tuple[torch.Tensor, Tensors, Tensors]:
        after = {name: buffer.clone() for name, buffer in buffers.items()}

        def loss(parameters: Tensors, after: Tensors) -> tuple[torch.Tensor, Tensors]:
            scores = functional_call(networks[0], (parameters, after), (X,))
            return nn.functional.cross_entropy(scores, y), after

        gradients, (value, moved) = grad_and_value(loss, has_aux=True)(parameters, after)
        return value, gradients, moved

    values, gradients, moved = vmap(one)(parameters, buffers)
    for number, network in enumerate(networks):
        alone = nn.functional.cross_entropy(network(X), y)
        torch.autograd.backward(alone)
        assert torch.allclose(alone, values[number], atol=1e-12)
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None
            assert torch.allclose(parameter.grad, gradients[name][number], atol=1e-12), name
        for name, buffer in network.named_buffers():
            assert torch.allclose(buffer, moved[name][number], atol=1e-12), name


def test_batch_norm_moves_its_mean_by_the_momentum_and_then_uses_it() -> None:
    layer = BatchNorm(2, momentum=0.25).double()
    x = torch.tensor([[0.0, 8.0], [4.0, 8.0]]).double()
    out = layer(x)
    assert torch.allclose(out[:, 0], torch.tensor([-1.0, 1.0]).double(), atol=1e-5)
    assert layer.running_mean.tolist() == [0.5, 2.0]
    assert layer.running_var.tolist() == [0.75 + 0.25 * 8.0, 0.75]
    layer.eval()
    assert torch.allclose(layer(x)[0, 1], (x[0, 1] - 2.0) / (layer.running_var[1] + 1e-5).sqrt())
    reference = nn.BatchNorm1d(2, momentum=0.25).double()
    assert torch.allclose(reference(x), out)
    assert torch.allclose(reference.get_buffer("running_var"), layer.running_var)


def test_batch_norm_refuses_a_single_row() -> None:
    network = built(MLPArchitecture(5, 3, batch_norm=True))
    with pytest.raises(RequestError, match="a batch of one row, which has no variance"):
        network(torch.ones(1, 5).double())


def test_a_transformer_overlooks_padding_and_takes_strange_tokens_for_one() -> None:
    network = built(TransformerArchitecture(5, 9, 2, embedding=8, heads=2)).eval()
    codes = torch.tensor([[3.0, 4.0, 0.0, 0.0, 0.0], [0.0] * 5, [3.0, 77.0, -1.0, 4.0, 10.0]]).double()
    scores = network(codes)
    assert torch.isfinite(scores).all()
    with torch.no_grad():
        network.get_parameter("tokens.token")[0] += 5.0
    assert torch.allclose(network(codes)[0], scores[0])
    strange = codes.clone()
    strange[2, 1:3] = 500.0
    assert torch.equal(network(strange)[2], scores[2])


def test_dropout_thins_in_training_alone_and_repeats_with_its_seed() -> None:
    shape = CNNArchitecture((1, 8, 8), 3, channels=4, norm="none", dropout=0.5)
    network, X = built(shape), rows(shape)
    seed_dropout(network, 3)
    first, second = network(X), network(X)
    seed_dropout(network, 3)
    assert torch.equal(network(X), first)
    assert not torch.equal(first, second)
    network.eval()
    assert torch.equal(network(X), network(X))


def test_shapes_are_told_in_words() -> None:
    assert MLPArchitecture(64, 10, depth=3, width=128, taper=0.5).summary == "in 4 layers, 64 → 128 → 64 → 32 → 10"
    assert CNNArchitecture((1, 8, 8), 10).summary == (
        "in 2 convolutional blocks and a last layer, 1 × 8 × 8 → 16 × 4 × 4 → 32 × 2 × 2 → 10"
    )
    assert "2 layers of attention with 4 heads" in TransformerArchitecture(12, 50, 3).summary
    assert LinearArchitecture(4, 2).summary == "in one linear layer, 4 → 2"


MLP, CNN = {"kind": "mlp", "inputs": 5, "outputs": 3}, {"kind": "cnn", "image": [1, 8, 8], "outputs": 3}
ENCODER = {"kind": "transformer", "length": 5, "tokens": 9, "outputs": 3}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({**MLP, "activation": "rleu"}, r"'activation' is 'rleu' \(did you mean 'relu'"),
        ({**MLP, "width": 0}, "'width' is 0; it is a whole number from 1"),
        ({**MLP, "depth": -1}, "'depth' is -1; it is a whole number from 0"),
        ({**MLP, "taper": 1.5}, "'taper' is 1.5; it is a factor above 0"),
        ({**MLP, "layer_norm": True, "batch_norm": True}, "both true; take one"),
        ({**MLP, "dropout": 1.0}, "'dropout' is 1.0; it is a rate from 0 to below 1"),
        ({**MLP, "residual": "yes"}, "'residual' is 'yes'; it is true or false"),
        ({**CNN, "kernel": 4}, "'kernel' is 4; it is an odd number"),
        ({**CNN, "norm": "batches"}, r"'norm' is 'batches' \(did you mean 'batch'"),
        ({**CNN, "norm_momentum": 0.0}, "'norm_momentum' is 0.0; it is a share above 0"),
        ({**CNN, "head": "max"}, "'head' is 'max'; it is one of flatten, average"),
        ({**ENCODER, "embedding": 30, "heads": 4}, "30, of which 4 heads cannot take equal"),
        ({**ENCODER, "layers": 2.5}, "'layers' is 2.5; it is a whole number"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        architecture_from_json(fields)
