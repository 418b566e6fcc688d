"""Soft imports: a package that only an extra installs, asked for where it is used."""

from __future__ import annotations

import importlib
from types import ModuleType

from holdfast.errors import MissingExtraError


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Import ``module`` or raise one sentence that names the extra which installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs the package '{module}', which is not installed: pip install 'holdfast[{extra}]'"
        ) from exc
