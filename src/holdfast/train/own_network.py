"""Networks of a person's own: made by their factory from named random streams, and looked at before they are trained.

What is refused: a factory that returns no network, leaves a hyperparameter unread, or makes another shape each time; a
network that does not give what the loss takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from holdfast.errors import RequestError
from holdfast.own import raised
from holdfast.train.factory import call_factory, load_factory
from holdfast.train.models.drawing import Drawing
from holdfast.train.models.layers import Dropout

if TYPE_CHECKING:
    from holdfast.train.models.factory import FactoryArchitecture

Shapes = dict[str, tuple[int, ...]]


class Reading(dict[str, Any]):
    """A config that remembers which of its hyperparameters were read."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        self.read.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """As of a dict."""
        self.read.add(name)
        return super().pop(name, *default)

    def __iter__(self) -> Iterator[str]:
        self.read |= set(self.keys())
        return super().__iter__()

    def items(self) -> Any:
        """As of a dict."""
        self.read |= set(self.keys())
        return super().items()

    def values(self) -> Any:
        """As of a dict."""
        self.read |= set(self.keys())
        return super().values()

    def copy(self) -> dict[str, Any]:
        """As of a dict."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other


def build_network(architecture: FactoryArchitecture, generator: torch.Generator) -> nn.Module:
    """A fresh network of a factory, whose draws follow from ``generator``; torch's own state stays as it was.

    Raises:
        RequestError: if the factory cannot be imported, raises, or returns no network.
    """
    return _made(architecture, Reading(dict(architecture.config)), generator)


def _made(architecture: FactoryArchitecture, config: Reading, generator: torch.Generator) -> nn.Module:
    reference = architecture.reference
    factory = load_factory(reference, None)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = call_factory(reference, factory, config, sizes=(architecture.shape, architecture.outputs))
        if not isinstance(made, nn.Module):
            what = "nothing" if made is None else type(made).__name__
            raise RequestError(
                f"the factory '{reference}' returned {what} where it returned a network before; it has to return a "
                "torch.nn.Module for every configuration"
            )
        network = adapted(made.to(device="cpu", dtype=torch.float32))
        draws = _draws(network, architecture)
    if not any(True for _ in network.parameters()):
        raise RequestError(f"the factory '{reference}' returned a network without parameters, which learns nothing")
    return Drawing(network) if draws else network


def adapted(network: nn.Module) -> nn.Module:
    """The network with dropout from streams of its own, and with parameters that are frozen as buffers."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p) if child.p > 0.0 else nn.Identity())
        for name, parameter in list(module.named_parameters(recurse=False)):
            if not parameter.requires_grad:
                del module._parameters[name]
                module.register_buffer(name, parameter.detach())
    return network


def check_factory(architectures: Sequence[FactoryArchitecture], base: Path) -> None:
    """Build networks of some configurations, and look at them.

    Args:
        architectures: of a few configurations of a plan's space.
        base: the plan's folder.

    Raises:
        RequestError: in a sentence, if one of them cannot be trained, or a hyperparameter of the space is read by none.
    """
    named: set[str] = set()
    read: set[str] = set()
    for number, architecture in enumerate(architectures):
        config = Reading(dict(architecture.config))
        network = _made(architecture, config, torch.Generator().manual_seed(2 * number))
        named |= set(config.keys()) | {name for name, _ in architecture.config}
        read |= config.read
        again = build_network(architecture, torch.Generator().manual_seed(2 * number + 1))
        if _shapes(network) != _shapes(again):
            raise RequestError(
                f"the factory '{architecture.reference}' makes networks of other shapes from the same configuration; "
                "the configuration alone has to decide on the shape"
            )
        check_outputs(network, architecture, base)
    unread = sorted(named - read)
    if unread:
        raise RequestError(
            f"the factory '{architectures[0].reference}' never reads '{unread[0]}' of its configuration; take it out "
            "of [space], or use it (its name may be misspelt there)"
        )


def check_outputs(network: nn.Module, architecture: FactoryArchitecture, base: Path) -> None:
    """Raise `RequestError` if the network does not give (n, outputs) numbers for n rows."""
    network.eval()
    for rows in (2, 3):
        X = torch.zeros(rows, *architecture.shape)
        asked = " × ".join(map(str, X.shape))
        try:
            with torch.no_grad():
                outputs = network(X)
        except Exception as exc:
            raise RequestError(
                f"the network of '{architecture.reference}' raised {raised(exc, base)} on rows of shape {asked}"
            ) from exc
        wanted = (rows, architecture.outputs)
        if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != wanted or not outputs.is_floating_point():
            gave = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
            what = "a score for each class" if architecture.outputs > 1 else "one value for each row"
            raise RequestError(
                f"the network of '{architecture.reference}' gives {gave} for {rows} rows; the loss takes {wanted}, "
                f"{what}, as floats"
            )
    network.train()


def _shapes(network: nn.Module) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _draws(network: nn.Module, architecture: FactoryArchitecture) -> bool:
    """Whether the network's forward pass in training draws from torch's global generator; its buffers stay the same.

    A network that cannot be run is told of by `check_outputs`.
    """
    rows = torch.zeros(2, *architecture.shape)
    try:
        with torch.no_grad():
            network.eval()
            network(rows)  # gives lazy layers their shapes
            buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
            network.train()
            before = torch.get_rng_state()
            network(rows)
            drawn = not torch.equal(before, torch.get_rng_state())
    except Exception:  # noqa: BLE001 - a person's own code may raise anything
        return False
    for name, buffer in network.named_buffers():
        buffer.copy_(buffers[name])
    return drawn
