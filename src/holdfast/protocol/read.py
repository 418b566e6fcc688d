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

from holdfast.errors import PlanError, RequestError, nearest
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


@dataclass(frozen=True)
class PlanFile:
    """A plan and where it was read from; paths in it are relative to ``base``."""

    plan: Plan
    path: Path | None
    base: Path
    text: str = ""

    @contextmanager
    def at(self, *keys: str) -> Iterator[None]:
        """Put the file and the line of a key before the sentence of a request that it makes wrong."""
        try:
            yield
        except RequestError as exc:
            if self.path is None or str(exc).startswith(f"{self.path}, line"):
                raise
            raise type(exc)(f"{_place(str(self.path), self.text, keys)}{exc}") from exc


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
    except tomllib.TOMLDecodeError as exc:
        raise PlanError(f"{path} is not TOML: {_plainly(str(exc))}") from exc
    return PlanFile(_validate(data, str(path), text), path, path.resolve().parent, text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"there is no plan file '{path}'{_near_file(path)}") from None
    except IsADirectoryError:
        raise PlanError(f"'{path}' is a folder; name the plan file in it") from None
    except UnicodeDecodeError as exc:
        raise PlanError(f"{path} is not UTF-8 text (byte {exc.start}); save it as UTF-8") from exc
    except OSError as exc:
        raise PlanError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def _near_file(path: Path) -> str:
    try:
        return nearest(path.name, [p.name for p in path.parent.iterdir()])
    except OSError:
        return ""


def _validate(data: dict[str, Any], where: str, text: str) -> Plan:
    try:
        return Plan.model_validate(data)
    except ValidationError as exc:
        error = _most_telling(exc.errors())
        keys = tuple(part for part in error["loc"] if isinstance(part, str | int))
        raise PlanError(f"{_place(where, text, keys)}{_sentence(error, keys)}") from exc


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


def _plainly(text: str) -> str:
    """What the TOML parser says, as a person would."""
    text = re.sub(r"cannot declare \((.*?),?\) twice", lambda m: f"table [{_dotted(m[1])}] stands twice", _lower(text))
    return text.replace("invalid value", "a value that is none; text stands in quotes")


def _dotted(names: str) -> str:
    return ".".join(re.findall(r"'(.*?)'", names))


def _sentence(error: Any, keys: Sequence[str | int]) -> str:
    """What is wrong with the key at the end of ``keys``, and what would be right."""
    keys = _without_union_tags(keys)
    table, name = _table_name(keys[:-1]), keys[-1] if keys else "the plan"
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(keys[:-1])
            there = nearest(str(name), known) or (f"; it takes {', '.join(known)}" if known else "")
            what = f"table [{name}]" if len(keys) == 1 else f"key '{name}'"
            return f"{table} has the unknown {what}{there}"
        case "missing":
            return f"{table} lacks '{name}'" if len(keys) > 1 else f"the plan lacks the table [{name}]"
        case "literal_error":
            word = str(error["input"])
            options = str(error["ctx"]["expected"])
            return (
                f"{table} has {name} = {error['input']!r}; it can be {options}{nearest(word, options.split(chr(39)))}"
            )
        case "string_pattern_mismatch":
            return f"{table} has {name} = {error['input']!r}; letters, digits, '.', '_' and '-' are allowed"
        case "value_error":
            return f"{_table_name(keys)}: {error['ctx']['error']}"
        case kind if kind.endswith(("_type", "_parsing")):
            wanted = error["msg"].removeprefix("Input should be ").partition(" or instance of")[0]
            return f"{table} has {name} = {error['input']!r}; it should be {_PLAIN.get(wanted, wanted)}"
        case _:
            wanted = _lower(error["msg"].removeprefix("Input should be "))
            for theirs, ours in _BOUNDS.items():
                wanted = wanted.replace(theirs, ours)
            return f"{table} has {name} = {error['input']!r}; it should be {wanted}"


def _without_union_tags(keys: Sequence[str | int]) -> list[str | int]:
    """The keys as a person wrote them: pydantic adds the names of the types it tried."""
    tags = {"float", "int", "str", "bool", "none"}
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
    model: Any = Plan
    for key in keys:
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key)
        if field is None:
            return []
        model = next((t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)


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
