"""What a study was created with, and whether two such settings are the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RequestError, shown
from holdfast.records import OBJECTIVE, Direction, Fidelity, as_whole
from holdfast.search.base import Strategy, fidelity_needed
from holdfast.search.history import Duplicates
from holdfast.search.pbt import PopulationBasedTraining, check_kept
from holdfast.search.registry import NAMES, Traits, make_strategy, traits_named, traits_of
from holdfast.space import Space
from holdfast.study.constraints import Constraint, named_constraints, to_table
from holdfast.study.limits import with_limits

DEFAULT_NAME = "study"

_GO_ON = "use load_study to go on with it, or another name"
_KEEPS_STRATEGY = (
    "a study keeps its strategy: use load_study without one to go on with it, or another name, and earlier=[...] to "
    "learn from it"
)
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a study was created with.

    ``space`` is None where it is found as it is used, ``workers`` for any study that is not deterministic. With
    ``own_strategy`` the strategy is code of a person's own, which may have the name of a built-in one.
    """

    name: str
    space: Space | None
    directions: dict[str, Direction]
    strategy: str
    strategy_settings: dict[str, Any]
    seed: int
    fidelity: Fidelity | None
    constraints: tuple[Constraint, ...] = ()
    duplicates: Duplicates = "avoid"
    drop_folds: str = "never"
    workers: int | None = None
    own_strategy: bool = False

    @property
    def objectives(self) -> tuple[str, ...]:
        """The names of the objectives; the first one ranks."""
        return tuple(self.directions)

    @property
    def traits(self) -> Traits:
        """What others have to know of the strategy."""
        return Traits() if self.own_strategy else traits_named(self.strategy)

    def to_json(self) -> dict[str, Any]:
        """JSON values, as the event ``study.created`` holds them; lists of pairs where an order means something."""
        return {
            **self.tables(),
            "space": None if self.space is None else [list(pair) for pair in self.space.to_json().items()],
            "directions": [list(pair) for pair in self.directions.items()],
            "constraints": [list(pair) for pair in to_table(self.constraints).items()],
            **({"own_strategy": True} if self.own_strategy else {}),
        }

    def tables(self) -> dict[str, Any]:
        """JSON values, to look things up by name."""
        return {
            "name": self.name,
            "space": None if self.space is None else self.space.to_json(),
            "directions": dict(self.directions),
            "strategy": self.strategy,
            "strategy_settings": self.strategy_settings,
            "seed": self.seed,
            "fidelity": None if self.fidelity is None else dataclasses.asdict(self.fidelity),
            "constraints": to_table(self.constraints),
            "duplicates": self.duplicates,
            "drop_folds": self.drop_folds,
            **({} if self.workers is None else {"workers": self.workers}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Settings:
        """The settings that `to_json` wrote."""
        return Settings(
            name=data["name"],
            space=None if data["space"] is None else with_limits(Space.from_json(dict(data["space"]))),
            directions=dict(data["directions"]),
            strategy=data["strategy"],
            strategy_settings=dict(data["strategy_settings"]),
            seed=data["seed"],
            fidelity=None if data["fidelity"] is None else Fidelity(**data["fidelity"]),
            constraints=named_constraints(dict(data.get("constraints", ()))),
            duplicates=data.get("duplicates", "avoid"),
            drop_folds=data.get("drop_folds", "never"),
            workers=data.get("workers"),
            own_strategy=data.get("own_strategy", data["strategy"] not in NAMES),
        )


def named_directions(direction: Any) -> dict[str, Direction]:
    """The directions by metric; one unnamed direction is that of the metric ``value``.

    Raises:
        RequestError: if one is neither ``"minimize"`` nor ``"maximize"``, or there is none.
    """
    named = direction if isinstance(direction, Mapping) else {OBJECTIVE: direction}
    if not named:
        raise RequestError("direction is empty; it needs 'minimize', 'maximize' or a dict of named metrics")
    for name, value in named.items():
        if not isinstance(name, str) or not name:
            raise RequestError(f"direction names the metric {name!r}; a metric's name is a non-empty string")
        if not isinstance(value, str) or value not in {"minimize", "maximize"}:
            raise RequestError(f"the direction of '{name}' is {value!r}; it must be 'minimize' or 'maximize'")
    return dict(named)


def checked_strategy(strategy: Any) -> Strategy:
    """The strategy of that name, or the object itself where it can be asked.

    Raises:
        RequestError: for a name that does not exist, and for anything else.
    """
    if isinstance(strategy, str):
        return make_strategy(strategy)
    if isinstance(strategy, type) or not callable(getattr(strategy, "ask", None)):
        hint = f"; make one, as in {strategy.__name__}()" if isinstance(strategy, type) else ""
        raise RequestError(
            f"strategy = {shown(strategy)}; it takes a name, or an object with ask(history, n, rng){hint}"
        )
    found: Strategy = strategy
    return found


def check_fits(strategy: Strategy, space: Space | None) -> None:
    """Refuse a strategy whose settings name hyperparameters that a declared space does not have."""
    if space is not None and isinstance(strategy, PopulationBasedTraining):
        check_kept(strategy.keep, space)


def checked_seed(seed: Any) -> int:
    """The seed of every random draw.

    Raises:
        RequestError: if it is no whole number.
    """
    return whole("seed", seed)


def whole(name: str, value: object, least: int | None = None) -> int:
    """A whole number that a person gave, of NumPy's as well.

    Raises:
        RequestError: by the ``name``, if it is none or is under ``least``.
    """
    number = as_whole(value)
    if number is None or (least is not None and number < least):
        wanted = "a whole number" if least is None else f"a whole number of at least {least}"
        given = repr(value) if isinstance(value, bool) else shown(value)
        raise RequestError(f"{name} = {given}; it must be {wanted}")
    return number


def checked_fidelity(fidelity: Any, strategy: Strategy) -> Fidelity | None:
    """How much training a trial may have.

    Raises:
        RequestError: if it is no `Fidelity`, or not one that the strategy can pause trials by.
    """
    if fidelity is not None and not isinstance(fidelity, Fidelity):
        raise RequestError(f"fidelity = {fidelity!r}; it must be a Fidelity, such as holdfast.Fidelity('epoch', 1, 81)")
    pauses = traits_of(strategy).pauses
    if pauses and fidelity is None:
        raise fidelity_needed(strategy.name)
    if pauses and fidelity is not None and fidelity.min == fidelity.max:
        raise RequestError(
            f"strategy '{strategy.name}' pauses trials, and fidelity '{fidelity.name}' runs from {fidelity.min} to "
            f"{fidelity.max}, which leaves no rung to pause at; it needs a min below its max"
        )
    return fidelity


def checked_duplicates(duplicates: Any) -> Duplicates:
    """Whether a configuration may be tried again.

    Raises:
        RequestError: if it is neither ``"avoid"`` nor ``"replicate"``.
    """
    if duplicates == "avoid":
        return "avoid"
    if duplicates == "replicate":
        return "replicate"
    raise RequestError(f"duplicates = {duplicates!r}; it must be 'avoid' or 'replicate'")


def require_same(wanted: Settings, found: Settings) -> None:
    """Refuse to go on with a study of other settings.

    Raises:
        RequestError: naming the first thing that differs.
    """
    old, new = found.tables(), json.loads(json.dumps(wanted.tables()))
    if found.workers != wanted.workers:
        raise RequestError(
            f"study '{found.name}' exists already {_determinism(found)}, and is asked for {_determinism(wanted)}; "
            f"{_GO_ON}"
        )
    if found.strategy == wanted.strategy and found.own_strategy != wanted.own_strategy:
        have, ask = ("holdfast's", "one of your own") if wanted.own_strategy else ("one of your own", "holdfast's")
        raise RequestError(
            f"study '{found.name}' exists already with strategy '{found.strategy}', {have}, and is asked for {ask} of "
            f"that name; {_KEEPS_STRATEGY}"
        )
    for key, value in new.items():
        if old[key] != value:
            remedy = _KEEPS_STRATEGY if key in {"strategy", "strategy_settings"} else _GO_ON
            raise RequestError(
                f"study '{found.name}' exists already with {_difference(key, old[key], value)}; {remedy}"
            )
    for part, names, wish in (
        ("hyperparameters", () if found.space is None else found.space.names, wanted.space),
        ("objectives", found.objectives, wanted.directions),
    ):
        if wish is not None and tuple(wish.names if isinstance(wish, Space) else wish) != names:
            raise RequestError(
                f"study '{found.name}' exists already with its {part} in the order {', '.join(names)}; keep that "
                "order, use load_study to go on with it, or another name"
            )


def _determinism(settings: Settings) -> str:
    return (
        "without deterministic = True"
        if settings.workers is None
        else f"deterministic for {_workers(settings.workers)}"
    )


def checked_workers(deterministic: Any, workers: Any) -> int | None:
    """The workers of a deterministic study, None for any other.

    Raises:
        RequestError: if they are no number of workers.
    """
    if not isinstance(deterministic, bool):
        raise RequestError(f"deterministic = {deterministic!r}; it must be True or False")
    workers = whole("workers", workers, 1)
    if workers > 1 and not deterministic:
        raise RequestError(
            f"workers = {workers} says how many trials of a deterministic study run at once; give deterministic=True, "
            "or leave it out: optimize(..., n_jobs=...) has workers of its own"
        )
    return workers if deterministic else None


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"


def check_run(settings: Settings, trials: int, halt_after: object) -> None:
    """Refuse to run more trials at once than a deterministic study has workers, or to halt after none that fail."""
    whole("halt_after", halt_after, 1)
    if settings.workers is not None and trials > settings.workers:
        raise RequestError(
            f"study '{settings.name}' is deterministic for {_workers(settings.workers)}, and {trials} trials are "
            f"to run at once; make it with workers={trials}, or run fewer"
        )


def _difference(key: str, old: Any, new: Any) -> str:
    """The first difference between two JSON values, in words; tables are compared entry by entry."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            was, wish = old.get(name, _ABSENT), new.get(name, _ABSENT)
            if wish is _ABSENT:
                return f"{key}.{name}, which is missing here"
            if was is _ABSENT:
                return f"no {key}.{name}, which is given here"
            if was != wish:
                return _difference(f"{key}.{name}", was, wish)
    return f"{key} = {old!r}, not {new!r}"
