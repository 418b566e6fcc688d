"""A short hash of what a value says, by which a stored study is found again: the same in every process, or a refusal.

Two values that could score differently have two hashes: arrays are told apart by their bytes, estimators by their
parameters, functions and classes of a person's own by what they do (`holdfast.sklearn.code`), whatever else there is by
what pickle would keep of it. What Python or an installed package defines goes by its name.
"""

from __future__ import annotations

import copyreg
import hashlib
import pickle
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.sklearn.code import code_parts, found_at, function_parts, is_installed, looked_up, members_of, name_of

LONGEST_DIGEST = 16

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
"""Types whose repr says all of a value."""

CARRIED = ("_metadata_request", "_sklearn_output_config")
"""What scikit-learn's `clone` takes along besides the parameters: what is routed to an estimator, what it puts out."""

LEVELS = np.linspace(0.001, 0.999, 257)
"""The quantiles at which distributions are compared, whatever their arguments are called."""

SHAPED_BY = ("xk", "pk", "_histogram")
"""What a distribution of scipy's may be made of besides its arguments: values and weights, or a histogram."""


def digest(value: Any) -> str:
    """A short hash of what a value says, the same in every process.

    Raises:
        RequestError: for what cannot be told from another of its kind, such as an open file.
    """
    try:
        return Digester().of(value).hex()[:LONGEST_DIGEST]
    except RecursionError as exc:
        raise RequestError(
            "what is searched is nested too deeply for a hash that names its stored study; leave out storage"
        ) from exc


class Digester:
    """Hashes of values by those of their parts. What is a part of itself counts there by how many levels are between.

    Functions, classes and objects are hashed once each.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._known: dict[tuple[int, bool], tuple[bytes, Any]] = {}  # with the objects, so that no address is used anew
        self._lenient = False

    def of(self, value: Any) -> bytes:
        """The hash of any value.

        Raises:
            RequestError: if it cannot be told from another of its kind.
        """
        if type(value) in PLAIN:
            return _hash(type(value).__name__, repr(value).encode())
        if isinstance(value, np.ndarray | np.generic):
            return self._of_array(value)
        if isinstance(value, list | tuple | Mapping | set | frozenset):
            return self._nested(value, self._of_collection)
        key = id(value), self._lenient
        if key not in self._known:
            self._known[key] = self._nested(value, self._of_object), value
        return self._known[key][0]

    def _all(self, kind: str, values: Iterable[Any]) -> bytes:
        return _hash(kind, *(self.of(value) for value in values))

    def _nested(self, value: Any, how: Callable[[Any], bytes]) -> bytes:
        key = id(value)
        if key in self._open:
            return _hash("again", str(len(self._open) - self._open[key]).encode())
        self._open[key] = len(self._open)
        try:
            return how(value)
        finally:
            del self._open[key]

    def _of_collection(self, value: Any) -> bytes:
        if isinstance(value, Mapping):
            return _hash("table", *sorted(self.of(key) + self.of(item) for key, item in value.items()))
        if isinstance(value, set | frozenset):
            return _hash("set", *sorted(self.of(item) for item in value))
        return self._all(type(value).__name__, value)

    def _of_array(self, value: Any) -> bytes:
        kind = f"{type(value).__name__} {value.dtype} {value.shape}"
        if isinstance(value, np.ma.MaskedArray):
            return self._all(kind, [np.ma.getmaskarray(value), np.ma.filled(value)])
        if value.dtype.names is not None:  # field by field, as anything may lie between them
            return self._all(kind, [value[name] for name in value.dtype.names])
        if value.dtype.hasobject:
            return self._all(kind, value.ravel().tolist())
        return _hash(kind, np.ascontiguousarray(value).tobytes())

    def _of_object(self, value: Any) -> bytes:
        if isinstance(value, Enum):
            return self._all("enum", [name_of(type(value)), value.name, value.value])
        if isinstance(value, type):
            return self._of_class(value)
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, types.CodeType):
            return self._all("code", code_parts(value))
        if isinstance(value, types.ModuleType):
            return _hash("module", value.__name__.encode())
        if callable(getattr(value, "__wrapped__", None)):
            return self._all("wrapper", [name_of(type(value)), value.__wrapped__])
        return self._of_data(value)

    def _of_data(self, value: Any) -> bytes:
        if hasattr(value, "tocoo"):
            sparse = value.tocoo()
            return self._all("sparse", [sparse.shape, sparse.row, sparse.col, sparse.data])
        if hasattr(value, "to_numpy"):
            return self._all("frame", _frame_parts(value))
        if hasattr(value, "detach") and hasattr(value, "cpu"):  # a tensor, whose pickle holds addresses
            return self._all("tensor", [name_of(type(value)), np.asarray(value.detach().cpu())])
        if hasattr(value, "ppf") and hasattr(value, "support"):
            return self._all("distribution", _distribution_parts(value))
        if hasattr(value, "get_params") and not _keeps_state(value):
            carried = [getattr(value, name, None) for name in CARRIED]
            return self._all("estimator", [type(value), value.get_params(deep=False), carried])
        return self._of_pickled(value)

    def _of_function(self, function: types.FunctionType) -> bytes:
        module = function.__globals__.get("__name__")
        if is_installed(module, function, function.__qualname__):
            return _hash("named", f"{module}.{function.__qualname__}".encode())
        return self._all("function", [*function_parts(function), self._leniently(looked_up(function))])

    def _of_class(self, cls: type) -> bytes:
        if is_installed(cls.__module__, cls, cls.__qualname__):
            return _hash("named", name_of(cls).encode())
        return self._all("class", [cls.__qualname__, cls.__bases__, self._leniently(members_of(cls))])

    def _leniently(self, values: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        """Hashes of what code refers to; what cannot be told from its like there, as a file, counts by its class."""
        before, self._lenient = self._lenient, True
        try:
            return [(name, self.of(values[name])) for name in sorted(values)]
        finally:
            self._lenient = before

    def _of_pickled(self, value: Any) -> bytes:
        """By what pickle would make it of again."""
        try:
            maker, given, state, items, pairs = _reduced(value)
        except Exception as exc:  # whatever its own way of being pickled raises
            if self._lenient:
                return _hash("a", name_of(type(value)).encode())
            raise RequestError(
                f"with storage, a study is named after what is searched, and there is an object of the class "
                f"{name_of(type(value))}, which cannot be told from others of it ({exc}); leave it out, or storage"
            ) from exc
        parts = [None if part is None else list(part) for part in (items, pairs)]
        return self._all("object", [maker, given, state, *parts])


def _frame_parts(value: Any) -> list[Any]:
    """Of a table or a column its names, types, index and values."""
    whole = hasattr(value, "columns")
    names = list(value.columns) if whole else [getattr(value, "name", None)]
    kinds = list(getattr(value, "dtypes", [])) if whole else [getattr(value, "dtype", None)]
    categories = [getattr(kind, "categories", None) for kind in kinds]
    index: Any = getattr(value, "index", None)  # of a list-like column it may be a method
    rows = index.to_numpy() if hasattr(index, "to_numpy") else None
    return [names, [str(kind) for kind in kinds], categories, rows, np.asarray(value.to_numpy())]


def _distribution_parts(value: Any) -> list[Any]:
    """What it is called, its arguments and its support, and its values at many quantiles."""
    inner = getattr(value, "dist", value)
    named = [type(inner), getattr(inner, "name", None), [getattr(inner, name, None) for name in SHAPED_BY]]
    arguments = [getattr(value, "args", ()), getattr(value, "kwds", {})]
    ends = [float(end) for end in value.support()]
    return [named, arguments, ends, [float(value.ppf(level)) for level in LEVELS]]


def _reduced(value: Any) -> tuple[Any, ...]:
    """What pickle calls to make an object again, with which arguments, and its state, items and pairs.

    Raises:
        PicklingError: if it is said to be found under a name under which there is something else.
    """
    reduce = copyreg.dispatch_table.get(type(value))
    made = value.__reduce_ex__(4) if reduce is None else reduce(value)
    if not isinstance(made, str):
        return (*made, None, None, None)[:5]
    module = pickle.whichmodule(value, made)  # type: ignore[attr-defined]  # typeshed lacks it
    if found_at(module, made) is not value:
        raise pickle.PicklingError(f"it is not {module}.{made}")
    return f"{module}.{made}", None, None, None, None


def _keeps_state(value: Any) -> bool:
    """Whether an estimator is cloned as it is, fitted, so that its parameters do not say all of it."""
    from sklearn.base import BaseEstimator

    own = getattr(type(value), "__sklearn_clone__", None)
    return own is not None and own is not BaseEstimator.__sklearn_clone__


def _hash(kind: str, *parts: bytes) -> bytes:
    """SHA-256 of a kind and of parts, each with its length."""
    hasher = hashlib.sha256(f"{kind}\0".encode())
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.digest()
