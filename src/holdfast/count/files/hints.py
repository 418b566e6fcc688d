"""Texts that a file carries beside its arrays: which of them are hyperparameters, by their names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from holdfast.count.records import Hyperparameter

_CHOICES = re.compile(
    r"(^|_)(lr|learning_rate|batch_size|epochs?|max_train_steps|warmup_steps|optimizer\w*|scheduler\w*|lr_\w+"
    r"|weight_decay|dropout\w*|momentum|seed|network_dim|network_alpha|rank|lora_alpha|hidden_(size|dim)|depth|width"
    r"|num_layers|num_heads|activation|loss_type|gradient_accumulation_steps|noise_offset|clip_skip|max_grad_norm)$"
)
"""Names that training scripts give to what was chosen."""

OWN = "holdfast"
"""The text that holdfast writes into a file of its own."""

LARGEST_OWN = 1_000_000

_FORMAT = {"format", "total_size", "total_parameters"}

LONGEST = 200
"""The most characters of a value that is passed on."""


def recorded(metadata: Mapping[str, str]) -> tuple[tuple[Hyperparameter, ...], tuple[str, ...]]:
    """The hyperparameters among the texts of a file, and a sentence on the others where there are any."""
    choices: dict[str, Any] = {
        key: plain(value) for key, value in metadata.items() if _CHOICES.search(key) and len(value) <= LONGEST
    }
    own = _own(metadata.get(OWN, ""))
    choices |= own
    others = [key for key in metadata if key not in choices and key not in _FORMAT and not (own and key == OWN)]
    named = ", ".join(key[:40] for key in sorted(others)[:5]) + (", ..." if len(others) > 5 else "")
    notes = (f"Beside its arrays the file carries {_texts(len(others))}: {named}.",) if others else ()
    found = tuple(Hyperparameter(key, value, recorded_in="file") for key, value in sorted(choices.items()))
    return found, notes


def _own(text: str) -> dict[str, Any]:
    """The shape of a network, which holdfast writes beside the weights; nothing where the text is another."""
    try:
        shape = json.loads(text)["architecture"] if 0 < len(text) <= LARGEST_OWN else {}
        return {key: value for key, value in shape.items() if isinstance(value, str | int | float | bool | None)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def plain(text: str) -> Any:
    """A value as it was before it was written as text: a number, a truth value, nothing, or the text itself.

    >>> plain("0.1"), plain("3"), plain("True"), plain("sgd")
    (0.1, 3, True, 'sgd')
    """
    words: dict[str, Any] = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if len(text) > 40 or not re.fullmatch(r"-?\d+(\.\d*)?([eE][+-]?\d+)?", text):
        return text
    try:
        number = json.loads(text)
    except ValueError:
        return float(text) if "." in text else text
    return number if math.isfinite(number) else text


def _texts(n: int) -> str:
    return "one text" if n == 1 else f"{n:,} texts"
