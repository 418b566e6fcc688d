"""A model of the user's own: ``module:factory`` names a function that returns any scikit-learn estimator."""

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


def load_factory(reference: str, base: Path) -> Callable[..., Any]:
    """The function that ``module:factory`` names; ``base`` (the plan's folder) is put on the import path.

    Raises:
        RequestError: if the reference is malformed, the module is missing or fails, or has no such function.
    """
    module_name, _, function_name = reference.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", reference):
        raise RequestError(f"'{reference}' names no function; write module:function, for example my_models:forest")
    folder = str(base.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
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
    is set with ``set_params``, so that ``step__name`` reaches into a pipeline.

    Raises:
        RequestError: as `load_factory`; or if the factory raises, returns no estimator, or knows a name not.
    """
    factory = load_factory(reference, base)
    takes_config = _takes_argument(factory)
    try:
        estimator = factory(dict(config)) if takes_config else factory()
    except (Exception, SystemExit) as exc:
        raise RequestError(f"the factory '{reference}' raised {raised(exc, base)}") from exc
    missing = [method for method in ("fit", "predict") if not callable(getattr(estimator, method, None))]
    if missing or isinstance(estimator, type):
        what = "a class" if isinstance(estimator, type) else f"{type(estimator).__name__}, which has no {missing[0]}"
        what = "nothing" if estimator is None else what
        raise RequestError(f"the factory '{reference}' returned {what}; it has to return an estimator")
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


def _takes_argument(factory: Callable[..., Any]) -> bool:
    """Whether a factory can be called with one positional argument; an estimator class is called without."""
    if isinstance(factory, type):
        return False
    positional = {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    }
    return any(parameter.kind in positional for parameter in inspect.signature(factory).parameters.values())
