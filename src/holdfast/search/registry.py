"""Strategies by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import RequestError, nearest
from holdfast.search.base import Strategy


def _makers() -> dict[str, Callable[..., Any]]:
    from holdfast.search.asha import Asha
    from holdfast.search.auto import Auto
    from holdfast.search.bohb import Bohb
    from holdfast.search.cmaes import CmaEs
    from holdfast.search.evolution import Evolution
    from holdfast.search.freeze_thaw import FreezeThaw
    from holdfast.search.gp import GaussianProcess
    from holdfast.search.grid import GridSearch
    from holdfast.search.hyperband import Hyperband
    from holdfast.search.manual import Manual
    from holdfast.search.pbt import PopulationBasedTraining
    from holdfast.search.priorband import PriorBand
    from holdfast.search.random import RandomSearch
    from holdfast.search.sobol import SobolSearch
    from holdfast.search.tpe import TreeParzenEstimator

    return {
        "manual": Manual,
        "grid": GridSearch,
        "random": RandomSearch,
        "sobol": SobolSearch,
        "gp": GaussianProcess,
        "tpe": TreeParzenEstimator,
        "cma-es": CmaEs,
        "evolution": Evolution,
        "asha": Asha,
        "hyperband": Hyperband,
        "bohb": Bohb,
        "priorband": PriorBand,
        "freeze-thaw": FreezeThaw,
        "pbt": PopulationBasedTraining,
        "auto": Auto,
    }


PAUSING = frozenset({"asha", "hyperband", "bohb", "priorband", "freeze-thaw", "pbt"})
"""Strategies that pause trials and resume them, and so need a fidelity."""

NAMES = (
    "manual",
    "grid",
    "random",
    "sobol",
    "gp",
    "tpe",
    "cma-es",
    "evolution",
    "asha",
    "hyperband",
    "bohb",
    "priorband",
    "freeze-thaw",
    "pbt",
    "auto",
)


def make_strategy(name: str, settings: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy of that name, with settings such as ``{"resolution": 3}``.

    Raises:
        RequestError: for an unknown name or setting.
    """
    makers = _makers()
    if name not in makers:
        raise RequestError(f"strategy '{name}' does not exist; there are {', '.join(NAMES)}{nearest(name, NAMES)}")
    maker: Any = makers[name]
    known = [field.name for field in dataclasses.fields(maker) if field.name != "name" and field.init]
    for key in settings or {}:
        if key not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise RequestError(f"strategy '{name}' has no setting '{key}'; {there}{nearest(key, known)}")
    strategy: Strategy = maker(**(settings or {}))
    return strategy


def settings_of(strategy: Strategy) -> dict[str, Any]:
    """The settings that make a built-in strategy again, as JSON values."""
    settings: Any = strategy
    fields = dataclasses.fields(settings) if dataclasses.is_dataclass(settings) else ()
    return {f.name: getattr(strategy, f.name) for f in fields if f.name != "name" and f.init}
