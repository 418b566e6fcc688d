"""Check a log from outside: name the first event that was edited, removed, inserted or moved, and every bad blob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import LogError, RequestError
from holdfast.log.base import GENESIS, Row, StudyLog, link, parsed
from holdfast.records import canonical_json

_FARTHEST = 64
"""How many removed events in a row are looked for behind an event that was renumbered."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of a log found.

    ``length`` and ``head`` are those of the log as it stands; ``problems`` are sentences, the first broken event before
    the blobs; ``cannot_exclude`` is a sentence on what no look at the log alone can find, None if nothing is left.
    """

    ok: bool
    length: int
    head: str
    problems: tuple[str, ...]
    cannot_exclude: str | None


def verify(log: StudyLog, expected_head: str | None = None) -> Verification:
    """Check every event and blob of a log against its hash, and the log against a head that was kept elsewhere.

    Args:
        log: the log; it is not written, nor are states looked at that are kept beside it. It is read from end to end,
            and again only to say what is wrong with it.
        expected_head: the hash in a report or a card, 64 hex digits; a log that has grown since is fine.

    Raises:
        RequestError: if ``expected_head`` is no such hash.
    """
    if expected_head is not None:
        expected_head = expected_head.strip().lower()
        if not _is_sha256(expected_head):
            raise RequestError(f"head '{expected_head}' is no hash; give the 64 hex digits that stand in the report")
    walk = _Walk()
    for row in log.rows():
        walk.take(row, expected_head)
    vouched = 0 if expected_head == GENESIS else walk.vouched
    problems = []
    if walk.broken:
        problems.append(first_broken(list(log.rows())) or "the log was changed while it was checked; check it again")
    if expected_head is not None and vouched is None:
        problems.append(f"no event has the head {expected_head}: the log was cut off before it, or rewritten")
    problems += _blob_problems(log, walk.missing)
    return Verification(not problems, walk.length, walk.hash, tuple(problems), _cannot_exclude(walk.length, vouched))


@dataclass(slots=True)
class _Walk:
    """What is known of a log after so many of its rows.

    ``broken`` says whether one did not follow the one before, ``vouched`` how many events the expected head vouches
    for; ``missing`` has the blobs that events refer to and that no later one drops, with the first such event.
    """

    length: int = 0
    hash: str = GENESIS
    broken: bool = False
    vouched: int | None = None
    missing: dict[str, int] = field(default_factory=dict)

    def take(self, row: Row, expected_head: str | None) -> None:
        """The next row."""
        self.broken = self.broken or not _follows(row, self.length, self.hash)
        self.length += 1
        self.hash = row.hash
        if row.hash == expected_head and self.vouched is None:
            self.vouched = self.length
        named, dropped = blobs_in(row.body)
        for name in named:
            self.missing.setdefault(name, row.index)
        for name in dropped:
            self.missing.pop(name, None)


def _follows(row: Row, position: int, previous: str) -> bool:
    """Whether a row is the one at this position behind the hash before it."""
    return row.index == position and link(previous, row.body) == row.hash and _index_in(row.body) == position


def first_broken(rows: Sequence[Row]) -> str | None:
    """A sentence on the first row that does not follow the one before; None if the chain is whole."""
    previous = GENESIS
    for position, row in enumerate(rows):
        if row.index > position:
            return _gap(position, row.index)
        if row.index < position:
            return f"event {row.index} was inserted: a log begins with event 0"
        if not _follows(row, position, previous):
            return _diagnosis(rows, position, previous)
        previous = row.hash
    return None


def _blob_problems(log: StudyLog, referred: Mapping[str, int]) -> list[str]:
    """A sentence for every blob whose content is not what its name says, and for every one that events miss.

    One that a later event drops may be gone.
    """
    problems = []
    names = set()
    for name in log.blobs():
        names.add(name)
        try:
            log.get(name)
        except LogError as exc:
            problems.append(str(exc))
    missing = [(name, index) for name, index in referred.items() if name not in names]
    return problems + [f"blob {name[:12]} is missing, which event {index} refers to" for name, index in missing]


def blobs_in(text: str) -> tuple[list[str], list[str]]:
    """The blobs that the text of an event refers to, and those that it says nobody needs any more."""
    if '"blob":"' not in text and '"drops":[' not in text:  # canonical JSON has no spaces: there is nothing to parse
        return [], []
    body = _parsed(text)
    return list(blob_references(body)), _dropped_blobs(body)


def blob_references(data: Any) -> Iterator[str]:
    """The blobs that an event's data refers to: the values of all ``{"blob": sha256}`` in it, at any depth."""
    if isinstance(data, Mapping):
        name = data.get("blob")
        if isinstance(name, str) and _is_sha256(name):
            yield name
        for value in data.values():
            yield from blob_references(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from blob_references(value)


def _dropped_blobs(body: Any) -> list[str]:
    """The blobs that nobody needs any more from an event on, and that may be gone then."""
    data = body.get("data") if isinstance(body, Mapping) else None
    names = data.get("drops") if isinstance(data, Mapping) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _cannot_exclude(length: int, vouched: int | None) -> str | None:
    if vouched is None:
        return (
            "without a matching head that was kept elsewhere, it cannot be excluded that the end of the log was cut off"
            " or that the whole log was rewritten"
        )
    if vouched < length:
        return (
            f"the log goes on for {length - vouched} events after that head, and it cannot be excluded that there were"
            " more or other ones"
        )
    return None


def _gap(position: int, index: int) -> str:
    if index - position == 1:
        return f"event {position} was removed: the log has no such event but has event {index}"
    return f"events {position} to {index - 1} were removed: the log has none of them but has event {index}"


def _diagnosis(rows: Sequence[Row], at: int, previous: str) -> str:
    """What happened at the first position whose row does not follow the hash before it, as far as can be told.

    The hash of an event covers its index and the hash before it. So an event that was only moved still gives its hash
    at its old place, and where events were taken out, those behind still follow each other under their old indices.
    """
    row = rows[at]
    true = _find(rows, at, at, previous)
    if true is not None and rows[true] is row:
        return f"event {at} was edited: its number was changed inside its text"
    if true is not None:
        following = _find(rows, at, at + 1, rows[true].hash)
        if following is not None and following < true:
            return f"events {at} to {true} were reordered: the true event {at} now stands at place {true}"
        return _inserted(at, true - 1)
    if at > 0 and _fits(row, at - 1, rows[at - 2].hash if at > 1 else GENESIS):
        return _inserted(at - 1, at - 1)
    removed = _removed(rows, at)
    if removed:
        return (
            f"event {at} was removed, and those behind it were renumbered"
            if removed == 1
            else f"events {at} to {at + removed - 1} were removed, and those behind them were renumbered"
        )
    following_row = rows[at + 1] if at + 1 < len(rows) else None
    if following_row is not None and _fits(following_row, at + 1, link(previous, row.body)):
        return f"event {at} was edited: its stored hash was changed, its content was not"
    if following_row is None or _fits(following_row, at + 1, row.hash):
        before = f" (or event {at - 1} was replaced, its hash with it)" if at else ""
        return f"event {at} was edited: its content does not give its hash{before}"
    return f"event {at} was edited or replaced, and what comes behind it too"


def _inserted(first: int, last: int) -> str:
    if first == last:
        return f"event {first} was inserted: the event behind it follows the one before it"
    return f"events {first} to {last} were inserted: the event behind them follows the one before them"


def _find(rows: Sequence[Row], start: int, index: int, previous: str) -> int | None:
    """Where, from ``start`` on, the event stands that was number ``index`` behind the hash ``previous``."""
    return next((at for at in range(start, len(rows)) if _fits(rows[at], index, previous)), None)


def _removed(rows: Sequence[Row], at: int) -> int:
    """How many events were taken out before position ``at``, if those behind were renumbered; 0 if that is not so."""
    own = _index_in(rows[at].body)
    if own is not None and own > at:
        return own - at
    if at + 1 == len(rows):
        return 0
    behind = rows[at + 1]
    return next((k for k in range(1, _FARTHEST + 1) if _fits(behind, at + 1 + k, rows[at].hash)), 0)


def _fits(row: Row, index: int, previous: str) -> bool:
    """Whether a row's text, as number ``index`` behind the hash ``previous``, gives the row's hash."""
    body = _parsed(row.body)
    return isinstance(body, dict) and link(previous, canonical_json({**body, "index": index})) == row.hash


def _index_in(body: str) -> int | None:
    """The index that an event's text states."""
    parsed = _parsed(body)
    index = parsed.get("index") if isinstance(parsed, dict) else None
    return index if isinstance(index, int) else None


def _parsed(body: str) -> Any:
    try:
        return parsed(body)
    except (ValueError, RecursionError):
        return None


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
