"""Soft imports: a package that only an extra installs, asked for where it is used."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from holdfast.errors import MissingExtraError


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Import ``module`` or raise one sentence that names the extra which installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise
        raise _missing(module, extra, purpose) from exc


def need_installed(module: str, extra: str, purpose: str) -> None:
    """Raise what `need` raises, without the time of an import where ``module`` is there."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise _missing(module, extra, purpose)


def _missing(module: str, extra: str, purpose: str) -> MissingExtraError:
    return MissingExtraError(
        f"{purpose} needs the package '{module}', which is not installed: pip install 'holdfast[{extra}]'"
    )
