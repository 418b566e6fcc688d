"""Strategies by name, each with what others have to know of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.errors import RequestError, nearest
from holdfast.search.asha import Asha
from holdfast.search.auto import Auto
from holdfast.search.base import Strategy
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


@dataclass(frozen=True, slots=True)
class Traits:
    """What others have to know of a strategy. The defaults are safe for any, and those of a strategy of one's own.

    Attributes:
        adaptive: whether earlier scores say what is tried or trained on, so that the search adds to the luck.
        learns: whether earlier scores say which configurations are new.
        sequential: whether the last result may change the next trial, so that asking for many at once costs something.
        pauses: whether trials are paused and resumed, which needs a fidelity.
        finite: whether there is a list of configurations to try, and nothing after it.
        proposes: whether anything is proposed at all, beside what a person enqueues.
        ended: what it says, behind its name, where it has nothing left to try; empty where the space is used up.
    """

    adaptive: bool = True
    learns: bool = True
    sequential: bool = True
    pauses: bool = False
    finite: bool = False
    proposes: bool = True
    ended: str = ""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """What makes a strategy from its settings, and its traits."""

    make: Callable[..., Any]
    traits: Traits


_FIXED = Traits(adaptive=False, learns=False, sequential=False)
_LEARNS = Traits()
_PERSON = "proposes nothing by itself, and nothing is enqueued; study.enqueue(config) does that"

_BUILT_IN = {
    "manual": BuiltIn(Manual, replace(_FIXED, finite=True, proposes=False, ended=_PERSON)),
    "grid": BuiltIn(GridSearch, replace(_FIXED, finite=True)),
    "random": BuiltIn(RandomSearch, _FIXED),
    "sobol": BuiltIn(SobolSearch, _FIXED),
    "gp": BuiltIn(GaussianProcess, _LEARNS),
    "tpe": BuiltIn(TreeParzenEstimator, _LEARNS),
    "cma-es": BuiltIn(CmaEs, _LEARNS),
    "evolution": BuiltIn(Evolution, _LEARNS),
    # with rungs the next trial waits for many others, or else depends on the last one
    "asha": BuiltIn(Asha, Traits(learns=False, sequential=False, pauses=True)),
    "hyperband": BuiltIn(Hyperband, Traits(learns=False, sequential=False, pauses=True)),
    "bohb": BuiltIn(Bohb, Traits(pauses=True)),
    "priorband": BuiltIn(PriorBand, Traits(sequential=False, pauses=True)),
    "freeze-thaw": BuiltIn(FreezeThaw, Traits(pauses=True)),
    "pbt": BuiltIn(
        PopulationBasedTraining,
        Traits(sequential=False, pauses=True, ended="has trained its population to the end"),
    ),
    "auto": BuiltIn(Auto, _LEARNS),
}

NAMES = tuple(_BUILT_IN)
"""The words a plan uses for them."""


def make_strategy(name: str, settings: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy of that name, with settings such as ``{"resolution": 3}``.

    Raises:
        RequestError: for an unknown name or setting.
    """
    if name not in _BUILT_IN:
        raise RequestError(f"strategy '{name}' does not exist; there are {', '.join(NAMES)}{nearest(name, NAMES)}")
    maker: Any = _BUILT_IN[name].make
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


def traits_named(name: str) -> Traits:
    """The traits of the strategy of that name; the safe ones where none is built in."""
    return _BUILT_IN[name].traits if name in _BUILT_IN else Traits()


def is_built_in(strategy: Strategy) -> bool:
    """Whether a strategy is the one that its name stands for, and not one of a person's own that is called the same."""
    return strategy.name in _BUILT_IN and type(strategy) is _BUILT_IN[strategy.name].make


def traits_of(strategy: Strategy) -> Traits:
    """The traits of a strategy; the safe ones for one of a person's own, whatever its name."""
    return traits_named(strategy.name) if is_built_in(strategy) else Traits()
