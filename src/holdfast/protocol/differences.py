"""What differs between two plans, in sentences, and what of a plan says which space is searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_SPACE: Mapping[str, tuple[str, ...]] = {
    "search": ("forbid",),
    "model": ("max_parameters", "max_memory", "max_flops"),
}
"""The keys beside the table [space] that are rules of the space, by their table."""


def different_keys(old: Any, new: Any, where: str = "") -> list[str]:
    """Sentences on what differs between two plans, such as ``[search] trials was 60 and is 80``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = dict.fromkeys([*old, *new])
        pairs = [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
        return [text for key, a, b in pairs for text in different_keys(a, b, f"{where}.{key}" if where else key)]
    table, _, key = where.rpartition(".")
    name = f"[{table}] {key}" if table else f"[{key}]"
    was, now = ("not set" if value is None else repr(value) for value in (old, new))
    return [f"{name} was {was} and is {now}"] if old != new else []


def beside_space(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan, as JSON, without what says which space is searched."""
    kept = {table: value for table, value in plan.items() if table != "space"}
    for table, keys in OF_SPACE.items():
        kept[table] = {key: value for key, value in plan[table].items() if key not in keys}
    return kept
