"""Reading a plan: TOML in, `Plan` out, and for every mistake one sentence with its place and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from holdfast.errors import PlanError, RequestError, nearest, shown
from holdfast.protocol.plan import Plan

_PLAIN = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text in quotes",
    "a valid boolean": "true or false",
    "a valid dictionary": "a table",
    "a valid tuple": "a list",
}
"""pydantic's words for what a value should be, as a person would say them."""

_BOUNDS = {"greater than or equal to": "at least", "greater than": "more than"}

_ONE_LINE = "a text is not closed on its line; close it with a quote, or write a long one between triple quotes"

_NOT_TOML = {
    "invalid value": "no value stands here; write text in quotes, a number as 0.5 or 1e-3, and truth as true or false",
    "cannot overwrite a value": "a key stands twice in one table; keep one of them",
    "duplicate inline table key": "a key stands twice between braces; keep one of them",
    "cannot mutate immutable namespace": "a table between braces is complete; put its keys between the braces",
    "expected '=' after a key": "a key stands without a value; write key = value",
    "expected newline or end of document": "more stands behind the value; write one key a line, and a decimal point",
    "expected ']": "the brackets of a table's name are not closed; write [name] or [[name]]",
    "illegal character '\\n'": _ONE_LINE,
    "found invalid character '\\n'": _ONE_LINE,
    "unterminated string": _ONE_LINE,
    "unescaped '\\'": "a backslash stands alone in a text; write it twice, or put the text between single quotes",
    "unclosed array": "a list is not closed; write [1, 2, 3]",
    "unclosed inline table": "braces are not closed; write { key = value, other = value }",
    "invalid statement": "this is neither [table] nor key = value",
    "invalid initial character for a key": "a key stands here that is none; write letters, digits, '_' and '-'",
    "invalid date or datetime": "a date stands here that does not exist",
}
"""What tomllib says, by its first words, and what a person would say."""


@dataclass(frozen=True)
class PlanFile:
    """A plan and where it was read from; paths in it are relative to ``base``."""

    plan: Plan
    path: Path | None
    base: Path
    text: str = ""

    @contextmanager
    def at(self, *keys: str | int) -> Iterator[None]:
        """Put the file and the line of a key before the sentence of a request that it makes wrong.

        A number among the keys says which of several tables of a name, from 0.
        """
        try:
            yield
        except RequestError as exc:
            if self.path is None or str(exc).startswith(f"{self.path}, line"):
                raise
            raise type(exc)(f"{_place(str(self.path), self.text, (*keys, *exc.keys))}{exc}") from exc


def read_plan(plan: str | Path | Mapping[str, Any] | Plan) -> PlanFile:
    """The plan in a file, or given as a dict.

    Raises:
        PlanError: in one sentence that names the file, the line and the key.
    """
    if isinstance(plan, Plan):
        return PlanFile(plan, None, Path.cwd())
    if isinstance(plan, Mapping):
        return PlanFile(_validate(dict(plan), "the plan", ""), None, Path.cwd())
    path = Path(plan)
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except ValueError as exc:
        raise PlanError(f"{path}{_not_toml(str(exc))}") from exc
    except RecursionError as exc:
        raise PlanError(f"{path} has lists or tables too deep within each other; a plan needs three levels") from exc
    return PlanFile(_validate(data, str(path), text), path, path.resolve().parent, text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PlanError(f"there is no plan file '{path}'{_near_file(path)}") from None
    except IsADirectoryError:
        raise PlanError(f"'{path}' is a folder; name the plan file in it") from None
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise PlanError(
            f"{path}, line {line}, is not UTF-8 text: it holds the byte 0x{exc.object[exc.start]:02x}; save it as UTF-8"
        ) from exc
    except (OSError, ValueError) as exc:
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        raise PlanError(f"the plan file '{path}' cannot be read: {reason}") from exc


def _near_file(path: Path) -> str:
    """The file that was probably meant, or the plans that are there instead."""
    try:
        there = sorted(other.name for other in path.parent.iterdir() if not other.name.startswith("."))
    except OSError:
        return ", nor its folder"
    plans = [name for name in there if name.endswith(".toml")]
    return nearest(path.name, there) or (f"; there are {', '.join(plans[:10])}" if plans else "")


def _validate(data: dict[str, Any], where: str, text: str) -> Plan:
    try:
        return Plan.model_validate(data)
    except ValidationError as exc:
        errors = exc.errors()
        error = _most_telling(errors)
        keys = _without_union_tags(error["loc"])
        wanted = [_wanted(other) for other in errors if _without_union_tags(other["loc"]) == keys]
        raise PlanError(f"{_place(where, text, keys)}{_sentence(error, keys, wanted)}") from exc


def _most_telling(errors: Sequence[Any]) -> Any:
    """The first error; or instead of a lack, the key beside it that is a misspelling of what lacks."""
    first = errors[0]
    if first["type"] == "missing":
        for other in errors:
            beside = other["loc"][:-1] == first["loc"][:-1]
            if (
                other["type"] == "extra_forbidden"
                and beside
                and nearest(str(other["loc"][-1]), [str(first["loc"][-1])])
            ):
                return other
    return first


def _not_toml(said: str) -> str:
    """Where and why the TOML parser stopped, as a person would say it."""
    reason, _, place = said.rpartition(" (at ")
    reason, place = (_lower(reason), place.rstrip(")")) if reason else (_lower(said), "")
    for theirs, ours in _NOT_TOML.items():
        if reason.startswith(theirs):
            reason = ours
    if "limit" in reason:
        reason = "a number has too many digits; write it as 1e9"
    twice = re.match(r"cannot declare \((.*?),?\) twice", reason)
    if twice:
        reason = f"the table [{'.'.join(re.findall(chr(39) + '(.*?)' + chr(39), twice[1]))}] stands twice; keep one"
    where = f", {place}," if place.startswith("line") else ""
    return f"{where} is not TOML: {reason}{' (at its end)' if place.startswith('end') else ''}"


def _sentence(error: Any, keys: Sequence[str | int], wanted: Sequence[str]) -> str:
    """What is wrong with the key at the end of ``keys``, and what would be right: something of ``wanted``."""
    table, name = _table_name(keys[:-1]), keys[-1] if keys else "the plan"
    has = f"{table} has {name} = {shown(error['input'])}"
    if isinstance(name, int) and keys[0] != "trials":
        has = f"{_table_name(keys[:-2])} has {shown(error['input'])} in the list {keys[-2]}"
    match error["type"]:
        case "extra_forbidden":
            return f"{table} has the unknown {_unknown(keys, error['input'])}"
        case "missing":
            inside = [f"'{key}'" for key, field in _fields(keys).items() if field.is_required()]
            add = f"; add it, with {' and '.join(inside)} in it" if inside else f"; add {name} = ..."
            return f"{table} lacks '{name}'{add}" if len(keys) > 1 else f"the plan lacks the table [{name}]{add}"
        case "literal_error":
            options = str(error["ctx"]["expected"])
            return f"{has}; it can be {options}{nearest(str(error['input']), options.split(chr(39)))}"
        case "string_pattern_mismatch":
            return f"{has}; letters, digits, '.', '_' and '-' are allowed, and the first is a letter or a digit"
        case "string_too_long":
            return f"{has}; at most {error['ctx']['max_length']} characters are allowed"
        case "value_error":
            said = str(error["ctx"]["error"])
            if said.startswith(f"{name} = "):
                return f"{table} has {said}"
            return f"{_table_name(keys)}: {said}" if isinstance(error["input"], dict) else f"{has}; {said}"
        case "tuple_type" if name == "trials":
            return f"{has}; it is a list of tables, each written as [[trials]]; their number stands in [search]"
        case _:
            return f"{has}; it should be {_either(wanted)}"


def _unknown(keys: Sequence[str | int], value: Any) -> str:
    """A key or table that does not exist, and what was probably meant."""
    name, known = str(keys[-1]), _known_keys(keys[:-1])
    home = next((table for table in known if name in _known_keys([table])), None) if len(keys) == 1 else None
    if home is not None and not isinstance(value, dict):
        return f"key '{name}' outside of a table; it belongs under [{home}]"
    there = nearest(name, known) or (f"; it takes {', '.join(known)}" if known else "")
    return f"table [{name}]{there}" if len(keys) == 1 else f"key '{name}'{there}"


def _wanted(error: Any) -> str:
    """What a value should be by one of pydantic's errors, as a person would say it."""
    wanted = _lower(error["msg"].removeprefix("Input should be ").partition(" or instance of")[0])
    wanted = _PLAIN.get(wanted, wanted)
    for theirs, ours in _BOUNDS.items():
        wanted = wanted.replace(theirs, ours)
    return wanted


def _either(wanted: Sequence[str]) -> str:
    """One of several things that a value may be."""
    if "a finite number" in wanted:
        return "a finite number"
    kinds = [kind for kind in dict.fromkeys(wanted) if kind != "a whole number" or "a number" not in wanted]
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"


def _without_union_tags(keys: Sequence[str | int]) -> list[str | int]:
    """The keys as a person wrote them: pydantic adds the names of the types it tried, and of the keys that are none."""
    tags = {"float", "int", "str", "bool", "none", "[key]"}
    kept = list(keys)
    while len(kept) > 2 and kept[-1] in tags:
        kept.pop()
    return kept


def _table_name(keys: Sequence[str | int]) -> str:
    if not keys:
        return "the plan"
    if keys[0] == "trials":
        return f"[[trials]] number {int(keys[1]) + 1}" if len(keys) > 1 else "[[trials]]"
    return f"[{'.'.join(map(str, keys))}]"


def _known_keys(keys: Sequence[str | int]) -> list[str]:
    """The keys of the table at ``keys``."""
    return list(_fields(keys))


def _fields(keys: Sequence[str | int]) -> dict[str, Any]:
    """The fields of the table at ``keys``; none if there is no such table."""
    model: Any = Plan
    for key in keys:
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key)
        if field is None:
            return {}
        model = next((t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)), None)
        if model is None:
            return {}
    return dict(model.model_fields)


def _types(annotation: Any) -> list[Any]:
    """The types inside an annotation such as ``FidelityTable | None``."""
    inner = get_args(annotation)
    return [annotation] if not inner else [t for part in inner for t in _types(part)]


def _place(where: str, text: str, keys: Sequence[str | int]) -> str:
    line = find_line(text, keys)
    return f"{where}, line {line}: " if line else f"{where}: "


def find_line(text: str, keys: Sequence[str | int]) -> int | None:
    """The line of a key (or of the nearest table around it) in a TOML text, counted from 1."""
    names = [key for key in keys if isinstance(key, str)]
    occurrence = next((key for key in keys if isinstance(key, int)), 0)
    table: list[str] = []
    copies: dict[str, int] = {}
    right_copy = True
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
        entry = re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line)
        path = table
        if header:
            table = path = _split(header.group(2))
            copy = copies[header.group(2)] = copies.get(header.group(2), -1) + 1
            right_copy = header.group(1) == "[" or copy == occurrence
        elif entry:
            path = [*table, *_split(entry.group(1))]
        shared = _shared(path, names)
        if right_copy and 0 < shared == len(path) and (best is None or shared > best[0]):
            best = (shared, number)
    return None if best is None else best[1]


def _split(dotted: str) -> list[str]:
    """The parts of a dotted TOML key."""
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _shared(path: Sequence[str], names: Sequence[str]) -> int:
    count = 0
    for a, b in zip(path, names, strict=False):
        if a != b:
            break
        count += 1
    return count


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
