"""A network that has learned: it predicts, and it is saved as one self-contained safetensors file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from holdfast.errors import DataError, RequestError
from holdfast.train.architectures import Architecture
from holdfast.train.checkpoint import pack, unpack
from holdfast.train.models import architecture_from_json, architecture_to_json
from holdfast.train.rows import Targets, as_matrix

FORMAT = 2
"""The version of the file; a higher one is refused. Format 1 knew multilayer perceptrons only."""

AT_ONCE = 8192
"""Rows that are predicted together, so that memory does not grow with the table."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """The weights of a network, its shape, and what its outputs mean.

    Args:
        architecture: the shape.
        targets: classes, or mean and deviation of a regression target.
        weights: tensors by their names in the network.
    """

    architecture: Architecture
    targets: Targets
    weights: Mapping[str, torch.Tensor]

    @property
    def classes_(self) -> np.ndarray | None:
        """The classes in the order of `predict_proba`, shape (k,); None for regression."""
        return self.targets.classes

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The outputs for the rows of ``X`` (n, d); shape (n, outputs), float64."""
        double = any(tensor.dtype == torch.float64 for tensor in self.weights.values())
        network = self.architecture.build(torch.Generator()).to(torch.float64 if double else torch.float32)
        try:
            network.load_state_dict(dict(self.weights))
        except RuntimeError as exc:
            raise RequestError(
                f"the weights do not fit the network {self.architecture.summary}; what makes it has changed since"
            ) from exc
        network.eval()
        rows = torch.from_numpy(as_matrix(X, np.float64 if double else np.float32))
        with torch.no_grad(), one_exact_thread():
            parts = torch.split(shaped(rows, self.architecture), AT_ONCE)
            outputs = torch.cat([network(part) for part in parts]).numpy()
        return np.asarray(outputs, dtype=np.float64)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The class with the highest score, or the value in its own units; shape (n,)."""
        scores = self.scores(X)
        if self.targets.classes is None:
            return scores[:, 0] * self.targets.deviation + self.targets.mean
        return np.asarray(self.targets.classes[scores.argmax(axis=1)])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """The probability of each of ``targets.classes``: the softmax of the scores, shape (n, k).

        Raises:
            RequestError: if the network is a regression.
        """
        if self.targets.classes is None:
            raise RequestError("a regression has no class probabilities; use predict")
        scores = self.scores(X)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def to_bytes(self) -> bytes:
        """A safetensors file that `from_bytes` reads."""
        meta = {
            "format": FORMAT,
            "architecture": architecture_to_json(self.architecture),
            "targets": self.targets.to_json(),
        }
        return pack(self.weights, meta)

    @staticmethod
    def from_bytes(data: bytes) -> TrainedNetwork:
        """The network that `to_bytes` wrote; runs no code from the bytes.

        Raises:
            RequestError: if they are no such file, or of a later format.
        """
        weights, meta = unpack(data)
        if meta.get("format") not in {1, FORMAT}:
            raise RequestError(f"the network has format {meta.get('format')}; this version of holdfast reads {FORMAT}")
        architecture = architecture_from_json(meta["architecture"])
        return TrainedNetwork(architecture, Targets.from_json(meta["targets"]), weights)


def shaped(rows: torch.Tensor, architecture: Architecture) -> torch.Tensor:
    """Rows of features (n, d) as the network takes them, (n, *input_shape).

    Raises:
        DataError: if d is another number than the shape holds.
    """
    wanted = math.prod(architecture.input_shape)
    if rows.shape[1] != wanted:
        shape = " × ".join(map(str, architecture.input_shape))
        raise DataError(f"the rows have {rows.shape[1]} columns; the network takes {wanted} ({shape})")
    return rows.reshape(-1, *architecture.input_shape)


@contextmanager
def one_exact_thread() -> Iterator[None]:
    """One thread, and numbers too small for float32's normal range flushed to zero; both restored afterwards.

    One thread makes sums independent of the machine's load; flushing keeps vanishing weights from slowing training.
    """
    threads = torch.get_num_threads()
    flushing = bool((torch.tensor(1e-40) * 1.0 == 0.0).item())
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushing)
        torch.set_num_threads(threads)
