"""A space as `study.space_json` writes it, asked of Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def suggested(trial: Any, space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration that an Optuna trial suggests."""
    config: dict[str, Any] = {}
    for name, domain in space.items():
        if "choices" in domain:
            config[name] = trial.suggest_categorical(name, domain["choices"])
        elif domain["type"] == "int":
            config[name] = trial.suggest_int(name, domain["low"], domain["high"], log=domain["log"])
        else:
            config[name] = trial.suggest_float(name, domain["low"], domain["high"], log=domain["log"])
    return config
