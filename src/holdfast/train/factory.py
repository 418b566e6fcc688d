"""A model of the user's own: ``module:factory`` names a function that returns a scikit-learn estimator or a network."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.errors import RequestError, nearest
from holdfast.own import raised
from holdfast.records import Config


def load_factory(reference: str, base: Path | None) -> Callable[..., Any]:
    """The function that ``module:factory`` names; ``base`` (the plan's folder) is put on the import path, if given.

    Raises:
        RequestError: if the reference is malformed, the module is missing or fails, or has no such function.
    """
    module_name, _, function_name = reference.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", reference):
        raise RequestError(f"'{reference}' names no function; write module:function, for example my_models:forest")
    if base is not None and str(base.resolve()) not in sys.path:
        sys.path.insert(0, str(base.resolve()))
    base = base or Path()
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and not f"{module_name}.".startswith(f"{exc.name}."):
            raise RequestError(f"the module '{module_name}' needs '{exc.name}', which is not installed") from exc
        hint = nearest(module_name, [path.stem for path in base.glob("*.py")])
        raise RequestError(
            f"there is no module '{module_name}' beside the plan or among the installed packages{hint}"
        ) from exc
    except (Exception, SystemExit) as exc:
        raise RequestError(f"the module '{module_name}' cannot be imported: {raised(exc, base)}") from exc
    factory = getattr(module, function_name, None)
    if not callable(factory):
        hint = nearest(function_name, [name for name, value in vars(module).items() if callable(value)])
        raise RequestError(f"the module '{module_name}' has no function '{function_name}'{hint}")
    found: Callable[..., Any] = factory
    return found


def build_from_factory(reference: str, config: Config, seed: int, base: Path) -> Any:
    """The estimator that ``module:factory`` makes for a config, with ``seed`` for every random state left open.

    A factory that takes an argument is called with the config; one that takes none is called without, and the config
    is set with ``set_params``, so that ``step__name`` reaches into a pipeline. A ``torch.nn.Module`` is given as it is.

    Raises:
        RequestError: as `load_factory`; or if the factory raises, returns no estimator, or knows a name not.
    """
    factory = load_factory(reference, base)
    takes_config = _arguments(factory) > 0
    estimator = call_factory(reference, factory, dict(config), base=base)
    if is_module(estimator):
        return estimator
    missing = [method for method in ("fit", "predict") if not callable(getattr(estimator, method, None))]
    if missing or isinstance(estimator, type):
        what = "a class" if isinstance(estimator, type) else f"{type(estimator).__name__}, which has no {missing[0]}"
        what = "nothing" if estimator is None else what
        raise RequestError(f"the factory '{reference}' returned {what}; it has to return an estimator or a network")
    if not takes_config and config:
        _set_config(reference, estimator, config)
    seed_everything(estimator, seed)
    return estimator


def seed_everything(estimator: Any, seed: int) -> None:
    """Set every ``random_state`` that is None, at any depth of the estimator, to ``seed``."""
    if not hasattr(estimator, "get_params"):
        return
    names = [
        name
        for name, value in estimator.get_params(deep=True).items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ]
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))


def _set_config(reference: str, estimator: Any, config: Config) -> None:
    """``set_params`` with one sentence for a name that the estimator does not know."""
    if not hasattr(estimator, "get_params"):
        raise RequestError(f"the factory '{reference}' takes no config and returned an estimator without set_params")
    known = estimator.get_params(deep=True)
    for name in config:
        if name not in known:
            there = nearest(name, known) or f"; it has {', '.join(sorted(known)[:20])}"
            raise RequestError(f"the estimator of '{reference}' has no hyperparameter '{name}'{there}")
    estimator.set_params(**config)


def call_factory(
    reference: str,
    factory: Callable[..., Any],
    config: dict[str, Any],
    *,
    sizes: tuple[tuple[int, ...], int] | None = None,
    base: Path | None = None,
) -> Any:
    """What a factory makes of a config, or of nothing where it takes no argument.

    Args:
        reference: ``module:factory``.
        factory: that function.
        config: hyperparameters.
        sizes: the shape of one row and the number of outputs, for a factory that takes three arguments.
        base: the plan's folder.

    Raises:
        RequestError: if it raises.
    """
    taken = _arguments(factory)
    try:
        if taken >= 3 and sizes is not None:
            return factory(config, *sizes)
        return factory(config) if taken else factory()
    except (Exception, SystemExit) as exc:
        raise RequestError(f"the factory '{reference}' raised {raised(exc, base or Path())}") from exc


def gives_network(reference: str, config: Config, base: Path) -> bool:
    """Whether ``module:factory`` makes networks: it takes a shape and outputs, or made one of this config.

    Raises:
        RequestError: as `build_from_factory`.
    """
    return _arguments(load_factory(reference, base)) >= 3 or is_module(build_from_factory(reference, config, 0, base))


def is_module(value: Any) -> bool:
    """Whether a value is a network of torch; imports nothing."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _arguments(factory: Callable[..., Any]) -> int:
    """How many positional arguments a factory needs, at least one where it can take one; an estimator class none."""
    torch = sys.modules.get("torch")
    if isinstance(factory, type) and not (torch is not None and issubclass(factory, torch.nn.Module)):
        return 0
    kinds = inspect.Parameter
    found = list(inspect.signature(factory).parameters.values())
    positional = [p for p in found if p.kind in {kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD}]
    needed = sum(parameter.default is kinds.empty for parameter in positional)
    could = bool(positional) or any(parameter.kind is kinds.VAR_POSITIONAL for parameter in found)
    return max(needed, int(could))
