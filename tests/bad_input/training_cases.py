"""Training that cannot be: hyperparameters out of their range, and what the machine lacks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import Around, Case, changed
else:
    from bench import Around, Case, changed


class _Missing:
    """Finds torch to be absent."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Raise what Python raises for a package that is not installed; None for any other."""
        if name == "torch":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@contextlib.contextmanager
def no_torch() -> Iterator[None]:
    """As where torch is not installed."""
    found, missing = sys.modules.pop("torch", None), _Missing()
    sys.meta_path.insert(0, missing)
    try:
        yield
    finally:
        sys.meta_path.remove(missing)
        if found is not None:
            sys.modules["torch"] = found


@contextlib.contextmanager
def no_cuda() -> Iterator[None]:
    """As where there is no CUDA device."""
    import torch

    found = torch.cuda.is_available
    torch.cuda.is_available = lambda: False
    try:
        yield
    finally:
        torch.cuda.is_available = found


def training(what: str, *lines: str, around: Around = contextlib.nullcontext, **changes: str) -> Case:
    """A plan for a multilayer perceptron with these lines in its space."""
    shown = "\n".join(lines)
    plan = changed(family='"mlp"', **changes)
    code, some = (1, True) if "trials" in changes else (2, False)
    text = f"{plan}[space]\n{shown}\n" if lines else plan
    return Case(what, shown, {"plan.toml": text}, code=code, around=around, changes=some)


def one(name: str, value: str) -> str:
    """A hyperparameter with one value, which need not be one that is searched by default."""
    return f'{name} = {{ type = "categorical", choices = [{value}] }}'


TRAINING = [
    training("no torch", around=no_torch),
    training("CUDA asked for and absent", one("device", '"cuda"'), around=no_cuda),
    training("mixed precision without CUDA", one("precision", '"amp"'), around=no_cuda),
    training("a learning rate of zero", "learning_rate = 0.0"),
    training("no rows in a batch", "batch_size = 0"),
    training("a momentum that never ends", 'optimizer = "sgd"', "momentum = 1.0"),
    training("an optimiser that does not exist", one("optimizer", '"adamv"')),
    training("a schedule that does not exist", one("schedule", '"cosin"')),
    training("an optimiser that decouples its decay, coupled", 'optimizer = "adamw"', one("decay", '"coupled"')),
    training("weights of classes that a regression does not have", one("class_weights", '"balanced"'), target='"x1"'),
    training(
        "batch norm of a single row", one("batch_norm", "true"), "layer_norm = false", "batch_size = 1", trials="1"
    ),
]
