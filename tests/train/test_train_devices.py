from __future__ import annotations

import pytest
import torch

from holdfast.errors import RequestError
from holdfast.train.devices import device_of
from holdfast.train.settings import Settings


def test_cuda_that_is_absent_and_mixed_precision_without_it_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RequestError, match="torch finds no CUDA device here; take 'cpu', or 'auto'"):
        device_of(Settings(device="cuda"))
    for device in ("auto", "cpu"):
        with pytest.raises(RequestError, match="'amp', mixed precision, which is for CUDA"):
            device_of(Settings(device=device, precision="amp"))
    assert device_of(Settings(device="auto")).type == "cpu"


def test_automatic_takes_cuda_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(Settings(device="auto")).type == "cuda"
    assert device_of(Settings()).type == "cpu"
