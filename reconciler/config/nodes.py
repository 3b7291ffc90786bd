"""YAML events to a tree of nodes with places, without recursion: depth, aliases and size are bounded while reading.

libyaml's own composer recurses on the C stack, and 100,000 open brackets end the process; its event stream doesn't.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_DOCUMENTS = 5_000
MAX_PROBLEMS = 500


Kind = Literal["scalar", "mapping", "sequence"]


class Mark(NamedTuple):
    """A place in a text: characters before it, line and column, all from 0."""

    offset: int
    line: int
    column: int


START = Mark(0, 0, 0)


class Problem(NamedTuple):
    """What is wrong where: a code of the catalogue, and the detail."""

    code: str
    mark: Mark
    length: int
    detail: str


class Node:
    """A value with its place. A mapping's `items` alternate key and value, a sequence's are its values.

    `end`: the index in the text just after it. `weight`: values below and including this one, aliases expanded;
    `height`: levels of collections, 0 for a scalar.
    """

    __slots__ = ("end", "height", "items", "kind", "start", "style", "text", "weight")

    def __init__(self, kind: Kind, start: Mark, end: int, text: str = "", style: str = "") -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.text = text
        self.style = style
        self.items: list[Node] = []
        self.weight = 1
        self.height = 0 if kind == "scalar" else 1


class TreeDocument(NamedTuple):
    """One document of a stream: where it starts, the index where it ends, its root (None: empty)."""

    start: Mark
    stop: int
    root: Node | None


class _Stop(Exception):
    """Nothing more of this file is read."""


@dataclass
class Composer:
    """Reads documents of one text. `problems` fills up while `documents` is consumed; a fatal one ends the stream.

    `origin`: the mark at which the text begins in its file, at the start of a line.
    """

    text: str
    origin: Mark = START
    problems: list[Problem] = field(default_factory=list)
    _stack: list[Node] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, Mark]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _values: int = 0

    def documents(self) -> Iterator[TreeDocument]:
        """Every document in order, up to the first problem that leaves the rest unreadable."""
        parser: Any = yaml.CSafeLoader(self.text)
        event: Any
        count = 0
        try:
            while type(event := parser.get_event()) is not StreamEndEvent and len(self.problems) < MAX_PROBLEMS:
                if type(event) is DocumentStartEvent:
                    count += 1
                    if count > MAX_DOCUMENTS:
                        mark = self._mark(event.start_mark)
                        self._fatal("Y111", mark, f"From here on the file has more than {MAX_DOCUMENTS:,} documents.")
                    self._directives(event)
                    root, stop = self._document(parser)
                    yield TreeDocument(self._mark(event.start_mark), stop, root)
        except yaml.YAMLError as error:
            self.problems.append(_syntax(error, self.origin))
        except _Stop:
            pass

    def _document(self, parser: Any) -> tuple[Node | None, int]:
        self._anchors.clear()
        self._stack.clear()
        self._values = 0
        root: Node | None = None
        while type(event := parser.get_event()) is not DocumentEndEvent:
            node = self._node(event)
            if node is not None and root is None:
                root = node
        last: Any = event
        empty = root is not None and root.kind == "scalar" and root.text == "" and root.style == ""
        return None if empty else root, self.origin.offset + last.end_mark.index

    def _node(self, event: Any) -> Node | None:
        """Takes one event; returns the node that it began or placed, if any."""
        kind = type(event)
        if kind is ScalarEvent:
            node = Node("scalar", self._mark(event.start_mark), self._end(event), event.value, event.style or "")
            self._common(event, node)
            self._place(node)
            return node
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            form: Kind = "mapping" if kind is MappingStartEvent else "sequence"
            node = Node(form, self._mark(event.start_mark), self._end(event))
            self._common(event, node)
            self._place(node)
            self._stack.append(node)
            self._open.add(id(node))
            if len(self._stack) > MAX_DEPTH:
                self._too_deep(node.start)
            return node
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            self._close(self._end(event))
            return None
        if kind is AliasEvent:
            return self._alias(event)
        return None

    def _place(self, node: Node) -> None:
        self._values += node.weight
        if self._values > MAX_VALUES:
            self._fatal("Y111", node.start, f"Up to here the document stands for more than {MAX_VALUES:,} values.")
        if self._stack:
            self._stack[-1].items.append(node)

    def _close(self, end: int) -> None:
        node = self._stack.pop()
        self._open.discard(id(node))
        node.end = end
        for child in node.items:
            node.weight += child.weight
            if child.height >= node.height:
                node.height = child.height + 1
        if len(self._stack) + node.height > MAX_DEPTH:
            self._too_deep(node.start)

    def _common(self, event: Any, node: Node) -> None:
        if event.tag is not None:
            self.problem("Y108", node.start, f"The tag {event.tag[:80]} isn't read. Remove it.")
        if event.anchor is not None:
            if event.anchor in self._anchors:
                first = self._anchors[event.anchor][1].line + 1
                self.problem("Y110", node.start, f"The anchor &{event.anchor[:80]} is already set in line {first}.")
            self._anchors[event.anchor] = (node, node.start)

    def _alias(self, event: Any) -> Node:
        start, end = self._mark(event.start_mark), self._end(event)
        found = self._anchors.get(event.anchor)
        if found is None or id(found[0]) in self._open:
            why = "has no anchor before it in this document" if found is None else "stands inside of the value it names"
            self.problem("Y110", start, f"The alias *{event.anchor[:80]} {why}.")
            node = Node("scalar", start, end, "", '"')
        else:
            node = found[0]
        self._place(node)
        return node

    def _directives(self, event: Any) -> None:
        if event.tags or event.version not in (None, (1, 2)):
            self.problem(
                "Y115", self._mark(event.start_mark), "Remove the lines that begin with % before this document."
            )

    def problem(self, code: str, mark: Mark, detail: str, length: int = 0) -> None:
        """Notes a problem; beyond the first 500 the file is read no further."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, mark, length, detail))

    def _mark(self, mark: Any) -> Mark:
        origin = self.origin
        return Mark(origin.offset + mark.index, origin.line + mark.line, mark.column)

    def _end(self, event: Any) -> int:
        index: int = event.end_mark.index
        return self.origin.offset + index

    def _too_deep(self, mark: Mark) -> None:
        self._fatal("Y109", mark, f"This is more than {MAX_DEPTH} levels deep. The rest of the file wasn't read.")

    def _fatal(self, code: str, mark: Mark, detail: str) -> None:
        self.problem(code, mark, detail)
        raise _Stop


def _syntax(error: yaml.YAMLError, origin: Mark) -> Problem:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "the text can't be read"
    context = getattr(error, "context", None)
    started = getattr(error, "context_mark", None)
    where = f" ({context} that began in line {started.line + 1})" if context and started else ""
    detail = f"{problem[:1].upper()}{problem[1:]}{where}. Nothing after this place in the file was checked."
    place = Mark(origin.offset + mark.index, origin.line + mark.line, mark.column) if mark else origin
    return Problem("Y105", place, 0, detail)
