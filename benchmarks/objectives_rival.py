"""A rival of `objectives.py` in an interpreter of its own: one JSON line in, one JSON line out.

``{"start": {"tool": "tpe", "space": [...], "objectives": 2, "seed": 0}}`` begins a study and answers with its first
configuration; ``{"tell": [0.5, 3.0]}`` tells its losses and answers with the next one. It needs Optuna alone.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from typing import Any


def main() -> None:
    """Answer line by line until the input ends."""
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore")
    print(json.dumps({"version": optuna.__version__}), flush=True)
    study: Any = None
    trial: Any = None
    space: list[dict[str, Any]] = []
    for line in sys.stdin:
        message = json.loads(line)
        if "start" in message:
            settings = message["start"]
            space = settings["space"]
            sampler = _sampler(optuna, settings["tool"], settings["seed"])
            study = optuna.create_study(directions=["minimize"] * settings["objectives"], sampler=sampler)
        else:
            study.tell(trial, message["tell"])
        trial = study.ask()
        print(json.dumps(_suggested(trial, space)), flush=True)


def _sampler(optuna: Any, tool: str, seed: int) -> Any:
    samplers = optuna.samplers
    made = {"tpe": samplers.TPESampler, "nsga2": samplers.NSGAIISampler, "gp": samplers.GPSampler}
    return made[tool](seed=seed)


def _suggested(trial: Any, space: list[dict[str, Any]]) -> dict[str, Any]:
    """A value for each hyperparameter that is active."""
    config: dict[str, Any] = {}
    for item in space:
        name = item["name"]
        if not all(parent in config and config[parent] in values for parent, values in item.get("when", {}).items()):
            continue
        if item["type"] == "float":
            config[name] = trial.suggest_float(name, item["low"], item["high"], log=item.get("log", False))
        elif item["type"] == "int":
            config[name] = trial.suggest_int(name, item["low"], item["high"], log=item.get("log", False))
        else:
            config[name] = trial.suggest_categorical(name, item["choices"])
    return config


if __name__ == "__main__":
    main()
