"""A rival of `objectives.py` in an interpreter of its own: one JSON line in, one JSON line out.

``{"start": {"tool": "tpe", "space": [...], "objectives": 2, "seed": 0}}`` begins a study and answers with its first
configuration; ``{"tell": [0.5, 3.0]}`` tells its losses and answers with the next one. It needs Optuna alone; the
losses are computed where scikit-learn is.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from typing import Any

from benchmarks.search_parts.adapters import Optuna

SAMPLERS = {"tpe": "TPESampler", "nsga2": "NSGAIISampler", "gp": "GPSampler"}


def main() -> None:
    """Answer line by line until the input ends."""
    print(json.dumps({"version": importlib.import_module("optuna").__version__}), flush=True)
    warnings.filterwarnings("ignore")
    study: Any = None
    trial: Any = None
    for line in sys.stdin:
        message = json.loads(line)
        if "start" in message:
            asked = message["start"]
            study = Optuna(asked["space"], asked["seed"], 0, SAMPLERS[asked["tool"]], asked["objectives"])
        else:
            study.tell(trial, message["tell"])
        trial, config = study.ask()
        print(json.dumps(config), flush=True)


if __name__ == "__main__":
    main()
