"""Where a run computes, and how exactly."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from holdfast.errors import RequestError
from holdfast.train.settings import Settings


def device_of(settings: Settings) -> torch.device:
    """The device that a config names.

    Raises:
        RequestError: if CUDA is asked for and absent, or mixed precision is asked for on a CPU.
    """
    found = torch.cuda.is_available()
    if settings.device == "cuda" and not found:
        raise RequestError(
            "the hyperparameter 'device' is 'cuda', and torch finds no CUDA device here; take 'cpu', or 'auto' for "
            "whatever there is"
        )
    device = torch.device("cpu" if settings.device == "cpu" or not found else "cuda")
    if settings.precision == "amp" and device.type == "cpu":
        raise RequestError(
            "the hyperparameter 'precision' is 'amp', mixed precision, which is for CUDA; on a CPU take 'float32'"
        )
    return device


def mixed(settings: Settings) -> AbstractContextManager[object]:
    """Mixed precision where it is asked for: products in bfloat16, weights and sums in float32."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if settings.precision == "amp" else nullcontext()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory was short, on a CUDA device or on the CPU."""
    short = ("not enough memory", "can't allocate memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in str(error) for words in short)
