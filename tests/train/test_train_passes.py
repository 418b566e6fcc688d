"""The compiled passes of small networks: their functions, and the networks that they are taken for."""

import ctypes
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from holdfast.train.losses import cross_entropy
from holdfast.train.models.blocks import Residual
from holdfast.train.stacked import native
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.passes import ACTIVATIONS, Passes, can_pass
from holdfast.train.stacked.written import Written

FUNCTIONS: dict[type[nn.Module], Callable[[torch.Tensor], torch.Tensor]] = {
    nn.ReLU: torch.relu,
    nn.GELU: functional.gelu,
    nn.Tanh: torch.tanh,
    nn.SiLU: functional.silu,
    nn.Sigmoid: torch.sigmoid,
}


@pytest.fixture(autouse=True)
def _needs_a_compiler() -> None:
    if native.native(torch.float32).library is None:
        pytest.skip("this machine has no C compiler")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layer", FUNCTIONS)
def test_an_activation_is_torchs_to_the_rounding(layer: type[nn.Module], dtype: torch.dtype) -> None:
    x = torch.cat([torch.linspace(-40, 40, 4001), torch.linspace(-1, 1, 2001), torch.tensor([0.0, 1e-20, 1e4, -1e4])])
    x = x.to(dtype)
    y, slopes = torch.empty_like(x), torch.empty_like(x)
    addresses = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, y, slopes)]
    kind, count = ctypes.c_long(ACTIVATIONS[layer]), ctypes.c_long(len(x))
    native.function("activation", dtype)(kind, addresses[0], ctypes.c_void_p(None), *addresses[1:], count)
    exact = x.double().requires_grad_()
    values = FUNCTIONS[layer](exact)
    (gradient,) = torch.autograd.grad(values.sum(), exact)
    unit = torch.finfo(dtype).eps
    assert ((y - values.detach()).abs() <= 2.5 * unit * values.detach().abs().clamp(min=1.0)).all()
    assert ((slopes - gradient).abs() <= 10 * unit).all()  # torch's own of silu is 8 units off in single precision


@pytest.mark.parametrize("layer", FUNCTIONS)
def test_what_is_no_number_stays_none(layer: type[nn.Module]) -> None:
    x, y, slopes = torch.full((3,), torch.nan), torch.zeros(3), torch.zeros(3)
    addresses = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, y, slopes)]
    kind, count = ctypes.c_long(ACTIVATIONS[layer]), ctypes.c_long(len(x))
    native.function("activation", x.dtype)(kind, addresses[0], ctypes.c_void_p(None), *addresses[1:], count)
    assert y.isnan().all()


def _matrices(network: nn.Module, k: int, generator: torch.Generator) -> Matrices:
    """Random numbers of k networks; the network's parameters become views of a vector of its own."""
    size = sum(parameter.numel() for parameter in network.parameters())
    vector, begin = torch.zeros(size, dtype=torch.float64), 0
    for parameter in network.parameters():
        parameter.data = vector[begin : begin + parameter.numel()].view_as(parameter)
        begin += parameter.numel()
    values = 0.3 * torch.randn(k, size, dtype=torch.float64, generator=generator)
    return Matrices(values, torch.zeros_like(values), {}, {})


WIDE = 131
NETWORKS = {
    "odd sizes": lambda: nn.Sequential(nn.Linear(7, 33), nn.Tanh(), nn.Linear(33, 50), nn.GELU(), nn.Linear(50, 3)),
    "broad": lambda: nn.Sequential(nn.Linear(5, 600), nn.SiLU(), nn.Linear(600, WIDE), nn.ReLU(), nn.Linear(WIDE, 2)),
    "no bias": lambda: nn.Sequential(nn.Linear(1, 1, bias=False), nn.Sigmoid(), nn.Linear(1, 2)),
    "a shortcut of layers": lambda: nn.Sequential(
        nn.LayerNorm(4),
        nn.Linear(4, 9),
        Residual(nn.Sequential(nn.Linear(9, 20), nn.LayerNorm(20), nn.ReLU()), nn.Sequential(nn.Linear(9, 20))),
        Residual(nn.Sequential(nn.Linear(20, 20), nn.Tanh()), nn.Identity()),
        nn.Linear(20, 3),
    ),
}


@pytest.mark.parametrize("batch", [1, 15, 37])
@pytest.mark.parametrize("name", NETWORKS)
def test_losses_and_gradients_are_those_of_the_layers_by_torch(name: str, batch: int) -> None:
    draw = torch.Generator().manual_seed(0)
    network = NETWORKS[name]().double()
    numbers = _matrices(network, 3, draw)
    assert can_pass(network, cross_entropy, numbers.values)
    sizes = next(network.parameters()).shape[-1], [p for p in network.parameters() if p.ndim > 1][-1].shape[0]
    x = torch.randn(3, batch, sizes[0], dtype=torch.float64, generator=draw)
    targets = torch.rand(3, batch, sizes[1], dtype=torch.float64, generator=draw)
    losses = Passes(network, numbers, batch, cross_entropy).step(x.clone(), targets).clone()
    gradients = numbers.gradients.clone()
    numbers.gradients.zero_()
    expected = Written(network, numbers, batch, cross_entropy).step(x.clone(), targets)
    torch.testing.assert_close(losses, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradients, numbers.gradients, rtol=1e-11, atol=1e-12)


def test_a_network_alone_has_the_bits_that_it_has_beside_others() -> None:
    draw = torch.Generator().manual_seed(0)
    network = NETWORKS["odd sizes"]().double()
    numbers = _matrices(network, 3, draw)
    x, targets = torch.randn(3, 9, 7, dtype=torch.float64), torch.rand(3, 9, 3, dtype=torch.float64)
    Passes(network, numbers, 9, cross_entropy).step(x, targets)
    beside = numbers.gradients[1].clone()
    alone = numbers.of_rows([1])
    Passes(network, alone, 9, cross_entropy).step(x[1:2], targets[1:2])
    assert torch.equal(alone.gradients[0], beside)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Tanh(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(2, 2), Residual(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), nn.Identity())),
    ],
    ids=["begins with no parameters", "a block that changes what comes in"],
)
def test_others_are_left_to_torch(network: nn.Module) -> None:
    assert not can_pass(network, cross_entropy, torch.zeros(1, 6))


@pytest.mark.long
@pytest.mark.parametrize("machine", ["haswell", "x86-64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_narrower_vectors_give_the_same(name: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = [f"-march={machine}" if flag.startswith("-march") else flag for flag in native.FLAGS]
    monkeypatch.setattr(native, "FLAGS", tuple(flags))
    found = native.native.__wrapped__(torch.float64)
    if found.library is None:
        pytest.skip(found.missing)
    monkeypatch.setattr(native, "native", lambda _: found)
    test_losses_and_gradients_are_those_of_the_layers_by_torch(name, 37)
