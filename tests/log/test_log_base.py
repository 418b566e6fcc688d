from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.log.base import GENESIS, Head, Row, chain, event_body, event_from_row, event_hash, written
from holdfast.records import Entry, canonical_json

text = st.text(st.characters(exclude_categories=["Cs"]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(text, children, max_size=4),
    max_leaves=12,
)


def test_the_hash_is_what_the_format_says() -> None:
    body = '{"data":{"a":"ä","b":1},"index":0,"kind":"told","time":5.0}'
    assert event_body(0, Entry("told", {"b": 1, "a": "ä"}, 5)) == body
    assert event_hash(GENESIS, 0, Entry("told", {"b": 1, "a": "ä"}, 5.0)) == (
        hashlib.sha256(f"{'0' * 64}\n{body}".encode()).hexdigest()
    )


@settings(max_examples=50, deadline=None)
@given(text, st.dictionaries(text, json_values, max_size=5), st.floats(0, 1e10))
def test_an_event_survives_its_row(kind: str, data: dict[str, Any], time: float) -> None:
    (row,) = chain([Entry(kind, data, time)], Head(7, "c" * 64))
    event = event_from_row(row)
    assert (event.index, event.kind, event.data, event.time) == (7, kind, data, time)
    assert event.hash == event_hash("c" * 64, 7, Entry(event.kind, event.data, event.time))


@settings(max_examples=50, deadline=None)
@given(text, st.dictionaries(text, json_values, max_size=5), st.floats(0, 1e10))
def test_an_event_is_one_canonical_text_however_often_it_was_encoded(
    kind: str, data: dict[str, Any], time: float
) -> None:
    entry = Entry(kind, data, time)
    body = canonical_json({"data": data, "index": 7, "kind": kind, "time": time})
    assert event_body(7, entry) == event_body(7, written(entry)) == body


def test_what_is_written_is_what_will_be_read() -> None:
    entry = written(Entry("a", {"pair": (1, 2), "b": 1, "a": 2.0}, 1.0))
    (row,) = chain([entry], Head())
    assert entry.data == event_from_row(row).data == {"a": 2.0, "b": 1, "pair": [1, 2]}
    assert list(entry.data) == ["a", "b", "pair"]


def test_a_chain_starts_behind_the_head() -> None:
    rows = chain([Entry("a", {}, 0.0), Entry("b", {}, 0.0)], Head(3, "d" * 64))
    assert [row.index for row in rows] == [3, 4]
    assert rows[1] == Row(4, rows[1].body, event_hash(rows[0].hash, 4, Entry("b", {}, 0.0)))
