"""Expressions of hyperparameters, such as ``"optimizer == 'sgd' and learning_rate > 0.1"``: a small, safe language.

It borrows Python's grammar and none of its powers: comparisons, ``and``, ``or``, ``not``, ``in``, arithmetic,
``a if condition else b``, and the functions in `FUNCTIONS`. A text is parsed, checked against that list and walked;
nothing is ever evaluated as code. An expression works on whole columns of values at once.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest, shown

MOST_CHARACTERS = 1000
MOST_PARTS = 200
"""The most names, constants and operations of one expression."""

_ONE: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "round": np.round,
    "sqrt": np.sqrt,
}
_MANY: dict[str, Callable[[Any, Any], Any]] = {"max": np.maximum, "min": np.minimum}
FUNCTIONS = tuple(sorted((*_ONE, *_MANY)))
"""The functions that an expression may call."""

_KEEP_WHOLE = {"abs", "ceil", "floor", "max", "min", "round"}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Expression:
    """A checked expression; make one with `parse`.

    Attributes:
        text: as it was written.
        names: the hyperparameters in it, each one once.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr = field(repr=False, compare=False)

    def evaluate(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The expression for every row of columns of shape (n,): an array of numbers, truth values or objects, (n,).

        What cannot be computed, such as the logarithm of a negative number, is NaN.

        Raises:
            SpaceError: for operations that the values do not have, such as an order between a text and a number.
        """
        n = len(values[self.names[0]])
        try:
            with np.errstate(all="ignore"):
                result = _walk(self._tree, values)
        except TypeError:
            raise SpaceError(
                f"the expression '{self.text}' mixes texts and numbers where it compares or computes; "
                "a text can only be compared by ==, != and in"
            ) from None
        array = _column(result)
        return np.array(np.broadcast_to(array, (n,)))

    def held_against(self) -> Iterator[tuple[str, Any]]:
        """Each hyperparameter with each plain value that it is held against by ``==``, ``!=`` and ``in``."""
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Compare):
                continue
            for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
                if isinstance(op, ast.In | ast.NotIn):
                    pairs = [(left, item) for item in right.elts]  # type: ignore[attr-defined]
                else:
                    pairs = [(left, right), (right, left)] if isinstance(op, ast.Eq | ast.NotEq) else []
                for one, other in pairs:
                    if isinstance(one, ast.Name) and isinstance(other, ast.Constant):
                        yield one.id, other.value

    def is_whole(self, whole: Callable[[str], bool]) -> bool:
        """Whether the result is a whole number wherever the hyperparameters that are ``whole`` have whole values."""
        return _is_whole(self._tree, whole)


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """The expression that ``text`` writes; a name that is no word of Python's stands between backquotes.

    Raises:
        SpaceError: for what is no expression of this language, and for one that names no hyperparameter.
    """
    if len(text) > MOST_CHARACTERS:
        raise SpaceError(f"the expression '{text[:40]}...' has {len(text):,} characters; at most 1,000 are allowed")
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        key = f"_quoted_{len(quoted)}_"
        quoted[key] = match[1]
        return key

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", placeholder, text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SpaceError(
            f"the expression {shown(text)} is not understood; write one such as \"optimizer == 'sgd' and width > 64\""
        ) from None
    parts = sum(1 for node in ast.walk(tree) if isinstance(node, ast.expr))
    if parts > MOST_PARTS:
        raise SpaceError(f"the expression {shown(text)} has {parts:,} parts; at most {MOST_PARTS} are allowed")
    names: dict[str, None] = {}
    tree = _checked(tree, text, quoted, names)
    if not names:
        raise SpaceError(f"the expression {shown(text)} names no hyperparameter; name one, or write a plain value")
    return Expression(text, tuple(names), tree)


def _checked(node: Any, text: str, quoted: Mapping[str, str], names: dict[str, None]) -> Any:
    """The tree with names as they are in the space; `SpaceError` for anything that the language does not have."""
    match node:
        case ast.Name(id=name):
            names.setdefault(quoted.get(name, name))
            return ast.Name(quoted.get(name, name))
        case ast.Attribute():  # a hyperparameter with a dot in its name
            dotted = ast.unparse(node)
            if re.fullmatch(r"\w+(\.[^\W_]\w*)+", dotted):
                names.setdefault(dotted)
                return ast.Name(dotted)
        case ast.Constant(value=None | str() | bool() | int() | float()):
            return node
        case ast.BoolOp() | ast.Compare() | ast.IfExp() | ast.List() | ast.Tuple() | ast.Set():
            pass
        case ast.BinOp() | ast.UnaryOp():
            pass
        case ast.Call(func=ast.Name(id=called), args=arguments, keywords=[]):
            enough = len(arguments) >= 2 if called in _MANY else len(arguments) == 1
            if called in FUNCTIONS and enough:
                return ast.Call(node.func, [_checked(item, text, quoted, names) for item in arguments], [])
            hint = (
                nearest(called, FUNCTIONS) if called not in FUNCTIONS else ", with one argument, min and max with two"
            )
            raise SpaceError(f"the expression {shown(text)} calls {called}(); there are {', '.join(FUNCTIONS)}{hint}")
        case ast.operator() if type(node) in _ARITHMETIC:
            return node
        case ast.Load() | ast.boolop() | ast.Not() | ast.USub() | ast.UAdd():
            return node
        case ast.Eq() | ast.NotEq() | ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() | ast.In() | ast.NotIn():
            return node
        case _:
            pass
    known = (ast.BoolOp, ast.Compare, ast.IfExp, ast.List, ast.Tuple, ast.Set, ast.BinOp, ast.UnaryOp)
    if not isinstance(node, known) or _is_misplaced(node):
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).lower()
        raise SpaceError(
            f"the expression {shown(text)} holds what is not allowed ({kind}); it takes comparisons, and, or, not, in, "
            f"arithmetic, 'a if b else c' and {', '.join(FUNCTIONS)}"
        )
    for key, child in ast.iter_fields(node):
        if isinstance(child, list):
            setattr(node, key, [_checked(item, text, quoted, names) for item in child])
        elif isinstance(child, ast.AST):
            setattr(node, key, _checked(child, text, quoted, names))
    return node


def _is_misplaced(node: Any) -> bool:
    """Whether something that may be anywhere stands between brackets, or brackets stand anywhere but behind ``in``."""
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators, strict=True)
        brackets = (ast.List, ast.Tuple, ast.Set)
        return isinstance(node.left, brackets) or any(
            isinstance(op, ast.In | ast.NotIn) != isinstance(right, brackets) for op, right in pairs
        )
    children = [] if isinstance(node, ast.List | ast.Tuple | ast.Set) else list(ast.iter_child_nodes(node))
    return any(isinstance(child, ast.List | ast.Tuple | ast.Set) for child in children)


def _walk(node: Any, values: Mapping[str, np.ndarray]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=value):
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return functools.reduce(combine, (_truth(_walk(part, values)) for part in parts))
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return np.logical_not(_truth(_walk(part, values)))
        case ast.UnaryOp(op=op, operand=part):
            number = _number(_walk(part, values))
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(_walk(left, values)), _number(_walk(right, values)))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            chosen, other = _column(_walk(body, values)), _column(_walk(orelse, values))
            return np.where(_truth(_walk(test, values)), chosen, other)
        case ast.Call(func=ast.Name(id=called), args=arguments):
            numbers = [_number(_walk(argument, values)) for argument in arguments]
            return functools.reduce(_MANY[called], numbers) if called in _MANY else _ONE[called](numbers[0])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compared(left, ops, comparators, values)
        case _:
            raise AssertionError(node)


def _compared(left: Any, ops: list[ast.cmpop], comparators: list[Any], values: Mapping[str, np.ndarray]) -> Any:
    before, holds = _walk(left, values), None
    for op, comparator in zip(ops, comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            equal = [_equal(before, _walk(item, values)) for item in comparator.elts]
            now = functools.reduce(np.logical_or, equal, np.zeros_like(_column(before), dtype=bool))
            now = np.logical_not(now) if isinstance(op, ast.NotIn) else now
        else:
            after = _walk(comparator, values)
            if isinstance(op, ast.Eq | ast.NotEq):
                now = _equal(before, after)
                now = np.logical_not(now) if isinstance(op, ast.NotEq) else now
            else:
                now = _ordered(op, before, after)
            before = after
        holds = now if holds is None else np.logical_and(holds, now)
    return holds


def _ordered(op: ast.cmpop, left: Any, right: Any) -> Any:
    both = _column(left), _column(right)
    if all(column.dtype != object for column in both):
        return _COMPARISONS[type(op)](*both)
    return _COMPARISONS[type(op)](_number(left), _number(right))


def _equal(left: Any, right: Any) -> Any:
    """Equality by element; a truth value and a number are different, as they are among a categorical's choices."""
    both = _column(left), _column(right)
    if all(column.dtype.kind == both[0].dtype.kind and column.dtype != object for column in both):
        return np.equal(*both)
    return _same(both[0].astype(object), both[1].astype(object)).astype(bool)


_same = np.frompyfunc(lambda a, b: bool(a == b) and isinstance(a, bool) == isinstance(b, bool), 2, 1)


def _column(value: Any) -> np.ndarray:
    """A value as an array; texts as objects, so that their lengths do not matter."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    return np.array(value, dtype=object) if value is None or isinstance(value, str) else np.asarray(value)


def _truth(value: Any) -> np.ndarray:
    column = _column(value)
    return column.astype(bool) if column.dtype != object else np.frompyfunc(bool, 1, 1)(column).astype(bool)


def _number(value: Any) -> Any:
    """Numbers as floats; TypeError for texts. An inactive value is NaN already."""
    column = _column(value)
    if column.dtype == object:
        return np.frompyfunc(_one_number, 1, 1)(column).astype(float) if column.ndim else _one_number(column.item())
    return column.astype(float)


def _one_number(value: Any) -> float:
    if value is None or isinstance(value, str):
        raise TypeError(value)
    return float(value)


def _is_whole(node: Any, whole: Callable[[str], bool]) -> bool:
    match node:
        case ast.Name(id=name):
            return whole(name)
        case ast.Constant(value=value):
            return isinstance(value, int) and not isinstance(value, bool)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=part):
            return _is_whole(part, whole)
        case ast.BinOp(left=left, op=op, right=right):
            if isinstance(op, ast.FloorDiv):
                return True
            kept = isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Mod)
            return kept and _is_whole(left, whole) and _is_whole(right, whole)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_whole(body, whole) and _is_whole(orelse, whole)
        case ast.Call(func=ast.Name(id=called), args=arguments):
            rounds = called in {"ceil", "floor", "round"}
            return rounds or (called in _KEEP_WHOLE and all(_is_whole(item, whole) for item in arguments))
        case _:
            return False
