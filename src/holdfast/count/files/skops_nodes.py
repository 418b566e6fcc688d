"""The schema of a skops file as a tree of small nodes: objects with their attributes, lists, plain values, arrays.

skops writes a model as ``schema.json``, in which each node names its class and what loads it, beside the arrays in
numpy's format. Nothing is loaded or built here: classes are names, and only shapes of arrays are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.count.files.bounded import damaged, too_large
from holdfast.count.files.json_values import JsonValues

MOST_NODES = 100_000
"""Nodes of one schema."""

MOST_CHARACTERS = 8_000_000
"""Characters of different names and texts that are kept of one schema."""

_NAMES = frozenset({"__class__", "__module__", "__loader__", "__id__", "file", "type"})

LONGEST = 200
"""The most characters of a plain value that are kept."""


@dataclass(slots=True)
class Node:
    """A value of the model.

    Args:
        loader: what skops would load it with.
        kind: the name of its class.
        module: the module of its class.
        value: a plain value of a JsonNode.
        attributes: of an object or dictionary.
        items: of a list, a tuple, a set or an array of objects.
        file: the member of the archive that holds an array.
        identity: the same for an object that is mentioned twice.
    """

    loader: str
    kind: str = ""
    module: str = ""
    value: Any = None
    attributes: Mapping[str, Node] = field(default_factory=dict)
    items: tuple[Node, ...] = ()
    file: str = ""
    identity: int = 0

    @property
    def plain(self) -> bool:
        """Whether it is a plain value."""
        return self.loader == "JsonNode"


class Reader:
    """Reads the nodes of a schema.

    Args:
        values: a cursor before the schema.
    """

    def __init__(self, values: JsonValues) -> None:
        self.values = values
        self.where = values.source.name
        self.nodes = 0
        self.characters = 0
        self.words: dict[str, str] = {}
        self.known: dict[str, Node] = {}

    def node(self) -> Node:
        """The node that comes next.

        Raises:
            RequestError: if it is none, or the schema has too many.
        """
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise too_large(self.where, f"its schema has more than {MOST_NODES:,} values")
        leaf = self.values.leaf()
        if leaf is not None:
            return self._leaf(leaf)
        node, found = Node(""), dict[str, Any]()
        for key in self.values.members():
            self._member(node, found, key)
        self._named(node, found)
        return node

    def _leaf(self, found: Mapping[str, Any]) -> Node:
        """A node without others: a plain value, an array, or what is only named; equal plain values are one node."""
        if found.get("__loader__") != "JsonNode":
            node = Node("")
            self._named(node, found)
            return node
        text = found.get("content")
        if not isinstance(text, str):
            raise damaged(self.where, "a plain value of its schema is no text")
        if text in self.known:
            return self.known[text]
        node = Node("JsonNode", value=_plain(text))
        if len(text) <= LONGEST:
            self.known[self._word(text)] = node
        return node

    def _member(self, node: Node, found: dict[str, Any], key: str) -> None:
        """One member of a node."""
        if key == "content":
            first = self.values.peek()
            if first == b"[":
                node.items = tuple(self._item() for _ in self.values.items())
            elif first == b"{":
                self._inside(node)
            else:
                node.value = self.values.value()
        elif key in _NAMES:
            found[key] = self.values.value()
        else:
            self.values.skip()

    def _inside(self, node: Node) -> None:
        """The content of a node: another node, whose content it has then, or attributes by name."""
        leaf = self.values.leaf()
        if leaf is not None:
            node.items = (self._leaf(leaf),) if "__loader__" in leaf else ()
            return
        inner, found, attributes = Node(""), dict[str, Any](), dict[str, Node]()
        named: bool | None = None
        for key in self.values.members():
            if named is None:
                named = key == "__class__"  # comes first in a node
            if named:
                self._member(inner, found, key)
            elif self.values.peek() == b"{":
                attributes[self._word(key)] = self.node()
            else:
                self.values.skip()
        node.attributes, node.items = (inner.attributes, inner.items) if named else (attributes, ())

    def _item(self) -> Node:
        """An item of a list; what is no node stands there without a name."""
        if self.values.peek() == b"{":
            return self.node()
        if self.values.peek() == b"[":  # the rows of an array of objects
            return Node("ListNode", items=tuple(self._item() for _ in self.values.items()))
        self.values.skip()
        return Node("")

    def _named(self, node: Node, found: Mapping[str, Any]) -> None:
        """The names that a node carries."""
        loader, identity = found.get("__loader__"), found.get("__id__", 0)
        if not isinstance(loader, str):
            raise damaged(self.where, "a value of its schema has no __loader__")
        node.loader = self._word(loader)
        node.kind, node.module = (self._word(str(found.get(key, ""))) for key in ("__class__", "__module__"))
        node.file = self._word(str(found.get("file", "")))
        node.identity = identity if isinstance(identity, int) else 0

    def _word(self, text: str) -> str:
        """A text that is kept: the same one each time, and not too many."""
        if text not in self.words:
            self.characters += len(text)
            if self.characters > MOST_CHARACTERS:
                raise too_large(self.where, f"its schema has more than {MOST_CHARACTERS:,} characters of names")
            self.words[text] = text
        return self.words[text]


def _plain(text: str) -> Any:
    """A plain value, which skops writes as JSON in a text."""
    try:
        value = json.loads(text) if len(text) <= LONGEST else text[:LONGEST]
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool | None) else text
