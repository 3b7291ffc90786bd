"""Plain documents straight to data, several times as fast as by way of the tree of nodes in `nodes.py`.

It knows no finding: whatever isn't plain and sound (anchors, aliases, tags, directives, a key twice or that isn't
text, escapes and joiners that may hide something, anything that libyaml refuses) is left to the tree, which reads the
file from its beginning and says what is wrong. What is read here means what the tree says it means; a test compares.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.config.nodes import MAX_DEPTH, MAX_DOCUMENTS, Mark
from reconciler.config.scalars import resolve
from reconciler.config.text import CONTROL, INVISIBLE

MOST_VALUES: Final = 10_000
"""A larger document is left to the tree, so that little is read twice of one that is refused for its size."""
_NO_KEY: Final = object()


class QuickDocument(NamedTuple):
    """A document's number and place in its file, and what it says: see `parse.Document`."""

    number: int
    data: dict[str, Any]
    start: Mark
    stop: int


class _NotPlain(Exception):
    """The tree has to read this file."""


def quick_documents(text: str) -> list[QuickDocument] | None:
    """Every document that isn't empty; None if anything in the text isn't plain and sound."""
    parser: Any = yaml.CSafeLoader(text)
    hiding = "\\" in text or not text.isascii()  # escapes and joiners: scalars may hold what can't be seen
    found: list[QuickDocument] = []
    try:
        parser.get_event()
        index = 0
        event: Any
        while type(event := parser.get_event()) is not StreamEndEvent:
            if type(event) is not DocumentStartEvent or event.version or event.tags or index == MAX_DOCUMENTS:
                return None
            mark: Any = event.start_mark
            data, stop = _document(parser.get_event, hiding)
            if data is not None:
                found.append(QuickDocument(index, data, Mark(mark.index, mark.line, mark.column), stop))
            index += 1
    except (yaml.YAMLError, _NotPlain, ValueError):
        return None
    return found


def _document(next_event: Any, hiding: bool) -> tuple[dict[str, Any] | None, int]:
    """The next document's mapping (None: empty) and the index at which it ends. Raises _NotPlain, ValueError."""
    event = next_event()
    if type(event) is not MappingStartEvent or event.anchor or event.tag:
        if type(event) is not ScalarEvent or event.value or event.style or event.anchor or event.tag:
            raise _NotPlain
        return None, next_event().end_mark.index
    root: dict[str, Any] = {}
    current: Any = root
    above: list[tuple[Any, Any]] = []  # the collections around the current one, each with its key that is waiting
    key: Any = _NO_KEY
    left = MOST_VALUES
    while (kind := type(event := next_event())) is not DocumentEndEvent:
        if kind is ScalarEvent:
            if event.tag is not None or event.anchor is not None:
                raise _NotPlain
            value: Any = event.value
            if hiding and (CONTROL.search(value) or INVISIBLE.search(value)):
                raise _NotPlain
            if not event.style:
                value = resolve(value)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            if above:
                current, key = above.pop()
            continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.tag is not None or event.anchor is not None or len(above) + 2 > MAX_DEPTH:
                raise _NotPlain
            value = {} if kind is MappingStartEvent else []
        else:
            raise _NotPlain
        left -= 1
        if left <= 0:
            raise _NotPlain
        if type(current) is list:
            current.append(value)
        elif key is not _NO_KEY:
            current[key], key = value, _NO_KEY
        elif type(value) is str and value not in current and (value != "<<" or event.style):
            key = value
            continue
        else:
            raise _NotPlain
        if kind is not ScalarEvent:
            above.append((current, key))
            current, key = value, _NO_KEY
    return root, event.end_mark.index
