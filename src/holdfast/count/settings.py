"""The values of a model's configuration, read with care: a file may hold anything, and sizes are looked at first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.count.records import UNKNOWN, Hyperparameter
from holdfast.errors import RequestError, shown

LARGEST = 10**9
"""The largest size that is read; no side of an array of a real model is near it."""

DEEPEST = 2_000
"""The most blocks; each of them has arrays of its own, which are listed one by one."""

MOST_SHOWN = 200
"""Hyperparameters of one configuration that are taken over."""

_BOOKKEEPING = (
    "transformers_version architectures model_type _name_or_path torch_dtype dtype id2label label2id return_dict "
    "use_cache output_attentions output_hidden_states output_router_logits problem_type is_encoder_decoder "
    "is_decoder add_cross_attention chunk_size_feed_forward encoder_stride stage_names out_features out_indices "
    "pretraining_tp layer_types gradient_checkpointing auto_map quantization_config _attn_implementation "
    "task_specific_params pruned_heads torchscript use_bfloat16 finetuning_task"
)

BOOKKEEPING = frozenset(_BOOKKEEPING.split())
"""Keys of a configuration that are no choices about the model."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration over its defaults.

    Args:
        values: as the file, or the published configuration, has them.
        defaults: of the kind of model, for what is left out.
        target: what the values are of, as sentences name it.
        recorded_in: where the values stand.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    target: str
    recorded_in: str = "config"

    def get(self, key: str) -> Any:
        """The value of a key; its default where it is left out, or null and the default is none."""
        value = self.values.get(key)
        return self.defaults.get(key) if value is None else value

    def size(self, key: str, most: int = LARGEST) -> int:
        """A whole number from 1 on.

        Raises:
            RequestError: for anything else.
        """
        return _whole(self.get(key), key, self.target, most)

    def depth(self, key: str) -> int:
        """A number of blocks."""
        return self.size(key, DEEPEST)

    def optional(self, key: str) -> int | None:
        """A whole number from 1 on, or None where the configuration says nothing."""
        return None if self.get(key) is None else self.size(key)

    def flag(self, key: str) -> bool:
        """True or false.

        Raises:
            RequestError: for anything else.
        """
        value = self.get(key)
        if not isinstance(value, bool):
            raise RequestError(f"{key} of {self.target} is {shown(value)}; it is true or false")
        return value

    def sizes(self, key: str) -> tuple[int, ...]:
        """One to 16 whole numbers.

        Raises:
            RequestError: for anything else.
        """
        value = self.get(key)
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= 16:
            raise RequestError(f"{key} of {self.target} is {shown(value)}; it is a list of 1 to 16 whole numbers")
        return tuple(_whole(item, key, self.target, LARGEST) for item in value)

    def share(self, key: str) -> float:
        """A positive number up to 100.

        Raises:
            RequestError: for anything else.
        """
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 100:
            raise RequestError(f"{key} of {self.target} is {shown(value)}; it is a number above 0 and up to 100")
        return float(value)

    def divided(self, whole: str, parts: str) -> int:
        """What one of equal parts has, such as the width of a head.

        Raises:
            RequestError: where it is no whole number.
        """
        width, count = self.size(whole), self.size(parts)
        if width % count:
            raise RequestError(
                f"{whole} of {self.target} is {width:,}, which {count:,} {parts} do not divide; make it a multiple"
            )
        return width // count

    def hyperparameters(self) -> tuple[Hyperparameter, ...]:
        """All choices: first those that shape the model, then what else the configuration says in plain values."""
        found = []
        for key, default in self.defaults.items():
            source = self.recorded_in if key in self.values else "code default"
            found.append(Hyperparameter(key, _plain(self.get(key)), _plain(default), recorded_in=source))
        for key, value in self.values.items():
            others = key not in self.defaults and key not in BOOKKEEPING and not key.endswith("_token_id")
            if others and _is_plain(value) and len(found) < MOST_SHOWN:
                found.append(Hyperparameter(shown_key(key), _plain(value), UNKNOWN, recorded_in=self.recorded_in))
        return tuple(found)


def shown_key(key: str) -> str:
    """A key as a table shows it, cut off where it is long."""
    return key if len(key) <= 60 else f"{key[:57]}..."


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= 60)


def _plain(value: Any) -> Any:
    """A value that JSON has: tuples as lists; numbers that JSON has no form for as text."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value[:16]]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        return shown(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value if isinstance(value, str) and len(value) <= 60 else shown(value)


def _whole(value: Any, key: str, target: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise RequestError(f"{key} of {target} is {shown(value)}; it is a whole number from 1 to {most:,}")
    return value
