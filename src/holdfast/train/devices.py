"""Where a run computes, and how exactly."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from holdfast.errors import RequestError
from holdfast.train.settings import Settings


def need_cuda(settings: Settings) -> None:
    """Raise `RequestError` if a config asks for what only CUDA has, and there is no CUDA device."""
    if torch.cuda.is_available():
        return
    if settings.device == "cuda":
        raise RequestError(
            "the hyperparameter 'device' is 'cuda', and torch finds no CUDA device here; take 'cpu', or 'auto' for "
            "whatever there is"
        )
    if settings.precision == "amp":
        raise RequestError(
            "the hyperparameter 'precision' is 'amp', mixed precision, which is for CUDA, and torch finds no CUDA "
            "device here; take 'float32'"
        )


def device_of(settings: Settings) -> torch.device:
    """The device that a config names.

    Raises:
        RequestError: if CUDA is asked for and absent, or mixed precision is asked for on a CPU.
    """
    need_cuda(settings)
    device = torch.device("cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu")
    if settings.precision == "amp" and device.type == "cpu":
        raise RequestError(
            "the hyperparameter 'precision' is 'amp', mixed precision, which is for CUDA; take 'float32', or the "
            "device 'cuda'"
        )
    return device


def mixed(settings: Settings) -> AbstractContextManager[object]:
    """Mixed precision where it is asked for: products in bfloat16, weights and sums in float32."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if settings.precision == "amp" else nullcontext()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory was short, on a CUDA device or on the CPU."""
    short = ("not enough memory", "can't allocate memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in str(error) for words in short)
