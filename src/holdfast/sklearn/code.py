"""What functions and classes of a person's own are made of, as values that a hash can be made of, without addresses.

A function is what its code does with its constants, its defaults, what it closes over, and what the names mean that it
looks up in its module: other functions count by their code in turn. Lines, comments and files do not count.
"""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

PACKAGES = {"site-packages", "dist-packages"}
"""The folders that packages are installed in."""

EMPTY = "empty cell"
LOOKED_UP = {"LOAD_GLOBAL", "LOAD_NAME"}
WRITTEN = {"STORE_GLOBAL", "DELETE_GLOBAL"}

_NOT_OWN = (types.MemberDescriptorType, types.GetSetDescriptorType)
_METHODS = (types.FunctionType, staticmethod, classmethod)
_CACHES = {"_abc_impl"}


def name_of(value: Any) -> str:
    """The module and the name of a function or class."""
    return f"{value.__module__}.{value.__qualname__}"


def is_installed(module: str | None, value: Any, name: str) -> bool:
    """Whether ``value`` is what an installed package, or Python itself, has under this name.

    What has no name there, such as a function that another one returns, is not.
    """
    return module is not None and _is_package(module) and found_at(module, name) is value


def found_at(module: str, name: str) -> Any:
    """What a loaded module has under a name with dots; None if it has nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _is_package(module: str) -> bool:
    top = module.partition(".")[0]
    if top == "holdfast" or top in sys.stdlib_module_names:
        return top != "__main__"
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not PACKAGES.isdisjoint(Path(file).parts)


def code_parts(code: types.CodeType) -> list[Any]:
    """What code does: not where it stands."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return [code.co_code, list(code.co_consts), names, counts, getattr(code, "co_exceptiontable", b"")]


def function_parts(function: types.FunctionType) -> list[Any]:
    """What a function is besides the names that it looks up."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    attributes = {name: value for name, value in vars(function).items() if name != "__wrapped__"}  # that is closed over
    return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, attributes]


def looked_up(function: types.FunctionType) -> dict[str, Any]:
    """What the names mean now that a function looks up in its module, without those that it writes itself.

    Of a module that is no installed package, the things that it may take from there stand by names with a dot.
    """
    codes = list(_nested(function.__code__))
    read, written = (
        {item.argval for code in codes for item in dis.get_instructions(code) if item.opname in kinds}
        for kinds in (LOOKED_UP, WRITTEN)
    )
    found = {name: function.__globals__[name] for name in read - written if name in function.__globals__}
    attributes = {name for code in codes for name in code.co_names}
    for name, value in list(found.items()):
        if isinstance(value, types.ModuleType) and not _is_package(value.__name__):
            found |= {f"{name}.{part}": vars(value)[part] for part in attributes & vars(value).keys()}
    return found


def members_of(cls: type) -> dict[str, Any]:
    """What a class defines itself: methods, properties and values; not what Python adds, nor what its methods write.

    A value that a method gives to the class, such as the number of calls, is no setting; one of ``self`` is its own.
    """
    found = {name: _bare(value) for name, value in vars(cls).items() if _counts(name, value)}
    written = {name for value in vars(cls).values() if isinstance(value, _METHODS) for name in _given_to_class(value)}
    return {name: value for name, value in found.items() if name not in written}


def _given_to_class(method: Any) -> Iterator[str]:
    """The names of attributes that a method sets, unless simply of its first argument, which is the object."""
    function = getattr(method, "__func__", method)
    if not isinstance(function, types.FunctionType):  # a static method may be anything
        return
    itself = function.__code__.co_varnames[:1] if method is function else ()
    for code in _nested(function.__code__):
        for before, item in pairwise(dis.get_instructions(code)):
            of = before.argval[-1] if isinstance(before.argval, tuple) and before.argval else before.argval
            if item.opname == "STORE_ATTR" and of not in itself:
                yield item.argval


def _counts(name: str, value: Any) -> bool:
    if isinstance(value, _NOT_OWN) or name in _CACHES:
        return False
    pythons = name.startswith("__") and name.endswith("__")
    return not pythons or isinstance(value, (*_METHODS, property))


def _bare(value: Any) -> Any:
    """The functions that a descriptor is made of."""
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, cached_property):
        return [value.func]
    return [type(value).__name__, value.__func__] if isinstance(value, staticmethod | classmethod) else value


def _content(cell: types.CellType) -> Any:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing has been put in yet
        return EMPTY


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)
